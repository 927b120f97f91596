//! Carries out a search: names become numbers, the plan becomes SQL, versions become a page.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::dictionary::find_param;
use super::page::{self, Mark};
use super::reader::{VERSION, stored};
use super::sql::{self, Arm, Key, Query, Resolved, Set, Sql};
use super::{Millis, Page, Stored, rows};
use crate::error::{Error, Kind, Result};
use crate::search::params::{Family, Param, Params};
use crate::search::plan::{Drive, Facts, plan};
use crate::search::reference::Target;
use crate::search::{Atom, Clause, MAX_INCLUDED, Op, Search};

/// A system with more codes than this is not listed in a condition.
const MANY_CODES: usize = 500;

/// A page of a search.
pub(super) fn search(
    db: &Connection,
    params: &'static Params,
    key: &[u8; 32],
    search: &Search,
) -> Result<Page> {
    let newest = newest(db)?;
    let (snapshot, after) = match &search.page {
        None => (newest, None),
        Some(token) => {
            let mark = page::open(key, &search.query, token)?;
            if mark.snapshot > newest || mark.snapshot < horizon(db)? {
                return Err(Error::new(Kind::Gone, "this page is no longer kept")
                    .at(crate::search::PAGE)
                    .advise("search again from the first page"));
            }
            (mark.snapshot, Some(mark.last))
        }
    };
    let found = Found::new(db, params, search, snapshot)?;
    let mut page = Page::default();
    if search.total || search.count == 0 {
        page.total = Some(found.total()?);
    }
    if search.count == 0 {
        return Ok(page);
    }
    let mut pks = found.pks(after, search.count + 1)?;
    if pks.len() > search.count {
        pks.truncate(search.count);
        let last = pks[search.count - 1];
        page.next = Some(page::seal(key, &search.query, Mark { snapshot, last }));
    }
    page.matches = versions(db, &pks)?;
    let included = include(db, params, search, &pks, snapshot)?;
    page.included = versions(db, &included)?;
    Ok(page)
}

/// The first matches of a search right now, each as type, id, version and time.
pub(super) fn first(
    db: &Connection,
    params: &'static Params,
    search: &Search,
    snapshot: i64,
    limit: usize,
) -> Result<Vec<Stored>> {
    let pks = Found::new(db, params, search, snapshot)?.pks(None, limit)?;
    versions(db, &pks)
}

/// The greatest version.
pub(super) fn newest(db: &Connection) -> Result<i64> {
    let mut find = db.prepare_cached("SELECT coalesce(max(pk), 0) FROM ver")?;
    Ok(find.query_row([], |row| row.get(0))?)
}

