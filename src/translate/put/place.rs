//! Which resource stands in for which rule, and in which scope a new one is written.

use serde_json::Value as Json;

use super::Put;
use crate::error::Kind;
use crate::fhir::Issue;
use crate::fhir::bundle::references;
use crate::legacy::Scope;
use crate::translate::bundle::{Resources, at_steps, scalar};
use crate::translate::marks::{bears, has_marks, strangers};
use crate::translate::plan::{Drive, Object, Program, Value};

/// The new records: for each, the resources that stand in for rules. A record has a root: a resource
/// of a root rule's type and constants that no record before it took; where there is none, the
/// resources that `create:` names.
pub(super) fn records(program: &Program, resources: &Resources) -> Vec<Vec<(usize, String)>> {
    let mut records: Vec<Vec<(usize, String)>> = Vec::new();
    for root in &program.roots {
        for reference in of_rule(program, resources, *root) {
            let taken = |(rule, other): &(usize, String)| {
                *rule != *root && resources.same(other, &reference)
            };
            if !records.iter().flatten().any(taken) {
                records.push(assign(program, resources, (*root, reference)));
            }
        }
    }
    if records.is_empty() {
        let made = made_by_create(program, resources).into_iter();
        records.extend(made.map(|root| assign(program, resources, root)));
    }
    records
}

fn made_by_create(program: &Program, resources: &Resources) -> Vec<(usize, String)> {
    let Some(create) = &program.create else { return Vec::new() };
    let kind = &program.rules[create.rule].kind;
    let wanted = |reference: &&String| {
        let Some(map) = resources.resource(reference) else { return false };
        let json = Json::Object(map.clone());
        json.get("resourceType").and_then(Json::as_str) == Some(kind)
            && create.when.as_ref().is_none_or(|(path, table)| {
                let code = at_steps(&json, path).and_then(scalar);
                code.is_some_and(|c| has_row(program, *table, &c))
            })
    };
    resources.order.iter().filter(wanted).map(|r| (create.rule, r.clone())).collect()
}

/// Whether a code or a prefix of it (ICD-10 `A15.005` → `A15.0` → `A15`) has a row.
fn has_row(program: &Program, table: usize, code: &str) -> bool {
    let rows = &program.tables[table].get;
    (1..=code.len())
        .filter_map(|n| code.get(..n))
        .any(|p| rows.contains_key(p.trim_end_matches('.')))
}

/// The resources that stand in for rules, found from the root by `->` links, then by type,
/// constants and links back to what is found already. Rules in the order of the file.
fn assign(program: &Program, resources: &Resources, root: (usize, String)) -> Vec<(usize, String)> {
    let mut assigned = vec![root];
    let mut done = 0;
    loop {
        while done < assigned.len() {
            let (rule, reference) = assigned[done].clone();
            done += 1;
            if let Some(map) = resources.resource(&reference) {
                let json = Json::Object(map.clone());
                follow(&program.rules[rule].body, &json, &mut |to, target| {
                    take(program, resources, &mut assigned, to, target)
                });
            }
        }
        if !take_linked(program, resources, &mut assigned) {
            break;
        }
    }
    assigned.sort_by_key(|(rule, _)| *rule);
    assigned
}

/// Lets a resource stand in for a rule; whether it does now.
fn take(
    program: &Program,
    resources: &Resources,
    assigned: &mut Vec<(usize, String)>,
    rule: usize,
    reference: &str,
) -> bool {
    let once = program.rules[rule].each.is_none();
    if assigned.iter().any(|(r, x)| *r == rule && resources.same(x, reference)) {
        return true;
    }
    let taken = once && assigned.iter().any(|(r, _)| *r == rule);
    let kind = &program.rules[rule].kind;
    let body = &program.rules[rule].body;
    let right = resources.resource(reference).is_some_and(|map| {
        map.get("resourceType").and_then(Json::as_str) == Some(kind)
            && bears(&Json::Object(map.clone()), body)
    });
    if !taken && right {
        assigned.push((rule, reference.to_owned()));
    }
    !taken && right
}

/// One round of taking resources by type and constants: those that refer to something taken
/// already; where there are none, those of rules that refer to nothing.
fn take_linked(
    program: &Program,
    resources: &Resources,
    assigned: &mut Vec<(usize, String)>,
) -> bool {
    take_round(program, resources, assigned, false)
        || take_round(program, resources, assigned, true)
}

