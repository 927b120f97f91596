//! Diff: what another version of a mapping changes, in the file and in what it makes of records;
//! and which part of its version number has to grow.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::explain::codecs;
use super::plan::{Key, KeyPart, Leaf, Program, Way};
use super::show::{Source, rows};

/// Which part of a version has to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bump {
    /// Nothing that others could see.
    Patch,
    /// A new path or code row.
    Minor,
    /// Ids or meanings change: a key, a removed path, another constant, another code.
    Major,
}

/// Why it has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// How much.
    pub bump: Bump,
    /// What is different: `key of patient`, `new path`.
    pub what: &'static str,
    /// Which, with the old and the new where both are there.
    pub which: String,
}

/// A value that differs in one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// `Patient/local.pid.1`.
    pub resource: String,
    /// `Patient.name[0].text`; the type alone for a whole resource.
    pub path: String,
    /// What the old mapping says.
    pub old: Option<Json>,
    /// What the new one says.
    pub new: Option<Json>,
}

impl Bump {
    /// `major`, `minor`, `patch`.
    pub fn word(self) -> &'static str {
        match self {
            Bump::Major => "major",
            Bump::Minor => "minor",
            Bump::Patch => "patch",
        }
    }

    /// The version after this one: `1.4.2` → `2.0.0`, `1.5.0`, `1.4.3`.
    pub fn after(self, version: &str) -> Option<String> {
        let [major, minor, patch] = numbers(version)?;
        Some(match self {
            Bump::Major => format!("{}.0.0", major + 1),
            Bump::Minor => format!("{major}.{}.0", minor + 1),
            Bump::Patch => format!("{major}.{minor}.{}", patch + 1),
        })
    }
}

/// Whether the new version is at least what is due.
pub fn is_enough(old: &str, new: &str, due: Bump) -> bool {
    let wanted = due.after(old);
    match (wanted.as_deref().and_then(numbers), numbers(new)) {
        (Some(wanted), Some(new)) => new >= wanted,
        _ => false,
    }
}

fn numbers(version: &str) -> Option<[u64; 3]> {
    let all: Option<Vec<u64>> = version.split('.').map(|n| n.parse().ok()).collect();
    all?.try_into().ok()
}

/// What is different in the files.
pub fn reasons(old: &Program, new: &Program) -> Vec<Reason> {
    let mut all = Vec::new();
    keys(old, new, &mut all);
    paths(old, new, &mut all);
    tables(old, new, &mut all);
    all.sort_by_key(|reason| std::cmp::Reverse(reason.bump));
    all
}

fn keys(old: &Program, new: &Program, all: &mut Vec<Reason>) {
    for rule in &old.rules {
        let Some(other) = new.rules.iter().find(|r| r.alias == rule.alias) else { continue };
        let (was, is) = (keys_text(old, &rule.key), keys_text(new, &other.key));
        if was != is {
            let which = format!("{}: {was} → {is}", rule.alias);
            all.push(Reason { bump: Bump::Major, what: "changed key", which });
        }
    }
}

fn keys_text(program: &Program, keys: &[Key]) -> String {
    let key = |key: &Key| {
        let parts: Vec<String> = key.parts.iter().map(|part| key_part(program, part)).collect();
        format!("{}({})", key.space.as_deref().unwrap_or(""), parts.join(", "))
    };
    keys.iter().map(key).collect::<Vec<_>>().join(" else ")
}

fn key_part(program: &Program, part: &KeyPart) -> String {
    match part {
        KeyPart::Leaf(leaf, _) => leaf_text(program, leaf),
        KeyPart::Alias(rule) => program.rules.get(*rule).map_or("", |r| &r.alias).to_owned(),
        KeyPart::Literal(text) => format!("\"{text}\""),
        KeyPart::First { equals, values, .. } => {
            let values: Vec<String> = values.iter().map(|(_, v)| leaf_text(program, v)).collect();
            format!("{} of {equals}", values.join(" or "))
        }
        KeyPart::Guarded { value, .. } => format!("{} if there", leaf_text(program, value)),
        KeyPart::Number => "n".to_owned(),
    }
}

fn leaf_text(program: &Program, leaf: &Leaf) -> String {
    let codecs = codecs(program, leaf);
    let bar = if codecs.is_empty() { "" } else { " | " };
    format!("{}{bar}{codecs}", leaf.slots.join(" "))
}

/// The paths, each with its constants.
type Paths = BTreeMap<String, BTreeSet<String>>;

fn paths(old: &Program, new: &Program, all: &mut Vec<Reason>) {
    let (was, is) = (written(old), written(new));
    for (path, constants) in &was {
        match is.get(path) {
            None => {
                let which = path.clone();
                all.push(Reason { bump: Bump::Major, what: "removed path", which });
            }
            Some(now) if now != constants && !constants.is_empty() && !now.is_empty() => {
                let shown = |set: &BTreeSet<String>| {
                    set.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
                };
                let which = format!("{path}: {} → {}", shown(constants), shown(now));
                all.push(Reason { bump: Bump::Major, what: "changed constant", which });
            }
            Some(_) => {}
        }
    }
    for path in is.keys().filter(|path| !was.contains_key(*path)) {
        all.push(Reason { bump: Bump::Minor, what: "new path", which: path.clone() });
    }
}

