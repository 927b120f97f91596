//! How a message travels, and what happens because of it.
//!
//! * [`inbound`]: bytes of a party → resources in the store → the answer
//! * [`replay`]: the same way again, from the journal
//! * [`gather`]: a root resource with what it refers to, as a Bundle
//! * [`report`]: a notifiable diagnosis becomes a report card with a clock
//! * [`outbound`]: which change goes to which target; what is sent; what the answer changes
//! * [`follow`]: the follower that shows every committed change to the two above, exactly once
//! * [`delivery`]: what the delivery worker asks for
//! * [`routed`]: what an outbound channel answers it
//! * [`units`]: durations and sizes as people write them

pub mod delivery;
pub mod follow;
pub mod gather;
pub mod inbound;
pub mod outbound;
pub mod replay;
pub mod report;
pub mod routed;
pub mod units;

mod answer;
mod audit;
mod items;
mod judge;
mod transfer;
mod unmapped;

use crate::store::Millis;

pub use inbound::{Answer, Arriving, Channel, Inbound, Invalid, Verdict};

/// A time as a FHIR instant.
pub fn instant(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string()
}
