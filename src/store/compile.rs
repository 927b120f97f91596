//! The one compiler from a search to SQL, in texts of fixed shapes.
//!
//! ```sql
//! SELECT c.pk FROM <rows of the leading clause> c
//! WHERE c.pk <= :snapshot AND NOT EXISTS(<superseded by then>) AND EXISTS(<another clause>) …
//! ORDER BY c.pk LIMIT :page
//! ```

use rusqlite::types::Value;

use super::sql::{Arm, Sql};
use crate::search::params::Family;

/// What a clause selects, with the numbers of this store.
#[derive(Debug, Clone)]
pub(super) enum Set {
    /// Versions with one of these rows.
    Arms(Vec<Arm>),
    /// These versions.
    Pks(Vec<i64>),
    /// Versions in one of these half-open ranges.
    Ranges(Vec<(i64, i64)>),
    /// Versions with (without) this bit in `typ.has`.
    Bit { kind: i64, bit: u32, on: bool },
}

/// A clause.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub set: Set,
    pub not: bool,
}

impl Resolved {
    /// Whether `c.pk` fulfils the clause.
    fn probe(&self) -> Sql {
        let mut sql = Sql::default();
        sql.say(if self.not { "NOT (" } else { "(" });
        match &self.set {
            Set::Arms(arms) => any(&mut sql, arms, |sql, arm| {
                sql.add(&arm.probe());
            }),
            Set::Pks(pks) if pks.is_empty() => {
                sql.say("0");
            }
            Set::Pks(pks) => {
                sql.is_one_of("c.pk", pks.iter().copied());
            }
            Set::Ranges(ranges) => any(&mut sql, ranges, |sql, (from, to)| {
                sql.say("(c.pk >= ").bind(*from).say(" AND c.pk < ").bind(*to).say(")");
            }),
            Set::Bit { kind, bit, on } => {
                sql.say(if *on { "EXISTS" } else { "NOT EXISTS" });
                sql.say(" (SELECT 1 FROM typ WHERE kind = ").bind(*kind);
                sql.say(" AND pk = c.pk AND has & ").bind(mask(*bit)).say(" <> 0)");
            }
        }
        sql.say(")");
        sql
    }

    /// Counts its rows, no further than a limit; `None` if that has no meaning.
    pub fn count(&self, limit: u64) -> Option<Sql> {
        let Set::Arms(arms) = &self.set else { return None };
        let mut sql = Sql::new("SELECT count(*) FROM (", []);
        for (n, arm) in arms.iter().enumerate() {
            sql.say(if n > 0 { " UNION ALL " } else { "" }).add(&arm.stream());
        }
        if arms.is_empty() {
            sql.say("SELECT 0 WHERE 0");
        }
        sql.say(" LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX)).say(")");
        Some(sql)
    }
}

/// Joins by `OR`; nothing is never true.
fn any<T>(sql: &mut Sql, items: &[T], mut write: impl FnMut(&mut Sql, &T)) {
    if items.is_empty() {
        sql.say("0");
    }
    for (n, item) in items.iter().enumerate() {
        sql.say(if n > 0 { " OR " } else { "" });
        write(sql, item);
    }
}

/// What the compiler is given.
pub(super) struct Query<'q> {
    /// The number of the resource type.
    pub kind: i64,
    /// All clauses.
    pub clauses: &'q [Resolved],
    /// The one that leads; else all resources of the type.
    pub lead: Option<usize>,
    /// Only versions up to this one, and not superseded by then.
    pub snapshot: i64,
}

/// A sort key.
pub(super) struct Key {
    /// Its parameter.
    pub p: i64,
    pub family: Family,
    /// The parameter's bit in `typ.has`.
    pub bit: u32,
    pub down: bool,
}

