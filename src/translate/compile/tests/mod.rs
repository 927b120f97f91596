//! The compiler on whole files: the mappings of the product, and files that break one rule each.

mod mistakes;
mod models;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Diagnostic, FileSource, compile, render};
use crate::translate::library::{Library, SourceFile};
use crate::translate::plan::{
    Drive, Field, Guard, Input, KeyPart, Object, Party, Program, Rule, Value,
};

fn hospital() -> Party {
    Party {
        name: "hospital-1".to_owned(),
        title: "示例市第一人民医院".to_owned(),
        uscc: Some("12539901400000018A".to_owned()),
    }
}

/// A mapping of the product, compiled.
fn product(name: &str) -> Program {
    let library = Library::open(&[]).unwrap();
    match compile(name, &hospital(), &library) {
        Ok((program, _)) => program,
        Err(found) => panic!("{}", render(&found)),
    }
}

fn rule<'p>(program: &'p Program, alias: &str) -> &'p Rule {
    program.rules.iter().find(|r| r.alias == alias).unwrap()
}

fn field<'o>(object: &'o Object, name: &str) -> &'o Field {
    object.fields.iter().find(|f| f.name == name).unwrap()
}

fn object(value: &Value) -> &Object {
    match value {
        Value::Object(object) => object,
        other => panic!("{other:?}"),
    }
}

/// Files in memory.
struct Files(HashMap<String, String>);

impl FileSource for Files {
    fn file(&self, path: &str) -> Option<SourceFile> {
        let text: Arc<str> = self.0.get(path)?.as_str().into();
        Some(SourceFile { shown: path.to_owned(), text, path: None })
    }
}

fn compile_texts(files: &[(&str, &str)]) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    let files = files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    compile("m", &hospital(), &Files(files))
}

#[test]
fn hospital_adt_compiles() {
    let program = product("hospital-adt");
    assert_eq!(program.name, "hospital-adt");
    let patient = rule(&program, "patient");
    assert!(matches!(&patient.key[0].parts[0], KeyPart::First { equals, .. } if equals == "PI"));
    let Value::List(names) = &field(&patient.body, "name").value else { panic!() };
    let name = object(&names[0].value);
    assert_eq!(name.choices.len(), 1);
    let branches = &program.choices[name.choices[0]].branches;
    assert_eq!(branches.len(), 3);
    assert_eq!(branches[1].owns, [vec!["family".to_owned()], vec!["given".into(), "0".into()]]);
    let visit = rule(&program, "visit");
    let Value::List(participants) = &field(&visit.body, "participant").value else { panic!() };
    assert!(matches!(participants[0].drive, Drive::Alias(_)));
    assert_eq!(program.triggers.len(), 3);
}

#[test]
fn hospital_oru_compiles() {
    let program = product("hospital-oru");
    let obs = rule(&program, "obs");
    assert_eq!(obs.each.as_ref().unwrap().steps.len(), 2);
    assert_eq!(program.rules[0].alias, "patient", "what is used from hospital-adt comes first");
    let report = rule(&program, "report");
    let Value::List(results) = &field(&report.body, "result").value else { panic!() };
    let Value::Ref(to) = &results[0].value else { panic!() };
    assert_eq!(program.rules[to.rule].alias, "obs");
    let Value::Leaf(lines) = &field(&report.body, "conclusion").value else { panic!() };
    assert!(matches!(lines.input, Input::Lines(..)));
    // A row of the importing mapping joins the imported table.
    let sex = program.tables.iter().find(|t| t.name == "sex").unwrap();
    assert_eq!(sex.get["男"], "male");
    assert_eq!(sex.get["M"], "male");
}

#[test]
fn a_guard_writes_where_no_leaf_of_its_branch_does() {
    let program = product("hospital-oru");
    let values = &program.choices[rule(&program, "obs").body.choices[0]];
    let owners = |text: &str| {
        let arm = values.branches.iter().find(|arm| asks(arm.when.as_ref(), "OBX-5.3", text));
        let mut owners = Vec::new();
        collect(arm.unwrap().when.as_ref().unwrap(), &mut owners);
        owners
    };
    // OBX-5.3 is owned by the coded branch, which excludes this one.
    assert_eq!(owners("-"), [("OBX-2".to_owned(), true), ("OBX-5.3".to_owned(), true)]);
    // Here the whole OBX-5 is the value.
    assert_eq!(owners("+"), [("OBX-2".to_owned(), true), ("OBX-5.3".to_owned(), false)]);
}

fn collect(guard: &Guard, out: &mut Vec<(String, bool)>) {
    match guard {
        Guard::All(guards) => guards.iter().for_each(|g| collect(g, out)),
        Guard::Is { slots, owner, .. } => out.push((slots[0].clone(), *owner)),
        _ => {}
    }
}

fn asks(guard: Option<&Guard>, slot: &str, value: &str) -> bool {
    match guard {
        Some(Guard::All(guards)) => guards.iter().any(|g| asks(Some(g), slot, value)),
        Some(Guard::Is { slots, values, .. }) => {
            slots.iter().any(|s| s == slot) && values.iter().any(|v| v == value)
        }
        _ => false,
    }
}

#[test]
fn a_quantity_has_a_comparator_beside_it_and_a_scan_a_unit() {
    let program = product("hospital-oru");
    let fields = &rule(&program, "obs").body.fields;
    let scanned = fields.iter().find_map(|f| match &f.value {
        Value::Object(inner) if f.name == "valueQuantity" => {
            inner.fields.iter().find_map(|f| match &f.value {
                Value::Leaf(leaf) if f.name.is_empty() => match &leaf.input {
                    Input::ScannedWith(branch, name, slots) => Some((*branch, name, slots.len())),
                    _ => None,
                },
                _ => None,
            })
        }
        _ => None,
    });
    let (branch, name, slots) = scanned.unwrap();
    assert_eq!((name.as_str(), slots), ("v", 1));
    let arm = &program.choices[branch.choice].branches[branch.branch];
    assert_eq!(arm.scan.as_ref().unwrap().templates.len(), 1);
}
