//! `tombolo map check`: every mistake of mapping files, with its place and a hint.

use super::super::tell::{Lang, Look};
use super::At;
use crate::error::Result;
use crate::fhir::Severity;
use crate::translate::{compile, spaces};

/// Arguments of `tombolo map check`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Mappings; all without a name
    names: Vec<String>,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let names = at.chosen(&args.names)?;
    let tell = at.tell;
    let mut failures = 0;
    for name in &names {
        let diagnostics = at.library.check(std::slice::from_ref(name));
        let errors = diagnostics.iter().filter(|d| d.severity >= Severity::Error).count();
        if !diagnostics.is_empty() {
            at.tell.note(compile::render(&diagnostics));
        }
        failures += errors;
        let warnings = diagnostics.len() - errors;
        let word = if errors == 0 {
            tell.paint(Look::Green, tell.pick(("ok", "通过")))
        } else {
            tell.paint(Look::Red, tell.pick(("broken", "有错")))
        };
        let counts = match tell.lang {
            Lang::En => format!("{errors} errors, {warnings} warnings"),
            Lang::Zh => format!("{errors} 个错误，{warnings} 个警告"),
        };
        tell.say(format_args!("{word} {name}: {counts}"));
    }
    tell_conflicts(at, &names);
    Ok(failures)
}

/// M025: keys of different shape for one space, should one party use these mappings.
fn tell_conflicts(at: &At, names: &[String]) {
    let tell = at.tell;
    let programs: Vec<_> =
        names.iter().filter_map(|n| at.library.program(n, at.party).ok()).collect();
    for conflict in spaces::conflicts(&programs) {
        let word = tell.paint(Look::Yellow, tell.pick(("warning", "警告")));
        let of_one = tell.pick(("M025 (if one party uses both):", "M025（若同一机构使用两者）："));
        tell.say(format_args!("{word} {of_one} {}", conflict.line()));
    }
}
