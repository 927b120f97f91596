//! The work of a commit that needs no lock: check, merge, serialise, compress, hash.
//!
//! What a write was made against is kept, so that the writer does it again only when somebody else
//! came first.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::{Arrival, Body, Carry, Commit, Outcome, Outgoing, Settled, When, body};
use crate::error::{Error, Kind, Result};
use crate::fhir::Merge;

/// A commit that is ready for the writer.
pub(super) struct Prepared {
    pub origin: String,
    pub writes: Vec<PreparedWrite>,
    pub journal: Option<PreparedArrival>,
    pub resettle: Option<(i64, Outcome)>,
    /// Original records, compressed; the journal and the carry point to them by place.
    pub records: Vec<Vec<u8>>,
    pub carry: Vec<(Carry, usize)>,
    pub outbox: Vec<Outgoing>,
    pub settled: Vec<Settled>,
    pub audit: Vec<String>,
    pub cursor: Option<(String, i64)>,
}

/// A message with the place of its bytes and their hash.
pub(super) struct PreparedArrival {
    pub arrival: Arrival,
    pub record: usize,
    pub hash: [u8; 32],
}

/// One resource to write.
pub(super) struct PreparedWrite {
    pub kind: String,
    pub id: String,
    pub when: When,
    /// `None` deletes.
    pub content: Option<Content>,
}

/// What to write, made against the version `on`.
pub(super) struct Content {
    /// The pk of the living version it was made against, if there was one.
    pub on: Option<i64>,
    /// Whether that one says the same.
    pub same: bool,
    /// The JSON text behind `"meta":{`.
    pub tail: Vec<u8>,
    /// The same, compressed; empty if `same`.
    pub packed: Vec<u8>,
    /// For doing it again against another version.
    rules: Option<(Value, Arc<dyn Merge>)>,
}

/// The living version of a resource.
pub(super) struct Base {
    pub pk: i64,
    pub version: u64,
    pub at: i64,
    pub tail: Vec<u8>,
}

impl Prepared {
    /// Does all that can be done before the writer.
    pub fn new(db: &Connection, commit: Commit) -> Result<Prepared> {
        let writes = commit.writes.into_iter().map(|write| {
            word(&write.kind, &write.id)?;
            let content = match write.body {
                Body::Delete => None,
                body => {
                    let base = base(db, &write.kind, &write.id)?;
                    Some(Content::new(&write.kind, &write.id, body, base.as_ref())?)
                }
            };
            Ok(PreparedWrite { kind: write.kind, id: write.id, when: write.when, content })
        });
        let writes = writes.collect::<Result<_>>()?;
        let mut records = Records::default();
        let journal = match commit.journal {
            None => None,
            Some(arrival) => {
                let hash = *blake3::hash(&arrival.bytes).as_bytes();
                let record = records.add(&arrival.bytes)?;
                Some(PreparedArrival { arrival, record, hash })
            }
        };
        let carry = commit.carry.into_iter().map(|carry| {
            let record = records.add(&carry.bytes)?;
            Ok((carry, record))
        });
        Ok(Prepared {
            origin: commit.origin,
            writes,
            journal,
            resettle: commit.resettle,
            carry: carry.collect::<Result<_>>()?,
            records: records.packed,
            outbox: commit.outbox,
            settled: commit.settled,
            audit: commit.audit.iter().map(Value::to_string).collect(),
            cursor: commit.cursor,
        })
    }
}

/// Original bytes; equal ones are kept once.
#[derive(Default)]
struct Records {
    bytes: Vec<Arc<[u8]>>,
    packed: Vec<Vec<u8>>,
}

impl Records {
    /// The place of these bytes in `packed`.
    fn add(&mut self, bytes: &Arc<[u8]>) -> Result<usize> {
        if let Some(place) = self.bytes.iter().position(|known| known == bytes) {
            return Ok(place);
        }
        self.packed.push(body::pack(bytes)?);
        self.bytes.push(bytes.clone());
        Ok(self.bytes.len() - 1)
    }
}

impl Content {
    fn new(kind: &str, id: &str, body: Body, base: Option<&Base>) -> Result<Content> {
        let (resource, rules) = match body {
            Body::Merge(incoming, rules) => (incoming.clone(), Some((incoming, rules))),
            Body::Replace(resource) => (resource, None),
            Body::Delete => (Value::Null, None),
        };
        let mut content =
            Content { on: None, same: false, tail: Vec::new(), packed: Vec::new(), rules };
        if content.rules.is_none() || base.is_none() {
            content.tail = body::tail(kind, &resource)?;
        }
        content.against(kind, id, base)?;
        Ok(content)
    }

    /// Makes the content against the version that is now the living one.
    pub fn against(&mut self, kind: &str, id: &str, base: Option<&Base>) -> Result<()> {
        if let Some((incoming, rules)) = &self.rules {
            let merged = match base {
                Some(base) => rules.merge(&whole(kind, id, base)?, incoming.clone()),
                None => incoming.clone(),
            };
            self.tail = body::tail(kind, &merged)?;
        }
        self.on = base.map(|base| base.pk);
        self.same = base.is_some_and(|base| body::same(&base.tail, &self.tail));
        if !self.same && (self.packed.is_empty() || self.rules.is_some()) {
            self.packed = body::pack(&self.tail)?;
        }
        Ok(())
    }
}

/// The living version of a resource, if there is one.
pub(super) fn base(db: &Connection, kind: &str, id: &str) -> Result<Option<Base>> {
    let mut find = db.prepare_cached(
        "SELECT v.pk, v.vno, v.at, b.z FROM lid l JOIN ver v ON v.pk = l.cur
         JOIN body b ON b.pk = v.pk
         WHERE l.kind = (SELECT id FROM kind WHERE name = ?1) AND l.id = ?2",
    )?;
    let found = find.query_row(params![kind, id], |row| {
        let packed = row.get_ref(3)?.as_blob()?;
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, body::unpack(packed)))
    });
    let Some((pk, version, at, tail)) = found.optional()? else { return Ok(None) };
    Ok(Some(Base { pk, version, at, tail: tail? }))
}

/// A version as a JSON tree.
fn whole(kind: &str, id: &str, base: &Base) -> Result<Value> {
    let json = body::splice(kind, id, base.version, base.at, &base.tail);
    serde_json::from_slice(&json).map_err(|e| {
        Error::new(Kind::Internal, "a stored resource cannot be read")
            .at(format!("{kind}/{id}"))
            .because(e)
    })
}

/// Checks type and id (<https://hl7.org/fhir/R4/datatypes.html#id>).
fn word(kind: &str, id: &str) -> Result<()> {
    let id_ok = (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let kind_ok = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    if id_ok && kind_ok {
        return Ok(());
    }
    Err(Error::new(Kind::Value, format!("`{kind}/{id}` is not a resource type with an id"))
        .advise("an id has 1 to 64 letters, digits, `-` and `.`"))
}
