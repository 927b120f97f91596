//! `tombolo export`: the store's resources as NDJSON, one file per type.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo export`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("serve")
}
