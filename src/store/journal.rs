//! Inbound messages: what came, what became of it, and whether it came before.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::prepare::PreparedArrival;
use super::{Arrival, JournalEntry, Outcome, Status, body};
use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::Spot;
use crate::fhir::{Issue, Severity};

/// What the journal knows about a message before anything is written.
pub(super) enum Known {
    /// Nothing.
    No,
    /// The same bytes under the same control number.
    Same(Box<JournalEntry>),
    /// Other bytes under the same control number, in this entry.
    Other(i64),
}

/// Looks for a message of the same channel, sender and control number.
pub(super) fn known(db: &Connection, arrival: &PreparedArrival) -> Result<Known> {
    let Some((sender, control)) = &arrival.arrival.control else { return Ok(Known::No) };
    let found: Option<(i64, Vec<u8>)> = db
        .prepare_cached(
            "SELECT id, hash FROM journal
             WHERE channel = ?1 AND sender = ?2 AND control = ?3 AND keyed = 1",
        )?
        .query_row(params![arrival.arrival.channel, sender, control], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(match found {
        None => Known::No,
        Some((id, hash)) if hash == arrival.hash => match entry(db, id)? {
            Some(entry) => Known::Same(Box::new(entry)),
            None => Known::No,
        },
        Some((id, _)) => Known::Other(id),
    })
}

/// Stores a message; `keyed` if its control number shall be the key of repeats.
pub(super) fn insert(
    db: &Connection,
    arrival: &PreparedArrival,
    outcome: &Outcome,
    record: i64,
    keyed: bool,
) -> Result<i64> {
    let Arrival { channel, peer, received, control, .. } = &arrival.arrival;
    let (sender, control) = control.as_ref().map(|(s, c)| (s, c)).unzip();
    db.prepare_cached(
        "INSERT INTO journal (channel, peer, received, sender, control, keyed, hash, record,
                              status, mapping, issues, answer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        channel,
        peer,
        received,
        sender,
        control,
        keyed && control.is_some(),
        arrival.hash,
        record,
        number(outcome.status),
        outcome.mapping,
        issues_text(&outcome.issues),
        outcome.answer,
    ])?;
    Ok(db.last_insert_rowid())
}

/// Gives an entry a new outcome.
pub(super) fn settle(db: &Connection, id: i64, outcome: &Outcome) -> Result<()> {
    let changed = db
        .prepare_cached(
            "UPDATE journal SET status = ?2, mapping = ?3, issues = ?4, answer = ?5 WHERE id = ?1",
        )?
        .execute(params![
            id,
            number(outcome.status),
            outcome.mapping,
            issues_text(&outcome.issues),
            outcome.answer
        ])?;
    match changed {
        1 => Ok(()),
        _ => Err(Error::new(Kind::NotFound, format!("the journal has no entry {id}"))),
    }
}

const ENTRY: &str = "SELECT j.id, j.channel, j.peer, j.received, j.sender, j.control, r.z,
    j.status, j.mapping, j.issues, j.answer FROM journal j JOIN record r ON r.id = j.record";

/// An entry by number.
pub(super) fn entry(db: &Connection, id: i64) -> Result<Option<JournalEntry>> {
    let mut find = db.prepare_cached(&format!("{ENTRY} WHERE j.id = ?1"))?;
    find.query_row([id], |row| Ok(read(row))).optional()?.transpose()
}

/// An entry by its key.
pub(super) fn repeat(
    db: &Connection,
    channel: &str,
    sender: &str,
    control: &str,
) -> Result<Option<JournalEntry>> {
    let sql = format!(
        "{ENTRY} WHERE j.channel = ?1 AND j.sender = ?2 AND j.control = ?3 AND j.keyed = 1"
    );
    let mut find = db.prepare_cached(&sql)?;
    find.query_row(params![channel, sender, control], |row| Ok(read(row))).optional()?.transpose()
}

