//! Index rows: terms with numbers for their names, as the tables hold them.
//!
//! The variants stand in the order of the tables and their fields in the order of each key, so
//! that sorted rows go into the trees from left to right.

use std::cmp::Ordering;

use rusqlite::{Connection, params};

use super::dictionary::{Dictionary, make_lid};
use crate::error::{Error, Kind, Result};
use crate::search::params::Family;
use crate::search::reference::Target;
use crate::search::terms::{Indexed, Term};

/// A row of an index table, less the version it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    Tok { p: i64, v: i64 },
    Ident { p: i64, val: String, sys: i64 },
    Str { p: i64, val: String, x: i64, fl: i64 },
    Date { p: i64, lo: i64, hi: i64, fl: i64 },
    Span { p: i64, lo: i64, hi: i64, fl: i64 },
    Qty { p: i64, unit: i64, val: Real },
    Ref { p: i64, lid: i64 },
    Uri { p: i64, val: String },
}

/// A finite number that can be sorted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Real(pub f64);

/// A period that is longer than this stands in `span`, so that a range of `date` can be searched
/// from both sides.
pub(super) const LONG: i64 = 31 * 86_400_000;

/// The index rows of a version.
pub(super) struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
    /// `typ.has`: a bit for each parameter with a value.
    pub has: i64,
}

/// Gives the names in terms their numbers.
pub(super) fn resolve(db: &Connection, names: &mut Dictionary, terms: &[Term]) -> Result<Rows> {
    let mut rows = Vec::with_capacity(terms.len() + 4);
    let mut has = 0;
    for of_param in terms.chunk_by(|a, b| a.param.number == b.param.number) {
        let (p, bit) = names.param(db, of_param[0].param, true)?;
        has |= 1_i64.checked_shl(bit).unwrap_or(0);
        let start = rows.len();
        for term in of_param {
            resolve_one(db, names, term, p, &mut rows)?;
        }
        mark(&mut rows[start..]);
    }
    Ok(Rows { rows, has })
}

fn resolve_one(
    db: &Connection,
    names: &mut Dictionary,
    term: &Term,
    p: i64,
    rows: &mut Vec<Row>,
) -> Result<()> {
    match &term.value {
        Indexed::Token { system, code } => {
            let sys = names.system(db, system)?;
            rows.push(match term.param.family {
                Family::Ident => Row::Ident { p, val: code.clone(), sys },
                _ => Row::Tok { p, v: names.code(db, sys, code)? },
            });
        }
        Indexed::Text { folded, exact } => {
            rows.push(Row::Str { p, val: folded.clone(), x: exact_hash(exact), fl: 0 });
        }
        Indexed::Span(span) => {
            let (lo, hi) = (span.lo, span.hi);
            rows.push(match hi - lo > LONG {
                true => Row::Span { p, lo, hi, fl: 0 },
                false => Row::Date { p, lo, hi, fl: 0 },
            });
        }
        Indexed::Number { value, system, unit } => {
            rows.push(Row::Qty { p, unit: 0, val: Real(*value) });
            if !unit.is_empty() {
                let sys = names.system(db, system)?;
                rows.push(Row::Qty { p, unit: names.code(db, sys, unit)?, val: Real(*value) });
            }
        }
        Indexed::Reference(target) => {
            let (kind, id) = match target {
                Target::Local { kind, id } => (names.kind(db, kind)?, id),
                Target::Url(url) => (0, url),
            };
            rows.push(Row::Ref { p, lid: make_lid(db, kind, id)?.lid });
        }
        Indexed::Uri(uri) => rows.push(Row::Uri { p, val: uri.clone() }),
    }
    Ok(())
}

