//! `tombolo map`: checks, tests, proves, explains and composes mappings.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Subcommand;

use super::Global;
use super::tell::{Look, Tell};
use super::translate::{party, program};
use crate::error::{Error, Kind, Result};
use crate::fhir::Severity;
use crate::translate::compose::compose;
use crate::translate::{Library, Party, compile, examples, laws, spaces};

/// Arguments of `tombolo map`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Whose mappings they are
    #[arg(long, value_name = "NAME", default_value = "local", global = true)]
    party: String,
}

#[derive(Subcommand)]
enum Verb {
    /// Check mapping files and print every mistake with its place and a hint
    Check {
        /// Mappings; all without a name
        names: Vec<String>,
    },
    /// Run the tests in the mappings' folders
    Test {
        /// Mappings; all without a name
        names: Vec<String>,
        /// Write the FHIR files anew into this mappings folder
        #[arg(long, value_name = "DIR")]
        bless: Option<PathBuf>,
    },
    /// Prove the laws on the mappings' samples and on random edits
    Laws {
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
    },
    /// Show for every FHIR value of a record the slot, codec and mapping line it comes from
    Explain {
        /// The mapping
        name: String,
        /// The record
        file: PathBuf,
        /// One JSON object per value
        #[arg(long)]
        json: bool,
    },
    /// Show what of one mapping's FHIR another can write, and which required slots stay empty
    Compose {
        /// The mapping that reads
        from: String,
        /// The mapping that writes
        to: String,
    },
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let (library, tell) = (global.library()?, global.tell());
    let party = party(&args.party, global)?;
    let failures = match args.verb {
        Verb::Check { names } => {
            let names = chosen(&library, names)?;
            let failures = check(&library, &tell, &names);
            tell_conflicts(&library, &tell, &party, &names);
            failures
        }
        Verb::Test { names, bless } => {
            test(&library, &tell, &party, &chosen(&library, names)?, bless.as_deref())?
        }
        Verb::Laws { names, cases, seed, corpus } => {
            let names = chosen(&library, names)?;
            prove(&library, &tell, &party, &names, cases, seed, corpus.as_deref())?
        }
        Verb::Explain { name, file, json } => explain(&library, &tell, &party, &name, &file, json)?,
        Verb::Compose { from, to } => report(&library, &tell, &party, &from, &to)?,
    };
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The named mappings, or all.
fn chosen(library: &Library, names: Vec<String>) -> Result<Vec<String>> {
    let all = library.names();
    if names.is_empty() {
        return Ok(all);
    }
    if let Some(unknown) = names.iter().find(|n| !all.contains(n)) {
        let what = format!("there is no mapping '{unknown}'");
        return Err(Error::new(Kind::Usage, what).advise(format!("there are: {}", all.join(", "))));
    }
    Ok(names)
}

fn check(library: &Library, tell: &Tell, names: &[String]) -> usize {
    let mut failures = 0;
    for name in names {
        let diagnostics = library.check(std::slice::from_ref(name));
        let errors = diagnostics.iter().filter(|d| d.severity >= Severity::Error).count();
        eprint!("{}", compile::render(&diagnostics));
        failures += errors;
        let warnings = diagnostics.len() - errors;
        let word = if errors == 0 {
            tell.paint(Look::Green, tell.pick(("ok", "通过")))
        } else {
            tell.paint(Look::Red, tell.pick(("broken", "有错")))
        };
        let counts = match tell.lang {
            super::tell::Lang::En => format!("{errors} errors, {warnings} warnings"),
            super::tell::Lang::Zh => format!("{errors} 个错误，{warnings} 个警告"),
        };
        tell.say(format_args!("{word} {name}: {counts}"));
    }
    failures
}

/// M025: keys of different shape for one space, should one party use these mappings.
fn tell_conflicts(library: &Library, tell: &Tell, party: &Party, names: &[String]) {
    let programs: Vec<_> = names.iter().filter_map(|n| library.program(n, party).ok()).collect();
    for conflict in spaces::conflicts(&programs) {
        let word = tell.paint(Look::Yellow, tell.pick(("warning", "警告")));
        let of_one = tell.pick(("M025 (if one party uses both):", "M025（若同一机构使用两者）："));
        tell.say(format_args!("{word} {of_one} {}", conflict.line()));
    }
}

fn test(
    library: &Library,
    tell: &Tell,
    party: &Party,
    names: &[String],
    bless: Option<&std::path::Path>,
) -> Result<usize> {
    let mut failures = 0;
    for name in names {
        let program = program(library, name, party)?;
        let outcome = examples::run(&program, &library.tests(name));
        if let Some(folder) = bless {
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
        verdict(tell, name, outcome.passed, outcome.failures.len());
    }
    Ok(failures)
}

fn verdict(tell: &Tell, name: &str, passed: usize, failed: usize) {
    let word = if failed == 0 {
        tell.paint(Look::Green, tell.pick(("ok", "通过")))
    } else {
        tell.paint(Look::Red, tell.pick(("failed", "失败")))
    };
    let counts = match tell.lang {
        super::tell::Lang::En => format!("{passed} passed, {failed} failed"),
        super::tell::Lang::Zh => format!("通过 {passed}，失败 {failed}"),
    };
    tell.say(format_args!("{word} {name}: {counts}"));
}

fn prove(
    library: &Library,
    tell: &Tell,
    party: &Party,
    names: &[String],
    cases: usize,
    seed: u64,
    corpus: Option<&std::path::Path>,
) -> Result<usize> {
    let mut failures = 0;
    for name in names {
        let start = Instant::now();
        let program = program(library, name, party)?;
        let files = library.tests(name);
        let mut samples: Vec<(String, Vec<u8>)> =
            examples::inputs(&files).map(|(n, b)| (n.to_owned(), b.to_vec())).collect();
        if let Some(corpus) = corpus {
            samples.extend(super::corpus::taken_by(name, library, party, corpus)?);
        }
        let report = laws::laws(&program, &samples, cases, seed);
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
        verdict(tell, name, checked, report.failed);
        tell.say(format_args!("   {}  {:.1} s", counts.join(", "), start.elapsed().as_secs_f32()));
    }
    Ok(failures)
}

fn explain(
    library: &Library,
    tell: &Tell,
    party: &Party,
    name: &str,
    file: &std::path::Path,
    json: bool,
) -> Result<usize> {
    let program = program(library, name, party)?;
    let bytes = std::fs::read(file)
        .map_err(|e| Error::new(Kind::Usage, e.to_string()).at(file.display().to_string()))?;
    let charsets =
        crate::legacy::Charsets { mapping: program.charset, ..crate::legacy::Charsets::default() };
    for record in &program.schema.read(&bytes, &charsets)?.records {
        for value in crate::translate::explain::explain(&program, record) {
            if json {
                tell.say(value.to_json());
            } else {
                tell.say(value.line());
            }
        }
    }
    Ok(0)
}

fn report(library: &Library, tell: &Tell, party: &Party, from: &str, to: &str) -> Result<usize> {
    let (from, to) = (program(library, from, party)?, program(library, to, party)?);
    let report = compose(&from, &to);
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
