//! What all writes share: checks before, the commit, the answer after.

use axum::http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::Api;
use super::audit;
use super::call::Call;
use super::negotiate::Return;
use super::reply::{Answer, Refusal, Reply};
use crate::error::Result;
use crate::fhir::{Issue, outcome};
use crate::observe::{self, Metric};
use crate::store::{Commit, Committed, Did, Write, Written};
use crate::validate;

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Create,
    Update,
    Delete,
}

/// An id for a new resource: they rise with time, which keeps indexes dense.
pub(super) fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// Checks the structure of a resource: errors refuse it, the rest is given back.
pub(super) fn check(resource: &Value) -> Result<Vec<Issue>, Refusal> {
    let issues = validate::structure(resource);
    if outcome::has_errors(&issues) { Err(Refusal::invalid(issues)) } else { Ok(issues) }
}

/// Commits one write.
pub(super) async fn one(
    api: &Api,
    call: &Call,
    deed: Deed,
    write: Write,
) -> Result<Written, Refusal> {
    let target = format!("{}/{}", write.kind, write.id);
    let code = match deed {
        Deed::Create => "create",
        Deed::Update => "update",
        Deed::Delete => "delete",
    };
    let event = audit::event(code, &[target], call.peer, api.clock.now());
    let committed = commit(api, vec![write], event).await?;
    let written = committed.written.into_iter().next();
    written.ok_or_else(|| Refusal::of(crate::Kind::Internal, "the store wrote nothing"))
}

/// Commits writes that belong together.
pub(super) async fn commit(api: &Api, writes: Vec<Write>, event: Value) -> Result<Committed> {
    let commit =
        Commit { origin: "fhir".to_owned(), writes, audit: vec![event], ..Commit::default() };
    let committed = api.store.commit(commit).await?;
    let new = |written: &&Written| !matches!(written.did, Did::Unchanged | Did::Kept);
    let n = committed.written.iter().filter(new).count();
    observe::count(Metric::ResourcesWritten, &["fhir"], i64::try_from(n).unwrap_or(i64::MAX));
    Ok(committed)
}

/// The answer to a write, as `Prefer` asks.
pub(super) async fn reply(
    api: &Api,
    call: &Call,
    deed: Deed,
    written: &Written,
    issues: &[Issue],
) -> Answer {
    let mut reply = Reply {
        status: status(deed, written),
        version: (written.version > 0).then_some((written.version, written.updated)),
        location: location(deed, written),
        body: None,
    };
    let prefer = call.form.prefer.unwrap_or(match deed {
        Deed::Delete => Return::Minimal,
        _ => Return::Representation,
    });
    match prefer {
        Return::Minimal => {}
        Return::Outcome => reply.body = Some(outcome::outcome(issues).to_string().into()),
        Return::Representation if deed == Deed::Delete => {}
        Return::Representation => {
            let stored = api.store.vread(&written.kind, &written.id, written.version).await?;
            reply.body = stored.map(|stored| bytes::Bytes::from_owner(stored.json));
        }
    }
    if reply.status == StatusCode::NO_CONTENT && reply.body.is_some() {
        reply.status = StatusCode::OK;
    }
    Ok(reply)
}

/// The status of a write.
pub(super) fn status(deed: Deed, written: &Written) -> StatusCode {
    match (deed, written.did) {
        (Deed::Delete, _) => StatusCode::NO_CONTENT,
        (_, Did::Created) => StatusCode::CREATED,
        _ => StatusCode::OK,
    }
}

/// Where to find what was written: for what is new, and for what a conditional create found.
pub(super) fn location(deed: Deed, written: &Written) -> Option<String> {
    let told = deed == Deed::Create || written.did == Did::Created;
    let Written { kind, id, version, .. } = written;
    told.then(|| format!("{kind}/{id}/_history/{version}"))
}
