//! `tombolo send`: an HL7 v2 client over MLLP.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo send`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("doors")
}
