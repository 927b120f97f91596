//! The pages beside the FHIR API: a list of URLs, health, metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};

use super::Api;
use crate::observe::{self, Metric};

/// `/`: what is where.
pub(super) async fn home() -> impl IntoResponse {
    Html(include_str!("home.html"))
}

/// `/health/live`: the process answers.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// `/health/ready`: requests can be served; 503 while the gateway stops or its store does not
/// answer.
pub(super) async fn ready(State(api): State<Api>) -> (StatusCode, &'static str) {
    if api.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match api.store.cursor("health").await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
        }
    }
}

/// `/metrics` for Prometheus.
pub(super) async fn metrics(State(api): State<Api>) -> impl IntoResponse {
    match api.store.counts().await {
        Ok(counts) => {
            for (state, n) in counts.outbox {
                observe::gauge(Metric::Outbox, &[&state], i64::try_from(n).unwrap_or(i64::MAX));
            }
        }
        Err(error) => tracing::error!(%error, "the store does not answer"),
    }
    let form = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (form, observe::render())
}
