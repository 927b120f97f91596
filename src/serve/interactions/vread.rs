//! vread: one version (<https://hl7.org/fhir/R4/http.html#vread>).

use super::super::Api;
use super::super::call::{Call, not_found};
use super::super::reply::{Answer, Refusal, Reply};
use crate::error::Kind;

pub(super) async fn vread(api: &Api, call: &Call) -> Answer {
    call.no_parameters()?;
    let missing = || not_found(&call.kind, &format!("{}/_history/{}", call.id, call.version));
    // Only the canonical form is a version of ours: `01` and `+1` are not.
    let version = call.version.parse().ok().filter(|v: &u64| v.to_string() == call.version);
    let version = version.ok_or_else(missing)?;
    let stored = api.store.vread(&call.kind, &call.id, version).await?.ok_or_else(missing)?;
    if stored.deleted {
        let text = format!("version {version} of {}/{} is its deletion", call.kind, call.id);
        return Err(Refusal::of(Kind::Gone, text));
    }
    if call.conditions.has(&stored) {
        return Ok(Reply::not_modified(&stored));
    }
    Ok(Reply::resource(&stored))
}
