//! Takes superseded versions out of the index once no page token can ask for them any more.
//!
//! The versions themselves stay: history and vread read them.

use rusqlite::{Connection, params};

use super::{Millis, find, rows};
use crate::error::Result;

/// How long a search's later pages can be asked for.
const WINDOW: Millis = 15 * 60_000;
/// The same, when there is much to collect.
const SHORT_WINDOW: Millis = 60_000;
/// Superseded versions in the index that are much.
const MUCH: i64 = 20_000;

/// Collects up to so many versions, the longest superseded first; says how many it were.
pub(super) fn collect(db: &Connection, now: Millis, limit: usize) -> Result<usize> {
    let mut count = db.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM dead LIMIT ?1)")?;
    let window = match count.query_row([MUCH], |row| row.get::<_, i64>(0))? {
        0 => return Ok(0),
        MUCH.. => SHORT_WINDOW,
        _ => WINDOW,
    };
    let before = find::first_since(db, find::newest(db)?, now - window)?;
    let mut find = db.prepare_cached(
        "SELECT d.pk, d.till, l.kind, b.terms FROM dead d CROSS JOIN body b ON b.pk = d.pk
         CROSS JOIN ver v ON v.pk = d.pk CROSS JOIN lid l ON l.lid = v.lid
         WHERE d.till < ?1 ORDER BY d.till LIMIT ?2",
    )?;
    let mut found = find.query(params![before, limit])?;
    let mut horizon = None;
    let mut old = Vec::new();
    while let Some(row) = found.next()? {
        let terms: Option<Vec<u8>> = row.get(3)?;
        old.push((row.get(0)?, row.get(2)?, terms));
        horizon = Some(row.get::<_, i64>(1)?);
    }
    let collected = old.len();
    for (pk, kind, terms) in old {
        let (pk, kind): (i64, i64) = (pk, kind);
        match rows::decode(&terms.unwrap_or_default()) {
            Ok(rows) => rows::remove(db, &rows, pk)?,
            Err(error) => {
                tracing::error!(%error, pk, "a superseded version stays in the index");
                continue;
            }
        }
        db.prepare_cached("DELETE FROM typ WHERE kind = ?1 AND pk = ?2")?.execute([kind, pk])?;
        db.prepare_cached("UPDATE body SET terms = NULL WHERE pk = ?1")?.execute([pk])?;
        db.prepare_cached("DELETE FROM dead WHERE pk = ?1")?.execute([pk])?;
    }
    if let Some(horizon) = horizon {
        db.prepare_cached("INSERT OR REPLACE INTO state VALUES ('horizon', ?1)")?
            .execute([horizon])?;
    }
    Ok(collected)
}
