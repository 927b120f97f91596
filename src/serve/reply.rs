//! What an interaction answers, before it is HTTP or a response entry of a Bundle.

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::Value;

use crate::error::{Error, Kind};
use crate::fhir::{Issue, outcome};
use crate::store::{Millis, Stored};

/// An answer of an interaction that did what was asked.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The version this is about, for `ETag`, and when it was made, for `Last-Modified`.
    pub version: Option<(u64, Millis)>,
    /// `Type/id/_history/version` of what was written, without the base.
    pub location: Option<String>,
    /// JSON.
    pub body: Option<Bytes>,
}

/// An answer of an interaction that did not do what was asked.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// Why.
    pub issues: Vec<Issue>,
}

/// The answer to a request.
pub(super) type Answer = Result<Reply, Refusal>;

impl Reply {
    /// An answer with a JSON body.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
        Reply { status, body: Some(body.into()), ..Reply::default() }
    }

    /// A resource, with its version.
    pub fn resource(stored: &Stored) -> Reply {
        let mut reply = Reply::json(StatusCode::OK, Bytes::from_owner(stored.json.clone()));
        reply.version = Some((stored.version, stored.updated));
        reply
    }

    /// The same resource as the client has: no body.
    pub fn not_modified(stored: &Stored) -> Reply {
        Reply { status: StatusCode::NOT_MODIFIED, body: None, ..Reply::resource(stored) }
    }
}

impl Refusal {
    /// A refusal for one reason.
    pub fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Refusal {
        let issue = Issue::new(crate::fhir::Severity::Error, code, text);
        Refusal { status, issues: vec![issue] }
    }

    /// A refusal of a kind of error.
    pub fn of(kind: Kind, text: impl Into<String>) -> Refusal {
        Refusal::from(Error::new(kind, text))
    }

    /// A resource that is not as R4 says it must be: 422.
    pub fn invalid(issues: Vec<Issue>) -> Refusal {
        Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, issues }
    }

    /// Says which element of the request it is about.
    #[must_use]
    pub fn at(mut self, path: &str) -> Refusal {
        for issue in &mut self.issues {
            issue.path = Some(match issue.path.take() {
                // `Patient.birthDate` within `Bundle.entry[3].resource`.
                Some(inner) => match inner.split_once('.') {
                    Some((_, rest)) => format!("{path}.resource.{rest}"),
                    None => format!("{path}.resource"),
                },
                None => path.to_owned(),
            });
        }
        self
    }

    /// As an OperationOutcome.
    pub fn outcome(&self) -> Value {
        outcome::outcome(&self.issues)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = StatusCode::from_u16(error.kind.facts().status);
        if error.kind == Kind::Internal {
            tracing::error!(%error, "a request failed by our own fault");
        }
        Refusal {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            issues: vec![Issue::from(&error)],
        }
    }
}