/// Entries before a number, newest first.
pub(super) fn list(
    db: &Connection,
    status: Option<Status>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<JournalEntry>> {
    let only = if status.is_some() { "AND j.status = ?3" } else { "AND ?3 IS NULL" };
    let sql = format!("{ENTRY} WHERE j.id < ?1 {only} ORDER BY j.id DESC LIMIT ?2");
    let mut find = db.prepare_cached(&sql)?;
    let rows = find
        .query_map(params![before.unwrap_or(i64::MAX), limit, status.map(number)], |row| {
            Ok(read(row))
        })?;
    rows.map(|row| row?).collect()
}

/// Number of entries by status.
pub(super) fn counts(db: &Connection) -> Result<[u64; 3]> {
    let mut counts = [0; 3];
    for (status, count) in counts.iter_mut().enumerate() {
        *count = db
            .prepare_cached("SELECT count(*) FROM journal WHERE status = ?1")?
            .query_row([status], |row| row.get(0))?;
    }
    Ok(counts)
}

fn read(row: &Row) -> Result<JournalEntry> {
    let sender: Option<String> = row.get(4)?;
    let outcome = Outcome {
        status: match row.get(7)? {
            0 => Status::Done,
            1 => Status::Failed,
            _ => Status::Quarantined,
        },
        mapping: row.get(8)?,
        issues: read_issues(&row.get::<_, String>(9)?),
        answer: row.get(10)?,
    };
    let packed = row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?;
    let arrival = Arrival {
        channel: row.get(1)?,
        peer: row.get(2)?,
        received: row.get(3)?,
        bytes: Arc::from(body::unpack(packed)?),
        control: sender.zip(row.get(5)?),
        outcome,
    };
    Ok(JournalEntry { id: row.get(0)?, arrival })
}

fn number(status: Status) -> i64 {
    match status {
        Status::Done => 0,
        Status::Failed => 1,
        Status::Quarantined => 2,
    }
}

/// Issues as a JSON array of arrays: severity, code, text, path, slot, from, to, rule.
fn issues_text(issues: &[Issue]) -> String {
    let rows = issues.iter().map(|issue| {
        let spot = issue.spot.as_ref();
        json!([
            issue.severity.code(),
            issue.code,
            issue.text,
            issue.path,
            spot.map(|s| &s.slot),
            spot.map(|s| s.bytes.start),
            spot.map(|s| s.bytes.end),
            issue.rule,
        ])
    });
    Value::Array(rows.collect()).to_string()
}

/// The issues of [`issues_text`].
fn read_issues(text: &str) -> Vec<Issue> {
    let rows: Vec<[Value; 8]> = serde_json::from_str(text).unwrap_or_default();
    let read = |[severity, code, text, path, slot, from, to, rule]: [Value; 8]| {
        let text_of = |value: Value| value.as_str().map(str::to_owned);
        let place = |value: &Value| value.as_u64().unwrap_or(0) as usize;
        let code = code.as_str().unwrap_or_default();
        Issue {
            severity: match severity.as_str() {
                Some("information") => Severity::Information,
                Some("warning") => Severity::Warning,
                Some("fatal") => Severity::Fatal,
                _ => Severity::Error,
            },
            code: CODES.iter().find(|known| **known == code).copied().unwrap_or("processing"),
            text: text_of(text).unwrap_or_default(),
            path: text_of(path),
            spot: text_of(slot).map(|slot| Spot { slot, bytes: place(&from)..place(&to) }),
            rule: text_of(rule),
        }
    };
    rows.into_iter().map(read).collect()
}

/// Issue types (<https://hl7.org/fhir/R4/valueset-issue-type.html>).
const CODES: &[&str] = &[
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "security",
    "login",
    "unknown",
    "expired",
    "forbidden",
    "suppressed",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "code-invalid",
    "extension",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "lock-error",
    "no-store",
    "exception",
    "timeout",
    "incomplete",
    "throttled",
    "informational",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_come_back_as_they_were() {
        let issues = vec![
            Issue::error(Kind::Value, "2024-02-30 is not a date")
                .path("Patient.birthDate")
                .spot("PID-7", 12..20)
                .rule("mapping.yaml:3"),
            Issue::new(Severity::Information, "informational", "fine \"quoted\""),
        ];
        assert_eq!(read_issues(&issues_text(&issues)), issues);
        assert!(read_issues("nonsense").is_empty());
    }
}
