//! The worker of one target: takes what is due, sends it, settles it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::http::{Target, Tried};
use super::retry::Retry;
use crate::error::{Error, Kind, Result};
use crate::fhir::BASE;
use crate::flow::delivery::{Render, Rendered, Reply, Said, Writeback};
use crate::observe::{Clock, Metric, count};
use crate::store::{Commit, Delivery, Settled, Store};

/// How often the outbox is looked at when nothing wakes the worker: what is due later, and what an
/// operator put back, is found so.
const LOOK: Duration = Duration::from_secs(1);

/// The shortest time between two looks: a busy store wakes the worker with every commit.
const BREATH: Duration = Duration::from_millis(20);

/// The pause before a settlement that the store could not take is tried again.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// How often a settlement is made anew because one of its writes lost a race, before the delivery
/// is parked with its answer for a person to see.
const RACES: u32 = 5;

/// What a worker works with.
#[derive(Clone)]
pub struct Outbox {
    /// The outbound channel's name.
    pub name: String,
    /// Where deliveries wait and are settled.
    pub store: Store,
    /// Makes the bytes.
    pub render: Arc<dyn Render>,
    /// Says what an answer changes.
    pub writeback: Arc<dyn Writeback>,
    /// Says what is due.
    pub clock: Clock,
}

/// Starts the worker of a target. It ends after `shutdown`, when what it was sending is settled.
pub fn start(
    config: Config,
    outbox: Outbox,
    shutdown: CancellationToken,
) -> Result<JoinHandle<()>> {
    let target = Target::new(config.http, config.answer)
        .map_err(|error| error.at(format!("outbound.{}.http.url", outbox.name)))?;
    let worker = Arc::new(Worker { target, retry: config.retry, outbox });
    Ok(tokio::spawn(worker.run(config.concurrency.max(1), shutdown)))
}

struct Worker {
    target: Target,
    retry: Retry,
    outbox: Outbox,
}

impl Worker {
    async fn run(self: Arc<Self>, concurrency: usize, shutdown: CancellationToken) {
        let mut news = self.outbox.store.watch();
        let mut sending = JoinSet::new();
        let mut under_way = HashSet::new();
        while !shutdown.is_cancelled() {
            news.mark_unchanged();
            for delivery in self.due(concurrency, &under_way).await {
                under_way.insert(delivery.id);
                let (worker, shutdown) = (self.clone(), shutdown.clone());
                sending.spawn(async move {
                    let id = delivery.id;
                    worker.deliver(delivery, &shutdown).await;
                    id
                });
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = sending.join_next() => match ended {
                    Ok(id) => drop(under_way.remove(&id)),
                    // Which one it was is not known; all are taken up again when they end.
                    Err(_) => under_way.clear(),
                },
                () = tokio::time::sleep(LOOK) => {}
                () = changed(&mut news), if under_way.len() < concurrency => {}
            }
        }
        while sending.join_next().await.is_some() {}
    }

    /// What is due and not under way, as much as may be sent at a time.
    async fn due(&self, concurrency: usize, under_way: &HashSet<i64>) -> Vec<Delivery> {
        let room = concurrency.saturating_sub(under_way.len());
        if room == 0 {
            return Vec::new();
        }
        let Outbox { name, store, clock, .. } = &self.outbox;
        match store.due(name, clock.now(), concurrency + under_way.len()).await {
            Ok(due) => due.into_iter().filter(|d| !under_way.contains(&d.id)).take(room).collect(),
            Err(error) => {
                tracing::error!(target = name, %error, "the outbox cannot be read");
                Vec::new()
            }
        }
    }

    /// One try, and what it leads to.
    async fn deliver(&self, delivery: Delivery, shutdown: &CancellationToken) {
        let (payload, tried) = match self.outbox.render.render(&delivery).await {
            Ok(rendered) => {
                let tried = self.target.send(&rendered, &key(&delivery)).await;
                (Some(rendered), tried)
            }
            Err(error) if error.kind == Kind::Unreachable => {
                (None, Tried::Again { why: error.to_string(), after: None })
            }
            Err(error) => (None, Tried::Replied(unrenderable(&error))),
        };
        let tries = delivery.attempts + 1;
        let now = self.outbox.clock.now();
        let (reply, due) = match tried {
            Tried::Again { why, .. } if tries >= self.retry.attempts => (given_up(why, tries), now),
            Tried::Again { why, after } => {
                let pause = self.retry.pause(tries, after).as_millis();
                let due = now + i64::try_from(pause).unwrap_or(i64::MAX / 2);
                return self.settle(&delivery, payload, Err(why), due, shutdown).await;
            }
            Tried::Replied(reply) => (reply, now),
        };
        self.settle(&delivery, payload, Ok(reply), due, shutdown).await;
    }

