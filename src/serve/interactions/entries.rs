//! The entries of a batch or transaction, as calls.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::super::Api;
use super::super::call::Call;
use super::super::condition::Conditions;
use super::super::reply::Refusal;
use super::{Input, Interaction, Row, find};
use crate::error::Kind;
use crate::fhir::query;

/// One entry.
pub(super) struct Entry {
    /// Its place in the Bundle, from 0.
    pub index: usize,
    pub full_url: Option<String>,
    pub row: &'static Row,
    /// With the entry's resource as its body.
    pub call: Call,
}

/// Takes the entries out of the body of a call: the Bundle's type, and the entries or what is wrong
/// with each.
pub(super) fn take(
    api: &Api,
    call: &mut Call,
) -> Result<(String, Vec<Result<Entry, Refusal>>), Refusal> {
    let Value::Object(mut bundle) = std::mem::take(&mut call.body) else {
        return Err(Refusal::of(Kind::Structure, "the body is not a Bundle"));
    };
    if bundle.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        let text = "the body is not a Bundle (other resources are sent to /fhir/TYPE)";
        return Err(Refusal::of(Kind::Structure, text));
    }
    let kind = bundle.get("type").and_then(Value::as_str).unwrap_or("").to_owned();
    let entries = match bundle.remove("entry") {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(Refusal::of(Kind::Structure, "`Bundle.entry` is not a list")),
    };
    let most = api.config.max_entries;
    if entries.len() > most {
        let text = format!("the Bundle has {} entries, the limit is {most}", entries.len());
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-costly", text));
    }
    let read =
        |(index, entry)| read(call, index, entry).map_err(|refusal| refusal.at(&place(index)));
    Ok((kind, entries.into_iter().enumerate().map(read).collect()))
}

/// The FHIR path of an entry.
pub(super) fn place(index: usize) -> String {
    format!("Bundle.entry[{index}]")
}

fn read(outer: &Call, index: usize, entry: Value) -> Result<Entry, Refusal> {
    let Value::Object(mut entry) = entry else {
        return Err(Refusal::of(Kind::Structure, "the entry is not an object"));
    };
    let body = entry.remove("resource").unwrap_or_default();
    let request = match entry.get("request") {
        Some(Value::Object(request)) => request,
        _ => return Err(Refusal::of(Kind::Required, "the entry has no `request`")),
    };
    let (Some(method), Some(url)) = (text(request, "method"), text(request, "url")) else {
        return Err(Refusal::of(Kind::Required, "`request` has no `method` or no `url`"));
    };
    let (row, mut call) = route(outer, method, url)?;
    call.conditions = Conditions::read(
        text(request, "ifMatch"),
        text(request, "ifNoneMatch"),
        text(request, "ifModifiedSince"),
        text(request, "ifNoneExist"),
    )?;
    if row.input == Input::Json && body.is_null() {
        return Err(Refusal::of(Kind::Required, format!("{method} {url} needs a `resource`")));
    }
    call.body = body;
    call.form = outer.form;
    call.base = outer.base.clone();
    call.peer = outer.peer;
    call.check_kind()?;
    let full_url = text(&entry, "fullUrl").map(str::to_owned);
    Ok(Entry { index, full_url, row, call })
}

/// Finds the interaction of `request.method` and `request.url`, which is relative to the base or
/// begins with it.
fn route(outer: &Call, method: &str, url: &str) -> Result<(&'static Row, Call), Refusal> {
    let relative = url.strip_prefix(&*outer.base).unwrap_or(url);
    let (path, pairs) = query::split(relative)?;
    let path = format!("/{}", path.trim_start_matches('/'));
    let unsupported = || {
        let text =
            format!("`{method} {url}` is not an interaction that this server has in Bundles");
        Refusal::of(Kind::NotSupported, text)
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| unsupported())?;
    let (row, mut call) = find(&method, &path).ok_or_else(unsupported)?;
    if row.input == Input::Form || matches!(row.interaction, Interaction::Bundle) {
        return Err(unsupported());
    }
    call.pairs = pairs;
    Ok((row, call))
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}
