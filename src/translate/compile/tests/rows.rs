//! Mappings of tables: each mistake with its place and text, and what a right one compiles to.

use super::super::render;
use super::{compile_texts, rule};
use crate::fhir::Severity;
use crate::translate::plan::Codec;

const SCHEMA: &str = r#"schema: sql
types:
  day: { time: [yyyy-MM-dd, yyyy/M/d] }
  serial: { chars: ascii, pattern: "[A-Z0-9]+" }
  flag: { values: ["0", "1"] }
tables:
  PERSON:
    key: ID
    columns: { ID: serial(18) required, NAME: text(20), BORN: day(10), CARD: cnid(18) }
  VISIT:
    key: NO
    unique: [CODE]
    void: VOID = 1
    watermark: AT overlap 10m
    columns: { NO: serial(12) required, CODE: serial(8), PID: serial(18) -> PERSON, OTHER: serial(18) -> PERSON, DOC: serial(10), AT: day(10), VOID: flag(1) null "" }
  DX:
    key: ID
    part of: VISIT by NO
    columns: { ID: serial(12) required, NO: serial(12) required, ICD: text(4), N: int required, NOTE: text(200) }
"#;

const TOP: &str = "\
lang: 1
mapping: m
version: 1.0.0
title: A test
source: sql
schema: schema.yaml
target: fhir@4.0.1
resources:
";

const RIGHT: &str = "  Patient patient:
    from: PERSON
    key: pid(ID)
    name[0].text: NAME
    birthDate: BORN | date
  Encounter visit:
    from: VISIT
    key: vn(CODE)
    identifier[0].value: NO
    status: VOID | map(0 finished, 1 entered-in-error) else finished
    class.code: = AMB
    subject: -> patient by PID
  Condition dx:
    from: DX
    key: dx(ID)
    subject: -> patient by NO.PID
    encounter: -> visit
    code.text: ICD
    note[0].text: NOTE
    onsetDateTime: NO.AT | copy | date
";

fn found(resources: &str, schema: &str) -> Vec<String> {
    let mapping = format!("{TOP}{resources}");
    let files = [("m/mapping.yaml", &*mapping), ("m/schema.yaml", schema)];
    let found = match compile_texts(&files) {
        Ok((_, found)) | Err(found) => found,
    };
    let shown = found.iter().filter(|d| d.severity > Severity::Information).map(|d| {
        let hint = d.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        format!("{} {}:{}:{} {}{hint}", d.code, d.file, d.line, d.column, d.message)
    });
    shown.collect()
}

/// The right mapping with a text replaced says this.
#[track_caller]
fn says(old: &str, new: &str, wanted: &str) {
    assert!(RIGHT.contains(old), "{old}");
    assert_eq!(found(&RIGHT.replacen(old, new, 1), SCHEMA), [wanted], "{new}");
}

/// The right schema with a text replaced says this.
#[track_caller]
fn schema_says(old: &str, new: &str, wanted: &str) {
    assert!(SCHEMA.contains(old), "{old}");
    assert_eq!(found(RIGHT, &SCHEMA.replacen(old, new, 1)), [wanted], "{new}");
}

#[test]
fn what_is_right_says_nothing_and_spells_dates_as_the_column_does() {
    assert_eq!(found(RIGHT, SCHEMA), [""; 0]);
    let mapping = format!("{TOP}{RIGHT}");
    let files = [("m/mapping.yaml", &*mapping), ("m/schema.yaml", SCHEMA)];
    let (program, _) = compile_texts(&files).expect("right");
    let patient = rule(&program, "patient");
    let born = patient.body.fields.iter().find_map(|f| match &f.value {
        crate::translate::plan::Value::Leaf(leaf) => Some(leaf),
        _ => None,
    });
    let patterns = born.and_then(|leaf| leaf.codecs.first());
    assert!(
        matches!(patterns, Some(Codec::Date(p)) if p == &["yyyy-MM-dd", "yyyy/M/d"]),
        "{patterns:?}"
    );
    assert_eq!(rule(&program, "dx").each.as_ref().map(|each| each.steps.len()), Some(2));
}

#[test]
fn a_mistake_is_shown_with_its_line_underlined() {
    let mapping = format!("{TOP}{}", RIGHT.replacen("text: NAME", "text: NAMES", 1));
    let files = [("m/mapping.yaml", &*mapping), ("m/schema.yaml", SCHEMA)];
    let found = compile_texts(&files).expect_err("a mistake");
    let shown: Vec<String> = render(&found).lines().map(|l| l.trim_end().to_owned()).collect();
    assert_eq!(
        shown,
        [
            "error[M013]: PERSON has no column 'NAMES'",
            "  --> m/mapping.yaml:12:19",
            "   |",
            "12 |     name[0].text: NAMES",
            "   |                   ^^^^^",
            "   |",
            "   = help: did you mean 'NAME'?",
        ]
    );
}

