//! Show: a compiled mapping as a table, from slots to FHIR paths and the other way round, and what
//! its code tables lose.

use serde_json::{Value as Json, json};

use super::explain::codecs;
use super::plan::{Drive, Else, Flag, Input, Leaf, Object, Pos, Program, Table, Value, Way};

/// A line of the table: a FHIR path and what it says.
#[derive(Debug, Clone)]
pub struct Row {
    /// `Patient.identifier[pi].value`; tags and `[]` as in the mapping.
    pub path: String,
    /// The resource's name in the mapping.
    pub alias: String,
    /// Where the value is.
    pub from: Source,
    /// Where it is said.
    pub pos: Pos,
}

/// Where a value is.
#[derive(Debug, Clone)]
pub enum Source {
    /// In slots.
    Slots(Slots),
    /// Nowhere: JSON text.
    Constant(String),
    /// In another resource, by its alias.
    Reference(String),
}

/// What a leaf reads.
#[derive(Debug, Clone)]
pub struct Slots {
    /// Their names, or `$event`.
    pub names: Vec<String>,
    /// Codecs, as written.
    pub codecs: String,
    /// It follows the owner of the slot.
    pub copy: bool,
    /// What the codecs lose, if the mapping says so.
    pub lossy: Option<String>,
    /// It is read only where the leaf before says nothing.
    pub fallback: bool,
    /// The default of an `else`.
    pub default: Option<String>,
}

/// A way through a code table that does not lead back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// `1 --> male`.
    pub row: String,
    /// The code that comes back instead; `None`: nothing does.
    pub back: Option<String>,
}

/// The rows of all resources, in the order of the file.
pub fn rows(program: &Program) -> Vec<Row> {
    let mut rows = Vec::new();
    for rule in &program.rules {
        let mut walk = Walk { program, alias: &rule.alias, rows: &mut rows };
        walk.object(&rule.body, &mut rule.kind.clone());
    }
    rows
}

/// The rows of a code table that cannot be undone.
pub fn losses(table: &Table) -> Vec<Loss> {
    let mut losses = Vec::new();
    for row in &table.rows {
        let (legacy, fhir) = (&row.legacy, &row.fhir);
        match row.way {
            Way::Both => {}
            Way::Get => losses.push(Loss {
                row: format!("{legacy} --> {fhir}"),
                back: table.put.get(fhir).cloned(),
            }),
            Way::Put => losses.push(Loss {
                row: format!("{legacy} <-- {fhir}"),
                back: table.get.get(legacy).cloned(),
            }),
        }
    }
    if let Some(other) = &table.get_other {
        losses.push(Loss { row: format!("* --> {other}"), back: table.put.get(other).cloned() });
    }
    losses
}

/// The table for programs.
pub fn to_json(program: &Program) -> Json {
    let put =
        |put: &super::plan::PutSlot| json!({ "slot": put.shown, "rule": program.place(put.pos) });
    json!({
        "mapping": program.name,
        "version": program.version,
        "rows": rows(program).iter().map(|row| row.to_json(program)).collect::<Vec<_>>(),
        "put": program.put.iter().map(put).collect::<Vec<_>>(),
        "tables": program.tables.iter().map(table_json).collect::<Vec<_>>(),
    })
}

fn table_json(table: &Table) -> Json {
    let row = |row: &super::plan::Row| {
        let way = match row.way {
            Way::Both => "<->",
            Way::Get => "-->",
            Way::Put => "<--",
        };
        json!({ "legacy": row.legacy, "way": way, "fhir": row.fhir })
    };
    let loss = |loss: &Loss| json!({ "row": loss.row, "back": loss.back });
    json!({
        "name": table.name,
        "system": table.system,
        "rows": table.rows.iter().map(row).collect::<Vec<_>>(),
        "other": table.get_other,
        "prefix": table.prefix,
        "losses": losses(table).iter().map(loss).collect::<Vec<_>>(),
    })
}

impl Row {
    fn to_json(&self, program: &Program) -> Json {
        let mut row = json!({ "path": self.path, "resource": self.alias });
        match &self.from {
            Source::Constant(text) => {
                row["constant"] = serde_json::from_str(text).unwrap_or_default();
            }
            Source::Reference(alias) => row["reference"] = json!(alias),
            Source::Slots(slots) => {
                row["slots"] = json!(slots.names);
                row["codecs"] = json!(slots.codecs);
                row["copy"] = json!(slots.copy);
                row["lossy"] = json!(slots.lossy);
                row["fallback"] = json!(slots.fallback);
                row["default"] = json!(slots.default);
            }
        }
        row["rule"] = json!(program.place(self.pos));
        row
    }
}

