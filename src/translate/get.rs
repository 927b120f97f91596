//! Get: a legacy record → a FHIR transaction Bundle.
//!
//! The plan is walked once and JSON text is written straight into one buffer; an object that turns
//! out to hold no value of the record is cut off again.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::codec;
use super::eval::{Eval, From, LeafValue};
use super::marks::only_constants;
use super::merge::Owner;
use super::plan::{Drive, Else, Field, Flag, Item, Leaf, Nulls, Object, Program, Value};
use crate::error::Kind;
use crate::fhir::{BASE, Issue, Merge};
use crate::legacy::{Record, Scope};

/// What a record became.
#[derive(Debug, Clone, Default)]
pub struct Translated {
    /// A transaction Bundle as compact JSON; each entry is a `PUT Type/id`, with `ifNoneMatch: *`
    /// where the mapping says `mode: create`.
    pub bundle: String,
    /// What was left out, changed or not understood.
    pub issues: Vec<Issue>,
}

/// A resource of a translated record, ready for the store.
pub struct Made {
    /// Resource type.
    pub kind: String,
    /// Id.
    pub id: String,
    /// The resource.
    pub resource: Json,
    /// Written only if it is missing.
    pub create_only: bool,
    /// Lays it over the stored one: replaces the paths this mapping owns, leaves the others.
    pub merge: Arc<dyn Merge>,
}

/// Translates a record into a transaction Bundle. Never fails: what cannot be read is an issue.
pub fn get(program: &Program, record: &Record) -> Translated {
    let mut bundle = String::with_capacity(4096);
    bundle += r#"{"resourceType":"Bundle","type":"transaction","entry":["#;
    let mut writer = Writer::new(Eval::new(program, record));
    let mut first = true;
    writer.each_resource(&mut |reference, json, create_only, _| {
        if !first {
            bundle.push(',');
        }
        first = false;
        for part in [r#"{"fullUrl":""#, BASE, "/", reference, r#"","resource":"#, json] {
            bundle += part;
        }
        bundle += r#","request":{"method":"PUT","url":""#;
        bundle += reference;
        bundle += if create_only { r#"","ifNoneMatch":"*"}}"# } else { r#""}}"# };
    });
    bundle += "]}";
    Translated { bundle, issues: writer.eval.issues }
}

/// Translates a record into resources for the store.
pub fn resources(program: &Arc<Program>, record: &Record) -> (Vec<Made>, Vec<Issue>) {
    let mut made = Vec::new();
    let mut writer = Writer::new(Eval::new(program, record));
    let mut broken = Vec::new();
    writer.each_resource(&mut |reference, json, create_only, rest| {
        let (kind, id) = reference.split_once('/').unwrap_or((reference, ""));
        match serde_json::from_str(json) {
            Ok(resource) => made.push(Made {
                kind: kind.to_owned(),
                id: id.to_owned(),
                resource,
                create_only,
                merge: Arc::new(Owner::new(program, rest.rule, rest.notes.clone())),
            }),
            Err(error) => {
                broken.push(Issue::error(Kind::Internal, format!("{reference}: {error}")))
            }
        }
    });
    let mut issues = writer.eval.issues;
    issues.extend(broken);
    (made, issues)
}

/// Which leaf gave which value of a record.
pub(super) fn trace<'a>(program: &'a Program, record: &'a Record) -> (Eval<'a>, Vec<Traced<'a>>) {
    let mut writer = Writer::new(Eval::new(program, record));
    writer.trace = Some(Vec::new());
    let mut json = String::new();
    for n in 0..writer.eval.instances.len() {
        let traced = writer.traced();
        if !writer.write_resource(n, &mut json) {
            writer.forget(traced);
        }
    }
    let trace = writer.trace.take().unwrap_or_default();
    (writer.eval, trace)
}

/// Which rule made a resource, and what was noted on the way.
struct MadeBy<'a> {
    rule: usize,
    notes: &'a Notes,
}

/// Paths (JSON keys, without list positions) that are not plain values of the record.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// The record explicitly empties them.
    pub nulls: Vec<Vec<String>>,
    /// They hold the literal of an `else`.
    pub defaults: Vec<Vec<String>>,
}

