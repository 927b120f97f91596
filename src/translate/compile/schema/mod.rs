//! The legacy side: `source:` and `schema.yaml`.

mod dbf;
mod json;
mod row;
mod sql;
mod xml;

use super::Source;
use super::load::{Doc, Loader, join};
use super::text::did_you_mean;
use crate::legacy::{Schema, hl7v2};
use crate::yaml::{Mark, Node};

/// What `source:` may be.
pub(super) const SOURCES: &[&str] = &["hl7v2", "csv", "fixed", "dbf", "xlsx", "xml", "json", "sql"];

/// What `schema:` of a `schema.yaml` may be, with the keys of each kind.
pub(super) const FILES: &[(&str, &[&str])] = &[
    ("csv", row::CSV_KEYS),
    ("fixed", row::FIXED_KEYS),
    ("dbf", dbf::DBF_KEYS),
    ("xlsx", row::XLSX_KEYS),
    ("xml", xml::XML_KEYS),
    ("json", json::JSON_KEYS),
    ("sql", sql::SQL_KEYS),
];

/// The types of the columns or fields of a kind.
pub(super) fn column_types(kind: &str) -> Vec<&'static str> {
    match kind {
        "sql" => sql::KINDS.iter().map(|(word, _)| *word).collect(),
        "json" => json::KINDS.iter().map(|(word, _)| *word).collect(),
        _ => row::KINDS.iter().map(|(word, _)| *word).collect(),
    }
}

/// The legacy side of a mapping.
#[derive(Debug)]
pub(super) struct Legacy {
    /// Where slots are looked up.
    pub schema: Schema,
    /// Its kind.
    pub source: Source,
    /// The header of a CSV file, if it has one.
    pub header: Vec<String>,
    /// Names of the columns that carry secrets.
    pub secret: Vec<String>,
}

impl Loader<'_> {
    /// Makes the schema that slots are looked up in.
    pub(super) fn legacy(&mut self, doc: &Doc) -> Option<Legacy> {
        let Some(node) = doc.get("source") else {
            let hint = format!("write source: hl7v2@2.3..2.8, {}", SOURCES[1..].join(", "));
            self.report.error_hint("M000", doc.mark, "the mapping says no `source`", hint);
            return None;
        };
        let text = node.text().unwrap_or("");
        let (kind, versions) = text.split_once('@').unwrap_or((text, ""));
        match kind {
            "hl7v2" => self.hl7(doc, versions, node.mark),
            "csv" => self.csv(doc, node.mark),
            "dbf" => self.dbf(doc, node.mark),
            "fixed" => self.fixed(doc, node.mark),
            "xlsx" => self.xlsx(doc, node.mark),
            "xml" => self.xml(doc),
            "json" => self.json(doc),
            "sql" => self.sql(doc, node.mark),
            _ => {
                let hint = did_you_mean(kind, SOURCES.iter().copied())
                    .unwrap_or_else(|| format!("the sources are: {}", SOURCES.join(", ")));
                let what = format!("there is no source '{kind}'");
                self.report.error_hint("M000", node.mark, what, hint);
                None
            }
        }
    }

    fn hl7(&mut self, doc: &Doc, versions: &str, mark: Mark) -> Option<Legacy> {
        let accept = doc.get("accept");
        let messages = texts(accept);
        match hl7v2::Schema::new(&messages, versions) {
            Ok(schema) => {
                let schema = Schema::Hl7(schema);
                Some(Legacy { schema, source: Source::Hl7, header: Vec::new(), secret: Vec::new() })
            }
            Err(unknown) => {
                let wrong = messages.iter().find(|m| unknown.what.contains(m.as_str()));
                let mark = if wrong.is_some() { accept.map_or(mark, |a| a.mark) } else { mark };
                let name = wrong.map_or(versions, String::as_str);
                self.report.unknown(name, mark, unknown);
                None
            }
        }
    }

    /// The file that `schema:` names, with known keys only.
    fn schema_file(&mut self, named: &Node, kind: &str, known: &[&str]) -> Option<Node> {
        let path = join(self.report.path(named.mark.file), named.text().unwrap_or(""));
        let node = self.read(&path, named.mark)?;
        if let Some(said) = node.get("schema")
            && said.text() != Some(kind)
        {
            let what = format!("the schema is for '{}'", said.text().unwrap_or(""));
            let hint = format!("the mapping's source is {kind}");
            self.report.error_hint("M000", said.mark, what, hint);
        }
        for (key, _) in node.entries().unwrap_or_default() {
            if !known.contains(&key.text.as_str()) {
                let hint = did_you_mean(&key.text, known.iter().copied())
                    .unwrap_or_else(|| format!("the keys are: {}", known.join(", ")));
                let what = format!("'{}' is not a key of a {kind} schema", key.text);
                self.report.error_hint("M000", key.mark, what, hint);
            }
        }
        Some(node)
    }

    fn line_end(&mut self, node: &Node, default: &str) -> String {
        let Some(said) = node.get("line") else { return default.to_owned() };
        match said.text() {
            Some("CRLF") => "\r\n".to_owned(),
            Some("LF") => "\n".to_owned(),
            Some("CR") => "\r".to_owned(),
            _ => {
                self.report.error("M000", said.mark, "`line` is CRLF, LF or CR");
                default.to_owned()
            }
        }
    }
}

/// The texts of a list, or of one scalar.
fn texts(node: Option<&Node>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    let items = node.items().unwrap_or(std::slice::from_ref(node));
    items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
}
