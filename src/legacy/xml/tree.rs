//! A document with what is written to it: new texts, elements made and removed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::document::Document;
use super::namespace::{self, Name, local};
use super::path::{Part, Path, Predicate, Step};

/// A document while it is edited. Elements that are made are numbered behind the document's own.
#[derive(Debug)]
pub(super) struct Tree<'r> {
    pub document: &'r Document,
    made: Vec<Made>,
    /// Element → elements that are made in it.
    below: HashMap<u32, Vec<u32>>,
    /// New texts of elements; empty ones are cleared.
    pub texts: BTreeMap<u32, String>,
    /// New contents of elements, with tags.
    pub insides: BTreeMap<u32, String>,
    /// New values of attributes, by element and name as spelt there; empty ones are removed.
    pub attributes: BTreeMap<u32, Vec<(Name, String, String)>>,
    pub removed: BTreeSet<u32>,
}

#[derive(Debug)]
struct Made {
    name: Name,
    /// With the prefix it has in this document.
    spelt: String,
    parent: u32,
    /// Namespaces that are declared with it: prefix and address.
    declares: Vec<(String, String)>,
}

impl<'r> Tree<'r> {
    pub(super) fn new(document: &'r Document) -> Self {
        Tree {
            document,
            made: Vec::new(),
            below: HashMap::new(),
            texts: BTreeMap::new(),
            insides: BTreeMap::new(),
            attributes: BTreeMap::new(),
            removed: BTreeSet::new(),
        }
    }

    /// Number of elements of the document: the first number of those that are made.
    pub(super) fn own(&self) -> u32 {
        self.document.shared.elements.len() as u32
    }

    fn made(&self, node: u32) -> Option<&Made> {
        self.made.get(node.checked_sub(self.own())? as usize)
    }

    pub(super) fn name(&self, node: u32) -> &str {
        match self.document.element(node) {
            Some(element) => self.document.name(element),
            None => self.made(node).map_or("", |made| made.spelt.as_str()),
        }
    }

    pub(super) fn is_named(&self, node: u32, name: &Name) -> bool {
        match (self.document.element(node), self.made(node)) {
            (Some(element), _) => self.document.is_named(element, name),
            (None, Some(made)) => match name.namespace {
                Some(_) => {
                    made.name.local() == name.local() && made.name.namespace == name.namespace
                }
                None => name.is(&made.spelt, namespace::NONE, None),
            },
            (None, None) => false,
        }
    }

    pub(super) fn parent(&self, node: u32) -> Option<u32> {
        match self.made(node) {
            Some(made) => Some(made.parent),
            None if node == 0 => None,
            None => Some(self.document.element(node)?.parent),
        }
    }

    /// The place of a child in an element, as the schema has it.
    pub(super) fn rank(&self, parent: u32, child: &str) -> Option<usize> {
        let schema = &self.document.shared.schema;
        if let Some(order) = schema.order.get(local(self.name(parent))) {
            return order.iter().position(|name| name == local(child));
        }
        if schema.elements.is_empty() {
            return None;
        }
        let order = schema.children(self.names_to(parent));
        order.iter().position(|def| def.name == local(child))
    }

    /// Names of the elements from below the root to this one, without prefixes.
    fn names_to(&self, node: u32) -> Vec<&str> {
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

    /// Whether an element stands inside one whose whole content is new.
    pub(super) fn overwritten(&self, node: u32) -> bool {
        let mut at = if self.insides.is_empty() { None } else { self.parent(node) };
        while let Some(node) = at {
            if self.insides.contains_key(&node) {
                return true;
            }
            at = self.parent(node);
        }
        false
    }

    /// Elements with something new in them.
    pub(super) fn touched(&self) -> BTreeSet<u32> {
        let written = self.texts.keys().chain(self.insides.keys()).chain(self.attributes.keys());
        written.chain(self.below.keys()).copied().filter(|n| *n < self.own()).collect()
    }

    /// The elements that are made in an element, in the order of the schema.
    pub(super) fn made_in(&self, node: u32) -> Vec<u32> {
        let made = self.below.get(&node).map_or(&[][..], Vec::as_slice);
        let mut made: Vec<u32> =
            made.iter().copied().filter(|n| !self.removed.contains(n)).collect();
        made.sort_by_cached_key(|n| self.rank(node, self.name(*n)).unwrap_or(usize::MAX));
        made
    }

    pub(super) fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let own = self.document.element(node).map_or(&[][..], |e| e.children.as_slice());
        let made = self.below.get(&node).map_or(&[][..], Vec::as_slice);
        own.iter().chain(made).copied().filter(|n| !self.removed.contains(n))
    }

