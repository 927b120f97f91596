//! `tombolo map coverage`: what becomes of every slot of a format.

use std::path::PathBuf;

use super::super::corpus;
use super::super::tell::{Lang, Look};
use super::At;
use crate::error::Result;
use crate::legacy::Charsets;
use crate::translate::coverage::{Class, Collector, Coverage};
use crate::translate::examples;
use crate::translate::plan::Rest;

/// Arguments of `tombolo map coverage`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Mappings; all without a name
    names: Vec<String>,
    /// Files and folders of further records: those that the mapping takes are looked at too
    #[arg(long, value_name = "PATH", num_args = 1..)]
    corpus: Vec<PathBuf>,
    /// List all slots, not only those that are carried or ignored
    #[arg(long)]
    all: bool,
    /// Exit 1 if a slot is neither mapped nor ignored
    #[arg(long)]
    strict: bool,
    /// One JSON object per mapping
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, at: &At) -> Result<usize> {
    let mut unaccounted = 0;
    for name in &at.chosen(&args.names)? {
        let coverage = cover(name, args, at)?;
        unaccounted += coverage.unaccounted();
        if args.json {
            at.tell.say(coverage.to_json());
        } else {
            say(&coverage, args, at);
        }
    }
    Ok(if args.strict { unaccounted } else { 0 })
}

/// Looks at the samples of a mapping, and at the corpus.
fn cover(name: &str, args: &Args, at: &At) -> Result<Coverage> {
    let program = at.program(name)?;
    let files = at.library.tests(name);
    let mut samples: Vec<Vec<u8>> = examples::inputs(&files).map(|(_, b)| b.to_vec()).collect();
    for path in &args.corpus {
        let taken = corpus::taken_by(name, at.library, at.party, path)?;
        samples.extend(taken.into_iter().map(|(_, bytes)| bytes));
    }
    let charsets = Charsets { mapping: program.charset, carry_raw: true, ..Charsets::default() };
    let mut collector = Collector::new(&program);
    for bytes in samples {
        // What cannot be read is for `map test` to say.
        if let Ok(file) = program.schema.read(&bytes, &charsets) {
            file.records.iter().for_each(|record| collector.see(record));
        }
    }
    Ok(collector.finish())
}

fn say(coverage: &Coverage, args: &Args, at: &At) {
    let tell = at.tell;
    let Coverage { mapping, version, records, .. } = coverage;
    let count = |class| coverage.of(class).count();
    let counts = [
        (count(Class::Mapped), ("mapped", "已映射")),
        (count(Class::PutOnly), ("put only", "仅写出")),
        (count(Class::Format), ("of the format", "格式自用")),
        (count(Class::Ignored), ("ignored", "已忽略")),
        (coverage.unaccounted(), rest(coverage.rest)),
    ];
    let counts = counts.map(|(n, pair)| match tell.lang {
        Lang::En => format!("{n} {}", tell.pick(pair)),
        Lang::Zh => format!("{} {n}", tell.pick(pair)),
    });
    let records = match tell.lang {
        Lang::En => format!("{records} records"),
        Lang::Zh => format!("{records} 条记录"),
    };
    let name = tell.paint(Look::Bold, format_args!("{mapping} {version}"));
    tell.say(format_args!("{name}  {records}: {}", counts.join(", ")));
    let width = coverage.slots.iter().map(|s| s.name.chars().count()).max().unwrap_or(0).min(40);
    for slot in &coverage.slots {
        let (look, word) = match slot.class {
            Class::Carried => (Look::Yellow, rest(coverage.rest)),
            Class::Ignored => (Look::Dim, ("ignored", "已忽略")),
            _ if !args.all => continue,
            Class::Mapped => (Look::Green, ("mapped", "已映射")),
            Class::PutOnly => (Look::Green, ("put only", "仅写出")),
            Class::Format => (Look::Dim, ("format", "格式自用")),
        };
        let share = match tell.lang {
            Lang::En => format!("in {} of {}", slot.records, coverage.records),
            Lang::Zh => format!("{}/{}", slot.records, coverage.records),
        };
        let reason = slot.reason.as_ref().map(|r| format!("  {r}")).unwrap_or_default();
        tell.say(format_args!(
            "  {} {:width$}  {share}{reason}",
            tell.paint(look, tell.pick(word)),
            slot.name
        ));
    }
    let written = coverage.required.iter().filter(|(_, written)| *written).count();
    let all = coverage.required.len();
    match tell.lang {
        Lang::En => tell.say(format_args!("  required FHIR elements: {written} of {all} written")),
        Lang::Zh => tell.say(format_args!("  FHIR 必填元素：{all} 个中写出 {written} 个")),
    }
    for (path, _) in coverage.required.iter().filter(|(_, written)| !written) {
        let word = tell.paint(Look::Red, tell.pick(("not written", "未写出")));
        tell.say(format_args!("  {word} {path}"));
    }
}

fn rest(rest: Rest) -> super::super::tell::Pair {
    match rest {
        Rest::Carry => ("carried", "仅保留"),
        Rest::Drop => ("dropped", "丢弃"),
        Rest::Reject => ("rejected", "拒收"),
    }
}
