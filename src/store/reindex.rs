//! Brings the index up to the parameters of this program, when the store is opened.
//!
//! A parameter whose definition (or our way to read it) has changed is a new one. Its rows are made
//! from the stored versions before anybody can search; then the old one's rows go. A crash on the
//! way is no harm: a parameter that is not `ready` is made again.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::dictionary::Dictionary;
use super::{body, rows};
use crate::error::{Error, Kind, Result};
use crate::search::params::{Param, Params};
use crate::search::terms::terms;

/// Versions in one transaction.
const STEP: usize = 500;

/// Makes what is missing and drops what is stale.
pub(super) fn reindex(db: &Connection, params: &'static Params) -> Result<()> {
    let mut kinds = db.prepare("SELECT id, name FROM kind")?;
    let kinds = kinds.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    for kind in kinds.collect::<rusqlite::Result<Vec<(i64, String)>>>()? {
        let work = Work::of(db, params, kind)?;
        if !work.missing.is_empty() || !work.stale.is_empty() {
            work.run(db, params)?;
        }
    }
    Ok(())
}

/// What is to be done for a resource type.
struct Work {
    kind: i64,
    name: String,
    /// Parameters to make.
    missing: Vec<&'static Param>,
    /// Parameters to drop, with their bits in `typ.has`.
    stale: Vec<(i64, u32)>,
}

impl Work {
    fn of(db: &Connection, params: &'static Params, (kind, name): (i64, String)) -> Result<Work> {
        let mut find = db
            .prepare_cached("SELECT id, code, expression, bit, ready FROM param WHERE kind = ?1")?;
        let mut found = find.query([kind])?;
        let (mut ready, mut stale) = (HashSet::new(), Vec::new());
        let mut any = false;
        while let Some(row) = found.next()? {
            any = true;
            let (code, expression): (String, String) = (row.get(1)?, row.get(2)?);
            let current = params.find(&name, &code).is_some_and(|p| p.expression == expression);
            match (current, row.get(4)?) {
                (true, true) => drop(ready.insert(code)),
                (true, false) => {}
                (false, _) => stale.push((row.get(0)?, row.get(3)?)),
            }
        }
        // A type without parameters here was never stored, only referred to.
        let indexed = params.of(&name).filter(|param| any && param.is_indexed());
        let missing = indexed.filter(|param| !ready.contains(&param.code)).collect();
        Ok(Work { kind, name, missing, stale })
    }

    fn run(&self, db: &Connection, params: &'static Params) -> Result<()> {
        tracing::info!(
            kind = self.name,
            new = self.missing.len(),
            dropped = self.stale.len(),
            "the search index is brought up to date"
        );
        let mut names = Dictionary::default();
        let mut mask = 0;
        for (_, bit) in &self.stale {
            mask |= 1_i64.checked_shl(*bit).unwrap_or(0);
        }
        for param in &self.missing {
            let (_, bit) = names.param(db, param, false)?;
            mask |= 1_i64.checked_shl(bit).unwrap_or(0);
        }
        let mut after = 0;
        while let Some(last) = self.step(db, params, &mut names, mask, after)? {
            after = last;
        }
        db.execute_batch("BEGIN IMMEDIATE")?;
        for (p, _) in &self.stale {
            for table in ["tok", "ident", "str", "date", "span", "qty", "ref", "uri"] {
                db.execute(&format!("DELETE FROM {table} WHERE p = ?1"), [p])?;
            }
            db.execute("DELETE FROM param WHERE id = ?1", [p])?;
        }
        db.execute("UPDATE param SET ready = 1 WHERE kind = ?1", [self.kind])?;
        Ok(db.execute_batch("COMMIT")?)
    }

    /// Indexes the versions that follow one; gives the last of them.
    fn step(
        &self,
        db: &Connection,
        params: &'static Params,
        names: &mut Dictionary,
        mask: i64,
        after: i64,
    ) -> Result<Option<i64>> {
        let mut find = db.prepare_cached(
            "SELECT t.pk, t.has, b.z, b.terms, l.id, v.vno, v.at FROM typ t
             CROSS JOIN body b ON b.pk = t.pk CROSS JOIN ver v ON v.pk = t.pk
             CROSS JOIN lid l ON l.lid = v.lid
             WHERE t.kind = ?1 AND t.pk > ?2 ORDER BY t.pk LIMIT ?3",
        )?;
        let versions = find.query_map(params![self.kind, after, STEP], |row| {
            let json = body::unpack(row.get_ref(2)?.as_blob()?).map(|tail| {
                let (id, version, at) = (row.get::<_, String>(4)?, row.get(5)?, row.get(6)?);
                Ok::<_, rusqlite::Error>(body::splice(&self.name, &id, version, at, &tail))
            });
            let old: Option<Vec<u8>> = row.get(3)?;
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, json, old.unwrap_or_default()))
        })?;
        let versions = versions.collect::<rusqlite::Result<Vec<_>>>()?;
        let last = versions.last().map(|version| version.0);
        db.execute_batch("BEGIN IMMEDIATE")?;
        let mut pending = Vec::new();
        for (pk, has, json, old) in versions {
            let broken = |e| Error::new(Kind::Internal, "a stored resource is broken").because(e);
            let resource: Value = serde_json::from_slice(&json??).map_err(broken)?;
            let mut terms = terms(params, &resource);
            terms.retain(|term| self.missing.contains(&term.param));
            let made = rows::resolve(db, names, &terms)?;
            let all: Vec<_> = rows::decode(&old)?.into_iter().chain(made.rows.clone()).collect();
            db.prepare_cached("UPDATE body SET terms = ?2 WHERE pk = ?1")?
                .execute(params![pk, rows::encode(&all)])?;
            db.prepare_cached("UPDATE typ SET has = ?3 WHERE kind = ?1 AND pk = ?2")?.execute([
                self.kind,
                pk,
                has & !mask | made.has,
            ])?;
            pending.extend(made.rows.into_iter().map(|row| (row, pk)));
        }
        rows::insert(db, &mut pending)?;
        db.execute_batch("COMMIT")?;
        Ok(last)
    }
}