impl Key {
    /// The value for `c.pk`: the least, or going down the greatest.
    fn of(&self) -> Sql {
        let end = if self.down { "max" } else { "min" };
        let rows = |table, column| {
            let lead = if table == "str" { "" } else { " AND lead = 0" };
            format!(
                "SELECT {column} FROM {table} INDEXED BY {table}_pk
                 WHERE pk = c.pk AND p = ?{lead}"
            )
        };
        let p = || Value::from(self.p);
        match self.family {
            Family::Updated => Sql::new("c.pk", []),
            Family::Id => {
                let text = "(SELECT l.id FROM ver v JOIN lid l ON l.lid = v.lid WHERE v.pk = c.pk)";
                Sql::new(text, [])
            }
            Family::Text => {
                Sql::new(&format!("(SELECT {end}(val) FROM ({}))", rows("str", "val")), [p()])
            }
            Family::Number => {
                let numbers = rows("qty", "val");
                Sql::new(&format!("(SELECT {end}(val) FROM ({numbers} AND unit = 0))"), [p()])
            }
            _ => {
                let (dates, spans) = (rows("date", "lo"), rows("span", "lo"));
                let text = format!("(SELECT {end}(lo) FROM ({dates} UNION ALL {spans}))");
                Sql::new(&text, [p(), p()])
            }
        }
    }
}

/// The bit as a mask; 0 for what has none.
fn mask(bit: u32) -> i64 {
    1_i64.checked_shl(bit).unwrap_or(0)
}

impl Query<'_> {
    /// `c.pk` of all matches, each once.
    fn matches(&self) -> Sql {
        let mut sql = self.lead();
        self.conditions(&mut sql);
        sql
    }

    /// On the snapshot, and all clauses but the leading one.
    fn conditions(&self, sql: &mut Sql) {
        sql.say(" AND c.pk <= ").bind(self.snapshot);
        sql.say(" AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.pk = c.pk AND d.till <= ");
        sql.bind(self.snapshot).say(")");
        for (n, clause) in self.clauses.iter().enumerate() {
            if Some(n) != self.lead {
                sql.say(" AND ").add(&clause.probe());
            }
        }
    }

    /// The candidates.
    fn lead(&self) -> Sql {
        let all = || {
            let mut sql = Sql::new("SELECT c.pk AS pk FROM typ c WHERE c.kind = ", []);
            sql.bind(self.kind);
            sql
        };
        let Some(lead) = self.lead.map(|n| &self.clauses[n]) else { return all() };
        match &lead.set {
            Set::Arms(arms) if arms.len() == 1 => {
                let once = if arms[0].ordered { "" } else { "DISTINCT " };
                let text = format!("SELECT {once}c.pk AS pk FROM {} c WHERE ", arms[0].table);
                let mut sql = Sql::new(&text, []);
                sql.add(&arms[0].rows);
                sql
            }
            Set::Arms(arms) if !arms.is_empty() => {
                let mut sql = Sql::new("SELECT c.pk AS pk FROM (", []);
                for (n, arm) in arms.iter().enumerate() {
                    sql.say(if n > 0 { " UNION " } else { "" }).add(&arm.stream());
                }
                sql.say(") c WHERE 1");
                sql
            }
            Set::Pks(pks) if !pks.is_empty() => {
                let mut sql = Sql::new("SELECT c.pk AS pk FROM ver c WHERE ", []);
                sql.is_one_of("c.pk", pks.iter().copied());
                sql
            }
            Set::Arms(_) | Set::Pks(_) => {
                Sql::new("SELECT c.pk AS pk FROM (SELECT 0 AS pk WHERE 0) c WHERE 1", [])
            }
            Set::Ranges(_) | Set::Bit { .. } => all(),
        }
    }

    /// A page in the order of the versions, behind one of them.
    pub fn by_version(&self, down: bool, after: Option<i64>, limit: usize) -> Sql {
        let mut sql = self.matches();
        if let Some(after) = after {
            sql.say(if down { " AND c.pk < " } else { " AND c.pk > " }).bind(after);
        }
        sql.say(if down { " ORDER BY c.pk DESC" } else { " ORDER BY c.pk" });
        sql.say(" LIMIT ").bind(limit as i64);
        sql
    }

    /// A page in the order of keys, behind a version with these values of the keys.
    pub fn by_keys(&self, keys: &[Key], after: Option<(&[Value], i64)>, limit: usize) -> Sql {
        let mut sql = Sql::new("SELECT c.pk AS pk", []);
        for (n, key) in keys.iter().enumerate() {
            sql.say(", ").add(&key.of()).say(&format!(" AS k{n}"));
        }
        sql.say(" FROM (").add(&self.matches()).say(") c");
        if let Some((values, pk)) = after {
            let mut outer = Sql::new("SELECT c.pk FROM (", []);
            outer.add(&sql).say(") c WHERE ").add(&behind(keys, values, pk));
            sql = outer;
        }
        sql.say(" ORDER BY ");
        for (n, key) in keys.iter().enumerate() {
            let down = if key.down { " DESC" } else { "" };
            sql.say(&format!("k{n} IS NULL, k{n}{down}, "));
        }
        sql.say("c.pk LIMIT ").bind(limit as i64);
        sql
    }

    /// A page along the index of the one sort key, behind a version with this value of it.
    pub fn along(&self, key: &Key, after: Option<(&Value, i64)>, limit: usize) -> Sql {
        let (tables, column): (&[_], _) = match key.family {
            Family::Text => (&["str"], "val"),
            _ => (&["date", "span"], "lo"),
        };
        let (ends, than) = if key.down { ("0, 3", "<") } else { ("0, 2", ">") };
        let mut sql = Sql::default();
        for (n, table) in tables.iter().enumerate() {
            sql.say(if n > 0 { " UNION ALL " } else { "" });
            sql.say(&format!("SELECT c.pk AS pk, c.{column} AS k FROM {table} c WHERE c.p = "));
            sql.bind(key.p).say(if column == "lo" { " AND c.lead = 0" } else { "" });
            sql.say(&format!(" AND c.fl IN ({ends})"));
            if let Some((value, pk)) = after {
                sql.say(&format!(" AND c.{column} {than}= ")).bind(value.clone());
                sql.say(&format!(" AND (c.{column} {than} ")).bind(value.clone());
                sql.say(" OR c.pk > ").bind(pk).say(")");
            }
            self.conditions(&mut sql);
        }
        sql.say(if key.down { " ORDER BY k DESC, pk LIMIT " } else { " ORDER BY k, pk LIMIT " });
        sql.bind(limit as i64);
        sql
    }

    /// A page of the matches without this bit in `typ.has`, in the order of the versions.
    pub fn without(&self, bit: u32, after: Option<i64>, limit: usize) -> Sql {
        let mut sql = Sql::new("SELECT c.pk AS pk FROM typ c WHERE c.kind = ", []);
        sql.bind(self.kind).say(" AND c.has & ").bind(mask(bit)).say(" = 0");
        self.conditions(&mut sql);
        if let Some(after) = after {
            sql.say(" AND c.pk > ").bind(after);
        }
        sql.say(" ORDER BY c.pk LIMIT ").bind(limit as i64);
        sql
    }

    /// The number of matches.
    pub fn total(&self) -> Sql {
        let mut sql = Sql::new("SELECT count(*) FROM (", []);
        sql.add(&self.matches()).say(")");
        sql
    }
}

