//! The one compiler from a search to SQL: texts of fixed shapes, values only ever bound.
//!
//! ```sql
//! SELECT c.pk FROM <rows of the leading clause> c
//! WHERE c.pk <= :snapshot AND NOT EXISTS(<superseded by then>) AND EXISTS(<another clause>) …
//! ORDER BY c.pk LIMIT :page
//! ```
//!
//! Conditions name columns without a table, so that the same text serves as a leading clause and
//! inside an `EXISTS`; the candidate is always `c.pk`.

use rusqlite::types::Value;

use super::rows::LONG;
use crate::search::date::Span;
use crate::search::{How, Op};

/// A text with its values.
#[derive(Debug, Default, Clone)]
pub(super) struct Sql {
    pub text: String,
    pub args: Vec<Value>,
}

impl Sql {
    /// A text with values for its question marks, in order.
    pub fn new<const N: usize>(text: &str, args: [Value; N]) -> Sql {
        Sql { text: text.to_owned(), args: args.into() }
    }

    /// Adds text and values.
    pub fn add(&mut self, other: &Sql) -> &mut Sql {
        self.text.push_str(&other.text);
        self.args.extend_from_slice(&other.args);
        self
    }

    /// Adds text.
    pub fn say(&mut self, text: &str) -> &mut Sql {
        self.text.push_str(text);
        self
    }

    /// Adds a value.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Sql {
        self.text.push('?');
        self.args.push(value.into());
        self
    }

    /// Adds `column IN (values)`, or `= value` for one.
    pub fn is_one_of(&mut self, column: &str, values: &[i64]) -> &mut Sql {
        match values {
            [one] => self.say(column).say(" = ").bind(*one),
            values => {
                self.say(column).say(" IN (");
                for (n, value) in values.iter().enumerate() {
                    self.say(if n > 0 { ", " } else { "" }).bind(*value);
                }
                self.say(")")
            }
        }
    }
}

/// Rows of one index table: a part of a clause.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    /// The table.
    pub table: &'static str,
    /// Its index by version; without one, the key ends with `pk` behind equalities.
    pub by_pk: Option<&'static str>,
    /// Which rows.
    pub rows: Sql,
    /// Whether these rows come in the order of `pk`, each once.
    pub ordered: bool,
    /// Whether a probe for one `pk` would read many rows: gather them once instead.
    pub gather: bool,
}

impl Arm {
    fn of(table: &'static str, rows: Sql) -> Arm {
        let by_pk = match table {
            "str" => Some("str_pk"),
            "date" => Some("date_pk"),
            "span" => Some("span_pk"),
            "qty" => Some("qty_pk"),
            _ => None,
        };
        Arm { table, by_pk, rows, ordered: false, gather: false }
    }

    /// Tokens with these numbers.
    pub fn tokens(p: i64, codes: &[i64]) -> Arm {
        let mut rows = Sql::new("p = ? AND ", [p.into()]);
        rows.is_one_of("v", codes);
        Arm { ordered: codes.len() == 1, ..Arm::of("tok", rows) }
    }

    /// Tokens of a system with many codes.
    pub fn tokens_of(p: i64, sys: i64) -> Arm {
        let text = "p = ? AND v IN (SELECT id FROM code WHERE sys = ?)";
        Arm { gather: true, ..Arm::of("tok", Sql::new(text, [p.into(), sys.into()])) }
    }

    /// Identifiers with this value, of this system or any.
    pub fn idents(p: i64, value: &str, sys: Option<i64>) -> Arm {
        let mut rows = Sql::new("p = ? AND val = ?", [p.into(), value.to_owned().into()]);
        if let Some(sys) = sys {
            rows.say(" AND sys = ").bind(sys);
        }
        Arm { ordered: sys.is_some(), ..Arm::of("ident", rows) }
    }

    /// Identifiers of a system.
    pub fn idents_of(p: i64, sys: i64) -> Arm {
        let rows = Sql::new("p = ? AND sys = ?", [p.into(), sys.into()]);
        Arm { gather: true, ..Arm::of("ident", rows) }
    }

