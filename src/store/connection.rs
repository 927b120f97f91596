//! Where the store lives: its folder, its lock against a second process, its connections.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Kind, Result};

/// The file of a store.
pub(super) struct Place {
    /// The database file; `-wal`, `-shm` and `-lock` stand beside it.
    pub path: PathBuf,
    /// A store for tests: in a temporary folder that goes away with it, and not made durable.
    pub passing: bool,
}

impl Place {
    /// Reads `sqlite:PATH` or `sqlite::memory:`.
    pub fn parse(url: &str) -> Result<Place> {
        match url.strip_prefix("sqlite:") {
            Some(":memory:") => {
                let folder = format!("tombolo-{}", uuid::Uuid::now_v7());
                let path = std::env::temp_dir().join(folder).join("store.db");
                Ok(Place { path, passing: true })
            }
            Some(path) if !path.is_empty() => Ok(Place { path: path.into(), passing: false }),
            _ => Err(Error::new(Kind::Usage, format!("`{url}` is not the address of a store"))
                .advise("write `sqlite:PATH`, e.g. `sqlite:data/tombolo.db`")),
        }
    }

    /// Makes the folder and takes the lock against other processes.
    pub fn lock(&self) -> Result<Lock> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|e| self.error("its folder cannot be made", e))?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(&self.path, "-lock"))
            .map_err(|e| self.error("its lock file cannot be made", e))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Kind::Unreachable,
                "the store is in use by another process, and only one may write",
            )
            .at(self.path.display().to_string())
            .advise("stop the other process, or choose another `store:`")),
            Err(TryLockError::Error(e)) => Err(self.error("its lock cannot be taken", e)),
        }
    }

    /// The connection that writes.
    pub fn writer(&self) -> Result<Connection> {
        let db = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|e| self.error("it cannot be opened", e))?;
        let synchronous = if self.passing { "OFF" } else { "FULL" };
        db.execute_batch(&format!(
            "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};
             PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-131072; PRAGMA temp_store=MEMORY;
             PRAGMA busy_timeout=10000; PRAGMA foreign_keys=OFF;"
        ))
        .map_err(|e| self.error("it is not a store", e))?;
        statements(&db)?;
        Ok(db)
    }

    /// A connection that only reads.
    pub fn reader(&self) -> Result<Connection> {
        let db = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|e| self.error("it cannot be opened", e))?;
        db.execute_batch(
            "PRAGMA cache_size=-16384; PRAGMA mmap_size=1073741824; PRAGMA temp_store=MEMORY;
             PRAGMA busy_timeout=10000; PRAGMA query_only=ON;",
        )
        .map_err(|e| self.error("it is not a store", e))?;
        statements(&db)?;
        Ok(db)
    }

    fn error(
        &self,
        what: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::new(Kind::Unreachable, format!("the store cannot be opened: {what}"))
            .at(self.path.display().to_string())
            .because(source)
    }
}

/// The lock that lets one process write; given back when it is dropped.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would do, were it not for a child process that is just being made and
        // has the file open, too.
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the store was not given back");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let (true, Some(folder)) = (self.passing, self.path.parent()) {
            // A folder that stays behind in the temporary folder does no harm.
            drop(fs::remove_dir_all(folder));
        }
    }
}

/// Statements are kept, and planned once: not again for each value that is bound.
fn statements(db: &Connection) -> Result<()> {
    db.set_prepared_statement_cache_capacity(256);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// The file's name with a suffix.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, SystemIoFailure,
        };
        match error.sqlite_error_code() {
            Some(DiskFull | SystemIoFailure | CannotOpen | DatabaseBusy | DatabaseLocked) => {
                Error::new(Kind::Unreachable, "the store cannot be written or read")
                    .advise("look at the disk of `store:`: is it full, read-only or broken?")
            }
            _ => Error::new(Kind::Internal, "the store failed"),
        }
        .because(error)
    }
}
