//! The one writer: a thread that makes durable whatever waits, one `fsync` for all of it.
//!
//! Each commit is a savepoint, so that one whose condition fails takes nothing back from the
//! others. Answers go out only after the transaction is on the disk.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::apply::{Writing, apply};
use super::dictionary::Dictionary;
use super::prepare::Prepared;
use super::rows::{self, Row};
use super::{Committed, Millis};
use crate::error::{Error, Kind, Result};
use crate::observe::Clock;
use crate::search::params::Params;

/// The most commits in one transaction, and the most that may wait.
pub(super) const GROUP: usize = 1000;

/// The longest that a commit waits for others to share its `fsync`.
const GATHER: Duration = Duration::from_millis(2);

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
    params: &'static Params,
    clock: Clock,
    names: Dictionary,
    /// Index rows of the group, to be put into the tables in the order of their keys.
    pending: Vec<(Row, i64)>,
    pk: i64,
    /// The time of the last version.
    time: Millis,
    news: watch::Sender<i64>,
    /// How many commits the last group had, and how long its transaction took to end.
    last: (usize, Duration),
}

impl Writer {
    /// Takes up a store where it stands.
    pub fn new(db: Connection, params: &'static Params, clock: Clock) -> Result<Writer> {
        let newest = db.query_row(
            "SELECT coalesce(max(pk), 0), coalesce(max(at), 0) FROM
               (SELECT pk, at FROM ver ORDER BY pk DESC LIMIT 1)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
        let (pk, time) = newest?;
        Ok(Writer {
            db,
            params,
            clock,
            names: Dictionary::default(),
            pending: Vec::new(),
            pk,
            time,
            news: watch::Sender::new(pk),
            last: Default::default(),
        })
    }

    /// Where the greatest change number is told.
    pub fn news(&self) -> watch::Receiver<i64> {
        self.news.subscribe()
    }

    /// Works until nobody can send any more; a group at a time.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let group = self.gather(first, jobs);
            self.commit(group);
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
    fn transaction(&mut self, group: &mut [Job]) -> Result<Vec<Result<Committed>>> {
        let (pk, time) = (self.pk, self.time);
        let result = self.try_transaction(group);
        if result.is_err() {
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

    fn try_transaction(&mut self, group: &mut [Job]) -> Result<Vec<Result<Committed>>> {
        run(&self.db, "BEGIN IMMEDIATE")?;
        let results: Result<Vec<_>> = group.iter_mut().map(|job| self.savepoint(job)).collect();
        let results = results?;
        rows::insert(&self.db, &mut self.pending)?;
        let start = Instant::now();
        run(&self.db, "COMMIT")?;
        self.last.1 = start.elapsed();
        Ok(results)
    }

    /// One commit; the outer error is one of the whole transaction.
    fn savepoint(&mut self, job: &mut Job) -> Result<Result<Committed>> {
        if job.commit.writes.iter().any(|write| write.condition.is_some()) {
            // What it searches must be in the tables, and must stay there if it fails.
            rows::insert(&self.db, &mut self.pending)?;
        }
        run(&self.db, "SAVEPOINT one")?;
        let pending = self.pending.len();
        let mut writing = Writing {
            db: &self.db,
            names: &mut self.names,
            params: self.params,
            pending: &mut self.pending,
            pk: self.pk,
            now: self.clock.now().max(self.time),
        };
        let result = apply(&mut writing, &mut job.commit);
        let (pk, now) = (writing.pk, writing.now);
        match &result {
            Ok(_) => (self.pk, self.time) = (pk, now),
            Err(error) if error.kind == Kind::Unreachable => return result.map(Ok),
            Err(_) => {
                run(&self.db, "ROLLBACK TO one")?;
                self.names.forget();
                self.pending.truncate(pending);
            }
        }
        run(&self.db, "RELEASE one")?;
        Ok(result)
    }
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