#[test]
fn m013_unknown_tables_and_columns() {
    says(
        "from: DX",
        "from: DY",
        "M013 m/mapping.yaml:22:11 the schema has no table 'DY' (did you mean 'DX'?)",
    );
    says(
        "subject: -> patient by PID",
        "subject: -> patient by PIN",
        "M013 m/mapping.yaml:20:28 VISIT has no column 'PIN' (did you mean 'PID'?)",
    );
    schema_says(
        "key: NO",
        "key: NR",
        "M013 m/schema.yaml:11:10 VISIT has no column 'NR' (did you mean 'NO'?)",
    );
    schema_says(
        "watermark: AT overlap",
        "watermark: ATT overlap",
        "M013 m/schema.yaml:14:16 VISIT has no column 'ATT' (did you mean 'AT'?)",
    );
    schema_says(
        "OTHER: serial(18) -> PERSON",
        "OTHER: serial(18) -> PERSONS",
        "M013 m/schema.yaml:15:106 the schema has no table 'PERSONS' (did you mean 'PERSON'?)",
    );
}

#[test]
fn m000_what_cannot_be_read() {
    schema_says(
        "CARD: cnid(18)",
        "CARD: card(18)",
        "M000 m/schema.yaml:9:78 'card' is no type (declare it under `types:`)",
    );
    schema_says(
        "watermark: AT overlap 10m",
        "watermark: AT",
        "M000 m/schema.yaml:14:16 this is no watermark (write watermark: COLUMN overlap 10m [or COLUMN overlap 7d])",
    );
    schema_says(
        "void: VOID = 1",
        "void: VOID",
        "M000 m/schema.yaml:13:11 this does not say what is void (write void: COLUMN = VALUE)",
    );
    schema_says(
        "{ chars: ascii, pattern: \"[A-Z0-9]+\" }",
        "{ chars: ascii, pattern: \"[A-Z0-9\" }",
        "M000 m/schema.yaml:4:36 this is no pattern (see https://docs.rs/regex/latest/regex/#syntax)",
    );
    let put = |text: &str| found(&format!("{RIGHT}put:\n  {text}\n"), SCHEMA);
    assert_eq!(
        put("write: later"),
        ["M000 m/mapping.yaml:30:10 `write` is none, outbox or update"]
    );
    assert_eq!(
        put("DX: delete"),
        [
            "M000 m/mapping.yaml:30:7 'delete' is nothing that put may do to a row (write insert, update, void; no row is ever deleted)"
        ]
    );
}

#[test]
fn m024_ids_that_do_not_turn_back_into_keys() {
    let hint = "(a live source finds the row by its id: make the key of columns that are neither secret nor wide)";
    says(
        "key: pid(ID)",
        "key: pid(ID, CARD)",
        &format!(
            "M024 m/mapping.yaml:9:3 the id of 'patient' is a hash: PERSON.CARD is secret {hint}"
        ),
    );
    says(
        "key: pid(ID)",
        "key: pid(ID, NAME)",
        &format!(
            "M024 m/mapping.yaml:9:3 the id of 'patient' may have 160 characters, 64 are allowed {hint}"
        ),
    );
    let wide = SCHEMA.replacen("NAME: text(20)", "NAME: text", 1);
    assert_eq!(
        found(&RIGHT.replacen("key: pid(ID)", "key: pid(ID, NAME)", 1), &wide),
        [format!(
            "M024 m/mapping.yaml:9:3 the id of 'patient' may be longer than 64 characters: PERSON.NAME has no width {hint}"
        )]
    );
}

#[test]
fn m026_keys_that_do_not_name_one_row() {
    says(
        "key: vn(CODE)",
        "key: vn(PID)",
        "M026 m/mapping.yaml:14:3 PID does not name one row of VISIT (add columns to the key, or promise it in the schema: unique: [COLUMN])",
    );
    says(
        "key: dx(ID)",
        "key: dx(visit, N)",
        "M026 m/mapping.yaml:21:3 NO N does not name one row of DX (add columns to the key, or promise it in the schema: unique: [COLUMN])",
    );
    let doctor = "  Practitioner doctor:\n    from: VISIT distinct DOC latest AT\n    key: staff(NO)\n    identifier[0].value: DOC\n";
    assert_eq!(
        found(&format!("{RIGHT}{doctor}"), SCHEMA),
        [
            "M026 m/mapping.yaml:29:3 the key of 'doctor' does not hold DOC (there is one resource per value of it: name it in the key)"
        ]
    );
}

