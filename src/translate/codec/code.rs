//! Code tables, and assigning authorities (HD) ↔ identifier systems.

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Bad, Val};
use crate::translate::plan::Table;

/// Legacy code → FHIR code.
pub(super) fn get<'r>(table: &Table, code: Cow<'r, str>) -> Result<Cow<'r, str>, Bad> {
    if let Some(fhir) = table.get.get(&*code) {
        return Ok(if *fhir == *code { code } else { Cow::Owned(fhir.clone()) });
    }
    if let Some(prefix) = &table.prefix {
        return Ok(Cow::Owned(format!("{prefix}{code}")));
    }
    match &table.get_other {
        Some(other) => Ok(Cow::Owned(other.clone())),
        None => Err(format!("code '{code}' has no row in table '{}'", table.name)),
    }
}

/// FHIR code → legacy code that is valid today, where rows have dates.
pub(super) fn put<'r>(
    table: &Table,
    zone: &TimeZone,
    code: Cow<'r, str>,
) -> Result<Cow<'r, str>, Bad> {
    if table.dated.is_empty() {
        return put_undated(table, code);
    }
    put_on(table, jiff::Timestamp::now().to_zoned(zone.clone()).date(), code)
}

/// FHIR code → legacy code that is valid on a day.
fn put_on<'r>(table: &Table, day: Date, code: Cow<'r, str>) -> Result<Cow<'r, str>, Bad> {
    let Some(rows) = table.dated.get(&*code) else { return put_undated(table, code) };
    if let Some((_, legacy)) = rows.iter().find(|(validity, _)| validity.on(day)) {
        return Ok(Cow::Owned(legacy.clone()));
    }
    let next = rows.iter().filter_map(|(validity, _)| validity.from).find(|from| *from > day);
    let last = rows.iter().filter_map(|(validity, _)| validity.to).max();
    Err(match (next, last) {
        (Some(from), _) => {
            format!("code '{code}' of table '{}' is written from {from} on", table.name)
        }
        (None, Some(to)) => format!("code '{code}' of table '{}' has ended on {to}", table.name),
        (None, None) => format!("code '{code}' has no row back in table '{}'", table.name),
    })
}

fn put_undated<'r>(table: &Table, code: Cow<'r, str>) -> Result<Cow<'r, str>, Bad> {
    if let Some(legacy) = table.put.get(&*code) {
        return Ok(if *legacy == *code { code } else { Cow::Owned(legacy.clone()) });
    }
    if let Some(rest) = table.prefix.as_deref().and_then(|p| code.strip_prefix(p)) {
        return Ok(Cow::Owned(rest.to_owned()));
    }
    Err(format!("code '{code}' has no row back in table '{}'", table.name))
}

/// HD (namespace, universal id, id type) → identifier system: an OID becomes `urn:oid:…`, a
/// namespace goes through the table.
pub(super) fn hd_get<'r>(table: &Table, val: Val<'r>) -> Result<Cow<'r, str>, Bad> {
    let mut parts = match val {
        Val::Many(parts) => parts,
        other => vec![other.text()],
    };
    parts.resize(3, None);
    let [Some(id), kind] = [parts[1].take(), parts[2].take()] else {
        let name = parts[0].take().ok_or_else(|| "names no authority".to_owned())?;
        return get(table, name);
    };
    let kind = kind.unwrap_or_default();
    if kind == "ISO" && is_oid(&id) {
        return Ok(Cow::Owned(format!("urn:oid:{id}")));
    }
    let name = parts[0].take().unwrap_or_default();
    Ok(Cow::Owned(format!("urn:x-hd:{name}&{id}&{kind}")))
}

/// Identifier system → HD.
pub(super) fn hd_put<'r>(table: &Table, system: Cow<'r, str>) -> Result<Val<'r>, Bad> {
    let some = |s: &str| (!s.is_empty()).then(|| Cow::Owned(s.to_owned()));
    if let Some(name) = table.put.get(&*system) {
        return Ok(Val::Many(vec![some(name), None, None]));
    }
    if let Some(oid) = system.strip_prefix("urn:oid:") {
        return Ok(Val::Many(vec![None, some(oid), Some(Cow::Borrowed("ISO"))]));
    }
    if let Some(triple) = system.strip_prefix("urn:x-hd:").filter(|t| t.contains('&')) {
        let mut parts = triple.splitn(3, '&').map(some);
        return Ok(Val::Many((0..3).map(|_| parts.next().flatten()).collect()));
    }
    let name = put_undated(table, system)?.into_owned();
    Ok(Val::Many(vec![some(&name), None, None]))
}

fn is_oid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::plan::Validity;

    #[test]
    fn the_code_of_the_day_is_written() {
        let days = |from: &str, to: &str| Validity { from: from.parse().ok(), to: to.parse().ok() };
        let mut table = Table { name: "disease".to_owned(), ..Table::default() };
        table.put.insert("flu".to_owned(), "35".to_owned());
        let rows = vec![
            (days("2020-01-01", "2025-08-31"), "99".to_owned()),
            (days("2026-01-01", ""), "53".to_owned()),
        ];
        table.dated.insert("bird".to_owned(), rows);
        table.dated.insert("old".to_owned(), vec![(days("", "2019-12-31"), "11".to_owned())]);
        let on = |day: &str, code: &str| {
            put_on(&table, day.parse().unwrap(), code.to_owned().into()).map(Cow::into_owned)
        };
        assert_eq!(on("2025-08-31", "bird").as_deref(), Ok("99"));
        assert_eq!(on("2026-01-01", "bird").as_deref(), Ok("53"));
        assert_eq!(on("2025-09-01", "flu").as_deref(), Ok("35"));
        for (day, code, why) in [
            ("2025-09-01", "bird", "code 'bird' of table 'disease' is written from 2026-01-01 on"),
            ("2025-09-01", "old", "code 'old' of table 'disease' has ended on 2019-12-31"),
            ("2025-09-01", "new", "code 'new' has no row back in table 'disease'"),
        ] {
            assert_eq!(on(day, code), Err(why.to_owned()));
        }
    }
}
