//! The code tables of a mapping → ConceptMaps: a group for reading, a group for writing, and every
//! loss marked.
//!
//! | row | reading | writing |
//! |---|---|---|
//! | `a <-> x`, the only row of x | equivalent | equivalent |
//! | `a --> x` | wider, and which code comes back | – |
//! | `b <-- x` | – | relatedto, and what is read from b |
//! | no row back for x | wider | unmatched |
//! | `* --> x` | `unmapped`: x | |
//! | `* <-> *` | `unmapped`: as it is | the same |
//! | `* <-> prefix*` | said in the description: no ConceptMap can | |

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CANONICAL, machine_name};
use crate::fhir::definitions::Definitions;
use crate::translate::plan::{Codec, Leaf, Object, Program, Row, Table, Value as Part, Way};

/// One ConceptMap per code table, in the order of the mapping.
pub fn maps(program: &Program) -> Vec<Value> {
    let mut systems: Vec<BTreeSet<String>> = vec![BTreeSet::new(); program.tables.len()];
    for rule in &program.rules {
        targets(&rule.body, &rule.kind, &mut systems);
    }
    let tables = program.tables.iter().zip(systems).enumerate();
    let told = tables.filter(|(_, (table, _))| !table.rows.is_empty());
    told.map(|(n, (table, systems))| map(program, n, table, &systems)).collect()
}

fn map(program: &Program, n: usize, table: &Table, systems: &BTreeSet<String>) -> Value {
    let id = id(&program.name, &table.name, n);
    let legacy = format!("{CANONICAL}/legacy/{}/{}", program.name, slug(&table.name, n));
    let system = table.system.clone().or_else(|| match systems.len() {
        1 => systems.first().cloned(),
        _ => None,
    });
    let mut reading = json!({ "source": legacy });
    let mut writing = json!({});
    if let Some(system) = &system {
        reading["target"] = json!(system);
        writing["source"] = json!(system);
    }
    writing["target"] = json!(legacy);
    reading["element"] = Value::Array(read_elements(table));
    writing["element"] = Value::Array(written_elements(table));
    if let Some(other) = &table.get_other {
        reading["unmapped"] = json!({ "mode": "fixed", "code": other });
    } else if table.prefix.as_deref() == Some("") {
        reading["unmapped"] = json!({ "mode": "provided" });
        writing["unmapped"] = json!({ "mode": "provided" });
    }
    // A group has elements; a table of `*` rows only has none.
    let full = |group: &Value| group["element"].as_array().is_some_and(|e| !e.is_empty());
    let groups: Vec<Value> = [reading, writing].into_iter().filter(full).collect();
    let mut map = json!({
        "resourceType": "ConceptMap",
        "id": id,
        "url": format!("{CANONICAL}/ConceptMap/{id}"),
        "version": program.version,
        "name": machine_name(&id),
        "title": format!("{}: {}", program.name, table.name),
        "status": "active",
        "publisher": "Tombolo",
        "description": description(program, table, systems),
    });
    if program.version.is_empty()
        && let Some(map) = map.as_object_mut()
    {
        map.remove("version");
    }
    if !groups.is_empty() {
        map["group"] = Value::Array(groups);
    }
    map
}

fn description(program: &Program, table: &Table, systems: &BTreeSet<String>) -> String {
    let mut text = format!(
        "Code table '{}' of the mapping '{}': codes of the record to FHIR, and back.",
        table.name, program.name
    );
    if table.system.is_none() && systems.len() > 1 {
        let systems: Vec<&str> = systems.iter().map(String::as_str).collect();
        text += &format!(" The FHIR codes belong to several systems: {}.", systems.join(", "));
    }
    if let Some(prefix) = table.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        text += &format!(" Any other code X is {prefix}X in FHIR, both ways.");
    }
    text
}

fn read_elements(table: &Table) -> Vec<Value> {
    let rows = table.rows.iter().filter(|row| row.way != Way::Put && row.legacy != "*");
    rows.map(|row| {
        let mut target = json!({ "code": row.fhir, "equivalence": "equivalent" });
        let back = table.put.get(&row.fhir);
        if back != Some(&row.legacy) {
            target["equivalence"] = json!("wider");
            target["comment"] = json!(match back {
                Some(back) => format!("no way back: put writes {back}"),
                None => "no way back".to_owned(),
            });
        } else if let Some(dates) = dates(table, row) {
            target["comment"] = json!(dates);
        }
        json!({ "code": row.legacy, "target": [target] })
    })
    .collect()
}

