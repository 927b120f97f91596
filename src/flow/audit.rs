//! AuditEvents of messages (<https://hl7.org/fhir/R4/auditevent.html>).

use serde_json::{Value, json};

use super::inbound::Channel;
use crate::fhir::BASE;
use crate::store::{Millis, Outcome, Status};

/// A message arrived and this became of it.
pub(super) fn arrival(channel: &Channel, peer: &str, received: Millis, outcome: &Outcome) -> Value {
    let code = match outcome.status {
        Status::Done => "0",
        Status::Quarantined => "4",
        Status::Failed => "8",
    };
    json!({
        "resourceType": "AuditEvent",
        "type": {
            "system": "http://dicom.nema.org/resources/ontology/DCM",
            "code": "110107",
            "display": "Import",
        },
        "action": "E",
        "recorded": super::instant(received),
        "outcome": code,
        "agent": [{
            "who": { "identifier": { "system": format!("{BASE}/party"), "value": channel.party.name } },
            "name": peer,
            "requestor": true,
        }],
        "source": { "observer": { "display": format!("tombolo in:{}", channel.name) } },
    })
}
