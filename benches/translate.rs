//! Messages a second on one core: parse, get, put, round trip, over the shared HL7 v2 corpus and the
//! product's own samples.
//!
//! `cargo bench --bench translate` (data: `TOMBOLO_TEST_DATA`, default `../shared/data`).

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tombolo::legacy::{Charsets, File};
use tombolo::translate::{Library, Party, Program, coverage, get, put};

/// Each figure is the best of this many rounds of at least this long.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(700);

fn main() {
    let party = Party {
        name: "hospital-1".to_owned(),
        title: "示例市第一人民医院".to_owned(),
        uscc: Some("12539901400000018A".to_owned()),
    };
    let library = Library::open(&[]).expect("embedded");
    println!("machine: {}", machine());
    println!(
        "{:<34} {:>6} {:>8} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "data", "files", "bytes", "parse/s", "get/s", "put/s", "round trip/s", "coverage/s"
    );
    for (name, data, mapping) in [
        ("corpus ADT (A01 A04 A08)", corpus(&["ADT^A01", "ADT^A04", "ADT^A08"]), "hospital-adt"),
        ("corpus ORU^R01", corpus(&["ORU^R01"]), "hospital-oru"),
        ("own ADT samples (GBK, UTF-8)", samples(&library, "hospital-adt"), "hospital-adt"),
        ("own ORU samples (GBK, UTF-8)", samples(&library, "hospital-oru"), "hospital-oru"),
        ("report cards (XML)", samples(&library, "cdc-card"), "cdc-card"),
        ("CDA outpatient records (UTF-8, GBK)", samples(&library, "cda-c0002"), "cda-c0002"),
        ("C-CDA summaries (own)", samples(&library, "ccda"), "ccda"),
        ("follow-ups (CSV, 4 rows a file)", samples(&library, "htn-followup"), "htn-followup"),
    ] {
        let program = library.program(mapping, &party).expect("compiles");
        measure(name, &data, &program);
    }
}

fn measure(name: &str, data: &[Vec<u8>], program: &Program) {
    if data.is_empty() {
        println!("{name:<34} SKIPPED: no data");
        return;
    }
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    let read = |bytes: &[u8]| program.schema.read(bytes, &charsets).expect("reads");
    let files: Vec<File> = data.iter().map(|bytes| read(bytes)).collect();
    let records: usize = files.iter().map(|f| f.records.len()).sum();
    let bundles: Vec<Vec<String>> = files
        .iter()
        .map(|f| f.records.iter().map(|r| get::get(program, r).bundle).collect())
        .collect();
    let parse = per_second(records, || data.iter().for_each(|b| drop(black_box(read(b)))));
    let forward = || {
        for bytes in data {
            for record in &read(bytes).records {
                black_box(get::get(program, record));
            }
        }
    };
    let forward = per_second(records, forward);
    let back = || {
        for (file, bundles) in files.iter().zip(&bundles) {
            let parsed: Vec<Value> =
                bundles.iter().map(|b| serde_json::from_str(b).expect("JSON")).collect();
            black_box(put::put_file(program, &parsed, file).expect("as many"));
        }
    };
    let back = per_second(records, back);
    let covered = per_second(records, || {
        for record in files.iter().flat_map(|f| &f.records) {
            black_box(coverage::unmapped(program, record));
        }
    });
    let both = 1.0 / (1.0 / forward + 1.0 / back);
    let bytes = data.iter().map(Vec::len).sum::<usize>() / data.len();
    println!(
        "{name:<34} {:>6} {bytes:>8} {parse:>12.0} {forward:>12.0} {back:>12.0} {both:>12.0} {covered:>12.0}",
        data.len()
    );
}

fn per_second(records: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut best: f64 = 0.0;
    for _ in 0..ROUNDS {
        let (start, mut rounds) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            work();
            rounds += 1;
        }
        best = best.max(records as f64 * f64::from(rounds) / start.elapsed().as_secs_f64());
    }
    best
}

fn samples(library: &Library, mapping: &str) -> Vec<Vec<u8>> {
    let inputs = |name: &str| !name.ends_with(".json") && !name.ends_with(".yaml");
    library.tests(mapping).into_iter().filter(|(n, _)| inputs(n)).map(|(_, b)| b).collect()
}

/// Messages of these types in the shared corpus.
fn corpus(types: &[&str]) -> Vec<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("TOMBOLO_TEST_DATA").map_or(beside, PathBuf::from);
    let mut found = Vec::new();
    let mut folders = vec![root.join("hl7v2")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "hl7")
                && let Ok(bytes) = std::fs::read(&path)
            {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let kind = text.split('|').nth(8).unwrap_or("");
                let kind: Vec<&str> = kind.split('^').take(2).collect();
                if types.contains(&kind.join("^").as_str()) {
                    found.push(bytes);
                }
            }
        }
    }
    found
}

fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|l| l.starts_with("model name")).unwrap_or("unknown").to_owned();
    let cores = text.lines().filter(|l| l.starts_with("processor")).count();
    format!("{} × {cores}", model.split(':').nth(1).unwrap_or("unknown").trim())
}
