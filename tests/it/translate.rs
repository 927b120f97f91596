//! The mappings of the product: goldens and edits, laws, foreign messages, bad values.

use std::collections::BTreeMap;

use serde_json::Value;
use tombolo::legacy::Charsets;
use tombolo::translate::{Library, Party, examples, get, laws, put};

use crate::support::data;

fn library() -> Library {
    Library::open(&[]).unwrap()
}

fn hospital() -> Party {
    Party {
        name: "hospital-1".to_owned(),
        title: "示例市第一人民医院".to_owned(),
        uscc: Some("12539901400000018A".to_owned()),
    }
}

#[test]
fn every_mapping_keeps_its_goldens_and_edits() {
    let library = library();
    for name in library.names() {
        let local = Party { name: "local".into(), title: "local".into(), uscc: None };
        let program = library.program(&name, &local).unwrap();
        let outcome = examples::run(&program, &library.tests(&name));
        assert!(outcome.failures.is_empty(), "{name}: {:#?}", outcome.failures);
        assert!(outcome.passed > 0, "{name} has no test");
    }
}

#[test]
fn every_mapping_keeps_the_laws() {
    let library = library();
    for name in library.names() {
        let program = library.program(&name, &hospital()).unwrap();
        let files = library.tests(&name);
        let samples: Vec<(String, Vec<u8>)> =
            examples::inputs(&files).map(|(n, b)| (n.to_owned(), b.to_vec())).collect();
        let report = laws::laws(&program, &samples, 300, 7);
        assert_eq!(report.failed, 0, "{name}: {:#?}", report.failures);
        assert!(report.checked.iter().all(|(_, cases)| *cases > 0), "{name}: {report:?}");
    }
}

/// A law that cannot fail proves nothing: a mapping whose table loses a code breaks PutGet.
#[test]
fn a_lossy_table_breaks_a_law() {
    let library = library();
    let mut program = (*library.program("hospital-adt", &hospital()).unwrap()).clone();
    for table in &mut program.tables {
        if table.name == "sex" {
            table.put.insert("female".to_owned(), "M".to_owned());
            table.get.insert("M".to_owned(), "male".to_owned());
        }
    }
    let sample = library.tests("hospital-adt");
    let bytes = sample.iter().find(|(n, _)| n == "01-a04-outpatient.hl7").unwrap().1.clone();
    let charsets = Charsets::default();
    let record = program.schema.read(&bytes, &charsets).unwrap().records.remove(0);
    let mut bundle: Value = serde_json::from_str(&get::get(&program, &record).bundle).unwrap();
    bundle["entry"][0]["resource"]["gender"] = "female".into();
    let output = put::put(&program, &bundle, &record);
    let again = program.schema.read(&output.bytes, &charsets).unwrap().records.remove(0);
    let read: Value = serde_json::from_str(&get::get(&program, &again).bundle).unwrap();
    assert_eq!(read["entry"][0]["resource"]["gender"], "male");
    let lost = output.issues.iter().any(|i| i.text.starts_with("lost: \"female\""));
    assert!(lost, "what is lost is said: {:?}", output.issues);
}

#[test]
fn foreign_messages_come_back_byte_for_byte() {
    let Some(folder) = data::shared("hl7v2") else { return };
    let library = library();
    let (mut mapped, mut other) = (0, 0);
    for path in data::files_below(&folder, "hl7") {
        let bytes = std::fs::read(&path).unwrap();
        let name = if hl7v2_is(&bytes, "ADT") { "hospital-adt" } else { "hospital-oru" };
        let program = library.program(name, &hospital()).unwrap();
        let Ok(file) = program.schema.read(&bytes, &Charsets::default()) else {
            panic!("{} cannot be read", path.display());
        };
        let bundles: Vec<Value> = file
            .records
            .iter()
            .map(|record| serde_json::from_str(&get::get(&program, record).bundle).unwrap())
            .collect();
        let output = put::put_file(&program, &bundles, &file).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.bytes),
            String::from_utf8_lossy(&bytes),
            "{}",
            path.display()
        );
        let message = file.records.first().and_then(|r| r.about("message").map(|m| m.into_owned()));
        let takes = ["ADT^A01", "ADT^A04", "ADT^A08", "ORU^R01"];
        if message.is_some_and(|m| takes.contains(&m.as_str())) { mapped += 1 } else { other += 1 }
    }
    println!("{mapped} messages of mapped types, {other} of other types");
    assert!(mapped > 50 && other > 50, "the corpus is there: {mapped}, {other}");
}

/// Foreign messages of every mapped type keep the laws: read and written back byte for byte, random
/// edits included. `.ci/run` and `map laws --corpus` do many more cases.
#[test]
fn foreign_messages_keep_the_laws() {
    let Some(folder) = data::shared("hl7v2") else { return };
    let library = library();
    let names: Vec<String> =
        library.names().into_iter().filter(|name| name.starts_with("hospital-")).collect();
    let mut by_mapping: BTreeMap<String, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for path in data::files_below(&folder, "hl7") {
        let bytes = std::fs::read(&path).unwrap();
        if let Ok(program) = library.choose(&names, &hospital(), &bytes) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            by_mapping.entry(program.name.clone()).or_default().push((name, bytes));
        }
    }
    assert!(by_mapping.len() >= 7, "{:?}", by_mapping.keys());
    for (name, samples) in by_mapping {
        let program = library.program(&name, &hospital()).unwrap();
        let report = laws::laws(&program, &samples, 60, 11);
        println!("{name}: {} foreign files, {:?}", samples.len(), report.checked);
        assert_eq!(report.failed, 0, "{name}: {:#?}", report.failures);
    }
}

fn hl7v2_is(bytes: &[u8], kind: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.split('|').nth(8).is_some_and(|field| field.starts_with(kind))
}
