//! Answers as HTTP.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use serde_json::Value;

use super::condition::{etag, http_date};
use super::negotiate::{FHIR_JSON, Form};
use super::reply::{Answer, Refusal, Reply};
use crate::store::Millis;

/// An answer as HTTP; links begin with the base.
pub(super) fn http(answer: Answer, form: Form, base: &str) -> Response<Body> {
    match answer {
        Ok(reply) => accepted(reply, form, base),
        Err(refusal) => refused(&refusal, form),
    }
}

fn accepted(reply: Reply, form: Form, base: &str) -> Response<Body> {
    let mut response = with_body(reply.status, reply.body, form);
    let mut set = |name, value: Option<String>| {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    };
    if let Some((version, updated)) = reply.version {
        set(header::ETAG, Some(etag(version)));
        set(header::LAST_MODIFIED, http_date(updated));
    }
    set(header::LOCATION, reply.location.map(|location| format!("{base}/{location}")));
    response
}

/// A refusal as an OperationOutcome.
pub(super) fn refused(refusal: &Refusal, form: Form) -> Response<Body> {
    with_body(refusal.status, Some(refusal.outcome().to_string().into()), form)
}

fn with_body(status: StatusCode, body: Option<Bytes>, form: Form) -> Response<Body> {
    let body = body.map(|body| if form.pretty { indent(body) } else { body });
    let mut response = Response::new(body.clone().map_or_else(Body::empty, Body::from));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if body.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    }
    // Health data is for the one who asked; a copy may be used again after asking (ETag).
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The same JSON, indented. Decimals keep their text.
fn indent(body: Bytes) -> Bytes {
    let read: Result<Value, _> = serde_json::from_slice(&body);
    read.ok().and_then(|value| serde_json::to_vec_pretty(&value).ok()).map_or(body, Bytes::from)
}

/// An instant of FHIR with milliseconds in UTC.
pub(super) fn instant(at: Millis) -> String {
    const PRINTER: jiff::fmt::temporal::DateTimePrinter =
        jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
    PRINTER.timestamp_to_string(&jiff::Timestamp::from_millisecond(at).unwrap_or_default())
}
