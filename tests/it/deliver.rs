//! The delivery worker against a receiver on a real socket.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tombolo::Result;
use tombolo::deliver::worker::{Outbox, start};
use tombolo::error::{Error, Kind};
use tombolo::flow::delivery::{Later, Render, Rendered, Reply, Writeback};
use tombolo::observe::Clock;
use tombolo::store::{Body, Commit, Delivery, Outgoing, Settled, Store, When, Write};

use crate::support::receiver::{Receiver, Say};
use crate::support::{TestStore, until};

const SUCCESS: &str = "<Response><code>success</code><CardId>5399012603050001</CardId><message>上报成功</message></Response>";
const FAIL: &str =
    "<Response><code>fail</code><CardId></CardId><message>甲;乙</message></Response>";

/// The flow's part: the bytes name the resource, the answer is written into a Task.
#[derive(Default)]
struct Desk {
    replies: Mutex<Vec<Reply>>,
    /// So many write-backs lose a race first.
    races: AtomicU32,
    broken: Option<Kind>,
}

impl Render for Desk {
    fn render<'a>(&'a self, delivery: &'a Delivery) -> Later<'a, Result<Rendered>> {
        let Outgoing { kind, id, .. } = &delivery.outgoing;
        let bytes = format!("<card>{kind}/{id}</card>").into_bytes();
        let content_type = "application/xml; charset=utf-8".to_owned();
        let result = match self.broken {
            Some(kind) => Err(Error::new(kind, "发病日期 is missing")),
            None => Ok(Rendered { bytes, content_type, issues: Vec::new() }),
        };
        Box::pin(async move { result })
    }
}

impl Writeback for Desk {
    fn writes<'a>(
        &'a self,
        delivery: &'a Delivery,
        reply: &'a Reply,
    ) -> Later<'a, Result<Vec<Write>>> {
        self.replies.lock().unwrap().push(reply.clone());
        let lost = self.races.load(Ordering::SeqCst) > 0;
        if lost {
            self.races.fetch_sub(1, Ordering::SeqCst);
        }
        let id = format!("t-{}", delivery.id);
        let task = json!({
            "resourceType": "Task", "id": id, "status": "completed", "intent": "order",
            "description": format!("{:?} {}", reply.said, reply.id.as_deref().unwrap_or("-")),
        });
        let when = if lost { When::Version(99) } else { When::Always };
        let write = Write { kind: "Task".into(), id, body: Body::Replace(task), when };
        Box::pin(async move { Ok(vec![write]) })
    }
}

/// A worker, its store, its receiver.
struct Scene {
    at: TestStore,
    receiver: Receiver,
    desk: Arc<Desk>,
}

impl Scene {
    async fn new(script: &[Say]) -> Scene {
        Scene::with(script, Desk::default()).await
    }

    async fn with(script: &[Say], desk: Desk) -> Scene {
        let receiver = Receiver::start(script).await;
        Scene { at: TestStore::new(), receiver, desk: Arc::new(desk) }
    }

    fn store(&self) -> &Store {
        &self.at.store
    }

    /// Starts the worker; dropping the token does not stop it.
    fn work(&self, more: &str) -> (tokio::task::JoinHandle<()>, CancellationToken) {
        let yaml = format!(
            "party: cdc\nmapping: cdc-card\nhttp: {{ url: '{}', authorization: Bearer x }}\n\
             retry: {{ first: 1ms, most: 5ms, attempts: 3 }}\n{more}",
            self.receiver.url
        );
        let outbox = Outbox {
            name: "cdc".into(),
            store: self.store().clone(),
            render: self.desk.clone(),
            writeback: self.desk.clone(),
            clock: Clock::System,
        };
        let shutdown = CancellationToken::new();
        let config = serde_saphyr::from_str(&yaml).unwrap();
        (start(config, outbox, shutdown.clone()).unwrap(), shutdown)
    }

    fn work_by_rule(&self) -> (tokio::task::JoinHandle<()>, CancellationToken) {
        self.work("answer: { ok: Response/code = success, id: Response/CardId, reason: Response/message }\n")
    }

    async fn enqueue(&self, key: &str, id: &str) {
        let outgoing = Outgoing {
            target: "cdc".into(),
            key: key.into(),
            kind: "Composition".into(),
            id: id.into(),
            version: 1,
            context: Value::Null,
        };
        let commit = Commit { outbox: vec![outgoing], ..Commit::default() };
        self.store().commit(commit).await.unwrap();
    }

