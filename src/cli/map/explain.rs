//! `tombolo map explain`: where every value of a record comes from.

use std::path::PathBuf;

use super::At;
use crate::error::Result;
use crate::translate::explain::explain;

/// Arguments of `tombolo map explain`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The mapping
    name: String,
    /// The record
    file: PathBuf,
    /// One JSON object per value
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let program = at.program(&args.name)?;
    for record in &super::records(&program, &args.file)?.records {
        for value in explain(&program, record) {
            if args.json {
                at.tell.say(value.to_json());
            } else {
                at.tell.say(value.line());
            }
        }
    }
    Ok(0)
}
