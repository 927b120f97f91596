//! M004: an element that FHIR requires is written on every branch.

use super::{Finding, Seen};
use crate::fhir::definitions::{Definitions, Element};
use crate::translate::plan::{Choice, Field};

pub(super) fn review(seen: &Seen, choices: &[Choice], found: &mut Vec<Finding>) {
    let definitions = Definitions::r4();
    let Some(def) = definitions.type_def(seen.ty) else { return };
    for element in def.elements.iter().filter(|e| e.min > 0) {
        let fields: Vec<&Field> = seen
            .object
            .fields
            .iter()
            .filter(|f| {
                definitions
                    .json_child(seen.ty, &f.name)
                    .is_some_and(|(e, _)| e.name == element.name)
            })
            .collect();
        let path = format!("{}.{}", seen.path, name(element));
        let mut finding = |pos, what: String| {
            let hint = format!("write it: FHIR requires at least {}", element.min);
            found.push(Finding { code: "M004", wrong: true, pos, what, hint });
        };
        if fields.is_empty() {
            finding(seen.pos, format!("{path} is never written"));
        } else if fields.iter().all(|f| f.branch.is_some()) {
            let Some(choice) = fields[0].branch.map(|b| b.choice) else { continue };
            let without = (0..choices[choice].branches.len()).find(|n| {
                !fields
                    .iter()
                    .any(|f| f.branch.is_some_and(|b| b.choice == choice && b.branch == *n))
            });
            if let Some(branch) = without {
                let pos = choices[choice].branches[branch].pos;
                finding(pos, format!("{path} is not written in this branch"));
            }
        }
    }
}

fn name(element: &Element) -> String {
    if element.choice { format!("{}[x]", element.name) } else { element.name.clone() }
}
