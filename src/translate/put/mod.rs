//! Put: a FHIR Bundle → the bytes of a legacy record, over an original or new.
//!
//! *Keep if consistent*: a leaf whose FHIR value is what get gives from the original keeps the
//! original's bytes; only a changed value is encoded and written into its slot. So an untouched
//! Bundle gives the original byte for byte, and an edit changes only its own slot.
//!
//! * [`object`]: an object, old value beside new value; [`leaf`], [`list`] below it
//! * [`branch`]: which branch of a choice a new value is in
//! * [`place`]: which resource stands in for which rule, and where new ones go
//! * [`report`]: what the written record says again, and what got lost

mod branch;
mod leaf;
mod list;
mod object;
mod place;
mod report;

use serde_json::{Map, Value as Json};

use super::bundle::{Entry, Resources};
use super::eval::{Eval, around};
use super::expr;
use super::get::Writer;
use super::plan::{Expr, Program};
use crate::error::{Error, Kind};
use crate::fhir::Issue;
use crate::legacy::{
    Charset, Charsets, Editor, File, Record, Schema, Scope, Slot, Text, TextEdit, Write,
};

/// A legacy record made from FHIR.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// The bytes, in the charset of the original or of the mapping.
    pub bytes: Vec<u8>,
    /// The loss report and everything else that was noticed.
    pub issues: Vec<Issue>,
    /// `require`d slots that nothing fills: slot name, FHIR paths that would fill it.
    pub missing: Vec<(String, Vec<String>)>,
}

/// Edits the original so that it says what the Bundle says. An untouched Bundle gives the original
/// byte for byte; an edit changes only its own slot.
pub fn put(program: &Program, bundle: &Json, original: &Record) -> Output {
    put_all(program, &[(bundle, original)], original.text())
}

/// Edits several records of one file, each by its Bundle.
pub fn put_file(program: &Program, bundles: &[Json], original: &File) -> Result<Output, Error> {
    if bundles.len() != original.records.len() {
        let what = format!(
            "there are {} Bundles for {} records of the original",
            bundles.len(),
            original.records.len()
        );
        return Err(Error::new(Kind::Value, what).advise("give one Bundle per record, in order"));
    }
    let pairs: Vec<_> = bundles.iter().zip(&original.records).collect();
    Ok(put_all(program, &pairs, &original.text))
}

/// Makes new records from a Bundle: one per root resource.
pub fn create(program: &Program, bundle: &Json) -> Vec<Output> {
    let resources = Resources::new(bundle);
    let records = place::records(program, &resources);
    if records.is_empty() {
        let kinds: Vec<&str> =
            program.roots.iter().map(|rule| program.rules[*rule].kind.as_str()).collect();
        let text = format!(
            "the Bundle holds no {} that mapping '{}' could write",
            kinds.join(", "),
            program.name
        );
        let issues = vec![Issue::error(Kind::Required, text)];
        return vec![Output { issues, ..Output::default() }];
    }
    records.iter().map(|assigned| create_one(program, bundle, &resources, assigned)).collect()
}

/// Several new records as one transfer.
pub fn joined(program: &Program, records: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    let mut bytes = program.schema.join(records, &charsets)?;
    program.schema.date(&mut bytes, today(program));
    Ok(bytes)
}

fn today(program: &Program) -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(around(program, None).zone).date()
}

fn create_one(
    program: &Program,
    bundle: &Json,
    resources: &Resources,
    assigned: &[(usize, String)],
) -> Output {
    let blank = program.schema.blank();
    let Some(record) = blank.records.first() else {
        let issue = Issue::error(Kind::Internal, "the blank record of this format is empty");
        return Output { issues: vec![issue], ..Output::default() };
    };
    let mut put = Put::new(program, record, resources);
    put.creating = true;
    put.write_assigned(assigned);
    put.trigger();
    put.put_slots();
    let (edits, mut issues) = put.finish();
    let bytes = match blank_bytes(program, &blank.text, &edits) {
        Ok(bytes) => bytes,
        Err(error) => {
            issues.push(Issue::from(&error));
            return Output { issues, ..Output::default() };
        }
    };
    let mut output = Output { bytes, issues, missing: Vec::new() };
    let only: Vec<&str> = assigned.iter().map(|(_, r)| &**r).collect();
    report::report(program, bundle, Some(&only), 0, &mut output);
    output
}

