//! The JSON Schema of mapping files: all files of the product keep it, and broken ones do not.

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value as Json;

use crate::translate::compile::json_schema;
use crate::yaml::{self, Kind, Node, Style};

fn validator() -> Validator {
    let schema = json_schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// As an editor reads it: plain scalars may be numbers and booleans.
fn as_json(node: &Node) -> Json {
    match &node.kind {
        Kind::Scalar(text, Style::Plain) => match text.as_str() {
            "" | "null" | "~" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            number if number.parse::<i64>().is_ok() => Json::from(number.parse::<i64>().unwrap()),
            text => Json::from(text),
        },
        Kind::Scalar(text, _) => Json::from(text.as_str()),
        Kind::Seq(items) => items.iter().map(as_json).collect(),
        Kind::Map(entries) => entries.iter().map(|(k, v)| (k.text.clone(), as_json(v))).collect(),
    }
}

fn mistakes(validator: &Validator, text: &str) -> Vec<String> {
    let node = yaml::parse(text, 0).unwrap();
    let json = as_json(&node);
    let errors = validator.iter_errors(&json);
    errors.map(|e| format!("{}: {e}", e.instance_path())).collect()
}

fn yaml_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "tests" | "_codes" | "_flows") {
            yaml_files(&path, out);
        } else if name.ends_with(".yaml") {
            out.push(path);
        }
    }
}

#[test]
fn every_file_of_the_product_keeps_the_schema() {
    let validator = validator();
    let mut files = Vec::new();
    yaml_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings"), &mut files);
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mistakes = mistakes(&validator, &text);
        assert!(mistakes.is_empty(), "{}: {mistakes:#?}", file.display());
    }
}

#[test]
fn a_broken_file_is_told_what_is_wrong() {
    let validator = validator();
    let mapping =
        |line: &str| format!("lang: 1\nmapping: m\nversion: 1.0.0\nsource: csv\n{line}\n");
    for (text, place, said) in [
        (mapping("resourcs: {}"), "", "'resourcs' was unexpected"),
        (
            mapping("rest: keep"),
            "/rest",
            "\"keep\" is not one of \"carry\", \"drop\" or \"reject\"",
        ),
        (mapping("version2: 1"), "", "'version2' was unexpected"),
        (mapping("resources: { patient: {} }"), "/resources", "'patient' was unexpected"),
        (mapping("codes: { sex: [M = male] }"), "/codes/sex/0", "does not match"),
        (
            mapping("resources: { Patient p: { gender: sex | cod(x) } }"),
            "/resources/Patient p/gender",
            "does not match",
        ),
        (mapping("ignore: { x: '' }"), "/ignore/x", "shorter than 1 character"),
        ("schema: csv\nheadr: [a]\n".to_owned(), "", "'headr' was unexpected"),
        (
            "schema: csv\nheader: [a]\ncolumns: { a: txt }\n".to_owned(),
            "/columns/a",
            "does not match",
        ),
        ("schema: cvs\n".to_owned(), "/schema", "\"cvs\" is not one of"),
        ("model: m\nfields: { a: dat }\n".to_owned(), "/fields/a", "does not match"),
        ("model: m\nbind: {}\n".to_owned(), "", "'bind' was unexpected"),
    ] {
        let mistakes = mistakes(&validator, &text);
        let start = format!("{place}: ");
        let found = mistakes.iter().any(|m| m.starts_with(&start) && m.contains(said));
        assert!(found, "{text}: {mistakes:?}");
    }
}

#[test]
fn every_key_is_described() {
    let schema = json_schema();
    for kind in ["mapping", "model"] {
        for (key, property) in schema["$defs"][kind]["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{kind}: {key}");
        }
    }
}
