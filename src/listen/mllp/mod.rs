//! HL7 v2 over TCP, in MLLP frames.
//!
//! Each connection is a task: it cuts messages out of the stream, hands one after the other to the
//! flow, and answers each as soon as it is durable, in the order they came. Many connections share
//! the store's `fsync`, so throughput grows with the number of senders.

pub mod client;
pub mod frame;

mod connection;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connection::Connection;
use super::Running;
use super::config::Mllp;
use crate::error::{Error, Kind, Result};
use crate::flow::Inbound;
use crate::observe::{Metric, count};

/// The pause after the system refused to give us a connection; it doubles up to a second.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens the door.
pub async fn start(config: Mllp, inbound: Inbound, shutdown: CancellationToken) -> Result<Running> {
    let failed = |e: std::io::Error| {
        Error::new(Kind::Usage, format!("cannot listen on {}", config.address))
            .at(format!("inbound.{}.mllp", inbound.channel().name))
            .advise("choose a free port and an address of this machine")
            .because(e)
    };
    let listener = TcpListener::bind(config.address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let door = Door {
        places: Arc::new(Semaphore::new(config.connections)),
        config: Arc::new(config),
        inbound,
        shutdown,
    };
    tracing::info!(channel = door.inbound.channel().name, %address, "listening for HL7 v2");
    Ok(Running { address: Some(address), task: tokio::spawn(door.run(listener)) })
}

/// Everything a connection shares.
#[derive(Clone)]
struct Door {
    config: Arc<Mllp>,
    inbound: Inbound,
    shutdown: CancellationToken,
    places: Arc<Semaphore>,
}

impl Door {
    /// Accepts until told to stop, then waits for the connections to finish.
    async fn run(self, listener: TcpListener) {
        let connections = TaskTracker::new();
        let mut pause = PAUSE;
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, peer)) => {
                    pause = PAUSE;
                    self.welcome(socket, peer, &connections);
                }
                Err(error) => {
                    let channel = &self.inbound.channel().name;
                    tracing::warn!(channel, %error, "the system gives no connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }

    fn welcome(&self, socket: TcpStream, peer: SocketAddr, connections: &TaskTracker) {
        let channel = &self.inbound.channel().name;
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            self.trouble("too many connections", 1);
            let limit = self.config.connections;
            tracing::warn!(channel, %peer, limit, "too many connections: this one is closed");
            return;
        };
        let connection = Connection::new(self.clone(), socket, peer);
        connections.spawn(async move {
            connection.run().await;
            drop(place);
        });
    }

    /// Counts what should not happen.
    fn trouble(&self, kind: &str, by: u64) {
        if let (1.., Ok(by)) = (by, i64::try_from(by)) {
            count(Metric::MllpTroubles, &[&self.inbound.channel().name, kind], by);
        }
    }
}
