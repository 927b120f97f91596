//! Makes the compact R4 table from the official packages: JSON resources → lines of facts.
//!
//! Pure: `tombolo definitions make` reads the packages and writes what this gives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Value sets with more codes than this are not enumerated.
const MOST_CODES: usize = 1200;

/// The files of the table: name → content, one fact a line, sorted.
#[derive(Debug, Default)]
pub struct Files {
    /// `elements.ndjson`: a type a line.
    pub elements: String,
    /// `codes.ndjson`: a required, enumerable value set a line.
    pub codes: String,
    /// `search.ndjson`: a search parameter a line.
    pub search: String,
    /// `extensions.ndjson`: an extension that R4 itself defines a line.
    pub extensions: String,
}

/// Makes the table from the resources of the packages, in any order.
pub fn make(resources: &[Value]) -> Files {
    let mut types = BTreeMap::new();
    let mut bound = BTreeSet::new();
    for definition in of_type(resources, "StructureDefinition") {
        if is_base(definition) {
            add_types(definition, &mut types, &mut bound);
        }
    }
    let mut files = Files::default();
    types.values().for_each(|line: &Value| push(&mut files.elements, line));
    let mut codes = BTreeMap::new();
    for set in of_type(resources, "ValueSet") {
        let url = text(set, "url");
        if bound.contains(url) && is_whole(&set["expansion"]) {
            let list = expanded(set);
            if !list.is_empty() && list.len() <= MOST_CODES {
                codes.insert(url.to_owned(), json!({ "url": url, "codes": list }));
            }
        }
    }
    codes.values().for_each(|line| push(&mut files.codes, line));
    let mut params = BTreeMap::new();
    for param in of_type(resources, "SearchParameter") {
        let official = text(param, "url").starts_with("http://hl7.org/fhir/SearchParameter/");
        let example = text(param, "id").starts_with("example");
        let usable = ["base", "type", "code"].iter().all(|k| !param[*k].is_null());
        if official && usable && !example {
            params.insert(text(param, "url").to_owned(), search_line(param));
        }
    }
    params.values().for_each(|line| push(&mut files.search, line));
    let mut extensions = BTreeMap::new();
    for definition in of_type(resources, "StructureDefinition") {
        let url = text(definition, "url");
        if text(definition, "type") == "Extension"
            && text(definition, "derivation") == "constraint"
            && url.starts_with("http://hl7.org/fhir/StructureDefinition/")
        {
            extensions.insert(url.to_owned(), extension_line(definition));
        }
    }
    extensions.values().for_each(|line| push(&mut files.extensions, line));
    files
}

fn push(out: &mut String, line: &Value) {
    out.push_str(&line.to_string());
    out.push('\n');
}

fn of_type<'r>(resources: &'r [Value], kind: &'r str) -> impl Iterator<Item = &'r Value> {
    resources.iter().filter(move |r| r["resourceType"] == kind)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("")
}

/// R4's own types; profiles and logical models are not part of the table.
fn is_base(definition: &Value) -> bool {
    let url = text(definition, "url");
    url == format!("http://hl7.org/fhir/StructureDefinition/{}", text(definition, "type"))
        && text(definition, "derivation") != "constraint"
        && matches!(text(definition, "kind"), "resource" | "complex-type" | "primitive-type")
}

fn add_types(
    definition: &Value,
    types: &mut BTreeMap<String, Value>,
    bound: &mut BTreeSet<String>,
) {
    let name = text(definition, "type");
    let kind = match text(definition, "kind") {
        "resource" => "resource",
        "primitive-type" => "primitive",
        _ => "complex",
    };
    let elements = definition["snapshot"]["element"].as_array();
    let elements: Vec<&Value> = elements.into_iter().flatten().skip(1).collect();
    let parents: BTreeSet<&str> =
        elements.iter().filter_map(|e| text(e, "path").rsplit_once('.')).map(|(p, _)| p).collect();
    let mut by_parent: BTreeMap<String, Vec<Value>> =
        BTreeMap::from([(name.to_owned(), Vec::new())]);
    for element in &elements {
        let path = text(element, "path");
        let Some((parent, child)) = path.rsplit_once('.') else { continue };
        if kind == "primitive" && child == "value" {
            continue;
        }
        let resource = kind == "resource" && parent == name;
        let fact = fact(element, child, parents.contains(path), resource, bound);
        by_parent.entry(parent.to_owned()).or_default().push(fact);
    }
    for (path, elements) in by_parent {
        let kind = if path == name { kind } else { "backbone" };
        types.insert(path.clone(), json!({ "name": path, "kind": kind, "elements": elements }));
    }
}

