//! `POST /in/NAME`: legacy records by HTTP.
//!
//! | status | means |
//! |---|---|
//! | 200 | stored |
//! | 202 | kept aside (`invalid: quarantine`) |
//! | 404 | no such channel |
//! | 413 | over the channel's limit; the head is kept |
//! | 422 | refused and kept for replay; of several records, some may be stored |
//! | 503 | nothing is stored: send it again |
//!
//! The body is any format that a mapping of the channel takes; its Content-Type is not asked. The
//! answer is an OperationOutcome, or, where `Accept` names `application/hl7-v2` and the body was
//! HL7, the acknowledgement.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use super::config::Http;
use crate::error::Kind;
use crate::fhir::outcome::outcome;
use crate::fhir::{Issue, Severity};
use crate::flow::{Answer, Arriving, Inbound, Verdict};
use crate::observe::{Metric, count};

/// The media type of HL7 v2 messages (<https://hapifhir.github.io/hapi-hl7v2/hapi-hl7overhttp/specification.html>).
const HL7: &str = "application/hl7-v2";

/// What is kept of a body over the limit.
const HEAD: usize = 64 << 10;

/// A body must be complete so long after its head.
const PATIENCE: Duration = Duration::from_secs(60);

/// The channels by name.
type Channels = Arc<HashMap<String, (Http, Inbound)>>;

/// The route `/in/{name}` of these channels.
pub fn router(channels: Vec<(Http, Inbound)>) -> Router {
    let by_name =
        |(http, inbound): (Http, Inbound)| (inbound.channel().name.clone(), (http, inbound));
    let channels: Channels = Arc::new(channels.into_iter().map(by_name).collect());
    Router::new().route("/in/{name}", post(take)).with_state(channels)
}

async fn take(
    State(channels): State<Channels>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some((config, inbound)) = channels.get(&name) else {
        let text = format!("there is no HTTP channel `{name}`");
        return told(StatusCode::NOT_FOUND, &[Issue::error(Kind::NotFound, text)]);
    };
    count(Metric::MessagesReceived, &[&name], 1);
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or_else(|| "http".to_owned(), |ConnectInfo(address)| address.to_string());
    let accept = wants_hl7(request.headers());
    let (inbound, limit) = (inbound.clone(), config.limit);
    let body = read(request.into_body(), limit).await;
    // A task of its own, so that a caller who hangs up does not stop it half way.
    let work = tokio::spawn(async move {
        match body {
            Read::Whole(bytes) => (StatusCode::OK, inbound.accept(arriving(bytes, peer)).await),
            Read::TooLong(head) => {
                let why = too_long(limit, head.len());
                (StatusCode::PAYLOAD_TOO_LARGE, inbound.keep(arriving(head, peer), why).await)
            }
            Read::Broken(part) => {
                let why = broken(part.len());
                (StatusCode::BAD_REQUEST, inbound.keep(arriving(part, peer), why).await)
            }
        }
    });
    let Ok((status, answer)) = work.await else {
        let text = "a fault in the gateway kept this message from being stored";
        return told(StatusCode::INTERNAL_SERVER_ERROR, &[Issue::error(Kind::Internal, text)]);
    };
    respond(
        &name,
        if status == StatusCode::OK { status_of(answer.verdict) } else { status },
        accept,
        answer,
    )
}

fn arriving(bytes: Vec<u8>, peer: String) -> Arriving {
    let acknowledge = crate::flow::inbound::Acknowledge::Original;
    Arriving { bytes: bytes.into(), peer, hl7: false, acknowledge }
}

fn status_of(verdict: Verdict) -> StatusCode {
    match verdict {
        Verdict::Stored => StatusCode::OK,
        Verdict::Quarantined => StatusCode::ACCEPTED,
        Verdict::Rejected | Verdict::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        Verdict::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn respond(channel: &str, status: StatusCode, hl7: bool, answer: Answer) -> Response {
    count(Metric::MessagesAcknowledged, &[channel, status.as_str()], 1);
    if hl7 && answer.bytes.starts_with(b"MSH") {
        return (status, [(header::CONTENT_TYPE, HL7)], answer.bytes).into_response();
    }
    let mut issues = vec![Issue::new(Severity::Information, "informational", answer.summary())];
    issues.extend(answer.issues);
    told(status, &issues)
}

fn told(status: StatusCode, issues: &[Issue]) -> Response {
    let json = outcome(issues).to_string();
    (status, [(header::CONTENT_TYPE, "application/fhir+json")], json).into_response()
}

fn wants_hl7(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept.flat_map(|value| value.split(',')).any(|media| media.trim().starts_with(HL7))
}

/// A body, read.
enum Read {
    Whole(Vec<u8>),
    /// Its head.
    TooLong(Vec<u8>),
    /// What came before the connection broke.
    Broken(Vec<u8>),
}

async fn read(mut body: Body, limit: usize) -> Read {
    let until = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
        let frame = match timeout_at(until, frame).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Read::Whole(bytes),
            Ok(Some(Err(_))) | Err(_) => return Read::Broken(bytes),
        };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            bytes.extend_from_slice(&data);
            bytes.truncate(HEAD);
            return Read::TooLong(bytes);
        }
        bytes.extend_from_slice(&data);
    }
}

fn too_long(limit: usize, kept: usize) -> Vec<Issue> {
    let text = format!("the body is longer than {limit} bytes, the limit of this channel");
    let refused = Issue::error(Kind::TooLarge, text).spot("body", limit..limit);
    let text = format!("only its first {kept} bytes are kept");
    vec![refused, Issue::new(Severity::Information, "incomplete", text)]
}

fn broken(kept: usize) -> Vec<Issue> {
    let text = format!("the body did not come whole or in time: its first {kept} bytes are kept");
    vec![Issue::new(Severity::Error, "incomplete", text).spot("body", 0..kept)]
}
