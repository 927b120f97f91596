//! The configuration of an outbound channel: `outbound: NAME: …` in `tombolo.yaml`.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::answer::AnswerRule;
use super::retry::Retry;
use crate::flow::units;
use crate::observe::Secret;

/// An outbound channel: what is sent to whom, and what its answers mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The party, a key of `parties:`.
    pub party: String,
    /// Which resources are sent: a search such as `Composition?status=final`; every new version
    /// that matches is a delivery. Without it only flows make deliveries.
    pub when: Option<String>,
    /// The mapping that makes the bytes.
    pub mapping: String,
    /// Sends by HTTP.
    pub http: Http,
    /// What the body of an answer means; without it the HTTP status alone decides.
    pub answer: Option<AnswerRule>,
    /// When to try again.
    #[serde(default)]
    pub retry: Retry,
    /// Deliveries of different keys that are sent at a time, default 1. Those of one key are always
    /// sent one after the other.
    #[serde(default = "one")]
    pub concurrency: usize,
}

/// `http:`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where to POST.
    pub url: Secret,
    /// How long the whole exchange may take, default 30 s.
    #[serde(default = "half_a_minute", deserialize_with = "units::duration")]
    pub timeout: Duration,
    /// The Content-Type, where the mapping's own is not what the target expects.
    pub content_type: Option<String>,
    /// `Authorization`, e.g. `Bearer ${CDC_TOKEN}`.
    pub authorization: Option<Hidden>,
}

/// A text that is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

fn one() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_has_the_documented_defaults() {
        let config: Config = serde_saphyr::from_str(
            "{ party: cdc, mapping: cdc-card, when: 'Composition?status=final', http: { url: 'https://cdc.example/in' } }",
        )
        .unwrap();
        assert_eq!((config.http.timeout, config.concurrency), (Duration::from_secs(30), 1));
        assert_eq!(config.retry, Retry::default());
        assert!(config.answer.is_none());
    }

    #[test]
    fn everything_can_be_said_and_mistakes_are_told() {
        let all = "party: cdc\nmapping: cdc-card\n\
            http: { url: 'http://u:secret@h/', timeout: 5s, content_type: text/xml, authorization: Bearer secret }\n\
            answer: { ok: Response/code = success, id: Response/CardId, reason: Response/message }\n\
            retry: { first: 1s, most: 10m, attempts: 5 }\nconcurrency: 4\n";
        let config: Config = serde_saphyr::from_str(all).unwrap();
        assert_eq!(config.retry.attempts, 5);
        assert!(!format!("{config:?}").contains("secret"), "{config:?}");
        for (from, to, told) in [
            ("success", "", "="),
            ("Response/CardId", "a//b", "a//b"),
            ("attempts", "tries", "tries"),
            ("10m", "soon", "500ms"),
        ] {
            let error =
                serde_saphyr::from_str::<Config>(&all.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
