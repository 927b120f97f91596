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
//! Each PutGet case edits one leaf or one list item, so a failure names the rule it breaks.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::compose::each_leaf;
use super::explain::dotted;
use super::get::{get, trace};
use super::plan::{Flag, Guard, Input, Leaf, Object, Program, Value};
use super::put::{create, put};
use crate::legacy::{Charsets, Record, Write};

mod random;

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

/// Failures that are kept word for word.
const SHOWN: usize = 20;

impl Report {
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
    let mut rng = fastrand::Rng::with_seed(seed);
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    let mut records = Vec::new();
    for (name, bytes) in samples {
        match program.schema.read(bytes, &charsets) {
            Ok(file) => records.extend(file.records.into_iter().map(|r| (name.clone(), r))),
            Err(error) => report.case(Law::GetPut, Some(format!("{name}: {error}"))),
        }
    }
    for (name, record) in &records {
        steady(program, name, record, &mut report);
        created(program, name, record, &mut report);
    }
    if records.is_empty() {
        return report;
    }
    for _ in 0..cases {
        let (name, sample) = &records[rng.usize(..records.len())];
        // Half of the edits are made to generated records: samples with other values in their slots.
        let generated = if rng.bool() { vary(program, sample, &mut rng) } else { None };
        let record = generated.as_ref().unwrap_or(sample);
        if generated.is_some() {
            steady(program, name, record, &mut report);
        }
        edited(program, name, record, &mut rng, &mut report);
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
        .then(|| format!("{name}: {}", first_difference(original, &output.bytes)));
    report.case(Law::GetPut, failure);
}

fn first_difference(a: &[u8], b: &[u8]) -> String {
    let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let shown = |s: &[u8]| {
        let (from, to) = (at.saturating_sub(20).min(s.len()), (at + 30).min(s.len()));
        String::from_utf8_lossy(&s[from..to]).into_owned()
    };
    format!("byte {at}: had '{}', got '{}'", shown(a), shown(b))
}

fn created(program: &Program, name: &str, record: &Record, report: &mut Report) {
    let Ok(bundle) = serde_json::from_str::<Json>(&get(program, record).bundle) else { return };
    let exempt = exempt_paths(program);
    for output in create(program, &bundle) {
        let lost = output.issues.iter().find(|issue| {
            issue.text.starts_with("lost:")
                && issue.path.as_ref().is_none_or(|path| !exempt.contains(&undotted(path)))
        });
        report.case(Law::CreateGet, lost.map(|issue| format!("{name}: {}", issue.line())));
    }
}

/// Paths whose value no slot of a new record can hold: read from the message's event, declared
/// lossy, or following another slot.
fn exempt_paths(program: &Program) -> BTreeSet<String> {
    let mut exempt = BTreeSet::new();
    for rule in &program.rules {
        each_leaf(&rule.body, &mut rule.kind.clone(), &mut |path, leaf| {
            let free = matches!(leaf.input, Input::About(_) | Input::Nothing);
            if free || leaf.lossy.is_some() || leaf.flag != Flag::Own {
                exempt.insert(path.to_owned());
            }
        });
    }
    exempt
}

/// `Patient.name[0].text` → `Patient.name.text`.
fn undotted(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// A leaf occurrence that may be edited.
struct Spot<'a> {
    entry: usize,
    pointer: String,
    leaf: &'a Leaf,
}

fn edited(
    program: &Program,
    name: &str,
    record: &Record,
    rng: &mut fastrand::Rng,
    report: &mut Report,
) {
    let text = get(program, record).bundle;
    let Ok(before) = serde_json::from_str::<Json>(&text) else { return };
    let (eval, trace) = trace(program, record);
    let entry_of = |reference: &str| {
        let entries = before["entry"].as_array()?;
        entries.iter().position(|e| e["request"]["url"] == reference)
    };
    let mut spots = Vec::new();
    for traced in &trace {
        let leaf = traced.leaf;
        let instance = &eval.instances[traced.instance];
        let slots = matches!(leaf.input, Input::Slots(_) | Input::Scanned(..) | Input::Cases(_));
        let editable = slots && leaf.flag == Flag::Own && !leaf.in_key;
        let Some(entry) = instance.reference.as_deref().and_then(entry_of) else { continue };
        // A default or fallback that was read instead is not this leaf's slot.
        let stands = match &leaf.input {
            Input::Slots(_) => eval.input_one(&leaf.input, traced.scope).is_some(),
            _ => true,
        };
        if editable && stands {
            let pointer = traced.pointer.clone();
            spots.push(Spot { entry, pointer, leaf });
        }
    }
    if spots.is_empty() {
        return;
    }
    let spot = &spots[rng.usize(..spots.len())];
    let place = format!("/entry/{}/resource{}", spot.entry, spot.pointer);
    let Some(old) = before.pointer(&place).cloned() else { return };
    let Some(new) = random::another(program, &eval.around, spot.leaf, &old, rng) else { return };
    let mut wanted = before.clone();
    if let Some(value) = wanted.pointer_mut(&place) {
        *value = new.clone();
    }
    let output = put(program, &wanted, record);
    let charsets = Charsets { channel: Some(record.text().charset), ..Charsets::default() };
    let say = |what: String| {
        let kind = wanted["entry"][spot.entry]["resource"]["resourceType"].as_str().unwrap_or("?");
        let rule = program.place(spot.leaf.pos);
        let slots = spot.leaf.slots.join(" ");
        Some(format!(
            "{rule} {kind}{}: edit {old} -> {new} in {slots} of {name}: {what}",
            dotted(&spot.pointer)
        ))
    };
    let index = line_index(record);
    let file = match program.schema.read(&output.bytes, &charsets) {
        Ok(file) => file,
        Err(error) => {
            return report.case(Law::PutGet, say(format!("cannot be read again: {error}")));
        }
    };
    let Some(written) = file.records.get(index).or(file.records.first()) else {
        return report.case(Law::PutGet, say("no record is left".to_owned()));
    };
    let after: Json = serde_json::from_str(&get(program, written).bundle).unwrap_or_default();
    let derived = derived_paths(program);
    let (want, got) = (without(&wanted, &derived), without(&after, &derived));
    // A value that a guard looks at decides which other parts there are: the edit itself must be
    // read again, or be refused aloud.
    let decides = guarded(program, spot.leaf);
    let itself = after.pointer(&place) == Some(&new);
    let aloud = output.issues.iter().any(|issue| issue.text.starts_with("lost:"));
    let failure = if want == got || (decides && (itself || aloud)) {
        None
    } else {
        say(difference(&want, &got))
    };
    report.case(Law::PutGet, failure);
    let unclaimed = |r: &Record| unclaimed(program, r);
    let frame = unclaimed(record) == unclaimed(written);
    report.case(Law::Frame, if frame { None } else { say("an unclaimed slot changed".to_owned()) });
}

/// Whether some guard of the mapping looks at a slot of this leaf.
fn guarded(program: &Program, leaf: &Leaf) -> bool {
    let Input::Slots(slots) = &leaf.input else { return false };
    let mine = |input: &Input| match input {
        Input::Slots(other) => {
            other.iter().flatten().any(|s| slots.iter().flatten().any(|m| m == s))
        }
        _ => false,
    };
    let mut guards: Vec<&Guard> = Vec::new();
    for rule in &program.rules {
        guards.extend(&rule.when);
        collect_guards(&rule.body, &mut guards);
    }
    let arms = program.choices.iter().flat_map(|c| &c.branches);
    guards.extend(arms.filter_map(|arm| arm.when.as_ref()));
    guards.into_iter().any(|guard| looks_at(guard, &mine))
}

fn collect_guards<'p>(object: &'p Object, guards: &mut Vec<&'p Guard>) {
    for field in &object.fields {
        guards.extend(&field.when);
        match &field.value {
            Value::Object(inner) => collect_guards(inner, guards),
            Value::List(items) => {
                for item in items {
                    guards.extend(&item.when);
                    if let Value::Object(inner) = &item.value {
                        collect_guards(inner, guards);
                    }
                }
            }
            _ => {}
        }
    }
}

