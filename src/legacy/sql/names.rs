//! Names in a mapping → columns, along foreign keys.

use super::{List, Place, Schema, Table};
use crate::error::nearest;
use crate::legacy::json;
use crate::legacy::record::Unknown;

/// A column of the row in scope, or of a row that foreign keys lead to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The table that it is looked up in.
    pub base: u16,
    /// The foreign keys on the way.
    pub hops: Vec<Hop>,
    /// The table of the column.
    pub table: u16,
    /// The column.
    pub column: u16,
    /// The column in its row.
    pub(super) json: json::Slot,
}

/// A foreign key followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    /// Its column.
    pub column: u16,
    /// The table it leads to.
    pub table: u16,
}

impl Schema {
    /// Resolves `COL` and `COL.COL` in a row, `TABLE.COL` in the record as a whole.
    pub fn slot(&self, at: &Place, name: &str) -> Result<Slot, Unknown> {
        let mut steps = name.trim().split('.');
        let base = match at.table {
            Some(table) => table,
            None => self.named(steps.next().unwrap_or(""))?,
        };
        let (mut table, mut hops) = (base, Vec::new());
        let Some(mut step) = steps.next() else {
            let what = format!("'{}' is a table", name.trim());
            return Err(Unknown {
                what,
                hint: Some(format!("name a column: {}.COLUMN", name.trim())),
            });
        };
        for next in steps {
            let column = self.column(table, step)?;
            let Some(to) = self.leads_to(table, column) else {
                let what = format!("'{step}' of {} leads to no table", self.name(table));
                let hint =
                    format!("write `-> TABLE` behind {step} in the schema if it is a foreign key");
                return Err(Unknown { what, hint: Some(hint) });
            };
            hops.push(Hop { column, table: to });
            (table, step) = (to, next);
        }
        let column = self.column(table, step)?;
        Ok(self.slot_of(base, hops, table, column))
    }

    /// The slot of a column, along these foreign keys.
    pub fn slot_of(&self, base: u16, hops: Vec<Hop>, table: u16, column: u16) -> Slot {
        let of = &self.tables[usize::from(table)];
        let name = &of.columns[usize::from(column)].name;
        let json = self.json.member(&of.name, name);
        Slot { base, hops, table, column, json }
    }

    /// The slots of a table's key.
    pub fn key_slots(&self, table: u16) -> Vec<Slot> {
        let key = &self.tables[usize::from(table)].key;
        key.iter().map(|column| self.slot_of(table, Vec::new(), table, *column)).collect()
    }

    /// The table whose key a column holds.
    pub fn leads_to(&self, table: u16, column: u16) -> Option<u16> {
        let this = &self.tables[usize::from(table)];
        let part = this.part_of.filter(|part| part.by == column).map(|part| part.table);
        part.or(this.columns[usize::from(column)].to)
    }

    /// Resolves a table, or `TABLE distinct COLUMN [latest COLUMN]`. A part is resolved in the place
    /// of its parent.
    pub fn list(&self, _at: &Place, name: &str) -> Result<(List, Place), Unknown> {
        let words: Vec<&str> = name.split_whitespace().collect();
        let (&table, rest) = words
            .split_first()
            .ok_or_else(|| Unknown { what: "a table was expected".to_owned(), hint: None })?;
        let table = self.named(table)?;
        let place = Place { table: Some(table) };
        let (column, latest) = match rest {
            [] => return Ok((List::Rows(table), place)),
            ["distinct", column] => (*column, None),
            ["distinct", column, "latest", latest] => (*column, Some(*latest)),
            _ => {
                let what = format!("'{}' names no rows", name.trim());
                let hint = Some("write TABLE, or TABLE distinct COLUMN latest COLUMN".to_owned());
                return Err(Unknown { what, hint });
            }
        };
        let column = self.column(table, column)?;
        let latest = latest.map(|latest| self.column(table, latest)).transpose()?;
        Ok((List::Distinct { table, column, latest }, place))
    }

    /// The tables from the root to this one, each a part of the one before.
    pub fn line(&self, table: u16) -> Vec<u16> {
        let mut line = vec![table];
        while let Some(part) = line.last().and_then(|t| self.tables[usize::from(*t)].part_of) {
            if line.contains(&part.table) {
                break;
            }
            line.push(part.table);
        }
        line.reverse();
        line
    }

    /// `TABLE.COLUMN`.
    pub fn canonical(&self, _at: &Place, slot: &Slot) -> String {
        let table = &self.tables[usize::from(slot.table)];
        format!("{}.{}", table.name, table.columns[usize::from(slot.column)].name)
    }

    /// The names of all columns.
    pub fn slots(&self) -> Vec<String> {
        let all = self.tables.iter().flat_map(|table| {
            table.columns.iter().map(|column| format!("{}.{}", table.name, column.name))
        });
        all.collect()
    }

    /// Whether a column, by its canonical name, tells rows apart or relates them.
    pub fn reads_itself(&self, name: &str) -> bool {
        let Some((table, column)) = name.split_once('.') else { return false };
        let Some(number) = self.table(table) else { return false };
        let table = &self.tables[usize::from(number)];
        table.column(column).is_some_and(|column| {
            table.key.contains(&column) || self.leads_to(number, column).is_some()
        })
    }

    /// The name of a table.
    pub fn name(&self, table: u16) -> &str {
        &self.tables[usize::from(table)].name
    }

    fn named(&self, name: &str) -> Result<u16, Unknown> {
        self.table(name).ok_or_else(|| Unknown {
            what: format!("the schema has no table '{name}'"),
            hint: nearest(name, self.tables.iter().map(|t| t.name.as_str()))
                .map(|near| format!("did you mean '{near}'?")),
        })
    }

    fn column(&self, table: u16, name: &str) -> Result<u16, Unknown> {
        let this: &Table = &self.tables[usize::from(table)];
        this.column(name).ok_or_else(|| Unknown {
            what: format!("{} has no column '{name}'", this.name),
            hint: nearest(name, this.columns.iter().map(|c| c.name.as_str()))
                .map(|near| format!("did you mean '{near}'?")),
        })
    }
}

impl Place {
    /// The table whose rows stand here.
    pub fn table(&self) -> Option<u16> {
        self.table
    }
}
