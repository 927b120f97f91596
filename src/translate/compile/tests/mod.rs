//! The compiler on whole files: the mappings of the product, and files that break one rule each.

mod documents;
mod ignores;
mod json_schemas;
mod mistakes;
mod models;
mod reviews;
mod rows;
mod tables;
mod validity;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Diagnostic, FileSource, compile, render};
use crate::translate::library::{Library, SourceFile};
use crate::translate::plan::{Drive, Field, KeyPart, Object, Party, Program, Rule, Value};

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

pub(in crate::translate) fn compile_texts(
    files: &[(&str, &str)],
) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
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
}
