//! Required bindings whose value sets the table enumerates
//! (<https://hl7.org/fhir/R4/terminologies.html#required>).

use serde_json::Value;

use super::primitive::shown;
use crate::error::nearest;
use crate::fhir::definitions::Code;

/// Issue type of a code that is not in its value set.
pub(super) const CODE_INVALID: &str = "code-invalid";

/// A value set lists no more codes than this in an issue.
const LISTED: usize = 12;

/// Checks a `code`, whose system is given by the value set.
pub(super) fn code(code: &str, set: &str, codes: &[Code]) -> Result<(), String> {
    if codes.iter().any(|known| known.code == code) {
        return Ok(());
    }
    Err(format!("`{}` is not a code of {set}; {}", shown(code), hint(code, codes)))
}

/// Checks a CodeableConcept: one of its codings is in the value set. One that has only extensions
/// says by them why it has no code.
pub(super) fn concept(concept: &Value, set: &str, codes: &[Code]) -> Result<(), String> {
    let codings = concept.get("coding").and_then(Value::as_array);
    let Some(codings) = codings.filter(|codings| !codings.is_empty()) else {
        return match concept.get("extension") {
            Some(_) => Ok(()),
            None => Err(format!("a code of {set} is required, a text alone is not enough")),
        };
    };
    let part = |coding: &Value, key: &str| coding.get(key)?.as_str().map(str::to_owned);
    let mut unsure = None;
    for coding in codings {
        let Some(code) = part(coding, "code") else { continue };
        let system = part(coding, "system");
        let known = codes
            .iter()
            .find(|known| known.code == code && system.as_ref().is_none_or(|s| *s == known.system));
        match (known, &system) {
            (Some(_), Some(_)) => return Ok(()),
            (Some(known), None) => {
                unsure = Some(format!("the code `{code}` needs the system {}", known.system));
            }
            (None, _) => {}
        }
    }
    if let Some(complaint) = unsure {
        return Err(complaint);
    }
    let written = codings.iter().find_map(|coding| part(coding, "code")).unwrap_or_default();
    let system = codes.first().map_or("", |code| &code.system);
    Err(format!("no coding is a code of {set} ({system}); {}", hint(&written, codes)))
}

/// What would be right.
fn hint(code: &str, codes: &[Code]) -> String {
    if codes.len() <= LISTED {
        let codes: Vec<&str> = codes.iter().map(|code| &code.code[..]).collect();
        return format!("allowed: {}", codes.join(", "));
    }
    match nearest(code, codes.iter().map(|code| &code.code[..])) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {} codes", codes.len()),
    }
}
