//! The answer in the sender's words: HL7 acknowledgements, or an OperationOutcome.

use serde::Deserialize;

use super::inbound::Verdict;
use crate::fhir::Issue;
use crate::fhir::outcome::outcome;

/// How HL7 messages are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledge {
    /// As MSH-15 and MSH-16 ask; without them, one application acknowledgement.
    #[default]
    Auto,
    /// One application acknowledgement, always.
    Original,
}

pub(super) fn control(bytes: &[u8]) -> Option<(String, String)> {
    let _ = bytes;
    None
}

pub(super) fn write(
    bytes: &[u8],
    hl7: bool,
    verdict: Verdict,
    issues: &[Issue],
    acknowledge: Acknowledge,
) -> Vec<u8> {
    let _ = (bytes, hl7, verdict, acknowledge);
    outcome(issues).to_string().into_bytes()
}

pub(super) fn split(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::once(answer)
}
