//! What must be equal after a put: the FHIR side without what follows something else, and the slots
//! that no rule claims.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::legacy::xml::Path;
use crate::legacy::{Record, Slot};
use crate::translate::compose::each_leaf;
use crate::translate::marks::{Marks, has_marks, marks_of};
use crate::translate::plan::{Codec, Else, Flag, Guard, Input, Leaf, Object, Program, Value};

/// What the laws need to know of a mapping, found once.
pub(super) struct Facts<'p> {
    pub program: &'p Program,
    /// Paths whose values follow an owner elsewhere.
    derived: BTreeSet<String>,
    /// Paths whose value no slot of a new record can hold: read from the message's event, declared
    /// lossy, following another slot, or a code that may have ended.
    unsayable: BTreeSet<String>,
    /// Paths of values that may be read from another leaf's slots, with those.
    fallbacks: Vec<(String, Vec<String>)>,
    /// Paths of objects that only follow others (constants and copies), with their constants.
    soft: Vec<(String, Marks)>,
    /// Slots that some rule claims.
    claimed: BTreeSet<String>,
    /// The same in documents.
    paths: Vec<Path>,
    /// Slots that some guard looks at.
    watched: Vec<&'p Slot>,
}

impl<'p> Facts<'p> {
    pub fn new(program: &'p Program) -> Self {
        let mut facts = Facts {
            program,
            derived: BTreeSet::new(),
            unsayable: BTreeSet::new(),
            fallbacks: Vec::new(),
            soft: Vec::new(),
            claimed: program.put.iter().map(|p| p.shown.clone()).collect(),
            paths: Vec::new(),
            watched: Vec::new(),
        };
        for rule in &program.rules {
            each_leaf(&rule.body, &mut rule.kind.clone(), &mut |path, leaf| facts.leaf(path, leaf));
            facts.soft_parts(&rule.body, &mut rule.kind.clone());
        }
        let mut guards: Vec<&Guard> = Vec::new();
        for rule in &program.rules {
            guards.extend(&rule.when);
            collect_guards(&rule.body, &mut guards);
        }
        let arms = program.choices.iter().flat_map(|c| &c.branches);
        guards.extend(arms.filter_map(|arm| arm.when.as_ref()));
        for guard in guards {
            watch(guard, &mut facts.watched);
            owned_by(guard, &mut facts.claimed);
        }
        let root = program.schema.root();
        let written = program.put.iter().filter(|p| p.rule.is_none());
        let written = written.filter_map(|p| program.schema.absolute(&root, &p.slot));
        facts.paths = program.slots.paths().iter().cloned().chain(written).collect();
        facts
    }

    fn leaf(&mut self, path: &str, leaf: &Leaf) {
        let follows = leaf.flag != Flag::Own;
        // Computed slots follow what they are computed from.
        if follows || self.program.put.iter().any(|p| leaf.slots.contains(&p.shown)) {
            self.derived.insert(path.to_owned());
        }
        if let Some(Else::Leaf(other)) = leaf.or_else.as_deref() {
            self.fallbacks.push((path.to_owned(), other.slots.clone()));
        }
        let free = matches!(leaf.input, Input::About(_) | Input::Nothing);
        // A code that has ended is read, and not written anew.
        let ends = |codec: &Codec| match codec {
            Codec::Code(table) => !self.program.tables[*table].dated.is_empty(),
            _ => false,
        };
        if free || follows || leaf.lossy.is_some() || leaf.codecs.iter().any(ends) {
            self.unsayable.insert(path.to_owned());
        }
        let names = leaf.slots.iter().flat_map(|s| s.split('|'));
        self.claimed.extend(names.map(str::to_owned));
    }

    fn soft_parts(&mut self, object: &Object, path: &mut String) {
        let follows = |inner: &Object| {
            let mut any = false;
            each_leaf(inner, &mut String::new(), &mut |_, _| any = true);
            any && !inner.has_data
        };
        for field in object.fields.iter().filter(|f| !f.name.is_empty()) {
            let before = path.len();
            path.push('.');
            path.push_str(&field.name);
            let inner: Vec<&Object> = match &field.value {
                Value::Object(inner) => vec![inner],
                Value::List(items) => items
                    .iter()
                    .filter_map(|item| match &item.value {
                        Value::Object(inner) => Some(inner),
                        _ => None,
                    })
                    .collect(),
                _ => Vec::new(),
            };
            for inner in inner {
                if follows(inner) {
                    self.soft.push((path.clone(), marks_of(inner)));
                } else {
                    self.soft_parts(inner, path);
                }
            }
            path.truncate(before);
        }
    }

    /// Takes out what follows something else.
    fn prune(&self, json: &mut Json, path: &str, also: &[&String]) {
        let soft = |json: &Json, path: &str| {
            self.soft.iter().any(|(at, marks)| at == path && has_marks(json, marks))
        };
        match json {
            Json::Object(map) => {
                map.retain(|key, value| {
                    let path = format!("{path}.{key}");
                    !self.derived.contains(&path)
                        && !also.contains(&&path)
                        && (value.is_array() || !soft(value, &path))
                });
                for (key, value) in map.iter_mut() {
                    self.prune(value, &format!("{path}.{key}"), also);
                }
                map.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
            }
            Json::Array(items) => {
                items.retain(|item| !soft(item, path));
                items.iter_mut().for_each(|item| self.prune(item, path, also));
            }
            _ => {}
        }
    }

    /// Whether no slot of a new record can hold the value at a path (`Patient.name[0].text`).
    pub fn unsayable(&self, path: &str) -> bool {
        let mut plain = String::new();
        let mut inside = false;
        for c in path.chars() {
            match c {
                '[' => inside = true,
                ']' => inside = false,
                c if !inside => plain.push(c),
                _ => {}
            }
        }
        self.unsayable.contains(&plain)
    }

