//! Conditions: `PV1-3 present and OBX-2 in (NM, SN)`; and when two of them exclude each other.

use super::Compiling;
use super::scope::{Cond, Scope};
use super::text::{call, list, literal, split, words};
use crate::translate::plan::{Branch, Guard, Input};
use crate::yaml::Mark;

pub(super) const FORMS: &str = "write SLOT present, SLOT = v, SLOT != v, SLOT in (v, …), SLOT not in (v, …), SLOT matches CLASS, \
     fits(cnid, ID, BIRTH, SEX), with and, or, not";

impl Compiling<'_> {
    /// A condition over slots.
    pub(super) fn guard(&mut self, text: &str, mark: Mark, scope: &Scope) -> Option<Guard> {
        let words = words(text);
        if words.is_empty() {
            self.report.error_hint("M000", mark, "the condition is empty", FORMS);
            return None;
        }
        let guard = self.any(&words, mark, scope)?;
        if self.never(&guard, scope) {
            let what = format!("'{}' can never hold", text.trim());
            let hint = "it contradicts itself, a condition around it, or what the mapping accepts";
            self.report.error_hint("M012", self.report.within(mark, text.trim()), what, hint);
        }
        Some(guard)
    }

    /// Whether a condition cannot hold here: two parts of it, or it and what holds around it,
    /// exclude each other, or the mapping accepts no record with such an event.
    fn never(&self, guard: &Guard, scope: &Scope) -> bool {
        let mine = vec![Cond::Guard(std::rc::Rc::new(guard.clone()))];
        let parts = atoms(&mine);
        let itself =
            parts.iter().enumerate().any(|(n, a)| parts[..n].iter().any(|b| exclude(a, b)));
        let accepted: Vec<&str> = self
            .doc
            .get("accept")
            .and_then(crate::yaml::Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.text())
            .collect();
        let unheard = parts.iter().any(|part| match part {
            Atom::Holds(Guard::Is { input: Input::About(name), values, .. })
                if !accepted.is_empty() =>
            {
                let is = |message: &&str, value: &String| match name.as_str() {
                    "event" => message.split('^').nth(1) == Some(value),
                    _ => *message == value,
                };
                matches!(name.as_str(), "event" | "message")
                    && !values.iter().any(|v| accepted.iter().any(|m| is(m, v)))
            }
            _ => false,
        });
        itself || unheard || disjoint(&scope.conds, &mine)
    }

    fn any(&mut self, words: &[&str], mark: Mark, scope: &Scope) -> Option<Guard> {
        let parts: Option<Vec<Guard>> =
            words.split(|w| *w == "or").map(|part| self.all(part, mark, scope)).collect();
        let mut parts = parts?;
        Some(if parts.len() == 1 { parts.swap_remove(0) } else { Guard::Any(parts) })
    }

    fn all(&mut self, words: &[&str], mark: Mark, scope: &Scope) -> Option<Guard> {
        let parts: Option<Vec<Guard>> =
            words.split(|w| *w == "and").map(|part| self.one(part, mark, scope)).collect();
        let mut parts = parts?;
        Some(if parts.len() == 1 { parts.swap_remove(0) } else { Guard::All(parts) })
    }

    fn one(&mut self, words: &[&str], mark: Mark, scope: &Scope) -> Option<Guard> {
        match words {
            ["not", rest @ ..] if !rest.is_empty() => {
                Some(Guard::Not(Box::new(self.one(rest, mark, scope)?)))
            }
            [inner] if inner.starts_with('(') && inner.ends_with(')') => {
                self.guard(&inner[1..inner.len() - 1], mark, scope)
            }
            [text] if text.starts_with("fits(") => self.fits(text, mark, scope),
            [name, "present"] => self.present(name, mark, scope),
            [name, "matches", class] => {
                let class = self.class(class, mark)?;
                Some(Guard::Matches(self.operand(name, mark, scope)?.input, class))
            }
            [name, "=", value] => self.is(name, vec![literal(value).to_owned()], mark, scope),
            [name, "!=", value] => self.is_not(name, vec![literal(value).to_owned()], mark, scope),
            [name, "in", values] => {
                let values = self.values(values, mark)?;
                self.is(name, values, mark, scope)
            }
            [name, "not", "in", values] => {
                let values = self.values(values, mark)?;
                self.is_not(name, values, mark, scope)
            }
            _ => {
                let shown = words.join(" ");
                let what = format!("'{shown}' is no condition");
                self.report.error_hint("M000", self.report.within(mark, &shown), what, FORMS);
                None
            }
        }
    }

    fn values(&mut self, text: &str, mark: Mark) -> Option<Vec<String>> {
        let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
        let values = inner.map(list).filter(|values| !values.is_empty());
        if values.is_none() {
            self.report.error_hint("M000", mark, "`in` needs values", "write SLOT in (a, b)");
        }
        values
    }

    fn is(&mut self, name: &str, values: Vec<String>, mark: Mark, scope: &Scope) -> Option<Guard> {
        let draft = self.operand(name, mark, scope)?;
        let slots = draft.slots();
        let (input, codecs) = (draft.input, draft.codecs);
        Some(Guard::Is { input, codecs, values, owner: false, slots })
    }

    fn is_not(
        &mut self,
        name: &str,
        values: Vec<String>,
        mark: Mark,
        scope: &Scope,
    ) -> Option<Guard> {
        let draft = self.operand(name, mark, scope)?;
        Some(Guard::IsNot { input: draft.input, codecs: draft.codecs, values })
    }

    /// A slot has a value, or a segment, group or element has an instance. An HL7 field is present
    /// if any of its components is.
    fn present(&mut self, name: &str, mark: Mark, scope: &Scope) -> Option<Guard> {
        let slot = self.is_known(name, scope);
        if !slot && let Ok((list, _)) = self.schema.list(&scope.place, name) {
            return Some(Guard::Exists(list));
        }
        let input = self.operand(name, mark, scope)?.input;
        Some(Guard::Present(match input {
            Input::Slots(all) if self.is_hl7() => {
                let whole =
                    |slots: Vec<_>| slots.into_iter().map(crate::legacy::Slot::whole).collect();
                Input::Slots(all.into_iter().map(whole).collect())
            }
            input => input,
        }))
    }

    /// Whether a name is a slot or field here, without a message if it is not.
    fn is_known(&self, name: &str, scope: &Scope) -> bool {
        name.starts_with(['$', '.'])
            || self.fields.contains_key(name)
            || self.paths_has(name)
            || self.schema.slot(&scope.place, name).is_ok()
    }

    /// `fits(cnid, ID, BIRTH, SEX)`.
    fn fits(&mut self, text: &str, mark: Mark, scope: &Scope) -> Option<Guard> {
        let args = call(text).map(|(_, args)| split(args, ',')).unwrap_or_default();
        let ["cnid", id, birth, sex] = args.as_slice() else {
            let hint = "write fits(cnid, ID, BIRTH, SEX)";
            self.report.error_hint(
                "M000",
                self.report.within(mark, text),
                "`fits` has other arguments",
                hint,
            );
            return None;
        };
        Some(Guard::Fits {
            id: Box::new(self.text_leaf(id, mark, scope)?),
            birth: Box::new(self.text_leaf(birth, mark, scope)?),
            sex: Box::new(self.text_leaf(sex, mark, scope)?),
        })
    }
}

