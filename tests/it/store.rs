//! The store's contract: one commit is whole or nothing, no update is lost, repeats are known,
//! order is kept, the feed tells everything once, and nothing is gone after a restart.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::sync::Arc;

use serde_json::{Value, json};
use tombolo::fhir::{Issue, Merge};
use tombolo::search::Search;
use tombolo::store::{
    Arrival, Body, Carry, Commit, Did, Journaled, Outcome, Outgoing, Settled, Status, Store, When,
    Write,
};
use tombolo::{Error, Kind};

fn memory() -> Store {
    Store::open("sqlite::memory:").unwrap()
}

fn patient(n: usize) -> Value {
    json!({"resourceType": "Patient", "id": "x", "name": [{"text": format!("人{n}")}]})
}

fn put(id: &str, body: Value) -> Write {
    Write {
        kind: body["resourceType"].as_str().unwrap().to_owned(),
        id: id.to_owned(),
        body: Body::Replace(body),
        when: When::Always,
    }
}

fn writes(writes: Vec<Write>) -> Commit {
    Commit { origin: "test".into(), writes, ..Commit::default() }
}

fn arrival(control: Option<&str>, bytes: &[u8]) -> Arrival {
    Arrival {
        channel: "adt".into(),
        peer: "127.0.0.1:9".into(),
        received: 1_700_000_000_000,
        bytes: bytes.into(),
        control: control.map(|c| ("HIS".to_owned(), c.to_owned())),
        outcome: Outcome {
            status: Status::Done,
            mapping: Some("hospital-adt@1".into()),
            issues: vec![Issue::error(Kind::Value, "odd").spot("PID-7", 3..9)],
            answer: b"MSA|AA".to_vec(),
        },
    }
}

fn delivery(key: &str, n: usize) -> Outgoing {
    Outgoing {
        target: "cdc".into(),
        key: key.into(),
        kind: "Patient".into(),
        id: format!("p{n}"),
        version: 1,
        context: json!({"n": n}),
    }
}

fn settled(id: i64, state: &str) -> Settled {
    Settled { id, state: state.into(), due: 0, last: "said".into(), payload: Some(vec![1]) }
}

async fn json_of(store: &Store, kind: &str, id: &str) -> Value {
    serde_json::from_slice(&store.read(kind, id).await.unwrap().unwrap().json).unwrap()
}

#[tokio::test]
async fn versions_are_made_kept_and_deleted() {
    let store = memory();
    let done =
        store.commit(writes(vec![put("a", patient(1)), put("b", patient(2))])).await.unwrap();
    assert_eq!(done.written.iter().map(|w| w.did).collect::<Vec<_>>(), [Did::Created; 2]);
    assert_eq!(done.last, 2);
    let read = json_of(&store, "Patient", "a").await;
    assert_eq!(read["id"], "a");
    assert_eq!(read["meta"]["versionId"], "1");
    assert!(read["meta"]["lastUpdated"].as_str().unwrap().ends_with('Z'));

    // The same content, with other metadata and in another order, is no new version.
    let mut same = json!({"name": patient(1)["name"], "meta": {"versionId": "9"}});
    same["resourceType"] = json!("Patient");
    let done = store.commit(writes(vec![put("a", same)])).await.unwrap();
    assert_eq!((done.written[0].did, done.written[0].version, done.last), (Did::Unchanged, 1, 0));

    let done = store.commit(writes(vec![put("a", patient(3))])).await.unwrap();
    assert_eq!((done.written[0].did, done.written[0].version), (Did::Updated, 2));
    let delete =
        || Write { kind: "Patient".into(), id: "a".into(), body: Body::Delete, when: When::Always };
    let done = store.commit(writes(vec![delete(), delete()])).await.unwrap();
    assert_eq!((done.written[0].did, done.written[0].version), (Did::Deleted, 3));
    assert_eq!((done.written[1].did, done.written[1].version), (Did::Unchanged, 3));
    assert!(store.read("Patient", "a").await.unwrap().unwrap().deleted);
    assert!(store.read("Patient", "nobody").await.unwrap().is_none());
    assert!(store.read("Nothing", "a").await.unwrap().is_none());

    // It comes back with the next version.
    let done = store.commit(writes(vec![put("a", patient(3))])).await.unwrap();
    assert_eq!((done.written[0].did, done.written[0].version), (Did::Created, 4));
    let history = store.history("Patient", "a").await.unwrap();
    assert_eq!(history.iter().map(|v| v.version).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert!(history.is_sorted_by(|new, old| new.updated >= old.updated));
    assert!(history[1].deleted && history[1].json.is_empty());
    let second = store.vread("Patient", "a", 2).await.unwrap().unwrap();
    assert_eq!(second.json, history[2].json);
    assert!(store.vread("Patient", "a", 5).await.unwrap().is_none());
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.resources, [("Patient".to_owned(), 2)]);
}

