//! create, and conditional create with `If-None-Exist`
//! (<https://hl7.org/fhir/R4/http.html#create>).

use super::super::Api;
use super::super::call::Call;
use super::super::reply::Answer;
use super::super::write::{self, Deed};
use super::search;
use crate::store::{Body, Write};

pub(super) async fn create(api: &Api, mut call: Call) -> Answer {
    call.no_parameters()?;
    let resource = call.take_resource()?;
    if let Some(condition) = &call.conditions.if_none_exist {
        search::condition(&call.kind, condition)?;
    }
    let issues = write::check(&resource)?;
    let write = Write {
        kind: call.kind.clone(),
        // A client's id is ignored: the server gives its own, in the order of time.
        id: write::new_id(),
        body: Body::Replace(resource),
        when: call.conditions.for_create(),
    };
    let written = write::one(api, &call, Deed::Create, write).await?;
    write::reply(api, &call, Deed::Create, &written, &issues).await
}
