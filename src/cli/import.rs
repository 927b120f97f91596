//! `tombolo import`: NDJSON and Bundle files into the store.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo import`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("serve")
}