    /// Strings.
    pub fn text(p: i64, folded: &str, exact: i64, how: How) -> Arm {
        let text = || Value::from(folded.to_owned());
        let rows = match how {
            How::Starts => {
                let after = Value::from(format!("{folded}\u{10ffff}"));
                Sql::new("p = ? AND val >= ? AND val < ?", [p.into(), text(), after])
            }
            How::Contains => Sql::new("p = ? AND instr(val, ?) > 0", [p.into(), text()]),
            How::Exact => Sql::new("p = ? AND val = ? AND x = ?", [p.into(), text(), exact.into()]),
        };
        Arm::of("str", rows)
    }

    /// Dates and periods; each comparison on both tables.
    pub fn dates(p: i64, op: Op, Span { lo: s, hi: e }: Span) -> Vec<Arm> {
        let arm = |table, text: &str, args: &[i64]| {
            let mut rows = Sql::new("p = ? AND lead = 0 AND ", [p.into()]);
            rows.say(text);
            rows.args.extend(args.iter().map(|arg| Value::from(*arg)));
            Arm::of(table, rows)
        };
        let both =
            |text: &str, args: &[i64]| vec![arm("date", text, args), arm("span", text, args)];
        let equal = || both("lo >= ? AND lo < ? AND hi <= ?", &[s, e, e]);
        let greater =
            || vec![arm("date", "lo > ? AND hi > ?", &[e - LONG, e]), arm("span", "hi > ?", &[e])];
        match op {
            Op::Eq => equal(),
            Op::Ne => both("NOT (lo >= ? AND hi <= ?)", &[s, e]),
            Op::Gt => greater(),
            Op::Lt => both("lo < ?", &[s]),
            Op::Ge => [greater(), equal()].concat(),
            Op::Le => [both("lo < ?", &[s]), equal()].concat(),
            Op::Sa => both("lo >= ?", &[e]),
            Op::Eb => both("lo < ? AND hi <= ?", &[s, s]),
            Op::Ap => vec![
                arm("date", "lo < ? AND lo > ? AND hi > ?", &[e, s - LONG, s]),
                arm("span", "lo < ? AND hi > ?", &[e, s]),
            ],
        }
    }

    /// Numbers in one of these units; unit 0 is the number alone.
    pub fn numbers(p: i64, op: Op, value: f64, (lo, hi): (f64, f64), units: &[i64]) -> Arm {
        let (text, args): (&str, &[f64]) = match op {
            Op::Eq => ("val >= ? AND val < ?", &[lo, hi]),
            Op::Ap => ("val >= ? AND val <= ?", &[lo, hi]),
            Op::Ne => ("NOT (val >= ? AND val < ?)", &[lo, hi]),
            Op::Gt | Op::Sa => ("val > ?", &[value]),
            Op::Lt | Op::Eb => ("val < ?", &[value]),
            Op::Ge => ("val >= ?", &[value]),
            Op::Le => ("val <= ?", &[value]),
        };
        let mut rows = Sql::new("p = ? AND lead = 0 AND ", [p.into()]);
        rows.is_one_of("unit", units).say(" AND ").say(text);
        rows.args.extend(args.iter().map(|arg| Value::from(*arg)));
        Arm::of("qty", rows)
    }

    /// References to one of these.
    pub fn refers(p: i64, lids: &[i64]) -> Arm {
        let mut rows = Sql::new("p = ? AND ", [p.into()]);
        rows.is_one_of("lid", lids);
        Arm { ordered: lids.len() == 1, ..Arm::of("ref", rows) }
    }

