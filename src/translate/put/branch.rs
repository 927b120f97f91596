//! Which branch of a choice a new value is in: the one that loses least of it, then the one that
//! assumes least about slots nobody owns.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::Put;
use super::object::Obj;
use crate::translate::codec::{self, Val};
use crate::translate::marks::has_marks;
use crate::translate::plan::{
    Arm, Branch, Drive, Flag, Guard, Input, Json as JsonKind, Leaf, Object, Value,
};

impl<'a> Put<'a, '_> {
    /// The branch of each choice that the new value is in: the old one while it fits, else the first
    /// that does.
    pub(super) fn new_branches(
        &mut self,
        object: &'a Object,
        before: &[Option<usize>],
        new: Option<&Obj>,
    ) -> Vec<Option<usize>> {
        let program = self.program();
        let new = new.map(|n| Json::Object(n.clone()));
        object
            .choices
            .iter()
            .zip(before)
            .map(|(choice, was)| {
                let new = new.as_ref()?;
                let arms = &program.choices[*choice].branches;
                let fitness = |arm: &usize| {
                    let branch = Branch { choice: *choice, branch: *arm };
                    self.fitness(&arms[*arm], object, branch, new)
                };
                if let Some(arm) = was.filter(|arm| fitness(arm).is_some_and(|(lost, _)| lost == 0))
                {
                    return Some(arm);
                }
                let fit = (0..arms.len()).filter_map(|arm| Some((fitness(&arm)?, arm)));
                fit.min().map(|(_, arm)| arm)
            })
            .collect()
    }

    /// How well a branch takes a new value: elements of it that the branch would not write, then
    /// conditions that must be assumed about slots nobody owns here. `None`: it cannot take it.
    fn fitness(
        &self,
        arm: &Arm,
        object: &Object,
        branch: Branch,
        new: &Json,
    ) -> Option<(usize, usize)> {
        let mut mine = Vec::new();
        let mut others = Vec::new();
        branch_paths(object, branch, &mut mine, &mut others);
        let mut leaves = Vec::new();
        own_leaves(object, branch, false, &mut String::new(), &mut leaves);
        let quantities = leaves.iter().filter(|(_, leaf)| leaf.json == JsonKind::Object);
        let quantities: Vec<Vec<&str>> =
            quantities.map(|(at, _)| at.split('/').skip(1).collect()).collect();
        // Every part of a scanned text is needed to print it.
        let own = if arm.scan.is_some() {
            mine.iter().all(|path| present(new, path))
        } else {
            mine.is_empty() || mine.iter().any(|path| present(new, path))
        };
        let held = arm.when.as_ref().map(|g| self.guard_in(g, object, branch, new));
        if !own || held == Some(Some(false)) || !has_marks(new, &arm.marks) {
            return None;
        }
        // What the branch always says, and the new value says so too.
        let mut said = Vec::new();
        branch_constants(object, branch, false, &mut Vec::new(), &mut said);
        said.retain(|(path, text)| has_marks(new, &[(path.clone(), text.clone())]));
        let covered = |path: &Vec<String>| {
            mine.iter().any(|m| path.starts_with(m) || m.starts_with(path))
                || said.iter().any(|(constant, _)| constant == path)
                || quantities.iter().any(|at| {
                    let inside =
                        path.len() == at.len() + 1 && path.iter().zip(at).all(|(a, b)| a == b);
                    let below = path.last().filter(|_| inside);
                    below.is_some_and(|key| matches!(key.as_str(), "unit" | "system" | "code"))
                })
        };
        let lost = others.iter().filter(|path| present(new, path) && !covered(path)).count();
        let lost = lost + self.unsayable(object, branch, new);
        let assumed = arm.when.as_ref().map_or(0, |g| self.unknown(g, object, branch, new));
        Some((lost, assumed))
    }

    /// How many values of a new value the leaves of a branch cannot say: a code without a row, a
    /// quantity in another unit.
    fn unsayable(&self, object: &Object, branch: Branch, new: &Json) -> usize {
        let mut leaves = Vec::new();
        own_leaves(object, branch, false, &mut String::new(), &mut leaves);
        let refused = |(pointer, leaf): &(String, &Leaf)| {
            let Some(value) = new.pointer(pointer) else { return false };
            let val = crate::translate::bundle::scalar(value)
                .map_or_else(|| Val::Json(value.clone()), |text| Val::Text(Cow::Owned(text)));
            leaf.flag == Flag::Own
                && codec::encode_all(&leaf.codecs, &self.writer.eval.around, val).is_err()
        };
        leaves.iter().filter(|found| refused(found)).count()
    }

    /// Whether a guard will hold once the new value is written, as far as leaves of the object (and
    /// of the branch) own the slots it looks at.
    fn guard_in(&self, guard: &Guard, object: &Object, branch: Branch, new: &Json) -> Option<bool> {
        let text = |input: &Input| self.new_text(input, object, branch, new);
        let all = |guards: &[Guard], stop: bool| {
            let known = guards.iter().map(|g| self.guard_in(g, object, branch, new));
            let known: Vec<Option<bool>> = known.collect();
            if known.contains(&Some(stop)) {
                return Some(stop);
            }
            if known.contains(&None) { None } else { Some(!stop) }
        };
        match guard {
            Guard::All(guards) => all(guards, false),
            Guard::Any(guards) => all(guards, true),
            Guard::Not(inner) => self.guard_in(inner, object, branch, new).map(|held| !held),
            Guard::Present(input) => text(input).map(|t| t.is_some()),
            Guard::Is { input, codecs, values, .. } if codecs.is_empty() => {
                text(input).map(|t| t.is_some_and(|t| values.contains(&t)))
            }
            Guard::IsNot { input, codecs, values } if codecs.is_empty() => {
                text(input).map(|t| t.is_none_or(|t| !values.contains(&t)))
            }
            Guard::Matches(input, class) => {
                text(input).map(|t| t.is_some_and(|t| codec::in_class(*class, &t)))
            }
            _ => None,
        }
    }

    /// How many conditions of a guard are about slots that no leaf here owns.
    fn unknown(&self, guard: &Guard, object: &Object, branch: Branch, new: &Json) -> usize {
        match guard {
            Guard::All(guards) | Guard::Any(guards) => {
                guards.iter().map(|g| self.unknown(g, object, branch, new)).sum()
            }
            other => usize::from(self.guard_in(other, object, branch, new).is_none()),
        }
    }

    /// The legacy text that the leaf owning a slot will write; `None` if no leaf here owns it.
    fn new_text(
        &self,
        input: &Input,
        object: &Object,
        branch: Branch,
        new: &Json,
    ) -> Option<Option<String>> {
        let mut found = Vec::new();
        find_leaves(object, Some(branch), input, &mut String::new(), &mut found);
        let (pointer, leaf) = found.into_iter().find(|(_, leaf)| leaf.flag == Flag::Own)?;
        let Some(value) = new.pointer(&pointer) else { return Some(None) };
        let val = crate::translate::bundle::scalar(value)
            .map_or_else(|| Val::Json(value.clone()), |text| Val::Text(Cow::Owned(text)));
        let val = codec::encode_all(&leaf.codecs, &self.writer.eval.around, val).ok()?;
        let nth = slot_position(&leaf.input, input);
        Some(match val {
            Val::Many(texts) => texts.into_iter().nth(nth).flatten().map(Cow::into_owned),
            one => one.text().map(Cow::into_owned),
        })
    }
}

