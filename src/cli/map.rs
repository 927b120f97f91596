//! `tombolo map`: checks, tests, explains and composes mappings.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo map`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("core")
}