/// The first version up to `last` made at or after a time, by bisection; else the one behind.
pub(super) fn first_since(db: &Connection, last: i64, at: Millis) -> Result<i64> {
    let mut find = db.prepare_cached("SELECT at FROM ver WHERE pk >= ?1 ORDER BY pk LIMIT 1")?;
    let (mut lo, mut hi) = (1, last + 1);
    while lo < hi {
        let middle = lo + (hi - lo) / 2;
        let made: i64 = find.query_row([middle], |row| row.get(0))?;
        if made < at {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    Ok(lo)
}

/// Snapshots before this version are no longer whole.
fn horizon(db: &Connection) -> Result<i64> {
    let mut find = db.prepare_cached("SELECT value FROM state WHERE name = 'horizon'")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Versions by number, in this order.
fn versions(db: &Connection, pks: &[i64]) -> Result<Vec<Stored>> {
    let sql = format!(
        "{VERSION} ver v CROSS JOIN lid l ON l.lid = v.lid CROSS JOIN kind k ON k.id = l.kind
         LEFT JOIN body b ON b.pk = v.pk WHERE v.pk = ?1"
    );
    let mut find = db.prepare_cached(&sql)?;
    pks.iter().map(|pk| find.query_row([pk], |row| Ok(stored(row)))?).collect()
}

/// A search with the numbers of this store.
struct Found<'s> {
    db: &'s Connection,
    search: &'s Search,
    kind: i64,
    clauses: Vec<Resolved>,
    lead: Option<usize>,
    snapshot: i64,
    keys: Vec<Key>,
}

impl<'s> Found<'s> {
    fn new(
        db: &'s Connection,
        params: &'static Params,
        search: &'s Search,
        snapshot: i64,
    ) -> Result<Found<'s>> {
        let numbers = Numbers { db, params, search, snapshot };
        let kind = numbers.kind(&search.kind)?.unwrap_or(-1);
        let clauses: Vec<_> =
            search.clauses.iter().map(|clause| numbers.clause(clause)).collect::<Result<_>>()?;
        let lead = match plan(search, &mut Counts { db, clauses: &clauses })? {
            Drive::Clause(n) => Some(n),
            Drive::Kind => None,
        };
        let keys = search.sort.iter().map(|sort| {
            let p = numbers.param(sort.param)?.unwrap_or(-1);
            let of = match sort.param.family {
                Family::Text => sql::text_key(p, sort.down),
                Family::Number => sql::number_key(p, sort.down),
                Family::Updated => Sql::new("c.pk", []),
                Family::Id => Sql::new(
                    "(SELECT l.id FROM ver v JOIN lid l ON l.lid = v.lid WHERE v.pk = c.pk)",
                    [],
                ),
                _ => sql::date_key(p, sort.down),
            };
            Ok(Key { of, down: sort.down })
        });
        let keys = keys.collect::<Result<_>>()?;
        Ok(Found { db, search, kind, clauses, lead, snapshot, keys })
    }

    fn query(&self) -> Query<'_> {
        let Found { kind, ref clauses, lead, snapshot, .. } = *self;
        Query { kind, clauses, lead, snapshot }
    }

    /// The matches behind one of them.
    fn pks(&self, after: Option<i64>, limit: usize) -> Result<Vec<i64>> {
        let by_version = match &self.search.sort[..] {
            [] => Some(false),
            [first, ..] if first.param.family == Family::Updated => Some(first.down),
            _ => None,
        };
        let sql = match (by_version, after) {
            (Some(down), after) => self.query().by_version(down, after, limit),
            (None, None) => self.query().by_keys(&self.keys, None, limit),
            (None, Some(after)) => {
                let values = self.row(&sql::key_values(&self.keys, after))?;
                self.query().by_keys(&self.keys, Some((&values, after)), limit)
            }
        };
        let mut find = self.db.prepare_cached(&sql.text)?;
        let pks = find.query_map(params_from_iter(sql.args), |row| row.get(0))?;
        Ok(pks.collect::<rusqlite::Result<_>>()?)
    }

    /// The number of all matches.
    fn total(&self) -> Result<u64> {
        let sql = self.query().total();
        let mut find = self.db.prepare_cached(&sql.text)?;
        Ok(find.query_row(params_from_iter(sql.args), |row| row.get(0))?)
    }

    /// A row of values, one for each sort key.
    fn row(&self, sql: &Sql) -> Result<Vec<Value>> {
        let mut find = self.db.prepare_cached(&sql.text)?;
        let count = self.keys.len();
        Ok(find.query_row(params_from_iter(&sql.args), |row| {
            (0..count).map(|n| row.get(n)).collect()
        })?)
    }
}

/// Bounded counts in the index.
struct Counts<'c> {
    db: &'c Connection,
    clauses: &'c [Resolved],
}

impl Facts for Counts<'_> {
    fn rows(&mut self, clause: usize, limit: u64) -> Result<u64> {
        let Some(sql) = self.clauses[clause].count(limit) else { return Ok(0) };
        let mut find = self.db.prepare_cached(&sql.text)?;
        Ok(find.query_row(params_from_iter(sql.args), |row| row.get(0))?)
    }
}

