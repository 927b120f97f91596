//! Durable inbound messages a second over MLLP with 1, 8 and 32 senders, beside the machine's own
//! fsync/s: each message is framed, decoded from GBK, mapped, validated, indexed, committed with
//! `synchronous=FULL`, and acknowledged, before its sender sends the next.
//!
//! `cargo bench --bench inbound [-- --seconds S]`; nothing is asserted.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tombolo::app::App;
use tombolo::config::Config;
use tombolo::translate::Library;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip_while(|a| a != "--seconds").skip(1);
    let seconds = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    println!(
        "{:>8} {:>14} {:>12} {:>10} {:>12} {:>12}",
        "senders", "messages/s", "fsync/s", "ratio", "p50 ms", "p99 ms"
    );
    for senders in [1, 8, 32] {
        let before = fsyncs(folder.path());
        let (rate, mut waits) =
            inbound(&folder.path().join(senders.to_string()), senders, seconds).await;
        let raw = f64::midpoint(before, fsyncs(folder.path()));
        waits.sort_unstable();
        let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_secs_f64() * 1000.0;
        println!(
            "{senders:>8} {rate:>14.0} {raw:>12.0} {:>10.1} {:>12.1} {:>12.1}",
            rate / raw,
            at(50),
            at(99)
        );
    }
}

async fn inbound(folder: &Path, senders: usize, seconds: u64) -> (f64, Vec<Duration>) {
    std::fs::create_dir_all(folder).unwrap();
    let text = format!(
        r#"
listen: 127.0.0.1:0
store: "sqlite:{}"
parties:
  hospital-1: {{ kind: hospital, name: 示例市第一人民医院, uscc: 12539901400000018A }}
inbound:
  adt: {{ party: hospital-1, mllp: "127.0.0.1:0", mappings: [hospital-adt, hospital-oru] }}
"#,
        folder.join("t.db").display()
    );
    let config = Config::parse(&text, "bench", folder).unwrap();
    let app = App::start(config, Library::open(&[]).unwrap()).await.unwrap();
    let to = app.channel("adt").unwrap();
    let samples = Library::open(&[]).unwrap().tests("hospital-adt");
    let sample = samples.into_iter().find(|(n, _)| n == "01-a04-outpatient.hl7").unwrap().1;
    let (sample, number) = (Arc::new(sample), Arc::new(AtomicUsize::new(0)));
    let end = Instant::now() + Duration::from_secs(seconds);
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..senders {
        tasks.push(tokio::spawn(sender(to, sample.clone(), number.clone(), end)));
    }
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    let rate = waits.len() as f64 / start.elapsed().as_secs_f64();
    app.stop().await.unwrap();
    (rate, waits)
}

/// Sends messages of other patients, one after the other, until the end.
async fn sender(
    to: SocketAddr,
    sample: Arc<Vec<u8>>,
    number: Arc<AtomicUsize>,
    end: Instant,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut waits, mut answer) = (Vec::new(), vec![0; 8192]);
    while Instant::now() < end {
        let n = number.fetch_add(1, Ordering::Relaxed);
        let mut frame = vec![0x0b];
        frame.extend(numbered(&sample, n));
        frame.extend([0x1c, 0x0d]);
        let sent = Instant::now();
        stream.write_all(&frame).await.unwrap();
        let mut length = 0;
        while !answer[..length].ends_with(&[0x1c, 0x0d]) {
            length += stream.read(&mut answer[length..]).await.unwrap();
        }
        waits.push(sent.elapsed());
        let text = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(text.contains("MSA|CA|") || text.contains("MSA|AA|"), "{text}");
    }
    waits
}

/// The sample with its own control number, patient and visit.
fn numbered(sample: &[u8], n: usize) -> Vec<u8> {
    let mut message = sample.to_vec();
    for (old, new) in [
        ("A0400001", format!("B{n:07}")),
        ("0000001001", format!("{n:010}")),
        ("MZ260301001", format!("MZ{n:09}")),
    ] {
        let mut from = 0;
        while let Some(at) = message[from..].windows(old.len()).position(|w| w == old.as_bytes()) {
            message[from + at..from + at + old.len()].copy_from_slice(new.as_bytes());
            from += at + old.len();
        }
    }
    message
}

/// How often a second the disk makes 4 KiB at the end of a file durable.
fn fsyncs(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("fsync")).unwrap();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}
