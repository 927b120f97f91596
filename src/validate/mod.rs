//! Resource → issues: structure today, profiles later.

use serde_json::Value;

use crate::fhir::Issue;

/// What is wrong with a resource's structure: unknown elements, wrong JSON types, cardinality,
/// primitive syntax, required bindings that the table can enumerate.
pub fn structure(resource: &Value) -> Vec<Issue> {
    let _ = resource;
    todo!("helper fhir")
}
