//! Deliveries to make. Of one target and key only the oldest unfinished, the head, may be tried,
//! so that their order is kept; a parked one is finished and blocks nothing.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::{Delivery, Millis, Outgoing, Settled};
use crate::error::{Error, Kind, Result};

/// The states by number; those below 2 are unfinished.
const STATES: [&str; 5] = ["waiting", "retry", "done", "parked", "rejected"];

/// Adds a delivery behind those of its key.
pub(super) fn insert(db: &Connection, outgoing: &Outgoing, now: Millis) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO outbox (target, key, kind, rid, version, context, state, head, attempts, due,
                             created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0,
           NOT EXISTS (SELECT 1 FROM outbox WHERE target = ?1 AND key = ?2 AND state < 2),
           0, ?7, ?7)",
    )?
    .execute(params![
        outgoing.target,
        outgoing.key,
        outgoing.kind,
        outgoing.id,
        outgoing.version,
        outgoing.context.to_string(),
        now
    ])?;
    Ok(())
}

/// Writes down a try; `waiting` (an operator's word) starts the count of tries anew.
pub(super) fn settle(db: &Connection, settled: &Settled) -> Result<()> {
    let state = state_number(&settled.state)?;
    let key: Option<(String, String)> = db
        .prepare_cached(
            "UPDATE outbox SET state = ?2, due = CASE WHEN ?2 < 2 THEN ?3 ELSE due END, last = ?4,
               payload = coalesce(?5, payload), attempts = CASE ?2 WHEN 0 THEN 0 ELSE attempts + 1 END
             WHERE id = ?1 RETURNING target, key",
        )?
        .query_row(
            params![settled.id, state, settled.due, settled.last, settled.payload],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((target, key)) = key else {
        let what = format!("the outbox has no delivery {}", settled.id);
        return Err(Error::new(Kind::NotFound, what));
    };
    db.prepare_cached("UPDATE outbox SET head = 0 WHERE target = ?1 AND key = ?2 AND head = 1")?
        .execute(params![target, key])?;
    db.prepare_cached(
        "UPDATE outbox SET head = 1 WHERE id = (SELECT id FROM outbox
           WHERE target = ?1 AND key = ?2 AND state < 2 ORDER BY id LIMIT 1)",
    )?
    .execute(params![target, key])?;
    Ok(())
}

const DELIVERY: &str = "SELECT id, target, key, kind, rid, version, context, state, attempts, due,
    created, last, payload FROM outbox";

/// The heads of a target that are due, the longest waiting first.
pub(super) fn due(
    db: &Connection,
    target: &str,
    now: Millis,
    limit: usize,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "{DELIVERY} WHERE target = ?1 AND head = 1 AND due <= ?2 ORDER BY due, id LIMIT ?3"
    );
    let mut find = db.prepare_cached(&sql)?;
    let rows = find.query_map(params![target, now, limit], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// Deliveries, newest first.
pub(super) fn list(db: &Connection, state: Option<&str>, limit: usize) -> Result<Vec<Delivery>> {
    let state = state.map(state_number).transpose()?;
    let only = if state.is_some() { "state = ?2" } else { "?2 IS NULL" };
    let mut find =
        db.prepare_cached(&format!("{DELIVERY} WHERE {only} ORDER BY id DESC LIMIT ?1"))?;
    let rows = find.query_map(params![limit, state], |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
}

/// A delivery by number.
pub(super) fn delivery(db: &Connection, id: i64) -> Result<Option<Delivery>> {
    let mut find = db.prepare_cached(&format!("{DELIVERY} WHERE id = ?1"))?;
    find.query_row([id], |row| Ok(read(row))).optional()?.transpose()
}

/// Number of deliveries by state.
pub(super) fn counts(db: &Connection) -> Result<Vec<(String, u64)>> {
    let mut count = db.prepare_cached("SELECT count(*) FROM outbox WHERE state = ?1")?;
    let mut counts = Vec::new();
    for (number, state) in STATES.iter().enumerate() {
        counts.push(((*state).to_owned(), count.query_row([number], |row| row.get(0))?));
    }
    Ok(counts)
}

fn read(row: &Row) -> Result<Delivery> {
    let context: String = row.get(6)?;
    Ok(Delivery {
        id: row.get(0)?,
        outgoing: Outgoing {
            target: row.get(1)?,
            key: row.get(2)?,
            kind: row.get(3)?,
            id: row.get(4)?,
            version: row.get(5)?,
            context: serde_json::from_str(&context).unwrap_or(Value::Null),
        },
        state: STATES.get(row.get::<_, usize>(7)?).copied().unwrap_or_default().to_owned(),
        attempts: row.get(8)?,
        due: row.get(9)?,
        created: row.get(10)?,
        last: row.get(11)?,
        payload: row.get(12)?,
    })
}

fn state_number(name: &str) -> Result<usize> {
    STATES.iter().position(|state| *state == name).ok_or_else(|| {
        Error::new(Kind::Value, format!("`{name}` is not a state of a delivery"))
            .advise(format!("states are {}", STATES.join(", ")))
    })
}