    /// Addresses.
    pub fn uri(p: i64, uri: &str, below: bool) -> Arm {
        let value = || Value::from(uri.to_owned());
        if !below {
            let rows = Sql::new("p = ? AND val = ?", [p.into(), value()]);
            return Arm { ordered: true, ..Arm::of("uri", rows) };
        }
        let path = format!("{}/", uri.strip_suffix('/').unwrap_or(uri));
        let (from, to) = (Value::from(path.clone()), Value::from(format!("{path}\u{10ffff}")));
        let text = "p = ? AND (val = ? OR (val >= ? AND val < ?))";
        Arm { gather: true, ..Arm::of("uri", Sql::new(text, [p.into(), value(), from, to])) }
    }

    /// `SELECT pk FROM … WHERE …`.
    fn stream(&self) -> Sql {
        let mut sql = Sql::new(&format!("SELECT pk FROM {} WHERE ", self.table), []);
        sql.add(&self.rows);
        sql
    }

    /// Whether `c.pk` is among the rows.
    fn probe(&self) -> Sql {
        let mut sql = Sql::default();
        if self.gather {
            sql.say("c.pk IN (").add(&self.stream()).say(")");
            return sql;
        }
        sql.say("EXISTS (SELECT 1 FROM ").say(self.table);
        if let Some(index) = self.by_pk {
            sql.say(" INDEXED BY ").say(index);
        }
        sql.say(" WHERE pk = c.pk AND ").add(&self.rows).say(")");
        sql
    }
}

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
                sql.is_one_of("c.pk", pks);
            }
            Set::Ranges(ranges) => any(&mut sql, ranges, |sql, (from, to)| {
                sql.say("(c.pk >= ").bind(*from).say(" AND c.pk < ").bind(*to).say(")");
            }),
            Set::Bit { kind, bit, on } => {
                let mask = 1_i64.checked_shl(*bit).unwrap_or(0);
                sql.say(if *on { "EXISTS" } else { "NOT EXISTS" });
                sql.say(" (SELECT 1 FROM typ WHERE kind = ").bind(*kind);
                sql.say(" AND pk = c.pk AND has & ").bind(mask).say(" <> 0)");
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

/// A sort key: an expression over `c.pk`.
pub(super) struct Key {
    pub of: Sql,
    pub down: bool,
}

impl Query<'_> {
    /// `c.pk` of all matches, each once.
    fn matches(&self) -> Sql {
        let mut sql = self.lead();
        sql.say(" AND c.pk <= ").bind(self.snapshot);
        sql.say(" AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.pk = c.pk AND d.till <= ");
        sql.bind(self.snapshot).say(")");
        for (n, clause) in self.clauses.iter().enumerate() {
            if Some(n) != self.lead {
                sql.say(" AND ").add(&clause.probe());
            }
        }
        sql
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
                sql.is_one_of("c.pk", pks);
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
            sql.say(", ").add(&key.of).say(&format!(" AS k{n}"));
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
        sql.say(if n > 0 { ", " } else { "" }).add(&key.of);
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

/// The sort key of a string parameter.
pub(super) fn text_key(p: i64, down: bool) -> Sql {
    let end = if down { "max" } else { "min" };
    let text = format!("(SELECT {end}(val) FROM str INDEXED BY str_pk WHERE pk = c.pk AND p = ?)");
    Sql::new(&text, [p.into()])
}

/// The sort key of a date parameter: where its first (last) value begins.
pub(super) fn date_key(p: i64, down: bool) -> Sql {
    let end = if down { "max" } else { "min" };
    let text = format!(
        "(SELECT {end}(lo) FROM (
           SELECT lo FROM date INDEXED BY date_pk WHERE pk = c.pk AND p = ? AND lead = 0 UNION ALL
           SELECT lo FROM span INDEXED BY span_pk WHERE pk = c.pk AND p = ? AND lead = 0))"
    );
    Sql::new(&text, [p.into(), p.into()])
}

/// The sort key of a number parameter.
pub(super) fn number_key(p: i64, down: bool) -> Sql {
    let end = if down { "max" } else { "min" };
    let text = format!(
        "(SELECT {end}(val) FROM qty INDEXED BY qty_pk
          WHERE pk = c.pk AND p = ? AND lead = 0 AND unit = 0)"
    );
    Sql::new(&text, [p.into()])
}