fn looks_at(guard: &Guard, mine: &dyn Fn(&Input) -> bool) -> bool {
    match guard {
        Guard::All(guards) | Guard::Any(guards) => guards.iter().any(|g| looks_at(g, mine)),
        Guard::Not(inner) => looks_at(inner, mine),
        Guard::Present(input) | Guard::Matches(input, _) => mine(input),
        Guard::Is { input, .. } | Guard::IsNot { input, .. } => mine(input),
        Guard::Fits { id, birth, sex } => [id, birth, sex].iter().any(|leaf| mine(&leaf.input)),
        Guard::Exists(_) => false,
    }
}

/// Records of one file share its text; which one this is.
fn line_index(record: &Record) -> usize {
    record.about("index").and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Paths whose values follow an owner elsewhere.
fn derived_paths(program: &Program) -> BTreeSet<String> {
    let mut derived = BTreeSet::new();
    for rule in &program.rules {
        each_leaf(&rule.body, &mut rule.kind.clone(), &mut |path, leaf| {
            // Computed slots follow what they are computed from.
            let computed = program.put.iter().any(|p| leaf.slots.contains(&p.shown));
            if leaf.flag != Flag::Own || computed {
                derived.insert(path.to_owned());
            }
        });
    }
    derived
}

/// The resources by reference, without derived values.
fn without(bundle: &Json, derived: &BTreeSet<String>) -> Vec<(String, Json)> {
    let mut list = Vec::new();
    for entry in bundle["entry"].as_array().into_iter().flatten() {
        let mut resource = entry["resource"].clone();
        let kind = resource["resourceType"].as_str().unwrap_or("").to_owned();
        prune(&mut resource, &kind, derived);
        list.push((entry["request"]["url"].as_str().unwrap_or("").to_owned(), resource));
    }
    list
}

fn prune(json: &mut Json, path: &str, derived: &BTreeSet<String>) {
    match json {
        Json::Object(map) => {
            map.retain(|key, _| !derived.contains(&format!("{path}.{key}")));
            for (key, value) in map.iter_mut() {
                prune(value, &format!("{path}.{key}"), derived);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|i| prune(i, path, derived)),
        _ => {}
    }
}

fn difference(want: &[(String, Json)], got: &[(String, Json)]) -> String {
    for (reference, resource) in want {
        match got.iter().find(|(r, _)| r == reference) {
            None => return format!("{reference} is gone"),
            Some((_, other)) if other != resource => {
                return format!("wanted {resource}, got {other}");
            }
            Some(_) => {}
        }
    }
    "another resource appeared".to_owned()
}

fn unclaimed(program: &Program, record: &Record) -> Vec<(String, String)> {
    let mut claimed: BTreeSet<&str> = program.put.iter().map(|p| &*p.shown).collect();
    for rule in &program.rules {
        each_leaf(&rule.body, &mut String::new(), &mut |_, leaf| {
            claimed.extend(leaf.slots.iter().flat_map(|s| s.split('|')));
        });
    }
    let mut values = Vec::new();
    record.each_value(&mut |slot, text| {
        // A slot below or above a claimed one belongs to it (`PID-13.1` and `PID-13`).
        let mine = claimed.iter().any(|c| {
            slot == *c
                || slot.strip_prefix(c).is_some_and(|r| r.starts_with(['.', '[', '/']))
                || c.strip_prefix(slot).is_some_and(|r| r.starts_with(['.', '[', '/']))
        });
        if !mine {
            values.push((slot.to_owned(), text.to_owned()));
        }
    });
    values
}

/// A record with other values in some of its slots.
fn vary(program: &Program, sample: &Record, rng: &mut fastrand::Rng) -> Option<Record> {
    let (eval, trace) = trace(program, sample);
    let mut editor = sample.edit();
    let mut any = false;
    for traced in &trace {
        let leaf = traced.leaf;
        if leaf.flag != Flag::Own || leaf.in_key || rng.u8(..4) != 0 {
            continue;
        }
        let Input::Slots(alternatives) = &leaf.input else { continue };
        let [slots] = &alternatives[..] else { continue };
        let old: Json = serde_json::from_str(&traced.json).ok()?;
        let Some(new) = random::another(program, &eval.around, leaf, &old, rng) else { continue };
        let Some(texts) = random::encoded(leaf, &eval.around, &new) else { continue };
        for (slot, text) in slots.iter().zip(texts) {
            if let Some(text) = text.filter(|t| !t.is_empty()) {
                any |= editor.write(traced.scope, slot, Write::Text(&text)).is_ok();
            }
        }
    }
    if !any {
        return None;
    }
    let edits = editor.finish().ok()?;
    let bytes = sample.text().splice(&edits).ok()?;
    let charsets = Charsets { channel: Some(sample.text().charset), ..Charsets::default() };
    let file = program.schema.read(&bytes, &charsets).ok()?;
    file.records.into_iter().nth(line_index(sample))
}
