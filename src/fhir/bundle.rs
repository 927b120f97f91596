//! Bundles: their entries, and the links between the resources in them
//! (<https://hl7.org/fhir/R4/bundle.html>).

use std::collections::HashMap;

use serde_json::{Value, json};

use super::definitions::Definitions;

/// `fullUrl` of an entry → what is to stand in its place, e.g. `Patient/1`.
pub type Links = HashMap<String, String>;

/// An entry of a Bundle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'b> {
    /// Its place, from 0.
    pub index: usize,
    /// Its identity in the Bundle.
    pub full_url: Option<&'b str>,
    /// The resource it carries.
    pub resource: Option<&'b Value>,
    /// `request.method` and `request.url` in a batch or transaction.
    pub request: Option<(&'b str, &'b str)>,
}

/// The entries of a Bundle; none of what is no Bundle.
pub fn entries(bundle: &Value) -> impl Iterator<Item = Entry<'_>> {
    let is_bundle = bundle["resourceType"] == "Bundle";
    let entries = bundle.get("entry").and_then(Value::as_array).filter(|_| is_bundle);
    entries.into_iter().flatten().enumerate().map(|(index, entry)| {
        let request = entry.get("request");
        let part = |key: &str| request?.get(key)?.as_str();
        Entry {
            index,
            full_url: entry.get("fullUrl").and_then(Value::as_str),
            resource: entry.get("resource"),
            request: part("method").zip(part("url")),
        }
    })
}

/// A Bundle of a type (`transaction`, `searchset`, `collection` …) with these entries.
pub fn of(kind: &str, entries: Vec<Value>) -> Value {
    let mut bundle = json!({ "resourceType": "Bundle", "type": kind });
    // An empty list is no FHIR.
    if !entries.is_empty() {
        bundle["entry"] = Value::Array(entries);
    }
    bundle
}

/// Calls `found` with the text of every Reference inside of a value, in order.
pub fn references<'v>(value: &'v Value, found: &mut impl FnMut(&'v str)) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if key == "reference" => found(text),
                    member => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Replaces, in Reference.reference, in elements of type uri, url, oid, uuid and canonical, and in
/// links and images of narratives, every text that is a key of `links`
/// (<https://hl7.org/fhir/R4/http.html#trules>).
///
/// Other text is never touched: an Identifier's value may well be the same `urn:uuid:…`.
pub fn rewrite(resource: &mut Value, links: &Links) {
    if links.is_empty() {
        return;
    }
    let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or("").to_owned();
    let mut path = Vec::new();
    walk(resource, &kind, &mut path, links);
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
            if let Some(target) = links.get(&text[..]) {
                if is_link(kind, path) {
                    target.clone_into(text);
                }
            } else if path.last().is_some_and(|key| key == "div")
                && let Some(div) = narrative(text, links)
            {
                *text = div;
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

/// A narrative with its `href` and `src` attributes replaced; `None` if there is nothing to replace.
fn narrative(div: &str, links: &Links) -> Option<String> {
    let mut out = String::new();
    let mut rest = div;
    let mut changed = false;
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(at);
        let quote = &quoted[..1];
        let (text, after) = quoted[1..].split_once(quote)?;
        let linking = before.ends_with("href=") || before.ends_with("src=");
        let target = links.get(text).filter(|_| linking);
        changed |= target.is_some();
        out.extend([before, quote, target.map_or(text, |t| t), quote]);
        rest = after;
    }
    out.push_str(rest);
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URN: &str = "urn:uuid:4b2b2c2e-0000-4000-8000-000000000001";

    #[test]
    fn entries_are_walked() {
        let entry = json!({
            "fullUrl": URN,
            "resource": { "resourceType": "Patient" },
            "request": { "method": "POST", "url": "Patient" },
        });
        let bundle =
            of("transaction", vec![entry.clone(), json!({ "search": { "mode": "match" } })]);
        let found: Vec<Entry<'_>> = entries(&bundle).collect();
        assert_eq!(
            found[0],
            Entry {
                index: 0,
                full_url: Some(URN),
                resource: entry.get("resource"),
                request: Some(("POST", "Patient")),
            }
        );
        assert_eq!(found[1], Entry { index: 1, full_url: None, resource: None, request: None });
        assert_eq!(entries(&json!({ "resourceType": "Patient", "entry": [{}] })).count(), 0);
        assert_eq!(
            of("searchset", vec![]),
            json!({ "resourceType": "Bundle", "type": "searchset" })
        );
    }

    #[test]
    fn references_are_found_in_order() {
        let resource = json!({
            "subject": { "reference": "Patient/1" },
            "contained": [{ "partOf": { "reference": "#a" } }],
            "note": [{ "text": "Patient/2" }],
        });
        let mut found = Vec::new();
        references(&resource, &mut |text| found.push(text));
        assert_eq!(found, ["Patient/1", "#a"]);
    }

    #[test]
    fn only_links_are_rewritten() {
        let links = Links::from([(URN.to_owned(), "Patient/7".to_owned())]);
        let mut resource = json!({
            "resourceType": "Observation",
            "text": { "div": format!(
                "<div><a title=\"x\" href=\"{URN}\">{URN}</a><img alt='{URN}' src='{URN}'/></div>"
            ) },
            "identifier": [{ "system": "urn:ietf:rfc:3986", "value": URN }],
            "subject": { "reference": URN },
            "contained": [{ "resourceType": "Encounter", "id": "e", "subject": { "reference": URN } }],
            "extension": [{ "url": "http://x", "valueUri": URN }, { "url": "http://y", "valueString": URN }],
        });
        rewrite(&mut resource, &links);
        assert_eq!(
            resource["text"]["div"],
            format!(
                "<div><a title=\"x\" href=\"Patient/7\">{URN}</a><img alt='{URN}' src='Patient/7'/></div>"
            )
        );
        assert_eq!(resource["identifier"][0]["value"], URN);
        assert_eq!(resource["subject"]["reference"], "Patient/7");
        assert_eq!(resource["contained"][0]["subject"]["reference"], "Patient/7");
        assert_eq!(resource["extension"][0]["valueUri"], "Patient/7");
        assert_eq!(resource["extension"][1]["valueString"], URN);
    }
}