/// Names → numbers, on one snapshot. A name that was never stored has none, and finds nothing.
struct Numbers<'n> {
    db: &'n Connection,
    params: &'static Params,
    search: &'n Search,
    snapshot: i64,
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

    fn kind(&self, name: &str) -> Result<Option<i64>> {
        self.one("SELECT id FROM kind WHERE name = ?1", name)
    }

    fn system(&self, url: &str) -> Result<Option<i64>> {
        if url.is_empty() {
            Ok(Some(0))
        } else {
            self.one("SELECT id FROM sys WHERE url = ?1", url)
        }
    }

    /// The number of the parameter whose rows are read.
    fn param(&self, param: &Param) -> Result<Option<i64>> {
        Ok(find_param(self.db, self.params.rows_of(param))?.map(|(p, _)| p))
    }

    fn clause(&self, clause: &Clause) -> Result<Resolved> {
        match clause {
            Clause::Missing { param, missing } => {
                let found = find_param(self.db, self.params.rows_of(param))?;
                let Some((_, bit)) = found else {
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
        let Some(p) = self.param(param)? else { return Ok(Vec::new()) };
        let mut arms = Vec::with_capacity(any.len());
        let mut codes = Vec::new();
        let mut lids = Vec::new();
        for atom in any {
            match atom {
                Atom::Token { system, code } if param.family == Family::Ident => {
                    arms.extend(self.ident(p, system.as_deref(), code.as_deref())?);
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
                Atom::Uri(uri, below) => arms.push(Arm::uri(p, uri, *below)),
                Atom::Id(_) => {}
            }
        }
        if !codes.is_empty() {
            arms.push(Arm::tokens(p, &codes));
        }
        if !lids.is_empty() {
            arms.push(Arm::refers(p, &lids));
        }
        Ok(arms)
    }

    fn ident(&self, p: i64, system: Option<&str>, code: Option<&str>) -> Result<Option<Arm>> {
        let sys = match system {
            None => None,
            Some(system) => match self.system(system)? {
                None => return Ok(None),
                found => found,
            },
        };
        Ok(match (code, sys) {
            (Some(code), sys) => Some(Arm::idents(p, code, sys)),
            (None, Some(sys)) => Some(Arm::idents_of(p, sys)),
            (None, None) => None,
        })
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

/// The version that a resource has on a snapshot; none if it is deleted.
fn version_at(db: &Connection, lid: i64, snapshot: i64) -> Result<Option<i64>> {
    let mut find = db.prepare_cached(
        "SELECT CASE how WHEN 3 THEN NULL ELSE pk END FROM ver WHERE lid = ?1 AND pk <= ?2
         ORDER BY vno DESC LIMIT 1",
    )?;
    let found = find.query_row([lid, snapshot], |row| row.get::<_, Option<i64>>(0));
    Ok(found.optional()?.flatten())
}

/// What a page brings along: versions, each once, none that is a match of the page itself.
fn include(
    db: &Connection,
    params: &'static Params,
    search: &Search,
    page: &[i64],
    snapshot: i64,
) -> Result<Vec<i64>> {
    let numbers = Numbers { db, params, search, snapshot };
    let mut seen: HashSet<i64> = page.iter().copied().collect();
    let mut out = Vec::new();
    for include in &search.include {
        let Some(p) = numbers.param(include.param)? else { continue };
        for pk in page {
            let found = match include.reverse {
                false => referred(&numbers, p, *pk, &include.targets)?,
                true => referring(db, p, *pk, snapshot)?,
            };
            out.extend(found.into_iter().filter(|pk| seen.insert(*pk)));
            if out.len() > MAX_INCLUDED {
                let what = format!("the page would bring along more than {MAX_INCLUDED} resources");
                return Err(Error::new(Kind::TooCostly, what)
                    .at(if include.reverse { "_revinclude" } else { "_include" })
                    .advise("ask for a smaller page with _count"));
            }
        }
    }
    Ok(out)
}

/// The versions that a version refers to.
fn referred(numbers: &Numbers, p: i64, pk: i64, targets: &[String]) -> Result<Vec<i64>> {
    let mut find = numbers.db.prepare_cached(
        "SELECT r.lid, k.name FROM ref r INDEXED BY ref_pk CROSS JOIN lid l ON l.lid = r.lid
         LEFT JOIN kind k ON k.id = l.kind WHERE r.pk = ?1 AND r.p = ?2",
    )?;
    let mut rows = find.query([pk, p])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: Option<String> = row.get(1)?;
        if targets.is_empty() || kind.is_some_and(|kind| targets.contains(&kind)) {
            found.extend(version_at(numbers.db, row.get(0)?, numbers.snapshot)?);
        }
    }
    Ok(found)
}

/// The versions that refer to the resource of a version.
fn referring(db: &Connection, p: i64, pk: i64, snapshot: i64) -> Result<Vec<i64>> {
    let mut find = db.prepare_cached(
        "SELECT r.pk FROM ref r WHERE r.p = ?1 AND r.lid = (SELECT lid FROM ver WHERE pk = ?2)
         AND r.pk <= ?3 AND NOT EXISTS
           (SELECT 1 FROM dead d WHERE d.pk = r.pk AND d.till <= ?3) LIMIT ?4",
    )?;
    let limit = MAX_INCLUDED as i64 + 1;
    let rows = find.query_map([p, pk, snapshot, limit], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