/// The hash by which `:exact` finds an original string.
pub(super) fn exact_hash(exact: &str) -> i64 {
    let hash = blake3::hash(exact.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    i64::from_le_bytes(first)
}

/// Marks the least and the greatest of a resource's strings or dates.
fn mark(rows: &mut [Row]) {
    if rows.len() < 2 || rows[0].flag().is_none() {
        return;
    }
    rows.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    let last = rows.len() - 1;
    for (n, row) in rows.iter_mut().enumerate() {
        if let Some(fl) = row.flag() {
            *fl = match n {
                0 => 2,
                n if n == last => 3,
                _ => 1,
            };
        }
    }
}

impl Row {
    fn flag(&mut self) -> Option<&mut i64> {
        match self {
            Row::Str { fl, .. } | Row::Date { fl, .. } | Row::Span { fl, .. } => Some(fl),
            _ => None,
        }
    }

    /// What a resource is sorted by.
    fn sort_key(&self) -> (&str, i64, i64) {
        match self {
            Row::Str { val, .. } => (val, 0, 0),
            Row::Date { lo, hi, .. } | Row::Span { lo, hi, .. } => ("", *lo, *hi),
            _ => ("", 0, 0),
        }
    }
}

/// Puts rows of several versions into the tables, and forgets them.
pub(super) fn insert(db: &Connection, rows: &mut Vec<(Row, i64)>) -> Result<()> {
    rows.sort_unstable();
    for (row, pk) in rows.drain(..) {
        let sql = match row {
            Row::Tok { .. } => "INSERT OR IGNORE INTO tok VALUES (?1, ?2, ?3)",
            Row::Ident { .. } => "INSERT OR IGNORE INTO ident VALUES (?1, ?2, ?3, ?4)",
            Row::Str { .. } => "INSERT OR IGNORE INTO str VALUES (?1, ?2, ?3, ?4, ?5)",
            Row::Date { .. } => "INSERT OR IGNORE INTO date VALUES (?1, 0, ?2, ?3, ?4, ?5)",
            Row::Span { .. } => "INSERT OR IGNORE INTO span VALUES (?1, 0, ?2, ?3, ?4, ?5)",
            Row::Qty { .. } => "INSERT OR IGNORE INTO qty VALUES (?1, 0, ?2, ?3, ?4)",
            Row::Ref { .. } => "INSERT OR IGNORE INTO ref VALUES (?1, ?2, ?3)",
            Row::Uri { .. } => "INSERT OR IGNORE INTO uri VALUES (?1, ?2, ?3)",
        };
        let mut insert = db.prepare_cached(sql)?;
        match row {
            Row::Tok { p, v } => insert.execute([p, v, pk]),
            Row::Ident { p, val, sys } => insert.execute(params![p, val, sys, pk]),
            Row::Str { p, val, x, fl } => insert.execute(params![p, val, pk, x, fl]),
            Row::Date { p, lo, hi, fl } | Row::Span { p, lo, hi, fl } => {
                insert.execute([p, lo, hi, pk, fl])
            }
            Row::Qty { p, unit, val } => insert.execute(params![p, unit, val.0, pk]),
            Row::Ref { p, lid } => insert.execute([p, lid, pk]),
            Row::Uri { p, val } => insert.execute(params![p, val, pk]),
        }?;
    }
    Ok(())
}

/// Takes the rows of a version out of the tables.
pub(super) fn remove(db: &Connection, rows: &[Row], pk: i64) -> Result<()> {
    for row in rows {
        let sql = match row {
            Row::Tok { .. } => "DELETE FROM tok WHERE p = ?1 AND v = ?2 AND pk = ?3",
            Row::Ident { .. } => {
                "DELETE FROM ident WHERE p = ?1 AND val = ?2 AND sys = ?3 AND pk = ?4"
            }
            Row::Str { .. } => "DELETE FROM str WHERE p = ?1 AND val = ?2 AND pk = ?3 AND x = ?4",
            Row::Date { .. } => {
                "DELETE FROM date WHERE p = ?1 AND lead = 0 AND lo = ?2 AND hi = ?3 AND pk = ?4"
            }
            Row::Span { .. } => {
                "DELETE FROM span WHERE p = ?1 AND lead = 0 AND lo = ?2 AND hi = ?3 AND pk = ?4"
            }
            Row::Qty { .. } => {
                "DELETE FROM qty WHERE p = ?1 AND lead = 0 AND unit = ?2 AND val = ?3 AND pk = ?4"
            }
            Row::Ref { .. } => "DELETE FROM ref WHERE p = ?1 AND lid = ?2 AND pk = ?3",
            Row::Uri { .. } => "DELETE FROM uri WHERE p = ?1 AND val = ?2 AND pk = ?3",
        };
        let mut delete = db.prepare_cached(sql)?;
        match row {
            Row::Tok { p, v } => delete.execute([*p, *v, pk]),
            Row::Ident { p, val, sys } => delete.execute(params![p, val, sys, pk]),
            Row::Str { p, val, x, .. } => delete.execute(params![p, val, pk, x]),
            Row::Date { p, lo, hi, .. } | Row::Span { p, lo, hi, .. } => {
                delete.execute([*p, *lo, *hi, pk])
            }
            Row::Qty { p, unit, val } => delete.execute(params![p, unit, val.0, pk]),
            Row::Ref { p, lid } => delete.execute([*p, *lid, pk]),
            Row::Uri { p, val } => delete.execute(params![p, val, pk]),
        }?;
    }
    Ok(())
}

/// Rows as bytes, for `body.terms`: a tag, then numbers as zigzag varints and texts by length.
pub(super) fn encode(rows: &[Row]) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(rows.len() * 10));
    for row in rows {
        match row {
            Row::Tok { p, v } => out.ints(0, &[*p, *v]),
            Row::Ident { p, val, sys } => out.ints(1, &[*p, *sys]).text(val),
            Row::Str { p, val, x, fl } => out.ints(2, &[*p, *x, *fl]).text(val),
            Row::Date { p, lo, hi, fl } => out.ints(3, &[*p, *lo, hi - lo, *fl]),
            Row::Span { p, lo, hi, fl } => out.ints(4, &[*p, *lo, *hi, *fl]),
            Row::Qty { p, unit, val } => out.ints(5, &[*p, *unit, val.0.to_bits() as i64]),
            Row::Ref { p, lid } => out.ints(6, &[*p, *lid]),
            Row::Uri { p, val } => out.ints(7, &[*p]).text(val),
        };
    }
    out.0
}

