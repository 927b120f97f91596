//! Reading a record: rows, their parents, and the rows that foreign keys lead to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::{LOOKUP, List, Schema, Slot};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::Text;
use crate::legacy::json::{self, NodeKind, Object};
use crate::legacy::record::{Read, Scope, Span};

/// A root row with its parts.
#[derive(Debug, Clone)]
pub struct Rows {
    pub(super) object: Object,
    pub(super) shared: Arc<Shared>,
    index: u32,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub schema: Schema,
    /// The record's own rows, by table.
    pub own: Vec<Vec<u32>>,
    /// Rows by table and key, own ones and others.
    by_key: HashMap<(u16, String), u32>,
    /// Own rows → the table they stand in, and the row they are part of.
    of: HashMap<u32, (u16, Option<u32>)>,
}

/// Stands between the columns of a key.
const BETWEEN: char = '\u{1f}';

impl Rows {
    pub(super) fn new(schema: &Schema, object: Object, index: u32) -> Result<Rows> {
        let mut shared = Shared {
            schema: schema.clone(),
            own: vec![Vec::new(); schema.tables.len()],
            by_key: HashMap::new(),
            of: HashMap::new(),
        };
        let root = object.root();
        shared.take(&object, root, true)?;
        if let Some(lookup) = object.member(root, LOOKUP) {
            shared.take(&object, lookup, false)?;
        }
        shared.relate(&object);
        Ok(Rows { object, shared: Arc::new(shared), index })
    }

    /// The text of the file.
    pub fn text(&self) -> &Arc<Text> {
        self.object.text()
    }

    /// The record.
    pub fn span(&self) -> Span {
        self.object.span()
    }

    /// Reads a column; SQL NULL and its null markers are absent.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        let Some(node) = self.row(at, slot) else { return Read::Absent };
        self.object.read(Scope { node, ..Scope::default() }, &slot.json)
    }

    /// Where a value stands.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        let node = self.row(at, slot).unwrap_or(at.node);
        self.object.slot_span(Scope { node, ..Scope::default() }, &slot.json)
    }

    /// Appends rows: all of a table, or those that are part of the row in scope.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        let scope = |node: &u32| Scope { node: *node, ..Scope::default() };
        match list {
            List::Rows(table) => {
                let rows = self.shared.own[usize::from(*table)].iter();
                let mine = rows.filter(|row| {
                    let parent = self.shared.of.get(row).and_then(|(_, parent)| *parent);
                    at.node == 0 || parent == Some(at.node)
                });
                out.extend(mine.map(scope));
            }
            List::Distinct { table, column, latest } => {
                let mut found: Vec<(String, Vec<u64>, u32)> = Vec::new();
                for row in &self.shared.own[usize::from(*table)] {
                    let Some(value) = self.column(*row, *table, *column) else { continue };
                    let time = latest.and_then(|c| self.column(*row, *table, c));
                    let time = time.map_or(Vec::new(), |text| moment(&text));
                    match found.iter_mut().find(|(v, ..)| *v == value) {
                        Some((_, last, at)) if time > *last => (*last, *at) = (time, *row),
                        Some(_) => {}
                        None => found.push((value.into_owned(), time, *row)),
                    }
                }
                out.extend(found.iter().map(|(.., row)| scope(row)));
            }
        }
    }

    /// Whether `inner` is `outer` or a part of it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        let mut at = Some(inner.node);
        while let Some(node) = at {
            if node == outer.node || outer.node == 0 {
                return true;
            }
            at = self.shared.of.get(&node).and_then(|(_, parent)| *parent);
        }
        false
    }

    /// `line`, `index`.
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "index" => Some(Cow::Owned(self.index.to_string())),
            other => self.object.about(other),
        }
    }

    /// Calls `f` with every value of the record's own rows. Rows of other records are not its data.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        self.object.each_value(&mut |path, text| {
            let below = |name: &str| path.strip_prefix(name).is_some_and(|r| r.starts_with('/'));
            if !below(LOOKUP) {
                f(&path.replacen('/', ".", 1), text);
            }
        });
    }

    /// Starts editing.
    pub fn edit(&self) -> super::Editor<'_> {
        super::Editor::new(self)
    }

    /// The row that holds a slot's column.
    pub(super) fn row(&self, at: Scope, slot: &Slot) -> Option<u32> {
        let first = || self.shared.own[usize::from(slot.base)].first().copied();
        let from = if at.node == 0 { first()? } else { at.node };
        let mut table = slot.base;
        let mut node = from;
        for hop in &slot.hops {
            let value = self.column(node, table, hop.column)?;
            node = self.row_by(hop.table, &value)?;
            table = hop.table;
        }
        Some(node)
    }

    /// The row whose key, if it is this column, has a value; and whether it is the record's own.
    pub fn row_named(&self, column: &Slot, value: &str) -> Option<(Scope, bool)> {
        let table = &self.shared.schema.tables[usize::from(column.table)];
        if table.key != [column.column] {
            return None;
        }
        let node = self.row_by(column.table, value)?;
        Some((Scope { node, ..Scope::default() }, self.owns(node)))
    }

    /// The row of a table with this key, also one of another record.
    pub(crate) fn row_by(&self, table: u16, key: &str) -> Option<u32> {
        self.shared.by_key.get(&(table, key.to_owned())).copied()
    }

    /// Whether a row is the record's own.
    pub(crate) fn owns(&self, node: u32) -> bool {
        self.shared.of.contains_key(&node)
    }

    pub(super) fn column(&self, row: u32, table: u16, column: u16) -> Option<Cow<'_, str>> {
        self.shared.column(&self.object, row, table, column)
    }
}

