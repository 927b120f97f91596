//! `tombolo map diff`: what another version of a mapping changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::corpus;
use super::super::tell::{Lang, Look};
use super::At;
use crate::error::{Error, Kind, Result};
use crate::legacy::Charsets;
use crate::translate::diff::{Bump, Change, changes, is_enough, reasons};
use crate::translate::{Library, Program, examples, get};

/// Arguments of `tombolo map diff`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The old mapping: its folder, or NAME@MAPPINGS-FOLDER, or NAME as it is in use
    old: String,
    /// The new mapping, likewise
    new: String,
    /// Files and folders of records; without it the samples of both mappings
    #[arg(long, value_name = "PATH", num_args = 1..)]
    corpus: Vec<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Exit 1 if the version of the new mapping is lower than it should be
    #[arg(long)]
    strict: bool,
}

/// One of the two mappings.
struct Side {
    name: String,
    library: Option<Library>,
    program: Arc<Program>,
}

/// What a file's records became.
struct Compared {
    file: String,
    record: usize,
    changes: Vec<Change>,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let (old, new) = (side(&args.old, at)?, side(&args.new, at)?);
    let mut records = 0;
    let mut compared = Vec::new();
    for (file, bytes) in samples(args, at, &old, &new)? {
        records += compare(&file, &bytes, &old.program, &new.program, &mut compared);
    }
    let reasons = reasons(&old.program, &new.program);
    let due = reasons.iter().map(|reason| reason.bump).max();
    let due = due
        .or((!compared.is_empty() || old.program.hash != new.program.hash).then_some(Bump::Patch));
    let (was, is) = (&old.program.version, &new.program.version);
    let enough = due.is_none_or(|due| is_enough(was, is, due));
    if args.json {
        let one = |c: &Compared| {
            json!({
                "file": c.file, "record": c.record,
                "changes": c.changes.iter().map(Change::to_json).collect::<Vec<_>>(),
            })
        };
        let reason = |r: &crate::translate::diff::Reason| json!({ "bump": r.bump.word(), "what": r.what, "which": r.which });
        at.tell.say(json!({
            "records": records,
            "changed": compared.iter().map(one).collect::<Vec<Json>>(),
            "reasons": reasons.iter().map(reason).collect::<Vec<Json>>(),
            "version": { "old": was, "new": is },
            "due": due.map(Bump::word),
            "enough": enough,
        }));
    } else {
        say_changes(&compared, records, at);
        for reason in &reasons {
            let word = at.tell.paint(look(reason.bump), reason.bump.word());
            at.tell.say(format_args!("{word} {}: {}", reason.what, reason.which));
        }
        say_version(was, is, due, enough, at);
    }
    Ok(usize::from(args.strict && !enough))
}

/// `DIR/NAME` with a mapping.yaml, `NAME@DIR`, `NAME`.
fn side(text: &str, at: &At) -> Result<Side> {
    let (name, folder) = match text.rsplit_once('@') {
        Some((name, folder)) => (name.to_owned(), Some(PathBuf::from(folder))),
        None if Path::new(text).join("mapping.yaml").is_file() => {
            let path = std::fs::canonicalize(text)
                .map_err(|e| Error::new(Kind::Usage, e.to_string()).at(text.to_owned()))?;
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            (name.unwrap_or_default(), path.parent().map(Path::to_path_buf))
        }
        None => (text.to_owned(), None),
    };
    let Some(folder) = folder else {
        at.chosen(std::slice::from_ref(&name))?;
        let program = at.program(&name)?;
        return Ok(Side { name, library: None, program });
    };
    let library = Library::open(&[folder])?;
    let program = super::program(&library, &name, at.party)?;
    Ok(Side { name, library: Some(library), program })
}

/// The records to compare by: the corpus, or the samples of both sides, each content once.
fn samples(args: &Args, at: &At, old: &Side, new: &Side) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = BTreeMap::new();
    for side in [old, new] {
        let library = side.library.as_ref().unwrap_or(at.library);
        if args.corpus.is_empty() {
            let files = library.tests(&side.name);
            let own = examples::inputs(&files).map(|(n, b)| (n.to_owned(), b.to_vec()));
            all.extend(own.map(|(name, bytes)| ((name, bytes), ())));
        }
        for path in &args.corpus {
            let taken = corpus::taken_by(&side.name, library, at.party, path)?;
            all.extend(taken.into_iter().map(|sample| (sample, ())));
        }
    }
    Ok(all.into_keys().collect())
}

/// Translates the records of a file both ways; gives their number.
fn compare(
    file: &str,
    bytes: &[u8],
    old: &Program,
    new: &Program,
    compared: &mut Vec<Compared>,
) -> usize {
    let bundles = |program: &Program| -> Vec<Json> {
        let charsets =
            Charsets { mapping: program.charset, carry_raw: true, ..Charsets::default() };
        let Ok(file) = program.schema.read(bytes, &charsets) else { return Vec::new() };
        let made = file.records.iter().map(|record| get::get(program, record).bundle);
        made.map(|bundle| serde_json::from_str(&bundle).unwrap_or_default()).collect()
    };
    let (was, is) = (bundles(old), bundles(new));
    let nothing = Json::Null;
    let count = was.len().max(is.len());
    for n in 0..count {
        let changes = changes(was.get(n).unwrap_or(&nothing), is.get(n).unwrap_or(&nothing));
        if !changes.is_empty() {
            compared.push(Compared { file: file.to_owned(), record: n + 1, changes });
        }
    }
    count
}

fn say_changes(compared: &[Compared], records: usize, at: &At) {
    let tell = at.tell;
    let mut by_path: BTreeMap<String, usize> = BTreeMap::new();
    for Compared { file, record, changes } in compared {
        let place = match tell.lang {
            Lang::En => format!("{file} record {record}"),
            Lang::Zh => format!("{file} 第 {record} 条"),
        };
        tell.say(tell.paint(Look::Bold, place));
        for change in changes {
            tell.say(format_args!("  {}  {}", change.resource, change.line()));
            *by_path.entry(without_numbers(&change.path)).or_default() += 1;
        }
    }
    let (changed, values) =
        (compared.len(), compared.iter().map(|c| c.changes.len()).sum::<usize>());
    match tell.lang {
        Lang::En => {
            tell.say(format_args!("{changed} of {records} records differ, in {values} values"))
        }
        Lang::Zh => tell.say(format_args!("{records} 条记录中 {changed} 条有差异，共 {values} 处")),
    }
    for (path, count) in by_path {
        tell.say(format_args!("  {count:>6}  {path}"));
    }
}

/// `Patient.name[0].text` → `Patient.name.text`.
fn without_numbers(path: &str) -> String {
    let parts = path.split('[');
    parts.map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

fn say_version(was: &str, is: &str, due: Option<Bump>, enough: bool, at: &At) {
    let tell = at.tell;
    let Some(due) = due else {
        tell.say(tell.pick(("no new version is due", "无需新版本号")));
        return;
    };
    let wanted = due.after(was).unwrap_or_else(|| "?".to_owned());
    let word = due.word();
    let text = match tell.lang {
        Lang::En => format!("version {was} → {is}; due: {word}, {wanted} or higher"),
        Lang::Zh => format!("版本 {was} → {is}；应升级：{word}，至少 {wanted}"),
    };
    tell.say(tell.paint(if enough { Look::Green } else { Look::Red }, text));
}

fn look(bump: Bump) -> Look {
    match bump {
        Bump::Major => Look::Red,
        Bump::Minor => Look::Yellow,
        Bump::Patch => Look::Dim,
    }
}
