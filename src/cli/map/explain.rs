//! `tombolo map explain`: where every value of a record comes from; with `--put`, where every slot
//! of a written record comes from.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::At;
use crate::error::{Error, Kind, Result};
use crate::legacy::Charsets;
use crate::translate::explain::explain;
use crate::translate::explain_put::{Written, explain_put};
use crate::translate::{Output, Program, put};

/// Arguments of `tombolo map explain`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The mapping
    name: String,
    /// The record
    #[arg(required_unless_present = "put", conflicts_with = "put")]
    file: Option<PathBuf>,
    /// Explain the record that is written from this Bundle (several: one JSON document per record)
    #[arg(long, value_name = "BUNDLE")]
    put: Option<PathBuf>,
    /// Written over this record: only what differs is shown
    #[arg(long, value_name = "FILE", requires = "put")]
    original: Option<PathBuf>,
    /// One JSON object per value
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let program = at.program(&args.name)?;
    if let Some(bundle) = &args.put {
        return back(args, &program, bundle, at);
    }
    let Some(file) = &args.file else { return Ok(0) };
    for record in &super::records(&program, file)?.records {
        for value in explain(&program, record) {
            if args.json {
                at.tell.say(value.to_json());
            } else {
                at.tell.say(value.line());
            }
        }
    }
    Ok(0)
}

fn back(args: &Args, program: &Program, bundle: &Path, at: &At) -> Result<usize> {
    let bytes = super::read(bundle)?;
    let bundles: Result<Vec<Json>, _> =
        serde_json::Deserializer::from_slice(&bytes).into_iter().collect();
    let bundles = bundles.map_err(|e| {
        let what = format!("the input is not JSON: {e}");
        Error::new(Kind::Structure, what).at(bundle.display().to_string())
    })?;
    let mut missing = 0;
    match &args.original {
        Some(file) => {
            let original = super::records(program, file)?;
            let output = put::put_file(program, &bundles, &original)?;
            let charset = original.records.first().map(|record| record.text().charset);
            missing += tell_issues(&output, at);
            let charsets = Charsets { channel: charset, ..Charsets::default() };
            let written = program.schema.read(&output.bytes, &charsets)?;
            for (old, new) in original.records.iter().zip(&written.records) {
                say(&explain_put(program, Some(old), new), args, at);
            }
        }
        None => {
            for output in bundles.iter().flat_map(|bundle| put::create(program, bundle)) {
                missing += tell_issues(&output, at);
                let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
                for record in &program.schema.read(&output.bytes, &charsets)?.records {
                    say(&explain_put(program, None, record), args, at);
                }
            }
        }
    }
    Ok(missing)
}

/// Says what was lost; gives the number of required slots that stay empty.
fn tell_issues(output: &Output, at: &At) -> usize {
    output.issues.iter().for_each(|issue| at.tell.note(issue.line()));
    output.missing.iter().for_each(|(slot, _)| at.tell.note(format_args!("required: {slot}")));
    output.missing.len()
}

fn say(written: &[Written], args: &Args, at: &At) {
    for slot in written {
        if args.json {
            at.tell.say(slot.to_json());
        } else {
            at.tell.say(slot.line());
        }
    }
}
