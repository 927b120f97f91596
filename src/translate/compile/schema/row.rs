//! `schema: csv`, `schema: fixed` and `schema: xlsx`: columns, their types, and how rows are spelt.

use super::{Legacy, texts};
use crate::legacy::row::{self, Column, ColumnKind, Form};
use crate::legacy::{Charset, Schema, delimited, fixed, xlsx};
use crate::translate::compile::Source;
use crate::translate::compile::load::{Doc, Loader};
use crate::translate::compile::out::charset_named;
use crate::translate::compile::text::{call, did_you_mean, quoted, words};
use crate::yaml::{Mark, Node};

pub(super) const CSV_KEYS: &[&str] =
    &["schema", "separator", "quote", "header", "line", "nulls", "columns"];

pub(super) const FIXED_KEYS: &[&str] =
    &["schema", "widths", "line", "pad", "overflow", "nulls", "columns"];

pub(super) const XLSX_KEYS: &[&str] =
    &["schema", "sheet", "header", "header_row", "nulls", "columns"];

/// Widest column of fixed width.
const MOST_WIDTH: usize = 65_535;

/// Types of columns.
pub(super) const KINDS: &[(&str, ColumnKind)] = &[
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

impl Loader<'_> {
    /// Reads the schema of a delimited file.
    pub(super) fn csv(&mut self, doc: &Doc, mark: Mark) -> Option<Legacy> {
        let node = self.row_schema(doc, mark, "csv", CSV_KEYS)?;
        let (columns, has_header) = self.columns(&node)?;
        let dialect = delimited::Dialect {
            separator: self.one_char(&node, "separator", ','),
            quote: self.one_char(&node, "quote", '"'),
            header: has_header,
            line_end: self.line_end(&node, "\r\n"),
        };
        Some(rows(doc, &node, columns, Form::Delimited(dialect), has_header))
    }

    /// Reads the schema of a sheet of a workbook.
    pub(super) fn xlsx(&mut self, doc: &Doc, mark: Mark) -> Option<Legacy> {
        let node = self.row_schema(doc, mark, "xlsx", XLSX_KEYS)?;
        let (columns, has_header) = self.columns(&node)?;
        let mut header = has_header.then_some(0);
        if let Some(said) = node.get("header_row") {
            let number = said.text().and_then(|text| text.parse::<u32>().ok());
            if number.is_none_or(|number| number == 0) || !has_header {
                let hint = "the first row is 1; with `header: none` there is no such row";
                let what = "`header_row` is the number of the row that names the columns";
                self.report.error_hint("M000", said.mark, what, hint);
            }
            header = number;
        }
        let name = node.get("sheet").and_then(Node::text).map(str::to_owned);
        let form = Form::Xlsx(xlsx::Sheet { name, header });
        Some(rows(doc, &node, columns, form, has_header))
    }

    /// The schema file of rows.
    pub(super) fn row_schema(
        &mut self,
        doc: &Doc,
        mark: Mark,
        kind: &str,
        keys: &[&str],
    ) -> Option<Node> {
        let Some(named) = doc.get("schema") else {
            let hint = "write schema: schema.yaml";
            let what = format!("a {kind} source needs a schema");
            self.report.error_hint("M000", mark, what, hint);
            return None;
        };
        self.schema_file(named, kind, keys)
    }

    /// `header:` and `columns:`, and whether the file has a header.
    fn columns(&mut self, node: &Node) -> Option<(Vec<Column>, bool)> {
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
        Some((columns, has_header))
    }

    /// Reads the schema of a file of fixed widths.
    pub(super) fn fixed(&mut self, doc: &Doc, mark: Mark) -> Option<Legacy> {
        let node = self.row_schema(doc, mark, "fixed", FIXED_KEYS)?;
        let mut columns = Vec::new();
        for (key, facts) in node.get("columns").and_then(Node::entries).unwrap_or_default() {
            let column = self.column_facts(&key.text, facts);
            if column.max.is_none_or(|width| !(1..=MOST_WIDTH).contains(&width)) {
                let what = format!("the column '{}' has no width", key.text);
                let hint = format!("write type(width), from 1 to {MOST_WIDTH}");
                self.report.error_hint("M000", facts.mark, what, hint);
            }
            columns.push(column);
        }
        if columns.is_empty() {
            let hint = "write columns: { NAME: type(width), … }";
            self.report.error_hint("M000", node.mark, "the schema has no columns", hint);
            return None;
        }
        let unit = match node.get("widths").map(|n| (n.mark, n.text())) {
            None | Some((_, Some("bytes"))) => fixed::Unit::Bytes,
            Some((_, Some("characters"))) => fixed::Unit::Characters,
            Some((mark, _)) => {
                self.report.error("M000", mark, "`widths` are bytes or characters");
                fixed::Unit::Bytes
            }
        };
        self.padding(&node);
        let layout = fixed::Layout { unit, line_end: self.line_end(&node, "\r\n") };
        Some(rows(doc, &node, columns, Form::Fixed(layout), false))
    }

    /// `pad: right " "`, `overflow: error`: the only ones there are, and good to see.
    pub(super) fn padding(&mut self, node: &Node) {
        for (key, only) in [("pad", "right \" \""), ("overflow", "error")] {
            if let Some(said) = node.get(key)
                && said.text() != Some(only)
            {
                let what = format!("`{key}` is {only}: texts are never cut or filled otherwise");
                self.report.error("M000", said.mark, what);
            }
        }
    }

    /// `text(20) required secret null "" "-"`.
    pub(super) fn column_facts(&mut self, name: &str, node: &Node) -> Column {
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
        self.column_words(&mut made, node, rest);
        made
    }

    /// `required secret null "" "-"`.
    pub(super) fn column_words(&mut self, made: &mut Column, node: &Node, mut rest: &[&str]) {
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
}

/// The legacy side of rows.
pub(super) fn rows(
    doc: &Doc,
    node: &Node,
    columns: Vec<Column>,
    form: Form,
    header: bool,
) -> Legacy {
    let names = columns.iter().map(|c| c.name.clone()).filter(|name| !name.starts_with('$'));
    let header = if header { names.collect() } else { Vec::new() };
    let secret = columns.iter().filter(|c| c.secret).map(|c| c.name.clone()).collect();
    let nulls = node.get("nulls").map_or_else(|| vec![String::new()], |n| texts(Some(n)));
    let charset = charset_named(doc.text("charset").unwrap_or(""));
    let charset = charset.ok().flatten().unwrap_or(Charset::Utf8);
    let schema = Schema::Row(row::Schema { columns, nulls, charset, form });
    Legacy { schema, source: Source::Row, header, secret }
}

pub(super) fn column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind: ColumnKind::Text,
        max: None,
        required: false,
        secret: false,
        nulls: None,
    }
}
