//! A JSON Schema (2020-12) of mapping files, model files and `schema.yaml`, for editors; made from
//! the tables that the compiler reads by. It knows keys and spellings; what they mean together
//! (slots, FHIR paths, owners) only `map check` knows.
//!
//! To a JSON Schema a YAML scalar may be a number or a boolean (`1`, `true`); to a mapping all
//! scalars are texts.

use serde_json::{Map, Value as Json, json};

use super::codec::NAMES;
use super::codes::TABLE_KEYS;
use super::fields::FIELD_TYPES;
use super::load::{MAPPING_KEYS, MODEL_KEYS};
use super::schema::{FILES, SOURCES, column_types};
use crate::fhir::BASE;

/// The schema of all three kinds of files; which one a file is, its keys tell.
pub fn json_schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("{BASE}/schema/mapping.schema.json"),
        "title": "Mapping files, model files and schema.yaml of Tombolo",
        "type": "object",
        "if": { "required": ["mapping"] },
        "then": { "$ref": "#/$defs/mapping" },
        "else": {
            "if": { "required": ["model"] },
            "then": { "$ref": "#/$defs/model" },
            "else": { "$ref": "#/$defs/schema" },
        },
        "$defs": {
            "scalar": { "type": ["string", "number", "boolean", "null"] },
            "mapping": object(MAPPING_KEYS, &["mapping"], "A mapping: one legacy format, both directions"),
            "model": object(MODEL_KEYS, &["model"], "A model: the FHIR side that several formats share"),
            "schema": source_schema(),
            "block": block(),
            "element": if_object(json!({ "$ref": "#/$defs/block" }), json!({ "$ref": "#/$defs/leaf" })),
            "leaf": leaf(),
            "table": table(),
            "texts": { "anyOf": [
                { "$ref": "#/$defs/scalar" },
                { "type": "array", "items": { "$ref": "#/$defs/scalar" } },
            ] },
            "map": { "type": "object", "additionalProperties": { "$ref": "#/$defs/scalar" } },
            "fields": fields(),
        },
    })
}

/// A file with these keys and no others.
fn object(keys: &[&str], required: &[&str], description: &str) -> Json {
    let properties: Map<String, Json> =
        keys.iter().map(|key| ((*key).to_owned(), property(key))).collect();
    json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// An object is one thing, anything else another: so that mistakes are told of the right one.
fn if_object(object: Json, other: Json) -> Json {
    json!({ "if": { "type": "object" }, "then": object, "else": other })
}

/// What stands behind a key.
fn property(key: &str) -> Json {
    let of = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    let (description, schema) = match key {
        "lang" => ("Version of the language", json!({ "enum": ["1", 1] })),
        "mapping" => ("The name of the folder", json!({ "type": "string" })),
        "model" => ("The name of the model", json!({ "type": "string" })),
        "version" => {
            ("major.minor.patch", json!({ "type": "string", "pattern": r"^\d+\.\d+\.\d+$" }))
        }
        "title" => ("For people", of("scalar")),
        "source" => ("The legacy format", json!({ "type": "string", "pattern": source_pattern() })),
        "target" => ("The FHIR version", json!({ "const": "fhir@4.0.1" })),
        "accept" => ("Which records it takes: [ADT^A01], or SLOT = VALUE", of("texts")),
        "schema" => ("The file that says what the records look like", json!({ "type": "string" })),
        "charset" => ("Used where neither the channel nor the record says one", of("scalar")),
        "timezone" => ("Zone of times without an offset: [SLOT else] ZONE", of("scalar")),
        "nulls" => ("What an explicit null does", json!({ "enum": ["absent", "delete"] })),
        "rest" => {
            ("What becomes of slots no rule claims", json!({ "enum": ["carry", "drop", "reject"] }))
        }
        "root" => ("XML: the root element", of("scalar")),
        "namespaces" => ("XML: prefix: URI", of("map")),
        "paths" => ("Named paths: name(argument): path", of("map")),
        "extends" => ("The mapping or model that this one changes", of("scalar")),
        "use" => (
            "A model, or single resources of other mappings",
            json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "additionalProperties": { "type": "array", "items": { "type": "string" } } },
        ] }),
        ),
        "bind" => (
            "Fields of the model: slots",
            json!({
                "type": "object",
                "additionalProperties": { "anyOf": [of("leaf"), { "type": "object" }] },
            }),
        ),
        "fields" => ("Fields of the model: types", of("fields")),
        "codes" => {
            ("Code tables", json!({ "type": "object", "additionalProperties": of("table") }))
        }
        "define" => (
            "Fragments: name(arguments)",
            json!({
                "type": "object", "additionalProperties": of("block"),
            }),
        ),
        "resources" => ("Type alias, or Type alias[] with each", resources()),
        "put" => (
            "Slots that exist on the way out only, and trigger",
            json!({
                "type": "object",
                "properties": { "trigger": of("texts"), "roots": of("texts") },
                "additionalProperties": of("scalar"),
            }),
        ),
        "require" => ("Slots that must not be empty on the way out", of("texts")),
        "check" => ("Conditions that must hold", of("texts")),
        "create" => (
            "What is made where the root is missing",
            json!({
                "type": "object",
                "properties": { "each": { "type": "string" }, "when": { "type": "string" } },
                "required": ["each"],
                "additionalProperties": false,
            }),
        ),
        "ignore" => (
            "SLOT or pattern: reason",
            json!({
                "type": "object",
                "additionalProperties": { "type": "string", "minLength": 1 },
            }),
        ),
        "extensions" => (
            "Extensions of its own: URL: TYPE on ELEMENT",
            json!({
                "type": "object",
                "additionalProperties": { "type": "string", "pattern": r"^\S.* on \S" },
            }),
        ),
        _ => ("", json!({})),
    };
    let mut schema = schema;
    if !description.is_empty() {
        schema["description"] = json!(description);
    }
    schema
}

