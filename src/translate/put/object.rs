//! Objects, leaves and lists: the old value beside the new one, written where they differ.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::Put;
use crate::error::Kind;
use crate::fhir::Issue;
use crate::legacy::{List, Read, Scope, Slot, Write};
use crate::translate::codec::{self, Val};
use crate::translate::marks::has_marks;
use crate::translate::plan::{
    Arm, Branch, By, Drive, Else, Field, Flag, Guard, Input, Item, Json as JsonKind, Leaf, Nulls,
    Object, Value,
};

type Obj = Map<String, Json>;

/// An item of the old list: its rule, the scope it was read in, its value.
struct OldItem {
    rule: usize,
    scope: Scope,
    value: Json,
}

impl<'a> Put<'a, '_> {
    /// Writes an object's differences.
    pub(super) fn object(
        &mut self,
        object: &'a Object,
        old: Option<&Obj>,
        new: Option<&Obj>,
        scope: Scope,
    ) {
        if old == new {
            return;
        }
        let before = self.old_branches(object, old.is_some(), scope);
        let old_lists = self.old_lists(object, old, scope);
        let after = self.new_branches(object, &before, new);
        for (&choice, (was, is)) in object.choices.iter().zip(before.iter().zip(&after)) {
            if was != is {
                self.leave_branch(object, choice, *was, old, scope);
            }
            self.writer.eval.choose(choice, *is);
            if was != is
                && let Some(arm) = is
            {
                let arm = &self.program().choices[choice].branches[*arm];
                if let Some(guard) = &arm.when {
                    self.write_guard(guard, scope);
                }
            }
        }
        for (field, old_items) in object.fields.iter().zip(old_lists) {
            if !in_branch(field.branch, object, &after) {
                continue;
            }
            let was_there =
                in_branch(field.branch, object, &before) && self.guarded_in(field, scope, old);
            let old_value = if was_there { part(field, old) } else { None };
            let new_value = part(field, new);
            if old_value == new_value {
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
        for (&choice, is) in object.choices.iter().zip(&after) {
            if let Some(arm) = is {
                self.write_scan(Branch { choice, branch: *arm }, scope);
            }
        }
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

    /// The branch of each choice that the new value is in: the old one while it fits, else the first
    /// that does.
    fn new_branches(
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
        let covered =
            |path: &Vec<String>| mine.iter().any(|m| path.starts_with(m) || m.starts_with(path));
        let lost = others.iter().filter(|path| present(new, path) && !covered(path)).count();
        let assumed = arm.when.as_ref().map_or(0, |g| self.unknown(g, object, branch, new));
        Some((lost, assumed))
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

    /// Clears the slots of a branch that is left.
    fn leave_branch(
        &mut self,
        object: &'a Object,
        choice: usize,
        was: Option<usize>,
        old: Option<&Obj>,
        scope: Scope,
    ) {
        let Some(arm) = was else { return };
        self.writer.eval.choose(choice, Some(arm));
        for field in &object.fields {
            if field.branch == Some(Branch { choice, branch: arm })
                && let Some(value) = part(field, old)
                && !matches!(field.value, Value::List(_))
            {
                self.path.push(&field.name);
                self.value(&field.value, Some(&value), None, Vec::new(), scope);
                self.path.pop();
            }
        }
    }

    fn value(
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

    /// Writes a changed leaf.
    fn leaf(&mut self, leaf: &'a Leaf, old: Option<&Json>, new: Option<&Json>, scope: Scope) {
        if leaf.flag == Flag::Copy {
            // Compared with the owner again when the written record is read: see `report`.
            return;
        }
        let Some(new) = new else {
            if old.is_some() {
                self.clear(leaf, scope);
            }
            return;
        };
        if let Some(Else::Leaf(other)) = leaf.or_else.as_deref()
            && old.is_some()
            && !self.readable(leaf, scope)
            && other.flag == Flag::Own
        {
            return self.leaf(other, old, Some(new), scope);
        }
        let val = match new {
            Json::String(text) => Val::Text(Cow::Owned(text.clone())),
            Json::Number(number) => Val::Text(Cow::Owned(number.to_string())),
            Json::Bool(flag) => Val::Text(Cow::Owned(flag.to_string())),
            other => Val::Json(other.clone()),
        };
        match codec::encode_all(&leaf.codecs, &self.writer.eval.around, val) {
            Ok(val) => self.write_val(leaf, val, scope),
            // A default is what an empty slot reads as.
            Err(_) if is_default(leaf, new) => {}
            Err(bad) => {
                let text = format!("lost: {bad}; {} is not written", shown(leaf));
                let rule = self.writer.eval.pos(leaf.pos);
                let path = self.path.join(".");
                self.issues.push(Issue::warning(Kind::Value, text).path(path).rule(rule));
            }
        }
    }

    fn readable(&mut self, leaf: &'a Leaf, scope: Scope) -> bool {
        self.writer.eval.input_one(&leaf.input, scope).is_some()
    }

    fn write_val(&mut self, leaf: &'a Leaf, val: Val<'_>, scope: Scope) {
        match &leaf.input {
            Input::Scanned(branch, name) => {
                if let Some(text) = val.text() {
                    self.scans.push((branch.choice, name.clone(), text.into_owned()));
                }
            }
            Input::ScannedWith(branch, name, slots) => {
                let texts = match val {
                    Val::Many(texts) => texts,
                    one => vec![one.text()],
                };
                let mut texts = texts.into_iter();
                if let Some(text) = texts.next().flatten() {
                    self.scans.push((branch.choice, name.clone(), text.into_owned()));
                }
                for (slot, text) in slots.iter().zip(texts) {
                    self.write_text(slot, text.as_deref(), scope);
                }
            }
            Input::Lines(list, slot) => self.write_lines(list, slot, val, scope),
            Input::Slots(alternatives) => {
                let slots = self.read_alternative(alternatives, scope);
                match val {
                    Val::Many(texts) => {
                        for (n, slot) in slots.iter().enumerate() {
                            let text = texts.get(n).and_then(Option::as_deref);
                            self.write_text(slot, text, scope);
                        }
                    }
                    one => {
                        let text = one.text();
                        if let Some(slot) = slots.first() {
                            self.write_text(slot, text.as_deref(), scope);
                        }
                    }
                }
            }
            Input::About(name) => {
                if !self.creating {
                    let text = format!(
                        "edited-derived: follows the record's {name}; the edit is not written"
                    );
                    let path = self.path.join(".");
                    self.issues.push(Issue::warning(Kind::Rule, text).path(path));
                }
            }
            Input::Nothing => {}
        }
    }

    /// One instance of the list per line: those there are, then new ones; what is left over goes.
    fn write_lines(&mut self, list: &List, slot: &Slot, val: Val<'_>, scope: Scope) {
        let lines = match val {
            Val::Many(lines) => lines,
            one => vec![one.text()],
        };
        let mut scopes = Vec::new();
        self.writer.eval.record.list(scope, list, &mut scopes);
        let mut scopes = scopes.into_iter();
        for line in lines {
            let at = match scopes.next() {
                Some(at) => at,
                None => match self.editor.insert(scope, list) {
                    Ok(at) => at,
                    Err(error) => return self.note(Err(error)),
                },
            };
            self.write_text(slot, line.as_deref(), at);
        }
        for surplus in scopes {
            let removed = self.editor.remove(list, surplus);
            self.note(removed);
        }
    }

    fn write_text(&mut self, slot: &Slot, text: Option<&str>, scope: Scope) {
        let write = match text {
            Some(text) if !text.is_empty() => {
                self.filled.push((scope, slot.clone()));
                Write::Text(text)
            }
            _ => Write::Clear,
        };
        let written = self.editor.write(scope, slot, write);
        self.note(written);
    }

    /// The alternative of `a or b` that was read, else the first.
    fn read_alternative(&self, alternatives: &'a [Vec<Slot>], scope: Scope) -> &'a [Slot] {
        let record = self.writer.eval.record;
        let read = alternatives
            .iter()
            .find(|slots| slots.iter().any(|s| matches!(record.read(scope, s), Read::Text(_))));
        read.or(alternatives.first()).map_or(&[], Vec::as_slice)
    }

    /// A removed value: `""` where the source knows nulls, empty elsewhere.
    fn clear(&mut self, leaf: &'a Leaf, scope: Scope) {
        if let Input::Lines(list, slot) = &leaf.input {
            return self.write_lines(list, slot, Val::Many(Vec::new()), scope);
        }
        let Input::Slots(alternatives) = &leaf.input else { return };
        let null = self.program().nulls == Nulls::Delete && !self.creating;
        let write = if null { Write::Null } else { Write::Clear };
        for (n, slot) in self.read_alternative(alternatives, scope).iter().enumerate() {
            // A value made of several slots is nulled in the first; the others are emptied.
            let write = if n == 0 { write } else { Write::Clear };
            let written = self.editor.write(scope, slot, write);
            self.note(written);
        }
    }

    /// Writes what makes a guard true, where no leaf owns its slot.
    pub(super) fn write_guard(&mut self, guard: &'a Guard, scope: Scope) {
        match guard {
            Guard::All(guards) => guards.iter().for_each(|g| self.write_guard(g, scope)),
            Guard::Is { input, codecs, values, owner: true, .. } => {
                if self.writer.eval.holds(guard, scope) && !self.creating {
                    return;
                }
                let (Input::Slots(alternatives), Some(value)) = (input, values.first()) else {
                    return;
                };
                let val = Val::Text(Cow::Borrowed(value.as_str()));
                if let Ok(val) = codec::encode_all(codecs, &self.writer.eval.around, val)
                    && let Some(slot) = alternatives.first().and_then(|s| s.first())
                {
                    let text = val.text();
                    self.write_text(slot, text.as_deref(), scope);
                }
            }
            _ => {}
        }
    }

    /// Prints a scanned slot anew if a part of it was written.
    fn write_scan(&mut self, branch: Branch, scope: Scope) {
        let parts: Vec<(String, String)> = self
            .scans
            .extract_if(.., |(choice, ..)| *choice == branch.choice)
            .map(|(_, name, text)| (name, text))
            .collect();
        if parts.is_empty() {
            return;
        }
        let arm = &self.program().choices[branch.choice].branches[branch.branch];
        let Some(scan) = &arm.scan else { return };
        let original =
            self.writer.eval.input_one(&scan.slot, scope).unwrap_or_default().into_owned();
        let old = scan.templates.iter().find_map(|t| Some((t, codec::scan(t, &original)?)));
        let value = |name: &str| {
            let new = parts.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            let kept = || {
                let (_, old) = old.as_ref()?;
                old.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
            };
            new.or_else(kept).unwrap_or_default()
        };
        // The alternative that was read if the new text still has its form, else the first that does.
        let read_again = |t: &codec::TemplateRef| {
            let text = codec::print(t, &value);
            if codec::scan(t, &text).is_some() { Some(text) } else { None }
        };
        let first = old.as_ref().map(|(t, _)| *t);
        let text = first.into_iter().chain(&scan.templates).find_map(read_again);
        let (Input::Slots(alternatives), Some(text)) = (&scan.slot, text) else { return };
        if let Some(slot) = self.read_alternative(alternatives, scope).first() {
            self.write_text(slot, Some(&text), scope);
        }
    }

    /// Aligns a list's new items with its old ones, and edits, adds and removes.
    fn list(&mut self, rules: &'a [Item], old: Vec<OldItem>, new: &[Json], scope: Scope) {
        let owners = owners(rules, &old, new, &|branch| self.writer.eval.in_branch(branch));
        for (item, owner) in new.iter().zip(&owners) {
            if owner.is_none() {
                let text = format!("lost: {item}: no rule takes this item");
                let path = self.path.join(".");
                self.issues.push(Issue::warning(Kind::NotSupported, text).path(path));
            }
        }
        for (index, rule) in rules.iter().enumerate() {
            let mine: Vec<&OldItem> = old.iter().filter(|o| o.rule == index).collect();
            let items = new.iter().zip(&owners).filter(|(_, o)| **o == Some(index));
            let items: Vec<&Json> = items.map(|(i, _)| i).collect();
            if mine.is_empty() && items.is_empty() {
                continue;
            }
            for (was, is) in align(rule, &mine, &items) {
                self.item(rule, was, is, scope);
            }
        }
    }

    fn item(&mut self, rule: &'a Item, old: Option<&OldItem>, new: Option<&Json>, scope: Scope) {
        let at = match (&rule.drive, old, new) {
            (_, Some(old), Some(_)) => old.scope,
            (Drive::Once, _, None) => scope,
            (Drive::Once, None, Some(_)) => {
                if let Some(guard) = &rule.when {
                    self.write_guard(guard, scope);
                }
                scope
            }
            // A list of references exists because of the resources: see `place`.
            (Drive::Alias(rule), None, Some(new)) => {
                let Some(scope) = self.scope_of_reference(*rule, new) else { return };
                scope
            }
            (Drive::Alias(_), _, None) => return,
            (Drive::Each(each), Some(old), None) => {
                if let Some(list) = each.steps.last() {
                    let removed = self.editor.remove(list, old.scope);
                    self.note(removed);
                }
                return;
            }
            (Drive::Each(each), None, Some(_)) => {
                let Some(list) = each.steps.last() else { return };
                match self.editor.insert(scope, list) {
                    Ok(at) => {
                        let guards = each.filter.iter().chain(&rule.when);
                        guards.for_each(|g| self.write_guard(g, at));
                        at
                    }
                    Err(error) => return self.note(Err(error)),
                }
            }
            (Drive::Each(_), None, None) => return,
        };
        let old_value = old.map(|o| &o.value);
        if old_value == new {
            return;
        }
        match &rule.value {
            Value::Object(inner) => {
                let old = old_value.and_then(Json::as_object);
                self.object(inner, old, new.and_then(Json::as_object), at);
            }
            Value::Leaf(leaf) => self.leaf(leaf, old_value, new, at),
            Value::Ref(_) | Value::Const(_) | Value::List(_) => {}
        }
    }

    fn scope_of_reference(&self, rule: usize, item: &Json) -> Option<Scope> {
        let mut found = Vec::new();
        crate::fhir::bundle::references(item, &mut |text| found.push(text));
        let made = self.made.iter().find(|m| {
            m.rule == rule && found.iter().any(|r| self.resources.same(&m.reference, r))
        })?;
        made.chain.last().copied()
    }
}

/// Pairs of old and new items of one rule.
fn align<'o, 'n>(
    rule: &Item,
    old: &[&'o OldItem],
    new: &[&'n Json],
) -> Vec<(Option<&'o OldItem>, Option<&'n Json>)> {
    let by_key = matches!(&rule.drive, Drive::Each(each) if matches!(each.by, By::Keys(_)));
    if by_key || matches!(rule.drive, Drive::Alias(_)) {
        return align_by_key(rule, old, new);
    }
    // By position: what is equal at both ends stays; a shorter list loses items in the middle.
    let same_front = old.iter().zip(new).take_while(|(o, n)| o.value == ***n).count();
    let shorter = new.len() < old.len();
    let same_back = if shorter {
        let rest = old.len().min(new.len()) - same_front;
        let back = old.iter().rev().zip(new.iter().rev());
        back.take(rest).take_while(|(o, n)| o.value == ***n).count()
    } else {
        0
    };
    let mut pairs = Vec::new();
    let (old_end, new_end) = (old.len() - same_back, new.len() - same_back);
    for n in same_front..old_end.max(new_end) {
        let was = (n < old_end).then(|| old[n]);
        let is = (n < new_end).then(|| new[n]);
        pairs.push((was, is));
    }
    pairs
}

fn align_by_key<'o, 'n>(
    rule: &Item,
    old: &[&'o OldItem],
    new: &[&'n Json],
) -> Vec<(Option<&'o OldItem>, Option<&'n Json>)> {
    let paths = key_paths(rule);
    let key = |json: &Json| -> Vec<Option<Json>> {
        paths.iter().map(|path| json.pointer(path).cloned()).collect()
    };
    let mut left: Vec<&'o OldItem> = old.to_vec();
    let mut pairs = Vec::new();
    let mut unmatched = Vec::new();
    for item in new {
        if let Some(at) = left.iter().position(|o| o.value == **item) {
            left.remove(at);
        } else {
            unmatched.push(*item);
        }
    }
    let mut fresh = Vec::new();
    for item in unmatched {
        let twin = left.iter().position(|o| !paths.is_empty() && key(&o.value) == key(item));
        match twin {
            Some(at) => pairs.push((Some(left.remove(at)), Some(item))),
            None => fresh.push(item),
        }
    }
    // A changed key: the item left over on both sides is the same one.
    for item in fresh {
        let was = if left.is_empty() { None } else { Some(left.remove(0)) };
        pairs.push((was, Some(item)));
    }
    pairs.extend(left.into_iter().map(|o| (Some(o), None)));
    pairs
}

/// JSON pointers of the leaves that read the key slots of an item rule; for items driven by
/// another resource, the reference.
fn key_paths(rule: &Item) -> Vec<String> {
    let mut paths = Vec::new();
    match (&rule.drive, &rule.value) {
        (Drive::Each(each), Value::Object(object)) => {
            if let By::Keys(keys) = &each.by {
                for key in keys {
                    let mut found = Vec::new();
                    find_leaves(object, None, key, &mut String::new(), &mut found);
                    paths.extend(found.into_iter().map(|(pointer, _)| pointer));
                }
            }
        }
        (Drive::Alias(_), Value::Object(object)) => {
            for field in &object.fields {
                if matches!(field.value, Value::Ref(_)) {
                    paths.push(format!("/{}/reference", field.name));
                }
            }
        }
        (Drive::Alias(_), Value::Ref(_)) => paths.push("/reference".to_owned()),
        _ => {}
    }
    paths
}

/// Leaves below an object that read a slot, with their JSON pointers; of branches only this one.
fn find_leaves<'o>(
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

fn overlaps(a: &Input, b: &Input) -> bool {
    let slots = |i: &Input| match i {
        Input::Slots(alternatives) => alternatives.iter().flatten().cloned().collect(),
        _ => Vec::new(),
    };
    let (a, b) = (slots(a), slots(b));
    a.iter().any(|s| b.contains(s))
}

/// Which item rule each new item belongs to.
fn owners(
    rules: &[Item],
    old: &[OldItem],
    new: &[Json],
    active: &dyn Fn(Option<Branch>) -> bool,
) -> Vec<Option<usize>> {
    let mut free_old: Vec<&OldItem> = old.iter().collect();
    let mut owners: Vec<Option<usize>> = vec![None; new.len()];
    for (n, item) in new.iter().enumerate() {
        if let Some(at) = free_old.iter().position(|o| o.value == *item) {
            owners[n] = Some(free_old.remove(at).rule);
        }
    }
    let usable = |rule: usize| active(rules[rule].branch);
    for (n, item) in new.iter().enumerate() {
        if owners[n].is_some() {
            continue;
        }
        let fits = |r: &usize| {
            usable(*r) && !rules[*r].marks.is_empty() && has_marks(item, &rules[*r].marks)
        };
        let best = (0..rules.len()).filter(fits).filter(|r| {
            let once = matches!(rules[*r].drive, Drive::Once);
            !once || !owners.contains(&Some(*r))
        });
        owners[n] = best.max_by_key(|r| rules[*r].marks.len());
    }
    // Items without marks belong to the rules without marks, in order, after those that are taken.
    let mut last = None;
    for n in 0..new.len() {
        if owners[n].is_none() {
            let was = free_old
                .iter()
                .position(|o| rules[o.rule].marks.is_empty() && last.is_none_or(|l| o.rule >= l));
            let rule = was.map(|at| free_old.remove(at).rule).or_else(|| {
                (0..rules.len()).find(|r| {
                    let many = !matches!(rules[*r].drive, Drive::Once);
                    usable(*r)
                        && rules[*r].marks.is_empty()
                        && (many || !owners.contains(&Some(*r)))
                        && last.is_none_or(|l| *r > l || (many && *r == l))
                })
            });
            owners[n] = rule;
        }
        if let Some(rule) = owners[n]
            && rules[rule].marks.is_empty()
        {
            last = Some(rule);
        }
    }
    owners
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
    all.first().and_then(|slots| slots.iter().position(|s| Some(s) == wanted)).unwrap_or(0)
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

fn in_branch(branch: Option<Branch>, object: &Object, chosen: &[Option<usize>]) -> bool {
    branch.is_none_or(|b| {
        // A branch of an outer object's choice was decided there.
        let at = object.choices.iter().position(|c| *c == b.choice);
        at.is_none_or(|at| chosen[at] == Some(b.branch))
    })
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

fn is_default(leaf: &Leaf, value: &Json) -> bool {
    matches!(leaf.or_else.as_deref(), Some(Else::Literal(text)) if value == text.as_str())
}

fn shown(leaf: &Leaf) -> &str {
    leaf.slots.first().map_or("its slot", String::as_str)
}
