//! `tombolo map concepts`: the code tables of mappings as ConceptMaps.

use std::path::PathBuf;

use super::super::definitions::write;
use super::At;
use crate::error::Result;
use crate::translate::artefacts::concepts;

/// Arguments of `tombolo map concepts`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Mappings; all without a name
    names: Vec<String>,
    /// A folder to write a file per table to [default: print one resource a line]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    for name in &at.chosen(&args.names)? {
        for map in concepts::maps(&*at.program(name)?) {
            match &args.out {
                Some(folder) => at.tell.say(write(folder, &map)?.display()),
                None => at.tell.say(map),
            }
        }
    }
    Ok(0)
}
