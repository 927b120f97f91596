//! The follower: shows every committed change to the flows and the outbound channels.
//!
//! What they do about a change and the follower's position become durable in one commit, so a crash
//! neither skips a change nor acts on it twice.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::outbound::Route;
use super::report::Report;
use crate::error::{Kind, Result};
use crate::store::{Change, Commit, Store};

/// The follower's name in the store.
const CURSOR: &str = "flows";
/// Changes that are read at a time.
const BATCH: usize = 200;

/// What looks at changes.
#[derive(Default)]
pub struct Followers {
    /// Flows.
    pub reports: Vec<Report>,
    /// Outbound channels.
    pub routes: Vec<Arc<Route>>,
}

impl Followers {
    /// Follows the store until cancelled. An error is logged and tried again: a change is never
    /// passed over.
    pub async fn run(self, store: Store, stop: CancellationToken) {
        let mut watch = store.watch();
        loop {
            watch.mark_unchanged();
            match self.catch_up(&store).await {
                Ok(()) => {
                    tokio::select! {
                        changed = watch.changed() => if changed.is_err() { return },
                        () = stop.cancelled() => return,
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a change could not be followed; trying again");
                    let wait = tokio::time::sleep(std::time::Duration::from_secs(1));
                    tokio::select! {
                        () = wait => {}
                        () = stop.cancelled() => return,
                    }
                }
            }
        }
    }

    /// Looks at everything that was committed since the last time.
    pub async fn catch_up(&self, store: &Store) -> Result<()> {
        let mut at = store.cursor(CURSOR).await?;
        loop {
            let changes = store.changes(at, BATCH).await?;
            let Some(last) = changes.last().map(|c| c.number) else { return Ok(()) };
            let mut moved = at;
            for change in &changes {
                if self.look(store, change).await? {
                    moved = change.number;
                }
            }
            if moved != last {
                let cursor = Some((CURSOR.to_owned(), last));
                store.commit(Commit { cursor, ..Commit::default() }).await?;
            }
            at = last;
        }
    }

    /// One change: all flows and channels, one commit, if there is anything to do. A conflict with
    /// another writer is looked at again with what is there then.
    async fn look(&self, store: &Store, change: &Change) -> Result<bool> {
        loop {
            let mut commit =
                Commit { cursor: Some((CURSOR.to_owned(), change.number)), ..Commit::default() };
            for report in &self.reports {
                commit.origin = report.origin();
                report.look(store, change, &mut commit).await?;
            }
            for route in &self.routes {
                route.look(store, change, &mut commit).await?;
            }
            if commit.writes.is_empty() && commit.outbox.is_empty() {
                return Ok(false);
            }
            match store.commit(commit).await {
                Err(error) if matches!(error.kind, Kind::Conflict | Kind::Precondition) => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(true),
            }
        }
    }
}
