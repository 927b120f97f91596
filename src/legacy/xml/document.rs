//! Reading a document: texts and attributes at paths.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use super::namespace::Name;
use super::parse::Element;
use super::path::{Part, Step};
use super::tag::Attribute;
use super::{Editor, List, Path, Predicate, Schema, Slot, escape, pieces};
use crate::legacy::charset::Text;
use crate::legacy::record::{Read, Scope, Span};

/// A document.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub schema: Arc<Schema>,
    pub text: Arc<Text>,
    pub elements: Vec<Element>,
    /// Where paths from the root lead, once found: items of a list read them again and again.
    pub found: Mutex<HashMap<u64, Option<u32>>>,
}

impl Document {
    pub(super) fn new(shared: Shared) -> Document {
        Document { shared: Arc::new(shared) }
    }

    /// The document's text.
    pub fn text(&self) -> &Arc<Text> {
        &self.shared.text
    }

    /// All of it.
    pub fn span(&self) -> Span {
        Span { start: 0, end: self.shared.text.text.len() as u32 }
    }

    /// Reads a slot; white space alone is nothing, as are the schema's nulls.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        match slot {
            Slot::Path(path) => self.value(at.node, path).map_or(Read::Absent, Read::Text),
            Slot::Piece(pieces) => {
                let Some(text) = self.value(at.node, &pieces.path) else { return Read::Absent };
                let index = usize::from(at.piece).wrapping_sub(1);
                let piece = pieces::split(&text, &pieces.separators).nth(index);
                match (piece, text) {
                    (None, _) => Read::Absent,
                    (Some((from, to)), Cow::Borrowed(text)) => {
                        Read::Text(Cow::Borrowed(&text[from..to]))
                    }
                    (Some((from, to)), text) => Read::Text(Cow::Owned(text[from..to].to_owned())),
                }
            }
        }
    }

    /// Where a slot stands; where it is missing, the start of what it is looked up in.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        let path = slot.path();
        let found = self.first(at.node, path).and_then(|node| {
            let element = self.element(node)?;
            match &path.part {
                Part::Text | Part::Inside => Some(element.content()),
                Part::Attribute(name) => Some(self.attribute(element, name)?.value),
            }
        });
        found.unwrap_or_else(|| {
            let from = if path.root.is_some() { 0 } else { at.node };
            let end = self.element(from).map_or(0, |e| e.start.end);
            Span { start: end, end }
        })
    }

    /// Appends the elements of a list, or the pieces of a text.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        match list {
            List::Elements(path) => {
                let from = if path.root.is_some() { 0 } else { at.node };
                let _ = self.walk::<()>(from, &path.steps, &mut |node| {
                    out.push(Scope { node, ..Scope::default() });
                    ControlFlow::Continue(())
                });
            }
            List::Split(pieces) => {
                let Some(text) = self.value(at.node, &pieces.path) else { return };
                let pieces = pieces::split(&text, &pieces.separators);
                out.extend((1..=u16::MAX).zip(pieces).map(|(piece, _)| Scope { piece, ..at }));
            }
        }
    }

    /// Whether `inner` is `outer` or inside it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        let mut node = inner.node;
        while node > outer.node {
            let Some(element) = self.element(node) else { return false };
            node = element.parent;
        }
        let same = node == outer.node;
        same && (outer.piece == 0 || inner.node != outer.node || outer.piece == inner.piece)
    }

    /// `root`, `line`, `index`.
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "root" => Some(Cow::Borrowed(self.name(self.shared.elements.first()?))),
            "line" => Some(Cow::Borrowed("1")),
            "index" => Some(Cow::Borrowed("0")),
            _ => None,
        }
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }

    pub(super) fn element(&self, node: u32) -> Option<&Element> {
        self.shared.elements.get(node as usize)
    }

    pub(super) fn name(&self, element: &Element) -> &str {
        self.shared.text.slice(element.name)
    }

    /// Whether an element's name is this one.
    pub(super) fn is_named(&self, element: &Element, name: &Name) -> bool {
        name.is(self.name(element), element.namespace, self.shared.schema.default_namespace())
    }

    pub(super) fn attribute<'e>(&self, element: &'e Element, name: &Name) -> Option<&'e Attribute> {
        element.attribute(&self.shared.text.text, name)
    }

    /// The text at a path, unless it is blank.
    pub(super) fn value(&self, from: u32, path: &Path) -> Option<Cow<'_, str>> {
        self.value_of(self.first(from, path)?, &path.part)
    }

    /// The text or an attribute of an element, unless it is blank.
    pub(super) fn value_of(&self, node: u32, part: &Part) -> Option<Cow<'_, str>> {
        let element = self.element(node)?;
        let value = match part {
            Part::Text => element.text(&self.shared.text.text),
            Part::Inside => Cow::Borrowed(self.shared.text.slice(element.inside())),
            Part::Attribute(name) => {
                let attribute = self.attribute(element, name)?;
                escape::unescape(self.shared.text.slice(attribute.value))
            }
        };
        (!self.shared.schema.is_null(&value)).then_some(value)
    }

    /// The first full match of a path in document order: every tested predicate holds, and the
    /// element has the attribute.
    pub(super) fn first(&self, from: u32, path: &Path) -> Option<u32> {
        let Some(number) = path.root else { return self.search(from, path) };
        let known = self.shared.found.lock().ok().and_then(|all| all.get(&number).copied());
        known.unwrap_or_else(|| {
            let found = self.search(0, path);
            if let Ok(mut all) = self.shared.found.lock() {
                all.insert(number, found);
            }
            found
        })
    }

    fn search(&self, from: u32, path: &Path) -> Option<u32> {
        let has = |node| match (&path.part, self.element(node)) {
            (Part::Text | Part::Inside, Some(_)) => true,
            (Part::Attribute(name), Some(element)) => self.attribute(element, name).is_some(),
            (_, None) => false,
        };
        let found = self.walk(from, &path.steps, &mut |node| match has(node) {
            true => ControlFlow::Break(node),
            false => ControlFlow::Continue(()),
        });
        found.break_value()
    }

    /// Calls `f` for the elements at these steps, in document order, until it breaks.
    pub(super) fn walk<B>(
        &self,
        node: u32,
        steps: &[Step],
        f: &mut dyn FnMut(u32) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some((step, rest)) = steps.split_first() else { return f(node) };
        let Some(element) = self.element(node) else { return ControlFlow::Continue(()) };
        for child in &element.children {
            let named = self.element(*child).is_some_and(|c| self.is_named(c, &step.name));
            if named && step.predicates.iter().all(|p| p.steers || self.holds(*child, p)) {
                self.walk(*child, rest, f)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether something at the predicate's path has one of its values.
    pub(super) fn holds(&self, node: u32, predicate: &Predicate) -> bool {
        let found = self.walk(node, &predicate.path.steps, &mut |node| {
            let value = self.value_of(node, &predicate.path.part);
            match value.is_some_and(|v| predicate.takes(&v)) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        found.is_break()
    }
}