#[tokio::test]
async fn a_commit_whose_condition_fails_leaves_nothing_and_harms_no_other() {
    let store = memory();
    let bad = Commit {
        writes: vec![
            put("a", patient(1)),
            Write { when: When::Version(7), ..put("b", patient(2)) },
        ],
        journal: Some(arrival(Some("1"), b"x")),
        carry: vec![Carry {
            kind: "Patient".into(),
            id: "a".into(),
            mapping: "m@1".into(),
            bytes: b"x"[..].into(),
        }],
        outbox: vec![delivery("k", 1)],
        audit: vec![json!({"resourceType": "AuditEvent"})],
        cursor: Some(("f".into(), 5)),
        ..writes(vec![])
    };
    let good = writes(vec![put("c", patient(3))]);
    let (bad, good) = tokio::join!(store.commit(bad), store.commit(good));
    let error = bad.unwrap_err();
    assert_eq!(error.kind, Kind::Precondition);
    assert!(error.to_string().starts_with("Patient/b: "), "{error}");
    assert_eq!(good.unwrap().written[0].did, Did::Created);

    assert!(store.read("Patient", "a").await.unwrap().is_none());
    assert!(store.journal_list(None, None, 10).await.unwrap().is_empty());
    assert!(store.carry("Patient", "a", "m").await.unwrap().is_none());
    assert!(store.outbox_list(None, 10).await.unwrap().is_empty());
    assert!(store.audit(None, 10).await.unwrap().is_empty());
    assert_eq!(store.cursor("f").await.unwrap(), 0);
    assert_eq!(store.changes(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_with_its_place() {
    let store = memory();
    for (id, body) in [
        ("has space", patient(1)),
        ("", patient(1)),
        ("a", json!({"resourceType": "Patient", "meta": []})),
    ] {
        let error = store.commit(writes(vec![put(id, body)])).await.unwrap_err();
        assert!(matches!(error.kind, Kind::Value | Kind::Structure), "{error}");
    }
    let other = Write { kind: "Observation".into(), ..put("a", patient(1)) };
    let error = store.commit(writes(vec![other])).await.unwrap_err();
    assert!(error.to_string().contains("expected Observation"), "{error}");
    for settle in [settled(99, "done"), settled(1, "lost")] {
        let commit = Commit { settled: vec![settle], ..Commit::default() };
        assert!(store.commit(commit).await.is_err());
    }
    let resettle = Some((3, arrival(None, b"").outcome));
    let error = store.commit(Commit { resettle, ..Commit::default() }).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn conditions_are_held() {
    let store = memory();
    let missing = |n| Write { when: When::Missing, ..put("a", patient(n)) };
    let did = |c: tombolo::store::Committed| (c.written[0].did, c.written[0].version);
    assert_eq!(did(store.commit(writes(vec![missing(1)])).await.unwrap()), (Did::Created, 1));
    assert_eq!(did(store.commit(writes(vec![missing(2)])).await.unwrap()), (Did::Kept, 1));
    let version = |v, n| Write { when: When::Version(v), ..put("a", patient(n)) };
    assert_eq!(did(store.commit(writes(vec![version(1, 3)])).await.unwrap()), (Did::Updated, 2));
    for bad in [version(1, 4), version(3, 4), Write { id: "new".into(), ..version(1, 4) }] {
        let error = store.commit(writes(vec![bad])).await.unwrap_err();
        assert_eq!(error.kind, Kind::Precondition);
    }
    assert_eq!(json_of(&store, "Patient", "a").await["name"][0]["text"], "人3");
}

/// Adds the incoming counts to the stored ones.
struct Sum;

impl Merge for Sum {
    fn merge(&self, stored: &Value, mut incoming: Value) -> Value {
        let n = |v: &Value| v["multipleBirthInteger"].as_u64().unwrap_or(0);
        incoming["multipleBirthInteger"] = json!(n(stored) + n(&incoming));
        incoming
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_merges_lose_no_update() {
    let store = memory();
    let rules: Arc<dyn Merge> = Arc::new(Sum);
    let one = json!({"resourceType": "Patient", "multipleBirthInteger": 1});
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, rules, one) = (store.clone(), rules.clone(), one.clone());
            tokio::spawn(async move {
                for _ in 0..25 {
                    let body = Body::Merge(one.clone(), rules.clone());
                    let write = Write { body, ..put("a", one.clone()) };
                    store.commit(writes(vec![write])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let read = json_of(&store, "Patient", "a").await;
    assert_eq!(read["multipleBirthInteger"], 400);
    assert_eq!(read["meta"]["versionId"], "400");
}

/// Panics once the resource is there.
struct Broken;

impl Merge for Broken {
    fn merge(&self, stored: &Value, _: Value) -> Value {
        panic!("a merge that panics over {}", stored["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_panics_harms_nobody_else() {
    let store = memory();
    let broken = || {
        let body = Body::Merge(patient(1), Arc::new(Broken) as Arc<dyn Merge>);
        store.commit(writes(vec![Write { body, ..put("a", patient(1)) }]))
    };
    // Together, some are prepared before the first is stored and merged only in the writer.
    let others = (0..8).map(|n| {
        let store = store.clone();
        tokio::spawn(
            async move { store.commit(writes(vec![put(&format!("o{n}"), patient(n))])).await },
        )
    });
    let others: Vec<_> = others.collect();
    let (one, two, three) = tokio::join!(broken(), broken(), broken());
    let stored = [&one, &two, &three].iter().filter(|result| result.is_ok()).count();
    assert_eq!(stored, 1);
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert!(broken().await.is_err());
    assert_eq!(store.read("Patient", "a").await.unwrap().unwrap().version, 1);
    assert_eq!(store.counts().await.unwrap().resources, [("Patient".to_owned(), 9)]);
}

#[tokio::test]
async fn repeats_get_the_first_answer_and_clashes_are_kept_as_failed() {
    let store = memory();
    let commit = |arrival| Commit { journal: Some(arrival), ..writes(vec![put("a", patient(1))]) };
    let first = store.commit(commit(arrival(Some("1"), b"hello"))).await.unwrap();
    let Some(Journaled::New(id)) = first.journal else { panic!("{first:?}") };
    let known = store.repeat("adt", "HIS", "1").await.unwrap().unwrap();
    assert_eq!((known.id, &known.arrival.bytes[..]), (id, &b"hello"[..]));
    assert!(store.repeat("oru", "HIS", "1").await.unwrap().is_none());

    let mut again = commit(arrival(Some("1"), b"hello"));
    again.writes = vec![put("b", patient(2))];
    let again = store.commit(again).await.unwrap();
    let Some(Journaled::Repeat(entry)) = again.journal else { panic!("{again:?}") };
    assert_eq!((entry.id, &entry.arrival.outcome.answer[..]), (id, &b"MSA|AA"[..]));
    assert_eq!(entry.arrival.outcome.issues, arrival(None, b"").outcome.issues);
    assert!(again.written.is_empty());

    let mut clash = commit(arrival(Some("1"), b"other"));
    clash.writes = vec![put("b", patient(2))];
    let clash = store.commit(clash).await.unwrap();
    assert!(matches!(clash.journal, Some(Journaled::Clash(first)) if first == id), "{clash:?}");
    assert!(store.read("Patient", "b").await.unwrap().is_none());
    let failed = store.journal_list(Some(Status::Failed), None, 10).await.unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(&failed[0].arrival.bytes[..], b"other");
    assert!(failed[0].arrival.outcome.issues.iter().any(|i| i.code == "duplicate"));

    // Without a control number nothing is a repeat.
    for _ in 0..2 {
        let done = store.commit(commit(arrival(None, b"hello"))).await.unwrap();
        assert!(matches!(done.journal, Some(Journaled::New(_))));
    }
    assert_eq!(store.counts().await.unwrap().journal, [3, 1, 0]);
    let page = store.journal_list(None, Some(3), 1).await.unwrap();
    assert_eq!(page.iter().map(|e| e.id).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_replay_gives_the_entry_its_new_outcome() {
    let store = memory();
    let mut failed = arrival(Some("1"), b"hello");
    failed.outcome.status = Status::Failed;
    failed.outcome.answer = b"AE".to_vec();
    let commit = Commit { journal: Some(failed.clone()), ..Commit::default() };
    store.commit(commit).await.unwrap();
    let resettle = Some((1, arrival(None, b"").outcome));
    let commit = Commit { resettle, ..writes(vec![put("a", patient(1))]) };
    store.commit(commit).await.unwrap();
    let again = Commit { journal: Some(failed), ..Commit::default() };
    let Some(Journaled::Repeat(entry)) = store.commit(again).await.unwrap().journal else {
        panic!("not a repeat")
    };
    assert_eq!(entry.arrival.outcome.status, Status::Done);
    assert_eq!(entry.arrival.outcome.answer, b"MSA|AA");
    assert_eq!(store.journal(1).await.unwrap().unwrap().arrival.outcome.status, Status::Done);
    assert!(store.journal(2).await.unwrap().is_none());
}

#[tokio::test]
async fn the_newest_original_record_of_a_mapping_is_given() {
    let store = memory();
    let carry = |mapping: &str, bytes: &[u8]| Carry {
        kind: "Patient".into(),
        id: "a".into(),
        mapping: mapping.into(),
        bytes: bytes.into(),
    };
    let mut first = writes(vec![put("a", patient(1))]);
    first.journal = Some(arrival(None, b"old"));
    first.carry = vec![carry("adt@1", b"old"), carry("card@1", b"card")];
    store.commit(first).await.unwrap();
    let second = Commit { carry: vec![carry("adt@2", b"new")], ..Commit::default() };
    store.commit(second).await.unwrap();
    let get = async |mapping: &str| {
        store.carry("Patient", "a", mapping).await.unwrap().map(|c| (c.mapping, c.bytes.to_vec()))
    };
    assert_eq!(get("adt").await, Some(("adt@2".to_owned(), b"new".to_vec())));
    assert_eq!(get("card").await, Some(("card@1".to_owned(), b"card".to_vec())));
    assert_eq!(get("other").await, None);
}

#[tokio::test]
async fn deliveries_of_one_key_keep_their_order() {
    let store = memory();
    let outbox = vec![delivery("a", 1), delivery("a", 2), delivery("b", 3), delivery("a", 4)];
    store.commit(Commit { outbox, ..Commit::default() }).await.unwrap();
    let now = i64::MAX;
    let due = async || {
        let due = store.due("cdc", now, 10).await.unwrap();
        let mut ids: Vec<_> = due.iter().map(|d| d.id).collect();
        ids.sort_unstable();
        ids
    };
    let settle = async |id, state: &str| {
        let commit = Commit { settled: vec![settled(id, state)], ..Commit::default() };
        store.commit(commit).await.unwrap();
    };
    assert_eq!(due().await, [1, 3]);
    assert!(store.due("other", now, 10).await.unwrap().is_empty());
    settle(1, "retry").await;
    assert_eq!(due().await, [1, 3], "a delivery to be tried again blocks its followers");
    let later = Settled { due: 9_000_000_000_000, ..settled(1, "retry") };
    store.commit(Commit { settled: vec![later], ..Commit::default() }).await.unwrap();
    let soon = store.due("cdc", 8_000_000_000_000, 10).await.unwrap();
    assert_eq!(soon.iter().map(|d| d.id).collect::<Vec<_>>(), [3], "even while it waits");
    settle(1, "parked").await;
    assert_eq!(due().await, [2, 3], "a parked one blocks nothing");
    settle(2, "done").await;
    settle(1, "waiting").await;
    assert_eq!(due().await, [1, 3], "one that is tried again goes first");
    let first = store.delivery(1).await.unwrap().unwrap();
    assert_eq!((first.attempts, first.state.as_str()), (0, "waiting"));
    assert_eq!(first.outgoing.context, json!({"n": 1}));
    settle(1, "done").await;
    assert_eq!(due().await, [3, 4]);
    let first = store.delivery(1).await.unwrap().unwrap();
    assert_eq!((first.attempts, first.payload), (1, Some(vec![1])));
    let done = store.outbox_list(Some("done"), 10).await.unwrap();
    assert_eq!(done.iter().map(|d| d.id).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(store.outbox_list(None, 2).await.unwrap().len(), 2);
    let counts: HashMap<_, _> = store.counts().await.unwrap().outbox.into_iter().collect();
    assert_eq!((counts["waiting"], counts["done"], counts["parked"]), (2, 2, 0));
    // New ones go behind unfinished ones.
    store.commit(Commit { outbox: vec![delivery("a", 5)], ..Commit::default() }).await.unwrap();
    assert_eq!(due().await, [3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_every_change_once_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/deep/er/store.db", folder.path().display());
    let mut store = Store::open(&url).unwrap();
    let mut seen = Vec::new();
    for round in 0..5 {
        let writer = store.clone();
        let task = tokio::spawn(async move {
            for n in 0..20 {
                let id = format!("p{round}-{n}");
                writer
                    .commit(writes(vec![put(&id, patient(n)), put("x", patient(n))]))
                    .await
                    .unwrap();
            }
        });
        let mut watch = store.watch();
        while seen.len() < (round + 1) * 40 {
            let at = store.cursor("follower").await.unwrap();
            let changes = store.changes(at, 7).await.unwrap();
            let Some(last) = changes.last() else {
                watch.changed().await.unwrap();
                continue;
            };
            let cursor = Some(("follower".to_owned(), last.number));
            store.commit(Commit { cursor, ..Commit::default() }).await.unwrap();
            seen.extend(changes.iter().map(|c| (c.number, c.id.clone(), c.version)));
        }
        task.await.unwrap();
        drop(watch);
        drop(store); // without close
        store = Store::open(&url).unwrap();
    }
    assert!(seen.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(seen.len(), 200);
    let of_x: Vec<_> = seen.iter().filter(|c| c.1 == "x").map(|c| c.2).collect();
    assert_eq!(of_x, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_process_writes_and_others_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/store.db", folder.path().display());
    assert!(Store::open_read_only(&url).is_err(), "there is none yet");
    let store = Store::open(&url).unwrap();
    let error = Store::open(&url).err().unwrap();
    assert!(error.to_string().contains("in use by another process"), "{error}");

    store.commit(writes(vec![put("a", patient(1))])).await.unwrap();
    let reader = Store::open_read_only(&url).unwrap();
    assert_eq!(reader.read("Patient", "a").await.unwrap().unwrap().version, 1);
    let refused = reader.commit(writes(vec![put("a", patient(2))])).await;
    assert_eq!(refused.unwrap_err().kind, Kind::Unreachable);

    store.close().await.unwrap();
    let closed: Result<_, Error> = store.commit(writes(vec![put("a", patient(2))])).await;
    assert_eq!(closed.unwrap_err().what, "the store is closed");
    let again = Store::open(&url).unwrap();
    assert_eq!(again.read("Patient", "a").await.unwrap().unwrap().version, 1);
    for bad in ["postgres://x", "sqlite:", "data/x.db"] {
        assert_eq!(Store::open(bad).err().unwrap().kind, Kind::Usage);
    }
}

#[tokio::test]
async fn random_commits_leave_what_a_model_expects_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let mut random = fastrand::Rng::with_seed(7);
    let mut store = Store::open(&url).unwrap();
    // By id: the version, and whether it is active; `None` if it is deleted.
    let mut model: HashMap<String, (u64, Option<bool>)> = HashMap::new();
    let mut changes = 0;
    for round in 0..400 {
        let mut after = model.clone();
        let mut made = 0;
        let mut holds = true;
        let mut commit = writes(Vec::new());
        for _ in 0..random.usize(1..4) {
            let id = format!("p{}", random.u8(0..12));
            let (version, now) = after.get(&id).copied().unwrap_or_default();
            let active = random.bool();
            let body = json!({"resourceType": "Patient", "active": active});
            let mut write = put(&id, body);
            let mut becomes = Some(active);
            match random.u8(0..5) {
                0 => {
                    write.body = Body::Delete;
                    becomes = None;
                }
                1 => {
                    write.when = When::Missing;
                    becomes = now.or(becomes);
                }
                2 => {
                    let expected = version + u64::from(random.u8(0..4) == 0);
                    write.when = When::Version(expected);
                    holds &= now.is_some() && expected == version;
                }
                _ => {}
            }
            if becomes != now {
                made += 1;
                after.insert(id, (version + 1, becomes));
            }
            commit.writes.push(write);
        }
        commit.journal = Some(arrival(Some(&round.to_string()), b"x"));
        let result = store.commit(commit).await;
        assert_eq!(result.is_ok(), holds, "{result:?}");
        if holds {
            model = after;
            changes += made;
        }
        assert_eq!(store.repeat("adt", "HIS", &round.to_string()).await.unwrap().is_some(), holds);
        if round % 50 == 49 {
            drop(store);
            store = Store::open(&url).unwrap();
        }
    }
    for (id, (version, active)) in &model {
        let read = store.read("Patient", id).await.unwrap().unwrap();
        assert_eq!((read.version, read.deleted), (*version, active.is_none()), "{id}");
        assert_eq!(store.history("Patient", id).await.unwrap().len() as u64, *version);
    }
    assert_eq!(store.changes(0, 10_000).await.unwrap().len(), changes);
    for flag in [true, false] {
        let search = Search::parse_query("Patient", &format!("active={flag}")).unwrap();
        let found = store.search(&search).await.unwrap().matches;
        let mut found: Vec<_> = found.into_iter().map(|stored| stored.id).collect();
        let expected = model.iter().filter(|(_, (_, active))| *active == Some(flag));
        let mut expected: Vec<_> = expected.map(|(id, _)| id.clone()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

/// What a process that is going to be killed does: commits from several tasks, each a message with
/// a Patient of its own and a shared one, and a line on standard output for each that is done.
#[test]
fn child_that_commits() {
    let Ok(url) = std::env::var("TOMBOLO_TEST_CHILD") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&url).unwrap();
        let start = store.counts().await.unwrap().journal[0];
        let tasks = (0..16).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0.. {
                    let control = format!("{start}-{task}-{n}");
                    let rules: Arc<dyn Merge> = Arc::new(Sum);
                    let one = json!({"resourceType": "Patient", "multipleBirthInteger": 1});
                    let shared = Write { body: Body::Merge(one.clone(), rules), ..put("sum", one) };
                    let own = json!({
                        "resourceType": "Patient", "identifier": [{"value": control.clone()}],
                    });
                    let commit = Commit {
                        journal: Some(arrival(Some(&control), control.as_bytes())),
                        outbox: vec![delivery("k", n)],
                        ..writes(vec![put(&control, own), shared])
                    };
                    store.commit(commit).await.unwrap();
                    writeln!(std::io::stdout().lock(), "done {control}").unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let mut acknowledged = Vec::new();
    for lines in [40, 250, 90] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::child_that_commits", "--nocapture"])
            .env("TOMBOLO_TEST_CHILD", &url)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let done =
            |line: std::io::Result<String>| line.ok()?.strip_prefix("done ").map(str::to_owned);
        acknowledged.extend(output.by_ref().filter_map(done).take(lines));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had still written before it died.
        acknowledged.extend(output.filter_map(done));
    }
    assert!(acknowledged.len() >= 380);
    let store = Store::open(&url).unwrap();
    for control in &acknowledged {
        let read = store.read("Patient", control).await.unwrap();
        assert!(read.is_some(), "{control} is lost");
        let entry = store.repeat("adt", "HIS", control).await.unwrap();
        assert_eq!(&entry.unwrap().arrival.bytes[..], control.as_bytes());
    }
    // Whole or not at all: each message has its Patient, its part of the sum, its delivery.
    let counts = store.counts().await.unwrap();
    let messages = counts.journal[0];
    assert!(messages >= acknowledged.len() as u64);
    assert_eq!(counts.resources, [("Patient".to_owned(), messages + 1)]);
    assert_eq!(json_of(&store, "Patient", "sum").await["multipleBirthInteger"], messages);
    let outbox: u64 = counts.outbox.iter().map(|(_, count)| count).sum();
    assert_eq!(outbox, messages);
    let (mut after, mut changes) = (0, 0);
    loop {
        let page = store.changes(after, 1000).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.is_sorted_by_key(|change| change.number));
        after = last.number;
        changes += page.len() as u64;
    }
    assert_eq!(changes, 2 * messages);
    let search = Search::parse_query("Patient", "identifier:missing=false&_summary=count").unwrap();
    assert_eq!(store.search(&search).await.unwrap().total, Some(messages));
}