fn written(program: &Program) -> Paths {
    let mut paths = Paths::new();
    for row in rows(program) {
        let constants = paths.entry(format!("{} {}", row.alias, row.path)).or_default();
        if let Source::Constant(text) = row.from {
            constants.insert(text);
        }
    }
    paths
}

fn tables(old: &Program, new: &Program, all: &mut Vec<Reason>) {
    for table in &new.tables {
        let before = old.tables.iter().find(|t| t.name == table.name);
        let was = before.map(rows_of).unwrap_or_default();
        let is = rows_of(table);
        for (row, to) in &is {
            let which = |arrow: &str| format!("{} {row}{arrow}{to}", table.name);
            match was.get(row) {
                None if before.is_some() => {
                    let which = which(" ");
                    all.push(Reason { bump: Bump::Minor, what: "new code row", which });
                }
                Some(from) if from != to => {
                    let which = format!("{} {row} {from} → {to}", table.name);
                    all.push(Reason { bump: Bump::Major, what: "changed code", which });
                }
                _ => {}
            }
        }
        for (row, to) in was.iter().filter(|(row, _)| !is.contains_key(*row)) {
            let which = format!("{} {row} {to}", table.name);
            all.push(Reason { bump: Bump::Major, what: "removed code row", which });
        }
    }
}

/// `M -->` → `male`, `male <--` → `M`; a two-way row is both.
fn rows_of(table: &super::plan::Table) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    for row in &table.rows {
        if row.way != Way::Put {
            rows.insert(format!("{} -->", row.legacy), row.fhir.clone());
        }
        if row.way != Way::Get {
            rows.insert(format!("{} <--", row.fhir), row.legacy.clone());
        }
    }
    rows.extend(table.get_other.iter().map(|to| ("* -->".to_owned(), to.clone())));
    rows.extend(table.prefix.iter().map(|to| ("* <->".to_owned(), to.clone())));
    rows
}

/// What is different between two Bundles made of one record.
pub fn changes(old: &Json, new: &Json) -> Vec<Change> {
    let (old, new) = (resources(old), resources(new));
    let mut all = Vec::new();
    let mut gone: Vec<(&String, &Json)> = Vec::new();
    for (reference, was) in &old {
        match new.iter().find(|(r, _)| r == reference) {
            Some((_, is)) => compare(reference, was, is, &mut all),
            None => gone.push((reference, was)),
        }
    }
    let mut come: Vec<_> = new.iter().filter(|(r, _)| !old.iter().any(|(o, _)| o == r)).collect();
    for (reference, was) in gone {
        // The same resource under another id, if one of its type is left.
        let same = come.iter().position(|(_, is)| is["resourceType"] == was["resourceType"]);
        match same {
            Some(at) => {
                let (_, is) = come.remove(at);
                compare(reference, was, is, &mut all);
            }
            None => all.push(Change {
                resource: reference.clone(),
                path: kind(was),
                old: Some(was.clone()),
                new: None,
            }),
        }
    }
    for (reference, is) in come {
        let (path, new) = (kind(is), Some(is.clone()));
        all.push(Change { resource: reference.clone(), path, old: None, new });
    }
    all
}

fn kind(resource: &Json) -> String {
    resource["resourceType"].as_str().unwrap_or("").to_owned()
}

fn resources(bundle: &Json) -> Vec<(String, Json)> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let one = |entry: &Json| {
        let resource = &entry["resource"];
        let id = resource["id"].as_str().unwrap_or("");
        (format!("{}/{id}", kind(resource)), resource.clone())
    };
    entries.map(one).collect()
}

fn compare(reference: &str, old: &Json, new: &Json, all: &mut Vec<Change>) {
    let mut path = kind(old);
    differ(reference, old, new, &mut path, all);
}

