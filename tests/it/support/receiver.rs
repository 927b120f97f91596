//! A party that receives by HTTP and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use tokio::sync::{Notify, watch};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Came {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Came {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// How to answer.
#[derive(Debug, Clone)]
pub enum Say {
    /// A status and a body.
    This(u16, &'static str),
    /// The same after `Receiver::go` was called.
    Held(u16, &'static str),
}

#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<VecDeque<Say>>>,
    came: watch::Sender<Vec<Came>>,
    go: Arc<Notify>,
}

pub struct Receiver {
    pub url: String,
    shared: Shared,
}

impl Receiver {
    /// Answers with these, one after the other, then 500.
    pub async fn start(script: &[Say]) -> Receiver {
        let shared = Shared {
            script: Arc::new(Mutex::new(script.iter().cloned().collect())),
            came: watch::Sender::default(),
            go: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/cards", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Receiver { url, shared }
    }

    pub fn came(&self) -> Vec<Came> {
        self.shared.came.borrow().clone()
    }

    /// Waits until this many requests came.
    pub async fn wait(&self, number: usize) -> Vec<Came> {
        let mut came = self.shared.came.subscribe();
        let enough = came.wait_for(|came| came.len() >= number);
        tokio::time::timeout(super::PATIENCE, enough).await.expect("requests").unwrap().clone()
    }

    /// Lets the held answers go.
    pub fn go(&self) {
        self.shared.go.notify_one();
    }
}

async fn answer(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let say = shared.script.lock().unwrap().pop_front().unwrap_or(Say::This(500, "no script"));
    shared.came.send_modify(|came| came.push(Came { headers, body: body.to_vec() }));
    let (status, body) = match say {
        Say::This(status, body) => (status, body),
        Say::Held(status, body) => {
            shared.go.notified().await;
            (status, body)
        }
    };
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}