/// `{n: name, x: choice, t: types, g: targets, m: min, M: max, b: required value set, …}`; what is
/// usual is left out.
fn fact(
    element: &Value,
    child: &str,
    nested: bool,
    resource: bool,
    bound: &mut BTreeSet<String>,
) -> Value {
    let path = text(element, "path");
    let mut fact = json!({ "n": child.trim_end_matches("[x]") });
    if child.ends_with("[x]") {
        fact["x"] = json!(true);
    }
    let declared = element["type"].as_array();
    let declared: Vec<&Value> = declared.into_iter().flatten().collect();
    fact["t"] = if nested {
        json!([path])
    } else if let Some(reference) = element["contentReference"].as_str() {
        json!([reference.rsplit('#').next().unwrap_or("")])
    } else if child == "id" && resource {
        // The definitions say string, the specification says id, and means it.
        json!(["id"])
    } else {
        declared.iter().map(|t| Value::from(type_code(t))).collect()
    };
    let targets: BTreeSet<&str> = declared
        .iter()
        .filter_map(|t| t["targetProfile"].as_array())
        .flatten()
        .filter_map(|p| p.as_str()?.rsplit('/').next())
        .filter(|t| *t != "Resource")
        .collect();
    if !targets.is_empty() {
        fact["g"] = json!(targets);
    }
    if let Some(min) = element["min"].as_u64().filter(|m| *m > 0) {
        fact["m"] = json!(min);
    }
    if let Some(max) = element["max"].as_str().filter(|m| *m != "1") {
        fact["M"] = json!(max);
    }
    if element["binding"]["strength"] == "required" {
        let url = text(&element["binding"], "valueSet").split('|').next().unwrap_or("");
        fact["b"] = json!(url);
        bound.insert(url.to_owned());
    }
    for (key, flag) in [("o", "isModifier"), ("s", "isSummary")] {
        if element[flag] == true {
            fact[key] = json!(true);
        }
    }
    fact
}

/// The FHIR type of a type entry; `System.String` of `id` and `url` is named by an extension.
fn type_code(entry: &Value) -> &str {
    let code = text(entry, "code");
    if !code.starts_with("http://hl7.org/fhirpath/") {
        return code;
    }
    let extensions = entry["extension"].as_array();
    let named = extensions.into_iter().flatten().find_map(|e| e["valueUrl"].as_str());
    named.unwrap_or("string")
}

/// Whether an expansion has every code: some list only the common ones of an open set (UCUM).
fn is_whole(expansion: &Value) -> bool {
    let extensions = expansion["extension"].as_array();
    let open = |extension: &Value| {
        let url = text(extension, "url");
        url.ends_with("/valueset-unclosed") || url.ends_with("/valueset-toocostly")
    };
    expansion.is_object() && !extensions.into_iter().flatten().any(open)
}

fn expanded(set: &Value) -> Vec<Value> {
    let mut list = Vec::new();
    collect(&set["expansion"]["contains"], &mut list);
    list
}

fn collect(contains: &Value, list: &mut Vec<Value>) {
    for item in contains.as_array().into_iter().flatten() {
        if item["abstract"] != true && item.get("code").is_some() {
            list.push(json!([item["system"], item["code"], item["display"]]));
        }
        collect(&item["contains"], list);
    }
}

fn search_line(param: &Value) -> Value {
    json!({
        "url": param["url"],
        "code": param["code"],
        "base": param["base"],
        "type": param["type"],
        "expression": param["expression"],
        "target": param["target"],
    })
}

