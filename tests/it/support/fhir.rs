//! A FHIR server on a port of its own, and a client that speaks to it.

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tombolo::observe::Clock;
use tombolo::serve::{self, Api, Config};

use super::TestStore;

/// A server over a store of its own.
pub struct Server {
    pub base: String,
    pub store: TestStore,
    pub client: Client,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Server {
    pub async fn start() -> Server {
        Server::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Server {
        let store = TestStore::new();
        let stop = CancellationToken::new();
        let api = Api::new(store.store.clone(), config.clone(), Clock::System, stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/fhir", listener.local_addr().unwrap());
        let router = serve::finish(serve::router(api));
        let task = tokio::spawn(serve::serve(listener, router, config, stop.clone()));
        Server { base, store, client: client(), stop, task }
    }

    /// A request below the base, or of a whole URL.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        self.client.request(method, url)
    }

    pub async fn get(&self, path: &str) -> Got {
        got(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Got {
        got(fhir(self.request(Method::POST, path), body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Got {
        got(fhir(self.request(Method::PUT, path), body)).await
    }

    pub async fn delete(&self, path: &str) -> Got {
        got(self.request(Method::DELETE, path)).await
    }

    /// Puts a patient there and gives its version.
    pub async fn patient(&self, id: &str, family: &str) -> Got {
        let body = patient(id, family);
        self.put(&format!("/Patient/{id}"), &body).await.is(200..=201)
    }
}

/// An HTTP client.
pub fn client() -> Client {
    // The error says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// A small patient.
pub fn patient(id: &str, family: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "name": [{ "family": family }] })
}

/// A body of FHIR JSON.
pub fn fhir(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/fhir+json").body(body.to_string())
}

/// Sends a request and reads the answer.
pub async fn got(request: RequestBuilder) -> Got {
    let response: Response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Got { status, headers, text: response.text().await.unwrap() }
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks the status.
    #[track_caller]
    pub fn is(self, statuses: impl std::ops::RangeBounds<u16>) -> Got {
        assert!(statuses.contains(&self.status.as_u16()), "{self:?}");
        self
    }

    /// Checks that it is a refusal: the status, an OperationOutcome with this code, and text that
    /// names what is wrong.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str, part: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/fhir+json; charset=utf-8", "{self:?}");
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{self:?}");
        let issues = outcome["issue"].as_array().unwrap();
        let fits = |issue: &Value| {
            issue["code"] == code
                && matches!(issue["severity"].as_str(), Some("error" | "fatal"))
                && issue["details"]["text"].as_str().is_some_and(|text| text.contains(part))
        };
        assert!(issues.iter().any(fits), "expected {code} `{part}`: {self:?}");
    }
}
