//! The one writer: a thread that makes durable whatever waits, one `fsync` for all of it.
//!
//! A commit whose condition fails takes nothing back from the others. Answers go out only after the
//! transaction is on the disk.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::apply::{Writing, apply};
use super::checkpoint::Checkpoints;
use super::collect::collect;
use super::connection::Place;
use super::dictionary::Dictionary;
use super::limit::Limit;
use super::migrate::migrate;
use super::prepare::Prepared;
use super::reindex::reindex;
use super::rows::{self, Row};
use super::{Committed, Millis};
use crate::error::{Error, Kind, Result};
use crate::observe::Clock;
use crate::search::params::Params;

/// The most commits in one transaction, and the most that may wait.
pub(super) const GROUP: usize = 1000;

/// The longest that a commit waits for others to share its `fsync`.
const GATHER: Duration = Duration::from_millis(2);

/// How long nothing comes before the thread looks for other work.
const IDLE: Duration = Duration::from_secs(5);

/// How often a busy writer collects superseded versions (milliseconds), and how many at once.
const COLLECT: Millis = 200;
const COLLECTED: usize = 200;

/// A commit that waits.
pub(super) struct Job {
    pub commit: Prepared,
    pub reply: oneshot::Sender<Result<Committed>>,
    /// Its place in the queue.
    pub place: OwnedSemaphorePermit,
}

/// The thread's own things.
pub(super) struct Writer {
    db: Connection,
    limit: Limit,
    params: &'static Params,
    clock: Clock,
    names: Dictionary,
    /// Index rows of the group, to be put into the tables in the order of their keys.
    pending: Vec<(Row, i64)>,
    pk: i64,
    /// The time of the last version.
    time: Millis,
    news: watch::Sender<i64>,
    checkpoints: Checkpoints,
    /// When superseded versions were last looked for.
    collected: Millis,
    /// How many commits the last group had, and how long its transaction took to end.
    last: (usize, Duration),
}

impl Writer {
    /// Takes up a store where it stands.
    pub fn new(place: &Place, params: &'static Params, clock: Clock) -> Result<Writer> {
        let mut db = place.writer()?;
        migrate(&db)?;
        reindex(&db, params)?;
        let limit = Limit::on(&mut db)?;
        let checkpoints = Checkpoints::new(place, &mut db)?;
        let newest = db.query_row(
            "SELECT coalesce(max(pk), 0), coalesce(max(at), 0) FROM
               (SELECT pk, at FROM ver ORDER BY pk DESC LIMIT 1)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
        let (pk, time) = newest?;
        Ok(Writer {
            db,
            limit,
            params,
            clock,
            names: Dictionary::default(),
            pending: Vec::new(),
            pk,
            time,
            news: watch::Sender::new(pk),
            checkpoints,
            collected: 0,
            last: Default::default(),
        })
    }

    /// Where the greatest change number is told.
    pub fn news(&self) -> watch::Receiver<i64> {
        self.news.subscribe()
    }

    /// Works until nobody can send any more, a group at a time.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(IDLE) {
                Ok(first) => {
                    let group = self.gather(first, jobs);
                    self.commit(group);
                }
                Err(RecvTimeoutError::Timeout) => self.tidy(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.checkpoints.between(&self.db);
        }
        self.checkpoints.finish(&self.db);
    }

    /// Collects superseded versions while nobody waits.
    fn tidy(&mut self) {
        let now = self.clock.now();
        let tidied = self.attempt(|writer| Ok(Some(collect(&writer.db, now, COLLECTED)?)));
        if let Err(error) = tidied {
            tracing::warn!(%error, "superseded versions stay in the search index");
        }
    }