/// Leaves below an object that read a slot, with their JSON pointers; of branches only this one.
pub(super) fn find_leaves<'o>(
    object: &'o Object,
    branch: Option<Branch>,
    key: &Input,
    path: &mut String,
    found: &mut Vec<(String, &'o Leaf)>,
) {
    for field in &object.fields {
        if branch.is_some() && field.branch.is_some() && field.branch != branch {
            continue;
        }
        let before = path.len();
        *path += "/";
        *path += &field.name;
        match &field.value {
            Value::Leaf(leaf) if overlaps(&leaf.input, key) => found.push((path.clone(), leaf)),
            Value::Object(inner) => find_leaves(inner, branch, key, path, found),
            Value::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    if let (Value::Object(inner), Drive::Once) = (&item.value, &item.drive) {
                        let here = path.len();
                        *path += &format!("/{n}");
                        find_leaves(inner, branch, key, path, found);
                        path.truncate(here);
                    }
                }
            }
            _ => {}
        }
        path.truncate(before);
    }
}

/// The leaves below an object that stand in a branch, with their JSON pointers.
fn own_leaves<'o>(
    object: &'o Object,
    branch: Branch,
    inside: bool,
    path: &mut String,
    found: &mut Vec<(String, &'o Leaf)>,
) {
    for field in object.fields.iter().filter(|f| !f.name.is_empty()) {
        let mine = match field.branch {
            Some(b) if b.choice == branch.choice => b == branch,
            _ => inside,
        };
        if field.branch.is_some_and(|b| b.choice == branch.choice) && !mine {
            continue;
        }
        let before = path.len();
        *path += "/";
        *path += &field.name;
        match &field.value {
            Value::Leaf(leaf) if mine => found.push((path.clone(), leaf)),
            Value::Object(inner) => {
                // A quantity beside its comparator says the object itself.
                for spliced in inner.fields.iter().filter(|f| f.name.is_empty() && mine) {
                    if let Value::Leaf(leaf) = &spliced.value {
                        found.push((path.clone(), leaf));
                    }
                }
                own_leaves(inner, branch, mine, path, found);
            }
            Value::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    if let (Value::Object(inner), Drive::Once) = (&item.value, &item.drive) {
                        let here = path.len();
                        *path += &format!("/{n}");
                        own_leaves(inner, branch, mine, path, found);
                        path.truncate(here);
                    }
                }
            }
            _ => {}
        }
        path.truncate(before);
    }
}

