//! What can be seen: logs, metrics, the clock, and what must not be seen: secrets.

mod clock;
mod log;
mod metrics;
mod secret;

pub use clock::Clock;
pub use log::{Form, log};
pub use metrics::{METRICS, Metric, Row, count, gauge, render};
pub use secret::Secret;
