//! update, also of what is not there yet (<https://hl7.org/fhir/R4/http.html#update>).

use axum::http::StatusCode;
use serde_json::Value;

use super::super::Api;
use super::super::call::Call;
use super::super::reply::{Answer, Refusal};
use super::super::write::{self, Deed};
use crate::error::Kind;
use crate::store::{Body, Did, When, Write};

pub(super) async fn update(api: &Api, mut call: Call) -> Answer {
    call.no_parameters()?;
    call.check_id()?;
    let resource = call.take_resource()?;
    same_id(&resource, &call.id)?;
    let issues = write::check(&resource)?;
    let when = call.conditions.for_update()?;
    let only_new = when == When::Missing;
    let (kind, id) = (call.kind.clone(), call.id.clone());
    let write = Write { kind, id, body: Body::Replace(resource), when };
    let written = write::one(api, &call, Deed::Update, write).await?;
    if only_new && written.did == Did::Kept {
        return Err(exists(&call.kind, &call.id));
    }
    write::reply(api, &call, Deed::Update, &written, &issues).await
}

/// The id in the body is the id in the URL.
pub(super) fn same_id(resource: &Value, id: &str) -> Result<(), Refusal> {
    match resource.get("id").and_then(Value::as_str) {
        Some(written) if written == id => Ok(()),
        Some(written) => {
            let text = format!("the body's id is `{written}`, the URL's is `{id}`");
            Err(Refusal::of(Kind::Structure, text))
        }
        None => Err(Refusal::of(
            Kind::Structure,
            format!("the body has no `id` (it must be `{id}`, as in the URL)"),
        )),
    }
}

/// `If-None-Match: *` on what is there.
pub(super) fn exists(kind: &str, id: &str) -> Refusal {
    let text = format!("{kind}/{id} is there already, and the request is only for a new one");
    Refusal::new(StatusCode::PRECONDITION_FAILED, "conflict", text)
}