fn overlaps(a: &Input, b: &Input) -> bool {
    if a == b {
        return true;
    }
    let slots = |i: &Input| match i {
        Input::Slots(alternatives) => alternatives.iter().flatten().cloned().collect(),
        _ => Vec::new(),
    };
    // A field or component asked for as a whole is the same one.
    let (a, b) = (slots(a), slots(b));
    a.iter().any(|s| b.iter().any(|t| s == t || s.clone().whole() == t.clone().whole()))
}

/// JSON paths of the leaves of this branch, and of the other branches of its choice.
fn branch_paths(
    object: &Object,
    branch: Branch,
    mine: &mut Vec<Vec<String>>,
    others: &mut Vec<Vec<String>>,
) {
    for field in &object.fields {
        let mut path = vec![field.name.clone()];
        match (field.branch, &field.value) {
            (Some(b), value) if b.choice == branch.choice => {
                leaf_paths(value, &mut path, if b == branch { mine } else { others });
            }
            (_, Value::List(items)) => {
                for item in items {
                    if let Some(b) = item.branch.filter(|b| b.choice == branch.choice) {
                        path.push("0".to_owned());
                        leaf_paths(&item.value, &mut path, if b == branch { mine } else { others });
                        path.pop();
                    }
                }
            }
            (_, Value::Object(inner)) => {
                let (mut below_mine, mut below_others) = (Vec::new(), Vec::new());
                branch_paths(inner, branch, &mut below_mine, &mut below_others);
                let prefixed = |paths: Vec<Vec<String>>| {
                    paths
                        .into_iter()
                        .map(|p| std::iter::once(field.name.clone()).chain(p).collect())
                };
                mine.extend(prefixed(below_mine));
                others.extend(prefixed(below_others));
            }
            _ => {}
        }
    }
}

/// The constants of a branch, wherever they stand below an object.
fn branch_constants(
    object: &Object,
    branch: Branch,
    inside: bool,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, String)>,
) {
    for field in &object.fields {
        let mine = match field.branch {
            Some(b) if b.choice == branch.choice => b == branch,
            _ => inside,
        };
        path.push(field.name.clone());
        match &field.value {
            Value::Const(text) if mine => found.push((path.clone(), text.clone())),
            Value::Object(inner) => branch_constants(inner, branch, mine, path, found),
            Value::List(items) => {
                for item in items {
                    let mine = match item.branch {
                        Some(b) if b.choice == branch.choice => b == branch,
                        _ => mine,
                    };
                    path.push("0".to_owned());
                    match &item.value {
                        Value::Object(inner) => branch_constants(inner, branch, mine, path, found),
                        Value::Const(text) if mine => found.push((path.clone(), text.clone())),
                        _ => {}
                    }
                    path.pop();
                }
            }
            _ => {}
        }
        path.pop();
    }
}

fn leaf_paths(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        // A leaf spliced into its object is there if its value is.
        Value::Leaf(_) if path.last().is_some_and(String::is_empty) => {
            let mut own = path.clone();
            own.pop();
            own.push("value".to_owned());
            found.push(own);
        }
        // A quantity beside its comparator: it covers its own keys only.
        Value::Leaf(leaf) if leaf.json == JsonKind::Object => {
            let mut own = path.clone();
            own.push("value".to_owned());
            found.push(own);
        }
        Value::Leaf(_) => found.push(path.clone()),
        Value::Object(inner) => {
            for field in &inner.fields {
                path.push(field.name.clone());
                leaf_paths(&field.value, path, found);
                path.pop();
            }
        }
        Value::List(items) => {
            for item in items {
                path.push("0".to_owned());
                leaf_paths(&item.value, path, found);
                path.pop();
            }
        }
        Value::Const(_) | Value::Ref(_) => {}
    }
}

/// Which slot of an input another input is.
fn slot_position(all: &Input, one: &Input) -> usize {
    let (Input::Slots(all), Input::Slots(one)) = (all, one) else { return 0 };
    let wanted = one.first().and_then(|s| s.first());
    let same = |s: &crate::legacy::Slot| {
        wanted.is_some_and(|w| s == w || s.clone().whole() == w.clone().whole())
    };
    all.first().and_then(|slots| slots.iter().position(same)).unwrap_or(0)
}

fn present(json: &Json, path: &[String]) -> bool {
    let Some((step, rest)) = path.split_first() else { return true };
    match json {
        Json::Array(items) => {
            let rest = if step.bytes().all(|b| b.is_ascii_digit()) { rest } else { path };
            items.iter().any(|i| present(i, rest))
        }
        Json::Object(map) => map.get(step).is_some_and(|v| present(v, rest)),
        _ => false,
    }
}
