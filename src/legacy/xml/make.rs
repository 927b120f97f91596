//! Where a path that is not there yet is made.
//!
//! At each step an element is preferred that has what all predicates say, then one that is bare
//! (`<id/>`), then a new one. Where the schema says which elements repeat, all others are there once:
//! they are used as they are, and what their predicates say is written to them. Of an element that
//! repeats, the one is used in which the rest of the path can be.

use super::path::{Part, Step};
use super::tree::Tree;

impl Tree<'_> {
    /// The element at these steps; what is missing is made.
    pub(super) fn make(&mut self, from: u32, steps: &[Step]) -> u32 {
        let mut node = from;
        for n in 0..steps.len() {
            let step = &steps[n];
            node = match self.existing(node, step, &steps[n + 1..]) {
                Some(child) => {
                    self.furnish(child, step);
                    child
                }
                None => self.make_one(node, step),
            };
        }
        node
    }

    /// A new element with what its predicates say.
    pub(super) fn make_one(&mut self, parent: u32, step: &Step) -> u32 {
        let node = self.add(parent, &step.name);
        self.furnish(node, step);
        node
    }

    /// A new instance of a list at its end: the innermost of its elements that repeats is new (or the
    /// one that the path marks `[new]`), with all that is in it.
    pub(super) fn make_instance(&mut self, from: u32, steps: &[Step]) -> Option<u32> {
        let last = steps.len().checked_sub(1)?;
        let said = (0..=last).rev().find(|n| steps[*n].new);
        let nearest = || (0..=last).rev().find(|n| self.repeats(&steps[*n]));
        let new = said.or_else(nearest).unwrap_or(last);
        let mut node = self.make(from, &steps[..new]);
        for step in &steps[new..] {
            node = self.make_one(node, step);
        }
        Some(node)
    }

    /// The element that goes with an instance of a list: where the instance stands alone in an
    /// element that repeats, that one.
    pub(super) fn instance(&self, node: u32, steps: &[Step]) -> u32 {
        let said = steps.iter().any(|step| step.new);
        let mut at = node;
        for step in steps.iter().rev() {
            if if said { step.new } else { self.repeats(step) } {
                return at;
            }
            match self.parent(at).filter(|parent| self.children(*parent).count() == 1) {
                Some(parent) => at = parent,
                None => return node,
            }
        }
        node
    }

    /// Whether there may be several of an element in one parent.
    fn repeats(&self, step: &Step) -> bool {
        let repeat = &self.document.shared.schema.repeat;
        repeat
            .as_ref()
            .is_none_or(|names| names.contains(super::namespace::local(&step.name.shown)))
    }

    fn named(&self, node: u32, step: &Step) -> Vec<u32> {
        self.children(node).filter(|child| self.is_named(*child, &step.name)).collect()
    }

    /// Whether an element has what all predicates of a step say.
    fn has_all(&self, node: u32, step: &Step) -> bool {
        step.predicates.iter().all(|p| self.holds(node, p))
    }

    /// The child that a step goes down to, on a way to what may not be there yet.
    fn existing(&self, node: u32, step: &Step, rest: &[Step]) -> Option<u32> {
        let named = self.named(node, step);
        let full = named.iter().copied().filter(|child| self.has_all(*child, step));
        if !self.repeats(step) {
            return full.clone().next().or(named.first().copied());
        }
        let told = self.document.shared.schema.repeat.is_some();
        full.clone()
            .find(|child| !told || self.leads(*child, rest))
            .or_else(|| named.iter().copied().find(|child| self.is_bare(*child)))
    }

    /// Whether the rest of a path can be in an element: decided by the next predicates on it.
    fn leads(&self, node: u32, rest: &[Step]) -> bool {
        let Some((step, more)) = rest.split_first() else { return true };
        let named = self.named(node, step);
        if !step.predicates.is_empty() {
            let fits = |child: &u32| self.has_all(*child, step) || self.is_bare(*child);
            return named.iter().any(fits);
        }
        named.is_empty() || !self.repeats(step) || named.iter().any(|c| self.leads(*c, more))
    }

    /// Makes the predicates of a step hold.
    fn furnish(&mut self, node: u32, step: &Step) {
        for predicate in &step.predicates {
            if self.holds(node, predicate) {
                continue;
            }
            let told = self.document.shared.schema.repeat.is_some();
            let target = match predicate.path.steps.split_last() {
                // Another `templateId` beside those there are.
                Some((last, above)) if told && self.repeats(last) => {
                    let parent = self.make(node, above);
                    let bare = self.named(parent, last).into_iter().find(|n| self.is_bare(*n));
                    bare.unwrap_or_else(|| self.make_one(parent, last))
                }
                _ => self.make(node, &predicate.path.steps),
            };
            let value = predicate.values.first().map(String::as_str);
            self.set(target, &predicate.path.part, value);
        }
    }

    /// Whether an element says nothing at all.
    fn is_bare(&self, node: u32) -> bool {
        let written = self.attributes.contains_key(&node);
        let attributes = self.document.element(node).is_some_and(|e| !e.attributes.is_empty());
        let empty =
            self.children(node).next().is_none() && self.value_of(node, &Part::Text).is_none();
        empty && !written && !attributes
    }
}
