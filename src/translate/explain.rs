//! Explain: which slot, codec and line of the mapping gave each FHIR value of a record.

use serde_json::{Value as Json, json};

use super::get::trace;
use super::plan::{Codec, Input, Leaf, Program};
use crate::legacy::{Read, Record};

/// One value and where it comes from.
#[derive(Debug, Clone)]
pub struct Explained {
    /// `Patient.name[0].text`.
    pub path: String,
    /// The value as JSON text.
    pub value: String,
    /// Slots, in the format's words.
    pub slots: Vec<String>,
    /// Bytes of the original record, half open; none for defaults.
    pub bytes: Option<std::ops::Range<usize>>,
    /// What stands there.
    pub raw: String,
    /// Codecs, as written.
    pub codecs: String,
    /// `file:line:column`.
    pub rule: String,
}

impl Explained {
    /// `Patient.birthDate = "1965-03-15"  <- PID-7 bytes 312..320 '19650315'  date  file:78:5`.
    pub fn line(&self) -> String {
        let mut line = format!("{} = {}  <- {}", self.path, self.value, self.slots.join(" "));
        if let Some(bytes) = &self.bytes {
            line += &format!(" bytes {}..{} '{}'", bytes.start, bytes.end, self.raw);
        }
        if !self.codecs.is_empty() {
            line += "  ";
            line += &self.codecs;
        }
        line += "  ";
        line += &self.rule;
        line
    }

    /// The same for programs.
    pub fn to_json(&self) -> Json {
        json!({
            "path": self.path,
            "value": serde_json::from_str::<Json>(&self.value).unwrap_or_default(),
            "slots": self.slots,
            "bytes": self.bytes.as_ref().map(|b| [b.start, b.end]),
            "raw": self.raw,
            "codecs": self.codecs,
            "rule": self.rule,
        })
    }
}

/// Explains every value that a mapping gives from a record.
pub fn explain(program: &Program, record: &Record) -> Vec<Explained> {
    let (eval, trace) = trace(program, record);
    trace
        .into_iter()
        .map(|traced| {
            let kind = &program.rules[eval.instances[traced.instance].rule].kind;
            let (bytes, raw) = source(&traced, record);
            Explained {
                path: format!("{kind}{}", dotted(&traced.pointer)),
                value: traced.json,
                slots: traced.leaf.slots.clone(),
                bytes,
                raw,
                codecs: codecs(program, traced.leaf),
                rule: program.place(traced.leaf.pos),
            }
        })
        .collect()
}

fn source(
    traced: &super::get::Traced,
    record: &Record,
) -> (Option<std::ops::Range<usize>>, String) {
    let Input::Slots(alternatives) = &traced.leaf.input else { return (None, String::new()) };
    let slot = alternatives.iter().flatten().find_map(|s| match record.read(traced.scope, s) {
        Read::Text(text) => Some((s, text.into_owned())),
        _ => None,
    });
    let Some((slot, raw)) = slot else { return (None, String::new()) };
    let span = record.slot_span(traced.scope, slot);
    (Some(record.text().byte_place(span)), raw)
}

/// `/name/0/text` → `.name[0].text`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        if step.bytes().all(|b| b.is_ascii_digit()) {
            path += &format!("[{step}]");
        } else {
            path.push('.');
            path += step;
        }
    }
    path
}

/// The codecs of a leaf, as they are written in a mapping.
pub(super) fn codecs(program: &Program, leaf: &Leaf) -> String {
    let table = |name: &str, table: usize| match program.tables.get(table) {
        Some(table) if table.name.starts_with("map(") => table.name.clone(),
        Some(table) => format!("{name}({})", table.name),
        None => name.to_owned(),
    };
    let patterns = |name: &str, patterns: &[String]| match patterns {
        [] => name.to_owned(),
        patterns => format!("{name}({})", patterns.join(", ")),
    };
    let one = |codec: &Codec| match codec {
        Codec::Code(at) => table("code", *at),
        Codec::Hd(at) => table("hd", *at),
        Codec::Date(all) => patterns("date", all),
        Codec::DateTime(all) => patterns("datetime", all),
        Codec::Decimal => "decimal".to_owned(),
        Codec::Int => "int".to_owned(),
        Codec::Bool(yes, no) => format!("bool({yes}, {no})"),
        Codec::Quantity(quantity) => {
            let from = quantity.from.iter().map(|unit| format!("from {unit}"));
            let units = quantity.unit_table.map(|at| table("code", at));
            let parts = quantity.unit.iter().cloned().chain(from).chain(units);
            patterns("quantity", &parts.collect::<Vec<_>>())
        }
        Codec::Name => "name".to_owned(),
        Codec::Phone => "phone".to_owned(),
        Codec::Cnid => "cnid".to_owned(),
        Codec::CnidOrText => "cnid(or text)".to_owned(),
        Codec::Uscc => "uscc".to_owned(),
        Codec::OrgCode { hyphen: false } => "orgcode".to_owned(),
        Codec::OrgCode { hyphen: true } => "orgcode(hyphen)".to_owned(),
        Codec::Template(template) => format!("template(\"{}\")", template.text()),
        Codec::Lines => "lines".to_owned(),
        Codec::Trim => "trim".to_owned(),
        Codec::Xhtml => "xhtml".to_owned(),
        Codec::Pad(width) => format!("pad({width})"),
        Codec::Fill(width) => format!("fill({width})"),
    };
    leaf.codecs.iter().map(one).collect::<Vec<_>>().join(" | ")
}
