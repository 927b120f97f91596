//! Compose: what of one mapping's FHIR side another can write, before any record is seen.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::plan::{Else, Leaf, Object, Program, Value};

/// The static report of A → B.
#[derive(Debug, Clone, Default)]
pub struct Composition {
    /// Required slots of B: the name, and the FHIR paths of A that fill it.
    pub filled: Vec<(String, Vec<String>)>,
    /// Required slots of B that nothing in A fills, with the FHIR paths that would.
    pub missing: Vec<(String, Vec<String>)>,
    /// FHIR paths that A writes and B has no rule for.
    pub lost: Vec<String>,
}

impl Composition {
    /// The same for programs.
    pub fn to_json(&self) -> Json {
        let slots = |slots: &[(String, Vec<String>)]| -> Vec<Json> {
            slots.iter().map(|(slot, by)| json!({ "slot": slot, "by": by })).collect()
        };
        json!({
            "filled": slots(&self.filled),
            "missing": slots(&self.missing),
            "lost": self.lost,
        })
    }
}

/// Compares what `from` writes with what `to` reads.
pub fn compose(from: &Program, to: &Program) -> Composition {
    let gives = paths(from);
    let takes = paths(to);
    let computed: BTreeSet<&str> = to.put.iter().map(|p| &*p.shown).collect();
    let mut report = Composition::default();
    for require in &to.require {
        let by: Vec<String> =
            require.filled_by.iter().filter(|p| gives.contains(*p)).cloned().collect();
        let by_itself = computed.contains(&*require.shown);
        if by.is_empty() && !by_itself {
            report.missing.push((require.shown.clone(), require.filled_by.clone()));
        } else {
            report.filled.push((require.shown.clone(), by));
        }
    }
    report.lost = gives.difference(&takes).cloned().collect();
    report
}

/// The FHIR paths (without list positions) that leaves of a mapping write.
pub(super) fn paths(program: &Program) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for rule in &program.rules {
        each_leaf(&rule.body, &mut rule.kind.clone(), &mut |path, _| {
            all.insert(path.to_owned());
        });
    }
    all
}

/// Calls `f(path, leaf)` for every leaf below an object, fallbacks included.
pub(super) fn each_leaf<'a>(
    object: &'a Object,
    path: &mut String,
    f: &mut dyn FnMut(&str, &'a Leaf),
) {
    for field in &object.fields {
        let before = path.len();
        if !field.name.is_empty() {
            path.push('.');
            path.push_str(&field.name);
        }
        each_value(&field.value, path, f);
        path.truncate(before);
    }
}

fn each_value<'a>(value: &'a Value, path: &mut String, f: &mut dyn FnMut(&str, &'a Leaf)) {
    match value {
        Value::Leaf(leaf) => {
            f(path, leaf);
            if let Some(Else::Leaf(other)) = leaf.or_else.as_deref() {
                f(path, other);
            }
        }
        Value::Object(inner) => each_leaf(inner, path, f),
        Value::List(items) => items.iter().for_each(|item| each_value(&item.value, path, f)),
        Value::Const(_) | Value::Ref(_) => {}
    }
}
