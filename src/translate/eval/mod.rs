//! Evaluation of a plan over one record: which instances there are, what a leaf reads, which
//! guard holds, which branch is taken, what an id is.

mod keys;

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use jiff::tz::TimeZone;

use super::codec::{self, Around, Val};
use super::plan::{
    Branch, Case, Codec, Drive, Each, Flag, Guard, Input, Item, KeyPart, Leaf, Object, Program,
    Ref, Said, Scan, Value, Via,
};
use crate::fhir::{Issue, Severity, id};
use crate::legacy::{Read, Record, Schema, Scope, Slot};

/// An instance of a resource rule in a record.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    /// Index into [`Program::rules`].
    pub rule: usize,
    /// Where its slots are read.
    pub scope: Scope,
    /// The scopes of the steps of its `each`, outermost first.
    pub chain: Vec<Scope>,
    /// 1-based number in its list.
    pub number: usize,
    /// Its key, if one of the key forms has a value.
    pub key: Option<KeyValue>,
    /// `Type/id`.
    pub reference: Option<String>,
    /// Some owned leaf has a value.
    pub present: bool,
    /// None has, but one holds a text that cannot be read.
    pub spoilt: bool,
}

/// A key, evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyValue {
    pub space: String,
    pub parts: Vec<String>,
    pub secret: bool,
}

/// What a leaf gives.
pub(super) enum LeafValue<'r> {
    Absent,
    /// The sender says that there is none.
    Null,
    /// A value, and where it comes from.
    Value(Val<'r>, From),
    /// Not acceptable: left out, reported.
    Bad(String),
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// A slot that the leaf owns.
    Own,
    /// A slot of another owner.
    Copy,
    /// The literal of an `else`.
    Default,
}

/// A plan over a record.
pub(super) struct Eval<'a> {
    pub program: &'a Program,
    pub record: &'a Record,
    pub around: Around<'a>,
    pub instances: Vec<Instance>,
    by_rule: Vec<Range<usize>>,
    /// The branch taken in each choice, as of the object entered last.
    chosen: Vec<Option<usize>>,
    /// What the scans of those branches found.
    scanned: Vec<Vec<(&'a str, Cow<'a, str>)>>,
    /// A text that cannot be read was met while looking for values.
    spoilt: Cell<bool>,
    pub issues: Vec<Issue>,
}

impl<'a> Eval<'a> {
    /// Finds the instances of all rules and their ids.
    pub(super) fn new(program: &'a Program, record: &'a Record) -> Self {
        let around = around(program, Some(record));
        let choices = program.choices.len();
        let mut eval = Eval {
            program,
            record,
            around,
            instances: Vec::new(),
            by_rule: Vec::with_capacity(program.rules.len()),
            chosen: vec![None; choices],
            scanned: vec![Vec::new(); choices],
            spoilt: Cell::new(false),
            issues: Vec::new(),
        };
        for rule in 0..program.rules.len() {
            let start = eval.instances.len();
            eval.find_instances(rule);
            eval.by_rule.push(start..eval.instances.len());
        }
        for n in 0..eval.instances.len() {
            eval.identify(n);
        }
        eval
    }

    /// The instances of a rule.
    pub(super) fn of_rule(&self, rule: usize) -> Range<usize> {
        self.by_rule[rule].clone()
    }

    fn find_instances(&mut self, rule_index: usize) {
        let rule = &self.program.rules[rule_index];
        let mut found: Vec<Vec<Scope>> = vec![Vec::new()];
        if let Some(each) = &rule.each {
            found = self.walk_each(each, Scope::default());
        }
        for (n, chain) in found.into_iter().enumerate() {
            let scope = chain.last().copied().unwrap_or_default();
            if rule.when.as_ref().is_some_and(|g| !self.holds(g, scope)) {
                continue;
            }
            self.spoilt.set(false);
            let present = self.has_value(&rule.body, scope) || !rule.body.has_data;
            let spoilt = !present && self.spoilt.get();
            self.instances.push(Instance {
                rule: rule_index,
                scope,
                chain,
                number: n + 1,
                key: None,
                reference: None,
                present,
                spoilt,
            });
        }
    }

