//! `tombolo map schema`: a JSON Schema of mapping files, for editors.

use super::At;
use crate::translate::compile::json_schema;

pub(super) fn run(at: &At) -> usize {
    at.tell.say(serde_json::to_string_pretty(&json_schema()).unwrap_or_default());
    0
}
