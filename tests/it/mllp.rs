//! The MLLP door over real sockets: framing, acknowledgements, repeats, limits, drain, and what is
//! told and kept of bad messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tombolo::flow::Invalid;
use tombolo::flow::replay::replay;
use tombolo::listen::config::Mllp;
use tombolo::listen::mllp::client::Client;
use tombolo::listen::mllp::frame::framed;
use tombolo::listen::{Running, mllp};
use tombolo::store::{Status, Store};

use crate::support::inbound::{a04, channel, field, hospital, journal, kept, msa, resource};
use crate::support::{PATIENCE, TestStore, until};

/// An open door.
struct Door {
    at: TestStore,
    running: Running,
    shutdown: CancellationToken,
}

impl Door {
    async fn open() -> Door {
        Door::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Mllp)) -> Door {
        let at = TestStore::new();
        let mut config = Mllp::at("127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let shutdown = CancellationToken::new();
        let running = mllp::start(config, hospital(&at.store), shutdown.clone()).await.unwrap();
        Door { at, running, shutdown }
    }

    fn store(&self) -> &Store {
        &self.at.store
    }

    async fn client(&self) -> Client {
        Client::connect(self.running.address.unwrap(), PATIENCE).await.unwrap()
    }

    async fn socket(&self) -> TcpStream {
        TcpStream::connect(self.running.address.unwrap()).await.unwrap()
    }

    async fn ask(&self, message: &[u8]) -> Vec<u8> {
        self.client().await.ask(message).await.unwrap()
    }
}

/// Everything until the other side closes.
async fn rest(socket: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = socket.read_to_end(&mut all);
    tokio::time::timeout(PATIENCE, read).await.expect("the door closes").unwrap();
    all
}

#[tokio::test]
async fn a_message_is_in_the_store_when_it_is_acknowledged() {
    let door = Door::open().await;
    let answer = door.ask(&a04("C1", &[])).await;
    assert_eq!(msa(&answer), ("AA".into(), "C1".into()));
    assert_eq!(field(&answer, "MSH", 5), "HIS");
    let patient = resource(door.store(), "Patient", "hospital-1.pid.0000001001").await.unwrap();
    assert_eq!(patient["name"][0]["text"], "张测试");
    assert_eq!(patient["birthDate"], "1965-03-15");
    assert_eq!(patient["meta"]["source"], "http://tombolo.example/fhir/party/hospital-1");
    let tags: Vec<&str> = patient["meta"]["tag"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["code"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["hospital-1", "adt"]);
    let entries = journal(door.store()).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].arrival.bytes.as_ref(), a04("C1", &[]));
    assert_eq!(entries[0].arrival.outcome.status, Status::Done);
    assert_eq!(entries[0].arrival.outcome.answer, answer);
    let carry = door.store().carry("Patient", "hospital-1.pid.0000001001", "hospital-adt").await;
    assert_eq!(carry.unwrap().unwrap().bytes.as_ref(), a04("C1", &[]));
    let change = &door.store().changes(0, 1).await.unwrap()[0];
    assert_eq!(change.origin, "in:adt");
}