    /// Writes the result down. A result that the store cannot take is kept until it can, or until
    /// the gateway stops; what was sent then is sent again after the restart.
    async fn settle(
        &self,
        delivery: &Delivery,
        rendered: Option<Rendered>,
        result: Result<Reply, String>,
        due: i64,
        shutdown: &CancellationToken,
    ) {
        let name = &*self.outbox.name;
        let (state, last) = match &result {
            Ok(reply) => (state(reply.said), told(reply)),
            Err(why) => ("retry", why.clone()),
        };
        tracing::info!(target = name, delivery = delivery.id, state, last, "delivery tried");
        count(Metric::Deliveries, &[name, state], 1);
        let payload = rendered.map(|rendered| rendered.bytes);
        let mut settled = Settled { id: delivery.id, state: state.to_owned(), due, last, payload };
        let mut result = result;
        let mut left = RACES;
        while let Err(error) = self.commit(delivery, &result, settled.clone()).await {
            tracing::error!(target = name, delivery = delivery.id, %error, "a delivery cannot be settled");
            if error.kind == Kind::Unreachable {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(STORE_PAUSE) => {}
                }
            } else if left > 0 {
                left -= 1;
            } else {
                settled.last = format!("{}; this could not be written back: {error}", settled.last);
                settled.state = "parked".to_owned();
                result = Err(String::new());
            }
        }
    }

    async fn commit(
        &self,
        delivery: &Delivery,
        result: &Result<Reply, String>,
        settled: Settled,
    ) -> Result<()> {
        let writes = match result {
            Ok(reply) => self.outbox.writeback.writes(delivery, reply).await?,
            Err(_) => Vec::new(),
        };
        let commit = Commit {
            origin: format!("out:{}", self.outbox.name),
            writes,
            audit: vec![audit(&self.outbox.name, delivery, &settled, self.outbox.clock.now())],
            settled: vec![settled],
            ..Commit::default()
        };
        self.outbox.store.commit(commit).await.map(drop)
    }
}

/// Waits for a commit, and then a moment.
async fn changed(news: &mut tokio::sync::watch::Receiver<i64>) {
    if news.changed().await.is_err() {
        // The store is closed: the timer goes on.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(BREATH).await;
}

/// The same for every try of a delivery, different for all others, of other stores too.
fn key(delivery: &Delivery) -> String {
    let outgoing = &delivery.outgoing;
    let whole = format!(
        "{}|{}|{}|{}/{}/{}",
        outgoing.target,
        delivery.id,
        delivery.created,
        outgoing.kind,
        outgoing.id,
        outgoing.version
    );
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, whole.as_bytes()).to_string()
}

fn unrenderable(error: &Error) -> Reply {
    let reasons = vec![format!("it cannot be made: {error}")];
    Reply { said: Said::Parked, id: None, reasons, body: String::new() }
}

fn given_up(why: String, tries: u32) -> Reply {
    let reasons = vec![format!("given up after {tries} tries: {why}")];
    Reply { said: Said::Parked, id: None, reasons, body: String::new() }
}

fn state(said: Said) -> &'static str {
    match said {
        Said::Accepted => "done",
        Said::Rejected => "rejected",
        Said::Parked => "parked",
    }
}

/// The reply, for people.
fn told(reply: &Reply) -> String {
    let mut parts: Vec<&str> = reply.id.as_deref().into_iter().collect();
    parts.extend(reply.reasons.iter().map(String::as_str));
    if parts.is_empty() { reply.body.clone() } else { parts.join("; ") }
}

/// What was sent to whom (<https://hl7.org/fhir/R4/auditevent.html>).
fn audit(target: &str, delivery: &Delivery, settled: &Settled, now: i64) -> serde_json::Value {
    let outgoing = &delivery.outgoing;
    let outcome = match &*settled.state {
        "done" => "0",
        "retry" => "4",
        _ => "8",
    };
    json!({
        "resourceType": "AuditEvent",
        "type": {
            "system": "http://dicom.nema.org/resources/ontology/DCM",
            "code": "110106",
            "display": "Export",
        },
        "action": "R",
        "recorded": crate::flow::instant(now),
        "outcome": outcome,
        "outcomeDesc": settled.last,
        "agent": [{
            "who": { "identifier": { "system": format!("{BASE}/outbound"), "value": target } },
            "requestor": false,
        }],
        "source": { "observer": { "display": format!("tombolo out:{target}") } },
        "entity": [{
            "what": {
                "reference": format!("{}/{}/_history/{}", outgoing.kind, outgoing.id, outgoing.version),
            },
        }],
    })
}
