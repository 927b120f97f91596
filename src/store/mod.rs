//! Our memory: resources with versions, search terms, journal, carry, outbox, audit.
//!
//! Everything one event changes is one [`Commit`]: it becomes durable whole (`synchronous=FULL`,
//! group commit by one writer thread) or not at all. Readers work on a snapshot.
//!
//! The store is also the feed of changes: [`Store::changes`] gives versions in commit order, and a
//! follower moves its [`Commit::cursor`] in the same commit as what it does about them, so a crash
//! loses and repeats nothing.
//!
//! ```text
//! a commit    prepare (off the writer) → writer (group, fsync) → apply → journal, rows, outbox
//! a read      reader (pool, one snapshot per request) → body (spliced, not parsed)
//! a search    find → resolve (names → numbers) → search::plan → compile, sql → page, include
//! the file    connection, migrate, schema/, reindex, checkpoint, collect
//! ```

mod apply;
mod body;
mod checkpoint;
mod collect;
mod compile;
mod connection;
mod dictionary;
mod find;
mod include;
mod journal;
mod limit;
mod migrate;
mod outbox;
mod page;
mod prepare;
mod reader;
mod reindex;
mod resolve;
mod rows;
mod sql;
mod types;
mod writer;

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot, watch};

pub use self::types::*;
use self::{
    connection::Place,
    prepare::Prepared,
    reader::Readers,
    writer::{GROUP, Job, Writer},
};
use crate::error::{Error, Kind, Result};
use crate::observe::Clock;
use crate::search::Search;
use crate::search::params::Params;

/// The longest that a search may take.
const LONGEST_SEARCH: Duration = Duration::from_secs(5);

/// A handle to the store; cheap to clone.
///
/// The store closes when the last handle is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Arc<Readers>,
    /// `None` if the store was opened for reading only, or is closed.
    writing: Mutex<Option<Writing>>,
    places: Arc<Semaphore>,
    news: watch::Receiver<i64>,
    params: &'static Params,
    /// Seals page tokens.
    page_key: [u8; 32],
}

/// The way to the writer thread.
struct Writing {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens or makes the store: `sqlite:PATH`, `sqlite::memory:` for tests.
    ///
    /// Makes missing folders, and brings an older schema up to date. Only one process at a time may
    /// have a store open for writing.
    pub fn open(url: &str) -> Result<Store> {
        Store::open_with(url, Params::r4(), Clock::System)
    }