#[test]
fn m029_columns_of_other_rows() {
    says(
        "NO.AT | copy | date",
        "NO.AT | date",
        "M029 m/mapping.yaml:28:20 VISIT.AT stands in another row (write `| copy` if it only follows, `| shared` if all rows below that one say it together)",
    );
}

#[test]
fn m030_references_without_a_way() {
    says(
        "subject: -> patient by PID",
        "subject: -> patient",
        "M030 m/mapping.yaml:20:17 2 ways lead from VISIT to PERSON (say which: -> patient by COLUMN)",
    );
    says(
        "subject: -> patient by PID",
        "subject: -> patient by NO",
        "M030 m/mapping.yaml:20:28 NO does not lead to PERSON, where 'patient' comes from (write `-> PERSON` behind the column in the schema if it does)",
    );
    says(
        "birthDate: BORN | date\n",
        "birthDate: BORN | date\n    generalPractitioner[0]: -> doctor\n  Practitioner doctor:\n    from: VISIT distinct DOC\n    key: staff(DOC)\n    identifier[0].value: DOC\n",
        "M030 m/mapping.yaml:14:32 no foreign key of PERSON leads to VISIT (write `-> TABLE` in the schema, or `-> alias by COLUMN`)",
    );
    schema_says(
        "key: ID\n    columns: { ID: serial(18) required, NAME",
        "key: ID NAME\n    columns: { ID: serial(18) required, NAME",
        "M030 m/schema.yaml:10:3 VISIT refers to PERSON, whose key has 2 columns (a relation leads to a key of one column)",
    );
}

#[test]
fn m031_rows_that_do_not_enclose() {
    says(
        "class.code: = AMB\n",
        "class.code: = AMB\n    diagnosis[0].condition: -> dx\n",
        "M030 m/mapping.yaml:20:32 no foreign key of VISIT leads to DX (write `-> TABLE` in the schema, or `-> alias by COLUMN`)",
    );
    says(
        "code.text: ICD\n",
        "code.text: ICD\n    evidence[0].detail[]: -> patient\n",
        "M031 m/mapping.yaml:27:30 'patient' repeats over PERSON, which does not enclose this (give both the same `each`, or refer from a list)",
    );
}

#[test]
fn m033_writes_without_a_right() {
    let put = |text: &str| found(&format!("{RIGHT}put:\n  {text}\n"), SCHEMA);
    assert_eq!(
        put("VISIT.AT: now()"),
        [
            "M033 m/mapping.yaml:30:3 nothing is granted on VISIT, so VISIT.AT is never written (write VISIT: update)"
        ]
    );
    assert_eq!(
        put("DX: insert"),
        [
            "M033 m/mapping.yaml:30:3 a new row of DX would lack ID (write a leaf for it, or `DX.ID: EXPRESSION` under `put`)",
            "M033 m/mapping.yaml:30:3 a new row of DX would lack N (write a leaf for it, or `DX.N: EXPRESSION` under `put`)",
        ]
    );
    assert_eq!(put("DX: insert update\n  DX.ID: msgid()\n  DX.N: = 1"), [""; 0]);
    assert_eq!(
        put("DX: void"),
        [
            "M033 m/mapping.yaml:30:7 nothing says when a row of DX is void (write void: COLUMN = VALUE at the table in the schema)"
        ]
    );
    assert_eq!(
        put("NOTHING: update"),
        [
            "M013 m/mapping.yaml:30:3 'NOTHING' is no column (write TABLE.COLUMN: EXPRESSION, or TABLE: insert update void)"
        ]
    );
}

#[test]
fn m036_texts_wider_than_the_column() {
    says(
        "code.text: ICD",
        "code.text: ICD | map(A cholera, LONGER other)",
        "M036 m/mapping.yaml:26:16 DX.ICD takes 4 characters, 'LONGER' has 6 (widen the column in the schema if it is wider, or write a shorter text)",
    );
    says(
        "birthDate: BORN | date",
        "birthDate: BORN | date(yyyy年MM月dd日)",
        "M036 m/mapping.yaml:13:16 PERSON.BORN takes 10 characters, 'yyyy年MM月dd日' has 11 (widen the column in the schema if it is wider, or write a shorter text)",
    );
}
