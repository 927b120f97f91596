//! One commit inside the writer's transaction: everything of it, in order.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::dictionary::{Dictionary, Lid, find_lid, make_lid};
use super::journal::{self, Known};
use super::limit::Limit;
use super::prepare::{self, Content, Prepared, PreparedArrival, PreparedWrite};
use super::rows::{self, Row, Rows};
use super::{
    Committed, Did, Journaled, Millis, Outcome, Status, Stored, When, Written, find, outbox,
};
use crate::error::{Error, Kind, Result};
use crate::fhir::Issue;
use crate::search::Search;
use crate::search::params::Params;

/// The longest that the search of a condition may keep the writer.
const LONGEST_CONDITION: Duration = Duration::from_millis(500);

/// What the writer carries from commit to commit.
pub(super) struct Writing<'a> {
    /// In a transaction.
    pub db: &'a Connection,
    /// The time limit of the connection.
    pub limit: &'a Limit,
    /// Known numbers of names.
    pub names: &'a mut Dictionary,
    /// The last pk; versions get the following ones.
    pub pk: i64,
    /// The parameters that are indexed.
    pub params: &'static Params,
    /// Index rows of this group that are not yet in the tables.
    pub pending: &'a mut Vec<(Row, i64)>,
    /// Time of this commit, never less than that of an earlier one.
    pub now: Millis,
}

/// Writes a commit; an error means that what it has written is to be taken back.
pub(super) fn apply(w: &mut Writing, commit: &mut Prepared) -> Result<Committed> {
    let mut records = Records { packed: &commit.records, ids: HashMap::new() };
    let journal = match &commit.journal {
        None => None,
        Some(arrival) => match arrive(w.db, arrival, &mut records)? {
            new @ Journaled::New(_) => Some(new),
            before => {
                return Ok(Committed { written: Vec::new(), journal: Some(before), last: 0 });
            }
        },
    };
    if let Some((id, outcome)) = &commit.resettle {
        journal::settle(w.db, *id, outcome)?;
    }
    let before = w.pk;
    let origin = w.names.origin(w.db, &commit.origin)?;
    let mut written = Vec::with_capacity(commit.writes.len());
    for write in &mut commit.writes {
        written.push(write_one(w, write, origin)?);
    }
    for (carry, place) in &commit.carry {
        let kind = w.names.kind(w.db, &carry.kind)?;
        let lid = make_lid(w.db, kind, &carry.id)?.lid;
        let name = mapping_name(&carry.mapping);
        w.db.prepare_cached("INSERT OR REPLACE INTO carry VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![lid, name, records.id(w.db, *place)?, carry.mapping])?;
    }
    for outgoing in &commit.outbox {
        outbox::insert(w.db, outgoing, w.now)?;
    }
    for settled in &commit.settled {
        outbox::settle(w.db, settled)?;
    }
    for event in &commit.audit {
        w.db.prepare_cached("INSERT INTO audit (at, event) VALUES (?1, ?2)")?
            .execute(params![w.now, event])?;
    }
    if let Some((name, at)) = &commit.cursor {
        w.db.prepare_cached("INSERT OR REPLACE INTO follower VALUES (?1, ?2)")?
            .execute(params![name, at])?;
    }
    Ok(Committed { written, journal, last: if w.pk > before { w.pk } else { 0 } })
}

/// The name in `name@version`.
pub(super) fn mapping_name(mapping: &str) -> &str {
    mapping.split_once('@').map_or(mapping, |(name, _)| name)
}

/// Stores a message unless it came before.
fn arrive(db: &Connection, arrival: &PreparedArrival, records: &mut Records) -> Result<Journaled> {
    match journal::known(db, arrival)? {
        Known::Same(entry) => Ok(Journaled::Repeat(entry)),
        Known::No => {
            let record = records.id(db, arrival.record)?;
            let outcome = &arrival.arrival.outcome;
            Ok(Journaled::New(journal::insert(db, arrival, outcome, record, true)?))
        }
        Known::Other(first) => {
            let text = format!("entry {first} has the same control number with other content");
            let mut issues = arrival.arrival.outcome.issues.clone();
            issues.push(Issue::error(Kind::Duplicate, text));
            let outcome = Outcome {
                status: Status::Failed,
                mapping: arrival.arrival.outcome.mapping.clone(),
                issues,
                answer: Vec::new(),
            };
            let record = records.id(db, arrival.record)?;
            journal::insert(db, arrival, &outcome, record, false)?;
            Ok(Journaled::Clash(first))
        }
    }
}

/// Original bytes of this commit, stored when first used.
struct Records<'a> {
    packed: &'a [Vec<u8>],
    ids: HashMap<usize, i64>,
}

impl Records<'_> {
    fn id(&mut self, db: &Connection, place: usize) -> Result<i64> {
        if let Some(id) = self.ids.get(&place) {
            return Ok(*id);
        }
        db.prepare_cached("INSERT INTO record (z) VALUES (?1)")?.execute([&self.packed[place]])?;
        let id = db.last_insert_rowid();
        self.ids.insert(place, id);
        Ok(id)
    }
}

