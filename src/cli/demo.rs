//! `tombolo demo`: three simulated parties around a real gateway, over real sockets.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Play the story once, print what each party holds, and exit
    #[arg(long)]
    pub once: bool,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("core")
}
