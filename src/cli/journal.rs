//! `tombolo journal`: inbound messages: list, show, replay.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo journal`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("doors")
}
