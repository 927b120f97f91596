//! `tombolo serve`: the gateway.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo serve`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("serve")
}