    /// Whether some guard of the mapping looks at a slot of this leaf.
    pub fn decides(&self, leaf: &Leaf) -> bool {
        match &leaf.input {
            // A guard may look at a part of it: at a component of a field that is read whole.
            Input::Slots(slots) => slots.iter().flatten().any(|slot| {
                self.watched.iter().any(|w| *w == slot || (*w).clone().whole() == *slot)
            }),
            Input::Cases(_) => true,
            _ => false,
        }
    }

    /// The resources by reference, without derived values and those that may follow these slots.
    pub fn resources(&self, bundle: &Json, slots: &[String]) -> Vec<(String, Json)> {
        let follows = |from: &[String]| from.iter().any(|slot| slots.contains(slot));
        let also = self.fallbacks.iter().filter(|(_, from)| follows(from)).map(|(path, _)| path);
        let also: Vec<&String> = also.collect();
        let mut list = Vec::new();
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let mut resource = entry["resource"].clone();
            let kind = resource["resourceType"].as_str().unwrap_or("").to_owned();
            self.prune(&mut resource, &kind, &also);
            list.push((entry["request"]["url"].as_str().unwrap_or("").to_owned(), resource));
        }
        list
    }

    /// The slots that no rule claims, with their texts, in the order of the record.
    pub fn unclaimed(&self, record: &Record) -> Vec<(String, String)> {
        let mut values = Vec::new();
        let mine = |slot: &str| {
            // A slot below or above a claimed one belongs to it (`PID-13.1` and `PID-13`).
            let below = |a: &str, b: &str| {
                a.strip_prefix(b).is_some_and(|r| r.starts_with(['.', '[', '/']))
            };
            self.claimed.iter().any(|c| slot == c || below(slot, c) || below(c, slot))
        };
        record.each_claim(&self.paths, &mine, &mut |slot, text, claimed| {
            if !claimed {
                values.push((slot.to_owned(), text.to_owned()));
            }
        });
        values
    }
}

/// The first resource that is not as it should be.
pub(super) fn difference(want: &[(String, Json)], got: &[(String, Json)]) -> String {
    for (reference, resource) in want {
        match got.iter().find(|(r, _)| r == reference) {
            None => return format!("{reference} is gone"),
            Some((_, other)) if other != resource => {
                let kind = reference.split('/').next().unwrap_or("");
                return first_other(resource, other, &mut kind.to_owned());
            }
            Some(_) => {}
        }
    }
    "another resource appeared".to_owned()
}

/// `Patient.name[0].text: wanted "a", got "b"`.
fn first_other(want: &Json, got: &Json, path: &mut String) -> String {
    let before = path.len();
    let mut below = |step: String, want: &Json, got: &Json| {
        *path += &step;
        let told = (want != got).then(|| first_other(want, got, path));
        path.truncate(before);
        told
    };
    let found = match (want, got) {
        (Json::Object(a), Json::Object(b)) => {
            let keys = a.keys().chain(b.keys());
            let part = |map: &serde_json::Map<String, Json>, key: &String| {
                map.get(key).cloned().unwrap_or_default()
            };
            keys.into_iter().find_map(|key| below(format!(".{key}"), &part(a, key), &part(b, key)))
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(n, (a, b))| below(format!("[{n}]"), a, b))
        }
        _ => None,
    };
    found.unwrap_or_else(|| format!("{path}: wanted {want}, got {got}"))
}

/// `byte 312: had '…', got '…'`.
pub(super) fn first_difference(a: &[u8], b: &[u8]) -> String {
    let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let shown = |s: &[u8]| {
        let (from, to) = (at.saturating_sub(20).min(s.len()), (at + 30).min(s.len()));
        String::from_utf8_lossy(&s[from..to]).into_owned()
    };
    format!("byte {at}: had '{}', got '{}'", shown(a), shown(b))
}

fn collect_guards<'p>(object: &'p Object, guards: &mut Vec<&'p Guard>) {
    for field in &object.fields {
        guards.extend(&field.when);
        match &field.value {
            Value::Object(inner) => collect_guards(inner, guards),
            Value::List(items) => {
                for item in items {
                    guards.extend(&item.when);
                    if let crate::translate::plan::Drive::Each(each) = &item.drive {
                        guards.extend(&each.filter);
                    }
                    if let Value::Object(inner) = &item.value {
                        collect_guards(inner, guards);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The slots that a condition itself writes, since no leaf owns them.
fn owned_by(guard: &Guard, claimed: &mut BTreeSet<String>) {
    match guard {
        Guard::All(guards) | Guard::Any(guards) => {
            guards.iter().for_each(|guard| owned_by(guard, claimed));
        }
        Guard::Is { owner: true, slots, .. } => claimed.extend(slots.iter().cloned()),
        _ => {}
    }
}

fn watch<'p>(guard: &'p Guard, slots: &mut Vec<&'p Slot>) {
    let mut add = |input: &'p Input| {
        if let Input::Slots(all) = input {
            slots.extend(all.iter().flatten());
        }
    };
    match guard {
        Guard::All(guards) | Guard::Any(guards) => guards.iter().for_each(|g| watch(g, slots)),
        Guard::Not(inner) => watch(inner, slots),
        Guard::Present(input) | Guard::Matches(input, _) => add(input),
        Guard::Is { input, .. } | Guard::IsNot { input, .. } => add(input),
        Guard::Fits { id, birth, sex } => [id, birth, sex].iter().for_each(|leaf| add(&leaf.input)),
        Guard::Exists(_) => {}
    }
}