#[tokio::test]
async fn frames_may_be_split_anywhere_and_several_may_come_at_once() {
    let door = Door::open().await;
    let mut socket = door.socket().await;
    socket.set_nodelay(true).unwrap();
    for byte in framed(&a04("S1", &[])) {
        socket.write_all(&[byte]).await.unwrap();
    }
    let mut many = b"noise\r\n".to_vec();
    for n in 2..=6 {
        many.extend(framed(&a04(&format!("S{n}"), &[])));
    }
    socket.write_all(&many).await.unwrap();
    socket.shutdown().await.unwrap();
    let all = rest(&mut socket).await;
    let answers: Vec<&[u8]> = all.split(|b| *b == 0x0b).filter(|a| !a.is_empty()).collect();
    let told: Vec<(String, String)> = answers.iter().map(|a| msa(a)).collect();
    let expected: Vec<_> = (1..=6).map(|n| ("AA".to_owned(), format!("S{n}"))).collect();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn enhanced_mode_answers_what_msh_15_and_16_ask_for() {
    let door = Door::open().await;
    let mut client = door.client().await;
    let asking = |control: &str, conditions: &str| {
        a04(control, &[("|P|2.5\r", &format!("|P|2.5|||{conditions}\r"))])
    };
    let commit = client.ask(&asking("E1", "AL|NE")).await.unwrap();
    assert_eq!(msa(&commit).0, "CA");
    let both = client.ask(&asking("E2", "AL|AL")).await.unwrap();
    let application = client.answer(PATIENCE).await.unwrap();
    assert_eq!((msa(&both).0, msa(&application).0), ("CA".into(), "AA".into()));
    assert_eq!(msa(&application).1, "E2");
    // Nothing is answered here, so the next answer is the next message's.
    client.send(&asking("E3", "NE|NE")).await.unwrap();
    let bad = a04("E4", &[("|P|2.5\r", "|P|2.5|||AL|NE\r"), ("19650315", "19650230")]);
    let error = client.ask(&bad).await.unwrap();
    assert_eq!(msa(&error), ("CE".into(), "E4".into()));
    assert_eq!(journal(door.store()).await.len(), 4);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_is_not_stored_twice() {
    let door = Door::open().await;
    let first = door.ask(&a04("R1", &[])).await;
    let again = door.ask(&a04("R1", &[])).await;
    assert_eq!(first, again);
    assert_eq!(journal(door.store()).await.len(), 1);
    assert_eq!(
        door.store().history("Patient", "hospital-1.pid.0000001001").await.unwrap().len(),
        1
    );

    let other = door.ask(&a04("R1", &[("张测试", "李示例")])).await;
    assert_eq!(msa(&other), ("AE".into(), "R1".into()));
    assert!(field(&other, "ERR", 3).starts_with("205^"), "{other:?}");
    let entries = journal(door.store()).await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].arrival.outcome.status, Status::Failed);
    let patient = resource(door.store(), "Patient", "hospital-1.pid.0000001001").await.unwrap();
    assert_eq!(patient["name"][0]["text"], "张测试");

    // The same control number of another sender is another message.
    let elsewhere = door.ask(&a04("R1", &[("|HIS|", "|LIS|")])).await;
    assert_eq!(msa(&elsewhere).0, "AA");
}

#[tokio::test]
async fn bad_content_is_told_with_its_place_and_kept() {
    // Edits, ERR-2 (segment^sequence^field…), ERR-3, what the text says.
    let cases: &[(&[(&str, &str)], &str, &str, &str)] = &[
        (&[("||19650315|", "||20240230|")], "PID^1^7", "102", "20240230"),
        (&[("||19650315|1", "||19650315|X9")], "PID^1^8", "103", "X9"),
        (&[("539901196503150014", "539901********0014")], "PID^1^3^2", "102", "masked"),
    ];
    for (edits, place, code, says) in cases {
        let door = Door::open().await;
        let message = a04("B1", edits);
        let answer = door.ask(&message).await;
        let shown = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(msa(&answer), ("AE".into(), "B1".into()), "{shown}");
        assert!(field(&answer, "ERR", 2).starts_with(place), "{place}: {shown}");
        assert!(field(&answer, "ERR", 3).starts_with(code), "{code}: {shown}");
        assert!(shown.contains(says), "{says}: {shown}");
        let entry = kept(door.store()).await;
        assert_eq!(entry.arrival.bytes.as_ref(), message);
        let spot = entry.arrival.outcome.issues.iter().find_map(|i| i.spot.clone()).unwrap();
        assert!(message[spot.bytes].len() > 1, "the place is that of the value");
        let nothing = resource(door.store(), "Patient", "hospital-1.pid.0000001001").await;
        assert_eq!(nothing, None);
    }
}

#[tokio::test]
async fn bytes_that_are_no_gbk_are_told_with_their_slot_and_kept() {
    let door = Door::open().await;
    let mut message = a04("G1", &[]);
    let at = message.windows(4).position(|w| w == [0xD5, 0xC5, 0xB2, 0xE2]).unwrap();
    message[at + 1] = 0xFF;
    let answer = door.ask(&message).await;
    assert_eq!(msa(&answer), ("AE".into(), "G1".into()));
    assert!(field(&answer, "ERR", 2).starts_with("PID^1^5"), "{}", field(&answer, "ERR", 2));
    let entry = kept(door.store()).await;
    assert_eq!(entry.arrival.bytes.as_ref(), message);
    let spot = entry.arrival.outcome.issues[0].spot.clone().unwrap();
    assert!(spot.bytes.start == at || spot.bytes.start == at + 1, "{spot:?} {at}");
}

