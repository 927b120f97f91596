//! Put: a FHIR Bundle → the bytes of a legacy record, over an original or new.

use serde_json::Value;

use super::plan::Program;
use crate::fhir::Issue;
use crate::legacy::Record;

/// A legacy record made from FHIR.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The bytes, in the charset of the original or of the mapping.
    pub bytes: Vec<u8>,
    /// The loss report and everything else that was noticed.
    pub issues: Vec<Issue>,
    /// `require`d slots that nothing fills: slot name, FHIR paths that would fill it.
    pub missing: Vec<(String, Vec<String>)>,
}

/// Edits the original so that it says what the Bundle says. An untouched Bundle gives the original
/// byte for byte; an edit changes only its own slot.
pub fn put(program: &Program, bundle: &Value, original: &Record) -> Output {
    let _ = (program, bundle, original);
    todo!("translate")
}

/// Makes new records from a Bundle: one per root resource.
pub fn create(program: &Program, bundle: &Value) -> Vec<Output> {
    let _ = (program, bundle);
    todo!("translate")
}