/// A walk through one resource.
struct Walk<'p, 'r> {
    program: &'p Program,
    alias: &'p str,
    rows: &'r mut Vec<Row>,
}

impl Walk<'_, '_> {
    fn object(&mut self, object: &Object, path: &mut String) {
        for field in &object.fields {
            let before = path.len();
            if !field.name.is_empty() {
                path.push('.');
                path.push_str(&field.name);
            }
            self.value(&field.value, path, field.pos);
            path.truncate(before);
        }
    }

    fn value(&mut self, value: &Value, path: &mut String, pos: Pos) {
        match value {
            Value::Const(text) => self.row(path, Source::Constant(text.clone()), pos),
            Value::Ref(to) => {
                let alias = self.program.rules.get(to.rule).map_or("", |rule| &rule.alias);
                self.row(path, Source::Reference(alias.to_owned()), to.pos);
            }
            Value::Leaf(leaf) => self.leaf(leaf, false, path),
            Value::Object(inner) => self.object(inner, path),
            Value::List(items) => {
                for item in items {
                    let before = path.len();
                    let many = !matches!(item.drive, Drive::Once);
                    if !(item.tag.is_empty() && many) {
                        *path += &format!("[{}]", item.tag);
                    }
                    if many {
                        *path += "[]";
                    }
                    self.value(&item.value, path, item.pos);
                    path.truncate(before);
                }
            }
        }
    }

    fn leaf(&mut self, leaf: &Leaf, fallback: bool, path: &str) {
        let mut names = leaf.slots.clone();
        match &leaf.input {
            Input::About(name) => names.push(format!("${name}")),
            Input::Nothing => return,
            _ => {}
        }
        let default = match leaf.or_else.as_deref() {
            Some(Else::Literal(text)) => Some(text.clone()),
            _ => None,
        };
        let slots = Slots {
            names,
            codecs: codecs(self.program, leaf),
            copy: leaf.flag == Flag::Copy,
            lossy: leaf.lossy.clone(),
            fallback,
            default,
        };
        self.row(path, Source::Slots(slots), leaf.pos);
        if let Some(Else::Leaf(other)) = leaf.or_else.as_deref() {
            self.leaf(other, true, path);
        }
    }

    fn row(&mut self, path: &str, from: Source, pos: Pos) {
        self.rows.push(Row { path: path.to_owned(), alias: self.alias.to_owned(), from, pos });
    }
}

impl Slots {
    /// `code(sex)  copy  else unknown`: what is said beside the slots.
    pub fn notes(&self) -> String {
        let mut notes = Vec::new();
        if !self.codecs.is_empty() {
            notes.push(self.codecs.clone());
        }
        if self.copy {
            notes.push("copy".to_owned());
        }
        if self.fallback {
            notes.push("else".to_owned());
        }
        notes.extend(self.lossy.as_ref().map(|what| format!("lossy({what})")));
        notes.extend(self.default.as_ref().map(|text| format!("else {text}")));
        notes.join("  ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Library, Party};

    #[test]
    fn a_mapping_as_a_table() {
        let library = Library::open(&[]).unwrap();
        let party = Party { name: "p".into(), title: "p".into(), uscc: None };
        let program = library.program("hospital-adt", &party).unwrap();
        let rows = rows(&program);
        let of = |path: &str| rows.iter().find(|row| row.path == path).unwrap();
        let slots = |path: &str| match &of(path).from {
            Source::Slots(slots) => (slots.names.join(" "), slots.notes()),
            other => panic!("{other:?}"),
        };
        assert_eq!(slots("Patient.gender"), ("PID-8".into(), "code(sex)".into()));
        assert_eq!(slots("Patient.identifier[ss].value"), ("PID-19".into(), "cnid".into()));
        let status = ("$event".into(), "code(visit_status)  else unknown".into());
        assert_eq!(slots("Encounter.status"), status);
        assert!(matches!(&of("Encounter.subject").from, Source::Reference(to) if to == "patient"));
        assert!(matches!(&of("Encounter.class.system").from, Source::Constant(_)));
        let sex = program.tables.iter().find(|t| t.name == "sex").unwrap();
        let one = Loss { row: "1 --> male".into(), back: Some("M".into()) };
        assert!(losses(sex).contains(&one), "{:?}", losses(sex));
        assert!(!losses(sex).iter().any(|loss| loss.row.starts_with("M ")));
        let json = to_json(&program);
        assert_eq!(json["rows"].as_array().unwrap().len(), rows.len());
    }
}