fn take_round(
    program: &Program,
    resources: &Resources,
    assigned: &mut Vec<(usize, String)>,
    lonely: bool,
) -> bool {
    let before = assigned.len();
    for rule in 0..program.rules.len() {
        for reference in of_rule(program, resources, rule) {
            if assigned.iter().any(|(_, x)| resources.same(x, &reference)) {
                continue;
            }
            let Some(map) = resources.resource(&reference) else { continue };
            let json = Json::Object(map.clone());
            let mut linked = false;
            follow(&program.rules[rule].body, &json, &mut |to, target| {
                linked |= assigned.iter().any(|(r, x)| *r == to && resources.same(x, target));
                false
            });
            if linked || (lonely && !has_refs(&program.rules[rule].body)) {
                take(program, resources, assigned, rule, &reference);
            }
        }
    }
    assigned.len() > before
}

/// Resources of a rule's type that bear its constants, unless another rule knows more of their items.
fn of_rule(program: &Program, resources: &Resources, rule: usize) -> Vec<String> {
    let this = &program.rules[rule];
    let better = |json: &Json| {
        let mine = strangers(&this.body, json);
        mine > 0
            && program
                .rules
                .iter()
                .filter(|r| r.kind == this.kind)
                .any(|other| strangers(&other.body, json) < mine && bears(json, &other.body))
    };
    let fits = |reference: &&String| {
        resources.resource(reference).is_some_and(|map| {
            let json = Json::Object(map.clone());
            let right = map.get("resourceType").and_then(Json::as_str) == Some(&this.kind);
            right && bears(&json, &this.body) && !better(&json)
        })
    };
    resources.order.iter().filter(fits).cloned().collect()
}

/// Calls `f(rule, reference)` for every `->` of a body that the resource fills; of several item
/// rules that fit an item of a list, only up to the first for which it is true.
fn follow(body: &Object, json: &Json, f: &mut dyn FnMut(usize, &str) -> bool) -> bool {
    let mut any = false;
    for field in &body.fields {
        let Some(value) = json.get(&field.name) else { continue };
        any |= follow_value(&field.value, value, f);
    }
    any
}

fn follow_value(rule: &Value, json: &Json, f: &mut dyn FnMut(usize, &str) -> bool) -> bool {
    match rule {
        Value::Ref(to) => {
            let reference = json.get("reference").and_then(Json::as_str);
            reference.is_some_and(|reference| f(to.rule, reference))
        }
        Value::Object(inner) => follow(inner, json, f),
        Value::List(rules) => {
            let mut any = false;
            for value in json.as_array().into_iter().flatten() {
                let mut fit: Vec<_> = rules.iter().filter(|r| has_marks(value, &r.marks)).collect();
                // Rules with more constants first: an item is theirs rather than anybody's.
                fit.sort_by_key(|rule| std::cmp::Reverse(rule.marks.len()));
                any |= fit.into_iter().any(|rule| follow_value(&rule.value, value, f));
            }
            any
        }
        Value::Const(_) | Value::Leaf(_) => false,
    }
}

fn has_refs(body: &Object) -> bool {
    body.fields.iter().any(|field| value_has_refs(&field.value))
}

fn value_has_refs(value: &Value) -> bool {
    match value {
        Value::Ref(_) => true,
        Value::Object(inner) => has_refs(inner),
        Value::List(items) => items
            .iter()
            .any(|i| matches!(i.drive, Drive::Once | Drive::Alias(_)) && value_has_refs(&i.value)),
        Value::Const(_) | Value::Leaf(_) => false,
    }
}

/// Resources to place, those first whose rule refers to another one over the same list.
pub(super) fn leaders_first(
    program: &Program,
    assigned: &[(usize, String)],
) -> Vec<(usize, String)> {
    let list = |rule: usize| program.rules[rule].each.as_ref().and_then(|e| e.steps.first());
    let leads = |a: usize, b: usize| {
        let mut found = false;
        refs(&program.rules[a].body, &mut |to| found |= to == b);
        a != b && found && list(a).is_some() && list(a) == list(b)
    };
    let mut left: Vec<usize> = assigned.iter().map(|(rule, _)| *rule).collect();
    left.dedup();
    let mut order = Vec::new();
    while !left.is_empty() {
        // In a circle, the first of the file.
        let free = left.iter().position(|b| !left.iter().any(|a| leads(*a, *b))).unwrap_or(0);
        order.push(left.remove(free));
    }
    let mut sorted = assigned.to_vec();
    sorted.sort_by_key(|(rule, _)| order.iter().position(|o| o == rule));
    sorted
}

/// Calls `f` with every rule that a body refers to.
fn refs(body: &Object, f: &mut dyn FnMut(usize)) {
    fn of_value(value: &Value, f: &mut dyn FnMut(usize)) {
        match value {
            Value::Ref(to) => f(to.rule),
            Value::Object(inner) => refs(inner, f),
            Value::List(items) => items.iter().for_each(|item| of_value(&item.value, f)),
            Value::Const(_) | Value::Leaf(_) => {}
        }
    }
    body.fields.iter().for_each(|field| of_value(&field.value, f));
}

