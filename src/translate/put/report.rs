//! The loss report: the written record is read again, and every FHIR value that it does not say is
//! named. So nothing is lost in silence, whatever the reason.

use serde_json::Value as Json;

use super::Output;
use crate::error::Kind;
use crate::fhir::{Issue, Severity};
use crate::legacy::{Charsets, Scope};
use crate::translate::bundle::{Entry, Resources};
use crate::translate::compose::each_leaf;
use crate::translate::eval::Eval;
use crate::translate::expr;
use crate::translate::get::get;
use crate::translate::plan::Program;

/// Reads record `n` of the output again: adds lost values, empty required slots and broken checks.
/// `only`: the resources this record was made of; all of the Bundle otherwise.
pub(super) fn report(
    program: &Program,
    bundle: &Json,
    only: Option<&[&str]>,
    n: usize,
    output: &mut Output,
) {
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    let file = match program.schema.read(&output.bytes, &charsets) {
        Ok(file) => file,
        Err(error) => {
            output.issues.push(Issue::from(&error));
            return;
        }
    };
    let Some(record) = file.records.get(n) else { return };
    let written: Json = serde_json::from_str(&get(program, record).bundle).unwrap_or_default();
    let wanted = Resources::new(bundle);
    lost(program, &wanted, &Resources::new(&written), only, output);
    let eval = Eval::new(program, record);
    for require in &program.require {
        let empty = eval.input_one(&require.input, Scope::default()).is_none();
        let known = output.missing.iter().any(|(slot, _)| *slot == require.shown);
        if empty && !known {
            output.missing.push((require.shown.clone(), require.filled_by.clone()));
        }
    }
    let side = |_| None;
    for check in &program.checks {
        let sight = expr::Sight {
            eval: &eval,
            scope: Scope::default(),
            number: 1,
            resource: &side,
            now: jiff::Timestamp::now(),
            message_id: "",
        };
        if !expr::holds(&check.expr, &sight) {
            let text = format!("check: {}", check.shown);
            output.issues.push(Issue::error(Kind::Rule, text).rule(program.place(check.pos)));
        }
    }
}

fn lost(
    program: &Program,
    wanted: &Resources,
    written: &Resources,
    only: Option<&[&str]>,
    output: &mut Output,
) {
    // A new record gives its resources ids of its own: they are matched by type and by what they say.
    let mut free: Vec<&String> = written.order.iter().collect();
    for reference in &wanted.order {
        let Some(Entry::Resource(map)) = wanted.get(reference) else { continue };
        let kind = map.get("resourceType").and_then(Json::as_str).unwrap_or("");
        if only.is_some_and(|only| !only.iter().any(|r| wanted.same(r, reference))) {
            let text = format!("lost: {reference}: '{}' has no place for it here", program.name);
            output.issues.push(Issue::warning(Kind::NotSupported, text).path(kind));
            continue;
        }
        let json = Json::Object(map.clone());
        let best = free
            .iter()
            .enumerate()
            .filter(|(_, r)| r.split('/').next() == Some(kind))
            .map(|(at, r)| {
                let other = written.resource(r).map(|m| Json::Object(m.clone()));
                let mut losses = Vec::new();
                differ(&json, &other.unwrap_or_default(), &mut kind.to_owned(), &mut losses);
                (*r != reference, losses.len(), at, losses)
            })
            .min_by_key(|(other, count, at, _)| (*other, *count, *at));
        let Some((_, _, at, losses)) = best else {
            let known = output.issues.iter().any(|i| i.text.contains(reference.as_str()));
            if !known {
                let text = format!("lost: {reference}: the record does not say it");
                output.issues.push(Issue::warning(Kind::NotSupported, text).path(kind));
            }
            continue;
        };
        free.remove(at);
        for (path, value) in losses {
            output.issues.push(match lossy(program, &path) {
                Some(what) => {
                    let text = format!("lossy({what}): {value} is written without");
                    Issue::new(Severity::Information, "informational", text).path(path)
                }
                None => {
                    let text = format!("lost: {value}: the record does not say it");
                    Issue::warning(Kind::NotSupported, text).path(path)
                }
            });
        }
    }
}

/// What the mapping declares to lose at a path.
fn lossy(program: &Program, path: &str) -> Option<String> {
    let mut plain = String::new();
    let mut inside = false;
    for c in path.chars() {
        inside = (inside || c == '[') && c != ']';
        if !inside && c != ']' {
            plain.push(c);
        }
    }
    let mut found = None;
    for rule in &program.rules {
        each_leaf(&rule.body, &mut rule.kind.clone(), &mut |path, leaf| {
            if path == plain && leaf.lossy.is_some() {
                found.clone_from(&leaf.lossy);
            }
        });
    }
    found
}

/// The scalars of `wanted` that `written` does not have at the same place. Ids, meta, references
/// and narrative are not values of the record.
fn differ(wanted: &Json, written: &Json, path: &mut String, losses: &mut Vec<(String, Json)>) {
    match wanted {
        Json::Object(map) => {
            for (key, value) in map {
                if matches!(key.as_str(), "id" | "meta" | "reference" | "text" if path.find('.').is_none() || key == "reference")
                {
                    continue;
                }
                let before = path.len();
                path.push('.');
                path.push_str(key);
                differ(value, written.get(key).unwrap_or(&Json::Null), path, losses);
                path.truncate(before);
            }
        }
        Json::Array(items) => {
            let others: Vec<&Json> = written.as_array().into_iter().flatten().collect();
            // The pairs that lose least are twins first.
            let mut pairs = Vec::new();
            for (n, item) in items.iter().enumerate() {
                for (at, other) in others.iter().enumerate() {
                    let mut inner = Vec::new();
                    differ(item, other, &mut format!("{path}[{n}]"), &mut inner);
                    pairs.push((inner.len(), n, at, inner));
                }
            }
            pairs.sort_by_key(|(count, n, at, _)| (*count, *n, *at));
            let (mut told, mut taken) = (vec![false; items.len()], vec![false; others.len()]);
            for (_, n, at, inner) in pairs {
                if !told[n] && !taken[at] {
                    (told[n], taken[at]) = (true, true);
                    losses.extend(inner);
                }
            }
            for (n, item) in items.iter().enumerate().filter(|(n, _)| !told[*n]) {
                differ(item, &Json::Null, &mut format!("{path}[{n}]"), losses);
            }
        }
        scalar if scalar != written => losses.push((path.clone(), scalar.clone())),
        _ => {}
    }
}
