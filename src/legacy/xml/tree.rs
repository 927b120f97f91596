//! A document with what is written to it: new texts, elements made and removed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::path::Step;
use super::{Document, Path, Predicate};

/// A document while it is edited. Elements that are made are numbered behind the document's own.
#[derive(Debug)]
pub(super) struct Tree<'r> {
    pub document: &'r Document,
    made: Vec<Made>,
    /// Element → elements that are made in it.
    below: HashMap<u32, Vec<u32>>,
    /// New texts of elements; empty ones are cleared.
    pub texts: BTreeMap<u32, String>,
    /// New values of attributes, by element and name.
    pub attributes: BTreeMap<u32, Vec<(String, String)>>,
    pub removed: BTreeSet<u32>,
}

#[derive(Debug)]
struct Made {
    name: String,
    parent: u32,
}

impl<'r> Tree<'r> {
    pub(super) fn new(document: &'r Document) -> Self {
        Tree {
            document,
            made: Vec::new(),
            below: HashMap::new(),
            texts: BTreeMap::new(),
            attributes: BTreeMap::new(),
            removed: BTreeSet::new(),
        }
    }

    /// Number of elements of the document: the first number of those that are made.
    pub(super) fn own(&self) -> u32 {
        self.document.shared.elements.len() as u32
    }

    pub(super) fn name(&self, node: u32) -> &str {
        match (self.document.element(node), node.checked_sub(self.own())) {
            (Some(element), _) => self.document.name(element),
            (None, Some(n)) => self.made.get(n as usize).map_or("", |m| m.name.as_str()),
            (None, None) => "",
        }
    }

    fn parent(&self, node: u32) -> Option<u32> {
        match node.checked_sub(self.own()) {
            Some(n) => Some(self.made.get(n as usize)?.parent),
            None if node == 0 => None,
            None => Some(self.document.element(node)?.parent),
        }
    }

    /// Names of the elements from below the root to this one, without prefixes.
    pub(super) fn names_to(&self, node: u32) -> Vec<&str> {
        let mut names = Vec::new();
        let mut at = node;
        while let Some(parent) = self.parent(at) {
            names.push(local(self.name(at)));
            at = parent;
        }
        names.reverse();
        names
    }

    /// Whether an element or one around it is removed.
    pub(super) fn gone(&self, node: u32) -> bool {
        let mut at = Some(node);
        while let Some(node) = at {
            if self.removed.contains(&node) {
                return true;
            }
            at = self.parent(node);
        }
        false
    }

    /// Elements with something new in them.
    pub(super) fn touched(&self) -> BTreeSet<u32> {
        let written = self.texts.keys().chain(self.attributes.keys());
        written.chain(self.below.keys()).copied().filter(|n| *n < self.own()).collect()
    }

    /// The elements that are made in an element, in the order of the schema.
    pub(super) fn made_in(&self, node: u32) -> Vec<u32> {
        let made = self.below.get(&node).map_or(&[][..], Vec::as_slice);
        let mut made: Vec<u32> =
            made.iter().copied().filter(|n| !self.removed.contains(n)).collect();
        let order = self.document.shared.schema.children(self.names_to(node));
        let rank = |n: &u32| order.iter().position(|d| d.name == local(self.name(*n)));
        made.sort_by_key(|n| rank(n).unwrap_or(usize::MAX));
        made
    }

    fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let own = self.document.element(node).map_or(&[][..], |e| e.children.as_slice());
        let made = self.below.get(&node).map_or(&[][..], Vec::as_slice);
        own.iter().chain(made).copied().filter(|n| !self.removed.contains(n))
    }

    /// The text or an attribute of an element, as it will be.
    pub(super) fn value_of(&self, node: u32, attribute: Option<&str>) -> Option<Cow<'_, str>> {
        let new = match attribute {
            None => self.texts.get(&node),
            Some(name) => self.written(node, name),
        };
        match new {
            Some(new) => (!new.is_empty()).then_some(Cow::Borrowed(new.as_str())),
            None => self.document.value_of(node, attribute),
        }
    }

    fn written(&self, node: u32, name: &str) -> Option<&String> {
        let written = self.attributes.get(&node)?;
        let exact = written.iter().find(|(n, _)| n == name);
        exact.or_else(|| written.iter().find(|(n, _)| local(n) == name)).map(|(_, value)| value)
    }

    /// The first full match of a path: in the document as it was read, else as it is now.
    pub(super) fn first(&self, from: u32, path: &Path) -> Option<u32> {
        let read = self.document.first(from, path).filter(|node| !self.gone(*node));
        read.or_else(|| self.walk(from, &path.steps, &|node| self.has(node, path)))
    }

    fn has(&self, node: u32, path: &Path) -> bool {
        let Some(name) = &path.attribute else { return true };
        let there = |element| self.document.attribute(element, name).is_some();
        self.written(node, name).is_some() || self.document.element(node).is_some_and(there)
    }

    fn walk(&self, node: u32, steps: &[Step], fits: &dyn Fn(u32) -> bool) -> Option<u32> {
        let Some((step, rest)) = steps.split_first() else { return fits(node).then_some(node) };
        self.children(node)
            .filter(|child| self.takes(*child, step))
            .find_map(|child| self.walk(child, rest, fits))
    }

    /// Whether a step leads to an element: its name and what its predicates test.
    fn takes(&self, node: u32, step: &Step) -> bool {
        step.is_named(self.name(node))
            && step.predicates.iter().all(|p| p.steers || self.holds(node, p))
    }

    fn holds(&self, node: u32, predicate: &Predicate) -> bool {
        let fits = |node| {
            let value = self.value_of(node, predicate.path.attribute.as_deref());
            value.is_some_and(|v| predicate.values.iter().any(|w| *w == v))
        };
        self.walk(node, &predicate.path.steps, &fits).is_some()
    }

    /// Sets the text of an element, or an attribute.
    pub(super) fn set(&mut self, node: u32, attribute: Option<&str>, text: Option<&str>) {
        let text = text.unwrap_or("").to_owned();
        let Some(name) = attribute else {
            self.texts.insert(node, text);
            return;
        };
        // `type` may be spelt `xsi:type` here.
        let there = self.document.element(node).and_then(|e| self.document.attribute(e, name));
        let name = there.map_or(name, |a| self.document.shared.text.slice(a.name)).to_owned();
        let written = self.attributes.entry(node).or_default();
        match written.iter_mut().find(|(n, _)| *n == name) {
            Some((_, value)) => *value = text,
            None => written.push((name, text)),
        }
    }

    /// The element at these steps; what is missing is made. At each step an element is preferred
    /// that has what all predicates say, then one that is bare (`<id/>`), then a new one.
    pub(super) fn make(&mut self, from: u32, steps: &[Step]) -> u32 {
        let mut node = from;
        for step in steps {
            let fits = |child: &u32| {
                self.takes(*child, step) && step.predicates.iter().all(|p| self.holds(*child, p))
            };
            let bare = |child: &u32| step.is_named(self.name(*child)) && self.is_bare(*child);
            let found = self.children(node).find(fits);
            node = match found.or_else(|| self.children(node).find(bare)) {
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
        let node = self.own() + self.made.len() as u32;
        self.made.push(Made { name: step.name.clone(), parent });
        self.below.entry(parent).or_default().push(node);
        self.furnish(node, step);
        node
    }

    /// Makes the predicates of a step hold.
    fn furnish(&mut self, node: u32, step: &Step) {
        for predicate in &step.predicates {
            if !self.holds(node, predicate) {
                let target = self.make(node, &predicate.path.steps);
                let value = predicate.values.first().map(String::as_str);
                self.set(target, predicate.path.attribute.as_deref(), value);
            }
        }
    }

    /// Whether an element says nothing at all.
    fn is_bare(&self, node: u32) -> bool {
        let written = self.attributes.contains_key(&node);
        let attributes = self.document.element(node).is_some_and(|e| !e.attributes.is_empty());
        let empty = self.children(node).next().is_none() && self.value_of(node, None).is_none();
        empty && !written && !attributes
    }
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}
