//! Reading a request's body: with a limit, and with a deadline for peers that send slowly.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::reply::Refusal;
use crate::error::Kind;
use crate::fhir::json::{self, Limits};

/// What is still read of a body that is too large, in multiples of the limit, so that its sender
/// gets to see the answer instead of a broken connection.
const DRAIN: usize = 4;

/// A body larger than this is parsed away from the async threads.
const LARGE: usize = 64 << 10;

/// Reads the whole body.
pub(super) async fn bytes(
    mut body: Body,
    limit: usize,
    within: Duration,
) -> Result<Bytes, Refusal> {
    let deadline = Instant::now() + within;
    let mut read = BytesMut::new();
    let mut seen = 0_usize;
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                let text = format!("the body broke off: {error}");
                return Err(Refusal::of(Kind::Structure, text));
            }
            Err(_) => {
                let text = format!("the body did not arrive within {} s", within.as_secs());
                return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "timeout", text));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            read.extend_from_slice(&data);
        } else if seen > limit.saturating_mul(DRAIN) {
            break;
        }
    }
    if seen > limit {
        let text = format!("the body is larger than the limit of {limit} bytes");
        return Err(Refusal::of(Kind::TooLarge, text));
    }
    Ok(read.freeze())
}

/// Parses JSON.
pub(super) async fn json(bytes: Bytes) -> Result<Value, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::of(Kind::Structure, "the body is empty, expected a resource"));
    }
    if bytes.len() <= LARGE {
        return parse(&bytes);
    }
    let parsed = tokio::task::spawn_blocking(move || parse(&bytes)).await;
    parsed.unwrap_or_else(|_| Err(Refusal::of(Kind::Internal, "the body could not be parsed")))
}

fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    // The size has been limited when the body was read.
    let limits = Limits { bytes: bytes.len(), ..Limits::default() };
    json::parse(bytes, limits).map_err(|error| {
        let place = error.place.as_deref().map_or("body".to_owned(), |at| format!("body:{at}"));
        Refusal::from(error.at(place))
    })
}
