//! Numbered changes of the schema; `PRAGMA user_version` says how many a store has.

use rusqlite::Connection;

use crate::error::{Error, Kind, Result};

/// In order; number n is at place n - 1. A released one is never edited.
const MIGRATIONS: &[&str] = &[include_str!("schema/001_start.sql")];

/// Brings a store to the newest schema, one transaction per migration; refuses a newer one.
pub(super) fn migrate(db: &Connection) -> Result<()> {
    let has = version(db)?;
    for (number, sql) in (1..).zip(MIGRATIONS).skip(has) {
        db.execute_batch(&format!("BEGIN IMMEDIATE; {sql}; PRAGMA user_version={number}; COMMIT"))
            .map_err(|e| {
                Error::new(Kind::Internal, format!("migration {number} of the store failed"))
                    .because(e)
            })?;
    }
    Ok(())
}

/// Refuses a store that is not of this schema; for reading only.
pub(super) fn check(db: &Connection) -> Result<()> {
    if version(db)? < MIGRATIONS.len() {
        return Err(Error::new(Kind::Conflict, "the store has an older schema")
            .advise("start `tombolo serve` once, it brings the store up to date"));
    }
    Ok(())
}

/// The number of migrations that a store has.
fn version(db: &Connection) -> Result<usize> {
    let has: usize = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if has > MIGRATIONS.len() {
        return Err(Error::new(
            Kind::Conflict,
            format!("the store has schema {has}, this program knows {}", MIGRATIONS.len()),
        )
        .advise("use the version of Tombolo that wrote it, or a newer one"));
    }
    Ok(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_store_is_refused_and_an_old_one_is_brought_up_to_date() {
        let db = Connection::open_in_memory().unwrap();
        assert_eq!(check(&db).unwrap_err().kind, Kind::Conflict);
        migrate(&db).unwrap();
        check(&db).unwrap();
        migrate(&db).unwrap();
        db.execute_batch("PRAGMA user_version=999").unwrap();
        assert!(migrate(&db).unwrap_err().what.contains("schema 999"));
    }
}