/// A new record's bytes, in the charset of the mapping.
fn blank_bytes(program: &Program, blank: &Text, edits: &[TextEdit]) -> Result<Vec<u8>, Error> {
    let mut bytes = blank.splice(edits)?;
    if blank.holder().is_some() || blank.charset != Charset::Utf8 {
        program.schema.date(&mut bytes, today(program));
        return Ok(bytes);
    }
    let Some(charset) = program.charset else { return Ok(bytes) };
    let text = String::from_utf8_lossy(&bytes);
    charset.encode(&text).map(std::borrow::Cow::into_owned).map_err(|c| {
        let what = format!("character '{c}' cannot be written in {charset:?}");
        Error::new(Kind::Value, what).advise("name a larger charset in the mapping")
    })
}

fn put_all(program: &Program, pairs: &[(&Json, &Record)], text: &Text) -> Output {
    let mut edits = Vec::new();
    let mut output = Output::default();
    for (bundle, record) in pairs {
        let resources = Resources::new(bundle);
        let mut put = Put::new(program, record, &resources);
        put.existing();
        put.added();
        put.put_slots();
        let (more, issues) = put.finish();
        edits.extend(more);
        output.issues.extend(issues);
    }
    if edits.is_empty() {
        output.bytes = text.bytes.to_vec();
        return output;
    }
    edits.sort_by_key(|e| (e.span.start, e.span.end));
    output.bytes = splice(text, edits, &mut output.issues);
    for (n, (bundle, record)) in pairs.iter().enumerate() {
        let nth = record.about("index").and_then(|nth| nth.parse().ok()).unwrap_or(n);
        report::report(program, bundle, None, nth, &mut output);
    }
    output
}

/// Applies edits; one whose characters the charset does not have is left out, and said.
fn splice(text: &Text, mut edits: Vec<TextEdit>, issues: &mut Vec<Issue>) -> Vec<u8> {
    if let Ok(bytes) = text.splice(&edits) {
        return bytes;
    }
    edits.retain(|edit| match text.splice(std::slice::from_ref(edit)) {
        Ok(_) => true,
        Err(error) => {
            let mut issue = Issue::from(&error);
            issue.text = format!("lost: {}", issue.text);
            issues.push(issue);
            false
        }
    });
    text.splice(&edits).unwrap_or_else(|error| {
        issues.push(Issue::from(&error));
        text.bytes.to_vec()
    })
}

/// One record being written.
struct Put<'a, 'b> {
    writer: Writer<'a>,
    editor: Editor<'a>,
    resources: &'b Resources<'b>,
    /// Instances that exist now: rule, chain of scopes, reference, old and new resource.
    made: Vec<MadeInstance>,
    /// A new record: copies are silent, removed values need no null.
    creating: bool,
    issues: Vec<Issue>,
    /// Names on the way to where we are, for messages.
    path: Vec<&'a str>,
    /// Parts of scans to write, by choice.
    scans: Vec<(usize, String, String)>,
    /// Rule and number of the instance being written.
    instance: usize,
    /// The branch of each choice that the old value is in, as of the object entered last.
    was: Vec<Option<usize>>,
    /// How many objects around are going into another branch.
    switching: usize,
    /// Slots that leaves gave a text.
    filled: Vec<(Scope, Slot)>,
}

/// An instance of a rule in the record as it will be.
#[derive(Debug, Clone)]
struct MadeInstance {
    rule: usize,
    chain: Vec<Scope>,
    reference: String,
    old: Option<Json>,
}

impl<'a, 'b> Put<'a, 'b> {
    fn new(program: &'a Program, record: &'a Record, resources: &'b Resources<'b>) -> Self {
        let mut writer = Writer::new(Eval::new(program, record));
        writer.quiet = true;
        writer.eval.issues.clear();
        Put {
            writer,
            editor: record.edit(),
            resources,
            made: Vec::new(),
            creating: false,
            issues: Vec::new(),
            path: Vec::new(),
            scans: Vec::new(),
            instance: 0,
            was: vec![None; program.choices.len()],
            switching: 0,
            filled: Vec::new(),
        }
    }

