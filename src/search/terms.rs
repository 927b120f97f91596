//! A resource as the terms it is found by.

use serde_json::Value;

use super::date::{self, Span};
use super::params::{Family, Param, Params};
use super::path::Chain;
use super::reference::{self, Target};
use super::text;

/// One value by which a resource is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Term<'p> {
    /// The parameter; never one that reads the rows of another.
    pub param: &'p Param,
    /// Its value.
    pub value: Indexed,
}

/// A value in the index.
#[derive(Debug, Clone, PartialEq)]
pub enum Indexed {
    /// A code or an identifier; the system is empty where it has none.
    Token {
        /// The system.
        system: String,
        /// The code or value.
        code: String,
    },
    /// A string.
    Text {
        /// Folded; see [`text::fold`].
        folded: String,
        /// As it was written.
        exact: String,
    },
    /// A date or period.
    Span(Span),
    /// A number or quantity; unit and system are empty where it has none.
    Number {
        /// The number.
        value: f64,
        /// The unit's system.
        system: String,
        /// The unit's code, else its text.
        unit: String,
    },
    /// What a reference points to.
    Reference(Target),
    /// An address.
    Uri(String),
}

/// All terms of a resource, by the parameters of its type.
pub fn terms<'p>(params: &'p Params, resource: &Value) -> Vec<Term<'p>> {
    let mut terms = Vec::with_capacity(16);
    let kind = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    for param in params.of(kind) {
        let start = terms.len();
        let mut add = |value: Indexed| {
            let term = Term { param, value };
            if !terms[start..].contains(&term) {
                terms.push(term);
            }
        };
        if param.chains.iter().any(|chain| chain.truth) {
            add(truth(&param.chains, resource));
            continue;
        }
        for chain in &param.chains {
            chain.each(resource, &mut |value| index(param, chain, value, &mut add));
        }
    }
    terms
}

/// Whether values of a type can be indexed for a kind of parameter.
pub(super) fn can(kind: &str, leaf: &str) -> bool {
    match kind {
        "token" => {
            matches!(
                leaf,
                "code" | "string" | "id" | "uri" | "boolean" | "Coding" | "CodeableConcept"
            ) || is_ident(leaf)
                || leaf == "dateTime"
        }
        "string" => {
            matches!(leaf, "string" | "markdown" | "code" | "uri" | "HumanName" | "Address")
        }
        "date" => matches!(leaf, "date" | "dateTime" | "instant" | "Period" | "Timing"),
        "reference" => matches!(leaf, "Reference" | "canonical" | "uri"),
        "uri" => matches!(leaf, "uri" | "url" | "canonical" | "oid" | "uuid"),
        "number" => matches!(leaf, "integer" | "decimal" | "positiveInt" | "unsignedInt"),
        "quantity" => {
            matches!(leaf, "Quantity" | "SimpleQuantity" | "Age" | "Duration" | "Count" | "Money")
        }
        _ => false,
    }
}

/// Whether tokens of a type differ from nearly all others.
pub(super) fn is_ident(leaf: &str) -> bool {
    matches!(leaf, "Identifier" | "ContactPoint")
}

/// Indexes one value of a chain.
fn index(param: &Param, chain: &Chain, value: &Value, add: &mut dyn FnMut(Indexed)) {
    match param.family {
        Family::Token | Family::Ident => token(chain, value, add),
        Family::Text => strings(&chain.leaf, value, add),
        Family::Date => dates(&chain.leaf, value, add),
        Family::Number => number(value, add),
        Family::Reference => {
            let text = value.as_str().or_else(|| value.get("reference")?.as_str());
            if let Some(target) = text.and_then(reference::target) {
                add(Indexed::Reference(target));
            }
        }
        Family::Uri => {
            if let Some(uri) = value.as_str() {
                add(Indexed::Uri(uri.to_owned()));
            }
        }
        Family::Id | Family::Updated => {}
    }
}

/// Whether what one of the chains leads to is there and not `false`.
fn truth(chains: &[Chain], resource: &Value) -> Indexed {
    let mut there = false;
    for chain in chains {
        chain.each(resource, &mut |value| there |= *value != Value::Bool(false));
    }
    Indexed::Token { system: String::new(), code: there.to_string() }
}

