//! Doors outward: the outbox worker and its targets.
//!
//! A delivery waits in the store's outbox from the commit that caused it until its target has
//! answered. The worker of a target takes what is due, asks [`Render`] for the bytes, sends them,
//! reads the answer, and settles the delivery in one commit with whatever [`Writeback`] makes of
//! the answer. A crash between sending and settling sends again, with the same `Idempotency-Key`.
//!
//! * [`config`]: `outbound:` in the configuration
//! * [`answer`]: what a target's answer says
//! * [`retry`]: when to try again
//! * [`http`]: sends by HTTP
//! * [`worker`]: takes, sends, settles

pub mod answer;
pub mod config;
pub mod http;
pub mod retry;
pub mod worker;

pub use config::Config;
pub use worker::start;
