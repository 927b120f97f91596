//! Folder tests of a mapping: `tests/NN.EXT` with `NN.fhir.json` (golden get) and `NN.edits.yaml`
//! (FHIR edits → the exact legacy diff, and nothing else changes).
//!
//! A path of an edit is `Type.element[tag][0].element`, or begins with an alias of the mapping: `[tag]` is the item rule of that name in the
//! mapping, a number counts among the items left. `null` removes the element, or the resource.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::compose::each_leaf;
use super::get::{get, trace};
use super::marks::{bears, has_marks};
use super::plan::{Flag, Input, Object, Pos, Program, Value};
use super::put::put;
use crate::legacy::{Charsets, Record};

/// What folder tests showed.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Goldens and edits that were compared.
    pub passed: usize,
    /// One line each.
    pub failures: Vec<String>,
    /// M017: rules that no test exercises, as places in the mapping files with their FHIR paths.
    pub unexercised: Vec<(Pos, String)>,
    /// Golden files to write: name and content; for inputs that have none, or all with `bless`.
    pub goldens: Vec<(String, String)>,
}

/// Runs the tests of a mapping's folder. `files`: name and bytes, as in the folder.
pub fn run(program: &Program, files: &[(String, Vec<u8>)]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut exercised = BTreeSet::new();
    let find = |name: &str| files.iter().find(|(n, _)| n == name).map(|(_, b)| b.as_slice());
    for (name, bytes) in inputs(files) {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
        let records = match program.schema.read(bytes, &charsets) {
            Ok(file) => file.records,
            Err(error) => {
                outcome.failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        for record in &records {
            exercised.extend(trace(program, record).1.iter().map(|traced| place(traced.leaf.pos)));
        }
        golden(program, name, stem, &records, find(&format!("{stem}.fhir.json")), &mut outcome);
        if let Some(edits) = find(&format!("{stem}.edits.yaml")) {
            self::edits(program, name, edits, &records, &mut outcome);
        }
    }
    outcome.unexercised = unexercised(program, &exercised);
    outcome
}

fn place(pos: Pos) -> (u16, u32, u32) {
    (pos.file, pos.line, pos.column)
}

/// The leaves that own a slot and gave no value in any test.
fn unexercised(program: &Program, exercised: &BTreeSet<(u16, u32, u32)>) -> Vec<(Pos, String)> {
    let mut found = Vec::new();
    for rule in &program.rules {
        each_leaf(&rule.body, &mut rule.kind.clone(), &mut |path, leaf| {
            let owns = leaf.flag == Flag::Own && !matches!(leaf.input, Input::Nothing);
            if owns && !exercised.contains(&place(leaf.pos)) {
                found.push((leaf.pos, path.to_owned()));
            }
        });
    }
    found.sort_by_key(|(pos, _)| place(*pos));
    found.dedup_by_key(|(pos, _)| place(*pos));
    found
}

/// The inputs among the files of a test folder.
pub fn inputs(files: &[(String, Vec<u8>)]) -> impl Iterator<Item = (&str, &[u8])> {
    let other = |name: &str| name.ends_with(".fhir.json") || name.ends_with(".edits.yaml");
    files.iter().filter(move |(n, _)| !other(n)).map(|(n, b)| (n.as_str(), b.as_slice()))
}

fn golden(
    program: &Program,
    name: &str,
    stem: &str,
    records: &[Record],
    wanted: Option<&[u8]>,
    outcome: &mut Outcome,
) {
    let bundles: Vec<Json> = records
        .iter()
        .map(|r| serde_json::from_str(&get(program, r).bundle).unwrap_or_default())
        .collect();
    let got = if let [one] = &bundles[..] { one.clone() } else { Json::Array(bundles) };
    let text = serde_json::to_string_pretty(&got).unwrap_or_default() + "\n";
    outcome.goldens.push((format!("{stem}.fhir.json"), text));
    let Some(wanted) = wanted else { return };
    match serde_json::from_slice::<Json>(wanted) {
        Ok(wanted) if wanted == got => outcome.passed += 1,
        Ok(wanted) => {
            let at = first_difference(&wanted, &got, &mut String::new());
            outcome.failures.push(format!("{name}: differs from {stem}.fhir.json at {at}"));
        }
        Err(error) => outcome.failures.push(format!("{stem}.fhir.json: {error}")),
    }
}

fn first_difference(wanted: &Json, got: &Json, path: &mut String) -> String {
    match (wanted, got) {
        (Json::Object(a), Json::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let (x, y) = (a.get(key), b.get(key));
                if x != y {
                    *path += &format!(".{key}");
                    return first_difference(
                        x.unwrap_or(&Json::Null),
                        y.unwrap_or(&Json::Null),
                        path,
                    );
                }
            }
        }
        (Json::Array(a), Json::Array(b)) => {
            for n in 0..a.len().max(b.len()) {
                if a.get(n) != b.get(n) {
                    *path += &format!("[{n}]");
                    let (x, y) = (a.get(n), b.get(n));
                    return first_difference(
                        x.unwrap_or(&Json::Null),
                        y.unwrap_or(&Json::Null),
                        path,
                    );
                }
            }
        }
        _ => {}
    }
    let short = |v: &Json| v.to_string().chars().take(200).collect::<String>();
    format!("{path}: wanted {}, got {}", short(wanted), short(got))
}

/// A case of an edits file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// FHIR path → new value.
    edit: BTreeMap<String, Json>,
    /// Slot → its text afterwards; every other slot stays.
    expect: BTreeMap<String, String>,
    /// Which record of the file, from 0.
    #[serde(default)]
    record: usize,
}

