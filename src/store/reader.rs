//! Reading: connections that only read, each request on one snapshot, away from the async threads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::connection::Place;
use super::limit::Limit;
use super::{Carry, Change, Counts, Stored, apply, body, journal, outbox};
use crate::error::{Error, Kind, Result};

/// A pool of connections.
pub(super) struct Readers {
    place: Arc<Place>,
    idle: Mutex<Vec<(Connection, Limit)>>,
    seats: Semaphore,
    /// Searches may take long: they never have all seats.
    searches: Semaphore,
}

impl Readers {
    /// A pool that grows to two connections per core.
    pub fn new(place: Arc<Place>) -> Readers {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let seats = (2 * cores).max(4);
        Readers {
            place,
            idle: Mutex::default(),
            seats: Semaphore::new(seats),
            searches: Semaphore::new(seats / 2 + 1),
        }
    }

    /// Runs one request on one snapshot.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        request: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.with_connection(move |db, _| request(db)).await
    }

    /// A search on one snapshot; it fails when it takes longer.
    pub async fn search<T: Send + 'static>(
        self: &Arc<Self>,
        limit: Duration,
        request: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Ok(_place) = self.searches.acquire().await else { return Err(closed()) };
        self.with_connection(move |db, limits| limits.within(limit, || request(db))).await
    }

    async fn with_connection<T: Send + 'static>(
        self: &Arc<Self>,
        request: impl FnOnce(&Connection, &Limit) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Ok(_seat) = self.seats.acquire().await else { return Err(closed()) };
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let (db, limit) = match idle {
                Some(idle) => idle,
                None => {
                    let mut db = readers.place.reader()?;
                    let limit = Limit::on(&mut db)?;
                    (db, limit)
                }
            };
            db.prepare_cached("BEGIN")?.execute([])?;
            let result = request(&db, &limit);
            db.prepare_cached("COMMIT")?.execute([])?;
            readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push((db, limit));
            result
        });
        task.await.map_err(|e| {
            Error::new(Kind::Internal, "a read of the store was broken off").because(e)
        })?
    }

    /// Refuses further requests and closes the connections.
    pub fn close(&self) {
        self.seats.close();
        self.searches.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The error of a store that was closed.
pub(super) fn closed() -> Error {
    Error::new(Kind::Unreachable, "the store is closed")
}

/// The columns of a version, for [`stored`].
pub(super) const VERSION: &str = "SELECT k.name, l.id, v.vno, v.at, v.how, b.z FROM";

/// The newest version.
pub(super) fn read(db: &Connection, kind: &str, id: &str) -> Result<Option<Stored>> {
    let sql = format!(
        "{VERSION} kind k JOIN lid l ON l.kind = k.id AND l.id = ?2 JOIN ver v ON v.pk = l.last
         LEFT JOIN body b ON b.pk = v.pk WHERE k.name = ?1"
    );
    let mut find = db.prepare_cached(&sql)?;
    find.query_row(params![kind, id], |row| Ok(stored(row))).optional()?.transpose()
}

/// One version.
pub(super) fn vread(db: &Connection, kind: &str, id: &str, version: u64) -> Result<Option<Stored>> {
    let Ok(version) = i64::try_from(version) else { return Ok(None) };
    let sql = format!(
        "{VERSION} kind k JOIN lid l ON l.kind = k.id AND l.id = ?2
         JOIN ver v ON v.lid = l.lid AND v.vno = ?3
         LEFT JOIN body b ON b.pk = v.pk WHERE k.name = ?1"
    );
    let mut find = db.prepare_cached(&sql)?;
    find.query_row(params![kind, id, version], |row| Ok(stored(row))).optional()?.transpose()
}

/// All versions, newest first.
pub(super) fn history(db: &Connection, kind: &str, id: &str) -> Result<Vec<Stored>> {
    let sql = format!(
        "{VERSION} kind k JOIN lid l ON l.kind = k.id AND l.id = ?2 JOIN ver v ON v.lid = l.lid
         LEFT JOIN body b ON b.pk = v.pk WHERE k.name = ?1 ORDER BY v.vno DESC"
    );
    let mut find = db.prepare_cached(&sql)?;
    let rows = find.query_map(params![kind, id], |row| Ok(stored(row)))?;
    rows.map(|row| row?).collect()
}

/// Versions after a number.
pub(super) fn changes(db: &Connection, after: i64, limit: usize) -> Result<Vec<Change>> {
    let mut find = db.prepare_cached(
        "SELECT v.pk, k.name, l.id, v.vno, o.name FROM ver v JOIN lid l ON l.lid = v.lid
         JOIN kind k ON k.id = l.kind JOIN origin o ON o.id = v.origin
         WHERE v.pk > ?1 ORDER BY v.pk LIMIT ?2",
    )?;
    let rows = find.query_map(params![after, limit], |row| {
        Ok(Change {
            number: row.get(0)?,
            kind: row.get(1)?,
            id: row.get(2)?,
            version: row.get(3)?,
            origin: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A follower's position.
pub(super) fn cursor(db: &Connection, name: &str) -> Result<i64> {
    let mut find = db.prepare_cached("SELECT at FROM follower WHERE name = ?1")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The newest original record of a resource by a mapping name.
pub(super) fn carry(db: &Connection, kind: &str, id: &str, mapping: &str) -> Result<Option<Carry>> {
    let mut find = db.prepare_cached(
        "SELECT c.mapping, r.z FROM lid l JOIN carry c ON c.lid = l.lid AND c.name = ?3
         JOIN record r ON r.id = c.record
         WHERE l.kind = (SELECT id FROM kind WHERE name = ?1) AND l.id = ?2
         ORDER BY c.record DESC LIMIT 1",
    )?;
    let found = find.query_row(params![kind, id, apply::mapping_name(mapping)], |row| {
        Ok((row.get(0)?, body::unpack(row.get_ref(1)?.as_blob()?)))
    });
    let Some((mapping, bytes)) = found.optional()? else { return Ok(None) };
    Ok(Some(Carry { kind: kind.to_owned(), id: id.to_owned(), mapping, bytes: bytes?.into() }))
}

/// Audit rows before a number, newest first.
pub(super) fn audit(
    db: &Connection,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<(i64, Value)>> {
    let mut find =
        db.prepare_cached("SELECT id, event FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2")?;
    let rows = find.query_map(params![before.unwrap_or(i64::MAX), limit], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (id, event) = row?;
        let broken = |e| Error::new(Kind::Internal, "an audit row is broken").because(e);
        Ok((id, serde_json::from_str(&event).map_err(broken)?))
    })
    .collect()
}

/// The key that seals page tokens.
pub(super) fn page_key(db: &Connection) -> Result<[u8; 32]> {
    Ok(db.query_row("SELECT value FROM state WHERE name = 'page-key'", [], |row| row.get(0))?)
}

/// Numbers of what is stored.
pub(super) fn counts(db: &Connection) -> Result<Counts> {
    let mut find = db.prepare_cached(
        "SELECT k.name, (SELECT count(*) FROM typ t WHERE t.kind = k.id)
           - (SELECT count(*) FROM dead d JOIN ver v ON v.pk = d.pk JOIN lid l ON l.lid = v.lid
              WHERE l.kind = k.id) AS n
         FROM kind k WHERE n > 0 ORDER BY k.name",
    )?;
    let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let resources = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Counts { resources, journal: journal::counts(db)?, outbox: outbox::counts(db)? })
}

/// A row of [`VERSION`] as a version.
pub(super) fn stored(row: &Row) -> Result<Stored> {
    let kind: String = row.get(0)?;
    let id: String = row.get(1)?;
    let (version, updated) = (row.get(2)?, row.get(3)?);
    let deleted = row.get::<_, i64>(4)? == 3;
    let json = if deleted {
        Vec::new()
    } else {
        let packed = row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?;
        body::splice(&kind, &id, version, updated, &body::unpack(packed)?)
    };
    Ok(Stored { kind, id, version, updated, json: json.into(), deleted })
}