/// Whether two lists of conditions cannot hold together.
pub(super) fn disjoint(a: &[Cond], b: &[Cond]) -> bool {
    let (a, b) = (atoms(a), atoms(b));
    a.iter().any(|x| b.iter().any(|y| exclude(x, y)))
}

/// A part of a conjunction.
enum Atom<'c> {
    Branch(Branch),
    Holds(&'c Guard),
    Fails(&'c Guard),
}

fn atoms(conds: &[Cond]) -> Vec<Atom<'_>> {
    let mut out = Vec::new();
    for cond in conds {
        match cond {
            Cond::Branch(branch) => out.push(Atom::Branch(*branch)),
            Cond::Guard(guard) => flatten(guard, true, &mut out),
        }
    }
    out
}

/// A conjunction as its parts; `not (a or b)` is `not a` and `not b`.
fn flatten<'c>(guard: &'c Guard, holds: bool, out: &mut Vec<Atom<'c>>) {
    match guard {
        Guard::All(guards) if holds => guards.iter().for_each(|g| flatten(g, true, out)),
        Guard::Any(guards) if !holds => guards.iter().for_each(|g| flatten(g, false, out)),
        Guard::Not(inner) => flatten(inner, !holds, out),
        guard if holds => out.push(Atom::Holds(guard)),
        guard => out.push(Atom::Fails(guard)),
    }
}

fn exclude(a: &Atom<'_>, b: &Atom<'_>) -> bool {
    match (a, b) {
        (Atom::Branch(a), Atom::Branch(b)) => a.choice == b.choice && a.branch != b.branch,
        (Atom::Holds(a), Atom::Holds(b)) => differ(a, b) || differ(b, a),
        (Atom::Holds(a), Atom::Fails(b)) | (Atom::Fails(b), Atom::Holds(a)) => implies(a, b),
        _ => false,
    }
}

/// Whether two conditions ask for different values of one slot.
fn differ(a: &Guard, b: &Guard) -> bool {
    match (a, b) {
        (Guard::Is { input: x, values: v, .. }, Guard::Is { input: y, values: w, .. }) => {
            x == y && !v.iter().any(|value| w.contains(value))
        }
        (Guard::Is { input: x, values: v, .. }, Guard::IsNot { input: y, values: w, .. }) => {
            x == y && v.iter().all(|value| w.contains(value))
        }
        _ => false,
    }
}

/// Whether where one holds the other does: it is the same, or asks only whether the slot is there.
fn implies(a: &Guard, b: &Guard) -> bool {
    match (a, b) {
        (Guard::Is { input: x, .. } | Guard::Matches(x, _), Guard::Present(y)) => x == y,
        _ => same(a, b),
    }
}

/// Whether two conditions are the same.
fn same(a: &Guard, b: &Guard) -> bool {
    let all =
        |a: &[Guard], b: &[Guard]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same(x, y));
    match (a, b) {
        (Guard::All(a), Guard::All(b)) | (Guard::Any(a), Guard::Any(b)) => all(a, b),
        (Guard::Not(a), Guard::Not(b)) => same(a, b),
        (Guard::Present(a), Guard::Present(b)) => a == b,
        (Guard::Exists(a), Guard::Exists(b)) => a == b,
        (Guard::Is { input: x, values: v, .. }, Guard::Is { input: y, values: w, .. })
        | (Guard::IsNot { input: x, values: v, .. }, Guard::IsNot { input: y, values: w, .. }) => {
            x == y && v == w
        }
        (Guard::Matches(x, c), Guard::Matches(y, d)) => x == y && c == d,
        (Guard::Fits { id: a, birth: b, sex: c }, Guard::Fits { id: x, birth: y, sex: z }) => {
            a.input == x.input && b.input == y.input && c.input == z.input
        }
        _ => false,
    }
}