fn edits(program: &Program, name: &str, yaml: &[u8], records: &[Record], outcome: &mut Outcome) {
    let text = String::from_utf8_lossy(yaml);
    let cases: Vec<Case> = match serde_saphyr::from_str(&text) {
        Ok(cases) => cases,
        Err(error) => return outcome.failures.push(format!("{name}: edits: {error}")),
    };
    for (n, case) in cases.iter().enumerate() {
        let Some(record) = records.get(case.record) else {
            outcome.failures.push(format!(
                "{name}: edit {}: there is no record {}",
                n + 1,
                case.record
            ));
            continue;
        };
        match one_case(program, record, case) {
            Ok(()) => outcome.passed += 1,
            Err(why) => outcome.failures.push(format!("{name}: edit {}: {why}", n + 1)),
        }
    }
}

fn one_case(program: &Program, record: &Record, case: &Case) -> Result<(), String> {
    let mut bundle: Json =
        serde_json::from_str(&get(program, record).bundle).map_err(|e| e.to_string())?;
    for (path, value) in &case.edit {
        edit(program, &mut bundle, path, value)?;
    }
    let output = put(program, &bundle, record);
    let charsets = Charsets { channel: Some(record.text().charset), ..Charsets::default() };
    let file = program.schema.read(&output.bytes, &charsets).map_err(|e| e.to_string())?;
    let Some(after) = file.records.get(case.record) else {
        return Err("the record is gone".to_owned());
    };
    let (before, after) = (values(record), values(after));
    let mut changed = BTreeMap::new();
    for slot in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(slot), after.get(slot));
        if old != new {
            changed.insert(slot.clone(), new.cloned().unwrap_or_default());
        }
    }
    if changed == case.expect {
        return Ok(());
    }
    let issues: Vec<String> = output.issues.iter().map(crate::fhir::Issue::line).collect();
    Err(format!("wanted {:?}, changed {changed:?} {}", case.expect, issues.join("; ")))
}

/// Slot → text; several of one name are joined, so that none is overlooked.
fn values(record: &Record) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    record.each_value(&mut |slot, text| {
        map.entry(slot.to_owned())
            .and_modify(|t| *t += &format!(" / {text}"))
            .or_insert(text.to_owned());
    });
    map
}

