//! `tombolo translate`: legacy records to FHIR, back, and from one format to another.

use std::process::ExitCode;

use super::Global;
use crate::error::Result;

/// Arguments of `tombolo translate`.
#[derive(clap::Args)]
pub struct Args {
    /// The mapping of the input, `auto`, or `fhir`
    #[arg(long, value_name = "MAPPING", default_value = "auto")]
    pub from: String,
    /// The mapping of the output, or `fhir`
    #[arg(long, value_name = "MAPPING", default_value = "fhir")]
    pub to: String,
    /// The original record to edit
    #[arg(long, value_name = "ORIGINAL")]
    pub over: Option<std::path::PathBuf>,
    /// Whose record it is
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub party: String,
    /// Show for every value where it comes from
    #[arg(long)]
    pub explain: bool,
    /// Indent the JSON
    #[arg(long)]
    pub pretty: bool,
    /// Write the issues to this file as an OperationOutcome
    #[arg(long, value_name = "FILE")]
    pub issues: Option<std::path::PathBuf>,
    /// The input; `-` is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: std::path::PathBuf,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let _ = (args, global);
    todo!("core")
}
