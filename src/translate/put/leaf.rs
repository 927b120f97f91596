//! A changed leaf: encoded, and written into its slot; guards and scanned texts likewise.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::Put;
use crate::error::Kind;
use crate::fhir::Issue;
use crate::legacy::{List, Read, Scope, Slot, Write};
use crate::translate::codec::{self, Val};
use crate::translate::plan::{Branch, Case, Else, Flag, Guard, Input, Leaf, Nulls, Said, Scan};

impl<'a> Put<'a, '_> {
    /// Writes a changed leaf.
    pub(super) fn leaf(
        &mut self,
        leaf: &'a Leaf,
        old: Option<&Json>,
        new: Option<&Json>,
        scope: Scope,
    ) {
        if leaf.flag == Flag::Copy {
            // Compared with the owner again when the written record is read: see `report`.
            return;
        }
        let new_row = self.editor.row_state(scope).is_some_and(|(_, new)| new);
        if leaf.fixed && !new_row {
            let text = format!("lost: {} is only read; the edit is not written", shown(leaf));
            let rule = self.writer.eval.pos(leaf.pos);
            let path = self.path.join(".");
            return self.issues.push(Issue::warning(Kind::Forbidden, text).path(path).rule(rule));
        }
        if leaf.flag == Flag::Shared && !self.siblings_agree(leaf, new, scope) {
            let text = format!(
                "lost: {} is shared, and the other resources below that row say something else",
                shown(leaf)
            );
            let path = self.path.join(".");
            return self.issues.push(Issue::warning(Kind::Conflict, text).path(path));
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
            && !matches!(other.input, Input::About(_))
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
            Ok(val) => {
                let val = self.with_offset(leaf, val, new, scope);
                self.write_val(leaf, val, scope);
            }
            // A default is what an empty slot reads as.
            Err(_) if is_default(leaf, new) => {
                if old.is_some() {
                    self.clear(leaf, scope);
                }
            }
            Err(bad) => {
                let text = format!("lost: {bad}; {} is not written", shown(leaf));
                let rule = self.writer.eval.pos(leaf.pos);
                let path = self.path.join(".");
                self.issues.push(Issue::warning(Kind::Value, text).path(path).rule(rule));
            }
        }
    }

    /// Whether every resource of this rule that reads a shared slot from the same row says this.
    fn siblings_agree(&self, leaf: &Leaf, new: Option<&Json>, scope: Scope) -> bool {
        let Input::Slots(all) = &leaf.input else { return true };
        let Some(slot) = all.first().and_then(|slots| slots.first()) else { return true };
        let record = self.writer.eval.record;
        let row = record.slot_span(scope, slot);
        let rule = self.writer.eval.instances[self.instance].rule;
        let steps: Vec<&str> = self.path.iter().skip(1).copied().collect();
        self.made.iter().filter(|made| made.rule == rule).all(|made| {
            let at = made.chain.last().copied().unwrap_or_default();
            if at == scope || record.slot_span(at, slot) != row {
                return true;
            }
            let Some(other) = self.resources.resource(&made.reference) else { return true };
            let said = other.get(steps.first().copied().unwrap_or("")).map_or_else(Vec::new, |v| {
                let mut found = Vec::new();
                below(v, &steps[1..], &mut found);
                found
            });
            match new {
                Some(new) => said.contains(&new),
                None => said.is_empty(),
            }
        })
    }

    /// The time that says the zone of all others keeps saying one: its offset.
    fn with_offset<'v>(&self, leaf: &'a Leaf, val: Val<'v>, new: &Json, scope: Scope) -> Val<'v> {
        let (Some(Input::Slots(zone)), Input::Slots(mine)) =
            (&self.program().zone.from, &leaf.input)
        else {
            return val;
        };
        let says_zone = zone.iter().flatten().any(|slot| mine.iter().flatten().any(|s| s == slot));
        let old = self.writer.eval.input_one(&leaf.input, scope);
        let had_one = old.is_some_and(|old| codec::offset_in(&old).is_some());
        match (val, new.as_str().and_then(codec::offset_in)) {
            (Val::Text(text), Some(seconds))
                if says_zone && had_one && codec::offset_in(&text).is_none() =>
            {
                let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                let offset = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
                Val::Text(Cow::Owned(text.into_owned() + &offset))
            }
            (val, _) => val,
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
            Input::Cases(cases) => self.write_case(&self.program().cases[*cases], val, scope),
            Input::Nothing => {}
        }
    }

    /// Says a field in the way that says this value: a constant of it, else the first slot whose
    /// codecs can. Conditions of ways before it that hold are undone.
    fn write_case(&mut self, cases: &'a [Case], val: Val<'_>, scope: Scope) {
        let Some(text) = val.text() else { return };
        let encoded = |case: &Case| match &case.value {
            Said::Text(said) => (*said == text).then_some(None),
            Said::Slot(_, codecs) => {
                let val = Val::Text(Cow::Owned(text.clone().into_owned()));
                let val = codec::encode_all(codecs, &self.writer.eval.around, val).ok()?;
                Some(val.text().map(Cow::into_owned))
            }
        };
        let Some((at, legacy)) =
            cases.iter().enumerate().find_map(|(n, case)| Some((n, encoded(case)?)))
        else {
            let issue = format!("lost: no way to say '{text}'");
            let path = self.path.join(".");
            return self.issues.push(Issue::warning(Kind::Value, issue).path(path));
        };
        self.undo_cases(&cases[..at], scope);
        if let Some(guard) = &cases[at].when {
            self.write_guard(guard, scope);
        }
        if let (Said::Slot(Input::Slots(alternatives), _), Some(text)) = (&cases[at].value, legacy)
            && let Some(slot) = self.read_alternative(alternatives, scope).first()
        {
            self.write_text(slot, Some(&text), scope);
        }
    }

    /// Empties the slots whose values make conditions of these cases true.
    fn undo_cases(&mut self, cases: &'a [Case], scope: Scope) {
        for guard in cases.iter().filter_map(|case| case.when.as_ref()) {
            if let Guard::Is { input: Input::Slots(alternatives), .. } = guard
                && self.writer.eval.holds(guard, scope)
                && let Some(slot) = alternatives.first().and_then(|s| s.first())
            {
                self.write_text(slot, None, scope);
            }
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
        if let Input::Cases(cases) = &leaf.input {
            let cases = &self.program().cases[*cases];
            self.undo_cases(cases, scope);
            for case in cases {
                if let Said::Slot(Input::Slots(alternatives), _) = &case.value
                    && let Some(slot) = self.read_alternative(alternatives, scope).first()
                {
                    self.write_text(slot, None, scope);
                }
            }
            return;
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

    /// Empties a slot that was taken apart.
    pub(super) fn clear_scan(&mut self, scan: &'a Scan, scope: Scope) {
        if let Input::Slots(alternatives) = &scan.slot
            && let Some(slot) = self.read_alternative(alternatives, scope).first()
        {
            self.write_text(slot, None, scope);
        }
    }

    /// Prints a scanned slot anew if a part of it was written.
    pub(super) fn write_scan(&mut self, branch: Branch, scope: Scope) {
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
}

/// The values at a path of keys, in all items of lists.
fn below<'j>(json: &'j Json, path: &[&str], found: &mut Vec<&'j Json>) {
    match (json, path.split_first()) {
        (Json::Array(items), _) => items.iter().for_each(|item| below(item, path, found)),
        (Json::Object(map), Some((first, rest))) => {
            if let Some(inner) = map.get(*first) {
                below(inner, rest, found);
            }
        }
        (value, None) => found.push(value),
        _ => {}
    }
}

fn is_default(leaf: &Leaf, value: &Json) -> bool {
    matches!(leaf.or_else.as_deref(), Some(Else::Literal(text)) if value == text.as_str())
}

fn shown(leaf: &Leaf) -> &str {
    leaf.slots.first().map_or("its slot", String::as_str)
}