/// A text of an object.
fn member<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// All texts of an object's list.
fn members<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v str> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn token(chain: &Chain, value: &Value, add: &mut dyn FnMut(Indexed)) {
    let mut put = |system: &str, code: Option<&str>| {
        if let Some(code) = code {
            add(Indexed::Token { system: system.to_owned(), code: code.to_owned() });
        }
    };
    match &chain.leaf[..] {
        "Coding" => put(member(value, "system").unwrap_or_default(), member(value, "code")),
        "CodeableConcept" => {
            let codings = value.get("coding").and_then(Value::as_array);
            for coding in codings.into_iter().flatten() {
                put(member(coding, "system").unwrap_or_default(), member(coding, "code"));
            }
        }
        "Identifier" => put(member(value, "system").unwrap_or_default(), member(value, "value")),
        "ContactPoint" => put("", member(value, "value")),
        "boolean" => put("", value.as_bool().map(|b| if b { "true" } else { "false" })),
        _ => {
            let code = value.as_str();
            let systems = chain.systems.as_ref();
            let system = code.and_then(|code| systems?.get(code));
            put(system.map_or("", String::as_str), code);
        }
    }
}

fn strings(leaf: &str, value: &Value, add: &mut dyn FnMut(Indexed)) {
    let mut put = |exact: &str| {
        let folded = text::fold(exact);
        if !folded.is_empty() {
            add(Indexed::Text { folded, exact: exact.to_owned() });
        }
    };
    match leaf {
        "HumanName" => {
            member(value, "text").into_iter().for_each(&mut put);
            member(value, "family").into_iter().for_each(&mut put);
            for key in ["given", "prefix", "suffix"] {
                members(value, key).for_each(&mut put);
            }
            // People write a Chinese name as one word: 张三, not 三 张.
            let family = member(value, "family").unwrap_or_default();
            if family.chars().next().is_some_and(is_han) {
                let given: String = members(value, "given").collect();
                put(&format!("{family}{given}"));
            }
        }
        "Address" => {
            members(value, "line").for_each(&mut put);
            for key in ["text", "city", "district", "state", "postalCode", "country"] {
                member(value, key).into_iter().for_each(&mut put);
            }
        }
        _ => value.as_str().into_iter().for_each(put),
    }
}

/// The unified ideographs and their first extension.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

fn dates(leaf: &str, value: &Value, add: &mut dyn FnMut(Indexed)) {
    match leaf {
        "Period" => {
            if let Some(span) = period(value) {
                add(Indexed::Span(span));
            }
        }
        "Timing" => {
            members(value, "event").filter_map(date::parse).for_each(|s| add(Indexed::Span(s)));
            let bounds = value.get("repeat").and_then(|repeat| repeat.get("boundsPeriod"));
            if let Some(span) = bounds.and_then(period) {
                add(Indexed::Span(span));
            }
        }
        _ => {
            if let Some(span) = value.as_str().and_then(date::parse) {
                add(Indexed::Span(span));
            }
        }
    }
}

/// A period; open where it has no start or no end.
fn period(value: &Value) -> Option<Span> {
    let side = |key| member(value, key).map(date::parse);
    match (side("start"), side("end")) {
        (Some(None), _) | (_, Some(None)) | (None, None) => None,
        (start, end) => {
            let lo = start.flatten().map_or(-date::OPEN, |span| span.lo);
            let hi = end.flatten().map_or(date::OPEN, |span| span.hi);
            (lo < hi).then_some(Span { lo, hi })
        }
    }
}

fn number(value: &Value, add: &mut dyn FnMut(Indexed)) {
    let number = value.as_f64().or_else(|| value.get("value")?.as_f64());
    let Some(number) = number.filter(|n| n.is_finite()) else { return };
    let system = member(value, "system").unwrap_or_default();
    let unit = ["code", "currency", "unit"].iter().find_map(|key| member(value, key));
    add(Indexed::Number {
        value: number,
        system: system.to_owned(),
        unit: unit.unwrap_or_default().to_owned(),
    });
}
