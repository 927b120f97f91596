//! Names as numbers: kinds, origins and the words of the index, with a cache for the writer.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Result;
use crate::search::params::{Param, Params};

/// A cache that has grown to this many names starts anew.
const CACHED: usize = 100_000;

/// The writer's cache; forgotten whenever something is rolled back.
#[derive(Default)]
pub(super) struct Dictionary {
    kinds: HashMap<String, i64>,
    origins: HashMap<String, i64>,
    systems: HashMap<String, i64>,
    codes: HashMap<(i64, String), i64>,
    params: HashMap<usize, (i64, u32)>,
    complete: HashSet<i64>,
}

impl Dictionary {
    /// Forgets names that may have been rolled back.
    pub fn forget(&mut self) {
        *self = Dictionary::default();
    }

    /// The number of a resource type; made if new.
    pub fn kind(&mut self, db: &Connection, name: &str) -> Result<i64> {
        intern(db, &mut self.kinds, "kind", "name", name)
    }

    /// The number of an origin; made if new.
    pub fn origin(&mut self, db: &Connection, name: &str) -> Result<i64> {
        intern(db, &mut self.origins, "origin", "name", name)
    }

    /// The number of a code system; 0 for none; made if new.
    pub fn system(&mut self, db: &Connection, url: &str) -> Result<i64> {
        match url {
            "" => Ok(0),
            url => intern(db, &mut self.systems, "sys", "url", url),
        }
    }

    /// The number of a code in a system; made if new.
    pub fn code(&mut self, db: &Connection, sys: i64, code: &str) -> Result<i64> {
        let key = (sys, code.to_owned());
        if let Some(id) = self.codes.get(&key) {
            return Ok(*id);
        }
        let found = db
            .prepare_cached("SELECT id FROM code WHERE code = ?1 AND sys = ?2")?
            .query_row(params![code, sys], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                db.prepare_cached("INSERT INTO code (sys, code) VALUES (?1, ?2)")?
                    .execute(params![sys, code])?;
                db.last_insert_rowid()
            }
        };
        if self.codes.len() >= CACHED {
            self.codes.clear();
        }
        self.codes.insert(key, id);
        Ok(id)
    }

    /// Makes all parameters of a type, so that a later program can tell which are new to it.
    pub fn complete(&mut self, db: &Connection, params: &Params, name: &str) -> Result<i64> {
        let kind = self.kind(db, name)?;
        if self.complete.insert(kind) {
            for param in params.of(name).filter(|param| param.is_indexed()) {
                self.param(db, param, true)?;
            }
        }
        Ok(kind)
    }

    /// The number of a search parameter and its bit in `typ.has`; made if new, `ready` or not.
    pub fn param(&mut self, db: &Connection, param: &Param, ready: bool) -> Result<(i64, u32)> {
        if let Some(found) = self.params.get(&param.number) {
            return Ok(*found);
        }
        let kind = self.kind(db, &param.kind)?;
        let found = match find_param(db, param)? {
            Some(found) => found,
            None => {
                let bit = free_bit(db, kind)?;
                db.prepare_cached(
                    "INSERT INTO param (kind, code, expression, bit, ready)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    kind,
                    param.code,
                    param.expression,
                    bit,
                    ready
                ])?;
                (db.last_insert_rowid(), bit)
            }
        };
        self.params.insert(param.number, found);
        Ok(found)
    }
}

/// The least bit that no parameter of a type has.
fn free_bit(db: &Connection, kind: i64) -> Result<u32> {
    let mut find = db.prepare_cached("SELECT bit FROM param WHERE kind = ?1")?;
    let bits = find.query_map([kind], |row| row.get(0))?;
    let used = bits.collect::<rusqlite::Result<HashSet<u32>>>()?;
    Ok((0..).find(|bit| !used.contains(bit)).unwrap_or(u32::MAX))
}

/// The number of a search parameter and its bit in `typ.has`, if it was ever written.
pub(super) fn find_param(db: &Connection, param: &Param) -> Result<Option<(i64, u32)>> {
    let mut find = db.prepare_cached(
        "SELECT id, bit FROM param WHERE kind = (SELECT id FROM kind WHERE name = ?1)
         AND code = ?2 AND expression = ?3",
    )?;
    let row = find.query_row(params![param.kind, param.code, param.expression], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    Ok(row.optional()?)
}

/// A resource's row in `lid`.
pub(super) struct Lid {
    /// Its number.
    pub lid: i64,
    /// The living version.
    pub cur: Option<i64>,
    /// The newest version, deletions included: pk, version number, time.
    pub last: Option<(i64, u64, i64)>,
}

/// A resource's row, if it or a reference to it was ever stored.
pub(super) fn find_lid(db: &Connection, kind: i64, id: &str) -> Result<Option<Lid>> {
    let mut find = db.prepare_cached(
        "SELECT l.lid, l.cur, l.last, v.vno, v.at FROM lid l LEFT JOIN ver v ON v.pk = l.last
         WHERE l.kind = ?1 AND l.id = ?2",
    )?;
    let row = find.query_row(params![kind, id], |row| {
        let last = match row.get::<_, Option<i64>>(2)? {
            Some(pk) => Some((pk, row.get(3)?, row.get(4)?)),
            None => None,
        };
        Ok(Lid { lid: row.get(0)?, cur: row.get(1)?, last })
    });
    Ok(row.optional()?)
}

/// A resource's row; made if new.
pub(super) fn make_lid(db: &Connection, kind: i64, id: &str) -> Result<Lid> {
    if let Some(lid) = find_lid(db, kind, id)? {
        return Ok(lid);
    }
    db.prepare_cached("INSERT INTO lid (kind, id) VALUES (?1, ?2)")?.execute(params![kind, id])?;
    Ok(Lid { lid: db.last_insert_rowid(), cur: None, last: None })
}

/// The number of a name in one of the dictionary tables.
fn intern(
    db: &Connection,
    cache: &mut HashMap<String, i64>,
    table: &'static str,
    column: &'static str,
    name: &str,
) -> Result<i64> {
    if let Some(id) = cache.get(name) {
        return Ok(*id);
    }
    let found = db
        .prepare_cached(&format!("SELECT id FROM {table} WHERE {column} = ?1"))?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let id = match found {
        Some(id) => id,
        None => {
            db.prepare_cached(&format!("INSERT INTO {table} ({column}) VALUES (?1)"))?
                .execute([name])?;
            db.last_insert_rowid()
        }
    };
    if cache.len() >= CACHED {
        cache.clear();
    }
    cache.insert(name.to_owned(), id);
    Ok(id)
}
