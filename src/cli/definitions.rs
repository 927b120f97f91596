//! `tombolo definitions`: makes the tables of FHIR definitions that the binary embeds.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo definitions`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("fhir")
}
