//! Get: a legacy record → a FHIR transaction Bundle.

use std::sync::Arc;

use serde_json::Value;

use super::plan::Program;
use crate::fhir::{Issue, Merge};
use crate::legacy::Record;

/// What a record became.
#[derive(Debug, Clone, Default)]
pub struct Translated {
    /// A transaction Bundle as compact JSON; each entry is a `PUT Type/id`, with `ifNoneMatch: *`
    /// where the mapping says `mode: create`.
    pub bundle: String,
    /// What was left out, changed or not understood.
    pub issues: Vec<Issue>,
}

/// A resource of a translated record, ready for the store.
pub struct Made {
    /// Resource type.
    pub kind: String,
    /// Id.
    pub id: String,
    /// The resource.
    pub resource: Value,
    /// Written only if it is missing.
    pub create_only: bool,
    /// Lays it over the stored one: replaces the paths this mapping owns, leaves the others.
    pub merge: Arc<dyn Merge>,
}

/// Translates a record into a transaction Bundle. Never fails: what cannot be read is an issue.
pub fn get(program: &Program, record: &Record) -> Translated {
    let _ = (program, record);
    todo!("translate")
}

/// Translates a record into resources for the store.
pub fn resources(program: &Arc<Program>, record: &Record) -> (Vec<Made>, Vec<Issue>) {
    let _ = (program, record);
    todo!("translate")
}