    fn program(&self) -> &'a Program {
        self.writer.eval.program
    }

    /// Lays the Bundle over what the record has.
    fn existing(&mut self) {
        for n in 0..self.writer.eval.instances.len() {
            let instance = self.writer.eval.instances[n].clone();
            let Some(reference) = instance.reference else { continue };
            let mut json = String::new();
            if !self.writer.write_resource(n, &mut json) {
                continue;
            }
            let Ok(old) = serde_json::from_str::<Json>(&json) else { continue };
            let already = self.made.iter().find(|m| m.reference == reference);
            if already.is_some_and(|m| m.old.as_ref() != Some(&old)) {
                // A second, different resource of that id was left out of the Bundle: not edited.
                continue;
            }
            self.made.push(MadeInstance {
                rule: instance.rule,
                chain: instance.chain,
                reference: reference.clone(),
                old: Some(old.clone()),
            });
            self.instance = n;
            match self.resources.get(&reference) {
                Some(Entry::Resource(new)) => {
                    self.resource(instance.rule, old.as_object(), Some(new), instance.scope);
                }
                Some(Entry::Deleted) => self.delete(n, &old),
                None => self.issues.push(
                    Issue::warning(
                        Kind::Required,
                        format!("{reference} is not in the Bundle: its slots stay as they are"),
                    )
                    .path(self.program().rules[instance.rule].kind.clone()),
                ),
            }
        }
    }

    fn resource(
        &mut self,
        rule: usize,
        old: Option<&Map<String, Json>>,
        new: Option<&Map<String, Json>>,
        scope: Scope,
    ) {
        let rule = &self.program().rules[rule];
        self.path.clear();
        self.path.push(&rule.kind);
        self.object(&rule.body, old, new, scope);
    }

    /// Removes a deleted resource: its repetition, unless another resource of the Bundle lives in
    /// the same one, or its slots.
    fn delete(&mut self, n: usize, old: &Json) {
        let instance = self.writer.eval.instances[n].clone();
        let rule = &self.program().rules[instance.rule];
        let last = rule.each.as_ref().and_then(|e| e.steps.last());
        let shared = self.writer.eval.instances.iter().enumerate().any(|(m, other)| {
            m != n
                && other.present
                && other.scope == instance.scope
                && other.reference != instance.reference
        });
        let is_row = matches!(self.writer.eval.record, Record::Sql(_)) && rule.drives_its_row();
        match last {
            Some(list) if !shared || is_row => {
                let removed = self.editor.remove(list, instance.scope);
                self.note(removed);
            }
            _ => self.resource(instance.rule, old.as_object(), None, instance.scope),
        }
        self.made.retain(|m| Some(&m.reference) != instance.reference.as_ref());
    }

    /// Writes resources of the Bundle that the record does not have yet.
    fn added(&mut self) {
        let program = self.program();
        for reference in &self.resources.order {
            let Some(map) = self.resources.resource(reference) else { continue };
            if self.made.iter().any(|m| self.resources.same(&m.reference, reference)) {
                continue;
            }
            let kind = map.get("resourceType").and_then(Json::as_str).unwrap_or("");
            let json = Json::Object(map.clone());
            let rule = (0..program.rules.len()).find(|r| {
                let rule = &program.rules[*r];
                rule.kind == kind
                    && (rule.each.is_some() || !self.made.iter().any(|m| m.rule == *r))
                    && super::marks::bears(&json, &rule.body)
            });
            match rule {
                Some(rule) => self.write_assigned(&[(rule, reference.clone())]),
                None => self.issues.push(Issue::warning(
                    Kind::NotSupported,
                    format!("lost: {reference}: no rule of '{}' takes it", program.name),
                )),
            }
        }
    }

    /// Writes resources that stand in for rules and are not in the record yet.
    fn write_assigned(&mut self, assigned: &[(usize, String)]) {
        // All are placed before any is written: a list of references is written in their scopes.
        let mut placed = Vec::new();
        // Who refers to others of the same list stands first: they join its group.
        for (rule, reference) in place::leaders_first(self.program(), assigned) {
            let Some(new) = self.resources.resource(&reference) else { continue };
            let Some(chain) = self.chain_for(rule, &reference) else { continue };
            placed.push((rule, new, chain.last().copied().unwrap_or_default()));
            self.made.push(MadeInstance { rule, chain, reference, old: None });
        }
        // One that several groups refer to stands in each of them.
        for (rule, reference) in assigned {
            let Some(new) = self.resources.resource(reference) else { continue };
            for chain in self.other_groups(*rule, reference) {
                placed.push((*rule, new, chain.last().copied().unwrap_or_default()));
                let reference = reference.clone();
                self.made.push(MadeInstance { rule: *rule, chain, reference, old: None });
            }
        }
        for (rule, new, scope) in placed {
            if let Some(guard) = &self.program().rules[rule].when {
                self.write_guard(guard, scope);
            }
            self.resource(rule, None, Some(new), scope);
        }
    }

    /// Writes the slots that exist on the way out only. Over an original, constants and clocks stay
    /// as they are, and a computed slot is written only if what it is computed from has changed.
    fn put_slots(&mut self) {
        let program = self.program();
        let now = jiff::Timestamp::now();
        let message_id = uuid::Uuid::now_v7().simple().to_string()[12..].to_ascii_uppercase();
        for slot in &program.put {
            let targets: Vec<(Vec<Scope>, usize)> = match slot.rule {
                None => vec![(Vec::new(), 1)],
                Some(rule) => {
                    let mine = self.made.iter().filter(|m| m.rule == rule);
                    let mut chains: Vec<Vec<Scope>> = mine.map(|m| m.chain.clone()).collect();
                    chains.dedup();
                    // Numbers begin anew in each enclosing group.
                    let around = |chain: &[Scope]| chain[..chain.len().saturating_sub(1)].to_vec();
                    let number = |n: usize| {
                        chains[..n].iter().filter(|c| around(c) == around(&chains[n])).count() + 1
                    };
                    let numbers: Vec<usize> = (0..chains.len()).map(number).collect();
                    chains.into_iter().zip(numbers).collect()
                }
            };
            for (chain, number) in targets {
                let scope = chain.last().copied().unwrap_or_default();
                // A leaf that owns the slot as well has said it already.
                let said = self.filled.iter().any(|(at, s)| *at == scope && *s == slot.slot);
                let clock = !depends_on_fhir(&slot.expr);
                let waits = match self.editor.row_state(scope) {
                    // The clock of a row moves with the row; its key is made with it.
                    Some((touched, new)) => {
                        clock && !new && (!touched || is_key(program, &slot.slot))
                    }
                    None => !self.creating && clock,
                };
                if said || waits {
                    continue;
                }
                let sight = |old: bool| {
                    let resource = |rule: usize| self.side(rule, &chain, old);
                    let sight = expr::Sight {
                        eval: &self.writer.eval,
                        scope,
                        number,
                        resource: &resource,
                        now,
                        message_id: &message_id,
                    };
                    expr::value(&slot.expr, &sight)
                };
                let new = sight(false);
                if !self.creating && !clock && new == sight(true) {
                    continue;
                }
                if let Some(text) = new {
                    let written = self.editor.write(scope, &slot.slot, Write::Text(&text));
                    self.note(written);
                }
            }
        }
    }

    /// The resource of a rule, as it was or as the Bundle has it: of several the one in these groups.
    fn side(&self, rule: usize, chain: &[Scope], old: bool) -> Option<Json> {
        let mine = || self.made.iter().filter(|m| m.rule == rule);
        let near = |m: &&MadeInstance| m.chain.starts_with(chain) || chain.starts_with(&m.chain);
        let made = mine().find(near).or_else(|| mine().next())?;
        if old {
            return made.old.clone();
        }
        let new = self.resources.resource(&made.reference).map(|m| Json::Object(m.clone()));
        new.or_else(|| made.old.clone())
    }

    fn note(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            let path = self.path.join(".");
            self.issues.push(Issue::from(&error).path(path));
        }
    }

    fn finish(mut self) -> (Vec<TextEdit>, Vec<Issue>) {
        match self.editor.finish() {
            Ok(edits) => (edits, self.issues),
            Err(error) => {
                self.issues.push(Issue::from(&error));
                (Vec::new(), self.issues)
            }
        }
    }
}

/// Whether a slot is part of the key of its row.
fn is_key(program: &Program, slot: &Slot) -> bool {
    match (&program.schema, slot) {
        (Schema::Sql(schema), Slot::Sql(slot)) => {
            schema.tables[usize::from(slot.table)].key.contains(&slot.column)
        }
        _ => false,
    }
}

/// Whether an expression reads the FHIR side (and not only clocks and constants).
fn depends_on_fhir(expr: &Expr) -> bool {
    match expr {
        Expr::Path(..) => true,
        Expr::Date(a)
        | Expr::Round(a, _)
        | Expr::Lookup(_, a)
        | Expr::In(a, ..)
        | Expr::Present(a)
        | Expr::Not(a) => depends_on_fhir(a),
        Expr::Age(a, b, _)
        | Expr::Else(a, b)
        | Expr::Math(_, a, b)
        | Expr::Compare(_, a, b)
        | Expr::Logic(_, a, b) => depends_on_fhir(a) || depends_on_fhir(b),
        Expr::Text(_)
        | Expr::Number(_)
        | Expr::Now
        | Expr::MessageId
        | Expr::Index
        | Expr::Slot(..)
        | Expr::Leaf(_) => false,
    }
}
