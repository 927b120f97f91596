//! `tombolo map laws`: the laws on the mappings' samples, on a corpus and on random edits.

use std::path::PathBuf;
use std::time::Instant;

use super::super::corpus;
use super::At;
use crate::error::Result;
use crate::translate::{examples, laws};

/// Arguments of `tombolo map laws`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Mappings; all without a name
    names: Vec<String>,
    /// Random edits per mapping
    #[arg(long, default_value_t = 1000)]
    cases: usize,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder of further records: those that the mapping takes are samples too
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let tell = at.tell;
    let mut failures = 0;
    for name in &at.chosen(&args.names)? {
        let start = Instant::now();
        let program = at.program(name)?;
        let files = at.library.tests(name);
        let mut samples: Vec<(String, Vec<u8>)> =
            examples::inputs(&files).map(|(n, b)| (n.to_owned(), b.to_vec())).collect();
        if let Some(corpus) = &args.corpus {
            samples.extend(corpus::taken_by(name, at.library, at.party, corpus)?);
        }
        let report = laws::laws(&program, &samples, args.cases, args.seed);
        for failure in &report.failures {
            tell.say(failure);
        }
        if report.failed > report.failures.len() {
            tell.say(format_args!("… {}", report.failed - report.failures.len()));
        }
        failures += report.failed;
        let counts: Vec<String> =
            report.checked.iter().map(|(l, n)| format!("{l:?} {n}")).collect();
        let checked = report.checked.iter().map(|(_, n)| n).sum::<usize>() - report.failed;
        at.verdict(name, checked, report.failed);
        tell.say(format_args!("   {}  {:.1} s", counts.join(", "), start.elapsed().as_secs_f32()));
    }
    Ok(failures)
}
