//! Coverage: what becomes of every slot of a format, by the schema and by records. No value of a
//! record is kept here, only names and counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::plan::{Object, Program, Rest, Slots, Value};
use crate::fhir::definitions::Definitions;
use crate::legacy::Record;

/// What becomes of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nobody accounts for it: it is carried, dropped or refused as `rest:` says.
    Carried,
    /// Left alone on purpose.
    Ignored,
    /// Written by `put:` and never read.
    PutOnly,
    /// Read by the format itself: delimiters, message type, control number, charset.
    Format,
    /// Read by a leaf, a condition or a key.
    Mapped,
}

/// A slot and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotReport {
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub class: Class,
    /// Why it is ignored.
    pub reason: Option<String>,
    /// In how many records it carried data.
    pub records: usize,
}

/// What is known about the coverage of a mapping.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// Its name.
    pub mapping: String,
    /// Its version.
    pub version: String,
    /// `rest:`.
    pub rest: Rest,
    /// How many records were looked at.
    pub records: usize,
    /// The slots: the carried ones first, those with the most data first.
    pub slots: Vec<SlotReport>,
    /// Elements that FHIR requires of what is written, and whether they are.
    pub required: Vec<(String, bool)>,
}

/// Collects what records carry.
#[derive(Debug)]
pub struct Collector<'p> {
    program: &'p Program,
    records: usize,
    /// Name and whether it is read → in how many records.
    seen: BTreeMap<(String, bool), usize>,
}

impl Class {
    /// `mapped`, `put-only`, `ignored`, `format`, `carried`.
    pub fn word(self) -> &'static str {
        match self {
            Class::Mapped => "mapped",
            Class::PutOnly => "put-only",
            Class::Ignored => "ignored",
            Class::Format => "format",
            Class::Carried => "carried",
        }
    }
}

/// What a mapping does with a slot, by the name that values of records have; `read`: it is read.
pub fn class(program: &Program, name: &str, read: bool) -> Class {
    if read {
        Class::Mapped
    } else if program.put.iter().any(|put| Slots::unconditional(&put.shown) == name) {
        Class::PutOnly
    } else if program.slots.ignored(name).is_some() {
        Class::Ignored
    } else if program.schema.reads_itself(name) {
        Class::Format
    } else if let Some(plain) = without_prefixes(name) {
        class(program, &plain, read)
    } else {
        Class::Carried
    }
}

/// `hl7:a/hl7:b` → `a/b`: a path without prefix means any prefix.
fn without_prefixes(name: &str) -> Option<String> {
    if !name.contains(':') || name.contains("://") {
        return None;
    }
    let steps = name.split('/').map(|step| match step.strip_prefix('@') {
        Some(_) => step,
        None => step.split_once(':').map_or(step, |(_, local)| local),
    });
    let plain = steps.collect::<Vec<_>>().join("/");
    (plain != name).then_some(plain)
}

/// The slots of a record that carry data and that nobody accounts for.
pub fn unmapped(program: &Program, record: &Record) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each_slot(program, record, &mut |name, read| {
        if !found.contains(name) && class(program, name, read) == Class::Carried {
            found.insert(name.to_owned());
        }
    });
    found
}

/// Calls `f` with the name of every slot that carries data, without numbers, and whether it is read.
/// An element of a document may be read under a condition: one that does not meet it is not read.
fn each_slot(program: &Program, record: &Record, f: &mut dyn FnMut(&str, bool)) {
    let reads = |name: &str| program.slots.reads(name);
    record.each_claim(program.slots.paths(), &reads, &mut |name, _, read| match matches!(
        record,
        Record::Xml(_)
    ) && name
        .contains('[')
    {
        true => f(&Slots::unconditional(name), read),
        false => f(name, read),
    });
}

impl<'p> Collector<'p> {
    /// Nothing seen yet.
    pub fn new(program: &'p Program) -> Self {
        Collector { program, records: 0, seen: BTreeMap::new() }
    }

    /// Looks at a record.
    pub fn see(&mut self, record: &Record) {
        self.records += 1;
        let mut names = BTreeSet::new();
        each_slot(self.program, record, &mut |name, read| {
            names.insert((name.to_owned(), read));
        });
        for name in names {
            *self.seen.entry(name).or_default() += 1;
        }
    }

    /// The report.
    pub fn finish(self) -> Coverage {
        let Collector { program, records, mut seen } = self;
        let written = program.put.iter().map(|put| Slots::unconditional(&put.shown));
        let known = program.slots.read().map(str::to_owned).chain(program.schema.slots());
        for name in known.chain(written) {
            let read = program.slots.reads(&name);
            seen.entry((name, read)).or_default();
        }
        let report = |((name, read), records): ((String, bool), usize)| {
            let class = class(program, &name, read);
            let reason = program.slots.ignored(&name).filter(|_| class == Class::Ignored);
            SlotReport { class, reason: reason.map(|i| i.reason.clone()), records, name }
        };
        let mut slots: Vec<SlotReport> = seen.into_iter().map(report).collect();
        slots.sort_by(|a, b| (a.class, b.records, &a.name).cmp(&(b.class, a.records, &b.name)));
        Coverage {
            mapping: program.name.clone(),
            version: program.version.clone(),
            rest: program.rest,
            records,
            slots,
            required: required(program),
        }
    }
}

