//! M021: constants against the vital signs profiles, which R4 requires of every Observation with
//! these codes (<https://hl7.org/fhir/R4/observation-vitalsigns.html>).

use super::{Finding, Seen, constant};
use crate::translate::plan::{Codec, Leaf, Object, Value};

/// LOINC code, and the UCUM units it may have; none: a panel.
const SIGNS: &[(&str, &[&str])] = &[
    ("85353-1", &[]),
    ("85354-9", &[]),
    ("9279-1", &["/min"]),
    ("8867-4", &["/min"]),
    ("2708-6", &["%"]),
    ("8310-5", &["Cel", "[degF]"]),
    ("8302-2", &["cm", "[in_i]"]),
    ("9843-4", &["cm", "[in_i]"]),
    ("29463-7", &["g", "kg", "[lb_av]"]),
    ("39156-5", &["kg/m2"]),
    ("8480-6", &["mm[Hg]"]),
    ("8462-4", &["mm[Hg]"]),
];

pub(super) fn review(seen: &Seen, found: &mut Vec<Finding>) {
    if !matches!(seen.ty, "Observation" | "Observation.component") {
        return;
    }
    let Some((code, units)) = SIGNS.iter().find(|(code, _)| has_code(seen.object, code)) else {
        return;
    };
    let profile = "http://hl7.org/fhir/R4/observation-vitalsigns.html";
    if let Some((unit, pos)) = unit(seen.object)
        && !units.contains(&unit)
    {
        let what = format!("the unit of {code} is '{unit}'");
        let hint = match units {
            [] => format!("it has components, no value of its own: see {profile}"),
            units => format!("its profile takes {}: see {profile}", units.join(", ")),
        };
        found.push(Finding { code: "M021", wrong: true, pos, what, hint });
    }
    if seen.ty == "Observation"
        && constant(seen.object, &["category", "coding", "code"]) != Some("vital-signs")
    {
        let what = format!("{code} is a vital sign, its category is not");
        let hint = format!("write category[0].coding[0].code: = vital-signs: see {profile}");
        found.push(Finding { code: "M021", wrong: true, pos: seen.pos, what, hint });
    }
}

/// Whether one of its codings is this LOINC code.
fn has_code(object: &Object, code: &str) -> bool {
    let codings =
        object.fields.iter().filter(|f| f.name == "code").filter_map(|f| match &f.value {
            Value::Object(concept) => concept.fields.iter().find(|f| f.name == "coding"),
            _ => None,
        });
    codings
        .filter_map(|f| match &f.value {
            Value::List(items) => Some(items),
            _ => None,
        })
        .flatten()
        .any(|item| match &item.value {
            Value::Object(coding) => {
                constant(coding, &["system"]) == Some("http://loinc.org")
                    && constant(coding, &["code"]) == Some(code)
            }
            _ => false,
        })
}

/// The UCUM unit that `valueQuantity` always has.
fn unit(object: &Object) -> Option<(&str, crate::translate::plan::Pos)> {
    fn of(leaf: &Leaf) -> Option<&str> {
        match leaf.codecs.last() {
            Some(Codec::Quantity(quantity)) => quantity.unit.as_deref(),
            _ => None,
        }
    }
    object.fields.iter().filter(|f| f.name == "valueQuantity").find_map(|field| {
        match &field.value {
            Value::Leaf(leaf) => Some((of(leaf)?, field.pos)),
            Value::Object(inner) => inner.fields.iter().find_map(|f| match &f.value {
                Value::Leaf(leaf) => Some((of(leaf)?, field.pos)),
                _ => None,
            }),
            _ => None,
        }
    })
}