    /// The instances of a list, as chains of scopes.
    pub(super) fn walk_each(&mut self, each: &'a Each, from: Scope) -> Vec<Vec<Scope>> {
        let mut chains = vec![Vec::new()];
        let mut scopes = Vec::new();
        for step in &each.steps {
            let mut longer = Vec::new();
            for chain in chains {
                scopes.clear();
                let at = chain.last().copied().unwrap_or(from);
                self.record.list(at, step, &mut scopes);
                for scope in &scopes {
                    let mut chain: Vec<Scope> = chain.clone();
                    chain.push(*scope);
                    longer.push(chain);
                }
            }
            chains = longer;
        }
        if let Some(filter) = &each.filter {
            chains.retain(|c| self.holds(filter, c.last().copied().unwrap_or(from)));
        }
        chains
    }

    /// The decoded text of a leaf, if it has one.
    pub(super) fn leaf_text(&self, leaf: &'a Leaf, scope: Scope) -> Option<String> {
        match self.leaf(leaf, scope) {
            LeafValue::Value(val, _) => val.text().map(Cow::into_owned),
            _ => None,
        }
    }

    /// The instance of a rule that a reference from instance `n` (standing in `scope`) means: the
    /// one that encloses me, else one inside me; with `only`, the only one under my outermost group.
    pub(super) fn instance_near(
        &self,
        rule: usize,
        n: usize,
        scope: Scope,
        only: bool,
    ) -> Option<usize> {
        let range = self.of_rule(rule);
        if only {
            let mine = self.instances.get(n)?.chain.first();
            let mut near = range.filter(|i| {
                let other = &self.instances[*i];
                other.present && (mine.is_none() || other.chain.first() == mine)
            });
            let first = near.next()?;
            return near.next().is_none().then_some(first);
        }
        if range.len() == 1 && self.program.rules[rule].each.is_none() {
            return Some(range.start);
        }
        let within = |inner, outer| self.record.within(inner, outer);
        range
            .clone()
            .find(|i| within(scope, self.instances[*i].scope))
            .or_else(|| range.clone().find(|i| within(self.instances[*i].scope, scope)))
    }

