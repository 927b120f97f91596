//! National identifiers and dated codes through the whole engine.

use std::sync::Arc;

use serde_json::Value;
use tombolo::legacy::{Charsets, File, Record};
use tombolo::translate::{Library, Party, Program, get, laws, put};

const MAPPING: &str = "\
lang: 1
mapping: staff
version: 1.0.0
source: csv
schema: schema.yaml
target: fhir@4.0.1
charset: UTF-8
timezone: Asia/Shanghai
codes:
  state: { file: states.csv, legacy: code, fhir: fhir, valid_from: from, valid_to: until }
resources:
  Organization clinic:
    key: org(USCC | uscc)
    identifier[uscc].system: = urn:x-uscc
    identifier[uscc].value: USCC | uscc
    identifier[org].system: = urn:x-orgcode
    identifier[org].value: ORG | orgcode(hyphen)
    address[0].state: STATE | code(state)
  Patient holder:
    key: nid(ID | cnid) else no(NO)
    identifier[no].system: = urn:x-no
    identifier[no].value: NO
    identifier[id].system: = urn:oid:2.16.156.10011.1.3
    identifier[id].value: ID | CNID
    managingOrganization: -> clinic
";

const SCHEMA: &str = "schema: csv\nheader: [NO, ID, USCC, ORG, STATE]\nline: LF\n";

const STATES: &str = "code,fhir,from,until\n01,home,,\n02,away,,2001-12-31\n03,away,2002-01-01,\n\
    04,gone,,2001-12-31\n";

const RECORDS: &str = "NO,ID,USCC,ORG,STATE\n\
    1,539901650315001,12539901400000018a,40000001-8,02\n\
    2,53990119520229006x,１２５３９９０１４０００００１４９６,400000149,03\n\
    3,5399********0014,1253990140000000XA,40000000-X,04\n";

fn program(cnid: &str) -> (tempfile::TempDir, Arc<Program>) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("staff");
    std::fs::create_dir_all(&at).unwrap();
    std::fs::write(at.join("mapping.yaml"), MAPPING.replace("CNID", cnid)).unwrap();
    std::fs::write(at.join("schema.yaml"), SCHEMA).unwrap();
    std::fs::write(at.join("states.csv"), STATES).unwrap();
    let library = Library::open(&[folder.path().to_path_buf()]).unwrap();
    let party = Party { name: "clinic-1".to_owned(), title: "诊所".to_owned(), uscc: None };
    let program = library.program("staff", &party).unwrap_or_else(|found| panic!("{found:#?}"));
    (folder, program)
}

fn read(program: &Program) -> File {
    program.schema.read(RECORDS.as_bytes(), &Charsets::default()).unwrap()
}

fn bundle_of(program: &Program, record: &Record) -> Value {
    serde_json::from_str(&get::get(program, record).bundle).unwrap()
}

fn identifier(resource: &Value, system: &str) -> Option<String> {
    let all = resource["identifier"].as_array()?;
    let one = all.iter().find(|i| i["system"] == system)?;
    Some(one["value"].as_str().unwrap().to_owned())
}

#[test]
fn every_spelling_is_read_as_one_number() {
    let (_folder, program) = program("cnid");
    let file = read(&program);
    let all: Vec<Value> = file.records.iter().map(|record| bundle_of(&program, record)).collect();
    let clinic = |n: usize| all[n]["entry"][0]["resource"].clone();
    let holder = |n: usize| all[n]["entry"][1]["resource"].clone();
    let org = |n| (identifier(&clinic(n), "urn:x-uscc"), identifier(&clinic(n), "urn:x-orgcode"));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(org(0), (some("12539901400000018A"), some("400000018")));
    assert_eq!(org(1), (some("125399014000001496"), some("400000149")));
    assert_eq!(org(2), (some("1253990140000000XA"), some("40000000X")));
    let id = |n| identifier(&holder(n), "urn:oid:2.16.156.10011.1.3");
    assert_eq!((id(0), id(1)), (some("539901196503150014"), some("53990119520229006X")));
    assert_eq!(clinic(2)["address"][0]["state"], "gone", "an ended code is read");
}

#[test]
fn a_masked_number_is_refused_with_its_place() {
    let (_folder, program) = program("cnid");
    let file = read(&program);
    let translated = get::get(&program, &file.records[2]);
    let bundle: Value = serde_json::from_str(&translated.bundle).unwrap();
    let holder = &bundle["entry"][1]["resource"];
    assert_eq!(identifier(holder, "urn:oid:2.16.156.10011.1.3"), None);
    assert_eq!(identifier(holder, "urn:x-no").as_deref(), Some("3"));
    assert_eq!(holder["id"], "clinic-1.no.3", "nobody is named by a masked number");
    let issue = translated.issues.iter().find(|i| i.text.contains("masked")).unwrap();
    assert!(issue.text.contains("`5399********0014` is a masked ID card number"), "{issue:?}");
    assert_eq!(issue.spot.as_ref().map(|s| s.slot.as_str()), Some("ID"), "{issue:?}");
}

#[test]
fn a_masked_number_stays_where_the_mapping_says_so() {
    let (_folder, program) = program("cnid(or text)");
    let file = read(&program);
    let translated = get::get(&program, &file.records[2]);
    let bundle: Value = serde_json::from_str(&translated.bundle).unwrap();
    let holder = &bundle["entry"][1]["resource"];
    let id = identifier(holder, "urn:oid:2.16.156.10011.1.3");
    assert_eq!(id.as_deref(), Some("5399********0014"));
    assert_eq!(holder["id"], "clinic-1.no.3");
    let first = bundle_of(&program, &file.records[0]);
    let id = identifier(&first["entry"][1]["resource"], "urn:oid:2.16.156.10011.1.3");
    assert_eq!(id.as_deref(), Some("539901196503150014"));
}

/// Byte for byte back, edits read back, new records: for both ways of saying an ID card.
#[test]
fn the_laws_hold() {
    for cnid in ["cnid", "cnid(or text)"] {
        let (_folder, program) = program(cnid);
        let samples = [("staff.csv".to_owned(), RECORDS.as_bytes().to_vec())];
        let report = laws::laws(&program, &samples, 300, 11);
        assert_eq!(report.failed, 0, "{:#?}", report.failures);
        assert!(report.checked.iter().map(|(_, n)| n).sum::<usize>() > 100, "{report:?}");
    }
}

#[test]
fn new_values_take_the_written_spelling_and_the_code_of_the_day() {
    let (_folder, program) = program("cnid");
    let file = read(&program);
    let mut all: Vec<Value> =
        file.records.iter().map(|record| bundle_of(&program, record)).collect();
    let clinic = &mut all[0]["entry"][0]["resource"];
    clinic["identifier"][1]["value"] = "400000149".into();
    all[1]["entry"][0]["resource"]["address"][0]["state"] = "away".into();
    all[2]["entry"][0]["resource"]["address"][0]["state"] = "away".into();
    let output = put::put_file(&program, &all, &file).unwrap();
    let text = String::from_utf8(output.bytes).unwrap();
    assert!(text.contains("1,539901650315001,12539901400000018a,40000014-9,02\n"), "{text}");
    assert!(text.contains(",400000149,03\n"), "{text}");
    assert!(text.contains("40000000-X,03\n"), "02 has ended: {text}");
    all[1]["entry"][0]["resource"]["address"][0]["state"] = "gone".into();
    let output = put::put_file(&program, &all, &file).unwrap();
    let said = format!("{:?}", output.issues);
    assert!(said.contains("code 'gone' of table 'state' has ended on 2001-12-31"), "{said}");
}
