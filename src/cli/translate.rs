//! `tombolo translate`: legacy records to FHIR, back, and from one format to another.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::Value;

use super::Global;
use super::database::interchange;
use crate::error::{Error, Kind, Result};
use crate::fhir::Issue;
use crate::fhir::outcome::{Severity, outcome};
use crate::legacy::sql::{self, Policy};
use crate::legacy::{Charsets, File, Record, Schema};
use crate::translate::explain::explain;
use crate::translate::{Library, Output, Party, Program, get, put};

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
    /// With --over: print what the database would be told, one statement per line
    #[arg(long, requires = "over")]
    pub statements: bool,
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
    /// A file that new records are written behind: it is printed with them
    #[arg(long, value_name = "FILE", conflicts_with = "over")]
    pub append: Option<std::path::PathBuf>,
    /// The input; `-` is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: std::path::PathBuf,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let library = global.library()?;
    let party = party(&args.party, global)?;
    let input = read_input(&args.file)?;
    let mut out = Out::default();
    let bundles = if args.from == "fhir" {
        bundles(&input)?
    } else {
        let program = source(&library, &args, &party, &input)?;
        if args.from == "auto" {
            eprintln!("mapping: {}", program.name);
        }
        let input = interchange(&args.file, &program, input)?;
        from_legacy(&args, &program, &input, &mut out)?
    };
    if args.to != "fhir" {
        let program = program(&library, &args.to, &party)?;
        to_legacy(&args, &program, &bundles, &mut out)?;
    }
    out.finish(&args)
}

/// What is written and said.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    issues: Vec<Issue>,
    missing: Vec<(String, Vec<String>)>,
    failed: bool,
}

