//! The FHIR REST API and the pages beside it.
//!
//! * [`interactions`]: one file per FHIR interaction, and the table that routes to them
//! * [`dispatch`]: from an HTTP request to a [`call`], with [`negotiate`], [`condition`], [`body`]
//! * [`reply`], [`bundle`], [`respond`]: from an answer back to HTTP
//! * [`write`], [`audit`]: what all writes share
//! * [`server`]: accepts connections, with limits, and drains them
//! * [`pages`]: `/`, `/health/…`, `/metrics`

mod audit;
mod body;
mod bundle;
mod call;
mod condition;
mod config;
mod dispatch;
mod interactions;
mod negotiate;
mod pages;
mod reply;
mod respond;
mod server;
mod write;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, Response, StatusCode};
use axum::routing::{MethodFilter, MethodRouter, get, on};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use config::Config;
pub use server::serve;

use crate::error::Kind;
use crate::fhir::Issue;
use crate::observe::Clock;
use crate::store::{Millis, Store};
use call::Call;
use interactions::{Interaction, ROWS, Row};
use negotiate::Form;
use reply::Refusal;

/// Where the FHIR base is.
const BASE_PATH: &str = "/fhir";

/// What all requests share; cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// See [`Api`].
pub struct Shared {
    store: Store,
    config: Config,
    clock: Clock,
    started: Millis,
    stopping: CancellationToken,
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Api {
    /// A FHIR API over a store. When `stopping` is cancelled, `/health/ready` says so.
    pub fn new(store: Store, config: Config, clock: Clock, stopping: CancellationToken) -> Api {
        let started = clock.now();
        Api(Arc::new(Shared { store, config, clock, started, stopping }))
    }
}

impl Api {
    /// Sends a transaction or batch from within the process: the response Bundle, or why there is
    /// none.
    pub async fn send(&self, bundle: Value) -> Result<Value, Vec<Issue>> {
        let call = Call { body: bundle, ..Call::default() };
        let reply =
            Interaction::Bundle.answer(self, call).await.map_err(|refusal| refusal.issues)?;
        serde_json::from_slice(&reply.body.unwrap_or_default()).map_err(|error| {
            vec![Issue::error(Kind::Internal, format!("the answer cannot be read: {error}"))]
        })
    }
}

/// All routes of this door. Other doors' routes can be added with [`Router::merge`]; what no route
/// takes is answered here.
pub fn router(api: Api) -> Router {
    let mut router = Router::new()
        .route("/", get(pages::home))
        .route("/health/live", get(pages::live))
        .route("/health/ready", get(pages::ready))
        .route("/metrics", get(pages::metrics));
    for (n, row) in ROWS.iter().enumerate() {
        let first = ROWS[..n].iter().all(|before| before.path != row.path);
        if first {
            let rows = ROWS.iter().filter(|other| other.path == row.path);
            let methods = rows.fold(MethodRouter::new(), |methods, row| add(methods, row, &api));
            let path = format!("{BASE_PATH}{}", row.path);
            if row.path == "/" {
                router = router.route(BASE_PATH, methods.clone());
            }
            router = router.route(&path, methods);
        }
    }
    router.with_state(api)
}

/// What goes around all doors' routes: unknown paths and methods, and panics, are answered with
/// OperationOutcomes.
pub fn finish(router: Router) -> Router {
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
}

fn add(methods: MethodRouter<Api>, row: &'static Row, api: &Api) -> MethodRouter<Api> {
    let filter = match row.method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    let api = api.clone();
    methods.merge(on(filter, move |request: Request| dispatch::dispatch(row, api.clone(), request)))
}

async fn unknown_path(request: Request) -> Response<Body> {
    let text =
        format!("there is nothing at {} (the FHIR base is {BASE_PATH})", request.uri().path());
    answer(&Refusal::of(Kind::NotFound, text))
}

async fn wrong_method(request: Request) -> Response<Body> {
    let text = format!("{} is not possible at {}", request.method(), request.uri().path());
    answer(&Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", text))
}

fn panicked(panic: Box<dyn Any + Send>) -> Response<Body> {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = said, "a request ran into a fault of the gateway");
    let text = "a fault of the gateway kept it from answering (tell the maintainers)";
    answer(&Refusal::of(Kind::Internal, text))
}

/// A refusal outside of the interactions.
fn answer(refusal: &Refusal) -> Response<Body> {
    dispatch::count("none", refusal.status);
    respond::refused(refusal, Form::default())
}
