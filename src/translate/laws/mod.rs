//! Laws: what makes a two-way mapping trustworthy, checked on records and on random edits.
//!
//! | law | statement |
//! |---|---|
//! | Determinism | `get(s)` twice is byte-equal |
//! | GetPut | `put(get(s), s) = s`, byte for byte |
//! | PutGet | `get(put(v', s)) = v'` for a random edit v' of `get(s)` |
//! | Frame | in PutGet, slots that no rule claims keep their text |
//! | CreateGet | `get(create(v))` says every value of `v` that a slot gave |
//!
//! Each PutGet case edits one leaf, or inserts, removes or reorders items of one list, so a failure
//! names the rule it breaks. A failing case is shrunk: to the fewest other values in the record,
//! then to the shortest value, with which it still fails.
//!
//! * [`edit`]: what may be edited, and random edits of it
//! * [`vary`]: records generated from samples
//! * [`compare`]: what must be equal afterwards
//! * [`random`]: values in the range of a leaf

mod compare;
mod edit;
mod random;
mod vary;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value as Json;

use super::get::get;
use super::plan::Program;
use super::put::{create, put};
use crate::legacy::{Charsets, Record};
use compare::Facts;
use edit::Edit;
use vary::Change;

/// A law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// No clock, no random numbers.
    Determinism,
    /// An untouched view changes nothing.
    GetPut,
    /// An edited view is what is read afterwards.
    PutGet,
    /// What no rule claims stays.
    Frame,
    /// A new record says what the view says.
    CreateGet,
}

/// What was checked, and what failed.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Cases per law.
    pub checked: Vec<(Law, usize)>,
    /// The first failures, one line each.
    pub failures: Vec<String>,
    /// Number of all failures.
    pub failed: usize,
}

/// A record of a sample file.
struct Sample<'s> {
    name: &'s str,
    record: Record,
    /// Which of its file it is, from 0.
    nth: usize,
}

/// Failures that are kept word for word.
const SHOWN: usize = 20;

/// Parts that random cases are done in.
const PARTS: usize = 16;

impl Report {
    fn add(&mut self, other: Report) {
        for (law, count) in other.checked {
            match self.checked.iter_mut().find(|(l, _)| *l == law) {
                Some((_, all)) => *all += count,
                None => self.checked.push((law, count)),
            }
        }
        self.failed += other.failed;
        let room = SHOWN.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }

    fn case(&mut self, law: Law, failure: Option<String>) {
        match self.checked.iter_mut().find(|(l, _)| *l == law) {
            Some((_, count)) => *count += 1,
            None => self.checked.push((law, 1)),
        }
        if let Some(text) = failure {
            self.failed += 1;
            if self.failures.len() < SHOWN {
                self.failures.push(format!("{law:?} fails: {text}"));
            }
        }
    }
}

/// Checks the laws on sample files and on records generated from them: `cases` random edits in all.
pub fn laws(program: &Program, samples: &[(String, Vec<u8>)], cases: usize, seed: u64) -> Report {
    let mut report = Report::default();
    let facts = Facts::new(program);
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    let mut records = Vec::new();
    for (name, bytes) in samples {
        match program.schema.read(bytes, &charsets) {
            Ok(file) => {
                let all = file.records.into_iter().enumerate();
                records.extend(all.map(|(nth, record)| Sample { name, record, nth }));
            }
            Err(error) => report.case(Law::GetPut, Some(format!("{name}: {error}"))),
        }
    }
    for sample in &records {
        steady(program, sample.name, &sample.record, &mut report);
        created(&facts, sample.name, &sample.record, &mut report);
    }
    if records.is_empty() {
        return report;
    }
    // In parts with random numbers of their own: the same cases on any number of threads.
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(PARTS);
    let mut parts: Vec<(usize, Report)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= PARTS {
                    return done;
                }
                let cases = (part + 1) * cases / PARTS - part * cases / PARTS;
                done.push((
                    part,
                    random_cases(&facts, &records, cases, seed ^ ((part as u64) << 32)),
                ));
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    parts.sort_by_key(|(part, _)| *part);
    parts.into_iter().for_each(|(_, part)| report.add(part));
    report
}