    /// The text or an attribute of an element, as it will be.
    pub(super) fn value_of(&self, node: u32, part: &Part) -> Option<Cow<'_, str>> {
        let new = match part {
            Part::Text => self.texts.get(&node),
            Part::Inside => self.insides.get(&node),
            Part::Attribute(name) => self.written(node, name),
        };
        match new {
            Some(new) => (!new.is_empty()).then_some(Cow::Borrowed(new.as_str())),
            None => self.document.value_of(node, part),
        }
    }

    fn written(&self, node: u32, name: &Name) -> Option<&String> {
        let written = self.attributes.get(&node)?;
        let exact = written.iter().find(|(n, ..)| n == name);
        let loose = || {
            let any = name.namespace.is_none();
            written.iter().find(|(n, ..)| any && local(&n.shown) == name.shown)
        };
        exact.or_else(loose).map(|(.., value)| value)
    }

    /// The first full match of a path: in the document as it was read, else as it is now.
    pub(super) fn first(&self, from: u32, path: &Path) -> Option<u32> {
        let from = if path.root.is_some() { 0 } else { from };
        let read = self.document.first(from, path).filter(|node| !self.gone(*node));
        read.or_else(|| self.walk(from, &path.steps, &|node| self.has(node, path)))
    }

    fn has(&self, node: u32, path: &Path) -> bool {
        let Part::Attribute(name) = &path.part else { return true };
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
        self.is_named(node, &step.name)
            && step.predicates.iter().all(|p| p.steers || self.holds(node, p))
    }

    pub(super) fn holds(&self, node: u32, predicate: &Predicate) -> bool {
        let fits = |node| {
            let value = self.value_of(node, &predicate.path.part);
            value.is_some_and(|v| predicate.takes(&v))
        };
        self.walk(node, &predicate.path.steps, &fits).is_some()
    }

    /// Sets the text of an element, or an attribute.
    pub(super) fn set(&mut self, node: u32, part: &Part, text: Option<&str>) {
        let text = text.unwrap_or("").to_owned();
        let name = match part {
            Part::Attribute(name) => name,
            Part::Text => {
                self.texts.insert(node, text);
                return;
            }
            Part::Inside => {
                self.insides.insert(node, text);
                return;
            }
        };
        // `type` may be spelt `xsi:type` here.
        let there = self.document.element(node).and_then(|e| self.document.attribute(e, name));
        let spelt = match there {
            Some(attribute) => self.document.shared.text.slice(attribute.name).to_owned(),
            None => self.spelling(node, name, true),
        };
        let written = self.attributes.entry(node).or_default();
        match written.iter_mut().find(|(_, other, _)| *other == spelt) {
            Some((.., value)) => *value = text,
            None => written.push((name.clone(), spelt, text)),
        }
    }

    /// A new child.
    pub(super) fn add(&mut self, parent: u32, name: &Name) -> u32 {
        let node = self.own() + self.made.len() as u32;
        let made = Made { name: name.clone(), spelt: String::new(), parent, declares: Vec::new() };
        self.made.push(made);
        self.below.entry(parent).or_default().push(node);
        let spelt = self.spelling(node, name, false);
        if let Some(made) = self.made.last_mut() {
            made.spelt = spelt;
        }
        node
    }

    /// The namespaces that are declared with an element that is made.
    pub(super) fn declared_with(&self, node: u32) -> &[(String, String)] {
        self.made(node).map_or(&[], |made| &made.declares)
    }

    /// A name with the prefix that its namespace has at an element. Where it has none there, the
    /// mapping's own is declared with the element.
    fn spelling(&mut self, node: u32, name: &Name, attribute: bool) -> String {
        let schema = &self.document.shared.schema;
        let number = name.namespace.filter(|n| *n != namespace::NONE);
        let known = number.and_then(|n| schema.namespaces.get(usize::from(n) - 1));
        let Some(known) = known.cloned() else { return name.shown.clone() };
        let prefixed = |prefix: &str| match prefix {
            "" => name.local().to_owned(),
            prefix => format!("{prefix}:{}", name.local()),
        };
        let around = self.declarations(node);
        let fits = |prefix: &str| !attribute || !prefix.is_empty();
        let found = around.iter().find(|(p, uri)| *uri == known.uri && fits(p));
        if let Some((prefix, _)) = found {
            return prefixed(prefix);
        }
        let silent = !around.iter().any(|(prefix, _)| *prefix == known.prefix);
        if silent && known.prefix.is_empty() {
            return prefixed("");
        }
        let own = self.own();
        if let Some(made) = node.checked_sub(own).and_then(|n| self.made.get_mut(n as usize)) {
            made.declares.push((known.prefix.clone(), known.uri.clone()));
        } else {
            // An attribute of an element that is there.
            let name = Name { shown: format!("xmlns:{}", known.prefix), namespace: None };
            let spelt = name.shown.clone();
            self.attributes.entry(node).or_default().push((name, spelt, known.uri.clone()));
        }
        prefixed(&known.prefix)
    }

    /// The namespaces declared around an element, the nearest first; what is hidden by a nearer
    /// declaration of its prefix is left out.
    fn declarations(&self, node: u32) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut at = Some(node);
        while let Some(node) = at {
            let mut here: Vec<(String, String)> = self.declared_with(node).to_vec();
            let text = &self.document.shared.text;
            for attribute in self.document.element(node).map_or(&[][..], |e| &e.attributes) {
                if let Some(prefix) = namespace::declares(text.slice(attribute.name)) {
                    here.push((prefix.to_owned(), text.slice(attribute.value).to_owned()));
                }
            }
            for (name, _, value) in self.attributes.get(&node).into_iter().flatten() {
                if let Some(prefix) = namespace::declares(&name.shown) {
                    here.push((prefix.to_owned(), value.clone()));
                }
            }
            here.retain(|(prefix, _)| !all.iter().any(|(other, _)| other == prefix));
            all.extend(here);
            at = self.parent(node);
        }
        all
    }
}
