//! `tombolo map compose`: what of one mapping's FHIR another can write, before any record is seen.

use super::super::tell::Look;
use super::At;
use crate::error::Result;
use crate::translate::compose::compose;

/// Arguments of `tombolo map compose`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The mapping that reads
    from: String,
    /// The mapping that writes
    to: String,
    /// One JSON object: `filled`, `missing` (with the FHIR paths that would fill it), `lost`
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let tell = at.tell;
    let (from, to) = (at.program(&args.from)?, at.program(&args.to)?);
    let report = compose(&from, &to);
    if args.json {
        tell.say(report.to_json());
        return Ok(0);
    }
    let paths =
        |paths: &[String]| if paths.is_empty() { "-".to_owned() } else { paths.join(" | ") };
    for (slot, by) in &report.filled {
        tell.say(format_args!(
            "{} {slot}  <- {}",
            tell.paint(Look::Green, tell.pick(("filled", "已有"))),
            paths(by)
        ));
    }
    for (slot, by) in &report.missing {
        tell.say(format_args!(
            "{} {slot}  <- {}",
            tell.paint(Look::Red, tell.pick(("missing", "缺少"))),
            paths(by)
        ));
    }
    for path in &report.lost {
        tell.say(format_args!("{} {path}", tell.paint(Look::Yellow, tell.pick(("lost", "丢失")))));
    }
    Ok(0)
}