/// Writes JSON of one record.
pub(super) struct Writer<'a> {
    pub eval: Eval<'a>,
    /// Names of the elements on the way to where we are, for messages.
    path: Vec<&'a str>,
    /// The instance being written.
    instance: usize,
    /// Explicit nulls and defaults of the resource being written.
    notes: Notes,
    /// Whether explicit nulls and bad leaves are noted (not while old values are looked up).
    pub quiet: bool,
    /// Which leaf gave which value, if somebody asks.
    pub trace: Option<Vec<Traced<'a>>>,
    /// JSON pointer of where we are in the resource; kept only for the trace.
    pointer: String,
}

/// A value that a leaf gave.
#[derive(Debug, Clone)]
pub(super) struct Traced<'a> {
    /// Index into [`Eval::instances`].
    pub instance: usize,
    /// JSON pointer in the resource.
    pub pointer: String,
    /// The leaf.
    pub leaf: &'a Leaf,
    /// Where it was read.
    pub scope: Scope,
    /// The value as JSON text.
    pub json: String,
}

/// What writing an element did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wrote {
    /// Something was written.
    any: bool,
    /// A value of the record that its leaf owns was written.
    data: bool,
    /// A copy or a reference was written.
    soft: bool,
    /// The literal of an `else` was written.
    default: bool,
}

