//! SQL as text with values that are only ever bound, and the rows of an index table as a part of a
//! clause.
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
    pub fn is_one_of<V: Into<Value>>(
        &mut self,
        column: &str,
        values: impl ExactSizeIterator<Item = V>,
    ) -> &mut Sql {
        let one = values.len() == 1;
        self.say(column).say(if one { " = " } else { " IN (" });
        for (n, value) in values.enumerate() {
            self.say(if n > 0 { ", " } else { "" }).bind(value);
        }
        self.say(if one { "" } else { ")" })
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
        rows.is_one_of("v", codes.iter().copied());
        Arm { ordered: codes.len() == 1, ..Arm::of("tok", rows) }
    }

    /// Tokens of a system with many codes.
    pub fn tokens_of(p: i64, sys: i64) -> Arm {
        let text = "p = ? AND v IN (SELECT id FROM code WHERE sys = ?)";
        Arm { gather: true, ..Arm::of("tok", Sql::new(text, [p.into(), sys.into()])) }
    }

    /// Identifiers with one of these values, of this system or any.
    pub fn idents(p: i64, values: &[&str], sys: Option<i64>) -> Arm {
        let mut rows = Sql::new("p = ? AND ", [p.into()]);
        rows.is_one_of("val", values.iter().map(|value| Value::from((*value).to_owned())));
        if let Some(sys) = sys {
            rows.say(" AND sys = ").bind(sys);
        }
        Arm { ordered: sys.is_some() && values.len() == 1, ..Arm::of("ident", rows) }
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
        rows.is_one_of("unit", units.iter().copied()).say(" AND ").say(text);
        rows.args.extend(args.iter().map(|arg| Value::from(*arg)));
        Arm::of("qty", rows)
    }

    /// References to one of these.
    pub fn refers(p: i64, lids: &[i64]) -> Arm {
        let mut rows = Sql::new("p = ? AND ", [p.into()]);
        rows.is_one_of("lid", lids.iter().copied());
        Arm { ordered: lids.len() == 1, ..Arm::of("ref", rows) }
    }

    /// Addresses.
    pub fn uris(p: i64, uris: &[&str]) -> Arm {
        let mut rows = Sql::new("p = ? AND ", [p.into()]);
        rows.is_one_of("val", uris.iter().map(|uri| Value::from((*uri).to_owned())));
        Arm { ordered: uris.len() == 1, ..Arm::of("uri", rows) }
    }

    /// Addresses below one.
    pub fn uris_below(p: i64, uri: &str) -> Arm {
        let path = format!("{}/", uri.strip_suffix('/').unwrap_or(uri));
        let after = Value::from(format!("{path}\u{10ffff}"));
        let rows = Sql::new("p = ? AND val >= ? AND val < ?", [p.into(), path.into(), after]);
        Arm { gather: true, ..Arm::of("uri", rows) }
    }

    /// `SELECT pk FROM … WHERE …`.
    pub fn stream(&self) -> Sql {
        let mut sql = Sql::new(&format!("SELECT pk FROM {} WHERE ", self.table), []);
        sql.add(&self.rows);
        sql
    }

    /// Whether `c.pk` is among the rows.
    pub fn probe(&self) -> Sql {
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