/// Random edits of random records.
fn random_cases(facts: &Facts, records: &[Sample], cases: usize, seed: u64) -> Report {
    let mut report = Report::default();
    let mut rng = fastrand::Rng::with_seed(seed);
    let program = facts.program;
    for _ in 0..cases {
        let sample = &records[rng.usize(..records.len())];
        // Half of the edits are made to generated records: samples with other values in their slots.
        let changes =
            if rng.bool() { vary::changes(program, &sample.record, &mut rng) } else { Vec::new() };
        let generated = vary::apply(program, sample, &changes);
        let record = generated.as_ref().unwrap_or(&sample.record);
        if generated.is_some() {
            steady(program, sample.name, record, &mut report);
        }
        if let Some(edit) = edit::random(facts, record, &mut rng) {
            edited(facts, sample, &changes, edit, &mut report);
        }
    }
    report
}

fn steady(program: &Program, name: &str, record: &Record, report: &mut Report) {
    let (first, second) = (get(program, record).bundle, get(program, record).bundle);
    let same = first == second;
    report.case(Law::Determinism, (!same).then(|| format!("{name}: two readings differ")));
    let bundle: Json = match serde_json::from_str(&first) {
        Ok(bundle) => bundle,
        Err(error) => {
            report.case(Law::GetPut, Some(format!("{name}: the Bundle is not JSON: {error}")));
            return;
        }
    };
    let output = put(program, &bundle, record);
    let original = &record.text().bytes;
    let failure = (output.bytes[..] != original[..])
        .then(|| format!("{name}: {}", compare::first_difference(original, &output.bytes)));
    report.case(Law::GetPut, failure);
}

fn created(facts: &Facts, name: &str, record: &Record, report: &mut Report) {
    let program = facts.program;
    if !program.schema.can_create() {
        return;
    }
    let Ok(bundle) = serde_json::from_str::<Json>(&get(program, record).bundle) else { return };
    for output in create(program, &bundle) {
        let lost = output.issues.iter().find(|issue| {
            issue.text.starts_with("lost:")
                && issue.path.as_ref().is_none_or(|path| !facts.unsayable(path))
        });
        report.case(Law::CreateGet, lost.map(|issue| format!("{name}: {}", issue.line())));
    }
}

/// One PutGet and Frame case on a sample with these changes; shrunk if it fails.
fn edited(facts: &Facts, sample: &Sample, changes: &[Change], edit: Edit, report: &mut Report) {
    let check = |changes: &[Change], edit: &Edit| {
        let generated = vary::apply(facts.program, sample, changes);
        edit.check(facts, generated.as_ref().unwrap_or(&sample.record), sample.nth)
    };
    let Some(found) = check(changes, &edit) else { return };
    let (put_get, frame) = (found.put_get.is_some(), found.frame.is_some());
    let (mut changes, mut edit, mut found) = (changes.to_vec(), edit, found);
    if put_get || frame {
        let fails = |found: &edit::Found| {
            found.put_get.is_some() == put_get && found.frame.is_some() == frame
        };
        let mut n = 0;
        while n < changes.len() {
            let mut fewer = changes.clone();
            fewer.remove(n);
            match check(&fewer, &edit).filter(fails) {
                Some(smaller) => (changes, found) = (fewer, smaller),
                None => n += 1,
            }
        }
        while let Some((shorter, smaller)) = edit.shorter(facts).into_iter().find_map(|shorter| {
            let found = check(&changes, &shorter).filter(fails)?;
            Some((shorter, found))
        }) {
            (edit, found) = (shorter, smaller);
        }
    }
    let (name, with) = (sample.name, vary::shown(&changes));
    let say = |what: String| format!("{} of {name}{with}: {what}", edit.shown(facts.program));
    report.case(Law::PutGet, found.put_get.map(say));
    if !edit.removes() {
        report.case(Law::Frame, found.frame.map(say));
    }
}
