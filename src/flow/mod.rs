//! How a message travels, and what happens because of it.
//!
//! * [`inbound`]: bytes of a party → resources in the store → the answer
//! * [`replay`]: the same way again, from the journal
//! * [`delivery`]: what the delivery worker asks for
//! * [`units`]: durations and sizes as people write them

pub mod delivery;
pub mod inbound;
pub mod replay;
pub mod units;

mod answer;
mod audit;
mod judge;
mod subset;
mod transfer;

use crate::store::Millis;

pub use inbound::{Answer, Arriving, Channel, Inbound, Invalid, Verdict};

/// A time as a FHIR instant.
pub fn instant(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string()
}
