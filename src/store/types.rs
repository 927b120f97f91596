//! What goes into the store and what comes out.

use std::sync::Arc;

use serde_json::Value;

use crate::fhir::{Issue, Merge};

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// Everything that one event changes.
#[derive(Default)]
pub struct Commit {
    /// Who causes it: `in:CHANNEL`, `fhir`, `flow:NAME`, `out:TARGET`. Kept with each version.
    pub origin: String,
    /// Resources.
    pub writes: Vec<Write>,
    /// The inbound message this is about.
    pub journal: Option<Arrival>,
    /// A journal entry that is settled anew (replay).
    pub resettle: Option<(i64, Outcome)>,
    /// Original records that resources came from.
    pub carry: Vec<Carry>,
    /// New deliveries.
    pub outbox: Vec<Outgoing>,
    /// Deliveries that were tried.
    pub settled: Vec<Settled>,
    /// Audit rows: JSON AuditEvents without id.
    pub audit: Vec<Value>,
    /// A follower's position after this commit.
    pub cursor: Option<(String, i64)>,
}

/// One resource to write.
pub struct Write {
    /// Resource type.
    pub kind: String,
    /// Logical id.
    pub id: String,
    /// What to write.
    pub body: Body,
    /// Under which condition.
    pub when: When,
}

/// The content of a write.
pub enum Body {
    /// Replaces the stored resource. `id` and `meta.versionId/lastUpdated` are set by the store.
    Replace(Value),
    /// Laid over the stored resource by these rules; the incoming one as it is if there is none.
    Merge(Value, Arc<dyn Merge>),
    /// Deletes it.
    Delete,
}

/// A write's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Only if the current version is this one (`If-Match`); else the whole commit fails.
    Version(u64),
    /// Only if there is none; else it stays as it is and the commit goes on (`ifNoneMatch: *`).
    Missing,
    /// Only if no current resource of the type matches this search (`If-None-Exist`); one match:
    /// nothing is written and that one is the result; several: the whole commit fails.
    NoneMatch(String),
    /// As [`When::NoneMatch`], but one match fails the whole commit as well: for who looked before
    /// and has built on there being none.
    StillNoneMatch(String),
}

/// An inbound message, as it arrived, with what became of it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The channel's name in the configuration.
    pub channel: String,
    /// Address or file name.
    pub peer: String,
    /// When.
    pub received: Millis,
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// Sender and control number, where the format has them: the key of repeats.
    pub control: Option<(String, String)>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Stored, rejected (kept for replay), or kept aside.
    pub status: Status,
    /// The mapping, if one was found.
    pub mapping: Option<String>,
    /// What was found.
    pub issues: Vec<Issue>,
    /// The answer that was given; a repeat is given the same.
    pub answer: Vec<u8>,
}

/// A journal status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its resources are stored.
    Done,
    /// Refused; nothing of it is stored but its bytes.
    Failed,
    /// Kept aside by the channel's policy; nothing of it is stored but its bytes.
    Quarantined,
}

/// What the journal says to an [`Arrival`].
#[derive(Debug, Clone)]
pub enum Journaled {
    /// It is new and stored under this number.
    New(i64),
    /// The same control number with the same bytes came before: nothing was written.
    Repeat(Box<JournalEntry>),
    /// The same control number with other bytes came before (entry number given): nothing was
    /// written of this commit but this arrival, as failed.
    Clash(i64),
}

/// A journal entry.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// Its number.
    pub id: i64,
    /// As it arrived.
    pub arrival: Arrival,
}

/// The original record that resources came from.
#[derive(Debug, Clone)]
pub struct Carry {
    /// Resource type.
    pub kind: String,
    /// Logical id.
    pub id: String,
    /// The mapping, `name@version`.
    pub mapping: String,
    /// The record's bytes.
    pub bytes: Arc<[u8]>,
}

/// A delivery to make.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The outbound channel.
    pub target: String,
    /// Deliveries of one key keep their order.
    pub key: String,
    /// The root resource.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u64,
    /// For the worker: what else it needs (JSON).
    pub context: Value,
}

/// A delivery in the outbox.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What to deliver.
    pub outgoing: Outgoing,
    /// `waiting`, `retry`; finished: `done`, `parked` (a person has to look), `rejected` (the
    /// target refuses its content).
    pub state: String,
    /// Tries so far.
    pub attempts: u32,
    /// Not before.
    pub due: Millis,
    /// Enqueued at.
    pub created: Millis,
    /// The last answer or error.
    pub last: Option<String>,
    /// The bytes that were sent last.
    pub payload: Option<Vec<u8>>,
}

/// What became of a try.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The delivery.
    pub id: i64,
    /// The new state, see [`Delivery::state`]; `waiting` counts the tries anew.
    pub state: String,
    /// Not before (for `retry`).
    pub due: Millis,
    /// The answer or error, for people.
    pub last: String,
    /// What was sent.
    pub payload: Option<Vec<u8>>,
}

/// What a commit did.
#[derive(Debug, Clone)]
pub struct Committed {
    /// One per write, in order.
    pub written: Vec<Written>,
    /// What the journal said.
    pub journal: Option<Journaled>,
    /// The last change number of this commit; 0 if it wrote no version.
    pub last: i64,
}

/// What a write did.
#[derive(Debug, Clone)]
pub struct Written {
    /// Resource type.
    pub kind: String,
    /// Logical id.
    pub id: String,
    /// Its version now.
    pub version: u64,
    /// When that version was made.
    pub updated: Millis,
    /// What happened.
    pub did: Did,
}

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// It is new.
    Created,
    /// It has a new version.
    Updated,
    /// The content was the same: no new version.
    Unchanged,
    /// It was there and the condition kept it ([`When::Missing`], [`When::NoneMatch`]).
    Kept,
    /// It is deleted.
    Deleted,
}

/// A stored version.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Resource type.
    pub kind: String,
    /// Logical id.
    pub id: String,
    /// Version, from 1.
    pub version: u64,
    /// When it was made.
    pub updated: Millis,
    /// JSON bytes with `id` and `meta.versionId/lastUpdated`; empty for a deletion.
    pub json: Arc<[u8]>,
    /// Whether it is a deletion.
    pub deleted: bool,
}

/// A version in commit order.
#[derive(Debug, Clone)]
pub struct Change {
    /// Rising number.
    pub number: i64,
    /// Resource type.
    pub kind: String,
    /// Logical id.
    pub id: String,
    /// Version.
    pub version: u64,
    /// Who caused it ([`Commit::origin`]).
    pub origin: String,
}

/// A page of a search.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The matches, in order.
    pub matches: Vec<Stored>,
    /// What `_include` and `_revinclude` add.
    pub included: Vec<Stored>,
    /// Token of the next page.
    pub next: Option<String>,
    /// Number of all matches, if it was asked for.
    pub total: Option<u64>,
}

/// Numbers for people and metrics.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Current resources by type.
    pub resources: Vec<(String, u64)>,
    /// Journal entries by status: done, failed, quarantined.
    pub journal: [u64; 3],
    /// Deliveries by state.
    pub outbox: Vec<(String, u64)>,
}