/// Writes one resource if its condition holds.
fn write_one(w: &mut Writing, write: &mut PreparedWrite, origin: i64) -> Result<Written> {
    let kind = w.names.kind(w.db, &write.kind)?;
    let lid = find_lid(w.db, kind, &write.id)?;
    let stays = |did| {
        let (_, version, updated) = lid.as_ref().and_then(|l| l.last).unwrap_or_default();
        Written { kind: write.kind.clone(), id: write.id.clone(), version, updated, did }
    };
    let lives = lid.as_ref().is_some_and(|l| l.cur.is_some());
    match &write.when {
        When::Always => {}
        When::Missing if lives => return Ok(stays(Did::Kept)),
        When::Missing => {}
        When::Version(expected) => {
            let now = stays(Did::Kept).version;
            if !lives || now != *expected {
                let is = if lives { format!("version {now}") } else { "not there".to_owned() };
                let what = format!("the resource is {is}, not version {expected}");
                return Err(Error::new(Kind::Precondition, what)
                    .at(format!("{}/{}", write.kind, write.id))
                    .advise("read it again and repeat the change"));
            }
        }
        When::NoneMatch(query) | When::StillNoneMatch(query) => {
            if let Some(condition) = &write.condition
                && let Some(there) = none_match(w, condition, query)?
            {
                return match &write.when {
                    When::NoneMatch(_) => Ok(there),
                    _ => Err(made_meanwhile(write, &there)),
                };
            }
        }
    }
    match &mut write.content {
        None if !lives => Ok(stays(Did::Unchanged)),
        Some(content) => {
            let cur = lid.as_ref().and_then(|l| l.cur);
            if content.on != cur {
                let base = prepare::base(w.db, &write.kind, &write.id)?;
                content.against(w.params, &write.kind, &write.id, base.as_ref())?;
            }
            if content.same {
                return Ok(stays(Did::Unchanged));
            }
            let did = if lives { Did::Updated } else { Did::Created };
            new_version(w, kind, lid, write, did, origin)
        }
        None => new_version(w, kind, lid, write, Did::Deleted, origin),
    }
}

/// The error of [`When::StillNoneMatch`].
fn made_meanwhile(write: &PreparedWrite, there: &Written) -> Error {
    let what = format!("{}/{} was made at the same moment", there.kind, there.id);
    Error::new(Kind::Conflict, what)
        .at(format!("{}/{}", write.kind, write.id))
        .advise("send it again")
}

/// The one resource that matches a condition; several are an error.
fn none_match(w: &mut Writing, condition: &Search, query: &str) -> Result<Option<Written>> {
    rows::insert(w.db, w.pending)?;
    let first = || find::first(w.db, w.params, condition, w.pk, 2);
    let mut found = w.limit.within(LONGEST_CONDITION, first)?.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(Stored { kind, id, version, updated, .. }), None) => {
            Ok(Some(Written { kind, id, version, updated, did: Did::Kept }))
        }
        (Some(one), Some(two)) => {
            let what = format!("several resources match, e.g. {} and {}", one.id, two.id);
            Err(Error::new(Kind::Precondition, what)
                .at(format!("{}?{query}", condition.kind))
                .advise("narrow the condition"))
        }
    }
}

/// Adds a version and takes the place of the living one.
fn new_version(
    w: &mut Writing,
    kind: i64,
    lid: Option<Lid>,
    write: &PreparedWrite,
    did: Did,
    origin: i64,
) -> Result<Written> {
    let lid = match lid {
        Some(lid) => lid,
        None => make_lid(w.db, kind, &write.id)?,
    };
    w.pk += 1;
    let pk = w.pk;
    let version = lid.last.map_or(1, |(_, version, _)| version + 1);
    let how = match did {
        Did::Created => 1,
        Did::Deleted => 3,
        _ => 2,
    };
    w.db.prepare_cached("INSERT INTO ver VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![pk, lid.lid, version, w.now, how, origin])?;
    w.db.prepare_cached("UPDATE lid SET cur = ?2, last = ?3 WHERE lid = ?1")?.execute(params![
        lid.lid,
        (did != Did::Deleted).then_some(pk),
        pk
    ])?;
    if let Some(old) = lid.cur {
        w.db.prepare_cached("INSERT INTO dead VALUES (?1, ?2)")?.execute([old, pk])?;
    }
    if let Some(Content { packed, terms, .. }) = &write.content {
        w.names.complete(w.db, w.params, &write.kind)?;
        let Rows { rows, has } = rows::resolve(w.db, w.names, terms)?;
        w.db.prepare_cached("INSERT INTO body VALUES (?1, ?2, ?3)")?.execute(params![
            pk,
            packed,
            rows::encode(&rows)
        ])?;
        w.db.prepare_cached("INSERT INTO typ VALUES (?1, ?2, ?3)")?.execute([kind, pk, has])?;
        w.pending.extend(rows.into_iter().map(|row| (row, pk)));
    }
    Ok(Written { kind: write.kind.clone(), id: write.id.clone(), version, updated: w.now, did })
}
