//! Rows a second and peak memory of `tombolo translate` over CSV files that grow: flat, if it is read in
//! parts.
//!
//! `TOMBOLO_BENCH_MIB=1024 cargo bench --bench memory` writes files of a hundredth, a tenth and the whole
//! of that size to the temporary folder, one after the other. Without the variable nothing is done.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tombolo::translate::Library;

/// How often the memory of the process is looked at.
const LOOK: Duration = Duration::from_millis(20);

fn main() {
    let size = std::env::var("TOMBOLO_BENCH_MIB").ok().and_then(|size| size.parse::<u64>().ok());
    let Some(size) = size else {
        println!("SKIPPED: set TOMBOLO_BENCH_MIB to the size of the largest file, such as 1024");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    println!(
        "{:<14} {:>8} {:>10} {:>8} {:>10} {:>8} {:>10}",
        "mapping", "MiB", "rows", "s", "rows/s", "MiB/s", "peak MiB"
    );
    for mapping in ["htn-followup", "cdc-card-csv"] {
        for size in [size.div_ceil(100), size.div_ceil(10), size] {
            let file = folder.path().join("rows.csv");
            let rows = write(&file, mapping, size << 20);
            let (time, peak) = translate(&file, mapping);
            let seconds = time.as_secs_f64();
            println!(
                "{mapping:<14} {size:>8} {rows:>10} {seconds:>8.1} {:>10.0} {:>8.1} {:>10.1}",
                rows as f64 / seconds,
                size as f64 / seconds,
                peak as f64 / 1024.0
            );
        }
    }
}

/// The header and the rows of the mapping's first sample, again and again.
fn write(path: &Path, mapping: &str, size: u64) -> u64 {
    let files = Library::open(&[]).expect("embedded").tests(mapping);
    let sample = files.into_iter().find(|(name, _)| name.ends_with(".csv")).expect("a sample").1;
    let head = sample.iter().position(|b| *b == b'\n').expect("a header") + 1;
    let mut rows = sample[head..].to_vec();
    if !rows.ends_with(b"\n") {
        rows.extend(b"\r\n");
    }
    let per_copy = rows.iter().filter(|b| **b == b'\n').count() as u64;
    let mut file = BufWriter::new(File::create(path).expect("made"));
    file.write_all(&sample[..head]).expect("written");
    let (mut written, mut count) = (head as u64, 0);
    while written < size {
        file.write_all(&rows).expect("written");
        written += rows.len() as u64;
        count += per_copy;
    }
    file.flush().expect("written");
    count
}

/// How long it takes, and the most memory it has, in KiB.
fn translate(file: &Path, mapping: &str) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tombolo"))
        .args(["translate", "--from", mapping])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        peak = peak.max(high.unwrap_or(0));
        if let Some(ended) = child.try_wait().expect("waits") {
            break ended;
        }
        #[allow(clippy::disallowed_methods, reason = "there is no runtime here to block")]
        std::thread::sleep(LOOK);
    };
    assert!(ended.success(), "it translates the sample");
    (start.elapsed(), peak)
}
