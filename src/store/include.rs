//! `_include` and `_revinclude`: what a page brings along
//! (<https://hl7.org/fhir/R4/search.html#include>).

use std::collections::HashSet;

use rusqlite::Connection;

use super::find::version_at;
use super::resolve::Numbers;
use crate::error::{Error, Kind, Result};
use crate::search::params::Params;
use crate::search::{MAX_INCLUDED, Search};

/// The versions that a page brings along, each once, none that is a match of the page itself.
pub(super) fn include(
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
        let Some((p, _)) = numbers.param(include.param)? else { continue };
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
