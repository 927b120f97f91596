//! Doors inward: MLLP, HTTP, file drops.
//!
//! A door accepts connections, cuts what comes into transfers within its limits, and hands each to
//! [`Inbound`], which knows everything else; what comes back it tells in its own protocol, or as
//! the place a file is moved to.
//!
//! * [`mllp`]: HL7 v2 over TCP
//! * [`http`]: `POST /in/NAME`
//! * [`files`]: a folder that files are dropped into

pub mod config;
pub mod files;
pub mod http;
pub mod mllp;

use std::net::SocketAddr;

use tokio::task::JoinHandle;

pub use config::Config;

/// A door that is open.
#[derive(Debug)]
pub struct Running {
    /// Where it listens, with the port the system chose if the configuration says 0; none for a
    /// folder.
    pub address: Option<SocketAddr>,
    /// Ends after the door was told to shut down and has finished what it was working on.
    pub task: JoinHandle<()>,
}