fn differ(reference: &str, old: &Json, new: &Json, path: &mut String, all: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let mut part = |step: String, old: Option<&Json>, new: Option<&Json>, path: &mut String| {
        let before = path.len();
        *path += &step;
        match (old, new) {
            (Some(old), Some(new)) => differ(reference, old, new, path, all),
            (old, new) => all.push(Change {
                resource: reference.to_owned(),
                path: path.clone(),
                old: old.cloned(),
                new: new.cloned(),
            }),
        }
        path.truncate(before);
    };
    match (old, new) {
        (Json::Object(a), Json::Object(b)) => {
            for key in keys_of(a, b) {
                part(format!(".{key}"), a.get(key), b.get(key), path);
            }
        }
        (Json::Array(a), Json::Array(b)) => {
            for n in 0..a.len().max(b.len()) {
                part(format!("[{n}]"), a.get(n), b.get(n), path);
            }
        }
        _ => all.push(Change {
            resource: reference.to_owned(),
            path: path.clone(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        }),
    }
}

fn keys_of<'m>(a: &'m Map<String, Json>, b: &'m Map<String, Json>) -> Vec<&'m String> {
    a.keys()
        .chain(b.keys().filter(|key| !a.contains_key(*key)))
        .filter(|k| a.get(*k) != b.get(*k))
        .collect()
}

impl Change {
    /// `Patient.gender: "male" → "female"`; `-` stands for nothing.
    pub fn line(&self) -> String {
        let shown = |value: &Option<Json>| value.as_ref().map_or("-".to_owned(), Json::to_string);
        format!("{}: {} → {}", self.path, shown(&self.old), shown(&self.new))
    }

    /// The same for programs.
    pub fn to_json(&self) -> Json {
        json!({ "resource": self.resource, "path": self.path, "old": self.old, "new": self.new })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::compile::tests::compile_texts;

    const OLD: &str = "lang: 1\nmapping: m\nversion: 1.4.2\nsource: hl7v2@2.1..2.8\ntarget: fhir@4.0.1\n\
        accept: [ADT^A01]\nresources:\n  Patient patient:\n    key: pid(PID-3.1)\n    active: = true\n\
        \u{20}   gender: PID-8 | code(sex)\n    birthDate: PID-7 | date\ncodes:\n  sex:\n    - M <-> male\n    - F <-> female\n";

    fn program(text: &str) -> Program {
        let made = compile_texts(&[("m/mapping.yaml", text)]);
        made.unwrap_or_else(|found| panic!("{}", crate::translate::compile::render(&found))).0
    }

    #[test]
    fn what_grows_is_minor_and_what_changes_is_major() {
        let old = program(OLD);
        for (from, to, due, said) in [
            ("version", "version", Bump::Patch, ""),
            ("PID-7 | date", "PID-29 | date", Bump::Patch, ""),
            (
                "    birth",
                "    name[0].text: PID-5\n    birth",
                Bump::Minor,
                "new path: patient Patient.name[0].text",
            ),
            (
                "    - F",
                "    - U <-> unknown\n    - F",
                Bump::Minor,
                "new code row: sex U --> unknown",
            ),
            (
                "pid(PID-3.1)",
                "pid(PID-3.1, PID-3.4)",
                Bump::Major,
                "changed key: patient: pid(PID-3) → pid(PID-3, PID-3.4)",
            ),
            (
                "    birthDate: PID-7 | date\n",
                "",
                Bump::Major,
                "removed path: patient Patient.birthDate",
            ),
            (
                "= true",
                "= false",
                Bump::Major,
                "changed constant: patient Patient.active: true → false",
            ),
            (
                "- F <-> female",
                "- F <-> other",
                Bump::Major,
                "changed code: sex F --> female → other",
            ),
        ] {
            let new = program(&OLD.replace(from, to));
            let reasons = reasons(&old, &new);
            let due_now = reasons.iter().map(|r| r.bump).max().unwrap_or(Bump::Patch);
            let lines: Vec<String> =
                reasons.iter().map(|r| format!("{}: {}", r.what, r.which)).collect();
            assert_eq!(due_now, due, "{to}: {lines:?}");
            assert!(said.is_empty() || lines.iter().any(|l| l == said), "{to}: {lines:?}");
        }
    }

    #[test]
    fn versions_grow_by_what_is_due() {
        assert_eq!(Bump::Major.after("1.4.2").as_deref(), Some("2.0.0"));
        assert_eq!(Bump::Minor.after("1.4.2").as_deref(), Some("1.5.0"));
        assert!(
            is_enough("1.4.2", "1.5.0", Bump::Minor) && is_enough("1.4.2", "2.0.0", Bump::Minor)
        );
        assert!(!is_enough("1.4.2", "1.5.0", Bump::Major) && !is_enough("1.4.2", "x", Bump::Patch));
    }

    #[test]
    fn changes_are_named_by_path() {
        let bundle = |id: &str, gender: &str, names: &[&str]| {
            let names: Vec<Json> = names.iter().map(|n| json!({ "text": n })).collect();
            json!({ "entry": [{ "resource": { "resourceType": "Patient", "id": id, "gender": gender, "name": names } }] })
        };
        let lines = |old: &Json, new: &Json| -> Vec<String> {
            changes(old, new).iter().map(Change::line).collect()
        };
        let old = bundle("a", "male", &["x"]);
        assert_eq!(lines(&old, &old), [""; 0]);
        assert_eq!(
            lines(&old, &bundle("a", "other", &["x", "y"])),
            ["Patient.gender: \"male\" → \"other\"", "Patient.name[1]: - → {\"text\":\"y\"}"]
        );
        assert_eq!(lines(&old, &bundle("b", "male", &["x"])), ["Patient.id: \"a\" → \"b\""]);
        assert!(lines(&old, &json!({ "entry": [] }))[0].starts_with("Patient: {"));
    }
}
