//! Opening the store from the command line.

use super::Global;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::store::Store;

/// The store of the configuration, to look at; a gateway may be running on it.
pub fn reading(global: &Global) -> Result<Store> {
    Store::open_read_only(global.configuration()?.store.reveal())
}

/// The store of the configuration, to write; only one process may.
pub fn writing(config: &Config) -> Result<Store> {
    Store::open(config.store.reveal()).map_err(|error| match error.kind {
        Kind::Unreachable => Error {
            advice: Some(
                "stop the gateway that runs on this store, and start it again after".into(),
            ),
            ..error
        },
        _ => error,
    })
}