/// The rows of [`encode`].
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Row>> {
    let mut input = In(bytes);
    let mut rows = Vec::new();
    while !input.0.is_empty() {
        let row = decode_one(&mut input);
        rows.push(row.ok_or_else(|| Error::new(Kind::Internal, "stored terms are broken"))?);
    }
    Ok(rows)
}

fn decode_one(input: &mut In) -> Option<Row> {
    let (tag, rest) = input.0.split_first()?;
    input.0 = rest;
    let p = input.int()?;
    Some(match tag {
        0 => Row::Tok { p, v: input.int()? },
        1 => {
            let sys = input.int()?;
            Row::Ident { p, val: input.text()?, sys }
        }
        2 => {
            let (x, fl) = (input.int()?, input.int()?);
            Row::Str { p, val: input.text()?, x, fl }
        }
        3 => {
            let lo = input.int()?;
            Row::Date { p, lo, hi: lo.checked_add(input.int()?)?, fl: input.int()? }
        }
        4 => Row::Span { p, lo: input.int()?, hi: input.int()?, fl: input.int()? },
        5 => Row::Qty { p, unit: input.int()?, val: Real(f64::from_bits(input.int()? as u64)) },
        6 => Row::Ref { p, lid: input.int()? },
        7 => Row::Uri { p, val: input.text()? },
        _ => return None,
    })
}

struct Out(Vec<u8>);

impl Out {
    fn ints(&mut self, tag: u8, ints: &[i64]) -> &mut Out {
        self.0.push(tag);
        ints.iter().for_each(|int| self.int(*int));
        self
    }

    fn int(&mut self, int: i64) {
        let mut rest = ((int << 1) ^ (int >> 63)) as u64;
        while rest >= 128 {
            self.0.push(rest as u8 | 128);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn text(&mut self, text: &str) -> &mut Out {
        self.int(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }
}

struct In<'b>(&'b [u8]);

impl In<'_> {
    fn int(&mut self) -> Option<i64> {
        let mut int = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            int |= u64::from(byte & 127) << shift;
            if *byte < 128 {
                return Some((int >> 1) as i64 ^ -((int & 1) as i64));
            }
        }
        None
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.int()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Real) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Real {}

impl PartialOrd for Real {
    fn partial_cmp(&self, other: &Real) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Real {
    fn cmp(&self, other: &Real) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_row() -> impl Strategy<Value = Row> {
        let (p, fl) = (0..500_i64, 0..4_i64);
        prop_oneof![
            (p.clone(), any::<i64>()).prop_map(|(p, v)| Row::Tok { p, v }),
            (p.clone(), ".*", any::<i64>()).prop_map(|(p, val, sys)| Row::Ident { p, val, sys }),
            (p.clone(), ".*", any::<i64>(), fl.clone()).prop_map(|(p, val, x, fl)| Row::Str {
                p,
                val,
                x,
                fl
            }),
            (p.clone(), -1_i64 << 40..1 << 40, 0..LONG, fl.clone())
                .prop_map(|(p, lo, d, fl)| Row::Date { p, lo, hi: lo + d, fl }),
            (p.clone(), any::<i64>(), any::<i64>(), fl).prop_map(|(p, lo, hi, fl)| Row::Span {
                p,
                lo,
                hi,
                fl
            }),
            (p.clone(), any::<i64>(), any::<f64>()).prop_map(|(p, unit, val)| Row::Qty {
                p,
                unit,
                val: Real(val)
            }),
            (p.clone(), any::<i64>()).prop_map(|(p, lid)| Row::Ref { p, lid }),
            (p, ".*").prop_map(|(p, val)| Row::Uri { p, val }),
        ]
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in proptest::collection::vec(any_row(), 0..8)) {
            prop_assert_eq!(decode(&encode(&rows)).unwrap(), rows);
        }

        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn the_least_and_the_greatest_are_marked() {
        let text = |val: &str| Row::Str { p: 1, val: val.into(), x: 0, fl: 0 };
        let mut rows = [text("c"), text("a"), text("b")];
        mark(&mut rows);
        let flags: Vec<_> = rows.iter_mut().map(|row| *row.flag().unwrap()).collect();
        assert_eq!(flags, [2, 1, 3]);
        let mut one = [text("c")];
        mark(&mut one);
        assert_eq!(one[0].flag(), Some(&mut 0));
    }
}
