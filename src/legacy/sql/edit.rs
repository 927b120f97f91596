//! Edits of a record: changed columns, new rows, rows declared void. What the mapping was not granted
//! is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{List, Rows, Slot};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::TextEdit;
use crate::legacy::json;
use crate::legacy::record::{Scope, Write};

/// Writes to one record.
#[derive(Debug)]
pub struct Editor<'r> {
    rows: &'r Rows,
    json: json::Editor<'r>,
    /// New rows: the table of each.
    made: BTreeMap<u32, u16>,
    /// Rows that were written to.
    touched: BTreeSet<u32>,
    /// What was written to columns of rows that several lines share.
    shared: BTreeMap<(u32, u16), Option<String>>,
}

impl<'r> Editor<'r> {
    pub(super) fn new(rows: &'r Rows) -> Self {
        Editor {
            rows,
            json: rows.object.edit(),
            made: BTreeMap::new(),
            touched: BTreeSet::new(),
            shared: BTreeMap::new(),
        }
    }

    /// Writes a column of a row, as its type spells it. Keys, rows of other records and tables without
    /// the right are not written.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        let schema = &self.rows.shared.schema;
        let table = &schema.tables[usize::from(slot.table)];
        let column = &table.columns[usize::from(slot.column)];
        let name = || format!("{}.{}", table.name, column.name);
        let text = match value {
            Write::Text(text) if !text.is_empty() => Some(text),
            Write::Text(_) | Write::Null | Write::Clear => None,
        };
        let made = self.made.contains_key(&at.node) && slot.hops.is_empty();
        let node = if made { Some(at.node) } else { self.rows.row(at, slot) };
        let Some(node) = node else {
            return match text {
                None => Ok(()),
                Some(_) => {
                    let what = "there is no such row";
                    Err(Error::new(Kind::Value, what).at(name()))
                }
            };
        };
        let old = if made { None } else { self.rows.column(node, slot.table, slot.column) };
        if !made && old.as_deref() == text && !self.shared.contains_key(&(node, slot.column)) {
            if !slot.hops.is_empty() {
                self.shared.insert((node, slot.column), text.map(str::to_owned));
            }
            return self.json.write(Scope { node, ..Scope::default() }, &slot.json, value);
        }
        if !made {
            self.may_change(node, slot, &name())?;
        }
        if let Some(text) = text
            && let Some(why) = column.kind.refuses(text)
        {
            return Err(Error::new(Kind::Value, why).at(name()));
        }
        if text.is_none() && column.required {
            return Err(Error::new(Kind::Required, "the column is never empty").at(name()));
        }
        if !slot.hops.is_empty() {
            let said = self.shared.entry((node, slot.column)).or_insert(text.map(str::to_owned));
            if said.as_deref() != text {
                let what = "the rows that share it say different things";
                return Err(Error::new(Kind::Conflict, what).at(name()));
            }
        }
        self.json.write(Scope { node, ..Scope::default() }, &slot.json, value)?;
        self.touched.insert(node);
        Ok(())
    }

    fn may_change(&self, node: u32, slot: &Slot, name: &str) -> Result<()> {
        let table = &self.rows.shared.schema.tables[usize::from(slot.table)];
        if !self.rows.owns(node) {
            let what = "the row belongs to another record";
            return Err(Error::new(Kind::Forbidden, what).at(name));
        }
        if !table.rights.update {
            let what = format!("the mapping may not change {}", table.name);
            let advice = format!("grant it under `put`: {}: update", table.name);
            return Err(Error::new(Kind::Forbidden, what).at(name).advise(advice));
        }
        if table.key.contains(&slot.column) {
            return Err(Error::new(Kind::Value, "a key does not change").at(name));
        }
        Ok(())
    }

    /// A new row, part of the row in scope.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        let schema = &self.rows.shared.schema;
        let List::Rows(number) = list else {
            let what = "what is read from the newest of many rows is not written";
            return Err(Error::new(Kind::NotSupported, what));
        };
        let table = &schema.tables[usize::from(*number)];
        if !table.rights.insert {
            let what = format!("the mapping may not add rows to {}", table.name);
            let advice = format!("grant it under `put`: {}: insert", table.name);
            return Err(Error::new(Kind::Forbidden, what).advise(advice));
        }
        let rows = schema.json.rows(&table.name);
        let scope = self.json.insert(Scope::default(), &rows)?;
        self.made.insert(scope.node, *number);
        self.touched.insert(scope.node);
        if let Some(part) = table.part_of
            && at.node != 0
            && let Some(key) = self.rows.shared.key(&self.rows.object, at.node, part.table)
        {
            let slot = schema.slot_of(*number, Vec::new(), *number, part.by);
            self.json.write(scope, &slot.json, Write::Text(&key))?;
        }
        Ok(scope)
    }

    /// Declares a row void; a new one is taken back.
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        let schema = &self.rows.shared.schema;
        let (List::Rows(number) | List::Distinct { table: number, .. }) = list;
        let table = &schema.tables[usize::from(*number)];
        if self.made.remove(&item.node).is_some() {
            return self.json.remove(&schema.json.rows(&table.name), item);
        }
        let void = table.void.as_ref().filter(|_| table.rights.void);
        let (Some((column, value)), List::Rows(_)) = (void, list) else {
            let what =
                format!("rows of {} are not deleted, and may not be declared void", table.name);
            let advice = format!("grant it under `put`: {}: void", table.name);
            return Err(Error::new(Kind::Forbidden, what).advise(advice));
        };
        let slot = schema.slot_of(*number, Vec::new(), *number, *column);
        self.touched.insert(item.node);
        self.json.write(item, &slot.json, Write::Text(value))
    }

    /// Whether something of a row was written: its clock columns are to be set.
    pub fn touched(&self, at: Scope) -> bool {
        self.touched.contains(&at.node)
    }

    /// Whether a row is new.
    pub fn is_new(&self, at: Scope) -> bool {
        self.made.contains_key(&at.node)
    }

    /// The edits of the interchange form.
    pub fn finish(self) -> Result<Vec<TextEdit>> {
        self.json.finish()
    }
}
