//! Hostile input of every kind of source: random bytes, cut and changed samples. No reader panics, none
//! gives more than its input allows or takes more time than its length does, and what it reads can be
//! mapped and written back. A reader that is not linear does not end here.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tombolo::legacy::{Charsets, Record, row};
use tombolo::translate::{Library, Party, Program, examples, get, put};

/// Changed samples of each mapping.
const CASES: u32 = 24;

/// What changes a sample.
#[derive(Debug, Clone)]
enum Change {
    /// Cut here.
    Cut(prop::sample::Index),
    /// These bytes put over what is there.
    Over(prop::sample::Index, Vec<u8>),
    /// These bytes put between.
    Put(prop::sample::Index, Vec<u8>),
    /// A piece again, so often.
    Again(prop::sample::Index, usize, usize),
    /// A piece taken out.
    Out(prop::sample::Index, usize),
}

/// Bytes that mean something to some format.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"\"",
        b"'",
        b",",
        b"\r",
        b"\n",
        b"|",
        b"^",
        b"~",
        b"\\",
        b"&",
        b"<",
        b">",
        b"/>",
        b"</",
        b"<!--",
        b"<![CDATA[",
        b"&#0;",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"1e999",
        b"\\u",
        b"\0",
        b"\xff",
        b"\x81",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"MSH|^~\\&|",
        b"PID|",
        b"OBX|",
        b"\x0b",
        b"\x1c\r",
        b"*",
        b"\x1a",
        b"PK\x01\x02",
        b"\xff\xff\xff\xff",
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec);
    prop_oneof![word, prop::collection::vec(any::<u8>(), 1..8)]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<prop::sample::Index>;
    let change = prop_oneof![
        1 => at().prop_map(Change::Cut),
        3 => (at(), bytes()).prop_map(|(at, bytes)| Change::Over(at, bytes)),
        3 => (at(), bytes()).prop_map(|(at, bytes)| Change::Put(at, bytes)),
        1 => (at(), 1..64_usize, 1..64_usize).prop_map(|(at, n, times)| Change::Again(at, n, times)),
        2 => (at(), 1..64_usize).prop_map(|(at, n)| Change::Out(at, n)),
    ];
    prop::collection::vec(change, 1..5)
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let (Change::Cut(at)
        | Change::Over(at, _)
        | Change::Put(at, _)
        | Change::Again(at, ..)
        | Change::Out(at, _)) = change;
        let at = at.index(bytes.len() + 1);
        let end = |n: usize| (at + n).min(bytes.len());
        match change {
            Change::Cut(_) => bytes.truncate(at),
            Change::Over(_, new) => drop(bytes.splice(at..end(new.len()), new.iter().copied())),
            Change::Put(_, new) => drop(bytes.splice(at..at, new.iter().copied())),
            Change::Again(_, n, times) => {
                let piece = bytes[at..end(*n)].repeat(*times);
                drop(bytes.splice(at..at, piece));
            }
            Change::Out(_, n) => drop(bytes.drain(at..end(*n))),
        }
    }
    bytes
}

/// Reads, maps and writes back.
fn survives(program: &Program, bytes: &[u8], carry_raw: bool) -> Result<(), TestCaseError> {
    let records = reads(program, bytes, carry_raw)?;
    records.iter().take(50).try_for_each(|record| maps(program, record))
}

/// Reads. What is read is no more than what is there.
fn reads(program: &Program, bytes: &[u8], carry_raw: bool) -> Result<Vec<Record>, TestCaseError> {
    let mut read = Vec::new();
    let charsets = Charsets { mapping: program.charset, carry_raw, ..Charsets::default() };
    if let Ok(file) = program.schema.read(bytes, &charsets) {
        let records = file.records.len() + file.broken.len();
        prop_assert!(records <= bytes.len(), "{} records of {} bytes", records, bytes.len());
        for (span, error) in &file.broken {
            let place = file.text.byte_place(*span);
            prop_assert!(place.start <= place.end && place.end <= bytes.len(), "{:?}", place);
            prop_assert!(!error.what.is_empty());
            let _ = file.alone(*span);
        }
        let same = file.text.splice(&[]);
        prop_assert!(same.is_ok_and(|same| same == bytes), "nothing was edited");
        file.records.iter().for_each(|record| record.each_value(&mut |_, _| {}));
        read = file.records;
    }
    if let Ok(parts) = program.schema.chunks(bytes, charsets) {
        let records: usize = parts.map_while(Result::ok).map(|part| part.records.len()).sum();
        prop_assert!(records <= bytes.len());
    }
    Ok(read)
}

