//! The work of a commit that needs no lock: check, merge, serialise, compress, hash.
//!
//! What a write was made against is kept, so that the writer does it again only when somebody else
//! came first.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::{Arrival, Body, Carry, Commit, Outcome, Outgoing, Settled, When, Write, body};
use crate::error::{Error, Kind, Result};
use crate::fhir::{Merge, query};
use crate::search::Search;
use crate::search::params::Params;
use crate::search::reference::is_id;
use crate::search::terms::{self, Term};

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
    /// What [`When::NoneMatch`] and [`When::StillNoneMatch`] search for.
    pub condition: Option<Search>,
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
    /// What it is found by; empty if `same`.
    pub terms: Vec<Term<'static>>,
    /// What came in.
    incoming: Value,
    /// How it is laid over the stored resource, if it does not replace that.
    rules: Option<Arc<dyn Merge>>,
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
    pub fn new(db: &Connection, params: &'static Params, commit: Commit) -> Result<Prepared> {
        let writes = commit.writes.into_iter().map(|write| prepare_write(db, params, write));
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

fn prepare_write(db: &Connection, params: &'static Params, write: Write) -> Result<PreparedWrite> {
    let Write { kind, id, body, when } = write;
    word(&kind, &id)?;
    let condition = match &when {
        When::NoneMatch(query) | When::StillNoneMatch(query) => {
            Some(condition(params, &kind, query)?)
        }
        _ => None,
    };
    let (incoming, rules) = match body {
        Body::Replace(resource) => (resource, None),
        Body::Merge(resource, rules) => (resource, Some(rules)),
        Body::Delete => return Ok(PreparedWrite { kind, id, when, condition, content: None }),
    };
    let mut content = Content {
        on: None,
        same: false,
        tail: Vec::new(),
        packed: Vec::new(),
        terms: Vec::new(),
        incoming,
        rules,
    };
    content.against(params, &kind, &id, base(db, &kind, &id)?.as_ref())?;
    Ok(PreparedWrite { kind, id, when, condition, content: Some(content) })
}

/// The search of a conditional create; one that selects nothing in particular is refused.
fn condition(params: &'static Params, kind: &str, query: &str) -> Result<Search> {
    let search = Search::parse_with(params, kind, &query::pairs(query)?)?;
    if search.clauses.is_empty() || !search.include.is_empty() || search.page.is_some() {
        let what = format!("`{query}` is not a condition");
        return Err(Error::new(Kind::Value, what)
            .advise("write search parameters such as `identifier=system|value`"));
    }
    Ok(search)
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
    /// Makes the content against the version that is now the living one; also a second time, when
    /// that has changed.
    pub fn against(
        &mut self,
        params: &'static Params,
        kind: &str,
        id: &str,
        base: Option<&Base>,
    ) -> Result<()> {
        let merged = match (&self.rules, base) {
            (Some(rules), Some(base)) => {
                Some(rules.merge(&whole(kind, id, base)?, self.incoming.clone()))
            }
            _ => None,
        };
        let resource = merged.as_ref().unwrap_or(&self.incoming);
        self.tail = body::tail(kind, resource)?;
        self.on = base.map(|base| base.pk);
        self.same = base.is_some_and(|base| body::same(&base.tail, &self.tail));
        if !self.same {
            self.packed = body::pack(&self.tail)?;
            self.terms = terms::terms(params, resource);
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
    let kind_ok = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_id(id) && kind_ok {
        return Ok(());
    }
    Err(Error::new(Kind::Value, format!("`{kind}/{id}` is not a resource type with an id"))
        .advise("an id has 1 to 64 letters, digits, `-` and `.`"))
}
