//! Carries out a search: names become numbers, the plan becomes SQL, versions become a page.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::compile::{Key, Query, Resolved, key_values};
use super::include::include;
use super::page::{self, Mark};
use super::reader::{VERSION, stored};
use super::resolve::Numbers;
use super::sql::Sql;
use super::{Millis, Page, Stored};
use crate::error::{Error, Kind, Result};
use crate::search::Search;
use crate::search::params::{Family, Params};
use crate::search::plan::{Drive, Facts, plan};

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

/// The version that a resource has on a snapshot; none if it is deleted.
pub(super) fn version_at(db: &Connection, lid: i64, snapshot: i64) -> Result<Option<i64>> {
    let mut find = db.prepare_cached(
        "SELECT CASE how WHEN 3 THEN NULL ELSE pk END FROM ver WHERE lid = ?1 AND pk <= ?2
         ORDER BY vno DESC LIMIT 1",
    )?;
    let found = find.query_row([lid, snapshot], |row| row.get::<_, Option<i64>>(0));
    Ok(found.optional()?.flatten())
}

/// A search with the numbers of this store.
struct Found<'s> {
    db: &'s Connection,
    kind: i64,
    clauses: Vec<Resolved>,
    drive: Drive,
    snapshot: i64,
    keys: Vec<Key>,
}

