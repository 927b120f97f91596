//! References: their syntax, the types they may point to, and contained resources they name.

use serde_json::{Map, Value};

use super::primitive::shown;
use crate::fhir::definitions::{Definitions, Element};
use crate::fhir::reference::Reference;

/// Checks the members of a Reference that stands for `element` of a resource whose contained
/// resources are `contained`; `kind` is the type of that resource. Gives the member that is wrong,
/// and why.
pub(super) fn check(
    r4: &Definitions,
    reference: &Map<String, Value>,
    element: &Element,
    contained: &[Value],
    kind: &str,
) -> Result<(), (&'static str, String)> {
    let named = reference.get("type").and_then(Value::as_str);
    if let Some(named) = named
        && !named.contains(':')
        && !r4.is_resource(named)
    {
        return Err(("type", format!("`{}` is not a resource type", shown(named))));
    }
    let Some(text) = reference.get("reference").and_then(Value::as_str) else {
        return named.map_or(Ok(()), |named| allowed(named, element, "type"));
    };
    let wrong = |complaint| Err(("reference", complaint));
    let parsed = match Reference::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return wrong(error.what),
    };
    let pointed = match parsed {
        Reference::Contained("") => Some(kind),
        Reference::Contained(id) => match contained.iter().find(|r| r["id"] == id) {
            Some(resource) => resource["resourceType"].as_str(),
            None => return wrong(format!("`{text}`: no contained resource has this id")),
        },
        // The last words of any other url may look like a type without being one.
        Reference::Absolute { target, .. } if !r4.is_resource(target.kind) => None,
        other => other.kind(),
    };
    let Some(pointed) = pointed else { return Ok(()) };
    if !r4.is_resource(pointed) {
        return wrong(format!("`{pointed}` in `{}` is not a resource type", shown(text)));
    }
    if named.is_some_and(|named| named != pointed && !named.contains(':')) {
        return Err(("type", format!("the reference points to a {pointed}")));
    }
    allowed(pointed, element, "reference")
}

fn allowed(
    kind: &str,
    element: &Element,
    member: &'static str,
) -> Result<(), (&'static str, String)> {
    if element.targets.is_empty() || element.targets.iter().any(|target| target == kind) {
        return Ok(());
    }
    let targets = element.targets.join(", ");
    Err((member, format!("may not point to a {kind}, only to: {targets}")))
}
