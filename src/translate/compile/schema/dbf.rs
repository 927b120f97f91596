//! `schema: dbf`: the fields of a table.

use super::Legacy;
use super::row::{column, rows};
use crate::legacy::dbf::{self, Field, Table};
use crate::legacy::row::{Column, ColumnKind, Form};
use crate::legacy::{Charset, Schema};
use crate::translate::compile::load::{Doc, Loader};
use crate::translate::compile::text::{call, words};
use crate::yaml::{Mark, Node};

pub(super) const DBF_KEYS: &[&str] =
    &["schema", "version", "language_driver", "pad", "overflow", "nulls", "fields"];

/// Widest text field of new tables.
const MOST_WIDTH: usize = 254;
/// Most fields of a table, as FoxPro has it.
const MOST_FIELDS: usize = 255;

impl Loader<'_> {
    /// Reads the schema of a table.
    pub(super) fn dbf(&mut self, doc: &Doc, mark: Mark) -> Option<Legacy> {
        let node = self.row_schema(doc, mark, "dbf", DBF_KEYS)?;
        let version = self.version(&node);
        let driver = self.driver(&node);
        let charset = dbf::driver_charset(driver);
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        let said = node.get("fields").and_then(Node::entries).unwrap_or_default();
        for (key, facts) in said {
            let Some((column, kind, decimals)) = self.field(&key.text, facts) else { continue };
            let width = column.max.unwrap_or(0);
            let charset = charset.unwrap_or(Charset::Gbk);
            let Some(field) = Field::new(&key.text, kind, width, decimals, charset) else {
                let hint = format!("a name has 1 to 10 bytes in {}", charset.name());
                let what = format!("'{}' is no name of a field", key.text);
                self.report.error_hint("M000", key.mark, what, hint);
                continue;
            };
            fields.push(field);
            columns.push(column);
        }
        if fields.is_empty() || fields.len() > MOST_FIELDS {
            let what = format!("a table has 1 to {MOST_FIELDS} fields");
            self.report.error_hint("M000", node.mark, what, "write fields: { NAME: C(20), … }");
            return None;
        }
        self.padding(&node);
        columns.push(column(dbf::DELETED));
        let table = Table { version, driver, fields };
        let mut legacy = rows(doc, &node, columns, Form::Dbf(table), true);
        if let (Schema::Row(schema), Some(charset)) = (&mut legacy.schema, charset) {
            schema.charset = charset;
        }
        Some(legacy)
    }

    /// `C(20) required secret null "-"`, `N(8,2)`, `D(8)`, `L(1)`.
    fn field(&mut self, name: &str, node: &Node) -> Option<(Column, u8, u8)> {
        let words = words(node.text().unwrap_or(""));
        let (first, rest) = words.split_first().map_or(("", &[][..]), |(f, rest)| (*f, rest));
        let (kind, width) = call(first).unwrap_or((first, ""));
        let (width, decimals) = width.split_once(',').unwrap_or((width, "0"));
        let decimals: Option<u8> = decimals.trim().parse().ok();
        let width: Option<usize> = if width.is_empty() {
            match kind {
                "D" => Some(8),
                "L" => Some(1),
                _ => None,
            }
        } else {
            width.trim().parse().ok()
        };
        let fits = |width: usize, decimals: u8| match kind {
            "C" => (1..=MOST_WIDTH).contains(&width) && decimals == 0,
            "N" | "F" => {
                (1..=20).contains(&width) && (decimals == 0 || usize::from(decimals) + 2 <= width)
            }
            "D" => width == 8 && decimals == 0,
            "L" => width == 1 && decimals == 0,
            _ => false,
        };
        let (Some(width), Some(decimals)) =
            (width, decimals.filter(|d| width.is_some_and(|w| fits(w, *d))))
        else {
            let hint = "write C(1..254), N(width,decimals), F(width,decimals), D(8) or L(1)";
            let at = self.report.within(node.mark, first);
            self.report.error_hint("M000", at, format!("'{first}' is no field type"), hint);
            return None;
        };
        let mut made = column(name);
        made.max = Some(width);
        match kind {
            "D" => {
                made.kind = ColumnKind::Date;
                made.nulls = Some(vec![String::new(), "00000000".to_owned()]);
            }
            "N" | "F" if decimals == 0 => made.kind = ColumnKind::Int,
            "N" | "F" => made.kind = ColumnKind::Decimal,
            "L" => made.kind = ColumnKind::Code,
            _ => {}
        }
        self.column_words(&mut made, node, rest);
        Some((made, kind.as_bytes()[0], decimals))
    }

    /// `version: "3"`: dBase III, or 30 for FoxPro.
    fn version(&mut self, node: &Node) -> u8 {
        match node.get("version").map(|n| (n.mark, n.text().unwrap_or(""))) {
            None | Some((_, "3")) => 0x03,
            Some((_, "30")) => 0x30,
            Some((mark, _)) => {
                let hint = "write version: \"3\" (dBase III), or \"30\" (FoxPro)";
                self.report.error_hint("M000", mark, "unknown version of DBF", hint);
                0x03
            }
        }
    }

    /// `language_driver: "4D"`.
    fn driver(&mut self, node: &Node) -> u8 {
        let Some(said) = node.get("language_driver") else { return 0x4D };
        let driver = said.text().and_then(|text| u8::from_str_radix(text, 16).ok());
        if driver.is_none_or(|d| d != 0 && dbf::driver_charset(d).is_none()) {
            let hint = "write language_driver: \"4D\" (code page 936), \"4F\" (950), \"03\" (1252) or \"00\"";
            self.report.error_hint("M000", said.mark, "unknown language driver", hint);
        }
        driver.unwrap_or(0x4D)
    }
}
