//! The store: durable commits/s beside the disk's own fsync/s, reads/s, searches/s.
//!
//! `cargo bench --bench store [-- --resources N --seconds S --folder DIR]`; the figures are printed
//! with the machine they were measured on, nothing is asserted.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tombolo::search::Search;
use tombolo::store::{Arrival, Body, Commit, Outcome, Status, Store, When, Write};

struct Plan {
    resources: usize,
    seconds: f64,
    folder: PathBuf,
}

#[tokio::main]
async fn main() {
    let plan = Plan {
        resources: argument("--resources").map_or(50_000, |n| n.parse().unwrap()),
        seconds: argument("--seconds").map_or(3.0, |n| n.parse().unwrap()),
        folder: argument("--folder").map_or_else(|| PathBuf::from("target/bench"), PathBuf::from),
    };
    let folder = plan.folder.join(format!("store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let cores = std::thread::available_parallelism().unwrap();
    println!("machine: {cores} cores, {}", processor());
    println!("disk: fsync/s is that of 4 KiB append + fdatasync in {}", folder.display());

    let store = Store::open(&format!("sqlite:{}/store.db", folder.display())).unwrap();
    for committers in [1, 8, 32] {
        // The disk is measured before and behind, for it is often not the same.
        let before = fsync(&folder, 1.0);
        let rate = commits(&store, committers, plan.seconds).await;
        let fsyncs = (before + fsync(&folder, 1.0)) / 2.0;
        println!(
            "durable commits, {committers:>2} committers: {rate:>8.0}/s = {:.1} × {fsyncs:.0} fsync/s \
             (message + Patient + Encounter + carry)",
            rate / fsyncs
        );
    }
    let (count, took) = load(&store, plan.resources).await;
    println!("load, 500 Observations per commit: {:>8.0} resources/s", count as f64 / took);
    for clients in [1, 8] {
        let rate = repeat(clients, plan.seconds, |n| {
            let store = store.clone();
            let id = format!("o{}", n.wrapping_mul(7919) % plan.resources as u64);
            async move { assert!(store.read("Observation", &id).await.unwrap().is_some()) }
        });
        println!("read by id, {clients} clients: {:>8.0}/s", rate.await);
    }
    for (name, url, hits) in [
        ("token, 20 hits", "Observation?code=http://loinc.org|CODE&_count=20", 20),
        ("identifier, 1 hit", "Observation?identifier=urn:bench|NUMBER", 1),
        ("reference, ≤ 50 hits", "Observation?patient=pPATIENT", 1),
        ("token and month, 20 hits", "Observation?code=CODE&date=2024-03&_count=20", 1),
        ("day, 20 hits", "Observation?date=2024-03-11&_count=20", 20),
        ("sorted by -date, 20 of a code", "Observation?code=CODE&_sort=-date&_count=20", 20),
    ] {
        for clients in [1, 8] {
            let rate = repeat(clients, plan.seconds, |n| {
                let store = store.clone();
                let search = search(url, n, plan.resources as u64);
                // A small store does not have as many.
                let hits = if plan.resources < 20_000 { 0 } else { hits };
                async move {
                    let page = store.search(&search).await.unwrap();
                    assert!(page.matches.len() >= hits, "{search:?}: {}", page.matches.len());
                }
            });
            println!("search {name}, {clients} clients: {:>8.0}/s", rate.await);
        }
    }
    store.close().await.unwrap();
    drop(store);
    let start = Instant::now();
    let store = Store::open(&format!("sqlite:{}/store.db", folder.display())).unwrap();
    assert!(store.read("Observation", "o0").await.unwrap().is_some());
    println!("open and read: {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    store.close().await.unwrap();
    let size = std::fs::metadata(folder.join("store.db")).unwrap().len();
    println!("file: {:.1} MB", size as f64 / 1e6);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    arguments.nth(1)
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
}

fn fsync(folder: &Path, seconds: f64) -> f64 {
    let mut file = File::create(folder.join("fsync")).unwrap();
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed().as_secs_f64() < seconds {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// Runs something from several tasks at once; how often per second.
async fn repeat<F, R>(clients: u64, seconds: f64, work: F) -> f64
where
    F: Fn(u64) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(seconds);
    let mut number = 0;
    let mut done = 0;
    let mut running = tokio::task::JoinSet::new();
    while Instant::now() < until {
        while running.len() < clients as usize {
            running.spawn(work(number));
            number += 1;
        }
        running.join_next().await.unwrap().unwrap();
        done += 1;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

fn search(url: &str, n: u64, resources: u64) -> Search {
    let url = url
        .replace("CODE", &format!("c{}", n.wrapping_mul(31) % CODES))
        .replace("NUMBER", &(n.wrapping_mul(7919) % resources).to_string())
        .replace("PATIENT", &(n.wrapping_mul(13) % PATIENTS).to_string());
    let (kind, pairs) = tombolo::fhir::query::split(&url).unwrap();
    Search::parse(kind, &pairs).unwrap()
}

const CODES: u64 = 200;
const PATIENTS: u64 = 5000;

fn observation(n: u64) -> Value {
    let day = (n.wrapping_mul(2_654_435_761) >> 9) % 360;
    json!({
        "resourceType": "Observation", "status": "final",
        "meta": {"source": "urn:tombolo:hospital-1", "tag": [{"system": "urn:party", "code": "hospital-1"}]},
        "identifier": [{"system": "urn:bench", "value": n.to_string()}],
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": format!("c{}", n % CODES), "display": "some measurement"}], "text": "检验项目"},
        "subject": {"reference": format!("Patient/p{}", n.wrapping_mul(2_654_435_761) % PATIENTS)},
        "encounter": {"reference": format!("Encounter/e{}", n / 10)},
        "effectiveDateTime": format!("2024-{:02}-{:02}T08:{:02}:00+08:00", day / 30 + 1, day % 28 + 1, n % 60),
        "valueQuantity": {"value": n as f64 / 10.0, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        "referenceRange": [{"low": {"value": 3.9}, "high": {"value": 6.1}, "text": "3.9-6.1"}],
    })
}

fn patient(n: u64) -> Value {
    json!({
        "resourceType": "Patient", "active": true, "gender": "female",
        "identifier": [{"system": "urn:bench:pid", "value": format!("{n:010}")}],
        "name": [{"family": "张", "given": [format!("三{n}")], "text": format!("张三{n}")}],
        "birthDate": format!("19{:02}-05-{:02}", n % 90 + 10, n % 28 + 1),
        "telecom": [{"system": "phone", "value": format!("138{n:08}")}],
        "address": [{"text": "示例市人民路", "city": "示例市"}],
    })
}

fn put(id: String, body: Value) -> Write {
    let kind = body["resourceType"].as_str().unwrap().to_owned();
    Write { kind, id, body: Body::Replace(body), when: When::Always }
}

/// Inbound messages, one durable commit each.
async fn commits(store: &Store, committers: u64, seconds: f64) -> f64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let message: String =
        "PID|1||0000000001^^^HIS||张^三||19800515|F|||示例市人民路 1 号\r".repeat(8);
    let message: Arc<[u8]> = message.into_bytes().into();
    let rate = repeat(committers, seconds, |_| {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let (store, bytes) = (store.clone(), message.clone());
        async move {
            let encounter = json!({
                "resourceType": "Encounter", "status": "in-progress", "class": {"code": "IMP"},
                "subject": {"reference": format!("Patient/m{n}")},
                "period": {"start": "2024-03-01T08:00:00+08:00"},
            });
            let carry = tombolo::store::Carry {
                kind: "Patient".to_owned(),
                id: format!("m{n}"),
                mapping: "hospital-adt@1".to_owned(),
                bytes: bytes.clone(),
            };
            let commit = Commit {
                origin: "in:adt".to_owned(),
                writes: vec![put(format!("m{n}"), patient(n)), put(format!("v{n}"), encounter)],
                journal: Some(Arrival {
                    channel: "adt".to_owned(),
                    peer: "bench".to_owned(),
                    received: 0,
                    bytes,
                    control: Some(("HIS".to_owned(), n.to_string())),
                    outcome: Outcome {
                        status: Status::Done,
                        mapping: None,
                        issues: Vec::new(),
                        answer: b"MSA|AA".to_vec(),
                    },
                }),
                carry: vec![carry],
                ..Commit::default()
            };
            store.commit(commit).await.unwrap();
        }
    });
    rate.await
}

/// Fills the store.
async fn load(store: &Store, resources: usize) -> (usize, f64) {
    let start = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for chunk in (0..resources as u64).collect::<Vec<_>>().chunks(500) {
        let writes = chunk.iter().map(|n| put(format!("o{n}"), observation(*n))).collect();
        let (store, commit) = (store.clone(), Commit { writes, ..Commit::default() });
        running.spawn(async move { store.commit(commit).await.unwrap() });
        if running.len() > 3 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    (resources, start.elapsed().as_secs_f64())
}
