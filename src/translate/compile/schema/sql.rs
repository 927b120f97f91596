//! `schema: sql`: tables, columns, types, keys and relations; and what `put` grants on them.

use std::sync::Arc;

use super::{Legacy, texts};
use crate::legacy::Schema;
use crate::legacy::sql::{self, Column, Part, Policy, Rights, Table, Type, TypeKind};
use crate::translate::compile::Source;
use crate::translate::compile::load::{Doc, Loader};
use crate::translate::compile::text::{call, did_you_mean, quoted, split_word, words};
use crate::yaml::{Mark, Node};

pub(super) const SQL_KEYS: &[&str] = &["schema", "charset", "types", "tables"];
const TABLE_KEYS: &[&str] =
    &["title", "key", "unique", "index", "watermark", "part of", "void", "columns"];
const TYPE_KEYS: &[&str] = &["time", "chars", "pattern", "values"];

/// Types there are without `types:`.
pub(super) const KINDS: &[(&str, TypeKind)] = &[
    ("text", TypeKind::Text),
    ("code", TypeKind::Text),
    ("cnid", TypeKind::Text),
    ("int", TypeKind::Int),
    ("decimal", TypeKind::Decimal),
];

impl Loader<'_> {
    /// Reads the schema of tables.
    pub(super) fn sql(&mut self, doc: &Doc, mark: Mark) -> Option<Legacy> {
        let Some(named) = doc.get("schema") else {
            let hint = "write schema: schema.yaml";
            self.report.error_hint("M000", mark, "a sql source needs a schema", hint);
            return None;
        };
        let node = self.schema_file(named, "sql", SQL_KEYS)?;
        let types = self.types(&node);
        let empty = Vec::new();
        let said = node.get("tables").and_then(Node::entries).unwrap_or(&empty);
        if said.is_empty() {
            let hint = "write tables: { TABLE: { key: …, columns: … } }";
            self.report.error_hint("M000", node.mark, "the schema has no tables", hint);
            return None;
        }
        let names: Vec<&str> = said.iter().map(|(key, _)| key.text.as_str()).collect();
        let mut tables = Vec::new();
        for (key, facts) in said {
            self.known_keys(facts, TABLE_KEYS, "table");
            let title = facts.get("title").and_then(Node::text).unwrap_or("").to_owned();
            let mut table = Table { name: key.text.clone(), title, ..Table::default() };
            let columns = facts.get("columns").and_then(Node::entries).unwrap_or(&empty);
            for (name, column) in columns {
                let made = self.sql_column(&name.text, column, &types, &names);
                table.columns.push(made);
            }
            self.table_facts(&mut table, facts, &names, key.mark);
            tables.push(table);
        }
        self.check_relations(&tables, said);
        let write = self.rights(doc, &mut tables);
        let secret = tables.iter().flat_map(|table| {
            let secret = table.columns.iter().filter(|c| c.secret);
            secret.map(move |column| format!("{}.{}", table.name, column.name))
        });
        let secret = secret.collect();
        let schema = Schema::Sql(sql::Schema::new(tables, write));
        Some(Legacy { schema, source: Source::Sql, header: Vec::new(), secret })
    }

    fn known_keys(&mut self, node: &Node, known: &[&str], what: &str) {
        for (key, _) in node.entries().unwrap_or_default() {
            if !known.contains(&key.text.as_str()) {
                let hint = did_you_mean(&key.text, known.iter().copied())
                    .unwrap_or_else(|| format!("the keys are: {}", known.join(", ")));
                let text = format!("'{}' says nothing about a {what}", key.text);
                self.report.error_hint("M000", key.mark, text, hint);
            }
        }
    }

    /// `types: { day: { time: [yyyy-MM-dd, …] }, flag: { values: ["0", "1"] } }`.
    fn types(&mut self, node: &Node) -> Vec<Arc<Type>> {
        let plain = |(name, kind): &(&str, TypeKind)| {
            Arc::new(Type { name: (*name).to_owned(), kind: *kind, ..Type::default() })
        };
        let mut types: Vec<Arc<Type>> = KINDS.iter().map(plain).collect();
        let empty = Vec::new();
        for (key, facts) in node.get("types").and_then(Node::entries).unwrap_or(&empty) {
            self.known_keys(facts, TYPE_KEYS, "type");
            let mut made = Type { name: key.text.clone(), ..Type::default() };
            made.times = texts(facts.get("time"));
            made.values = texts(facts.get("values"));
            made.ascii = facts.get("chars").and_then(Node::text) == Some("ascii");
            if let Some(pattern) = facts.get("pattern") {
                match regex::Regex::new(pattern.text().unwrap_or("")) {
                    Ok(regex) => made.pattern = Some(regex),
                    Err(_) => {
                        let what = "this is no pattern";
                        let hint = "see https://docs.rs/regex/latest/regex/#syntax";
                        self.report.error_hint("M000", pattern.mark, what, hint);
                    }
                }
            }
            types.push(Arc::new(made));
        }
        types
    }

    /// `type(width) [max n] [required] [secret] [null "marker" …] [-> TABLE]`.
    fn sql_column(
        &mut self,
        name: &str,
        node: &Node,
        types: &[Arc<Type>],
        tables: &[&str],
    ) -> Column {
        let mut made = Column { name: name.to_owned(), ..Column::default() };
        let words = words(node.text().unwrap_or(""));
        let mut rest = words.as_slice();
        if let [kind, more @ ..] = rest {
            let (kind, width) = call(kind).map_or((*kind, ""), |(kind, width)| (kind, width));
            match types.iter().rfind(|t| t.name == kind) {
                Some(found) => made.kind = found.clone(),
                None => {
                    let names = types.iter().map(|t| t.name.as_str());
                    let hint = did_you_mean(kind, names)
                        .unwrap_or_else(|| "declare it under `types:`".to_owned());
                    let at = self.report.within(node.mark, kind);
                    self.report.error_hint("M000", at, format!("'{kind}' is no type"), hint);
                }
            }
            made.width = width.trim().parse().ok();
            made.secret = kind == "cnid";
            rest = more;
        }
        while let [word, more @ ..] = rest {
            rest = more;
            match (*word, more) {
                ("required", _) => made.required = true,
                ("secret", _) => made.secret = true,
                ("max", [n, after @ ..]) if n.parse::<usize>().is_ok() => {
                    made.max = n.parse().ok();
                    rest = after;
                }
                ("null", _) => {
                    let markers = rest.iter().map_while(|m| quoted(m));
                    made.nulls = markers.map(str::to_owned).collect();
                    rest = &rest[made.nulls.len()..];
                }
                ("->", [table, after @ ..]) => {
                    made.to = tables.iter().position(|t| t == table).map(|n| n as u16);
                    if made.to.is_none() {
                        self.no_table(table, node.mark, tables);
                    }
                    rest = after;
                }
                (word, _) => {
                    let hint = "write type(width) [max n] [required] [secret] [null \"marker\" …] [-> TABLE]";
                    let at = self.report.within(node.mark, word);
                    let what = format!("'{word}' says nothing about a column");
                    self.report.error_hint("M000", at, what, hint);
                }
            }
        }
        made
    }

    fn no_table(&mut self, table: &str, mark: Mark, tables: &[&str]) {
        let hint = did_you_mean(table, tables.iter().copied())
            .unwrap_or_else(|| "it is not under `tables:`".to_owned());
        let at = self.report.within(mark, table);
        self.report.error_hint("M013", at, format!("the schema has no table '{table}'"), hint);
    }

    fn column_of(&mut self, table: &Table, name: &str, mark: Mark) -> Option<u16> {
        let found = table.column(name);
        if found.is_none() {
            let names = table.columns.iter().map(|c| c.name.as_str());
            let hint = did_you_mean(name, names)
                .unwrap_or_else(|| "add it to the table's `columns`".to_owned());
            let at = self.report.within(mark, name);
            let what = format!("{} has no column '{name}'", table.name);
            self.report.error_hint("M013", at, what, hint);
        }
        found
    }

    fn columns_of(&mut self, table: &Table, text: &str, mark: Mark) -> Vec<u16> {
        words(text).iter().filter_map(|name| self.column_of(table, name, mark)).collect()
    }

    /// The keys, relations and clocks of a table.
    fn table_facts(&mut self, table: &mut Table, facts: &Node, tables: &[&str], mark: Mark) {
        match facts.get("key") {
            Some(key) => table.key = self.columns_of(table, key.text().unwrap_or(""), key.mark),
            None => {
                let what = format!("{} has no `key`", table.name);
                let hint = "name the columns that name a row: key: A B";
                self.report.error_hint("M000", mark, what, hint);
            }
        }
        for (name, of_table) in [("unique", true), ("index", false)] {
            let Some(node) = facts.get(name) else { continue };
            for item in node.items().unwrap_or(std::slice::from_ref(node)) {
                let columns = self.columns_of(table, item.text().unwrap_or(""), item.mark);
                match of_table {
                    true => table.unique.push(columns),
                    false => table.index.push(columns),
                }
            }
        }
        if let Some(node) = facts.get("watermark") {
            for one in split_word(node.text().unwrap_or(""), "or") {
                match words(one).as_slice() {
                    [column, "overlap", time] if is_duration(time) => {
                        if let Some(column) = self.column_of(table, column, node.mark) {
                            table.watermark.push((column, (*time).to_owned()));
                        }
                    }
                    _ => {
                        let hint = "write watermark: COLUMN overlap 10m [or COLUMN overlap 7d]";
                        let at = self.report.within(node.mark, one);
                        self.report.error_hint("M000", at, "this is no watermark", hint);
                    }
                }
            }
        }
        if let Some(node) = facts.get("part of") {
            match words(node.text().unwrap_or("")).as_slice() {
                [parent, "by", column] => {
                    let by = self.column_of(table, column, node.mark);
                    let at = tables.iter().position(|t| t == parent).map(|n| n as u16);
                    if at.is_none() {
                        self.no_table(parent, node.mark, tables);
                    }
                    table.part_of = at.zip(by).map(|(table, by)| Part { table, by });
                }
                _ => {
                    let hint = "write part of: TABLE by COLUMN";
                    self.report.error_hint("M000", node.mark, "this names no parent", hint);
                }
            }
        }
        if let Some(node) = facts.get("void") {
            let (column, value) = node.text().unwrap_or("").split_once('=').unwrap_or(("", ""));
            if column.trim().is_empty() || value.trim().is_empty() {
                let hint = "write void: COLUMN = VALUE";
                self.report.error_hint("M000", node.mark, "this does not say what is void", hint);
            } else if let Some(column) = self.column_of(table, column.trim(), node.mark) {
                table.void = Some((column, value.trim().to_owned()));
            }
        }
    }

    /// A relation leads to a table whose key is one column; parents are no parts of their parts.
    fn check_relations(&mut self, tables: &[Table], said: &[(crate::yaml::Key, Node)]) {
        for (table, (key, _)) in tables.iter().zip(said) {
            let to = table.columns.iter().filter_map(|c| c.to);
            for to in to.chain(table.part_of.map(|part| part.table)) {
                let to = &tables[usize::from(to)];
                if to.key.len() > 1 {
                    let what = format!(
                        "{} refers to {}, whose key has {} columns",
                        table.name,
                        to.name,
                        to.key.len()
                    );
                    let hint = "a relation leads to a key of one column";
                    self.report.error_hint("M030", key.mark, what, hint);
                }
            }
            let mut seen = vec![&table.name];
            let mut at = table.part_of;
            while let Some(part) = at {
                let parent = &tables[usize::from(part.table)];
                if seen.contains(&&parent.name) {
                    let what = format!("{} is part of itself", table.name);
                    self.report.error("M030", key.mark, what);
                    break;
                }
                seen.push(&parent.name);
                at = parent.part_of;
            }
        }
    }

    /// What `put:` grants on tables: `write: outbox`, `TABLE: insert update void` (M033).
    fn rights(&mut self, doc: &Doc, tables: &mut [Table]) -> Policy {
        let mut policy = Policy::default();
        let Some(put) = doc.get("put") else { return policy };
        for (key, value) in put.entries().unwrap_or_default() {
            let text = value.text().unwrap_or("");
            if key.text == "write" {
                policy = match text {
                    "none" => Policy::None,
                    "outbox" => Policy::Outbox,
                    "update" => Policy::Update,
                    _ => {
                        let what = "`write` is none, outbox or update";
                        self.report.error("M000", value.mark, what);
                        policy
                    }
                };
            }
            let Some(table) = tables.iter_mut().find(|t| t.name == key.text) else { continue };
            for word in words(text) {
                let Rights { insert, update, void } = &mut table.rights;
                match word {
                    "insert" => *insert = true,
                    "update" => *update = true,
                    "void" => *void = true,
                    word => {
                        let what = format!("'{word}' is nothing that put may do to a row");
                        let hint = "write insert, update, void; no row is ever deleted";
                        let at = self.report.within(value.mark, word);
                        self.report.error_hint("M000", at, what, hint);
                    }
                }
            }
            if table.rights.void && table.void.is_none() {
                let what = format!("nothing says when a row of {} is void", table.name);
                let hint = "write void: COLUMN = VALUE at the table in the schema";
                self.report.error_hint("M033", value.mark, what, hint);
            }
        }
        policy
    }
}

/// `10m`, `7d`.
fn is_duration(text: &str) -> bool {
    let digits = text.trim_end_matches(['s', 'm', 'h', 'd']);
    text.len() == digits.len() + 1
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
}
