//! Moves the write-ahead log into the database beside the writer, not in its way.
//!
//! A second connection copies most of the log while the writer goes on. When it has caught up, the
//! writer itself copies the little that came meanwhile, and SQLite starts the log anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::connection::Place;
use crate::error::{Error, Kind, Result};

/// Pages in the log (of 8 KiB) that make a checkpoint worth its while: 32 MiB.
const PAGES: usize = 4096;

/// The writer's side.
pub(super) struct Checkpoints {
    /// Pages in the log.
    pages: Arc<AtomicUsize>,
    /// Whether the other connection has copied what there was.
    copied: Arc<AtomicBool>,
    wake: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Watches the log of the writer's connection.
    pub fn new(place: &Place, writer: &mut Connection) -> Result<Checkpoints> {
        let db = place.writer()?;
        let pages = Arc::new(AtomicUsize::new(0));
        let copied = Arc::new(AtomicBool::new(false));
        let counted = pages.clone();
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            counted.store(usize::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let (wake, woken) = mpsc::sync_channel(1);
        let done = copied.clone();
        let work = move || {
            while woken.recv().is_ok() {
                match checkpoint(&db, "PASSIVE") {
                    Ok(()) => done.store(true, Ordering::Release),
                    Err(error) => tracing::warn!(%error, "the log of the store was not copied"),
                }
            }
        };
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(work)
            .map_err(|e| Error::new(Kind::Unreachable, "no thread for the store").because(e))?;
        Ok(Checkpoints { pages, copied, wake, thread: Some(thread) })
    }

    /// To be called by the writer between two transactions.
    pub fn between(&self, writer: &Connection) {
        if self.pages.load(Ordering::Relaxed) < PAGES {
            return;
        }
        if !self.copied.swap(false, Ordering::Acquire) {
            // A full channel means that the thread is awake or will be.
            let _ = self.wake.try_send(());
            return;
        }
        if let Err(error) = checkpoint(writer, "PASSIVE") {
            tracing::warn!(%error, "the log of the store was not copied");
        }
    }

    /// Copies everything and empties the log, at the end.
    pub fn finish(mut self, writer: &Connection) {
        let (closed, _) = mpsc::sync_channel(1);
        self.wake = closed;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::warn!("the thread that copies the log of the store has failed");
        }
        if let Err(error) = checkpoint(writer, "TRUNCATE") {
            // The log stays beside the database and is read at the next start.
            tracing::warn!(%error, "the log of the store was not copied");
        }
    }
}

fn checkpoint(db: &Connection, mode: &str) -> Result<()> {
    Ok(db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?)
}
