//! A put as SQL: what changed between the record before and after, one statement per column or row.
//!
//! An UPDATE names the row by its key and the column by its old value, so that it hits no row if
//! somebody else was faster. Values are parameters. The dialect is the common one: `?`, and `IS NULL`
//! where NULL is compared.

use std::fmt;

use super::Rows;
use crate::error::{Error, Kind, Result};
use crate::legacy::json::NodeKind;

/// A statement and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// `UPDATE V_MZZD SET ICD10 = ? WHERE ZDLSH = ? AND ICD10 = ?`.
    pub sql: String,
    /// For each `?` its value.
    pub params: Vec<Param>,
    /// The table it writes to.
    pub table: String,
}

/// A value of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    /// NULL.
    Null,
    /// A text.
    Text(String),
    /// A number, as it is spelt.
    Number(String),
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Param::Null => f.write_str("NULL"),
            Param::Number(number) => f.write_str(number),
            Param::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
        }
    }
}

impl fmt::Display for Statement {
    /// The statement with its parameters behind it: for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sql)?;
        for (n, param) in self.params.iter().enumerate() {
            write!(f, "{} {param}", if n == 0 { "  --" } else { "," })?;
        }
        Ok(())
    }
}

/// The statements that make `before` what `after` is: updates first, in the order of the tables.
pub fn statements(before: &Rows, after: &Rows) -> Result<Vec<Statement>> {
    let schema = &before.shared.schema;
    let (mut updates, mut inserts) = (Vec::new(), Vec::new());
    for (number, table) in schema.tables.iter().enumerate() {
        let number = number as u16;
        for row in &after.shared.own[usize::from(number)] {
            let key = after.shared.key(&after.object, *row, number);
            let Some(key) = key else {
                let what = format!("a row of {} has no key", table.name);
                return Err(Error::new(Kind::Required, what));
            };
            let old = before.row_by(number, &key).filter(|old| before.owns(*old));
            match old {
                Some(old) => update(before, old, after, *row, number, &mut updates),
                None => inserts.push(insert(after, *row, number)),
            }
        }
    }
    updates.extend(inserts);
    Ok(updates)
}

fn update(before: &Rows, old: u32, after: &Rows, new: u32, number: u16, out: &mut Vec<Statement>) {
    let table = &before.shared.schema.tables[usize::from(number)];
    let mut condition = Vec::new();
    let mut key = Vec::new();
    for column in &table.key {
        let name = &table.columns[usize::from(*column)].name;
        compare(name, param(before, old, name), &mut condition, &mut key);
    }
    for column in &table.columns {
        let (was, is) = (param(before, old, &column.name), param(after, new, &column.name));
        if was == is {
            continue;
        }
        let (mut condition, mut params) = (condition.clone(), key.clone());
        compare(&column.name, was, &mut condition, &mut params);
        params.insert(0, is);
        let sql = format!(
            "UPDATE {} SET {} = ? WHERE {}",
            quoted(&table.name),
            quoted(&column.name),
            condition.join(" AND ")
        );
        out.push(Statement { sql, params, table: table.name.clone() });
    }
}

fn compare(name: &str, value: Param, condition: &mut Vec<String>, params: &mut Vec<Param>) {
    if value == Param::Null {
        condition.push(format!("{} IS NULL", quoted(name)));
    } else {
        condition.push(format!("{} = ?", quoted(name)));
        params.push(value);
    }
}

fn insert(after: &Rows, row: u32, number: u16) -> Statement {
    let table = &after.shared.schema.tables[usize::from(number)];
    let said = table.columns.iter().filter_map(|column| {
        let value = param(after, row, &column.name);
        (value != Param::Null).then(|| (quoted(&column.name), value))
    });
    let (names, params): (Vec<String>, Vec<Param>) = said.unzip();
    let marks = vec!["?"; names.len()].join(", ");
    let sql =
        format!("INSERT INTO {} ({}) VALUES ({marks})", quoted(&table.name), names.join(", "));
    Statement { sql, params, table: table.name.clone() }
}

/// A column as it is in the record, null markers included.
fn param(rows: &Rows, row: u32, column: &str) -> Param {
    let object = &rows.object;
    let Some(node) = object.member(row, column) else { return Param::Null };
    let text = object.scalar(node).map(std::borrow::Cow::into_owned);
    match (object.node(node).map(|n| n.kind), text) {
        (Some(NodeKind::Number), Some(text)) => Param::Number(text),
        (_, Some(text)) => Param::Text(text),
        (_, None) => Param::Null,
    }
}

/// A name, in quotes where it needs them.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}