/// The values of keys for one version.
pub(super) fn key_values(keys: &[Key], pk: i64) -> Sql {
    let mut sql = Sql::new("SELECT ", []);
    for (n, key) in keys.iter().enumerate() {
        sql.say(if n > 0 { ", " } else { "" }).add(&key.of());
    }
    sql.say(" FROM (SELECT ").bind(pk).say(" AS pk) c");
    sql
}

/// Whether a row comes behind one with these values; values that are missing come last.
fn behind(keys: &[Key], values: &[Value], pk: i64) -> Sql {
    let mut sql = Sql::new("(", []);
    let same = |sql: &mut Sql, upto: usize| {
        for (n, value) in values[..upto].iter().enumerate() {
            sql.say(&format!("k{n} IS ")).bind(value.clone()).say(" AND ");
        }
    };
    for (n, (key, value)) in keys.iter().zip(values).enumerate() {
        if *value != Value::Null {
            sql.say("(");
            same(&mut sql, n);
            let than = if key.down { "<" } else { ">" };
            sql.say(&format!("(k{n} {than} ")).bind(value.clone());
            sql.say(&format!(" OR k{n} IS NULL)) OR "));
        }
    }
    sql.say("(");
    same(&mut sql, values.len());
    sql.say("c.pk > ").bind(pk).say("))");
    sql
}
