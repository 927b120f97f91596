//! The gateway is killed under load, again and again, and every message that it acknowledged is in
//! its store exactly once.
//!
//! The senders are a client by other hands; the gateway is the real binary, killed by SIGKILL.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use tombolo::legacy::Charset;
use tombolo::store::{Status, Store};

use crate::support::PATIENCE;
use crate::support::foreign::{python_with_hl7, script};
use crate::support::inbound::{a04, journal, resource};

const SENDERS: usize = 16;
const MESSAGES: usize = 25;
const KILLS: usize = 5;

/// The gateway as a process.
struct Gateway(Child);

impl Gateway {
    fn start(folder: &Path) -> Gateway {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_tombolo"));
        serve.arg("serve").current_dir(folder).stdout(Stdio::null());
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log"));
        Gateway(serve.stderr(log.unwrap()).spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The senders as a process that prints what was acknowledged.
struct Senders {
    process: Child,
    acknowledged: Receiver<String>,
}

impl Senders {
    fn start(python: &str, port: u16, samples: &[&Path]) -> Senders {
        let numbers = [port.to_string(), SENDERS.to_string(), MESSAGES.to_string()];
        let mut process = Command::new(python)
            .arg(script("mllp_senders.py"))
            .arg("127.0.0.1")
            .args(numbers)
            .args(samples)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (tell, acknowledged) = channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        Senders { process, acknowledged }
    }

    /// The next acknowledgement; none when all are there.
    fn next(&self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match self.acknowledged.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(Disconnected) => None,
            Err(Timeout) => panic!("nothing is acknowledged any more"),
        }
    }
}

impl Drop for Senders {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn every_acknowledged_message_survives_a_kill_exactly_once() {
    let Some(python) = python_with_hl7() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (http, port) = (free_port(), free_port());
    let config = format!(
        "listen: 127.0.0.1:{http}\nstore: sqlite:data/tombolo.db\nparties:\n  hospital-1: {{ kind: hospital, name: 示例市第一人民医院, uscc: 12539901400000018A }}\n\
         inbound:\n  adt: {{ party: hospital-1, mllp: 127.0.0.1:{port}, mappings: [hospital-adt, hospital-oru] }}\n"
    );
    std::fs::write(folder.path().join("tombolo.yaml"), config).unwrap();
    let original = folder.path().join("original.hl7");
    std::fs::write(&original, a04("A", &[])).unwrap();
    let enhanced = folder.path().join("enhanced.hl7");
    std::fs::write(&enhanced, a04("A", &[("|P|2.5\r", "|P|2.5|||AL|NE\r")])).unwrap();

    let mut gateway = Gateway::start(folder.path());
    let senders = Senders::start(&python, port, &[&original, &enhanced]);
    let mut acknowledged = BTreeSet::new();
    let mut kills: BTreeSet<usize> = BTreeSet::new();
    while kills.len() < KILLS {
        kills.insert(fastrand::usize(1..SENDERS * MESSAGES - SENDERS));
    }
    eprintln!("killing after {kills:?} acknowledgements");
    while let Some(line) = senders.next() {
        let (code, control) = line.split_once(' ').unwrap();
        assert!(matches!(code, "AA" | "CA"), "{line}");
        assert!(acknowledged.insert(control.to_owned()), "acknowledged twice: {line}");
        if kills.contains(&acknowledged.len()) {
            gateway.kill();
            gateway = Gateway::start(folder.path());
        }
    }
    assert_eq!(acknowledged.len(), SENDERS * MESSAGES);
    gateway.kill();

    let url = format!("sqlite:{}", folder.path().join("data/tombolo.db").display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(everything_once(&Store::open(&url).unwrap(), &acknowledged));
}

/// Every acknowledged message, and nothing else, is in the journal once and in the resources once.
async fn everything_once(store: &Store, acknowledged: &BTreeSet<String>) {
    let entries = journal(store).await;
    let controls: Vec<&str> =
        entries.iter().map(|entry| &*entry.arrival.control.as_ref().unwrap().1).collect();
    let once: BTreeSet<String> = controls.iter().map(|control| (*control).to_owned()).collect();
    assert_eq!(controls.len(), once.len(), "a message is in the journal twice");
    assert_eq!(&once, acknowledged);
    for entry in &entries {
        assert_eq!(entry.arrival.outcome.status, Status::Done);
        let text = Charset::Gbk.encode("张测试").unwrap().into_owned();
        assert!(entry.arrival.bytes.windows(text.len()).any(|window| window == text));
    }
    for sender in 0..SENDERS {
        for n in 0..MESSAGES {
            let id = format!("hospital-1.pid.{:02}{n:08}", sender + 10);
            let patient = resource(store, "Patient", &id).await;
            let patient = patient.unwrap_or_else(|| panic!("{id} is lost"));
            assert_eq!(patient["name"][0]["text"], "张测试");
            assert_eq!(
                store.history("Patient", &id).await.unwrap().len(),
                1,
                "{id} was stored twice"
            );
        }
    }
}
