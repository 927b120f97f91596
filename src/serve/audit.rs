//! The AuditEvent of a write (<https://hl7.org/fhir/R4/auditevent.html>), kept in its commit.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::respond::instant;
use crate::store::Millis;

/// An AuditEvent for a successful write of these resources (`Type/id`).
///
/// Callers are not known by name until there is a caller policy; their address is.
pub(super) fn event(code: &str, targets: &[String], peer: Option<SocketAddr>, at: Millis) -> Value {
    let action = match code {
        "create" => "C",
        "update" => "U",
        "delete" => "D",
        _ => "E",
    };
    let mut agent = json!({ "requestor": true });
    if let Some(peer) = peer {
        // Network type 2 is an IP address.
        agent["network"] = json!({ "address": peer.ip().to_string(), "type": "2" });
    }
    json!({
        "resourceType": "AuditEvent",
        "type": {
            "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
            "code": "rest",
        },
        "subtype": [{ "system": "http://hl7.org/fhir/restful-interaction", "code": code }],
        "action": action,
        "recorded": instant(at),
        "outcome": "0",
        "agent": [agent],
        "source": { "observer": { "display": "Tombolo" } },
        "entity": targets.iter().map(|to| json!({ "what": { "reference": to } })).collect::<Vec<_>>(),
    })
}
