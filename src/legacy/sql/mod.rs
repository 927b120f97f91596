//! Rows of a database in their interchange form, a JSON object: `{"V_MZJZJL": [{…}], "V_MZZD": [{…}, …],
//! "lookup": {"V_BRJBXX": [{…}]}}`.
//!
//! A record is a root row with the rows that are part of it; below `lookup` stand rows of other
//! records that its foreign keys lead to: they are read and never written. It is read and edited by
//! [`super::json`], so a value that is not written stays as it is. [`statements`] turns the record
//! before and after a put into SQL. Nothing here talks to a database.

mod edit;
mod names;
mod rows;
mod statements;
#[cfg(test)]
mod tests;
mod types;

use std::sync::Arc;

use super::charset::{Charset, Charsets};
use super::json;
use super::record::{File, Record};
use crate::error::Result;
pub use edit::Editor;
pub use names::{Hop, Slot};
pub use rows::Rows;
pub use statements::{Param, Statement, statements};
pub use types::{Column, Part, Rights, Table, Type, TypeKind};

/// The key of an interchange record below which rows of other records stand.
pub const LOOKUP: &str = "lookup";

/// What the tables look like; made from `schema.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// The tables, parents before their parts.
    pub tables: Arc<Vec<Table>>,
    /// What becomes of statements.
    pub write: Policy,
    /// The same as JSON.
    json: Arc<json::Schema>,
}

/// `put.write`: what becomes of the statements of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// They are not made.
    None,
    /// They wait in the outbox until somebody releases them.
    #[default]
    Outbox,
    /// They are run.
    Update,
}

/// The static kind of a scope: a row of this table, or the record as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    table: Option<u16>,
}

/// A resolved list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum List {
    /// The record's own rows of a table; those that are part of the row around them.
    Rows(u16),
    /// One row per value of a column: the first, or that with the latest time in another column.
    Distinct {
        /// The table.
        table: u16,
        /// Its column.
        column: u16,
        /// The column whose latest row speaks.
        latest: Option<u16>,
    },
}

impl Schema {
    /// A schema of these tables.
    pub fn new(tables: Vec<Table>, write: Policy) -> Schema {
        let json = json::Schema {
            lines: true,
            nulls: Vec::new(),
            fields: tables.iter().map(Table::field).collect(),
            ..json::Schema::default()
        };
        Schema { tables: Arc::new(tables), write, json: Arc::new(json) }
    }

    /// The place of the record as a whole.
    pub fn root(&self) -> Place {
        Place::default()
    }

    /// Reads records, one JSON object each, always in UTF-8. A record whose rows have no key, or one
    /// key twice, is broken.
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        let charsets = Charsets { channel: Some(Charset::Utf8), ..*charsets };
        let read = self.json.read_unchecked(bytes, &charsets)?;
        let mut file = File { text: read.text, records: Vec::new(), broken: read.broken };
        for record in read.records {
            let Record::Json(object) = record else { continue };
            let span = object.span();
            match Rows::new(self, object, file.records.len() as u32) {
                Ok(rows) => file.records.push(Record::Sql(rows)),
                Err(error) => file.broken.push((span, error)),
            }
        }
        Ok(file)
    }

    /// A record without rows.
    pub fn blank(&self) -> File {
        let empty = || File {
            text: super::Text::fresh("", Charset::Utf8),
            records: Vec::new(),
            broken: Vec::new(),
        };
        self.read(b"{}\n", &Charsets::default()).unwrap_or_else(|_| empty())
    }

    /// A table by name.
    pub fn table(&self, name: &str) -> Option<u16> {
        self.tables.iter().position(|t| t.name == name).map(|n| n as u16)
    }
}