    async fn ends(&self, id: i64, state: &str) -> Delivery {
        until(self.store(), state, async || {
            let delivery = self.store().delivery(id).await.unwrap()?;
            (delivery.state == state).then_some(delivery)
        })
        .await
    }

    async fn task(&self, id: i64) -> Option<Value> {
        let stored = self.store().read("Task", &format!("t-{id}")).await.unwrap()?;
        Some(serde_json::from_slice(&stored.json).unwrap())
    }
}

#[tokio::test]
async fn an_accepted_delivery_is_done_and_its_answer_written_back() {
    let scene = Scene::new(&[Say::This(200, SUCCESS)]).await;
    scene.enqueue("p", "card-1").await;
    let _worker = scene.work_by_rule();
    let done = scene.ends(1, "done").await;
    assert_eq!(done.payload.as_deref(), Some("<card>Composition/card-1</card>".as_bytes()));
    assert!(done.last.unwrap().contains("5399012603050001"));
    assert_eq!(scene.task(1).await.unwrap()["description"], "Accepted 5399012603050001");
    let came = &scene.receiver.came()[0];
    assert_eq!(came.body, b"<card>Composition/card-1</card>");
    assert_eq!(came.header("content-type"), "application/xml; charset=utf-8");
    assert_eq!(came.header("authorization"), "Bearer x");
    let change = &scene.store().changes(0, 10).await.unwrap()[0];
    assert_eq!(change.origin, "out:cdc");
}

#[tokio::test]
async fn a_refusal_is_final_and_gives_its_reasons() {
    let scene = Scene::new(&[Say::This(200, FAIL)]).await;
    scene.enqueue("p", "card-1").await;
    let (worker, shutdown) = scene.work_by_rule();
    let rejected = scene.ends(1, "rejected").await;
    assert_eq!((rejected.attempts, rejected.last.as_deref()), (1, Some("甲; 乙")));
    assert_eq!(scene.desk.replies.lock().unwrap()[0].reasons, ["甲", "乙"]);
    shutdown.cancel();
    worker.await.unwrap();
    assert_eq!(scene.receiver.came().len(), 1);
}

#[tokio::test]
async fn trouble_on_the_way_is_tried_again_under_the_same_key_and_in_order() {
    let script = [
        Say::This(503, "down"),
        Say::This(200, "<html>a proxy's page</html>"),
        Say::This(200, SUCCESS),
        Say::This(200, SUCCESS),
    ];
    let scene = Scene::new(&script).await;
    scene.enqueue("p", "card-1").await;
    scene.enqueue("p", "card-2").await;
    let _worker = scene.work_by_rule();
    let first = scene.ends(1, "done").await;
    assert_eq!(first.attempts, 3);
    scene.ends(2, "done").await;
    let came = scene.receiver.came();
    let bodies: Vec<bool> = came.iter().map(|c| c.body.ends_with(b"card-2</card>")).collect();
    assert_eq!(bodies, [false, false, false, true]);
    let keys: Vec<&str> = came.iter().map(|c| c.header("idempotency-key")).collect();
    assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
    assert!(!keys[0].is_empty());
}

#[tokio::test]
async fn after_the_last_try_it_is_parked_and_blocks_nothing() {
    let script =
        [Say::This(500, "a"), Say::This(429, "b"), Say::This(502, "c"), Say::This(200, SUCCESS)];
    let scene = Scene::new(&script).await;
    scene.enqueue("p", "card-1").await;
    scene.enqueue("p", "card-2").await;
    let _worker = scene.work_by_rule();
    let parked = scene.ends(1, "parked").await;
    assert_eq!(parked.attempts, 3);
    assert!(
        parked.last.as_deref().unwrap().contains("given up after 3 tries: HTTP 502"),
        "{parked:?}"
    );
    scene.ends(2, "done").await;
    assert!(scene.task(1).await.unwrap()["description"].as_str().unwrap().starts_with("Parked"));
}