#[tokio::test]
async fn a_message_that_no_mapping_takes_is_rejected_by_type_or_event() {
    for (edits, code, place) in [
        (&[("ADT^A04", "ADT^A40")], "201", "MSH^1^9"),
        (&[("ADT^A04", "ORM^O01")], "200", "MSH^1^9"),
    ] {
        let door = Door::open().await;
        let answer = door.ask(&a04("U1", edits)).await;
        assert_eq!(msa(&answer), ("AR".into(), "U1".into()));
        assert!(field(&answer, "ERR", 3).starts_with(code), "{}", field(&answer, "ERR", 3));
        assert!(field(&answer, "ERR", 2).starts_with(place), "{}", field(&answer, "ERR", 2));
        assert_eq!(kept(door.store()).await.arrival.bytes.as_ref(), a04("U1", edits));
    }
}

#[tokio::test]
async fn what_has_no_msh_is_rejected_and_kept() {
    for bytes in [&b"PID|1||1\rPV1|1\r"[..], b"", b"\xff\xfe\x00", b"hello"] {
        let door = Door::open().await;
        let answer = door.ask(bytes).await;
        assert_eq!(field(&answer, "MSA", 1), "AR");
        assert!(field(&answer, "ERR", 3).starts_with("100"), "{}", field(&answer, "ERR", 3));
        assert_eq!(kept(door.store()).await.arrival.bytes.as_ref(), bytes);
    }
}

#[tokio::test]
async fn a_connection_that_ends_inside_a_message_is_kept_and_the_whole_message_taken_later() {
    let door = Door::open().await;
    let message = a04("T1", &[]);
    let mut socket = door.socket().await;
    socket.write_all(&framed(&message)[..100]).await.unwrap();
    drop(socket);
    let store = door.store();
    let entry = until(store, "a journal entry", async || journal(store).await.pop()).await;
    assert_eq!(entry.arrival.outcome.status, Status::Failed);
    assert_eq!(entry.arrival.bytes.as_ref(), &message[..99]);
    let issue = &entry.arrival.outcome.issues[0];
    assert_eq!((issue.code, issue.spot.as_ref().unwrap().bytes.clone()), ("incomplete", 0..99));
    let error = replay(store, &[hospital(store)], entry.id).await.unwrap_err();
    assert!(error.to_string().contains("did not arrive whole"), "{error}");
    assert_eq!(msa(&door.ask(&message).await).0, "AA");
}

#[tokio::test]
async fn a_message_of_50_mb_is_rejected_before_it_has_come_and_its_head_is_kept() {
    let door = Door::open().await;
    let mut message = a04("L1", &[]);
    message.resize(50 << 20, b'x');
    let mut socket = door.socket().await;
    let (mut from, mut to) = socket.split();
    let frame = framed(&message);
    let mut answer = Vec::new();
    let (sent, heard) = tokio::join!(to.write_all(&frame), from.read_to_end(&mut answer));
    sent.unwrap();
    heard.unwrap();
    assert_eq!(msa(&answer), ("AR".into(), "L1".into()));
    let entry = kept(door.store()).await;
    assert!(entry.arrival.bytes.len() <= 64 << 10);
    assert!(message.starts_with(&entry.arrival.bytes));
    assert!(entry.arrival.outcome.issues[0].text.contains("16777216"));
    assert!(replay(door.store(), &[hospital(door.store())], entry.id).await.is_err());
}