fn maps(program: &Program, record: &Record) -> Result<(), TestCaseError> {
    let translated = get::get(program, record);
    let bundle = serde_json::from_str(&translated.bundle);
    let bundle: serde_json::Value = bundle.map_err(|e| TestCaseError::fail(e.to_string()))?;
    let _ = put::put(program, &bundle, record);
    Ok(())
}

/// The kind of a source, for the count.
fn kind(program: &Program) -> &'static str {
    use tombolo::legacy::Schema;
    match &program.schema {
        Schema::Hl7(_) => "hl7v2",
        Schema::Xml(_) => "xml",
        Schema::Json(_) => "json",
        Schema::Sql(_) => "sql",
        Schema::Row(schema) => match schema.form {
            row::Form::Delimited(_) => "csv",
            row::Form::Fixed(_) => "fixed",
            row::Form::Dbf(_) => "dbf",
            row::Form::Xlsx(_) => "xlsx",
        },
    }
}

fn program(library: &Library, name: &str) -> std::sync::Arc<Program> {
    let party = Party { name: "local".into(), title: "local".into(), uscc: None };
    library.program(name, &party).unwrap()
}

#[test]
fn changed_samples_of_every_mapping_are_survived() {
    let library = Library::open(&[]).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for name in library.names() {
        let program = program(&library, &name);
        kinds.insert(kind(&program));
        let files = library.tests(&name);
        let samples: Vec<Vec<u8>> =
            examples::inputs(&files).map(|(_, bytes)| bytes.to_vec()).collect();
        let mut runner = TestRunner::new(Config::with_cases(CASES));
        let input = (prop::sample::select(samples), changes(), any::<bool>());
        let ran = runner.run(&input, |(sample, changes, carry_raw)| {
            survives(&program, &changed(sample, &changes), carry_raw)
        });
        ran.unwrap_or_else(|failed| panic!("{name}: {failed}"));
    }
    for kind in ["hl7v2", "csv", "dbf", "xml", "json", "sql"] {
        assert!(kinds.contains(kind), "no mapping of the product reads {kind}: {kinds:?}");
    }
}

#[test]
fn random_bytes_are_survived_by_every_mapping() {
    let library = Library::open(&[]).unwrap();
    let programs: Vec<_> = library.names().iter().map(|name| program(&library, name)).collect();
    let mut runner = TestRunner::new(Config::with_cases(100));
    let input = (prop::collection::vec(bytes(), 0..40), any::<bool>());
    let ran = runner.run(&input, |(pieces, carry_raw)| {
        let bytes = pieces.concat();
        programs.iter().try_for_each(|program| survives(program, &bytes, carry_raw))
    });
    ran.unwrap_or_else(|failed| panic!("{failed}"));
}

#[test]
fn a_sample_cut_anywhere_is_survived() {
    let library = Library::open(&[]).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for name in library.names() {
        let program = program(&library, &name);
        // One mapping of each kind: the reader is the same.
        if !seen.insert(kind(&program)) {
            continue;
        }
        let files = library.tests(&name);
        let (_, sample) = examples::inputs(&files).next().unwrap();
        let step = sample.len() / 300 + 1;
        for end in (0..sample.len()).step_by(step) {
            survives(&program, &sample[..end], true)
                .unwrap_or_else(|failed| panic!("{name} cut at byte {end}: {failed}"));
        }
    }
}

#[test]
fn what_grows_or_nests_is_refused_or_read_in_time() {
    let library = Library::open(&[]).unwrap();
    let n = 100_000;
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("open quotes", "\"x,\n".repeat(n).into_bytes()),
        ("quotes", "\"".repeat(4 * n).into_bytes()),
        ("separators", ",".repeat(4 * n).into_bytes()),
        ("brackets", "[".repeat(4 * n).into_bytes()),
        ("objects", "{\"a\":".repeat(n).into_bytes()),
        ("elements", "<a>".repeat(n).into_bytes()),
        ("entities", b"<!DOCTYPE a [<!ENTITY b \"&b;&b;\">]><a>&b;</a>".to_vec()),
        (
            "segments",
            format!("MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\r{}", "PID|\r".repeat(n)).into_bytes(),
        ),
        (
            "repetitions",
            format!("MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|1||{}\r", "1~".repeat(n))
                .into_bytes(),
        ),
        (
            "escapes",
            format!("MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\rPID|1||{}\r", "\\X".repeat(n))
                .into_bytes(),
        ),
        ("undecodable bytes", b"\xff".repeat(4 * n)),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for name in library.names() {
        let program = program(&library, &name);
        if !seen.insert(kind(&program)) {
            continue;
        }
        for (attack, bytes) in &attacks {
            reads(&program, bytes, true)
                .unwrap_or_else(|failed| panic!("{name}, {attack}: {failed}"));
        }
    }
}
