//! read: the current version (<https://hl7.org/fhir/R4/http.html#read>).

use super::super::Api;
use super::super::call::{Call, not_found};
use super::super::reply::{Answer, Refusal, Reply};
use crate::error::Kind;

pub(super) async fn read(api: &Api, call: &Call) -> Answer {
    call.no_parameters()?;
    let Some(stored) = api.store.read(&call.kind, &call.id).await? else {
        return Err(not_found(&call.kind, &call.id));
    };
    if stored.deleted {
        let text = format!("{}/{} has been deleted", call.kind, call.id);
        return Err(Refusal::of(Kind::Gone, text));
    }
    if call.conditions.has(&stored) {
        return Ok(Reply::not_modified(&stored));
    }
    Ok(Reply::resource(&stored))
}