fn written_elements(table: &Table) -> Vec<Value> {
    let mut done = BTreeSet::new();
    let mut elements = Vec::new();
    for row in table.rows.iter().filter(|row| row.legacy != "*" && done.insert(&row.fhir)) {
        let writes: Vec<&Row> = table
            .rows
            .iter()
            .filter(|other| other.fhir == row.fhir && other.way != Way::Get && other.legacy != "*")
            .collect();
        let mut targets: Vec<Value> = writes.iter().map(|row| written(table, row)).collect();
        if targets.is_empty() {
            targets = vec![
                json!({ "equivalence": "unmatched", "comment": "no way back: an edit to this code is reported" }),
            ];
        }
        elements.push(json!({ "code": row.fhir, "target": targets }));
    }
    if let Some(other) = table.get_other.as_ref().filter(|other| !done.contains(*other)) {
        let target = json!({ "equivalence": "unmatched", "comment": "stands for any other code of the record: no way back" });
        elements.push(json!({ "code": other, "target": [target] }));
    }
    elements
}

fn written(table: &Table, row: &Row) -> Value {
    let mut target = json!({ "code": row.legacy, "equivalence": "equivalent" });
    let read = table.get.get(&row.legacy).or(table.get_other.as_ref());
    if read != Some(&row.fhir) {
        target["equivalence"] = json!("relatedto");
        target["comment"] = json!(match read {
            Some(read) => format!("not the same: it is read back as {read}"),
            None => "not the same: it is not read back".to_owned(),
        });
    } else if let Some(dates) = dates(table, row) {
        target["comment"] = json!(dates);
    }
    target
}

/// When a row is written.
fn dates(table: &Table, row: &Row) -> Option<String> {
    let rows = table.dated.get(&row.fhir)?;
    let (validity, _) = rows.iter().find(|(_, legacy)| *legacy == row.legacy)?;
    Some(match (validity.from, validity.to) {
        (Some(from), Some(to)) => format!("written from {from} to {to}"),
        (Some(from), None) => format!("written from {from} on"),
        (None, Some(to)) => format!("written until {to}"),
        (None, None) => return None,
    })
}

/// The systems of the codes that tables yield: the constant beside the code, or the system of its
/// required binding.
fn targets(object: &Object, ty: &str, systems: &mut [BTreeSet<String>]) {
    let definitions = Definitions::r4();
    let beside: Vec<&str> = object
        .fields
        .iter()
        .filter(|f| f.name == "system")
        .filter_map(|f| match &f.value {
            Part::Const(text) => Some(text.trim_matches('"')),
            _ => None,
        })
        .collect();
    for field in &object.fields {
        let Some((element, inner)) = definitions.json_child(ty, &field.name) else { continue };
        let note = |leaf: &Leaf, systems: &mut [BTreeSet<String>]| {
            let Some(Codec::Code(table)) = leaf.codecs.last() else { return };
            let Some(systems) = systems.get_mut(*table) else { return };
            if field.name == "code" {
                systems.extend(beside.iter().map(|s| (*s).to_owned()));
            } else if let Some(url) = &element.required {
                let url = url.split('|').next().unwrap_or(url);
                let codes = definitions.codes.get(url).into_iter().flatten();
                systems.extend(codes.map(|code| code.system.clone()).filter(|s| !s.is_empty()));
            }
        };
        match &field.value {
            Part::Leaf(leaf) => note(leaf, systems),
            Part::Object(object) => targets(object, inner, systems),
            Part::List(items) => {
                for item in items {
                    match &item.value {
                        Part::Object(object) => targets(object, inner, systems),
                        Part::Leaf(leaf) => note(leaf, systems),
                        _ => {}
                    }
                }
            }
            Part::Const(_) | Part::Ref(_) => {}
        }
    }
}

/// At most 64 of the characters of an id.
fn id(mapping: &str, table: &str, n: usize) -> String {
    let id = format!("{}-{}", slug(mapping, n), slug(table, n));
    if id.len() <= 64 { id } else { format!("{}-{n}", &id[..60]) }
}

/// A name in the characters of an id; tables without a name of that kind have their number.
fn slug(name: &str, n: usize) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    if name.starts_with("map(") || !name.chars().any(|c| c.is_ascii_alphanumeric()) {
        return format!("table-{}", n + 1);
    }
    name.chars().map(fine).collect()
}