impl<'s> Found<'s> {
    fn new(
        db: &'s Connection,
        params: &'static Params,
        search: &Search,
        snapshot: i64,
    ) -> Result<Found<'s>> {
        let numbers = Numbers { db, params, search, snapshot };
        let kind = numbers.kind(&search.kind)?.unwrap_or(-1);
        let clauses = search.clauses.iter().map(|clause| numbers.clause(clause));
        let clauses = clauses.collect::<Result<Vec<_>>>()?;
        let keys = search.sort.iter().map(|sort| {
            let (p, bit) = numbers.param(sort.param)?.unwrap_or((-1, 0));
            Ok(Key { p, bit, family: sort.param.family, down: sort.down })
        });
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let mut drive = plan(search, &mut Counts { db, clauses: &clauses })?;
        if drive == Drive::Sort && keys.iter().any(|key| key.bit >= 64) {
            // Those without a value could not be told.
            drive = Drive::Kind;
        }
        Ok(Found { db, kind, clauses, drive, snapshot, keys })
    }

    fn query(&self) -> Query<'_> {
        let Found { kind, ref clauses, snapshot, .. } = *self;
        let lead = match self.drive {
            Drive::Clause(n) => Some(n),
            Drive::Kind | Drive::Sort => None,
        };
        Query { kind, clauses, lead, snapshot }
    }

    /// The matches behind one of them.
    fn pks(&self, after: Option<i64>, limit: usize) -> Result<Vec<i64>> {
        match &self.keys[..] {
            [] => self.column(self.query().by_version(false, after, limit)),
            [first, ..] if first.family == Family::Updated => {
                self.column(self.query().by_version(first.down, after, limit))
            }
            [key] if self.drive == Drive::Sort => self.along(key, after, limit),
            keys => {
                let values = after.map(|after| self.values(after)).transpose()?;
                let after = values.as_deref().zip(after);
                self.column(self.query().by_keys(keys, after, limit))
            }
        }
    }

    /// The matches along a sort key, then those without a value.
    fn along(&self, key: &Key, after: Option<i64>, limit: usize) -> Result<Vec<i64>> {
        let value = match after {
            Some(after) => self.values(after)?.pop(),
            None => None,
        };
        let mut found = match (&value, after) {
            (Some(Value::Null), Some(_)) => Vec::new(),
            (value, after) => {
                let after = value.as_ref().zip(after);
                self.column(self.query().along(key, after, limit))?
            }
        };
        if found.len() < limit {
            let after = after.filter(|_| value == Some(Value::Null));
            let rest = limit - found.len();
            found.extend(self.column(self.query().without(key.bit, after, rest))?);
        }
        Ok(found)
    }

    /// The first column.
    fn column(&self, sql: Sql) -> Result<Vec<i64>> {
        let mut find = self.db.prepare_cached(&sql.text)?;
        let pks = find.query_map(params_from_iter(sql.args), |row| row.get(0))?;
        Ok(pks.collect::<rusqlite::Result<_>>()?)
    }

    /// The values that a version has of the sort keys.
    fn values(&self, pk: i64) -> Result<Vec<Value>> {
        let sql = key_values(&self.keys, pk);
        let mut find = self.db.prepare_cached(&sql.text)?;
        Ok(find.query_row(params_from_iter(&sql.args), |row| {
            (0..self.keys.len()).map(|n| row.get(n)).collect()
        })?)
    }

    /// The number of all matches.
    fn total(&self) -> Result<u64> {
        let sql = self.query().total();
        let mut find = self.db.prepare_cached(&sql.text)?;
        Ok(find.query_row(params_from_iter(sql.args), |row| row.get(0))?)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::plan::leads;
    use crate::store::connection::Place;
    use crate::store::{Body, Commit, Store, When, Write};

    async fn filled(url: &str) {
        let store = Store::open(url).unwrap();
        for round in 0..3 {
            let writes = (0..60_usize).filter(|n| round == 0 || n % 5 == round).map(|n| {
                let mut patient = json!({
                    "resourceType": "Patient", "active": n % 2 == 0,
                    "name": [{"family": (["张", "Li", "LI", "王"][n % 4])}, {"text": format!("n{}", n % 7)}],
                    "identifier": [{"system": format!("urn:{}", n % 2), "value": format!("{}", n % 9)}],
                    "managingOrganization": {"reference": format!("Organization/{}", n % 3)},
                    "language": format!("x-{round}"),
                });
                if n % 6 != 0 {
                    let year = 1950 + n % 8;
                    patient["birthDate"] = match n % 3 {
                        0 => json!(format!("{year}")),
                        1 => json!(format!("{year}-03")),
                        _ => json!(format!("{year}-03-{:02}", n % 28 + 1)),
                    };
                }
                let (kind, id) = ("Patient".to_owned(), format!("p{n}"));
                Write { kind, id, body: Body::Replace(patient), when: When::Always }
            });
            let writes = writes.collect();
            store.commit(Commit { writes, ..Commit::default() }).await.unwrap();
        }
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn the_same_is_found_in_the_same_order_whatever_leads() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/store.db", folder.path().display());
        filled(&url).await;
        let db = Place::parse(&url).unwrap().reader().unwrap();
        let conditions = [
            "active=true",
            "active=true,false&name=n1,n2",
            "name=li",
            "name:contains=i&identifier=urn:1|",
            "identifier=3&organization=1,2",
            "birthdate=ge1953&birthdate=lt1956",
            "birthdate=1954-03&active:not=false",
            "birthdate=ne1951,gt1955",
            "birthdate:missing=true&name=n",
            "_id=p1,p2,p3,p50&_lastUpdated=gt2020",
            "organization:missing=true",
        ];
        for condition in conditions {
            for sort in ["", "&_sort=birthdate", "&_sort=-birthdate", "&_sort=name", "&_sort=-name"]
            {
                let query = format!("{condition}{sort}");
                let search = Search::parse_query("Patient", &query).unwrap();
                let newest = newest(&db).unwrap();
                let mut found = Found::new(&db, Params::r4(), &search, newest).unwrap();
                let mut drives = vec![Drive::Kind];
                let can_lead =
                    (0..search.clauses.len()).filter(|n| leads(&search.clauses[*n]).is_some());
                drives.extend(can_lead.map(Drive::Clause));
                if !sort.is_empty() {
                    drives.push(Drive::Sort);
                }
                let expected = found.pks(None, 100).unwrap();
                for drive in drives {
                    found.drive = drive;
                    assert_eq!(found.pks(None, 100).unwrap(), expected, "{query} by {drive:?}");
                    assert_eq!(found.total().unwrap(), expected.len() as u64, "{query} {drive:?}");
                    let mut paged = Vec::new();
                    while paged.len() < expected.len() {
                        let page = found.pks(paged.last().copied(), 3).unwrap();
                        assert!(!page.is_empty(), "{query} by {drive:?} ends early");
                        paged.extend(page);
                    }
                    assert_eq!(paged, expected, "{query} by {drive:?}, paged");
                }
            }
        }
    }
}
