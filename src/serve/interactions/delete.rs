//! delete; what is not there is as good as deleted (<https://hl7.org/fhir/R4/http.html#delete>).

use super::super::Api;
use super::super::call::Call;
use super::super::reply::Answer;
use super::super::write::{self, Deed};
use crate::store::{Body, Write};

pub(super) async fn delete(api: &Api, call: &Call) -> Answer {
    call.no_parameters()?;
    call.check_id()?;
    let when = call.conditions.for_delete();
    let (kind, id) = (call.kind.clone(), call.id.clone());
    let written =
        write::one(api, call, Deed::Delete, Write { kind, id, body: Body::Delete, when }).await?;
    write::reply(api, call, Deed::Delete, &written, &[]).await
}
