//! Accepts HTTP connections, with limits on their number and their patience, and drains them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Config;
use crate::observe::{self, Metric};

/// Greatest size of a request's head, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// How long to wait after the system refused to accept (out of file descriptors).
const REFUSED: Duration = Duration::from_millis(100);

/// Serves until `stop`; then takes no more connections, lets requests in progress end for as long
/// as the configuration says, and returns.
pub async fn serve(listener: TcpListener, router: Router, config: Config, stop: CancellationToken) {
    let seats = Arc::new(Semaphore::new(config.max_connections));
    let open = TaskTracker::new();
    loop {
        let seat = tokio::select! {
            () = stop.cancelled() => break,
            seat = seats.clone().acquire_owned() => seat,
        };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(REFUSED).await;
                    continue;
                }
            },
        };
        let (router, stop, idle) = (router.clone(), stop.clone(), config.idle);
        open.spawn(async move {
            observe::count(Metric::HttpConnections, &[], 1);
            connection(stream, peer, router, idle, stop).await;
            observe::count(Metric::HttpConnections, &[], -1);
            drop(seat);
        });
    }
    drop(listener);
    open.close();
    if timeout(config.drain, open.wait()).await.is_err() {
        tracing::warn!(connections = open.len(), "stopped with requests in progress");
    }
}

/// One connection, until its peer closes it, or until it is idle after `stop`.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    idle: Duration,
    stop: CancellationToken,
) {
    // Without it, small answers wait for the peer's delayed acknowledgement.
    let _best_effort = stream.set_nodelay(true);
    let service = router.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(MAX_HEAD);
    let connection =
        server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