    /// The reference a `->` gives, if the resource is there.
    pub(super) fn reference(&self, to: &'a Ref, n: usize, scope: Scope) -> Option<Cow<'_, str>> {
        if let Some(via) = &to.via {
            return self.reference_via(to.rule, via, scope).map(Cow::Owned);
        }
        let other = &self.instances[self.instance_near(to.rule, n, scope, to.only)?];
        if other.present { other.reference.as_deref().map(Cow::Borrowed) } else { None }
    }

    /// The reference along a foreign key: to an instance of this record, else to the row of another
    /// record, whose id its key gives.
    fn reference_via(&self, rule: usize, via: &'a Via, scope: Scope) -> Option<String> {
        let slot = Slot::Sql(via.slot.clone());
        let Read::Text(text) = self.record.read(scope, &slot) else { return None };
        let row = self.record.row_named(&via.same, &text);
        if let Some((row, true)) = row {
            let mut there = self.of_rule(rule).filter(|n| self.instances[*n].scope == row);
            let instance = &self.instances[there.next()?];
            return instance.reference.clone().filter(|_| instance.present);
        }
        let there = &self.program.rules[rule];
        if let Some((row, false)) = row
            && there.when.as_ref().is_some_and(|guard| !self.holds(guard, row))
        {
            return None;
        }
        let key = self.key_via(rule, row.map(|(row, _)| row), via, &text, 0)?;
        let kind = &there.kind;
        let id = id::make(&self.program.party.name, kind, &key.space, &key.parts, key.secret);
        Some(format!("{kind}/{id}"))
    }

    /// The key that a rule makes of a row, or of the one value that is known of it.
    fn key_via(
        &self,
        rule: usize,
        row: Option<Scope>,
        via: &'a Via,
        text: &str,
        depth: usize,
    ) -> Option<KeyValue> {
        if depth > 8 {
            return None;
        }
        self.program.rules[rule].key.iter().find_map(|form| {
            let space = form.space.clone().unwrap_or_default();
            let mut key = KeyValue { space, parts: Vec::new(), secret: false };
            for part in &form.parts {
                match part {
                    KeyPart::Literal(text) => key.parts.push(text.clone()),
                    KeyPart::Leaf(leaf, secret) => {
                        let known = match (&leaf.input, row) {
                            (_, Some(row)) => self.leaf_text(leaf, row),
                            (Input::Slots(all), None) => {
                                let [slots] = &all[..] else { return None };
                                let [Slot::Sql(slot)] = &slots[..] else { return None };
                                let val = Val::Text(Cow::Borrowed(text));
                                (*slot == via.same)
                                    .then(|| codec::decode_all(&leaf.codecs, &self.around, val))?
                                    .ok()?
                                    .text()
                                    .map(Cow::into_owned)
                            }
                            _ => None,
                        };
                        key.secret |= *secret;
                        key.parts.push(known?);
                    }
                    KeyPart::Alias(other) => {
                        let inner = self.key_via(*other, row, via, text, depth + 1)?;
                        key.secret |= inner.secret;
                        key.parts.push(inner.space);
                        key.parts.extend(inner.parts);
                    }
                    KeyPart::Number | KeyPart::First { .. } | KeyPart::Guarded { .. } => {
                        return None;
                    }
                }
            }
            Some(key)
        })
    }

    /// Enters an object: decides its choices for this scope.
    pub(super) fn enter(&mut self, object: &'a Object, scope: Scope) {
        self.decide(&object.choices, scope);
    }

    fn decide(&mut self, choices: &'a [usize], scope: Scope) {
        for &choice in choices {
            let branches = &self.program.choices[choice].branches;
            self.chosen[choice] = None;
            for (index, arm) in branches.iter().enumerate() {
                if arm.when.as_ref().is_some_and(|g| !self.holds(g, scope)) {
                    continue;
                }
                if let Some(scan) = &arm.scan
                    && !self.scan(choice, scan, scope)
                {
                    continue;
                }
                self.chosen[choice] = Some(index);
                break;
            }
        }
    }

    fn scan(&mut self, choice: usize, scan: &'a Scan, scope: Scope) -> bool {
        let Some(Cow::Borrowed(text)) = self.input_one(&scan.slot, scope) else {
            // Unescaped or normalised texts are rare and are scanned as owned ones.
            return self.scan_owned(choice, scan, scope);
        };
        for template in &scan.templates {
            if let Some(parts) = codec::scan(template, text) {
                let parts = parts.into_iter().map(|(n, v)| (n, Cow::Borrowed(v)));
                self.scanned[choice] = parts.collect();
                return true;
            }
        }
        false
    }

    fn scan_owned(&mut self, choice: usize, scan: &'a Scan, scope: Scope) -> bool {
        let Some(text) = self.input_one(&scan.slot, scope) else { return false };
        for template in &scan.templates {
            if let Some(parts) = codec::scan(template, &text) {
                let parts = parts.into_iter().map(|(n, v)| (n, Cow::Owned(v.to_owned())));
                self.scanned[choice] = parts.collect();
                return true;
            }
        }
        false
    }

    /// Which branch of a choice is taken, as of the object entered last.
    pub(super) fn chosen(&self, choice: usize) -> Option<usize> {
        self.chosen[choice]
    }

    /// Takes a branch of a choice without looking at its guard.
    pub(super) fn choose(&mut self, choice: usize, branch: Option<usize>) {
        self.chosen[choice] = branch;
    }

    /// Whether a part in a branch is written.
    pub(super) fn in_branch(&self, branch: Option<Branch>) -> bool {
        branch.is_none_or(|b| self.chosen[b.choice] == Some(b.branch))
    }

    /// Whether some owned leaf below an object has a value here.
    fn has_value(&mut self, object: &'a Object, scope: Scope) -> bool {
        if !object.has_data {
            return false;
        }
        self.enter(object, scope);
        for field in &object.fields {
            if self.in_branch(field.branch)
                && field.when.as_ref().is_none_or(|g| self.holds(g, scope))
                && self.value_has_value(&field.value, scope)
            {
                return true;
            }
        }
        false
    }

    fn value_has_value(&mut self, value: &'a Value, scope: Scope) -> bool {
        match value {
            Value::Const(_) | Value::Ref(_) => false,
            Value::Leaf(leaf) => match self.leaf(leaf, scope) {
                LeafValue::Value(_, From::Own) => true,
                LeafValue::Bad(_) => {
                    self.spoilt.set(true);
                    false
                }
                _ => false,
            },
            Value::Object(object) => self.has_value(object, scope),
            Value::List(items) => items.iter().any(|item| self.item_has_value(item, scope)),
        }
    }

    fn item_has_value(&mut self, item: &'a Item, scope: Scope) -> bool {
        if !self.in_branch(item.branch) || matches!(item.drive, Drive::Alias(_)) {
            return false;
        }
        if let Drive::Each(each) = &item.drive {
            return self.walk_each(each, scope).into_iter().any(|chain| {
                let at = chain.last().copied().unwrap_or(scope);
                item.when.as_ref().is_none_or(|g| self.holds(g, at))
                    && self.value_has_value(&item.value, at)
            });
        }
        item.when.as_ref().is_none_or(|g| self.holds(g, scope))
            && self.value_has_value(&item.value, scope)
    }

    /// Reads and decodes a leaf.
    pub(super) fn leaf(&self, leaf: &'a Leaf, scope: Scope) -> LeafValue<'a> {
        let from = if leaf.flag == Flag::Own { From::Own } else { From::Copy };
        let val = match self.input(&leaf.input, scope) {
            Ok(Some(val)) => val,
            Ok(None) => return self.fallback(leaf, scope, false),
            Err(()) => return self.fallback(leaf, scope, true),
        };
        match codec::decode_all(&leaf.codecs, &self.around, val) {
            Ok(val) => LeafValue::Value(val, from),
            Err(_) if leaf.flag == Flag::Copy => LeafValue::Absent,
            // An event without a row says nothing about this element.
            Err(_) if matches!(leaf.input, Input::About(_)) => self.fallback(leaf, scope, false),
            Err(bad) => LeafValue::Bad(bad),
        }
    }

    fn fallback(&self, leaf: &'a Leaf, scope: Scope, null: bool) -> LeafValue<'a> {
        match leaf.or_else.as_deref() {
            Some(super::plan::Else::Literal(text)) => {
                LeafValue::Value(Val::Text(Cow::Borrowed(text)), From::Default)
            }
            Some(super::plan::Else::Leaf(other)) => self.leaf(other, scope),
            None if null => LeafValue::Null,
            None => LeafValue::Absent,
        }
    }

    /// Reads an input: the first alternative of which any slot is present. `Err` is an explicit null.
    fn input(&self, input: &'a Input, scope: Scope) -> Result<Option<Val<'a>>, ()> {
        match input {
            Input::Nothing => Ok(None),
            Input::Cases(cases) => Ok(self.said(&self.program.cases[*cases], scope)),
            Input::About(name) => Ok(self.about(name).map(Val::Text)),
            Input::Scanned(branch, name) => Ok(self.scanned(*branch, name).map(Val::Text)),
            Input::ScannedWith(branch, name, slots) => {
                let Some(text) = self.scanned(*branch, name) else { return Ok(None) };
                let mut texts = vec![Some(text)];
                texts.extend(self.texts(slots, scope));
                Ok(Some(Val::Many(texts)))
            }
            Input::Lines(list, slot) => {
                let mut scopes = Vec::new();
                self.record.list(scope, list, &mut scopes);
                let texts: Vec<_> = scopes
                    .iter()
                    .flat_map(|at| self.texts(std::slice::from_ref(slot), *at))
                    .collect();
                Ok(texts.iter().any(Option::is_some).then_some(Val::Many(texts)))
            }
            Input::Slots(alternatives) => {
                let mut null = false;
                for slots in alternatives {
                    if let [slot] = &slots[..] {
                        match self.record.read(scope, slot) {
                            Read::Text(text) => return Ok(Some(Val::Text(text))),
                            Read::Null => null = true,
                            Read::Absent => {}
                        }
                    } else if let Some(many) = self.many(slots, scope) {
                        return Ok(Some(many));
                    }
                }
                if null { Err(()) } else { Ok(None) }
            }
        }
    }

    /// What the first case that holds says; a text that its codecs refuse says nothing.
    fn said(&self, cases: &'a [Case], scope: Scope) -> Option<Val<'a>> {
        let holds = |case: &&Case| case.when.as_ref().is_none_or(|g| self.holds(g, scope));
        match &cases.iter().find(holds)?.value {
            Said::Text(text) => Some(Val::Text(Cow::Borrowed(text))),
            Said::Slot(input, codecs) => {
                let val = self.input(input, scope).ok().flatten()?;
                codec::decode_all(codecs, &self.around, val).ok()
            }
        }
    }

    fn many(&self, slots: &'a [Slot], scope: Scope) -> Option<Val<'a>> {
        let texts = self.texts(slots, scope);
        texts.iter().any(Option::is_some).then_some(Val::Many(texts))
    }

    fn texts(&self, slots: &'a [Slot], scope: Scope) -> Vec<Option<Cow<'a, str>>> {
        let text = |slot| match self.record.read(scope, slot) {
            Read::Text(text) => Some(text),
            _ => None,
        };
        slots.iter().map(text).collect()
    }

    fn scanned(&self, branch: Branch, name: &str) -> Option<Cow<'a, str>> {
        if self.chosen[branch.choice] != Some(branch.branch) {
            return None;
        }
        let parts = &self.scanned[branch.choice];
        parts.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone())
    }

    fn about(&self, name: &str) -> Option<Cow<'a, str>> {
        match name {
            "party.name" => Some(Cow::Borrowed(&self.program.party.title)),
            "party.uscc" => self.program.party.uscc.as_deref().map(Cow::Borrowed),
            other => self.record.about(other.strip_prefix("file.").unwrap_or(other)),
        }
    }

    /// The text of a single-slot input.
    pub(super) fn input_one(&self, input: &'a Input, scope: Scope) -> Option<Cow<'a, str>> {
        self.input(input, scope).ok().flatten().and_then(Val::text)
    }

    /// Whether a guard holds.
    pub(super) fn holds(&self, guard: &'a Guard, scope: Scope) -> bool {
        match guard {
            Guard::All(guards) => guards.iter().all(|g| self.holds(g, scope)),
            Guard::Any(guards) => guards.iter().any(|g| self.holds(g, scope)),
            Guard::Not(inner) => !self.holds(inner, scope),
            Guard::Present(input) => matches!(self.input(input, scope), Ok(Some(_))),
            Guard::Exists(list) => {
                let mut scopes = Vec::new();
                self.record.list(scope, list, &mut scopes);
                !scopes.is_empty()
            }
            Guard::Is { input, codecs, values, .. } => {
                let text = self.guard_text(input, codecs, scope);
                text.is_some_and(|text| values.iter().any(|v| *v == text))
            }
            Guard::IsNot { input, codecs, values } => {
                let text = self.guard_text(input, codecs, scope);
                text.is_none_or(|text| !values.iter().any(|v| *v == text))
            }
            Guard::Matches(input, class) => {
                self.input_one(input, scope).is_some_and(|t| codec::in_class(*class, &t))
            }
            Guard::Fits { id, birth, sex } => {
                let Some(number) = self.leaf_text(id, scope) else { return false };
                let birth = self.leaf_text(birth, scope);
                let sex = self.leaf_text(sex, scope);
                codec::fits(&number, birth.as_deref(), sex.as_deref())
            }
        }
    }

    fn guard_text(&self, input: &'a Input, codecs: &[Codec], scope: Scope) -> Option<Cow<'a, str>> {
        let val = self.input(input, scope).ok()??;
        codec::decode_all(codecs, &self.around, val).ok()?.text()
    }

    /// `file:line` of a place in the mapping.
    pub(super) fn pos(&self, pos: super::plan::Pos) -> String {
        self.program.place(pos)
    }

    /// Reports a leaf that is left out.
    pub(super) fn bad_leaf(&mut self, leaf: &Leaf, scope: Scope, path: &str, bad: &str) {
        let slot = leaf.slots.first().map_or("?", String::as_str);
        let coded = leaf.codecs.iter().any(|codec| matches!(codec, Codec::Code(_)));
        let code = if coded { "code-invalid" } else { "value" };
        let mut issue = Issue::new(Severity::Error, code, format!("{bad}; left out and carried"));
        issue = issue.path(path).rule(self.pos(leaf.pos));
        if let Input::Slots(alternatives) = &leaf.input {
            let first = alternatives
                .iter()
                .flatten()
                .find(|s| matches!(self.record.read(scope, s), Read::Text(_)));
            if let Some(first) = first {
                let span = self.record.slot_span(scope, first);
                let bytes = self.record.text().byte_place(span);
                issue = issue.spot(repetition(slot, scope), bytes);
            }
        }
        self.issues.push(issue);
    }
}

/// The slot with the number of the repetition, `PID-3[2].1`, in a repetition after the first.
fn repetition(slot: &str, scope: Scope) -> String {
    let field = format!("-{}", scope.item);
    match slot.split_once(&*field) {
        Some((segment, rest))
            if scope.item > 0 && scope.piece > 0 && !rest.starts_with(|c: char| c != '.') =>
        {
            format!("{segment}{field}[{}]{rest}", scope.piece + 1)
        }
        _ => slot.to_owned(),
    }
}

/// What codecs know: the plan and the zone, taken from the record where the mapping says so.
pub(super) fn around<'a>(program: &'a Program, record: Option<&Record>) -> Around<'a> {
    let own = record.and_then(|r| zone_of_record(program, r));
    let zone = own.unwrap_or_else(|| zone_named(&program.zone.name));
    let hl7 = match &program.schema {
        Schema::Hl7(_) => true,
        Schema::Xml(schema) => schema.is_cda(),
        _ => false,
    };
    Around { program, zone, hl7 }
}

fn zone_of_record(program: &Program, record: &Record) -> Option<TimeZone> {
    let Some(Input::Slots(slots)) = &program.zone.from else { return None };
    let Read::Text(text) = record.read(Scope::default(), slots.first()?.first()?) else {
        return None;
    };
    codec::offset_in(&text)
        .and_then(|s| jiff::tz::Offset::from_seconds(s).ok())
        .map(TimeZone::fixed)
}

fn zone_named(name: &str) -> TimeZone {
    if let Some(seconds) = codec::offset_in(&format!("20000101000000{name}")) {
        return jiff::tz::Offset::from_seconds(seconds).map_or(TimeZone::UTC, TimeZone::fixed);
    }
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}