/// `{url, t: value types, c: contexts}`; an extension of extensions has no types, and a context that
/// is no element is `*`.
fn extension_line(definition: &Value) -> Value {
    let elements = definition["snapshot"]["element"].as_array().into_iter().flatten();
    let value = elements
        .filter(|e| text(e, "path") == "Extension.value[x]" && text(e, "max") != "0")
        .filter_map(|e| e["type"].as_array());
    let types: BTreeSet<&str> = value.flatten().map(type_code).collect();
    let contexts = definition["context"].as_array().into_iter().flatten();
    let contexts: BTreeSet<&str> = contexts
        .map(|c| if c["type"] == "element" { text(c, "expression") } else { "*" })
        .collect();
    json!({ "url": definition["url"], "t": types, "c": contexts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(path: &str, more: Value) -> Value {
        let mut element = json!({ "path": path, "min": 0, "max": "1" });
        if let (Value::Object(all), Value::Object(more)) = (&mut element, more) {
            all.extend(more);
        }
        element
    }

    fn definition(name: &str, kind: &str, elements: Vec<Value>) -> Value {
        json!({
            "resourceType": "StructureDefinition",
            "url": format!("http://hl7.org/fhir/StructureDefinition/{name}"),
            "type": name,
            "kind": kind,
            "derivation": "specialization",
            "snapshot": { "element": elements },
        })
    }

    fn lines(text: &str) -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn elements_become_facts() {
        let string = json!([{ "code": "http://hl7.org/fhirpath/System.String", "extension": [
            { "url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type",
              "valueUrl": "string" }] }]);
        let made = make(&[definition(
            "Thing",
            "resource",
            vec![
                element("Thing", json!({})),
                element("Thing.id", json!({ "type": string, "isSummary": true })),
                element(
                    "Thing.part",
                    json!({ "max": "*", "type": [{ "code": "BackboneElement" }] }),
                ),
                element("Thing.part.id", json!({ "type": string })),
                element("Thing.part.part", json!({ "contentReference": "#Thing.part" })),
                element(
                    "Thing.value[x]",
                    json!({ "min": 1, "isModifier": true, "type": [
                { "code": "string" },
                { "code": "Reference", "targetProfile": [
                    "http://hl7.org/fhir/StructureDefinition/Patient",
                    "http://hl7.org/fhir/StructureDefinition/Group"] }] }),
                ),
                element(
                    "Thing.any",
                    json!({ "type": [{ "code": "Reference", "targetProfile": [
                "http://hl7.org/fhir/StructureDefinition/Resource"] }] }),
                ),
            ],
        )]);
        assert_eq!(
            lines(&made.elements),
            [
                json!({ "name": "Thing", "kind": "resource", "elements": [
                    { "n": "id", "t": ["id"], "s": true },
                    { "n": "part", "t": ["Thing.part"], "M": "*" },
                    { "n": "value", "x": true, "t": ["string", "Reference"],
                      "g": ["Group", "Patient"], "m": 1, "o": true },
                    { "n": "any", "t": ["Reference"] },
                ] }),
                json!({ "name": "Thing.part", "kind": "backbone", "elements": [
                    { "n": "id", "t": ["string"] },
                    { "n": "part", "t": ["Thing.part"] },
                ] }),
            ]
        );
    }

    #[test]
    fn extensions_say_their_types_and_contexts() {
        let mut simple = definition(
            "birthPlace",
            "complex-type",
            vec![element("Extension.value[x]", json!({ "type": [{ "code": "Address" }] }))],
        );
        simple["type"] = json!("Extension");
        simple["derivation"] = json!("constraint");
        simple["context"] = json!([{ "type": "element", "expression": "Patient" },
            { "type": "fhirpath", "expression": "Coding.where(true)" }]);
        let mut nested = simple.clone();
        nested["url"] = json!("http://hl7.org/fhir/StructureDefinition/a-nested");
        nested["snapshot"]["element"][0]["max"] = json!("0");
        let made = make(&[simple, nested]);
        let (url, c) = ("http://hl7.org/fhir/StructureDefinition/", ["*", "Patient"]);
        let nested = json!({ "url": format!("{url}a-nested"), "t": [], "c": c });
        let simple = json!({ "url": format!("{url}birthPlace"), "t": ["Address"], "c": c });
        assert_eq!(lines(&made.extensions), [nested, simple]);
        assert_eq!(made.elements, "");
    }

    #[test]
    fn codes_are_those_of_whole_expansions_that_are_required() {
        let bound = |url: &str| {
            json!({ "type": [{ "code": "code" }],
            "binding": { "strength": "required", "valueSet": format!("{url}|4.0.1") } })
        };
        let set = |url: &str, expansion: Value| json!({ "resourceType": "ValueSet", "url": url, "expansion": expansion });
        let contains = json!([{ "system": "s", "code": "a", "display": "A", "contains": [
            { "system": "s", "code": "b" }] }, { "abstract": true, "system": "s", "code": "c" }]);
        let open = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/valueset-unclosed" }]);
        let made = make(&[
            definition(
                "Thing",
                "complex-type",
                vec![
                    element("Thing", json!({})),
                    element("Thing.closed", bound("http://closed")),
                    element("Thing.open", bound("http://open")),
                ],
            ),
            set("http://closed", json!({ "contains": contains })),
            set("http://open", json!({ "contains": contains, "extension": open })),
            set("http://unused", json!({ "contains": contains })),
        ]);
        assert_eq!(
            lines(&made.codes),
            [json!({ "url": "http://closed", "codes": [["s", "a", "A"], ["s", "b", null]] })]
        );
    }

    #[test]
    fn profiles_and_example_parameters_are_left_out() {
        let mut profile = definition("Thing", "resource", vec![element("Thing", json!({}))]);
        profile["derivation"] = json!("constraint");
        let param = |id: &str| {
            json!({ "resourceType": "SearchParameter", "id": id, "code": "c",
            "url": format!("http://hl7.org/fhir/SearchParameter/{id}"), "base": ["Thing"],
            "type": "token", "expression": "Thing.c" })
        };
        let made = make(&[profile, param("example-x"), param("Thing-c")]);
        assert_eq!(made.elements, "");
        assert_eq!(
            lines(&made.search),
            [json!({ "url": "http://hl7.org/fhir/SearchParameter/Thing-c", "code": "c",
                "base": ["Thing"], "type": "token", "expression": "Thing.c", "target": null })]
        );
    }
}