#[tokio::test]
async fn silent_and_slow_senders_are_let_go() {
    let door = Door::with(|config| config.idle = Duration::from_millis(50)).await;
    assert_eq!(rest(&mut door.socket().await).await, b"");
    assert_eq!(journal(door.store()).await.len(), 0);

    let door = Door::with(|config| config.patience = Duration::from_millis(50)).await;
    let mut socket = door.socket().await;
    socket.write_all(b"\x0bMSH|^~\\&|HIS|H|||1||ADT^A04|W1|P|2.5\rPID|").await.unwrap();
    let answer = rest(&mut socket).await;
    assert_eq!(msa(&answer), ("AR".into(), "W1".into()));
    assert_eq!(kept(door.store()).await.arrival.outcome.issues[0].code, "incomplete");
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_and_free_places_are_used_again() {
    let door = Door::with(|config| config.connections = 1).await;
    let mut first = door.client().await;
    first.ask(&a04("M1", &[])).await.unwrap();
    assert_eq!(rest(&mut door.socket().await).await, b"");
    first.ask(&a04("M2", &[])).await.unwrap();
    drop(first);
    // The place is free when the door has seen the first one go.
    let asked = async {
        loop {
            let mut client = door.client().await;
            if let Ok(answer) = client.ask(&a04("M3", &[])).await {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await.unwrap();
    assert_eq!(msa(&answer).0, "AA");
}

#[tokio::test]
async fn a_shutdown_finishes_the_message_that_has_begun() {
    let door = Door::open().await;
    let mut idle = door.client().await;
    idle.ask(&a04("D1", &[])).await.unwrap();
    let mut busy = door.socket().await;
    let (whole, half) = (framed(&a04("D2", &[])), framed(&a04("D3", &[])));
    busy.write_all(&[&whole[..], &half[..50]].concat()).await.unwrap();
    let mut first = vec![0; 20];
    busy.read_exact(&mut first).await.unwrap();
    door.shutdown.cancel();
    busy.write_all(&half[50..]).await.unwrap();
    let told = rest(&mut busy).await;
    let last = told.rsplit(|b| *b == 0x0b).next().unwrap();
    assert_eq!(msa(last), ("AA".into(), "D3".into()));
    assert!(idle.answer(PATIENCE).await.is_err());
    drop((busy, idle));
    tokio::time::timeout(PATIENCE, door.running.task).await.unwrap().unwrap();
    assert_eq!(journal(&door.at.store).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_senders_at_once_each_get_their_own_answers() {
    let door = Arc::new(Door::open().await);
    let senders = (0..32).map(|sender| {
        let door = door.clone();
        tokio::spawn(async move {
            let mut client = door.client().await;
            for n in 0..10 {
                let control = format!("N{sender}-{n}");
                let patient = format!("{:010}", sender * 100 + n);
                let message = a04(&control, &[("0000001001", &patient)]);
                let answer = client.ask(&message).await.unwrap();
                assert_eq!(msa(&answer), ("AA".into(), control));
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    assert_eq!(door.store().counts().await.unwrap().journal, [320, 0, 0]);
    for (sender, n) in [(0, 0), (31, 9)] {
        let id = format!("hospital-1.pid.{:010}", sender * 100 + n);
        assert!(resource(door.store(), "Patient", &id).await.is_some());
    }
}

#[tokio::test]
async fn nothing_is_accepted_when_the_store_is_gone() {
    let door = Door::open().await;
    let mut client = door.client().await;
    client.ask(&a04("Z1", &[])).await.unwrap();
    door.store().close().await.unwrap();
    for message in [a04("Z2", &[]), a04("Z3", &[("ADT^A04", "XXX^Y01")]), b"junk".to_vec()] {
        let answer = client.ask(&message).await.unwrap();
        assert_eq!(field(&answer, "MSA", 1), "AE");
        assert!(field(&answer, "ERR", 8).contains("send the message again"));
    }
}

#[tokio::test]
async fn the_channel_decides_what_becomes_of_errors() {
    let at = TestStore::new();
    let bad = a04("P1", &[("19650315", "20240230")]);
    let mut codes = Vec::new();
    for (name, invalid) in [("warn", Invalid::Warn), ("aside", Invalid::Quarantine)] {
        let inbound = channel(&at.store, name, "hospital-1", &["hospital-adt"], invalid);
        let config = Mllp::at("127.0.0.1:0".parse().unwrap());
        let door = mllp::start(config, inbound, CancellationToken::new()).await.unwrap();
        let mut client = Client::connect(door.address.unwrap(), PATIENCE).await.unwrap();
        codes.push(msa(&client.ask(&bad).await.unwrap()).0);
    }
    assert_eq!(codes, ["AA", "AA"]);
    let statuses: Vec<Status> =
        journal(&at.store).await.iter().map(|entry| entry.arrival.outcome.status).collect();
    assert_eq!(statuses, [Status::Done, Status::Quarantined]);
    let patient = resource(&at.store, "Patient", "hospital-1.pid.0000001001").await.unwrap();
    assert_eq!(patient.get("birthDate"), None);
    assert_eq!(patient["gender"], "male");

    // A person looks, and lets it pass by replaying it through a channel that only warns.
    let lenient = channel(&at.store, "aside", "hospital-1", &["hospital-adt"], Invalid::Warn);
    let aside = journal(&at.store).await[1].id;
    replay(&at.store, &[lenient], aside).await.unwrap();
    assert_eq!(at.store.counts().await.unwrap().journal, [2, 0, 0]);
}

#[tokio::test]
async fn a_replay_changes_nothing_that_is_stored_already() {
    let door = Door::open().await;
    door.ask(&a04("Y1", &[])).await;
    let entry = journal(door.store()).await.remove(0);
    let answer = replay(door.store(), &[hospital(door.store())], entry.id).await.unwrap();
    assert_eq!(answer.journal, [entry.id]);
    assert_eq!(journal(door.store()).await.len(), 1);
    let versions = door.store().history("Patient", "hospital-1.pid.0000001001").await.unwrap();
    assert_eq!(versions.len(), 1);
    let error = replay(door.store(), &[], entry.id).await.unwrap_err();
    assert!(error.to_string().contains("`adt`"), "{error}");
}

#[tokio::test]
async fn what_passes_the_door_is_counted() {
    let at = TestStore::new();
    let inbound = channel(&at.store, "counted", "hospital-1", &["hospital-adt"], Invalid::Reject);
    let config = Mllp { limit: 1000, ..Mllp::at("127.0.0.1:0".parse().unwrap()) };
    let door = mllp::start(config, inbound, CancellationToken::new()).await.unwrap();
    let mut socket = TcpStream::connect(door.address.unwrap()).await.unwrap();
    let mut stream = b"noise".to_vec();
    stream.extend(framed(&a04("K1", &[])));
    stream.extend(framed(&a04("K2", &[("||19650315|", "||20240230|")])));
    stream.extend(framed(&[b'x'; 1001]));
    socket.write_all(&stream).await.unwrap();
    rest(&mut socket).await;
    let metrics = tombolo::observe::render();
    for (name, labels, value) in [
        ("messages_received", "", 2),
        ("messages_acknowledged", ",code=\"AA\"", 1),
        ("messages_acknowledged", ",code=\"AE\"", 1),
        ("messages_acknowledged", ",code=\"AR\"", 1),
        ("mllp_troubles", ",kind=\"garbage bytes\"", 5),
        ("mllp_troubles", ",kind=\"too long\"", 1),
    ] {
        let line = format!("tombolo_{name}_total{{channel=\"counted\"{labels}}} {value}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_gbk_are_refused_where_other_errors_only_warn() {
    let at = TestStore::new();
    let inbound = channel(&at.store, "warns", "hospital-1", &["hospital-adt"], Invalid::Warn);
    let config = Mllp::at("127.0.0.1:0".parse().unwrap());
    let door = mllp::start(config, inbound, CancellationToken::new()).await.unwrap();
    let mut client = Client::connect(door.address.unwrap(), PATIENCE).await.unwrap();
    let mut message = a04("V1", &[]);
    let at_name = message.windows(4).position(|w| w == [0xD5, 0xC5, 0xB2, 0xE2]).unwrap();
    message[at_name + 1] = 0xFF;
    let answer = client.ask(&message).await.unwrap();
    assert_eq!(msa(&answer), ("AE".into(), "V1".into()));
    assert_eq!(kept(&at.store).await.arrival.bytes.as_ref(), message);
    assert_eq!(resource(&at.store, "Patient", "hospital-1.pid.0000001001").await, None);
}
