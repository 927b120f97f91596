//! Code tables, and assigning authorities (HD) ↔ identifier systems.

use std::borrow::Cow;

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

/// FHIR code → legacy code.
pub(super) fn put<'r>(table: &Table, code: Cow<'r, str>) -> Result<Cow<'r, str>, Bad> {
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
    let name = put(table, system)?.into_owned();
    Ok(Val::Many(vec![some(&name), None, None]))
}

fn is_oid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}