impl Coverage {
    /// The slots of a class.
    pub fn of(&self, class: Class) -> impl Iterator<Item = &SlotReport> {
        self.slots.iter().filter(move |slot| slot.class == class)
    }

    /// How many slots nobody accounts for.
    pub fn unaccounted(&self) -> usize {
        self.of(Class::Carried).count()
    }

    /// The same for programs.
    pub fn to_json(&self) -> Json {
        let slot = |slot: &SlotReport| {
            let mut one = json!({
                "slot": slot.name,
                "class": slot.class.word(),
                "records": slot.records,
            });
            if let Some(reason) = &slot.reason {
                one["reason"] = json!(reason);
            }
            one
        };
        let required =
            |(path, written): &(String, bool)| json!({ "element": path, "written": written });
        json!({
            "mapping": self.mapping,
            "version": self.version,
            "records": self.records,
            "unaccounted": self.unaccounted(),
            "slots": self.slots.iter().map(slot).collect::<Vec<_>>(),
            "required": self.required.iter().map(required).collect::<Vec<_>>(),
        })
    }
}

/// The elements that FHIR requires of what a mapping writes, and whether they are written.
fn required(program: &Program) -> Vec<(String, bool)> {
    let mut found = BTreeMap::new();
    for rule in &program.rules {
        required_in(&rule.body, &rule.kind, &mut rule.kind.clone(), &mut found);
    }
    found.into_iter().collect()
}

fn required_in(object: &Object, ty: &str, path: &mut String, found: &mut BTreeMap<String, bool>) {
    let definitions = Definitions::r4();
    let Some(def) = definitions.type_def(ty) else { return };
    for element in def.elements.iter().filter(|e| e.min > 0) {
        let written = object.fields.iter().any(|field| {
            definitions.json_child(ty, &field.name).is_some_and(|(e, _)| e.name == element.name)
        });
        let choice = if element.choice { "[x]" } else { "" };
        let all = found.entry(format!("{path}.{}{choice}", element.name)).or_insert(true);
        *all &= written;
    }
    for field in &object.fields {
        let Some((_, ty)) = definitions.json_child(ty, &field.name) else { continue };
        let before = path.len();
        path.push('.');
        path.push_str(&field.name);
        match &field.value {
            Value::Object(inner) => required_in(inner, ty, path, found),
            Value::List(items) => {
                for item in items {
                    if let Value::Object(inner) = &item.value {
                        required_in(inner, ty, path, found);
                    }
                }
            }
            Value::Const(_) | Value::Leaf(_) | Value::Ref(_) => {}
        }
        path.truncate(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::Charsets;
    use crate::translate::{Library, Party};

    #[test]
    fn every_slot_of_a_message_has_a_class() {
        let library = Library::open(&[]).unwrap();
        let party = Party { name: "p".into(), title: "p".into(), uscc: None };
        let mut program = (*library.program("hospital-adt", &party).unwrap()).clone();
        program.slots.ignore.clear();
        let message = "MSH|^~\\&|HIS|H||X|20260302||ADT^A04|1|P|2.5.1||||||UNICODE UTF-8\r\
            EVN||20260302\rPID|1||100^^^HIS^PI||张^x||19800101|M\rPV1||O|||||||||||||||||V1\rZQX|a|b^c\r";
        let file = program.schema.read(message.as_bytes(), &Charsets::default()).unwrap();
        let mut collector = Collector::new(&program);
        collector.see(&file.records[0]);
        let coverage = collector.finish();
        let class = |name: &str| {
            let found = coverage.slots.iter().find(|slot| slot.name == name);
            found.map(|slot| (slot.class, slot.records))
        };
        assert_eq!(class("PID-3.5"), Some((Class::Mapped, 1)));
        assert_eq!(class("PID-8"), Some((Class::Mapped, 1)));
        assert_eq!(class("PID-29"), Some((Class::Mapped, 0)), "named, and not sent");
        assert_eq!(class("PV1-19"), Some((Class::Mapped, 1)), "a key");
        assert_eq!(class("EVN-2"), Some((Class::PutOnly, 1)));
        assert_eq!(class("MSH-9.2"), Some((Class::Format, 1)));
        assert_eq!(class("ZQX-2.2"), Some((Class::Carried, 1)));
        let unmapped = unmapped(&program, &file.records[0]);
        let found = unmapped.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(found, ["ZQX-1", "ZQX-2", "ZQX-2.2"]);
        assert!(coverage.required.contains(&("Encounter.status".to_owned(), true)));
        let text = coverage.to_json().to_string();
        assert!(!text.contains("19800101"), "no value of a record is shown");
    }
}
