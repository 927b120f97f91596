//! What several tests need: a store on disk, waiting for what happens in it, peers on real sockets.

pub mod data;
pub mod fhir;
pub mod foreign;
pub mod inbound;
pub mod receiver;

use std::time::Duration;

use tempfile::TempDir;
use tombolo::store::Store;

/// Nothing that a test waits for takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A store in a folder that goes away with it.
pub struct TestStore {
    pub store: Store,
    pub folder: TempDir,
}

impl TestStore {
    pub fn new() -> TestStore {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&url(&folder)).unwrap();
        TestStore { store, folder }
    }

    /// Closes the store and opens it again, as after a restart.
    pub async fn reopened(self) -> TestStore {
        self.store.close().await.unwrap();
        drop(self.store);
        TestStore { store: Store::open(&url(&self.folder)).unwrap(), folder: self.folder }
    }
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("tombolo.db").display())
}

/// Waits for something to become true of the store; asked again after every commit.
pub async fn until<T>(store: &Store, what: &str, mut holds: impl AsyncFnMut() -> Option<T>) -> T {
    let mut news = store.watch();
    let waiting = async {
        loop {
            news.mark_unchanged();
            if let Some(found) = holds().await {
                return found;
            }
            news.changed().await.unwrap();
        }
    };
    let found = tokio::time::timeout(PATIENCE, waiting).await;
    found.unwrap_or_else(|_| panic!("it never happened: {what}"))
}