/// Sets or removes a value at a path like `Patient.telecom[home][0].value`.
pub fn edit(program: &Program, bundle: &mut Json, path: &str, value: &Json) -> Result<(), String> {
    let unknown = || format!("there is nothing at '{path}'");
    let mut steps = path.split('.');
    let kind = steps.next().unwrap_or("");
    let (kind, nth) = kind.strip_suffix(']').and_then(|k| k.split_once('[')).unwrap_or((kind, "0"));
    let nth: usize = nth.parse().map_err(|_| unknown())?;
    let rule =
        program.rules.iter().find(|r| r.kind == kind || r.alias == kind).ok_or_else(unknown)?;
    let entries = bundle["entry"].as_array_mut().ok_or_else(unknown)?;
    let entry = entries
        .iter_mut()
        .filter(|entry| {
            let right = rule.alias != kind || bears(&entry["resource"], &rule.body);
            entry["resource"]["resourceType"] == rule.kind.as_str() && right
        })
        .nth(nth)
        .ok_or_else(unknown)?;
    let steps: Vec<&str> = steps.collect();
    if steps.is_empty() && value.is_null() {
        let url = entry["request"]["url"].take();
        *entry = serde_json::json!({ "request": { "method": "DELETE", "url": url } });
        return Ok(());
    }
    let mut at = &mut entry["resource"];
    let mut body = Some(&rule.body);
    for (n, step) in steps.iter().enumerate() {
        let (name, brackets) = step.split_once('[').unwrap_or((step, ""));
        let tags: Vec<&str> =
            brackets.trim_end_matches(']').split("][").filter(|t| !t.is_empty()).collect();
        let last = n + 1 == steps.len();
        if last && tags.is_empty() {
            let map = at.as_object_mut().ok_or_else(unknown)?;
            if value.is_null() {
                map.remove(name);
            } else {
                map.insert(name.to_owned(), value.clone());
            }
            return Ok(());
        }
        at = at.get_mut(name).ok_or_else(unknown)?;
        let (item, inner) = choose(body, at, name, &tags).ok_or_else(unknown)?;
        body = inner;
        if let Some(item) = item {
            if last {
                let list = at.as_array_mut().ok_or_else(unknown)?;
                if value.is_null() {
                    list.remove(item);
                } else {
                    list[item] = value.clone();
                }
                return Ok(());
            }
            at = at.get_mut(item).ok_or_else(unknown)?;
        }
    }
    Err(unknown())
}

/// The item that brackets mean, and the rule of what is below.
fn choose<'p>(
    body: Option<&'p Object>,
    at: &Json,
    name: &str,
    tags: &[&str],
) -> Option<(Option<usize>, Option<&'p Object>)> {
    let field = body.and_then(|b| b.fields.iter().find(|f| f.name == name));
    let Some(items) = at.as_array() else {
        let inner =
            field.and_then(|f| if let Value::Object(o) = &f.value { Some(o) } else { None });
        return Some((None, inner));
    };
    let rules =
        field.map_or(&[][..], |f| if let Value::List(items) = &f.value { items } else { &[] });
    let tagged =
        tags.iter().find_map(|t| rules.iter().find(|r| r.tag == *t && !r.marks.is_empty()));
    let count: usize = tags.iter().filter_map(|t| t.parse().ok()).next_back().unwrap_or(0);
    let fits = |item: &Json| tagged.is_none_or(|rule| has_marks(item, &rule.marks));
    let count = if tagged.is_some_and(|r| r.tag.parse::<usize>().is_ok()) { 0 } else { count };
    let index = items.iter().enumerate().filter(|(_, i)| fits(i)).nth(count)?.0;
    let rule = tagged.or(rules.get(count)).or(rules.first());
    let inner = rule.and_then(|r| if let Value::Object(o) = &r.value { Some(o) } else { None });
    Some((Some(index), inner))
}