    /// Takes everything that waits. When the last group was large, its senders are likely to come
    /// back at once: waiting for them a part of what an `fsync` takes makes the next group as large.
    fn gather(&self, first: Job, jobs: &Receiver<Job>) -> Vec<Job> {
        let (expected, took) = self.last;
        let until = Instant::now() + (took / 2).min(GATHER);
        let mut group = vec![first];
        while group.len() < GROUP {
            let next = match jobs.try_recv() {
                Ok(job) => Ok(job),
                Err(_) if group.len() >= expected => break,
                Err(_) => jobs.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(job) => group.push(job),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        group
    }

    /// Makes a group durable and answers.
    fn commit(&mut self, mut group: Vec<Job>) {
        let size = group.len();
        let results = self.transaction(&mut group);
        if results.is_ok() {
            self.news.send_replace(self.pk);
        }
        match results {
            Ok(results) => {
                for (job, result) in group.into_iter().zip(results) {
                    answer(job, result);
                }
            }
            Err(error) => {
                let what = error.to_string();
                for job in group {
                    answer(job, Err(Error::new(error.kind, what.clone())));
                }
            }
        }
        self.last.0 = size;
    }

    /// One transaction; on an error nothing of it is stored.
    ///
    /// Savepoints cost a copy of each page that a commit touches, so they are used only when a
    /// commit has failed after it had written something, and all is done again.
    fn transaction(&mut self, group: &mut [Job]) -> Result<Vec<Result<Committed>>> {
        if let Some(results) = self.attempt(|writer| writer.all(group, false))? {
            return Ok(results);
        }
        let results = self.attempt(|writer| writer.all(group, true))?;
        results.ok_or_else(|| Error::new(Kind::Internal, "a commit could not be taken back"))
    }

    /// A transaction; nothing of it is stored if `work` gives none.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let (pk, time) = (self.pk, self.time);
        let mut result = run(&self.db, "BEGIN IMMEDIATE").and_then(|()| work(self));
        if let Ok(Some(_)) = result {
            let start = Instant::now();
            if let Err(error) = run(&self.db, "COMMIT") {
                result = Err(error);
            }
            self.last.1 = start.elapsed();
        }
        if !matches!(result, Ok(Some(_))) {
            (self.pk, self.time) = (pk, time);
            self.names.forget();
            self.pending.clear();
            if !self.db.is_autocommit() {
                // Should even this fail, the next BEGIN says so.
                drop(self.db.execute_batch("ROLLBACK"));
            }
        }
        result
    }

    /// All commits of a group; `None` if one failed that cannot be taken back alone.
    fn all(
        &mut self,
        group: &mut [Job],
        savepoints: bool,
    ) -> Result<Option<Vec<Result<Committed>>>> {
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            let tried = if savepoints { self.savepoint(job)? } else { self.apply(job)? };
            match tried {
                Tried::Done(committed) => results.push(Ok(committed)),
                Tried::Refused(error) => results.push(Err(error)),
                Tried::Broken(_) => return Ok(None),
            }
        }
        rows::insert(&self.db, &mut self.pending)?;
        let now = self.clock.now();
        if now - self.collected > COLLECT {
            self.collected = now;
            collect(&self.db, now, COLLECTED)?;
        }
        Ok(Some(results))
    }

    /// One commit that can be taken back alone.
    fn savepoint(&mut self, job: &mut Job) -> Result<Tried> {
        // What is pending belongs to commits that stay.
        rows::insert(&self.db, &mut self.pending)?;
        run(&self.db, "SAVEPOINT one")?;
        let mut tried = self.apply(job)?;
        if let Tried::Broken(error) = tried {
            run(&self.db, "ROLLBACK TO one")?;
            self.names.forget();
            self.pending.clear();
            tried = Tried::Refused(error);
        }
        run(&self.db, "RELEASE one")?;
        Ok(tried)
    }

    /// One commit; the error is one of the whole transaction.
    fn apply(&mut self, job: &mut Job) -> Result<Tried> {
        let before = self.db.total_changes();
        let mut writing = Writing {
            db: &self.db,
            limit: &self.limit,
            names: &mut self.names,
            params: self.params,
            pending: &mut self.pending,
            pk: self.pk,
            now: self.clock.now().max(self.time),
        };
        let work = AssertUnwindSafe(|| apply(&mut writing, &mut job.commit));
        // What a panic leaves behind is rolled back and forgotten.
        let result = panic::catch_unwind(work).unwrap_or_else(|_| Err(panicked()));
        let (pk, now) = (writing.pk, writing.now);
        Ok(match result {
            Ok(committed) => {
                (self.pk, self.time) = (pk, now);
                Tried::Done(committed)
            }
            Err(error) if error.kind == Kind::Unreachable => return Err(error),
            Err(error) if self.db.total_changes() == before => Tried::Refused(error),
            Err(error) => Tried::Broken(error),
        })
    }
}

/// What became of a commit inside the transaction.
enum Tried {
    /// It is written.
    Done(Committed),
    /// It failed and nothing of it was written.
    Refused(Error),
    /// It failed and something of it was written, which must be taken back.
    Broken(Error),
}

fn panicked() -> Error {
    Error::new(Kind::Internal, "the store could not carry out the commit, and nothing is stored")
}

fn answer(job: Job, result: Result<Committed>) {
    drop(job.place);
    // Nobody waits any more when the caller was cancelled; the commit stands all the same.
    drop(job.reply.send(result));
}

fn run(db: &Connection, sql: &str) -> Result<()> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}