    /// Opens with other search parameters, or another clock.
    pub fn open_with(url: &str, params: &'static Params, clock: Clock) -> Result<Store> {
        let place = Arc::new(Place::parse(url)?);
        let lock = place.lock()?;
        let writer = Writer::new(&place, params, clock)?;
        let page_key = reader::page_key(&place.reader()?)?;
        let news = writer.news();
        let (jobs, waiting) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                writer.run(&waiting);
                drop(lock);
            })
            .map_err(|e| Error::new(Kind::Unreachable, "no thread for the store").because(e))?;
        Ok(Store::new(place, params, page_key, news, Some(Writing { jobs, thread })))
    }

    /// Opens a store that another process may be writing; commits are refused.
    pub fn open_read_only(url: &str) -> Result<Store> {
        let place = Arc::new(Place::parse(url)?);
        let db = place.reader()?;
        migrate::check(&db)?;
        let page_key = reader::page_key(&db)?;
        let (_, news) = watch::channel(0);
        Ok(Store::new(place, Params::r4(), page_key, news, None))
    }

    fn new(
        place: Arc<Place>,
        params: &'static Params,
        page_key: [u8; 32],
        news: watch::Receiver<i64>,
        writing: Option<Writing>,
    ) -> Store {
        let readers = Arc::new(Readers::new(place));
        let places = Arc::new(Semaphore::new(GROUP));
        let writing = Mutex::new(writing);
        Store { inner: Arc::new(Inner { readers, writing, places, news, params, page_key }) }
    }

    /// Makes a commit durable. Commits that wait together share one `fsync`.
    ///
    /// A commit that has been handed to the writer is carried out even if the caller goes away.
    pub async fn commit(&self, commit: Commit) -> Result<Committed> {
        let places = self.inner.places.clone();
        let Ok(place) = places.acquire_owned().await else { return Err(reader::closed()) };
        let params = self.inner.params;
        let commit = self.inner.readers.run(move |db| Prepared::new(db, params, commit)).await?;
        let (reply, result) = oneshot::channel();
        {
            let writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(writing) = &*writing else { return Err(not_writing()) };
            writing.jobs.send(Job { commit, reply, place }).map_err(|_| stopped())?;
        }
        result.await.map_err(|_| stopped())?
    }

    /// The current version; `None` if there never was one; a deletion is given as such.
    pub async fn read(&self, kind: &str, id: &str) -> Result<Option<Stored>> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.inner.readers.run(move |db| reader::read(db, &kind, &id)).await
    }

    /// One version.
    pub async fn vread(&self, kind: &str, id: &str, version: u64) -> Result<Option<Stored>> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.inner.readers.run(move |db| reader::vread(db, &kind, &id, version)).await
    }

    /// All versions, newest first.
    pub async fn history(&self, kind: &str, id: &str) -> Result<Vec<Stored>> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.inner.readers.run(move |db| reader::history(db, &kind, &id)).await
    }

    /// Searches; see [`crate::search`].
    pub async fn search(&self, search: &Search) -> Result<Page> {
        let (params, key, search) = (self.inner.params, self.inner.page_key, search.clone());
        let find = move |db: &Connection| find::search(db, params, &key, &search);
        self.inner.readers.search(LONGEST_SEARCH, find).await
    }

    /// Versions after this number, in commit order.
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Change>> {
        self.inner.readers.run(move |db| reader::changes(db, after, limit)).await
    }

    /// Wakes when something was committed: the greatest change number.
    pub fn watch(&self) -> watch::Receiver<i64> {
        self.inner.news.clone()
    }

    /// A follower's position; 0 if it has none.
    pub async fn cursor(&self, name: &str) -> Result<i64> {
        let name = name.to_owned();
        self.inner.readers.run(move |db| reader::cursor(db, &name)).await
    }

    /// A journal entry by control number, to answer repeats before any work.
    pub async fn repeat(
        &self,
        channel: &str,
        sender: &str,
        control: &str,
    ) -> Result<Option<JournalEntry>> {
        let (channel, sender, control) =
            (channel.to_owned(), sender.to_owned(), control.to_owned());
        self.inner.readers.run(move |db| journal::repeat(db, &channel, &sender, &control)).await
    }

    /// A journal entry.
    pub async fn journal(&self, id: i64) -> Result<Option<JournalEntry>> {
        self.inner.readers.run(move |db| journal::entry(db, id)).await
    }

    /// Journal entries, newest first, of this status or all.
    pub async fn journal_list(
        &self,
        status: Option<Status>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<JournalEntry>> {
        self.inner.readers.run(move |db| journal::list(db, status, before, limit)).await
    }

    /// The newest original record a resource came from by this mapping name.
    pub async fn carry(&self, kind: &str, id: &str, mapping: &str) -> Result<Option<Carry>> {
        let (kind, id, mapping) = (kind.to_owned(), id.to_owned(), mapping.to_owned());
        self.inner.readers.run(move |db| reader::carry(db, &kind, &id, &mapping)).await
    }

    /// Deliveries that are due, at most one per (target, key): the oldest unfinished.
    pub async fn due(&self, target: &str, now: Millis, limit: usize) -> Result<Vec<Delivery>> {
        let target = target.to_owned();
        self.inner.readers.run(move |db| outbox::due(db, &target, now, limit)).await
    }

    /// A delivery.
    pub async fn delivery(&self, id: i64) -> Result<Option<Delivery>> {
        self.inner.readers.run(move |db| outbox::delivery(db, id)).await
    }

    /// Deliveries, newest first, of this state or all.
    pub async fn outbox_list(&self, state: Option<&str>, limit: usize) -> Result<Vec<Delivery>> {
        let state = state.map(str::to_owned);
        self.inner.readers.run(move |db| outbox::list(db, state.as_deref(), limit)).await
    }

    /// Audit rows before a number, newest first: number and AuditEvent without id.
    pub async fn audit(&self, before: Option<i64>, limit: usize) -> Result<Vec<(i64, Value)>> {
        self.inner.readers.run(move |db| reader::audit(db, before, limit)).await
    }

    /// Numbers.
    pub async fn counts(&self) -> Result<Counts> {
        self.inner.readers.run(reader::counts).await
    }

    /// Waits for the writer to finish what it has, and closes.
    pub async fn close(&self) -> Result<()> {
        let inner = self.inner.clone();
        let task = tokio::task::spawn_blocking(move || inner.finish());
        task.await.map_err(|e| Error::new(Kind::Internal, "the store did not close").because(e))?
    }
}

impl Inner {
    /// Lets the writer finish and waits for it.
    fn finish(&self) -> Result<()> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = match writing {
            Some(Writing { jobs, thread }) => {
                drop(jobs);
                thread.join().map_err(|_| stopped())
            }
            None => Ok(()),
        };
        self.readers.close();
        result
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The error is told to those whose commits failed.
        drop(self.finish());
    }
}

fn not_writing() -> Error {
    Error::new(Kind::Unreachable, "the store is closed, or was opened for reading only")
}

fn stopped() -> Error {
    Error::new(Kind::Internal, "the writer of the store has stopped").advise("restart the gateway")
}