impl Wrote {
    fn add(&mut self, other: Wrote) {
        self.any |= other.any;
        self.data |= other.data;
        self.soft |= other.soft;
        self.default |= other.default;
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(eval: Eval<'a>) -> Self {
        Writer {
            eval,
            path: Vec::new(),
            instance: 0,
            notes: Notes::default(),
            quiet: false,
            trace: None,
            pointer: String::new(),
        }
    }

    /// Writes every resource of the record: `f(reference, json, create_only, made by)`. Two equal
    /// resources with one id are one; two different ones are an error, never an overwrite.
    fn each_resource(&mut self, f: &mut dyn FnMut(&str, &str, bool, &MadeBy)) {
        let mut seen: HashMap<String, (usize, String)> = HashMap::new();
        let mut json = String::new();
        for n in 0..self.eval.instances.len() {
            if self.eval.instances[n].spoilt {
                self.note_spoilt(n);
            }
            let Some(reference) = self.eval.instances[n].reference.clone() else { continue };
            json.clear();
            if !self.write_resource(n, &mut json) {
                continue;
            }
            let rule = self.eval.instances[n].rule;
            if let Some((other, text)) = seen.get(&reference) {
                if *text != json {
                    self.collision(&reference, rule, *other);
                }
                continue;
            }
            let made = MadeBy { rule, notes: &self.notes };
            f(&reference, &json, self.eval.program.rules[rule].create_only, &made);
            seen.insert(reference, (rule, json.clone()));
        }
    }

    /// Notes the texts that cannot be read of a resource that says nothing else.
    fn note_spoilt(&mut self, n: usize) {
        let instance = &self.eval.instances[n];
        let (rule, scope) = (&self.eval.program.rules[instance.rule], instance.scope);
        self.instance = n;
        self.path.clear();
        self.path.push(&rule.kind);
        self.fields(&rule.body, scope, &mut String::new(), false);
    }

    fn collision(&mut self, reference: &str, rule: usize, other: usize) {
        let rules = &self.eval.program.rules;
        let text = format!(
            "two different resources of this record have the id {reference} ('{}' and '{}'): the second is left out",
            rules[other].alias, rules[rule].alias
        );
        let at = self.eval.pos(rules[rule].pos);
        self.eval
            .issues
            .push(Issue::error(Kind::Duplicate, text).path(&*rules[rule].kind).rule(at));
    }

    /// Writes the resource of an instance; false (and nothing written) if it has no value.
    pub(super) fn write_resource(&mut self, n: usize, out: &mut String) -> bool {
        let instance = &self.eval.instances[n];
        let Some(reference) = instance.reference.clone().filter(|_| instance.present) else {
            return false;
        };
        let (rule, scope) = (&self.eval.program.rules[instance.rule], instance.scope);
        self.instance = n;
        self.notes = Notes::default();
        self.path.clear();
        self.path.push(&rule.kind);
        self.pointer.clear();
        let id = reference.split_once('/').map_or("", |(_, id)| id);
        let start = out.len();
        for part in [r#"{"resourceType":""#, &rule.kind, r#"","id":""#, id, "\""] {
            *out += part;
        }
        let wrote = self.fields(&rule.body, scope, out, true);
        out.push('}');
        let keep = wrote.data || !rule.body.has_data;
        if !keep {
            out.truncate(start);
        }
        keep
    }

    /// Writes the fields of an object after what is already in `out`; `comma`: something is.
    fn fields(
        &mut self,
        object: &'a Object,
        scope: Scope,
        out: &mut String,
        mut comma: bool,
    ) -> Wrote {
        self.eval.enter(object, scope);
        let mut total = Wrote::default();
        for field in &object.fields {
            if !self.eval.in_branch(field.branch) {
                continue;
            }
            if field.when.as_ref().is_some_and(|g| !self.eval.holds(g, scope)) {
                continue;
            }
            let wrote = self.field(field, scope, out, comma);
            comma |= wrote.any;
            total.add(wrote);
        }
        total
    }

    fn field(&mut self, field: &'a Field, scope: Scope, out: &mut String, comma: bool) -> Wrote {
        let start = out.len();
        if comma {
            out.push(',');
        }
        self.path.push(&field.name);
        let (before, traced) = (self.pointer.len(), self.traced());
        if self.trace.is_some() && !field.name.is_empty() {
            self.pointer.push('/');
            self.pointer.push_str(&field.name);
        }
        let wrote = if field.name.is_empty() {
            self.spliced(&field.value, scope, out)
        } else {
            out.push('"');
            *out += &field.name;
            *out += "\":";
            self.value(&field.value, scope, out)
        };
        self.path.pop();
        self.pointer.truncate(before);
        if !wrote.any {
            out.truncate(start);
            self.forget(traced);
        }
        wrote
    }

    fn traced(&self) -> usize {
        self.trace.as_ref().map_or(0, Vec::len)
    }

    /// What was cut off gave nothing.
    fn forget(&mut self, length: usize) {
        if let Some(trace) = &mut self.trace {
            trace.truncate(length);
        }
    }

    /// A leaf that makes several keys of the enclosing object (a quantity with a comparator beside).
    fn spliced(&mut self, value: &'a Value, scope: Scope, out: &mut String) -> Wrote {
        let start = out.len();
        let wrote = self.value(value, scope, out);
        if wrote.any && out[start..].starts_with('{') && out.ends_with('}') {
            out.pop();
            out.remove(start);
        }
        wrote
    }

    pub(super) fn value_json(&mut self, n: usize, value: &'a Value, scope: Scope) -> Option<Json> {
        self.instance = n;
        let mut out = String::new();
        let wrote = self.value(value, scope, &mut out);
        if wrote.any { serde_json::from_str(&out).ok() } else { None }
    }

    fn value(&mut self, value: &'a Value, scope: Scope, out: &mut String) -> Wrote {
        match value {
            Value::Const(json) => {
                *out += json;
                Wrote { any: true, ..Wrote::default() }
            }
            Value::Leaf(leaf) => self.leaf(leaf, scope, out),
            Value::Ref(to) => match self.eval.reference(to, self.instance, scope) {
                Some(reference) => {
                    for part in [r#"{"reference":""#, &*reference, "\"}"] {
                        *out += part;
                    }
                    Wrote { any: true, soft: true, ..Wrote::default() }
                }
                None => Wrote::default(),
            },
            Value::Object(object) => self.object(object, scope, out),
            Value::List(items) => self.list(items, scope, out),
        }
    }

    /// An object with owned leaves needs a value of one, unless all of them have an `else`; one of
    /// copies and references needs one of those; one of constants follows its parent.
    fn object(&mut self, object: &'a Object, scope: Scope, out: &mut String) -> Wrote {
        let (start, traced) = (out.len(), self.traced());
        out.push('{');
        let wrote = self.fields(object, scope, out, false);
        out.push('}');
        let needed = if object.has_data {
            wrote.data || (wrote.default && has_defaults(object))
        } else {
            wrote.any && (wrote.soft || only_constants(object))
        };
        if !needed {
            out.truncate(start);
            self.forget(traced);
            return Wrote::default();
        }
        wrote
    }

    fn list(&mut self, items: &'a [Item], scope: Scope, out: &mut String) -> Wrote {
        let start = out.len();
        out.push('[');
        let mut total = Wrote::default();
        let mut count = 0;
        for item in items {
            for (at, _) in self.item_scopes(item, scope) {
                let before = out.len();
                let pointer = self.pointer.len();
                if self.trace.is_some() {
                    self.pointer += &format!("/{count}");
                }
                if total.any {
                    out.push(',');
                }
                let wrote = self.value(&item.value, at, out);
                self.pointer.truncate(pointer);
                if !wrote.any {
                    out.truncate(before);
                }
                count += usize::from(wrote.any);
                total.add(wrote);
            }
        }
        out.push(']');
        if !total.any {
            out.truncate(start);
        }
        total
    }

    /// The scopes in which an item rule writes its items, with the instance for alias items.
    pub(super) fn item_scopes(
        &mut self,
        item: &'a Item,
        scope: Scope,
    ) -> Vec<(Scope, Option<usize>)> {
        if !self.eval.in_branch(item.branch) {
            return Vec::new();
        }
        let mut scopes: Vec<(Scope, Option<usize>)> = match &item.drive {
            Drive::Once => vec![(scope, None)],
            Drive::Each(each) => self
                .eval
                .walk_each(each, scope)
                .into_iter()
                .map(|chain| (chain.last().copied().unwrap_or(scope), None))
                .collect(),
            Drive::Alias(rule) => self
                .eval
                .of_rule(*rule)
                .filter(|n| {
                    let instance = &self.eval.instances[*n];
                    instance.present && self.eval.record.within(instance.scope, scope)
                })
                .map(|n| (self.eval.instances[n].scope, Some(n)))
                .collect(),
        };
        if let Some(guard) = &item.when {
            scopes.retain(|(at, _)| self.eval.holds(guard, *at));
        }
        scopes
    }

    fn leaf(&mut self, leaf: &'a Leaf, scope: Scope, out: &mut String) -> Wrote {
        let start = out.len();
        let wrote = self.leaf_value(leaf, scope, out);
        if wrote.any
            && let Some(trace) = &mut self.trace
        {
            trace.push(Traced {
                instance: self.instance,
                pointer: self.pointer.clone(),
                leaf,
                scope,
                json: out[start..].to_owned(),
            });
        }
        wrote
    }

    fn leaf_value(&mut self, leaf: &'a Leaf, scope: Scope, out: &mut String) -> Wrote {
        match self.eval.leaf(leaf, scope) {
            LeafValue::Absent => Wrote::default(),
            LeafValue::Null => {
                if !self.quiet && self.eval.program.nulls == Nulls::Delete {
                    let path = self.plain_path();
                    self.notes.nulls.push(path);
                }
                Wrote::default()
            }
            LeafValue::Bad(bad) => {
                self.bad(leaf, scope, &bad);
                Wrote::default()
            }
            LeafValue::Value(codec::Val::Text(text), from)
                if leaf.json == super::plan::Json::Text =>
            {
                write_text(&text, out);
                self.wrote(from)
            }
            LeafValue::Value(val, from) => match codec::to_json(leaf.json, val) {
                Ok(json) => {
                    *out += &json.to_string();
                    self.wrote(from)
                }
                Err(bad) => {
                    self.bad(leaf, scope, &bad);
                    Wrote::default()
                }
            },
        }
    }

    fn wrote(&mut self, from: From) -> Wrote {
        if from == From::Default && !self.quiet {
            let path = self.plain_path();
            self.notes.defaults.push(path);
        }
        let default = from == From::Default;
        Wrote { any: true, data: from == From::Own, soft: !default, default }
    }

    fn plain_path(&self) -> Vec<String> {
        self.path.iter().skip(1).map(|s| (*s).to_owned()).collect()
    }

    fn bad(&mut self, leaf: &Leaf, scope: Scope, bad: &str) {
        if !self.quiet {
            let path = self.path.join(".");
            self.eval.bad_leaf(leaf, scope, &path, bad);
        }
    }
}

/// Whether all leaves below an object that own a slot have a literal where nothing is read.
fn has_defaults(object: &Object) -> bool {
    fn default(value: &Value) -> bool {
        match value {
            Value::Leaf(leaf) => {
                let literal = matches!(leaf.or_else.as_deref(), Some(Else::Literal(_)));
                leaf.flag == Flag::Copy || literal
            }
            Value::Object(inner) => has_defaults(inner),
            Value::List(items) => items.iter().all(|i| default(&i.value)),
            Value::Const(_) | Value::Ref(_) => true,
        }
    }
    object.fields.iter().all(|field| default(&field.value))
}

/// Writes a JSON string.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
        let (plain, special) = rest.split_at(at);
        *out += plain;
        match special.as_bytes()[0] {
            b'"' => *out += "\\\"",
            b'\\' => *out += "\\\\",
            b'\n' => *out += "\\n",
            b'\r' => *out += "\\r",
            b'\t' => *out += "\\t",
            control => *out += &format!("\\u{control:04x}"),
        }
        rest = &special[1..];
    }
    *out += rest;
    out.push('"');
}
