//! One request for an interaction, whether it came as HTTP or as an entry of a Bundle.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::Value;

use super::condition::Conditions;
use super::negotiate::Form;
use super::reply::Refusal;
use crate::error::Kind;
use crate::fhir::Issue;
use crate::fhir::definitions::Definitions;
use crate::fhir::id::is_id;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    /// Resource type; empty for the whole system.
    pub kind: String,
    /// Logical id, where the path has one.
    pub id: String,
    /// Version id, where the path has one.
    pub version: String,
    /// The query, and the form of `POST _search`, without the general parameters.
    pub pairs: Vec<(String, String)>,
    /// The form of the answer.
    pub form: Form,
    /// Conditional headers.
    pub conditions: Conditions,
    /// The body as JSON.
    pub body: Value,
    /// The base of links: `http://host:8080/fhir`.
    pub base: Arc<str>,
    /// Who asks.
    pub peer: Option<SocketAddr>,
}

impl Call {
    /// Refuses types that R4 (or this build's table) does not have.
    pub fn check_kind(&self) -> Result<(), Refusal> {
        if self.kind.is_empty() || Definitions::r4().is_resource(&self.kind) {
            return Ok(());
        }
        let text =
            format!("`{}` is not a resource type of this server (see /fhir/metadata)", self.kind);
        Err(Refusal::new(StatusCode::NOT_FOUND, "not-supported", text))
    }

    /// Refuses parameters of an interaction that has none.
    pub fn no_parameters(&self) -> Result<(), Refusal> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(unknown_parameter(name, &["_format", "_pretty"])),
        }
    }

    /// Refuses an id that cannot be one (<https://hl7.org/fhir/R4/datatypes.html#id>).
    pub fn check_id(&self) -> Result<(), Refusal> {
        if is_id(&self.id) {
            return Ok(());
        }
        let text = format!("`{}` is not an id (1 to 64 letters, digits, `-` and `.`)", self.id);
        Err(Refusal::new(StatusCode::BAD_REQUEST, "value", text))
    }

    /// Takes the body as a resource of this call's type.
    pub fn take_resource(&mut self) -> Result<Value, Refusal> {
        let resource = std::mem::take(&mut self.body);
        let written = resource.get("resourceType").and_then(Value::as_str);
        match written {
            Some(kind) if kind == self.kind => Ok(resource),
            Some(kind) => {
                let text = format!("the body is a {kind}, the URL is for {}", self.kind);
                Err(Refusal::of(Kind::Structure, text))
            }
            None => Err(Refusal::of(
                Kind::Structure,
                "the body is not a resource: it has no `resourceType`",
            )),
        }
    }
}

/// Nothing with that id.
pub(super) fn not_found(kind: &str, id: &str) -> Refusal {
    Refusal::of(Kind::NotFound, format!("there is no {kind}/{id}"))
}

/// A parameter that is not known; those that are, are listed.
pub(super) fn unknown_parameter(name: &str, known: &[&str]) -> Refusal {
    let text = format!("the parameter `{name}` is not known here (known are {})", known.join(", "));
    Refusal {
        status: StatusCode::BAD_REQUEST,
        issues: vec![Issue::error(Kind::NotSupported, text)],
    }
}