impl Out {
    fn finish(self, args: &Args) -> Result<ExitCode> {
        std::io::stdout().write_all(&self.bytes).map_err(|e| io("stdout", &e))?;
        for issue in &self.issues {
            eprintln!("{}", issue.line());
        }
        for (slot, paths) in &self.missing {
            eprintln!("required: {slot}{}", filled_by(paths));
        }
        if let Some(file) = &args.issues {
            let mut issues = self.issues;
            issues.extend(self.missing.iter().map(|(slot, paths)| {
                Issue::error(Kind::Required, format!("required: {slot}{}", filled_by(paths)))
            }));
            let text = serde_json::to_vec_pretty(&outcome(&issues)).unwrap_or_default();
            std::fs::write(file, text).map_err(|e| io(&file.display().to_string(), &e))?;
        }
        let failed = self.failed || !self.missing.is_empty();
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn add(&mut self, output: Output) {
        self.failed |= output.bytes.is_empty();
        self.bytes.extend(output.bytes);
        self.issues.extend(output.issues);
        self.missing.extend(output.missing);
    }
}

fn filled_by(paths: &[String]) -> String {
    if paths.is_empty() { String::new() } else { format!("  (filled by {})", paths.join(" or ")) }
}

/// Legacy records → Bundles; printed unless they go on to another mapping.
fn from_legacy(
    args: &Args,
    program: &Arc<Program>,
    input: &[u8],
    out: &mut Out,
) -> Result<Vec<Value>> {
    let file = read_file(program, input)?;
    for (span, error) in &file.broken {
        let bytes = file.text.byte_range(*span);
        out.issues.push(Issue::from(error).spot("record", bytes));
        out.failed = true;
    }
    let mut bundles = Vec::new();
    for record in &file.records {
        let translated = get::get(program, record);
        out.issues.extend(translated.issues.into_iter().map(as_warning));
        if args.explain {
            explain(program, record).iter().for_each(|e| eprintln!("{}", e.line()));
        }
        if args.to != "fhir" {
            let bundle = serde_json::from_str(&translated.bundle);
            bundles.push(bundle.map_err(|e| Error::new(Kind::Internal, e.to_string()))?);
        } else if args.pretty {
            let bundle: Value = serde_json::from_str(&translated.bundle).unwrap_or_default();
            out.bytes.extend(serde_json::to_vec_pretty(&bundle).unwrap_or_default());
            out.bytes.push(b'\n');
        } else {
            out.bytes.extend(translated.bundle.into_bytes());
            out.bytes.push(b'\n');
        }
    }
    Ok(bundles)
}

/// A bad leaf is left out and reported; translating goes on (a channel decides otherwise).
fn as_warning(mut issue: Issue) -> Issue {
    issue.severity = issue.severity.min(Severity::Warning);
    issue
}

/// Bundles → legacy records, over an original or new.
fn to_legacy(args: &Args, program: &Arc<Program>, bundles: &[Value], out: &mut Out) -> Result<()> {
    let Some(original) = &args.over else {
        let mut files: Vec<Vec<u8>> = Vec::new();
        if let Some(file) = &args.append {
            files.push(read_input(file)?);
        }
        for mut output in bundles.iter().flat_map(|b| put::create(program, b)) {
            let bytes = std::mem::take(&mut output.bytes);
            out.failed |= bytes.is_empty();
            out.issues.extend(output.issues);
            out.missing.extend(output.missing);
            files.extend((!bytes.is_empty()).then_some(bytes));
        }
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        out.bytes.extend(put::joined(program, &files)?);
        return Ok(());
    };
    let bytes = interchange(original, program, read_input(original)?)?;
    let file = read_file(program, &bytes)?;
    let mut output = put::put_file(program, bundles, &file)?;
    if args.statements {
        output.bytes = statements(program, &file, &output.bytes)?;
        out.bytes.append(&mut output.bytes);
        out.issues.append(&mut output.issues);
        return Ok(());
    }
    out.add(output);
    Ok(())
}

/// What a database would be told, one statement per line, its parameters behind it.
fn statements(program: &Program, before: &File, after: &[u8]) -> Result<Vec<u8>> {
    let Schema::Sql(schema) = &program.schema else {
        let what = format!("'{}' writes no tables", program.name);
        return Err(Error::new(Kind::Usage, what).advise("leave --statements out"));
    };
    if schema.write == Policy::None {
        let what = format!("'{}' says put.write: none", program.name);
        return Err(Error::new(Kind::Usage, what).advise("write `write: outbox` under `put`"));
    }
    let after = read_file(program, after)?;
    let mut text = String::new();
    for (old, new) in before.records.iter().zip(&after.records) {
        if let (Record::Sql(old), Record::Sql(new)) = (old, new) {
            for statement in sql::statements(old, new)? {
                text += &format!("{statement}\n");
            }
        }
    }
    Ok(text.into_bytes())
}

fn read_file(program: &Program, input: &[u8]) -> Result<File> {
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    program.schema.read(input, &charsets)
}

/// NDJSON, one JSON document, or a lone resource.
fn bundles(input: &[u8]) -> Result<Vec<Value>> {
    let values = serde_json::Deserializer::from_slice(input).into_iter::<Value>();
    values
        .map(|v| v.map_err(|e| Error::new(Kind::Structure, format!("the input is not JSON: {e}"))))
        .collect()
}

fn source(library: &Library, args: &Args, party: &Party, input: &[u8]) -> Result<Arc<Program>> {
    if args.from == "auto" {
        return library.choose(&library.names(), party, input);
    }
    program(library, &args.from, party)
}

/// A mapping by name; its mistakes are printed as source snippets.
pub(super) fn program(library: &Library, name: &str, party: &Party) -> Result<Arc<Program>> {
    library.program(name, party).map_err(|diagnostics| {
        eprintln!("{}", crate::translate::compile::render(&diagnostics));
        Error::new(Kind::Usage, format!("mapping '{name}' has {} mistakes", diagnostics.len()))
            .advise(format!("mend them and run: tombolo map check {name}"))
    })
}

/// The party by its key in the configuration; a name that is configured nowhere is a bare party.
pub(super) fn party(name: &str, global: &Global) -> Result<Party> {
    let bare = Party { name: name.to_owned(), title: name.to_owned(), uscc: None };
    let Some(file) = global.config_file() else { return Ok(bare) };
    let config = crate::config::Config::read(&file)?;
    Ok(config.party(name).unwrap_or(bare))
}

fn read_input(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|e| io("stdin", &e))?;
        return Ok(bytes);
    }
    std::fs::read(path).map_err(|e| io(&path.display().to_string(), &e))
}

fn io(place: &str, error: &std::io::Error) -> Error {
    Error::new(Kind::Usage, error.to_string()).at(place)
}
