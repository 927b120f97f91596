//! Database files: the rows of an SQLite file as interchange records, one per root row with its parts
//! and the rows that its foreign keys lead to. The file is opened for reading only.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::legacy::Schema;
use crate::legacy::sql::{self, LOOKUP};
use crate::translate::Program;

/// What an SQLite file begins with (<https://www.sqlite.org/fileformat2.html#magic_header_string>).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The bytes of an input; of an SQLite file its interchange records, if the mapping reads tables.
pub(super) fn interchange(path: &Path, program: &Program, bytes: Vec<u8>) -> Result<Vec<u8>> {
    match &program.schema {
        Schema::Sql(schema) if bytes.starts_with(MAGIC) => records(path, schema),
        _ => Ok(bytes),
    }
}

type Row = Map<String, Value>;

/// The rows of all tables.
struct Tables<'s> {
    schema: &'s sql::Schema,
    rows: Vec<Vec<Row>>,
    /// Table and key, if it is one column → row.
    by_key: HashMap<(u16, String), usize>,
    /// Part table and parent's key → rows.
    parts: HashMap<(u16, String), Vec<usize>>,
}

fn records(path: &Path, schema: &sql::Schema) -> Result<Vec<u8>> {
    let failed = |what: String| Error::new(Kind::Value, what).at(path.display().to_string());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)
        .map_err(|e| failed("the database cannot be opened".to_owned()).because(e))?;
    let mut tables =
        Tables { schema, rows: Vec::new(), by_key: HashMap::new(), parts: HashMap::new() };
    for (number, table) in schema.tables.iter().enumerate() {
        let rows = read_table(&database, table).map_err(|error| match error.place {
            Some(_) => error,
            None => error.at(path.display().to_string()),
        })?;
        tables.index(number as u16, &rows);
        tables.rows.push(rows);
    }
    let mut out = Vec::new();
    for (number, table) in schema.tables.iter().enumerate() {
        if table.part_of.is_none() {
            for row in 0..tables.rows[number].len() {
                let record = tables.record(number as u16, row);
                out.extend(serde_json::to_vec(&record).unwrap_or_default());
                out.push(b'\n');
            }
        }
    }
    Ok(out)
}

fn read_table(database: &Connection, table: &sql::Table) -> Result<Vec<Row>> {
    let missing = |what: String| {
        Error::new(Kind::NotFound, what)
            .advise("compare the schema of the mapping with the database")
    };
    let name = table.name.replace('"', "\"\"");
    let mut statement = database
        .prepare(&format!("SELECT * FROM \"{name}\""))
        .map_err(|e| missing(format!("the table {} cannot be read", table.name)).because(e))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    if let Some(column) = table.columns.iter().find(|c| !names.contains(&c.name)) {
        return Err(missing(format!("{} has no column {}", table.name, column.name)));
    }
    let mut rows = Vec::new();
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let mut map = Row::new();
        for (n, name) in names.iter().enumerate() {
            let value = match row.get_ref(n)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => match std::str::from_utf8(text) {
                    Ok(text) => text.into(),
                    Err(_) => {
                        let what = format!("{}.{name} holds a text that is not UTF-8", table.name);
                        return Err(Error::new(Kind::Structure, what));
                    }
                },
                ValueRef::Blob(_) => {
                    let what = format!("{}.{name} holds bytes, no text", table.name);
                    return Err(Error::new(Kind::NotSupported, what));
                }
            };
            map.insert(name.clone(), value);
        }
        rows.push(map);
    }
    Ok(rows)
}

impl Tables<'_> {
    fn index(&mut self, table: u16, rows: &[Row]) {
        let this = &self.schema.tables[usize::from(table)];
        let text = |row: &Row, column: u16| text(row, &this.columns[usize::from(column)].name);
        for (n, row) in rows.iter().enumerate() {
            if let [key] = this.key[..]
                && let Some(key) = text(row, key)
            {
                self.by_key.insert((table, key), n);
            }
            if let Some(part) = this.part_of
                && let Some(parent) = text(row, part.by)
            {
                self.parts.entry((table, parent)).or_default().push(n);
            }
        }
    }

    /// A root row, its parts, and what its foreign keys lead to.
    fn record(&self, table: u16, row: usize) -> Value {
        let mut own = vec![(table, row)];
        let mut next = 0;
        while let Some(&(table, row)) = own.get(next) {
            next += 1;
            own.extend(self.parts_of(table, row));
        }
        let mut seen: BTreeSet<(u16, usize)> = own.iter().copied().collect();
        let mut others = Vec::new();
        let mut open = own.clone();
        while let Some((table, row)) = open.pop() {
            for other in self.leads_to(table, row) {
                if seen.insert(other) {
                    others.push(other);
                    open.push(other);
                }
            }
        }
        others.sort_unstable();
        let mut record = self.grouped(&own);
        if !others.is_empty() {
            record.insert(LOOKUP.to_owned(), Value::Object(self.grouped(&others)));
        }
        Value::Object(record)
    }

    fn parts_of(&self, table: u16, row: usize) -> Vec<(u16, usize)> {
        let this = &self.schema.tables[usize::from(table)];
        let [key] = this.key[..] else { return Vec::new() };
        let name = &this.columns[usize::from(key)].name;
        let Some(key) = text(&self.rows[usize::from(table)][row], name) else { return Vec::new() };
        let parts = self
            .schema
            .tables
            .iter()
            .enumerate()
            .filter(|(_, other)| other.part_of.is_some_and(|part| part.table == table));
        parts
            .filter_map(|(part, _)| {
                Some((part as u16, self.parts.get(&(part as u16, key.clone()))?))
            })
            .flat_map(|(part, rows)| rows.iter().map(move |row| (part, *row)))
            .collect()
    }

    fn leads_to(&self, table: u16, row: usize) -> Vec<(u16, usize)> {
        let this = &self.schema.tables[usize::from(table)];
        let row = &self.rows[usize::from(table)][row];
        let columns = 0..this.columns.len() as u16;
        columns
            .filter_map(|column| {
                let to = self.schema.leads_to(table, column)?;
                let key = text(row, &this.columns[usize::from(column)].name)?;
                Some((to, *self.by_key.get(&(to, key))?))
            })
            .collect()
    }

    fn grouped(&self, rows: &[(u16, usize)]) -> Map<String, Value> {
        let mut record = Map::new();
        for (table, row) in rows {
            let row = Value::Object(self.rows[usize::from(*table)][*row].clone());
            let list = record
                .entry(self.schema.name(*table).to_owned())
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(row);
            }
        }
        record
    }
}

fn text(row: &Row, column: &str) -> Option<String> {
    match row.get(column)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
