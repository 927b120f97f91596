//! An object: the old value beside the new one, written where they differ.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::Put;
use super::list::OldItem;
use crate::error::Kind;
use crate::fhir::Issue;
use crate::legacy::Scope;
use crate::translate::plan::{Branch, Field, Object, Value};

pub(super) type Obj = Map<String, Json>;

impl<'a> Put<'a, '_> {
    /// Writes an object's differences.
    pub(super) fn object(
        &mut self,
        object: &'a Object,
        old: Option<&Obj>,
        new: Option<&Obj>,
        scope: Scope,
    ) {
        // In a branch that changes, the same value may stand in another slot.
        if old == new && self.switching == 0 {
            return;
        }
        let before = self.old_branches(object, old.is_some(), scope);
        let old_lists = self.in_old_branches(object, |put| put.old_lists(object, old, scope));
        let after = self.new_branches(object, &before, new);
        for (&choice, (was, is)) in object.choices.iter().zip(before.iter().zip(&after)) {
            if was != is {
                self.leave_branch(object, choice, *was, (old, &old_lists), scope);
            }
            self.writer.eval.choose(choice, *is);
            self.was[choice] = *was;
            if was != is
                && let Some(arm) = is
            {
                let arm = &self.program().choices[choice].branches[*arm];
                if let Some(guard) = &arm.when {
                    self.write_guard(guard, scope);
                }
            }
        }
        let switches = before != after;
        self.switching += usize::from(switches);
        self.leave_outer_branches(object, old, scope);
        for (field, old_items) in object.fields.iter().zip(old_lists) {
            if !self.in_branch(field.branch, object, &after, true) {
                continue;
            }
            let was_there = self.in_branch(field.branch, object, &before, false)
                && self.guarded_in(field, scope, old);
            let old_value = if was_there { part(field, old) } else { None };
            let new_value = part(field, new);
            let nested = matches!(field.value, Value::Object(_) | Value::List(_));
            if old_value == new_value && !(nested && self.switching > 0) {
                continue;
            }
            if !was_there
                && new_value.is_some()
                && let Some(guard) = &field.when
            {
                self.write_guard(guard, scope);
            }
            self.path.push(&field.name);
            self.value(&field.value, old_value.as_deref(), new_value.as_deref(), old_items, scope);
            self.path.pop();
            // Nested objects decided their own choices; ours are as they were.
            for (&choice, is) in object.choices.iter().zip(&after) {
                self.writer.eval.choose(choice, *is);
            }
        }
        self.switching -= usize::from(switches);
        for (&choice, is) in object.choices.iter().zip(&after) {
            if let Some(arm) = is {
                self.write_scan(Branch { choice, branch: *arm }, scope);
            }
        }
    }

    /// Looks at the old value as it was read: in the branches that choices further out had then.
    fn in_old_branches<T>(&mut self, object: &Object, look: impl FnOnce(&mut Self) -> T) -> T {
        if self.switching == 0 {
            return look(self);
        }
        let outer = |c: &usize| !object.choices.contains(c);
        let outer: Vec<usize> = (0..self.was.len()).filter(outer).collect();
        let now: Vec<_> = outer.iter().map(|c| (*c, self.writer.eval.chosen(*c))).collect();
        outer.iter().for_each(|c| self.writer.eval.choose(*c, self.was[*c]));
        let seen = look(self);
        now.into_iter().for_each(|(c, is)| self.writer.eval.choose(c, is));
        seen
    }

    /// Clears the slots of leaves whose branch, decided further out, was left.
    fn leave_outer_branches(&mut self, object: &'a Object, old: Option<&Obj>, scope: Scope) {
        for field in &object.fields {
            let Some(branch) = field.branch.filter(|b| !object.choices.contains(&b.choice)) else {
                continue;
            };
            let left = self.was[branch.choice] == Some(branch.branch)
                && !self.writer.eval.in_branch(Some(branch));
            if let (true, Value::Leaf(leaf), Some(value)) = (left, &field.value, part(field, old)) {
                self.leaf(leaf, Some(&value), None, scope);
            }
        }
    }

    /// Whether a field stands in a branch as decided here, or further out: now, or before.
    fn in_branch(
        &self,
        branch: Option<Branch>,
        object: &Object,
        chosen: &[Option<usize>],
        now: bool,
    ) -> bool {
        branch.is_none_or(|b| match object.choices.iter().position(|c| *c == b.choice) {
            Some(at) => chosen[at] == Some(b.branch),
            None if now => self.writer.eval.in_branch(branch),
            None => self.was[b.choice] == Some(b.branch),
        })
    }

    fn guarded_in(&mut self, field: &'a Field, scope: Scope, old: Option<&Obj>) -> bool {
        old.is_some() && field.when.as_ref().is_none_or(|g| self.writer.eval.holds(g, scope))
    }

    fn old_branches(&mut self, object: &'a Object, was: bool, scope: Scope) -> Vec<Option<usize>> {
        if was {
            self.writer.eval.enter(object, scope);
        } else {
            object.choices.iter().for_each(|c| self.writer.eval.choose(*c, None));
        }
        object.choices.iter().map(|c| self.writer.eval.chosen(*c)).collect()
    }

    fn old_lists(
        &mut self,
        object: &'a Object,
        old: Option<&Obj>,
        scope: Scope,
    ) -> Vec<Vec<OldItem>> {
        let mut lists = Vec::new();
        for field in &object.fields {
            let mut list = Vec::new();
            if let (Value::List(items), Some(Json::Array(_))) =
                (&field.value, old.and_then(|o| o.get(&field.name)))
                && self.writer.eval.in_branch(field.branch)
            {
                for (rule, item) in items.iter().enumerate() {
                    for (at, _) in self.writer.item_scopes(item, scope) {
                        if let Some(value) = self.writer.value_json(self.instance, &item.value, at)
                        {
                            list.push(OldItem { rule, scope: at, value });
                        }
                    }
                }
            }
            lists.push(list);
        }
        lists
    }

    /// Clears the slots of a branch that is left.
    fn leave_branch(
        &mut self,
        object: &'a Object,
        choice: usize,
        was: Option<usize>,
        (old, old_lists): (Option<&Obj>, &[Vec<OldItem>]),
        scope: Scope,
    ) {
        let Some(arm) = was else { return };
        self.writer.eval.choose(choice, Some(arm));
        for (field, old_items) in object.fields.iter().zip(old_lists) {
            if field.branch == Some(Branch { choice, branch: arm })
                && let Some(value) = part(field, old)
            {
                self.path.push(&field.name);
                self.value(&field.value, Some(&value), None, old_items.clone(), scope);
                self.path.pop();
            }
        }
        // What the branch took apart goes with it; the next one writes it anew.
        if let Some(scan) = &self.program().choices[choice].branches[arm].scan {
            self.clear_scan(scan, scope);
        }
    }

    pub(super) fn value(
        &mut self,
        value: &'a Value,
        old: Option<&Json>,
        new: Option<&Json>,
        old_items: Vec<OldItem>,
        scope: Scope,
    ) {
        match value {
            Value::Const(_) => {}
            Value::Ref(_) => {
                if old.is_some() {
                    self.derived("a reference follows its record", new);
                }
            }
            Value::Leaf(leaf) => self.leaf(leaf, old, new, scope),
            Value::Object(inner) => {
                let old = old.and_then(Json::as_object);
                self.object(inner, old, new.and_then(Json::as_object), scope);
            }
            Value::List(items) => {
                let list = new.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
                self.list(items, old_items, list, scope);
            }
        }
    }

    fn derived(&mut self, why: &str, new: Option<&Json>) {
        let shown = new.map_or("removed".to_owned(), ToString::to_string);
        let text = format!("edited-derived: {why}; the edit ({shown}) is not written");
        self.issues.push(Issue::warning(Kind::Rule, text).path(self.path.join(".")));
    }
}

/// The value of a field; a spliced leaf's value is the keys of a quantity in the object itself.
fn part<'j>(field: &Field, object: Option<&'j Obj>) -> Option<Cow<'j, Json>> {
    let object = object?;
    if !field.name.is_empty() {
        return object.get(&field.name).map(Cow::Borrowed);
    }
    let keys = ["value", "unit", "system", "code"];
    let own: Obj =
        keys.iter().filter_map(|k| object.get(*k).map(|v| ((*k).to_owned(), v.clone()))).collect();
    (!own.is_empty()).then_some(Cow::Owned(Json::Object(own)))
}
