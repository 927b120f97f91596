//! References inside a transaction: what points to another entry's `fullUrl` comes to point to
//! the identity that entry gets (<https://hl7.org/fhir/R4/http.html#trules>).

use std::collections::HashMap;

use serde_json::Value;

use crate::fhir::definitions::Definitions;

/// `fullUrl` → `Type/id`.
pub(super) type Links = HashMap<String, String>;

/// Replaces, in Reference.reference and in elements of type uri, url, oid, uuid and canonical,
/// every text that is a key of `links`. Other text is never touched: an Identifier's value may
/// well be the same `urn:uuid:…`.
pub(super) fn rewrite(resource: &mut Value, links: &Links) {
    if links.is_empty() {
        return;
    }
    let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or("").to_owned();
    let mut path = Vec::new();
    walk(resource, &kind, &mut path, links);
}

/// The texts of Reference.reference that search: `Patient?identifier=…`.
pub(super) fn conditional(resource: &Value, out: &mut Vec<String>) {
    match resource {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if key == "reference" && is_conditional(text) => {
                        out.push(text.clone());
                    }
                    _ => conditional(value, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| conditional(item, out)),
        _ => {}
    }
}

/// Whether a reference is a search for its target.
fn is_conditional(reference: &str) -> bool {
    let Some((kind, query)) = reference.split_once('?') else { return false };
    kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric())
        && query.contains('=')
}

/// Walks members; `path` holds the keys from the resource down.
fn walk(value: &mut Value, kind: &str, path: &mut Vec<String>, links: &Links) {
    match value {
        Value::Object(members) => {
            // A contained resource begins anew.
            let inner = members.get("resourceType").and_then(Value::as_str).map(str::to_owned);
            let mut own = Vec::new();
            let (kind, path) = match &inner {
                Some(inner) => (&inner[..], &mut own),
                None => (kind, path),
            };
            for (key, member) in members.iter_mut() {
                path.push(key.clone());
                walk(member, kind, path, links);
                path.pop();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, kind, path, links)),
        Value::String(text) => {
            if let Some(target) = links.get(&text[..])
                && is_link(kind, path)
            {
                target.clone_into(text);
            }
        }
        _ => {}
    }
}

/// Whether an element points to something. Asked only where a text is a `fullUrl`, which is rare.
fn is_link(kind: &str, path: &[String]) -> bool {
    let r4 = Definitions::r4();
    let mut at = kind;
    let mut parent = kind;
    for key in path {
        let Some((_, type_name)) = r4.json_child(at, key) else {
            // Unknown to the table: only what is called `reference` is one for certain.
            return path.last().is_some_and(|last| last == "reference");
        };
        parent = at;
        at = type_name;
    }
    let reference = parent == "Reference" && path.last().is_some_and(|last| last == "reference");
    reference || matches!(at, "uri" | "url" | "oid" | "uuid" | "canonical")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_links_are_rewritten() {
        let urn = "urn:uuid:4b2b2c2e-0000-4000-8000-000000000001";
        let links = Links::from([(urn.to_owned(), "Patient/7".to_owned())]);
        let mut resource = json!({
            "resourceType": "Observation",
            "identifier": [{ "system": "urn:ietf:rfc:3986", "value": urn }],
            "subject": { "reference": urn },
            "contained": [{ "resourceType": "Encounter", "id": "e", "subject": { "reference": urn } }],
            "extension": [{ "url": "http://x", "valueUri": urn }, { "url": "http://y", "valueString": urn }],
        });
        rewrite(&mut resource, &links);
        assert_eq!(resource["identifier"][0]["value"], urn);
        assert_eq!(resource["subject"]["reference"], "Patient/7");
        assert_eq!(resource["contained"][0]["subject"]["reference"], "Patient/7");
        assert_eq!(resource["extension"][0]["valueUri"], "Patient/7");
        assert_eq!(resource["extension"][1]["valueString"], urn);
    }

    #[test]
    fn conditional_references_are_found() {
        let mut found = Vec::new();
        let resource = json!({
            "subject": { "reference": "Patient?identifier=urn:x|1" },
            "focus": [{ "reference": "Patient/1" }, { "reference": "http://x/y?z=1" }],
            "note": "Patient?identifier=1",
        });
        conditional(&resource, &mut found);
        assert_eq!(found, ["Patient?identifier=urn:x|1"]);
    }
}
