//! `tombolo map test`: the goldens and edits in the mappings' folders.

use std::path::PathBuf;

use super::super::tell::Look;
use super::At;
use crate::error::{Error, Kind, Result};
use crate::translate::examples;

/// Arguments of `tombolo map test`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Mappings; all without a name
    names: Vec<String>,
    /// Write the FHIR files anew into this mappings folder
    #[arg(long, value_name = "DIR")]
    bless: Option<PathBuf>,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let tell = at.tell;
    let mut failures = 0;
    for name in &at.chosen(&args.names)? {
        let program = at.program(name)?;
        let outcome = examples::run(&program, &at.library.tests(name));
        if let Some(folder) = &args.bless {
            for (file, text) in &outcome.goldens {
                let path = folder.join(name).join("tests").join(file);
                std::fs::write(&path, text).map_err(|e| {
                    Error::new(Kind::Usage, e.to_string()).at(path.display().to_string())
                })?;
            }
            continue;
        }
        for failure in &outcome.failures {
            tell.say(failure);
        }
        for (pos, path) in &outcome.unexercised {
            let what = tell.pick(("M017: no test exercises", "M017：没有测试用到"));
            tell.say(format_args!(
                "{} {} {what} {path}",
                tell.paint(Look::Yellow, tell.pick(("warning", "警告"))),
                program.place(*pos)
            ));
        }
        failures += outcome.failures.len();
        at.verdict(name, outcome.passed, outcome.failures.len());
    }
    Ok(failures)
}
