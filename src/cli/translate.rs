//! `tombolo translate`: legacy records to FHIR, back, and from one format to another.

use std::io::{BufWriter, Cursor, Read, Stdout, Write};
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

/// Issues that are written to a file; of more, the number.
const MOST_ISSUES: usize = 10_000;

/// Bytes that `auto` looks at before it reads the whole.
const START: u64 = 1 << 20;

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
    /// Write the issues to this file as an OperationOutcome: the first 10,000, and how many more
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
    let input = open_input(&args.file)?;
    let mut out = Out::new(&args);
    let done = translate(&args, &library, &party, input, &mut out);
    if let Err(error) = &done {
        out.keep(Issue::from(error));
    }
    let code = out.finish(&args)?;
    done.map(|()| code)
}

fn translate(
    args: &Args,
    library: &Library,
    party: &Party,
    mut input: Box<dyn Read>,
    out: &mut Out,
) -> Result<()> {
    let bundles = if args.from == "fhir" {
        bundles(&read_whole(&mut input, &args.file)?)?
    } else {
        let (program, input) = source(library, args, party, input)?;
        if args.from == "auto" {
            eprintln!("mapping: {}", program.name);
        }
        from_legacy(args, &program, input, out)?
    };
    if args.to != "fhir" {
        let program = program(library, &args.to, party)?;
        to_legacy(args, &program, &bundles, out)?;
    }
    Ok(())
}

/// What is written and said, a part of the input at a time.
struct Out {
    stdout: BufWriter<Stdout>,
    /// Lines to say, after what is written.
    lines: Vec<String>,
    /// For the file of issues; none if it is not asked for.
    issues: Option<Vec<Issue>>,
    /// Issues that the file has no room for.
    more: usize,
    failed: bool,
}

