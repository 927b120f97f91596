//! `http:` in the configuration: limits of the HTTP door.

use std::time::Duration;

use serde::Deserialize;

use crate::flow::units;

/// Limits of the HTTP door.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The base of links, e.g. `https://fhir.example.org/fhir`; without it, the host that the
    /// client asked.
    pub base: Option<String>,
    /// Greatest size of a request's body, in bytes.
    #[serde(deserialize_with = "units::size")]
    pub max_body: usize,
    /// Greatest number of entries of a batch or transaction.
    pub max_entries: usize,
    /// Greatest number of open connections; more wait.
    pub max_connections: usize,
    /// Within which a request's head must arrive, and for which an idle connection is kept.
    #[serde(deserialize_with = "units::duration")]
    pub idle: Duration,
    /// Within which a request's body must arrive.
    #[serde(deserialize_with = "units::duration")]
    pub body_timeout: Duration,
    /// Within which a read or search must be answered.
    #[serde(deserialize_with = "units::duration")]
    pub read_timeout: Duration,
    /// For which requests in progress are waited for when the gateway stops.
    #[serde(deserialize_with = "units::duration")]
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            base: None,
            max_body: 10 << 20,
            max_entries: 10_000,
            max_connections: 1024,
            idle: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}
