//! Breaks off what takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Error, Kind, Result};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 20_000;

/// The time limit of one connection.
pub(super) struct Limit {
    start: Instant,
    /// Microseconds since `start`; 0 for none.
    until: Arc<AtomicU64>,
}

impl Limit {
    /// Sets up a connection.
    pub fn on(db: &mut Connection) -> Result<Limit> {
        let start = Instant::now();
        let until = Arc::new(AtomicU64::new(0));
        let watched = until.clone();
        let over = move || match watched.load(Ordering::Relaxed) {
            0 => false,
            until => start.elapsed() > Duration::from_micros(until),
        };
        db.progress_handler(STEPS, Some(over))?;
        Ok(Limit { start, until })
    }

    /// Runs a search, which fails when it takes longer.
    pub fn within<T>(&self, limit: Duration, search: impl FnOnce() -> Result<T>) -> Result<T> {
        let until = self.start.elapsed() + limit;
        let micros = u64::try_from(until.as_micros()).unwrap_or(u64::MAX);
        self.until.store(micros, Ordering::Relaxed);
        let result = search();
        self.until.store(0, Ordering::Relaxed);
        result.map_err(|error| match error.kind {
            Kind::Internal if self.start.elapsed() > until => {
                Error::new(Kind::TooCostly, format!("the search took longer than {limit:?}"))
                    .advise("narrow it by another parameter")
                    .because(error)
            }
            _ => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_broken_off() {
        let mut db = Connection::open_in_memory().unwrap();
        let limit = Limit::on(&mut db).unwrap();
        let count = |to: u64| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                       SELECT count(*) FROM n";
            Ok(db.query_row(sql, [to], |row| row.get::<_, u64>(0))?)
        };
        let error = limit.within(Duration::from_millis(1), || count(u64::MAX >> 2)).unwrap_err();
        assert_eq!(error.kind, Kind::TooCostly);
        assert_eq!(limit.within(Duration::from_secs(60), || count(100_000)).unwrap(), 100_000);
        assert_eq!(count(100_000).unwrap(), 100_000);
    }
}