impl Out {
    fn new(args: &Args) -> Out {
        Out {
            stdout: BufWriter::with_capacity(1 << 16, std::io::stdout()),
            lines: Vec::new(),
            issues: args.issues.as_ref().map(|_| Vec::new()),
            more: 0,
            failed: false,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stdout.write_all(bytes).map_err(|e| io("stdout", &e))
    }

    fn issue(&mut self, issue: Issue) {
        self.lines.push(issue.line());
        self.keep(issue);
    }

    fn keep(&mut self, issue: Issue) {
        match &mut self.issues {
            Some(issues) if issues.len() < MOST_ISSUES => issues.push(issue),
            Some(_) => self.more += 1,
            None => {}
        }
    }

    /// Says what became of a put, and gives its bytes.
    fn tell(&mut self, output: Output) -> Vec<u8> {
        self.failed |= output.bytes.is_empty() || !output.missing.is_empty();
        output.issues.into_iter().for_each(|issue| self.issue(issue));
        for (slot, paths) in &output.missing {
            let text = format!("required: {slot}{}", filled_by(paths));
            self.lines.push(text.clone());
            self.keep(Issue::error(Kind::Required, text));
        }
        output.bytes
    }

    /// Writes and says what there is so far.
    fn flush(&mut self) -> Result<()> {
        let flushed = self.stdout.flush().map_err(|e| io("stdout", &e));
        self.lines.drain(..).for_each(|line| eprintln!("{line}"));
        flushed
    }

    fn finish(mut self, args: &Args) -> Result<ExitCode> {
        self.flush()?;
        if let (Some(file), Some(mut issues)) = (&args.issues, self.issues) {
            if self.more > 0 {
                let text = format!("{} more issues are not listed here", self.more);
                issues.push(Issue::new(Severity::Information, "incomplete", text));
            }
            let text = serde_json::to_vec_pretty(&outcome(&issues)).unwrap_or_default();
            std::fs::write(file, text).map_err(|e| io(&file.display().to_string(), &e))?;
        }
        Ok(if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn filled_by(paths: &[String]) -> String {
    if paths.is_empty() { String::new() } else { format!("  (filled by {})", paths.join(" or ")) }
}

/// Legacy records → Bundles; printed unless they go on to another mapping. Delimited text is read in
/// parts, so that a file of any size takes little memory; other formats are read whole.
fn from_legacy(
    args: &Args,
    program: &Arc<Program>,
    input: Box<dyn Read>,
    out: &mut Out,
) -> Result<Vec<Value>> {
    let mut bundles = Vec::new();
    match program.schema.chunks(input, charsets(program)) {
        Ok(parts) => {
            for part in parts {
                from_file(args, program, &part?, &mut bundles, out)?;
            }
        }
        Err(mut input) => {
            let bytes = read_whole(&mut input, &args.file)?;
            let file = read_file(program, &interchange(&args.file, program, bytes)?)?;
            from_file(args, program, &file, &mut bundles, out)?;
        }
    }
    Ok(bundles)
}

fn from_file(
    args: &Args,
    program: &Program,
    file: &File,
    bundles: &mut Vec<Value>,
    out: &mut Out,
) -> Result<()> {
    for (span, error) in &file.broken {
        let bytes = file.text.byte_place(*span);
        out.issue(Issue::from(error).spot("record", bytes));
        out.failed = true;
    }
    for record in &file.records {
        let translated = get::get(program, record);
        translated.issues.into_iter().for_each(|issue| out.issue(as_warning(issue)));
        if args.explain {
            explain(program, record).iter().for_each(|e| eprintln!("{}", e.line()));
        }
        if args.to != "fhir" {
            let bundle = serde_json::from_str(&translated.bundle);
            bundles.push(bundle.map_err(|e| Error::new(Kind::Internal, e.to_string()))?);
        } else if args.pretty {
            let bundle: Value = serde_json::from_str(&translated.bundle).unwrap_or_default();
            out.write(&serde_json::to_vec_pretty(&bundle).unwrap_or_default())?;
            out.write(b"\n")?;
        } else {
            out.write(translated.bundle.as_bytes())?;
            out.write(b"\n")?;
        }
    }
    out.flush()
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
        for output in bundles.iter().flat_map(|b| put::create(program, b)) {
            let bytes = out.tell(output);
            files.extend((!bytes.is_empty()).then_some(bytes));
        }
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        return out.write(&put::joined(program, &files)?);
    };
    let bytes = interchange(original, program, read_input(original)?)?;
    let file = read_file(program, &bytes)?;
    let output = put::put_file(program, bundles, &file)?;
    if args.statements {
        let text = statements(program, &file, &output.bytes)?;
        output.issues.into_iter().for_each(|issue| out.issue(issue));
        return out.write(&text);
    }
    let bytes = out.tell(output);
    out.write(&bytes)
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
    program.schema.read(input, &charsets(program))
}

fn charsets(program: &Program) -> Charsets {
    Charsets { mapping: program.charset, ..Charsets::default() }
}

/// NDJSON, one JSON document, or a lone resource.
fn bundles(input: &[u8]) -> Result<Vec<Value>> {
    let values = serde_json::Deserializer::from_slice(input).into_iter::<Value>();
    values
        .map(|v| v.map_err(|e| Error::new(Kind::Structure, format!("the input is not JSON: {e}"))))
        .collect()
}

/// The mapping of the input, and the whole input again. `auto` looks at the start of delimited text,
/// at the whole of other formats.
fn source(
    library: &Library,
    args: &Args,
    party: &Party,
    mut input: Box<dyn Read>,
) -> Result<(Arc<Program>, Box<dyn Read>)> {
    if args.from != "auto" {
        return Ok((program(library, &args.from, party)?, input));
    }
    let start = read_whole(&mut input.by_ref().take(START), &args.file)?;
    let chosen = library.choose(&library.names(), party, &start);
    if let Ok(program) = &chosen
        && program.schema.chunks(std::io::empty(), Charsets::default()).is_ok()
    {
        return Ok((program.clone(), Box::new(Cursor::new(start).chain(input))));
    }
    let rest = read_whole(&mut input, &args.file)?;
    if rest.is_empty() {
        return Ok((chosen?, Box::new(Cursor::new(start))));
    }
    let whole = [start, rest].concat();
    let program = library.choose(&library.names(), party, &whole)?;
    Ok((program, Box::new(Cursor::new(whole))))
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

fn open_input(path: &Path) -> Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = std::fs::File::open(path).map_err(|e| io(&shown(path), &e))?;
    Ok(Box::new(file))
}

fn read_input(path: &Path) -> Result<Vec<u8>> {
    read_whole(&mut open_input(path)?, path)
}

fn read_whole(input: &mut dyn Read, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|e| io(&shown(path), &e))?;
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
}

fn io(place: &str, error: &std::io::Error) -> Error {
    Error::new(Kind::Usage, error.to_string()).at(place)
}
