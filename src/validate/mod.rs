//! Resource → issues: structure today, profiles later.
//!
//! Every issue carries the FHIRPath of its element, e.g. `Patient.name[0].given[1]`; a choice is
//! named without its type (`Observation.value`), as FHIRPath does.

mod codes;
mod path;
mod primitive;
mod reference;
mod structure;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::fhir::Issue;
use crate::fhir::definitions::Definitions;

/// No more issues than this are listed; what would come after them is not looked at.
pub const MOST_ISSUES: usize = 100;

/// Resources may nest elements this deep; what lies deeper is an issue, and not looked at.
pub const DEEPEST: usize = 100;

/// What is wrong with a resource's structure: unknown elements, wrong JSON types, cardinality,
/// choices, primitive syntax, references, and required bindings that the R4 table can enumerate.
/// Resources inside it (contained, bundled) are looked at too.
///
/// No issues means that the structure is sound; every issue is an error.
pub fn structure(resource: &Value) -> Vec<Issue> {
    structure::check(Definitions::r4(), resource)
}