#[tokio::test]
async fn an_operator_puts_a_parked_delivery_back() {
    let scene = Scene::new(&[Say::This(401, "who are you"), Say::This(200, SUCCESS)]).await;
    scene.enqueue("p", "card-1").await;
    let _worker = scene.work_by_rule();
    let parked = scene.ends(1, "parked").await;
    assert!(parked.last.unwrap().contains("HTTP 401"));
    let again =
        Settled { id: 1, state: "waiting".into(), due: 0, last: "again".into(), payload: None };
    scene.store().commit(Commit { settled: vec![again], ..Commit::default() }).await.unwrap();
    scene.ends(1, "done").await;
}

#[tokio::test]
async fn without_a_rule_the_status_decides() {
    let script = [Say::This(204, ""), Say::This(422, "no"), Say::This(302, ""), Say::This(404, "")];
    let scene = Scene::new(&script).await;
    for n in 1..=4 {
        scene.enqueue("p", &format!("card-{n}")).await;
    }
    let _worker = scene.work("");
    for (id, state) in [(1, "done"), (2, "rejected"), (3, "parked"), (4, "parked")] {
        scene.ends(id, state).await;
    }
}

#[tokio::test]
async fn a_crash_between_sending_and_settling_sends_again_under_the_same_key() {
    let scene = Scene::new(&[Say::Held(200, SUCCESS), Say::This(200, SUCCESS)]).await;
    scene.enqueue("p", "card-1").await;
    let (worker, _) = scene.work_by_rule();
    scene.receiver.wait(1).await;
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
    let scene = Scene { at: scene.at.reopened().await, ..scene };
    let _worker = scene.work_by_rule();
    scene.ends(1, "done").await;
    let came = scene.receiver.came();
    assert_eq!(came.len(), 2);
    assert_eq!(came[0].header("idempotency-key"), came[1].header("idempotency-key"));
}

#[tokio::test]
async fn a_shutdown_waits_for_the_answer_and_settles_it() {
    let scene = Scene::new(&[Say::Held(200, SUCCESS)]).await;
    scene.enqueue("p", "card-1").await;
    scene.enqueue("p", "card-2").await;
    let (worker, shutdown) = scene.work_by_rule();
    scene.receiver.wait(1).await;
    shutdown.cancel();
    scene.receiver.go();
    worker.await.unwrap();
    assert_eq!(scene.store().delivery(1).await.unwrap().unwrap().state, "done");
    assert_eq!(scene.store().delivery(2).await.unwrap().unwrap().state, "waiting");
    assert_eq!(scene.receiver.came().len(), 1);
}

#[tokio::test]
async fn a_write_back_that_loses_a_race_is_made_anew_and_nothing_is_sent_twice() {
    let desk = Desk { races: AtomicU32::new(2), ..Desk::default() };
    let scene = Scene::with(&[Say::This(200, SUCCESS)], desk).await;
    scene.enqueue("p", "card-1").await;
    let _worker = scene.work_by_rule();
    scene.ends(1, "done").await;
    assert_eq!(scene.desk.replies.lock().unwrap().len(), 3);
    assert!(scene.task(1).await.is_some());
    assert_eq!(scene.receiver.came().len(), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_back_is_kept_for_a_person() {
    let desk = Desk { races: AtomicU32::new(u32::MAX), ..Desk::default() };
    let scene = Scene::with(&[Say::This(200, SUCCESS)], desk).await;
    scene.enqueue("p", "card-1").await;
    let _worker = scene.work_by_rule();
    let last = scene.ends(1, "parked").await.last.unwrap();
    assert!(
        last.contains("5399012603050001") && last.contains("could not be written back"),
        "{last}"
    );
    assert_eq!(scene.receiver.came().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_made_is_parked_and_what_cannot_be_reached_is_tried_again() {
    let desk = Desk { broken: Some(Kind::Required), ..Desk::default() };
    let scene = Scene::with(&[], desk).await;
    scene.enqueue("p", "card-1").await;
    let _worker = scene.work_by_rule();
    let last = scene.ends(1, "parked").await.last.unwrap();
    assert!(last.contains("发病日期 is missing"), "{last}");
    assert!(scene.receiver.came().is_empty());

    let mut scene = Scene::new(&[]).await;
    scene.receiver.url = "http://127.0.0.1:1/".into();
    scene.enqueue("p", "card-1").await;
    let _worker = scene.work_by_rule();
    let parked = scene.ends(1, "parked").await;
    assert_eq!(parked.attempts, 3);
}
