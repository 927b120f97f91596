//! M022: items are found again by position although they have a natural key.

use super::{Finding, Seen};
use crate::fhir::definitions::Definitions;
use crate::translate::plan::{By, Drive, Value};

/// Datatypes that name something.
const KEYED: &[(&str, &str)] = &[("Identifier", "value"), ("Coding", "code")];

pub(super) fn review(seen: &Seen, found: &mut Vec<Finding>) {
    for field in &seen.object.fields {
        let Value::List(items) = &field.value else { continue };
        let Some((_, ty)) = Definitions::r4().json_child(seen.ty, &field.name) else { continue };
        let Some((_, key)) = KEYED.iter().find(|(keyed, _)| *keyed == ty) else { continue };
        for item in items {
            let Drive::Each(each) = &item.drive else { continue };
            if each.said_by || each.steps.is_empty() || !matches!(each.by, By::Position) {
                continue;
            }
            let what = format!(
                "items of {}.{} are found again by position, though {ty}.{key} names them",
                seen.path, field.name
            );
            let hint = format!("write `by:` and the slot of its {key}, or `by: position`");
            found.push(Finding { code: "M022", wrong: false, pos: item.pos, what, hint });
        }
    }
}
