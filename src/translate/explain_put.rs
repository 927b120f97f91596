//! Explain, the other way: which FHIR value and line of the mapping gave each slot of a record that
//! was written; over an original only what is different.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Value as Json, json};

use super::explain::{Explained, explain};
use super::plan::Program;
use crate::legacy::Record;

/// A slot that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Its name, or several where they make one value.
    pub slot: String,
    /// What stood there before; `None`: nothing, or there was no original.
    pub old: Option<String>,
    /// What stands there now; `None`: nothing.
    pub new: Option<String>,
    /// Bytes of the written record, half open.
    pub bytes: Option<Range<usize>>,
    /// The FHIR value: path and JSON text.
    pub value: Option<(String, String)>,
    /// Codecs, as written.
    pub codecs: String,
    /// The line that says it: of the leaf, or under `put:`; none for what a condition or a list
    /// entails.
    pub rule: Option<String>,
}

/// Explains what is written in a record: all of it, or what differs from the original.
pub fn explain_put(program: &Program, original: Option<&Record>, written: &Record) -> Vec<Written> {
    let before = original.map(|record| explain(program, record)).unwrap_or_default();
    let after = explain(program, written);
    let mut all = Vec::new();
    for value in &after {
        let was = before.iter().find(|old| is_same_place(old, value));
        if was.is_some_and(|was| (&was.raw, &was.value) == (&value.raw, &value.value)) {
            continue;
        }
        all.extend(of_leaf(value, was.map(|was| was.raw.clone()), false));
    }
    for value in before.iter().filter(|old| !after.iter().any(|new| is_same_place(old, new))) {
        all.extend(of_leaf(value, Some(value.raw.clone()), true));
    }
    others(program, original, written, &mut all);
    all
}

fn is_same_place(a: &Explained, b: &Explained) -> bool {
    (&a.path, &a.slots, &a.rule) == (&b.path, &b.slots, &b.rule)
}

/// What a leaf wrote; nothing for a default, which stands in no slot.
fn of_leaf(value: &Explained, old: Option<String>, gone: bool) -> Option<Written> {
    let bytes = value.bytes.clone()?;
    Some(Written {
        slot: value.slots.join(" "),
        old,
        new: (!gone).then(|| value.raw.clone()),
        bytes: (!gone).then_some(bytes),
        value: Some((value.path.clone(), if gone { "-".to_owned() } else { value.value.clone() })),
        codecs: value.codecs.clone(),
        rule: Some(value.rule.clone()),
    })
}

/// Slots that differ and that no leaf wrote: those of `put:`, and what conditions and lists entail.
fn others(program: &Program, original: Option<&Record>, written: &Record, all: &mut Vec<Written>) {
    let (before, after) = (original.map(texts).unwrap_or_default(), texts(written));
    let named: Vec<String> =
        all.iter().flat_map(|w| w.slot.split(' ').map(str::to_owned)).collect();
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        let known = named.iter().any(|slot| slot == name || plain(slot) == *name);
        if old == new || known {
            continue;
        }
        let put = program.put.iter().find(|put| put.shown == *name);
        all.push(Written {
            slot: name.clone(),
            old: old.cloned(),
            new: new.cloned(),
            bytes: None,
            value: None,
            codecs: String::new(),
            rule: put.map(|put| program.place(put.pos)),
        });
    }
}

/// `PID-3[2].1` → `PID-3.1`, `症状[]` → `症状`: the name that values have.
fn plain(slot: &str) -> String {
    let parts = slot.split('[');
    parts.map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

/// The texts of a record by slot; those of one name together.
fn texts(record: &Record) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    record.each_value(&mut |name, text| {
        let known = texts.entry(name.to_owned()).or_default();
        if !known.is_empty() {
            *known += " / ";
        }
        *known += text;
    });
    texts
}

impl Written {
    /// `PID-8 'M' -> 'F' bytes 130..131  <- Patient.gender = "female"  code(sex)  file:12:5`.
    pub fn line(&self) -> String {
        let mut line = self.slot.clone();
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => line += &format!(" '{old}' -> '{new}'"),
            (None, Some(new)) => line += &format!(" '{new}'"),
            (Some(old), None) => line += &format!(" '{old}' -> -"),
            (None, None) => {}
        }
        if let Some(bytes) = &self.bytes {
            line += &format!(" bytes {}..{}", bytes.start, bytes.end);
        }
        if let Some((path, value)) = &self.value {
            line += &format!("  <- {path} = {value}");
        }
        if !self.codecs.is_empty() {
            line += &format!("  {}", self.codecs);
        }
        if let Some(rule) = &self.rule {
            line += &format!("  {rule}");
        }
        line
    }

    /// The same for programs.
    pub fn to_json(&self) -> Json {
        let value = self.value.as_ref();
        json!({
            "slot": self.slot,
            "old": self.old,
            "new": self.new,
            "bytes": self.bytes.as_ref().map(|b| [b.start, b.end]),
            "path": value.map(|(path, _)| path),
            "value": value.and_then(|(_, text)| serde_json::from_str::<Json>(text).ok()),
            "codecs": self.codecs,
            "rule": self.rule,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::Charsets;
    use crate::translate::{Library, Party, get, put};

    #[test]
    fn only_what_differs_is_explained_over_an_original() {
        let library = Library::open(&[]).unwrap();
        let party = Party { name: "p".into(), title: "p".into(), uscc: None };
        let program = library.program("hospital-adt", &party).unwrap();
        let message = "MSH|^~\\&|HIS|H||X|20260302||ADT^A04|1|P|2.5.1\rPID|||7^^^HIS^PI||张^x||19800101|M\r\
            PV1||O|||||||||||||||||V1\r";
        let read = |bytes: &[u8]| program.schema.read(bytes, &Charsets::default()).unwrap();
        let original = read(message.as_bytes());
        let record = &original.records[0];
        let bundle = get::get(&program, record).bundle.replace("\"male\"", "\"female\"");
        let bundle: Json = serde_json::from_str(&bundle).unwrap();
        let output = put::put(&program, &bundle, record);
        let after = read(&output.bytes);
        let lines: Vec<String> = explain_put(&program, Some(record), &after.records[0])
            .iter()
            .map(Written::line)
            .collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let start = "PID-8 'M' -> 'F' bytes ";
        assert!(lines[0].starts_with(start), "{lines:?}");
        let tail = "  <- Patient.gender = \"female\"  code(sex)  ";
        assert!(lines[0].contains(tail), "{lines:?}");

        let made = put::create(&program, &bundle);
        let made = read(&made[0].bytes);
        let all = explain_put(&program, None, &made.records[0]);
        assert!(all.iter().any(|w| w.slot == "PID-8" && w.old.is_none()));
        let put = all.iter().find(|w| w.slot == "MSH-3").unwrap();
        assert!(put.value.is_none() && put.rule.is_some(), "{put:?}");
    }
}
