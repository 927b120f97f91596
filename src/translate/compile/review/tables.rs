//! Mappings of tables: ids that live reads turn back into keys (M024), that name one row (M026), and
//! new rows that lack a column (M033).

use super::Finding;
use crate::legacy::sql::{self, TypeKind};
use crate::legacy::{List, Place, Schema, Slot};
use crate::translate::compile::Compiling;
use crate::translate::plan::{Codec, Input, Key, KeyPart, Leaf, Pos, Rule};

/// Longest id of FHIR (<https://hl7.org/fhir/R4/datatypes.html#id>).
const LONGEST_ID: usize = 64;
/// Longest name of a party, with the dot behind it.
const PARTY: usize = 17;
/// Digits of a whole number whose width the schema does not say.
const INT: usize = 10;

impl Compiling<'_> {
    /// Reviews keys and rights.
    pub(super) fn review_tables(&self, found: &mut Vec<Finding>) {
        let Schema::Sql(schema) = &self.schema else { return };
        for rule in &self.rules {
            for key in &rule.key {
                self.review_length(rule, key, schema, found);
            }
            // What is only made where it is missing stands for no row.
            if let (Some(table), Some(key), false) =
                (table_of(rule), rule.key.first(), rule.create_only)
            {
                self.review_unique(rule, key, table, schema, found);
            }
        }
        self.review_inserts(schema, found);
    }

    /// M024: the id fits 64 characters, and nothing in it is hashed.
    fn review_length(
        &self,
        rule: &Rule,
        key: &Key,
        schema: &sql::Schema,
        found: &mut Vec<Finding>,
    ) {
        let hint = "a live source finds the row by its id: make the key of columns that are neither secret nor wide";
        let mut say = |what: String| {
            let (pos, hint) = (rule.pos, hint.to_owned());
            found.push(Finding { code: "M024", wrong: false, pos, what, hint });
        };
        match self.key_length(key, schema, 0) {
            Err(column) => say(format!("the id of '{}' is a hash: {column} is secret", rule.alias)),
            Ok(Err(column)) => say(format!(
                "the id of '{}' may be longer than {LONGEST_ID} characters: {column} has no width",
                rule.alias
            )),
            Ok(Ok(length)) if PARTY + length > LONGEST_ID => say(format!(
                "the id of '{}' may have {} characters, {LONGEST_ID} are allowed",
                rule.alias,
                PARTY + length
            )),
            Ok(Ok(_)) => {}
        }
    }

    /// Characters of space and parts. Outer error: a secret column; inner: one without width.
    fn key_length(
        &self,
        key: &Key,
        schema: &sql::Schema,
        depth: usize,
    ) -> Result<Result<usize, String>, String> {
        let mut length = key.space.as_ref().map_or(0, String::len);
        if depth > 8 {
            return Ok(Ok(length));
        }
        for part in &key.parts {
            length += 1;
            length += match part {
                KeyPart::Literal(text) => crate::fhir::id::enc(text).len(),
                KeyPart::Number => INT,
                KeyPart::Leaf(leaf, true) => return Err(leaf.slots.join(" ")),
                KeyPart::Leaf(leaf, false) => match self.leaf_length(leaf, schema) {
                    Some(length) => length,
                    None => return Ok(Err(leaf.slots.join(" "))),
                },
                KeyPart::Alias(rule) => match self.rules[*rule].key.first() {
                    Some(inner) => match self.key_length(inner, schema, depth + 1)? {
                        Ok(length) => length,
                        Err(column) => return Ok(Err(column)),
                    },
                    None => 0,
                },
                KeyPart::First { .. } | KeyPart::Guarded { .. } => {
                    return Ok(Err("an item of a list".to_owned()));
                }
            };
        }
        Ok(Ok(length))
    }

    /// The longest encoded value of a leaf.
    fn leaf_length(&self, leaf: &Leaf, schema: &sql::Schema) -> Option<usize> {
        if let Some(Codec::Code(table)) = leaf.codecs.last() {
            let codes = self.tables[*table].get.values();
            return codes.map(|code| crate::fhir::id::enc(code).len()).max();
        }
        let column = one_column(leaf, schema)?;
        let kind = &column.kind;
        if !kind.values.is_empty() {
            return kind.values.iter().map(|v| crate::fhir::id::enc(v).len()).max();
        }
        let width = column.max.or(column.width);
        if kind.kind == TypeKind::Int {
            return Some(width.unwrap_or(INT));
        }
        // A character of an alphabet without `.` and `-` stays one; others are written `-2e-`, and
        // those beyond ASCII `-4e2d-`.
        let plain = kind.pattern.as_ref().is_some_and(|p| {
            ["-", ".", " ", "_", "/"].iter().all(|c| p.find(c).is_none_or(|m| m.is_empty()))
        });
        let each = match (plain && kind.ascii, kind.ascii) {
            (true, _) => 1,
            (false, true) => 4,
            (false, false) => 6,
        };
        width.map(|width| width * each)
    }

    /// M026: the columns of a key name one row.
    fn review_unique(
        &self,
        rule: &Rule,
        key: &Key,
        table: u16,
        schema: &sql::Schema,
        found: &mut Vec<Finding>,
    ) {
        let last = rule.each.as_ref().and_then(|each| each.steps.last());
        if let Some(List::Sql(sql::List::Distinct { column, .. })) = last {
            if !self.key_columns(key, table, schema, 0).contains(column) {
                let name = &schema.tables[usize::from(table)].columns[usize::from(*column)].name;
                let what = format!("the key of '{}' does not hold {name}", rule.alias);
                let hint = "there is one resource per value of it: name it in the key".to_owned();
                found.push(Finding { code: "M026", wrong: true, pos: rule.pos, what, hint });
            }
            return;
        }
        let columns = self.key_columns(key, table, schema, 0);
        let this = &schema.tables[usize::from(table)];
        if this.is_unique(&columns) {
            return;
        }
        let names: Vec<&str> =
            columns.iter().map(|c| this.columns[usize::from(*c)].name.as_str()).collect();
        let what = match &names[..] {
            [] => format!("the key of '{}' reads no column of {}", rule.alias, this.name),
            names => format!("{} does not name one row of {}", names.join(" "), this.name),
        };
        let hint =
            "add columns to the key, or promise it in the schema: unique: [COLUMN]".to_owned();
        found.push(Finding { code: "M026", wrong: true, pos: rule.pos, what, hint });
    }

    /// The columns of a table that a key reads; a key of its parent stands for the column that names
    /// the parent.
    fn key_columns(&self, key: &Key, table: u16, schema: &sql::Schema, depth: usize) -> Vec<u16> {
        let mut columns = Vec::new();
        for part in key.parts.iter().filter(|_| depth <= 8) {
            match part {
                KeyPart::Leaf(leaf, _) => {
                    if let Input::Slots(all) = &leaf.input
                        && let [slots] = &all[..]
                        && let [Slot::Sql(slot)] = &slots[..]
                        && slot.table == table
                    {
                        columns.push(slot.column);
                    }
                }
                KeyPart::Alias(other) => {
                    let rule = &self.rules[*other];
                    let (Some(of), Some(inner)) = (table_of(rule), rule.key.first()) else {
                        continue;
                    };
                    let theirs = self.key_columns(inner, of, schema, depth + 1);
                    let part = schema.tables[usize::from(table)].part_of;
                    if of == table {
                        columns.extend(theirs);
                    } else if let Some(part) = part.filter(|part| part.table == of)
                        && schema.tables[usize::from(of)].is_unique(&theirs)
                    {
                        columns.push(part.by);
                    }
                }
                _ => {}
            }
        }
        columns
    }

    /// M033: a new row has its key and what is never empty.
    fn review_inserts(&self, schema: &sql::Schema, found: &mut Vec<Finding>) {
        for table in schema.tables.iter().filter(|table| table.rights.insert) {
            for (number, column) in table.columns.iter().enumerate() {
                let number = number as u16;
                let needed = column.required || table.key.contains(&number);
                let name = format!("{}.{}", table.name, column.name);
                let parent = table.part_of.is_some_and(|part| part.by == number);
                let filled = parent
                    || self.claims.iter().any(|claim| claim.fills(&name))
                    || self.put_keys().any(|key| key == name);
                if needed && !filled {
                    let what = format!("a new row of {} would lack {}", table.name, column.name);
                    let hint = format!("write a leaf for it, or `{name}: EXPRESSION` under `put`");
                    let pos = self.pos_of_put(&table.name);
                    found.push(Finding { code: "M033", wrong: true, pos, what, hint });
                }
            }
        }
    }

    fn put_keys(&self) -> impl Iterator<Item = &str> {
        let put = self.doc.get("put").and_then(crate::yaml::Node::entries);
        put.into_iter().flatten().map(|(key, _)| key.text.as_str())
    }

    fn pos_of_put(&self, name: &str) -> Pos {
        let put = self.doc.get("put").and_then(crate::yaml::Node::entries);
        let found = put.into_iter().flatten().find(|(key, _)| key.text == name);
        found.map_or(Pos::default(), |(key, _)| Pos {
            file: key.mark.file,
            line: key.mark.line,
            column: key.mark.column,
        })
    }
}

fn table_of(rule: &Rule) -> Option<u16> {
    match &rule.place {
        Place::Sql(place) => place.table(),
        _ => None,
    }
}

fn one_column<'s>(leaf: &Leaf, schema: &'s sql::Schema) -> Option<&'s sql::Column> {
    let Input::Slots(all) = &leaf.input else { return None };
    let [slots] = &all[..] else { return None };
    let [Slot::Sql(slot)] = &slots[..] else { return None };
    Some(&schema.tables[usize::from(slot.table)].columns[usize::from(slot.column)])
}
