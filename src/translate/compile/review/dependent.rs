//! M035: elements that FHIR's invariants do not allow beside each other.

use super::{Finding, Seen};
use crate::translate::plan::{Branch, Field, Value};

/// Type, path of a code, its value, the element that must not stand beside it, the invariant.
const APART: &[(&str, &[&str], &str, &str, &str)] = &[
    (
        "Condition",
        &["verificationStatus", "coding", "code"],
        "entered-in-error",
        "clinicalStatus",
        "con-5",
    ),
    (
        "AllergyIntolerance",
        &["verificationStatus", "coding", "code"],
        "entered-in-error",
        "clinicalStatus",
        "ait-2",
    ),
];

/// Elements of which only one may be there.
const EITHER: &[(&str, &str, &str, &str)] = &[
    ("Observation", "dataAbsentReason", "value", "obs-6"),
    ("Observation.component", "dataAbsentReason", "value", "obs-6"),
];

pub(super) fn review(seen: &Seen, found: &mut Vec<Finding>) {
    for (ty, path, value, other, rule) in APART.iter().filter(|(ty, ..)| *ty == seen.ty) {
        let fields = seen.object.fields.iter().filter(|f| f.name == path[0]);
        let marked = fields.filter_map(|f| says(f, &path[1..], value));
        for branch in marked {
            if let Some(beside) = beside(seen, branch, |name| name == *other) {
                let what = format!("{}.{other} stands beside {} = {value}", seen.path, path[0]);
                found.push(finding(beside, what, ty, rule));
            }
        }
    }
    for (ty, one, other, rule) in EITHER.iter().filter(|(ty, ..)| *ty == seen.ty) {
        for field in seen.object.fields.iter().filter(|f| f.name == *one) {
            if let Some(beside) = beside(seen, field.branch, |name| name.starts_with(other)) {
                let what = format!("{}.{} stands beside {one}", seen.path, beside.name);
                found.push(finding(beside, what, ty, rule));
            }
        }
    }
}

fn finding(beside: &Field, what: String, ty: &str, rule: &str) -> Finding {
    let hint = format!("{ty} {rule} forbids it: put them into different branches");
    Finding { code: "M035", wrong: true, pos: beside.pos, what, hint }
}

/// A field of such a name that may be written together with this branch.
fn beside<'p>(
    seen: &Seen<'p>,
    branch: Option<Branch>,
    is: impl Fn(&str) -> bool,
) -> Option<&'p Field> {
    let together = |other: Option<Branch>| match (branch, other) {
        (Some(a), Some(b)) => a.choice != b.choice || a.branch == b.branch,
        _ => true,
    };
    seen.object.fields.iter().find(|f| is(&f.name) && f.when.is_none() && together(f.branch))
}

/// The branch in which a field holds this constant at a path, if it does: its own, or that of an item
/// in it. The first is whether, the second which.
#[allow(clippy::option_option, reason = "outer: it does; inner: in a branch")]
fn says(field: &Field, path: &[&str], value: &str) -> Option<Option<Branch>> {
    let inner = said_in(&field.value, path, value)?;
    Some(field.branch.or(inner))
}

#[allow(clippy::option_option, reason = "as above")]
fn said_in(at: &Value, path: &[&str], value: &str) -> Option<Option<Branch>> {
    match (at, path.split_first()) {
        (Value::Const(text), None) => (text.trim_matches('"') == value).then_some(None),
        (Value::Object(inner), Some((first, rest))) => {
            let fields = inner.fields.iter().filter(|f| f.name == *first && f.when.is_none());
            fields.filter_map(|f| Some(f.branch.or(said_in(&f.value, rest, value)?))).next()
        }
        (Value::List(items), _) => {
            let mut said = items
                .iter()
                .filter_map(|item| Some(item.branch.or(said_in(&item.value, path, value)?)));
            said.next()
        }
        _ => None,
    }
}
