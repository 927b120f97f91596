//! The names in a search → the numbers of this store, on one snapshot.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::compile::{Resolved, Set};
use super::dictionary::find_param;
use super::find::{first_since, version_at};
use super::rows;
use super::sql::Arm;
use crate::error::{Error, Kind, Result};
use crate::search::params::{Family, Param, Params};
use crate::search::reference::Target;
use crate::search::{Atom, Clause, Op, Search};

/// A system with more codes than this is not listed in a condition.
const MANY_CODES: usize = 500;

/// Names → numbers, on one snapshot. A name that was never stored has none, and finds nothing.
pub(super) struct Numbers<'n> {
    pub db: &'n Connection,
    pub params: &'static Params,
    pub search: &'n Search,
    pub snapshot: i64,
}

impl Numbers<'_> {
    fn one(&self, sql: &str, name: &str) -> Result<Option<i64>> {
        Ok(self.db.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
    }

    fn many(&self, sql: &str, value: impl rusqlite::ToSql) -> Result<Vec<i64>> {
        let mut find = self.db.prepare_cached(sql)?;
        let rows = find.query_map([value], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The number of a resource type.
    pub fn kind(&self, name: &str) -> Result<Option<i64>> {
        self.one("SELECT id FROM kind WHERE name = ?1", name)
    }

    fn system(&self, url: &str) -> Result<Option<i64>> {
        if url.is_empty() {
            Ok(Some(0))
        } else {
            self.one("SELECT id FROM sys WHERE url = ?1", url)
        }
    }

    /// The number of the parameter whose rows are read, and its bit in `typ.has`.
    pub fn param(&self, param: &Param) -> Result<Option<(i64, u32)>> {
        find_param(self.db, self.params.rows_of(param))
    }

    /// A clause.
    pub fn clause(&self, clause: &Clause) -> Result<Resolved> {
        match clause {
            Clause::Missing { param, missing } => {
                let Some((_, bit)) = self.param(param)? else {
                    // No resource ever had a value.
                    return Ok(Resolved { set: Set::Pks(Vec::new()), not: *missing });
                };
                if bit >= 64 {
                    let what = format!("`{}:missing` is not supported", param.code);
                    return Err(Error::new(Kind::NotSupported, what));
                }
                let kind = self.kind(&self.search.kind)?.unwrap_or(-1);
                Ok(Resolved { set: Set::Bit { kind, bit, on: !missing }, not: false })
            }
            Clause::Match { param, any, not } => {
                let set = match param.family {
                    Family::Id => Set::Pks(self.ids(any)?),
                    Family::Updated => Set::Ranges(self.updated(any)?),
                    _ => Set::Arms(self.arms(param, any)?),
                };
                Ok(Resolved { set, not: *not })
            }
        }
    }

    /// The versions that these ids have on the snapshot.
    fn ids(&self, any: &[Atom]) -> Result<Vec<i64>> {
        let mut pks = Vec::new();
        for atom in any {
            let Atom::Id(id) = atom else { continue };
            let target = Target::Local { kind: self.search.kind.clone(), id: id.clone() };
            if let Some(lid) = self.lid(&target)? {
                pks.extend(version_at(self.db, lid, self.snapshot)?);
            }
        }
        Ok(pks)
    }

    /// Times as ranges of versions: both rise together.
    fn updated(&self, any: &[Atom]) -> Result<Vec<(i64, i64)>> {
        let mut ranges = Vec::new();
        for atom in any {
            let Atom::Span(op, span) = atom else { continue };
            let since = |at| first_since(self.db, self.snapshot, at);
            let (lo, hi) = (since(span.lo)?, since(span.hi)?);
            match op {
                Op::Eq | Op::Ap => ranges.push((lo, hi)),
                Op::Ne => ranges.extend([(0, lo), (hi, i64::MAX)]),
                Op::Gt | Op::Sa => ranges.push((hi, i64::MAX)),
                Op::Lt | Op::Eb => ranges.push((0, lo)),
                Op::Ge => ranges.push((lo, i64::MAX)),
                Op::Le => ranges.push((0, hi)),
            }
        }
        Ok(ranges)
    }

    fn arms(&self, param: &Param, any: &[Atom]) -> Result<Vec<Arm>> {
        let Some((p, _)) = self.param(param)? else { return Ok(Vec::new()) };
        let mut arms = Vec::new();
        // What is looked up by equality is put together.
        let (mut codes, mut lids, mut uris) = (Vec::new(), Vec::new(), Vec::new());
        let mut idents: BTreeMap<Option<i64>, Vec<&str>> = BTreeMap::new();
        for atom in any {
            match atom {
                Atom::Token { system, code } if param.family == Family::Ident => {
                    let sys = system.as_ref().map(|system| self.system(system)).transpose()?;
                    match (sys, code) {
                        // A system that was never stored.
                        (Some(None), _) | (None, None) => {}
                        (sys, Some(code)) => idents.entry(sys.flatten()).or_default().push(code),
                        (Some(Some(sys)), None) => arms.push(Arm::idents_of(p, sys)),
                    }
                }
                Atom::Token { system, code } => {
                    match self.codes(system.as_deref(), code.as_deref())? {
                        Ok(found) => codes.extend(found),
                        Err(sys) => arms.push(Arm::tokens_of(p, sys)),
                    }
                }
                Atom::Text { folded, exact, how } => {
                    arms.push(Arm::text(p, folded, rows::exact_hash(exact), *how));
                }
                Atom::Span(op, span) => arms.extend(Arm::dates(p, *op, *span)),
                Atom::Number { op, value, range, unit } => {
                    let units = match unit {
                        None => vec![0],
                        Some((system, code)) => {
                            self.codes(system.as_deref(), Some(code))?.unwrap_or_default()
                        }
                    };
                    if !units.is_empty() {
                        arms.push(Arm::numbers(p, *op, *value, *range, &units));
                    }
                }
                Atom::Refers(targets) => {
                    for target in targets {
                        lids.extend(self.lid(target)?);
                    }
                }
                Atom::Uri(uri, below) => {
                    uris.push(&uri[..]);
                    if *below {
                        arms.push(Arm::uris_below(p, uri));
                    }
                }
                Atom::Id(_) => {}
            }
        }
        arms.extend(idents.iter().map(|(sys, values)| Arm::idents(p, values, *sys)));
        if !codes.is_empty() {
            arms.push(Arm::tokens(p, &codes));
        }
        if !lids.is_empty() {
            arms.push(Arm::refers(p, &lids));
        }
        if !uris.is_empty() {
            arms.push(Arm::uris(p, &uris));
        }
        Ok(arms)
    }

    /// The numbers of the codes that a token means; or its system, if that has too many.
    fn codes(&self, system: Option<&str>, code: Option<&str>) -> Result<Result<Vec<i64>, i64>> {
        let sys = match system {
            None => {
                let sql = "SELECT id FROM code WHERE code = ?1";
                return Ok(Ok(self.many(sql, code.unwrap_or_default())?));
            }
            Some(system) => self.system(system)?,
        };
        let Some(sys) = sys else { return Ok(Ok(Vec::new())) };
        if let Some(code) = code {
            let mut find =
                self.db.prepare_cached("SELECT id FROM code WHERE code = ?1 AND sys = ?2")?;
            let id = find.query_row(params![code, sys], |row| row.get(0)).optional()?;
            return Ok(Ok(id.into_iter().collect()));
        }
        let sql = format!("SELECT id FROM code WHERE sys = ?1 LIMIT {}", MANY_CODES + 1);
        let codes = self.many(&sql, sys)?;
        Ok(if codes.len() > MANY_CODES { Err(sys) } else { Ok(codes) })
    }

    fn lid(&self, target: &Target) -> Result<Option<i64>> {
        let (kind, id) = match target {
            Target::Local { kind, id } => match self.kind(kind)? {
                Some(kind) => (kind, id),
                None => return Ok(None),
            },
            Target::Url(url) => (0, url),
        };
        let mut find = self.db.prepare_cached("SELECT lid FROM lid WHERE kind = ?1 AND id = ?2")?;
        Ok(find.query_row(params![kind, id], |row| row.get(0)).optional()?)
    }
}
