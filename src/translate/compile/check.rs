//! What can only be said when all rules are there: who owns a slot, which guards write, which slots
//! are keys.

use std::collections::HashSet;
use std::rc::Rc;

use super::guard::disjoint;
use super::scope::Cond;
use super::{Claim, Compiling, Held};
use crate::translate::plan::{Drive, Flag, Guard, Key, KeyPart, Leaf, Object, Rule, Value};

impl Compiling<'_> {
    /// Slots that two leaves own although both may be read at once (M007, M028).
    pub(super) fn check_owners(&mut self) {
        let claims = std::mem::take(&mut self.claims);
        for (n, claim) in claims.iter().enumerate().filter(|(_, c)| c.flag == Flag::Own) {
            for other in claims[..n].iter().filter(|c| c.flag == Flag::Own) {
                let meets = |held: &&Held| other.held.iter().any(|o| o.meets(held));
                let Some(slot) = claim.held.iter().find(meets).map(|held| &held.slot) else {
                    continue;
                };
                if disjoint(&claim.conds, &other.conds) {
                    continue;
                }
                let guarded = !claim.conds.is_empty() || !other.conds.is_empty();
                let line = other.mark.line;
                let what = format!("{slot} has two owners: {} and {}", other.path, claim.path);
                if guarded {
                    let hint = format!(
                        "the conditions of both (the other is in line {line}) may hold together: \
                         write `| copy`, or `when: g` here and `when: not g` there"
                    );
                    self.report.error_hint("M028", claim.mark, what, hint);
                } else {
                    let hint = format!(
                        "write `| copy` after the slot that only follows; the other is in line {line}"
                    );
                    self.report.error_hint("M007", claim.mark, what, hint);
                }
                break;
            }
        }
        self.claims = claims;
    }

    /// Guards that write because no leaf owns their slot; leaves whose slots are part of a key.
    pub(super) fn settle_rules(&mut self) {
        let mut in_keys = HashSet::new();
        for rule in &self.rules {
            for key in &rule.key {
                key_slots(key, &mut in_keys);
            }
        }
        let known = self.known_persons();
        let claims = &self.claims;
        for (choice, conds) in self.choices.iter_mut().zip(&self.branch_conds) {
            for (arm, conds) in choice.branches.iter_mut().zip(conds) {
                let Some(guard) = &mut arm.when else { continue };
                own(guard, &owned(claims, conds), true);
                read_person(guard, &known);
            }
        }
        for (rule, head) in self.rules.iter_mut().zip(&self.heads) {
            guards(rule, &mut |guard| {
                // A leaf that stands where this does not hold owns nothing here.
                let mut conds = head.scope.conds.clone();
                conds.push(Cond::Guard(Rc::new(guard.clone())));
                own(guard, &owned(claims, &conds), true);
                read_person(guard, &known);
            });
            leaves(&mut rule.body, &mut |leaf| {
                leaf.in_key |= leaf.slots.iter().any(|slot| in_keys.contains(slot));
            });
        }
    }

    /// Leaves at the elements `gender` and `birthDate`: how such slots are read.
    fn known_persons(&self) -> Vec<Leaf> {
        let mut all = Vec::new();
        for rule in &self.rules {
            let person = |name: &str| matches!(name, "gender" | "birthDate");
            for field in rule.body.fields.iter().filter(|f| person(&f.name)) {
                if let Value::Leaf(leaf) = &field.value {
                    all.push(leaf.clone());
                }
            }
        }
        all
    }
}

/// Whether some leaf owns a slot where these conditions hold.
fn owned<'c>(claims: &'c [Claim], conds: &'c [Cond]) -> impl Fn(&str) -> bool + 'c {
    move |slot| claims.iter().any(|claim| claim.owns(slot) && !disjoint(&claim.conds, conds))
}

fn key_slots(key: &Key, out: &mut HashSet<String>) {
    for part in &key.parts {
        match part {
            KeyPart::Leaf(leaf, _) => out.extend(leaf.slots.iter().cloned()),
            KeyPart::Guarded { value, .. } => out.extend(value.slots.iter().cloned()),
            KeyPart::First { test, values, .. } => {
                let values = values.iter().flat_map(|(_, leaf)| &leaf.slots);
                out.extend(test.slots.iter().chain(values).cloned());
            }
            _ => {}
        }
    }
}

/// Sets `owner` on `slot = v` where no leaf owns the slot and the condition is not negated.
fn own(guard: &mut Guard, owned: &impl Fn(&str) -> bool, holds: bool) {
    match guard {
        Guard::All(guards) | Guard::Any(guards) => {
            guards.iter_mut().for_each(|g| own(g, owned, holds));
        }
        Guard::Not(inner) => own(inner, owned, !holds),
        Guard::Is { owner, slots, .. } => {
            *owner = holds && !slots.is_empty() && !slots.iter().any(|s| owned(s));
        }
        _ => {}
    }
}

/// `fits` compares the FHIR sex and birth date where the mapping says how their slots are read.
fn read_person(guard: &mut Guard, known: &[Leaf]) {
    match guard {
        Guard::All(guards) | Guard::Any(guards) => {
            guards.iter_mut().for_each(|g| read_person(g, known));
        }
        Guard::Not(inner) => read_person(inner, known),
        Guard::Fits { sex, birth, .. } => {
            for leaf in [sex, birth] {
                let found = known.iter().find(|other| other.input == leaf.input);
                if let Some(found) = found.filter(|_| leaf.codecs.is_empty()) {
                    leaf.codecs.clone_from(&found.codecs);
                }
            }
        }
        _ => {}
    }
}

/// Calls `f` with every guard of a rule.
fn guards(rule: &mut Rule, f: &mut impl FnMut(&mut Guard)) {
    rule.when.iter_mut().for_each(&mut *f);
    if let Some(each) = &mut rule.each {
        each.filter.iter_mut().for_each(&mut *f);
    }
    object_guards(&mut rule.body, f);
}

fn object_guards(object: &mut Object, f: &mut impl FnMut(&mut Guard)) {
    for field in &mut object.fields {
        field.when.iter_mut().for_each(&mut *f);
        value_guards(&mut field.value, f);
    }
}

fn value_guards(value: &mut Value, f: &mut impl FnMut(&mut Guard)) {
    match value {
        Value::Object(object) => object_guards(object, f),
        Value::List(items) => {
            for item in items {
                item.when.iter_mut().for_each(&mut *f);
                if let Drive::Each(each) = &mut item.drive
                    && let Some(filter) = &mut each.filter
                {
                    f(filter);
                }
                value_guards(&mut item.value, f);
            }
        }
        _ => {}
    }
}

/// Calls `f` with every leaf below an object.
fn leaves(object: &mut Object, f: &mut impl FnMut(&mut Leaf)) {
    for field in &mut object.fields {
        value_leaves(&mut field.value, f);
    }
}

fn value_leaves(value: &mut Value, f: &mut impl FnMut(&mut Leaf)) {
    match value {
        Value::Leaf(leaf) => f(leaf),
        Value::Object(object) => leaves(object, f),
        Value::List(items) => items.iter_mut().for_each(|item| value_leaves(&mut item.value, f)),
        _ => {}
    }
}
