//! Sends a delivery by HTTP and says what became of it.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::redirect::Policy;

use super::answer::{AnswerRule, shown};
use super::config;
use crate::error::{Error, Kind, Result};
use crate::flow::delivery::{Rendered, Reply, Said};

/// The most of an answer's body that is read.
const BODY: usize = 1 << 20;

/// Says that two requests are the same delivery, sent again
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// An HTTP target.
pub(super) struct Target {
    client: reqwest::Client,
    config: config::Http,
    answer: Option<AnswerRule>,
}

/// What became of a try.
pub(super) enum Tried {
    /// The target has decided.
    Replied(Reply),
    /// It may work later; not before this time if the target says so.
    Again { why: String, after: Option<Duration> },
}

impl Target {
    /// Fails if the URL cannot be used.
    pub fn new(config: config::Http, answer: Option<AnswerRule>) -> Result<Target> {
        let usage = |what: &str| Error::new(Kind::Usage, what);
        let url = reqwest::Url::parse(config.url.reveal())
            .map_err(|e| usage("the URL of the target cannot be read").because(e))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(usage("the URL of the target is neither http nor https"));
        }
        // Whoever came first has installed it: it is the same for the whole process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A POST that is redirected would become a GET, or leave the target that was configured.
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(config.timeout)
            .user_agent(concat!("tombolo/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| usage("no HTTP client could be made").because(e))?;
        Ok(Target { client, config, answer })
    }

    /// Sends it once.
    pub async fn send(&self, rendered: &Rendered, key: &str) -> Tried {
        let content_type = self.config.content_type.as_deref().unwrap_or(&rendered.content_type);
        let mut request = self
            .client
            .post(self.config.url.reveal())
            .header(header::CONTENT_TYPE, content_type)
            .header(IDEMPOTENCY_KEY, key)
            .body(rendered.bytes.clone());
        if let Some(authorization) = &self.config.authorization {
            let value = HeaderValue::from_str(authorization.reveal()).map(|mut value| {
                value.set_sensitive(true);
                value
            });
            match value {
                Ok(value) => request = request.header(header::AUTHORIZATION, value),
                Err(_) => {
                    return parked("`authorization` holds characters that HTTP does not allow");
                }
            }
        }
        match request.send().await {
            Err(error) => Tried::Again { why: told(error), after: None },
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                match body(response).await {
                    Ok(body) => self.read(status, &headers, &body),
                    Err(error) => Tried::Again { why: told(error), after: None },
                }
            }
        }
    }

    /// What a status and a body mean.
    fn read(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Tried {
        let text = || format!("HTTP {status}: {}", shown(body));
        // A business answer counts whatever the status: some targets send refusals with 500.
        if let Some(reply) = self.answer.as_ref().and_then(|rule| rule.read(body)) {
            return Tried::Replied(reply);
        }
        let reply = |said| {
            let reasons = if said == Said::Accepted { Vec::new() } else { vec![text()] };
            Tried::Replied(Reply { said, id: None, reasons, body: shown(body) })
        };
        match status.as_u16() {
            200..300 if self.answer.is_none() => reply(Said::Accepted),
            200..300 => Tried::Again {
                why: format!("an answer that says nothing: {}", text()),
                after: None,
            },
            408 | 425 | 429 | 500..=599 => {
                Tried::Again { why: text(), after: retry_after(headers) }
            }
            400 | 409 | 413 | 415 | 422 => reply(Said::Rejected),
            _ => reply(Said::Parked),
        }
    }
}

/// `Retry-After` in seconds; a date is not looked at, the back-off is as good.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn parked(why: &str) -> Tried {
    let reasons = vec![why.to_owned()];
    Tried::Replied(Reply { said: Said::Parked, id: None, reasons, body: String::new() })
}

async fn body(mut response: reqwest::Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == BODY {
            break;
        }
    }
    Ok(body)
}

/// An error with its causes, without the URL, which may hold a password.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut below = std::error::Error::source(&error);
    while let Some(cause) = below {
        text += &format!(": {cause}");
        below = cause.source();
    }
    text
}
