//! Records a second on one core: parse, get, put, round trip, over the shared HL7 v2 corpus by mapping,
//! the product's own samples, rows of CSV files, clinical documents; and how long a changed mapping
//! takes until it runs.
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
use tombolo::translate::plan::Accept;
use tombolo::translate::{Library, Party, Program, coverage, examples, get, put};

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
    let names = library.names();
    let program = |name: &str| library.program(name, &party).expect("compiles");
    let mut whole = Whole::default();
    for name in &names {
        let program = program(name);
        let types: Vec<&str> = program.accept.iter().filter_map(message).collect();
        if types.is_empty() {
            continue;
        }
        let figures = measure(&format!("corpus {name}"), &corpus(&types), &program);
        whole.add(figures);
        measure(&format!("samples {name}"), &samples(&library, name), &program);
    }
    whole.print();
    for name in ["htn-followup", "cdc-card-csv"] {
        let program = program(name);
        let rows = many_rows(&samples(&library, name), &program);
        measure(&format!("rows {name} (CSV)"), &[rows], &program);
    }
    for name in
        names.iter().filter(|n| n.starts_with("cda-") || ["ccda", "cdc-card"].contains(&n.as_str()))
    {
        measure(&format!("documents {name}"), &samples(&library, name), &program(name));
    }
    println!("\nreload of one changed mapping: compile, check, tests, laws, swap");
    for name in ["hospital-adt", "hospital-oru", "htn-followup", "cdc-card", "cdc-card-csv"] {
        println!("{name:<34} {:>8.0} ms", reload(name, &party).as_secs_f64() * 1000.0);
    }
}

/// The message type that an `accept` asks for.
fn message(accept: &Accept) -> Option<&str> {
    match accept {
        Accept::Message(message) => Some(message),
        _ => None,
    }
}

/// Records, and seconds for them: get, put, and both.
type Figures = (usize, [f64; 3]);

/// All messages together, each as often as it is in the corpus.
#[derive(Default)]
struct Whole {
    records: usize,
    seconds: [f64; 3],
}

impl Whole {
    fn add(&mut self, figures: Option<Figures>) {
        let Some((records, seconds)) = figures else { return };
        self.records += records;
        for (sum, more) in self.seconds.iter_mut().zip(seconds) {
            *sum += more;
        }
    }

    fn print(&self) {
        if self.records > 0 {
            let [get, put, both] = self.seconds.map(|s| self.records as f64 / s);
            let name = "corpus, all mapped messages";
            let records = self.records;
            println!(
                "{name:<34} {records:>6} {:>8} {:>12} {get:>12.0} {put:>12.0} {both:>12.0}",
                "", ""
            );
        }
    }
}

/// One file with the rows of all of them, some thousand times over.
fn many_rows(files: &[Vec<u8>], program: &Program) -> Vec<u8> {
    let Some(first) = files.first() else { return Vec::new() };
    let copies: Vec<&[u8]> = std::iter::repeat_n(first.as_slice(), 500).collect();
    put::joined(program, &copies).expect("joins")
}

/// From a changed file until the new mapping is in use.
fn reload(name: &str, party: &Party) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let file = Path::new(name).join("mapping.yaml");
    let text = Library::open(&[]).expect("embedded").file(&file).expect("there").text;
    let path = folder.path().join(&file);
    std::fs::create_dir_all(folder.path().join(name)).expect("made");
    std::fs::write(&path, &*text).expect("written");
    let library = Library::open(&[folder.path().to_owned()]).expect("opens");
    library.program(name, party).expect("compiles");
    let mut best = Duration::MAX;
    for n in 0..ROUNDS {
        std::fs::write(&path, format!("{text}# {n}\n")).expect("written");
        let start = Instant::now();
        let done = library.reload();
        best = best.min(start.elapsed());
        assert!(done.len() == 1 && done[0].outcome.is_ok(), "{done:?}");
    }
    best
}

fn measure(name: &str, data: &[Vec<u8>], program: &Program) -> Option<Figures> {
    if data.is_empty() {
        println!("{name:<34} SKIPPED: no data");
        return None;
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
    Some((records, [forward, back, both].map(|per_second| records as f64 / per_second)))
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
    let files = library.tests(mapping);
    examples::inputs(&files).map(|(_, bytes)| bytes.to_vec()).collect()
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
