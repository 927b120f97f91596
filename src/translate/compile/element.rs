//! One element or item: its leaf or its parts, its list, its condition.

use std::rc::Rc;

use super::block::{Contents, Entry, Part};
use super::body::{At, conditioned, has_data};
use super::leaf::{Want, is_quantity};
use super::scope::Scope;
use super::text::{did_you_mean, words};
use super::{Compiling, Source};
use crate::translate::plan::{Drive, Each, Field, Guard, Leaf, Ref, Value};
use crate::yaml::{Kind, Mark, Node};

/// A value with what decides whether and how often it is written.
pub(super) struct Made {
    pub value: Value,
    pub when: Option<Guard>,
    pub drive: Drive,
}

impl Compiling<'_> {
    /// What is at one element or item. `driven`: of a list item, whether it has `[]`.
    pub(super) fn element_value(
        &mut self,
        entries: Vec<Entry>,
        at: &At,
        driven: Option<bool>,
    ) -> Option<Made> {
        let mut leaves = Vec::new();
        let mut contents = Contents::default();
        let mark = entries[0].key;
        for entry in entries {
            match &entry.node.kind {
                _ if !entry.steps.is_empty() => contents.parts.push(Part::Entry(entry)),
                Kind::Scalar(..) => leaves.push(entry),
                _ => {
                    let words: &[&str] =
                        if driven.is_some() { &["when", "each", "by"] } else { &["when"] };
                    self.element_block(&entry, words, &mut contents)?;
                }
            }
        }
        if let Some(made) = self.reference_list(&leaves, &contents, at, driven) {
            return made;
        }
        let drive = self.drive(&mut contents, &mut leaves, mark, driven)?;
        let when = self.block_guard(&mut contents)?;
        if contents.parts.is_empty() {
            let value = self.only_leaf(&leaves, mark, at)?;
            return Some(Made { value, when, drive });
        }
        let value = self.composed(leaves, contents, at)?;
        Some(Made { value, when, drive })
    }

    /// The block below an element; a flow map where a leaf should be lacks its quotes.
    fn element_block(
        &mut self,
        entry: &Entry,
        words: &[&str],
        contents: &mut Contents,
    ) -> Option<()> {
        let empty = entry.node.entries().is_some_and(|entries| {
            entries.len() == 1 && entries[0].1.text().is_some_and(str::is_empty)
        });
        if entry.node.items().is_some() || empty {
            let hint = "put the text in quotes: '{slot} | copy'";
            let what = "a leaf or a block was expected, YAML reads a list or an empty map";
            self.report.error_hint("M037", entry.node.mark, what, hint);
            return None;
        }
        self.block(&entry.node, words, entry.branch, &entry.scope, contents);
        Some(())
    }

    /// `result[]: -> obs`: one item per instance.
    fn reference_list(
        &mut self,
        leaves: &[Entry],
        contents: &Contents,
        at: &At,
        driven: Option<bool>,
    ) -> Option<Option<Made>> {
        let [leaf] = leaves else { return None };
        let text = leaf.node.text()?;
        let alias = text.strip_prefix("->").filter(|_| driven == Some(true))?;
        if !contents.parts.is_empty() || contents.word("each").is_some() {
            return None;
        }
        let made = self.reference(alias, leaf.node.mark, &leaf.scope, at, true);
        Some(made.map(|to| {
            let drive = Drive::Alias(to.rule);
            Made { value: Value::Ref(to), when: None, drive }
        }))
    }

    /// `each`, and the scope inside it for all that is below.
    fn drive(
        &mut self,
        contents: &mut Contents,
        leaves: &mut Vec<Entry>,
        mark: Mark,
        driven: Option<bool>,
    ) -> Option<Drive> {
        let Some((each, scope)) = contents.word("each") else {
            if driven == Some(true) {
                let hint = "write a block with `each: LIST`, or `-> alias`";
                self.report.error_hint("M003", mark, "an item rule `[]` needs `each`", hint);
                return None;
            }
            return Some(Drive::Once);
        };
        if driven == Some(false) {
            let hint = "write [] after the element: identifier[] or identifier[tag][]";
            self.report.error_hint("M003", each.mark, "`each` makes many items", hint);
            return None;
        }
        let by = contents.word("by").map(|(by, _)| by);
        let (drive, inner) = self.drive_of(&each, by.as_ref(), &scope)?;
        if inner.unbound {
            return None;
        }
        for part in &mut contents.parts {
            enter(part, &inner, scope.conds.len());
        }
        for (key, _, at) in &mut contents.words {
            if key.text == "when" {
                *at = Rc::new(inner.clone());
            }
        }
        // `.: VALUE`, the item itself, is a leaf.
        let (own, parts): (Vec<Part>, Vec<Part>) = std::mem::take(&mut contents.parts)
            .into_iter()
            .partition(|part| matches!(part, Part::Entry(e) if e.steps.is_empty()));
        contents.parts = parts;
        leaves.extend(own.into_iter().filter_map(|part| match part {
            Part::Entry(entry) => Some(entry),
            Part::OneOf(_) => None,
        }));
        Some(drive)
    }

    fn drive_of(
        &mut self,
        each: &Node,
        by: Option<&Node>,
        scope: &Rc<Scope>,
    ) -> Option<(Drive, Scope)> {
        if let Some(rule) = each.text().and_then(|text| self.aliases.get(text.trim()).copied()) {
            let target = self.heads[rule].scope.clone();
            let inner = Scope {
                place: target.place,
                steps: target.steps,
                list: target.list,
                ..(**scope).clone()
            };
            return Some((Drive::Alias(rule), inner));
        }
        let (each, inner): (Each, Scope) = self.each(each, by, scope)?;
        Some((Drive::Each(Box::new(each)), inner))
    }

    /// `when` of a block, and what it says for all that is below.
    #[allow(clippy::option_option, reason = "outer: reported, inner: there is none")]
    fn block_guard(&mut self, contents: &mut Contents) -> Option<Option<Guard>> {
        let Some((node, scope)) = contents.word("when") else { return Some(None) };
        let guard = self.guard(node.text().unwrap_or(""), node.mark, &scope)?;
        for part in &mut contents.parts {
            let scope = match part {
                Part::Entry(entry) => &mut entry.scope,
                Part::OneOf(one_of) => &mut one_of.scope,
            };
            *scope = Rc::new(conditioned(scope, Some(&guard)));
        }
        Some(Some(guard))
    }

    /// The one leaf of an element.
    fn only_leaf(&mut self, leaves: &[Entry], mark: Mark, at: &At) -> Option<Value> {
        match leaves {
            [] => {
                self.report.error("M000", mark, format!("{} has no elements", at.path));
                None
            }
            [leaf] => self.leaf_value(leaf, at),
            [first, second, ..] => {
                self.written_twice(first.key, second.key, at);
                None
            }
        }
    }

    fn written_twice(&mut self, first: Mark, second: Mark, at: &At) {
        let what = format!("{} is written twice", at.path);
        let hint =
            format!("the other is in line {}: keep one, or put them in branches", first.line);
        self.report.error_hint("M006", second, what, hint);
    }

    /// An object of parts; a quantity may have a comparator beside it.
    fn composed(&mut self, leaves: Vec<Entry>, contents: Contents, at: &At) -> Option<Value> {
        if let Some(first) = leaves.first() {
            if !is_quantity(&at.ty) {
                let other = contents.parts.iter().find_map(|part| match part {
                    Part::Entry(entry) => Some(entry.key),
                    Part::OneOf(_) => None,
                });
                self.written_twice(first.key, other.unwrap_or(first.key), at);
                return None;
            }
            if let [first, second, ..] = leaves.as_slice() {
                self.written_twice(first.key, second.key, at);
                return None;
            }
        }
        let mut object = self.object(contents.parts, at);
        for leaf in leaves {
            let value = self.leaf_value(&leaf, at)?;
            object.has_data |= has_data(&value);
            let pos = self.pos(leaf.key);
            // The empty name: the quantity's members are members of this object.
            let field = Field { name: String::new(), branch: leaf.branch, when: None, pos, value };
            object.fields.insert(0, field);
        }
        Some(Value::Object(object))
    }

    /// A constant, a reference or a value.
    fn leaf_value(&mut self, entry: &Entry, at: &At) -> Option<Value> {
        let text = entry.node.text().unwrap_or("").trim();
        let mark = entry.node.mark;
        if let Some(constant) = text.strip_prefix('=') {
            return self.constant(constant.trim(), mark, at).map(Value::Const);
        }
        if let Some(alias) = text.strip_prefix("->") {
            return self.reference(alias, mark, &entry.scope, at, false).map(Value::Ref);
        }
        if text.is_empty() {
            let hint = "write `= text`, `-> alias` or a slot";
            self.report.error_hint("M000", entry.key, format!("{} has no value", at.path), hint);
            return None;
        }
        let want = Want { ty: &at.ty, path: &at.path };
        let leaf: Leaf = self.leaf(text, mark, &entry.scope, want)?;
        self.check_leaf_codes(&leaf, mark, at);
        Some(Value::Leaf(leaf))
    }

    /// `-> alias [by slot] [only]`.
    fn reference(
        &mut self,
        text: &str,
        mark: Mark,
        scope: &Rc<Scope>,
        at: &At,
        list: bool,
    ) -> Option<Ref> {
        let mut by = None;
        let (alias, only) = match words(text).as_slice() {
            [alias] => ((*alias).to_owned(), false),
            [alias, "only"] => ((*alias).to_owned(), true),
            [alias, "by", slot] if self.source == Source::Sql => {
                by = Some((*slot).to_owned());
                ((*alias).to_owned(), false)
            }
            [_, "by", ..] => {
                let hint = "without `by`, the instance of my own group is meant";
                self.report.error_hint("M030", mark, "`by` belongs to SQL sources", hint);
                return None;
            }
            _ => {
                let hint = "write `-> alias` or `-> alias only`";
                self.report.error_hint("M000", mark, "this is no reference", hint);
                return None;
            }
        };
        if self.gone.contains(&alias) {
            return None;
        }
        let Some(&rule) = self.aliases.get(&alias) else {
            let hint = did_you_mean(&alias, self.aliases.keys().map(String::as_str))
                .unwrap_or_else(|| "declare it under `resources:`".to_owned());
            let what = format!("there is no resource '{alias}'");
            self.report.error_hint("M018", self.report.within(mark, &alias), what, hint);
            return None;
        };
        self.check_target(rule, &alias, mark, at)?;
        let mut via = None;
        if self.source == Source::Sql && !list {
            via = self.via(rule, by.as_deref(), &alias, mark, scope)?;
        }
        if !only && via.is_none() {
            self.check_reach(rule, &alias, mark, scope, list)?;
        }
        Some(Ref { rule, only, via, pos: self.pos(mark) })
    }
}

/// Moves a part into the scope of a list, which stands below the first `outer` conditions.
fn enter(part: &mut Part, inner: &Scope, outer: usize) {
    let scope = match part {
        Part::Entry(entry) => &mut entry.scope,
        Part::OneOf(one_of) => &mut one_of.scope,
    };
    let mut conds = scope.conds.clone();
    conds.extend(inner.conds.iter().skip(outer).cloned());
    *scope = Rc::new(Scope { conds, scans: scope.scans.clone(), ..inner.clone() });
}