impl Put<'_, '_> {
    /// Further groups in which a resource has to stand: of resources over the same list that refer
    /// to it by this rule.
    pub(super) fn other_groups(&self, rule: usize, reference: &str) -> Vec<Vec<Scope>> {
        let program = self.program();
        let Some(each) = &program.rules[rule].each else { return Vec::new() };
        let mut groups: Vec<Vec<Scope>> = Vec::new();
        for made in self.made.iter().filter(|m| m.rule != rule && m.old.is_none()) {
            let Some(other) = &program.rules[made.rule].each else { continue };
            if !other.steps.starts_with(&each.steps) || made.chain.len() < each.steps.len() {
                continue;
            }
            let chain = made.chain[..each.steps.len()].to_vec();
            let Some(map) = self.resources.resource(&made.reference) else { continue };
            let mut refers = false;
            follow(
                &program.rules[made.rule].body,
                &Json::Object(map.clone()),
                &mut |to, target| {
                    refers |= to == rule && self.resources.same(target, reference);
                    false
                },
            );
            if refers && !self.taken(rule, &chain) && !groups.contains(&chain) {
                groups.push(chain);
            }
        }
        groups
    }

    /// The scopes in which a new resource of a rule is written; new groups, segments or repetitions
    /// are made as needed. Rules driven by the same list share an instance if their resources refer
    /// to each other (an order and its report).
    pub(super) fn chain_for(&mut self, rule: usize, reference: &str) -> Option<Vec<Scope>> {
        let program = self.program();
        let Some(each) = &program.rules[rule].each else { return Some(Vec::new()) };
        let steps = &each.steps;
        let mut chain = self.shared_chain(rule, reference, steps.len()).unwrap_or_default();
        if chain.len() == steps.len() && self.taken(rule, &chain) {
            chain.pop();
        }
        while chain.len() < steps.len() {
            let at = chain.last().copied().unwrap_or_default();
            match self.editor.insert(at, &steps[chain.len()]) {
                Ok(scope) => chain.push(scope),
                Err(error) => {
                    let text = format!("lost: {reference}: {error}");
                    self.issues.push(Issue::warning(Kind::NotSupported, text));
                    return None;
                }
            }
        }
        let scope = chain.last().copied().unwrap_or_default();
        if let Some(filter) = &each.filter {
            self.write_guard(filter, scope);
        }
        Some(chain)
    }

    /// Whether this rule has an instance there already.
    fn taken(&self, rule: usize, chain: &[Scope]) -> bool {
        self.made.iter().any(|m| m.rule == rule && m.chain == chain)
    }

    /// The longest chain that this resource shares with one that is placed already.
    fn shared_chain(&self, rule: usize, reference: &str, length: usize) -> Option<Vec<Scope>> {
        let program = self.program();
        let steps = &program.rules[rule].each.as_ref()?.steps;
        let mut best: Option<Vec<Scope>> = None;
        for made in &self.made {
            let Some(other) = &program.rules[made.rule].each else { continue };
            let common = steps.iter().zip(&other.steps).take_while(|(a, b)| a == b).count();
            let common = common.min(made.chain.len()).min(length);
            let longer = best.as_ref().is_none_or(|b| b.len() < common);
            if common > 0 && longer && self.linked(reference, &made.reference) {
                best = Some(made.chain[..common].to_vec());
            }
        }
        best
    }

    fn linked(&self, a: &str, b: &str) -> bool {
        let refers = |from: &str, to: &str| {
            self.resources.resource(from).is_some_and(|map| {
                let json = Json::Object(map.clone());
                let mut found = Vec::new();
                references(&json, &mut |text| found.push(text));
                found.iter().any(|r| self.resources.same(r, to))
            })
        };
        refers(a, b) || refers(b, a)
    }

    /// Decides which message a new record is, and writes that.
    pub(super) fn trigger(&mut self) {
        let program = self.program();
        let found = program.triggers.iter().find(|t| {
            t.create
                && t.rules.iter().any(|rule| self.made.iter().any(|m| m.rule == *rule))
                && t.with.as_ref().is_none_or(|(path, want)| {
                    t.rules.iter().filter_map(|rule| self.side(*rule, &[], false)).any(|json| {
                        at_steps(&json, path).and_then(scalar).is_some_and(|v| v == *want)
                    })
                })
        });
        let Some(trigger) = found else { return };
        let root = program.schema.root();
        let (message, event) = trigger.message.split_once('^').unwrap_or((&trigger.message, ""));
        for (slot, text) in [("MSH-9.1", message), ("MSH-9.2", event), ("EVN-1", event)] {
            if slot == "EVN-1" && message != "ADT" {
                continue;
            }
            if let Ok(slot) = program.schema.slot(&root, slot) {
                let written =
                    self.editor.write(Scope::default(), &slot, crate::legacy::Write::Text(text));
                self.note(written);
            }
        }
    }
}