/// `hl7v2@2.3..2.8`, `csv`.
fn source_pattern() -> String {
    format!("^({})(@[0-9.]+)?$", SOURCES.join("|"))
}

fn resources() -> Json {
    json!({
        "type": "object",
        "patternProperties": {
            r"^[A-Z][A-Za-z]+ [^ \[\]]+(\[\])?$": {
                "if": { "type": "object" },
                "then": { "$ref": "#/$defs/block" },
                "else": { "enum": ["none", null] },
            },
        },
        "additionalProperties": false,
    })
}

/// The contents of a resource, element, fragment or branch.
fn block() -> Json {
    let word = |description: &str| json!({ "$ref": "#/$defs/scalar", "description": description });
    json!({
        "type": "object",
        "properties": {
            "key": word("The id: space(SLOT, …) [else …], or an alias"),
            "when": word("Only if this holds"),
            "each": word("One per instance of a list: LIST [where CONDITION]"),
            "by": word("How items are found again: position, value, or slots"),
            "mode": { "enum": ["full", "create"], "description": "create: only if it is missing" },
            "as": word("Fragments put in here: name(argument = text) + …"),
            "scan": word("SLOT as \"{name:class}…\" or …"),
        },
        "patternProperties": {
            r"^one_of( .+)?$": {
                "description": "Branches: the first that holds is taken",
                "type": "array",
                "items": { "$ref": "#/$defs/block" },
            },
        },
        "additionalProperties": { "$ref": "#/$defs/element" },
    })
}

/// A leaf: each word behind a `|` is a flag or codec.
fn leaf() -> Json {
    let arguments = r"(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?";
    let pipe = format!(r"\|\s*({})\b{arguments}\s*", NAMES.join("|"));
    let value = r#"(?:[^|"]|"[^"]*")*"#;
    let pattern = format!(r"^\s*(=[\s\S]*|->[\s\S]*|{value}({pipe}(else\b{value})?)*)$");
    json!({
        "description": "= constant, -> alias, or SLOT [or SLOT …] | codec … [else …]",
        "type": ["string", "number", "boolean", "null"],
        "pattern": pattern,
    })
}

fn table() -> Json {
    let mut properties = Map::new();
    for key in TABLE_KEYS {
        let list = json!({ "type": "array", "items": { "$ref": "#/$defs/scalar" } });
        let text = json!({ "type": "string" });
        properties.insert((*key).to_owned(), if *key == "identity" { list } else { text });
    }
    let rows = json!({
        "type": ["array", "string", "null"],
        "items": { "type": "string", "pattern": " (<->|-->|<--) " },
    });
    let file = json!({ "properties": properties, "additionalProperties": false });
    let mut table = if_object(file, rows);
    table["description"] =
        json!("Rows `legacy <-> fhir`, `-->`, `<--`; or a file; or an identity; or none");
    table
}

/// The fields of a model: `name: type`, `name[]: type` or `name[]: { name: type }`.
fn fields() -> Json {
    let types = FIELD_TYPES.join("|");
    let one = json!({ "type": "string", "pattern": format!(r"^({types})( \S+)?( required)?$") });
    json!({
        "type": "object",
        "patternProperties": { r"\[\]$": { "anyOf": [
            one,
            { "type": "object", "additionalProperties": one },
        ] } },
        "additionalProperties": one,
    })
}

/// `schema.yaml`: the keys of its kind.
fn source_schema() -> Json {
    let kinds: Vec<&str> = FILES.iter().map(|(kind, _)| *kind).collect();
    let rules: Vec<Json> = FILES
        .iter()
        .map(|(kind, keys)| {
            let properties: Map<String, Json> =
                keys.iter().map(|key| ((*key).to_owned(), schema_property(kind, key))).collect();
            json!({
                "if": { "properties": { "schema": { "const": kind } }, "required": ["schema"] },
                "then": { "properties": properties, "additionalProperties": false },
            })
        })
        .collect();
    json!({
        "description": "Facts about the records of a source, no meaning",
        "type": "object",
        "properties": { "schema": { "enum": kinds } },
        "required": ["schema"],
        "allOf": rules,
    })
}

fn schema_property(kind: &str, key: &str) -> Json {
    let texts = || json!({ "$ref": "#/$defs/texts" });
    let types = column_types(kind).join("|");
    let facts = json!({
        "type": "string",
        "pattern": format!(r"^({types})(\([^)]*\))?( +[\s\S]+)?$"),
        "description": "type(width) [required] [secret] [null \"marker\" …]",
    });
    match (kind, key) {
        (_, "line") => json!({ "enum": ["CRLF", "LF", "CR"] }),
        ("csv" | "fixed" | "xlsx", "columns") => {
            json!({ "type": "object", "additionalProperties": facts })
        }
        ("csv" | "xlsx", "header") => {
            json!({ "anyOf": [{ "const": "none" }, { "type": "array", "items": { "$ref": "#/$defs/scalar" } }] })
        }
        (_, "nulls") => texts(),
        _ => json!({}),
    }
}
