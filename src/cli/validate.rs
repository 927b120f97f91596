//! `tombolo validate`: what is wrong with FHIR resources.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use super::tell::Look;
use super::{Global, Tell};
use crate::error::{Error, Kind, Result};
use crate::fhir::json::{self, Limits};
use crate::fhir::outcome::{has_errors, outcome};
use crate::fhir::{Issue, Severity};
use crate::validate;

/// Arguments of `tombolo validate`.
#[derive(clap::Args)]
pub struct Args {
    /// `text` for people; `json` prints one OperationOutcome per resource, in order
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Form,
    /// Resources as JSON, or as NDJSON where the name ends in .ndjson; `-` is stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let tell = global.tell();
    let (mut resources, mut wrong) = (0_usize, 0_usize);
    for file in &args.files {
        let text = read(file)?;
        let shown =
            if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
        for (place, text) in parts(file, &shown, &text) {
            let issues = check(text);
            resources += 1;
            wrong += usize::from(has_errors(&issues));
            match args.format {
                Form::Json => tell.say(outcome(&issues)),
                Form::Text => issues.iter().for_each(|issue| line(&tell, &place, issue)),
            }
        }
    }
    if args.format == Form::Text {
        let text = match (tell.lang, wrong) {
            (super::Lang::En, 0) => format!("{resources} checked, all fine"),
            (super::Lang::En, _) => format!("{resources} checked, {wrong} with errors"),
            (super::Lang::Zh, 0) => format!("检查了 {resources} 个资源，没有错误"),
            (super::Lang::Zh, _) => format!("检查了 {resources} 个资源，{wrong} 个有错误"),
        };
        tell.say(tell.paint(if wrong == 0 { Look::Green } else { Look::Red }, text));
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The text of a file, or of stdin.
fn read(file: &Path) -> Result<String> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|e| {
        Error::new(Kind::Usage, "cannot be read").at(file.display().to_string()).because(e)
    })
}

/// The resources of a file, each with its place.
fn parts<'a>(file: &Path, shown: &str, text: &'a str) -> Vec<(String, &'a str)> {
    if file.extension().is_none_or(|extension| extension != "ndjson") {
        return vec![(shown.to_owned(), text)];
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(n, line)| (format!("{shown}:{}", n + 1), line)).collect()
}

/// What is wrong with one resource.
fn check(text: &str) -> Vec<Issue> {
    match json::parse(text.as_bytes(), Limits::default()) {
        Ok(resource) => validate::structure(&resource),
        Err(error) => vec![Issue::error(error.kind, format!("not JSON: {error}"))],
    }
}

fn line(tell: &Tell, place: &str, issue: &Issue) {
    let look = match issue.severity {
        Severity::Error | Severity::Fatal => Look::Red,
        Severity::Warning => Look::Yellow,
        Severity::Information => Look::Dim,
    };
    let line = issue.line();
    let (word, rest) = line.split_once(':').unwrap_or((&line, ""));
    tell.say(format_args!("{place}: {}:{rest}", tell.paint(look, word)));
}