impl Shared {
    /// Takes note of the rows below an object.
    fn take(&mut self, object: &Object, node: u32, own: bool) -> Result<()> {
        let members = object.node(node).map_or(&[][..], |n| n.children.as_slice());
        for member in members {
            let name = object.key(*member).unwrap_or_default();
            let Some(table) = self.schema.table(&name) else { continue };
            let rows = object.node(*member).filter(|n| n.kind == NodeKind::Array);
            let Some(rows) = rows else {
                return Err(wrong(object, *member, format!("{name} is no array of rows")));
            };
            for row in &rows.children {
                if object.node(*row).is_none_or(|n| n.kind != NodeKind::Object) {
                    return Err(wrong(object, *row, format!("a row of {name} is no object")));
                }
                let Some(key) = self.key(object, *row, table) else {
                    return Err(wrong(object, *row, format!("a row of {name} has no key")));
                };
                let shown = key.replace(BETWEEN, " ");
                if self.by_key.insert((table, key), *row).is_some() {
                    let what = format!("two rows of {name} have the key {shown}");
                    return Err(wrong(object, *row, what));
                }
                if own {
                    self.own[usize::from(table)].push(*row);
                    self.of.insert(*row, (table, None));
                }
            }
        }
        Ok(())
    }

    fn relate(&mut self, object: &Object) {
        for (table, rows) in self.own.iter().enumerate() {
            let Some(part) = self.schema.tables[table].part_of else { continue };
            for row in rows {
                let key = self.column(object, *row, table as u16, part.by);
                let parent =
                    key.and_then(|key| self.by_key.get(&(part.table, key.into_owned())).copied());
                self.of.insert(*row, (table as u16, parent));
            }
        }
    }

    /// The values of a row's key.
    pub fn key(&self, object: &Object, row: u32, table: u16) -> Option<String> {
        let key = &self.schema.tables[usize::from(table)].key;
        let values: Option<Vec<Cow<'_, str>>> =
            key.iter().map(|column| self.column(object, row, table, *column)).collect();
        values.filter(|v| !v.is_empty()).map(|values| values.join(&BETWEEN.to_string()))
    }

    fn column<'o>(
        &self,
        object: &'o Object,
        row: u32,
        table: u16,
        column: u16,
    ) -> Option<Cow<'o, str>> {
        let column = &self.schema.tables[usize::from(table)].columns[usize::from(column)];
        let text = object.scalar(object.member(row, &column.name)?)?;
        let nothing = text.trim().is_empty() || column.nulls.iter().any(|n| n == text.trim());
        (!nothing).then_some(text)
    }
}

fn wrong(object: &Object, node: u32, what: String) -> Error {
    Error::new(Kind::Structure, what).at(json::place_of(object, node))
}

/// The numbers of a date and time, whatever its spelling: `2026/3/1 10:02` is after `20260228`.
fn moment(text: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = Vec::new();
    let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|d| !d.is_empty());
    for (n, run) in digits.enumerate() {
        if n == 0 && run.len() >= 8 {
            // 20260303093000: year, then pairs.
            numbers.extend(run.get(..4).and_then(|y| y.parse::<u64>().ok()));
            let pairs = run.as_bytes()[4..].chunks(2);
            numbers.extend(pairs.filter_map(|p| std::str::from_utf8(p).ok()?.parse::<u64>().ok()));
        } else {
            numbers.extend(run.parse::<u64>().ok());
        }
    }
    numbers
}
