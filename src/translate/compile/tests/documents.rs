//! Documents: fields of the header inside lists, what would be written by every item, schema keys,
//! and that a large document is no slower per item than a small one.

use std::fmt::Write;

use super::compile_texts;
use crate::legacy::Charsets;
use crate::translate::compile::Diagnostic;
use crate::translate::get::get;
use crate::translate::plan::Program;
use crate::translate::put::{create, put};

const TOP: &str = "lang: 1\nmapping: m\nversion: 1.0.0\nsource: xml\nschema: schema.yaml\n\
    target: fhir@4.0.1\nroot: Doc\nnamespaces: { \"\": \"urn:hl7-org:v3\" }\n";
const SCHEMA: &str = "schema: xml\nroot: Doc\norder:\n  Doc: [id, time, person, entry]\n\
    repeat: [entry]\nsecret: [person/id/@extension]\n";
const MODEL: &str = "lang: 1\nmodel: x\nversion: 1.0.0\ntitle: x\ntarget: fhir@4.0.1\nfields:\n  \
    no: text required\n  when: date\n  items[]: { text: text }\nresources:\n  \
    Patient patient:\n    key: pid(no)\n    name[0].text: no\n    birthDate: when\n  \
    Observation item[]:\n    each: items[]\n    key: item(patient, n)\n    status: = final\n    \
    code.text: .text\n    subject: -> patient\n    effectiveDateTime: when";
const BIND: &str = "use: ../_models/x.yaml\nbind:\n  no: person/id/@extension\n  when: time/@value\n  \
    items[]: { each: entry/obs, text: text }\n";

fn with(model: &str, top: &str) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    compile_texts(&[
        ("m/mapping.yaml", &format!("{TOP}{top}")),
        ("m/schema.yaml", SCHEMA),
        ("_models/x.yaml", model),
    ])
}

fn document(items: usize) -> String {
    let mut text = "<Doc xmlns=\"urn:hl7-org:v3\"><id/><time value=\"20260311\"/><person><id \
        extension=\"7\"/></person>"
        .to_owned();
    for n in 0..items {
        let _ = write!(text, "<entry><obs><text>t{n}</text></obs></entry>");
    }
    text + "</Doc>"
}

#[test]
fn a_field_of_the_header_is_read_in_every_item_and_written_by_one() {
    let (program, _) = with(&format!("{MODEL} | copy\n"), BIND).unwrap();
    let text = document(2);
    let file = program.schema.read(text.as_bytes(), &Charsets::default()).unwrap();
    let bundle = get(&program, &file.records[0]).bundle;
    assert_eq!(bundle.matches("\"effectiveDateTime\":\"2026-03-11\"").count(), 2, "{bundle}");
    assert!(!bundle.contains("pid.7\""), "a secret is no part of an id: {bundle}");
    // In the spelling of HL7 v3, in its place only.
    let edited = bundle.replace("2026-03-11", "2026-04-01").parse().unwrap();
    let output = put(&program, &edited, &file.records[0]);
    assert_eq!(String::from_utf8(output.bytes).unwrap(), text.replace("20260311", "20260401"));
    assert_eq!(output.issues, []);
    let new = create(&program, &bundle.parse().unwrap());
    let written = String::from_utf8(new[0].bytes.clone()).unwrap();
    assert!(written.contains("<time value=\"20260311\"/>"), "{written}");
    assert_eq!(written.matches("<entry>").count(), 2, "{written}");
}

#[test]
fn m030_what_every_item_would_write() {
    let found = with(&format!("{MODEL}\n"), BIND).unwrap_err();
    assert_eq!(found[0].code, "M030");
    assert!(found[0].message.contains("each of its items would write it"), "{}", found[0].message);
}

#[test]
fn namespaces_and_prefixes_that_are_none() {
    let says = |top: &str| {
        let rest = "resources:\n  Patient patient:\n    key: pid(person/id/@extension)\n    name[0].text: person/x:name\n";
        let text = format!("{top}{rest}");
        let found = compile_texts(&[("m/mapping.yaml", &text), ("m/schema.yaml", SCHEMA)]);
        found.map(|_| String::new()).unwrap_or_else(|all| all[0].message.clone())
    };
    let bare = TOP.replace("namespaces: { \"\": \"urn:hl7-org:v3\" }\n", "");
    assert_eq!(says(&bare), "", "without namespaces a prefix is part of the name");
    assert!(says(TOP).contains("has a prefix that `namespaces` does not name"));
    assert_eq!(says(&format!("{bare}namespaces: [a]\n")), "`namespaces` is a map");
    let twice = "namespaces: { \"\": \"urn:a\", x: \"urn:a\" }\n";
    assert_eq!(says(&format!("{bare}{twice}")), "a namespace has one address of its own");
}

#[test]
fn narrative_goes_to_narrative_only() {
    let says = |leaf: &str| {
        let rest = format!(
            "resources:\n  Patient patient:\n    key: pid(person/id/@extension)\n    name[0].text: person/name\n    text.status: = additional\n    {leaf}\n"
        );
        let text = format!("{TOP}{rest}");
        let found = compile_texts(&[("m/mapping.yaml", &text), ("m/schema.yaml", SCHEMA)]);
        found.map(|_| String::new()).unwrap_or_else(|all| all[0].message.clone())
    };
    assert_eq!(says("text.div: person/text | xhtml"), "");
    assert_eq!(says("text.div: person/text"), "Patient.text.div is xhtml, the leaf yields a text");
    assert_eq!(
        says("birthDate: person/text | xhtml"),
        "Patient.birthDate is date, the leaf yields XHTML"
    );
}

#[test]
fn a_large_document_is_no_slower_per_item() {
    // Quadratic, 20,000 items would take minutes.
    let (program, _) = with(&format!("{MODEL} | copy\n"), BIND).unwrap();
    let text = document(20_000);
    let file = program.schema.read(text.as_bytes(), &Charsets::default()).unwrap();
    let bundle = get(&program, &file.records[0]).bundle;
    assert_eq!(bundle.matches("\"resourceType\":\"Observation\"").count(), 20_000);
}
