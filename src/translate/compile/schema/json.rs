//! `schema: json`: the members of records, their types, and the contract.

use std::sync::Arc;

use super::{Legacy, texts};
use crate::legacy::Schema;
use crate::legacy::json::{self, Contract, Facts, Field, FieldKind};
use crate::translate::compile::Source;
use crate::translate::compile::load::{Doc, Loader, join};
use crate::translate::compile::text::{call, did_you_mean, quoted, words};
use crate::yaml::{Kind, Node};

pub(super) const JSON_KEYS: &[&str] = &["schema", "form", "empty", "nulls", "fields", "contract"];

/// Types of values, and whether they are secret by themselves.
pub(super) const KINDS: &[(&str, FieldKind)] = &[
    ("text", FieldKind::Text),
    ("code", FieldKind::Text),
    ("date", FieldKind::Text),
    ("datetime", FieldKind::Text),
    ("digits", FieldKind::Text),
    ("ascii", FieldKind::Text),
    ("cnid", FieldKind::Text),
    ("decimal", FieldKind::Number),
    ("int", FieldKind::Int),
    ("boolean", FieldKind::Bool),
];

impl Loader<'_> {
    /// Reads the schema of JSON records, if there is one.
    pub(super) fn json(&mut self, doc: &Doc) -> Option<Legacy> {
        let mut schema = json::Schema { nulls: vec![String::new()], ..json::Schema::default() };
        if let Some(named) = doc.get("schema") {
            let node = self.schema_file(named, "json", JSON_KEYS)?;
            schema.lines = self.one_of(&node, "form", &["object", "lines"]) == 1;
            schema.skeleton = self.one_of(&node, "empty", &["leave", "write"]) == 1;
            if let Some(nulls) = node.get("nulls") {
                schema.nulls = texts(Some(nulls));
            }
            if let Some(fields) = node.get("fields") {
                schema.fields = self.fields(fields);
            }
            if let Some(contract) = node.get("contract") {
                schema.contract = self.contract(contract);
            }
        }
        let mut secret = Vec::new();
        secrets(&schema.fields, "", &mut secret);
        let schema = Schema::Json(schema);
        Some(Legacy { schema, source: Source::Json, header: Vec::new(), secret })
    }

    /// Which of some words a key says; the first by default.
    fn one_of(&mut self, node: &Node, key: &str, all: &[&str]) -> usize {
        let Some(said) = node.get(key) else { return 0 };
        let found = all.iter().position(|word| said.text() == Some(word));
        if found.is_none() {
            self.report.error("M000", said.mark, format!("`{key}` is {}", all.join(" or ")));
        }
        found.unwrap_or(0)
    }

    /// `{ a: text(20) required, b: { c: int }, d[]: { e: text } }`.
    fn fields(&mut self, node: &Node) -> Vec<Field> {
        let Some(entries) = node.entries() else {
            let hint = "write fields: { NAME: TYPE, NAME: { … }, NAME[]: … }";
            self.report.error_hint("M000", node.mark, "the fields are a map", hint);
            return Vec::new();
        };
        let mut fields = Vec::new();
        for (key, below) in entries {
            let (name, list) = match key.text.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (key.text.as_str(), false),
            };
            let mut field = Field { name: name.to_owned(), list, ..Field::default() };
            match &below.kind {
                Kind::Map(_) => field.children = self.fields(below),
                _ => field.facts = self.field_facts(below),
            }
            fields.push(field);
        }
        fields
    }

    /// `text(20) required secret null "" "-"`.
    fn field_facts(&mut self, node: &Node) -> Facts {
        let mut made = Facts::default();
        let words = words(node.text().unwrap_or(""));
        let mut rest = words.as_slice();
        if let [kind, more @ ..] = rest {
            let (kind, width) = call(kind).map_or((*kind, ""), |(kind, width)| (kind, width));
            match KINDS.iter().find(|(word, _)| *word == kind) {
                Some((_, kind)) => made.kind = *kind,
                None => {
                    let names = KINDS.iter().map(|(word, _)| *word);
                    let hint = did_you_mean(kind, names.clone()).unwrap_or_else(|| {
                        format!("the types are: {}", names.collect::<Vec<_>>().join(", "))
                    });
                    let at = self.report.within(node.mark, kind);
                    self.report.error_hint("M000", at, format!("'{kind}' is no type"), hint);
                }
            }
            made.max = width.trim().parse().ok();
            made.secret = kind == "cnid";
            rest = more;
        }
        while let [word, more @ ..] = rest {
            rest = more;
            match *word {
                "required" => made.required = true,
                "secret" => made.secret = true,
                "null" => {
                    let markers = rest.iter().map_while(|m| quoted(m));
                    let markers: Vec<String> = markers.map(str::to_owned).collect();
                    rest = &rest[markers.len()..];
                    made.nulls = Some(markers);
                }
                word => {
                    let hint = "write type(width) [required] [secret] [null \"marker\" …]";
                    let at = self.report.within(node.mark, word);
                    let what = format!("'{word}' says nothing about a field");
                    self.report.error_hint("M000", at, what, hint);
                }
            }
        }
        made
    }

    /// A JSON Schema beside the schema.
    fn contract(&mut self, node: &Node) -> Option<Arc<Contract>> {
        let path = join(self.report.path(node.mark.file), node.text().unwrap_or(""));
        let (_, text) = self.read_text(&path, node.mark)?;
        match Contract::new(node.text().unwrap_or(""), &text) {
            Ok(contract) => Some(Arc::new(contract)),
            Err(error) => {
                let hint = "see https://json-schema.org; references stay inside of the file";
                self.report.error_hint("M000", node.mark, error.what, hint);
                None
            }
        }
    }
}

fn secrets(fields: &[Field], above: &str, out: &mut Vec<String>) {
    for field in fields {
        let name = format!("{above}{}", field.name);
        secrets(&field.children, &format!("{name}/"), out);
        if field.facts.secret {
            out.push(name);
        }
    }
}
