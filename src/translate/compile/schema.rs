//! The legacy side: `source:` and `schema.yaml`.

use super::Source;
use super::load::{Doc, Loader, join};
use super::text::{call, did_you_mean, quoted, words};
use crate::legacy::delimited::{self, Column, ColumnKind};
use crate::legacy::xml::{self, ElementDef};
use crate::legacy::{Schema, hl7v2};
use crate::yaml::{Kind, Mark, Node};

const CSV_KEYS: &[&str] = &["schema", "separator", "quote", "header", "line", "nulls", "columns"];

const XML_KEYS: &[&str] = &["schema", "declaration", "line", "root", "elements"];

/// Types of columns.
const KINDS: &[(&str, ColumnKind)] = &[
    ("text", ColumnKind::Text),
    ("code", ColumnKind::Code),
    ("date", ColumnKind::Date),
    ("datetime", ColumnKind::DateTime),
    ("decimal", ColumnKind::Decimal),
    ("int", ColumnKind::Int),
    ("digits", ColumnKind::Text),
    ("ascii", ColumnKind::Text),
    ("cnid", ColumnKind::Cnid),
];

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
            let hint = "write source: hl7v2@2.3..2.8, csv or xml";
            self.report.error_hint("M000", doc.mark, "the mapping says no `source`", hint);
            return None;
        };
        let text = node.text().unwrap_or("");
        let (kind, versions) = text.split_once('@').unwrap_or((text, ""));
        match kind {
            "hl7v2" => self.hl7(doc, versions, node.mark),
            "csv" => self.csv(doc, node.mark),
            "xml" => self.xml(doc),
            _ => {
                let hint = did_you_mean(kind, ["hl7v2", "csv", "xml"])
                    .unwrap_or_else(|| "the sources are: hl7v2, csv, xml".to_owned());
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

    fn csv(&mut self, doc: &Doc, mark: Mark) -> Option<Legacy> {
        let Some(named) = doc.get("schema") else {
            let hint = "write schema: schema.yaml";
            self.report.error_hint("M000", mark, "a csv source needs a schema", hint);
            return None;
        };
        let node = self.schema_file(named, "csv", CSV_KEYS)?;
        let has_header = node.get("header").and_then(Node::text) != Some("none");
        let empty = Vec::new();
        let said = node.get("columns").and_then(Node::entries).unwrap_or(&empty);
        let mut columns: Vec<Column> = Vec::new();
        for name in node.get("header").and_then(Node::items).unwrap_or_default() {
            let text = name.text().unwrap_or("");
            if columns.iter().any(|c| c.name == text) {
                self.report.error("M000", name.mark, format!("the column '{text}' is named twice"));
            }
            columns.push(column(text));
        }
        for (key, facts) in said {
            let made = self.column_facts(&key.text, facts);
            match columns.iter_mut().find(|c| c.name == key.text) {
                Some(column) => *column = made,
                None if node.get("header").and_then(Node::items).is_none() => columns.push(made),
                None => {
                    let hint = did_you_mean(&key.text, columns.iter().map(|c| c.name.as_str()))
                        .unwrap_or_else(|| "add it to `header`".to_owned());
                    let what = format!("the header has no column '{}'", key.text);
                    self.report.error_hint("M013", key.mark, what, hint);
                }
            }
        }
        if columns.is_empty() {
            let hint = "write header: [COLUMN, …]";
            self.report.error_hint("M000", node.mark, "the schema has no columns", hint);
            return None;
        }
        let header =
            if has_header { columns.iter().map(|c| c.name.clone()).collect() } else { Vec::new() };
        let secret = columns.iter().filter(|c| c.secret).map(|c| c.name.clone()).collect();
        let schema = delimited::Schema {
            separator: self.one_char(&node, "separator", ','),
            quote: self.one_char(&node, "quote", '"'),
            header: has_header,
            columns,
            line_end: self.line_end(&node, "\r\n"),
            nulls: node.get("nulls").map_or_else(|| vec![String::new()], |n| texts(Some(n))),
        };
        Some(Legacy { schema: Schema::Row(schema), source: Source::Csv, header, secret })
    }

    /// `text(20) required secret null "" "-"`.
    fn column_facts(&mut self, name: &str, node: &Node) -> Column {
        let mut made = column(name);
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
            made.secret = made.kind == ColumnKind::Cnid;
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
                    let what = format!("'{word}' says nothing about a column");
                    self.report.error_hint("M000", at, what, hint);
                }
            }
        }
        made
    }

    fn xml(&mut self, doc: &Doc) -> Option<Legacy> {
        let root = doc.text("root").map(str::to_owned);
        let mut schema = xml::Schema { root, line_end: "\n".to_owned(), ..xml::Schema::default() };
        if let Some(named) = doc.get("schema") {
            let node = self.schema_file(named, "xml", XML_KEYS)?;
            if let Some(root) = node.get("root").and_then(Node::text) {
                schema.root = Some(root.to_owned());
            }
            if let (Some(said), Some(root)) = (doc.get("root"), &schema.root)
                && said.text() != Some(root)
            {
                let what = format!("the schema's root is '{root}'");
                self.report.error("M000", said.mark, what);
            }
            schema.declaration = node.get("declaration").and_then(Node::text).map(str::to_owned);
            schema.line_end = self.line_end(&node, "\n");
            if let Some(elements) = node.get("elements") {
                schema.elements = self.elements(elements);
            }
        }
        let schema = Schema::Xml(schema);
        Some(Legacy { schema, source: Source::Xml, header: Vec::new(), secret: Vec::new() })
    }

    /// `[a, b]` or `{ a: [b, c], d: {} }`: elements in the order in which they are written.
    fn elements(&mut self, node: &Node) -> Vec<ElementDef> {
        match &node.kind {
            Kind::Scalar(text, _) if text.is_empty() => Vec::new(),
            Kind::Scalar(text, _) => vec![leaf_element(text)],
            Kind::Seq(items) => items.iter().filter_map(Node::text).map(leaf_element).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, below)| ElementDef {
                    name: key.text.clone(),
                    children: self.elements(below),
                })
                .collect(),
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

    fn one_char(&mut self, node: &Node, key: &str, default: char) -> char {
        let Some(said) = node.get(key) else { return default };
        let text = match said.text() {
            Some("tab") => "\t",
            text => text.unwrap_or(""),
        };
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(one), None) => one,
            _ => {
                self.report.error("M000", said.mark, format!("`{key}` is one character, or tab"));
                default
            }
        }
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

fn column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind: ColumnKind::Text,
        max: None,
        required: false,
        secret: false,
        nulls: None,
    }
}

fn leaf_element(name: &str) -> ElementDef {
    ElementDef { name: name.to_owned(), children: Vec::new() }
}

/// The texts of a list, or of one scalar.
fn texts(node: Option<&Node>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    let items = node.items().unwrap_or(std::slice::from_ref(node));
    items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
}
