//! From an HTTP request to the answer of its interaction.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Request, Response, StatusCode, header};
use tokio::time::timeout;

use super::call::Call;
use super::condition::Conditions;
use super::interactions::{Input, Row};
use super::negotiate::{self, Form};
use super::reply::{Answer, Refusal};
use super::{Api, BASE_PATH, body, respond};
use crate::error::Kind;
use crate::fhir::query;
use crate::observe::{self, Metric};

/// Answers a request of a row.
pub(super) async fn dispatch(
    row: &'static Row,
    api: Api,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let base = base(&api, &head);
    let mut form = Form::default();
    let answer = answer(row, &api, &base, &head, body, &mut form).await;
    let response = respond::http(answer, form, &base);
    count(row.code, response.status());
    response
}

/// Counts a request.
pub(super) fn count(interaction: &str, status: StatusCode) {
    let class = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    let class = class.get(usize::from(status.as_u16() / 100).wrapping_sub(1)).unwrap_or(&"5xx");
    observe::count(Metric::HttpRequests, &[interaction, class], 1);
}

async fn answer(
    row: &'static Row,
    api: &Api,
    base: &Arc<str>,
    head: &Parts,
    body: Body,
    form: &mut Form,
) -> Answer {
    let mut call = Call { base: base.clone(), ..Call::default() };
    let pairs = query::pairs(head.uri.query().unwrap_or(""));
    call.pairs = pairs?;
    let acceptable;
    (*form, acceptable) = negotiate::form(&head.headers, &mut call.pairs);
    acceptable?;
    // The router has matched the path; only its parts are taken here.
    let path = head.uri.path().strip_prefix(BASE_PATH).unwrap_or_default();
    row.fit(if path.is_empty() { "/" } else { path }, &mut call);
    call.check_kind()?;
    call.conditions = Conditions::of(&head.headers)?;
    call.peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    input(row.input, api, head, body, &mut call, form).await?;
    call.form = *form;
    if row.input == Input::Json {
        // A write is not given up half-way: once it is with the store, it is waited for.
        return row.interaction.answer(api, call).await;
    }
    let limit = api.config.read_timeout;
    timeout(limit, row.interaction.answer(api, call)).await.unwrap_or_else(|_| {
        let text = format!("the request took longer than {} s (ask for less)", limit.as_secs());
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", text))
    })
}

/// Reads what the interaction reads from the body.
async fn input(
    input: Input,
    api: &Api,
    head: &Parts,
    from: Body,
    call: &mut Call,
    form: &mut Form,
) -> Result<(), Refusal> {
    let (limit, within) = (api.config.max_body, api.config.body_timeout);
    match input {
        Input::Nothing => {}
        Input::Json => {
            let refused = negotiate::content_type(&head.headers);
            // Read before refusing, so that the client is done sending when the answer comes.
            let bytes = body::bytes(from, limit, within).await?;
            refused?;
            call.body = body::json(bytes).await?;
        }
        Input::Form => {
            let refused = negotiate::form_type(&head.headers);
            let bytes = body::bytes(from, limit, within).await?;
            refused?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Refusal::of(Kind::Structure, "the form is not UTF-8"))?;
            let mut pairs = query::pairs(text)?;
            let (said, acceptable) = negotiate::form(&head.headers, &mut pairs);
            acceptable?;
            form.pretty |= said.pretty;
            call.pairs.append(&mut pairs);
        }
    }
    Ok(())
}

/// The base of links: the configured one, else the host that the client asked.
fn base(api: &Api, head: &Parts) -> Arc<str> {
    if let Some(base) = &api.config.base {
        return base.as_str().into();
    }
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| head.uri.authority().map(Authority::as_str));
    // Only what is a host and a port gets into links.
    let host = host.filter(|host| host.parse::<Authority>().is_ok() && !host.contains('@'));
    format!("http://{}{BASE_PATH}", host.unwrap_or("localhost")).into()
}
