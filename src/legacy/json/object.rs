//! Reading a record: values at paths.

use std::borrow::Cow;
use std::sync::Arc;

use super::parse::{Places, unquoted};
use super::{Editor, Field, List, Node, NodeKind, Path, Pieces, Schema, Slot};
use crate::legacy::charset::Text;
use crate::legacy::pieces;
use crate::legacy::record::{Read, Scope, Span};

/// An object that is a record.
#[derive(Debug, Clone)]
pub struct Object {
    pub(super) shared: Arc<Shared>,
    pub(super) root: u32,
    pub(super) index: u32,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub schema: Schema,
    pub text: Arc<Text>,
    pub nodes: Vec<Node>,
    pub places: Places,
}

impl Object {
    pub(super) fn new(shared: &Arc<Shared>, root: u32, index: u32) -> Object {
        Object { shared: Arc::clone(shared), root, index }
    }

    /// The body's text.
    pub fn text(&self) -> &Arc<Text> {
        &self.shared.text
    }

    /// The object.
    pub fn span(&self) -> Span {
        self.node(self.root).map_or(Span::default(), |node| node.span)
    }

    /// Reads a slot; `null`, empty texts and null markers are absent.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        match slot {
            Slot::Path(path) => self.value(at.node, path).map_or(Read::Absent, Read::Text),
            Slot::Piece(Pieces { path, separators }) => {
                let Some(text) = self.value(at.node, path) else { return Read::Absent };
                let index = usize::from(at.piece).wrapping_sub(1);
                let piece = pieces::split(&text, separators).nth(index);
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

    /// Where a value stands, without its quotes; where it is missing, the end of the object that it
    /// is looked up in.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        let path = match slot {
            Slot::Path(path) => path,
            Slot::Piece(pieces) => &pieces.path,
        };
        let found = self.find(at.node, &path.steps).and_then(|node| self.node(node));
        if let Some(node) = found {
            let quotes = u32::from(node.kind == NodeKind::String);
            return Span { start: node.span.start + quotes, end: node.span.end - quotes };
        }
        let around = self.node(self.top(at.node)).map_or(0, |n| n.span.end.saturating_sub(1));
        Span { start: around, end: around }
    }

    /// Appends the items of an array, or the pieces of a text.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        match list {
            List::Items(path) => {
                let array = self.find(at.node, &path.steps).and_then(|node| self.node(node));
                let Some(array) = array.filter(|node| node.kind == NodeKind::Array) else { return };
                out.extend(array.children.iter().map(|n| Scope { node: *n, ..Scope::default() }));
            }
            List::Split(Pieces { path, separators }) => {
                let Some(text) = self.value(at.node, path) else { return };
                let pieces = pieces::split(&text, separators);
                out.extend((1..=u16::MAX).zip(pieces).map(|(piece, _)| Scope { piece, ..at }));
            }
        }
    }

    /// Whether `inner` is `outer` or inside it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        let (outer_node, mut node) = (self.top(outer.node), self.top(inner.node));
        while node != outer_node {
            match self.node(node) {
                Some(Node { parent, .. }) if node != self.root && *parent != 0 => node = *parent,
                _ => return false,
            }
        }
        outer.piece == 0 || inner.node != outer.node || outer.piece == inner.piece
    }

    /// `line 3, column 14` of a place in the text.
    pub(super) fn place(&self, at: usize) -> String {
        self.shared.places.place(&self.shared.text.text, at)
    }

    /// `line`, `index`.
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "line" => {
                let text = &self.shared.text.text;
                let line = self.shared.places.line(text, self.span().start as usize);
                Some(Cow::Owned(line.to_string()))
            }
            "index" => Some(Cow::Owned(self.index.to_string())),
            _ => None,
        }
    }

    /// Calls `f` with the path and text of every value that says something.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        self.values_in(self.root, &self.shared.schema.fields, None, &mut String::new(), f);
    }

    fn values_in(
        &self,
        node: u32,
        fields: &[Field],
        field: Option<&Field>,
        path: &mut String,
        f: &mut dyn FnMut(&str, &str),
    ) {
        let Some(this) = self.node(node) else { return };
        match this.kind {
            NodeKind::Object => {
                for child in &this.children {
                    let key = self.key(*child).unwrap_or_default();
                    let inner = fields.iter().find(|field| field.name == key);
                    let before = path.len();
                    if !path.is_empty() {
                        path.push('/');
                    }
                    *path += &key.replace('~', "~0").replace('/', "~1");
                    let below = inner.map_or(&[][..], |field| &field.children);
                    self.values_in(*child, below, inner, path, f);
                    path.truncate(before);
                }
            }
            NodeKind::Array => {
                for child in &this.children {
                    self.values_in(*child, fields, field, path, f);
                }
            }
            _ => {
                let text = self.scalar(node);
                let facts = field.map(|field| &field.facts);
                if let Some(text) = text.filter(|t| !self.shared.schema.is_nothing(facts, t)) {
                    f(path, &text);
                }
            }
        }
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }

    pub(crate) fn node(&self, node: u32) -> Option<&Node> {
        self.shared.nodes.get(node as usize).filter(|_| node != 0)
    }

    /// The node of a scope: 0 is the record.
    pub(super) fn top(&self, node: u32) -> u32 {
        if node == 0 { self.root } else { node }
    }

    /// The object's own node.
    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    pub(crate) fn key(&self, node: u32) -> Option<Cow<'_, str>> {
        Some(unquoted(self.shared.text.slice(self.node(node)?.key?)))
    }

    /// The member of an object with a key.
    pub(crate) fn member(&self, node: u32, key: &str) -> Option<u32> {
        let object = self.node(node).filter(|node| node.kind == NodeKind::Object)?;
        let named = |child: &&u32| {
            let Some(span) = self.node(**child).and_then(|n| n.key) else { return false };
            let raw = self.shared.text.slice(span);
            raw.get(1..raw.len() - 1) == Some(key) || (raw.contains('\\') && unquoted(raw) == key)
        };
        object.children.iter().find(named).copied()
    }

    pub(super) fn find(&self, from: u32, steps: &[String]) -> Option<u32> {
        steps.iter().try_fold(self.top(from), |node, step| self.member(node, step))
    }

    /// The text of a string, number or truth value.
    pub(crate) fn scalar(&self, node: u32) -> Option<Cow<'_, str>> {
        let this = self.node(node)?;
        let raw = self.shared.text.slice(this.span);
        match this.kind {
            NodeKind::String => Some(unquoted(raw)),
            NodeKind::Number | NodeKind::Bool => Some(Cow::Borrowed(raw)),
            NodeKind::Null | NodeKind::Object | NodeKind::Array => None,
        }
    }

    /// The text at a path, unless it says nothing.
    pub(super) fn value(&self, from: u32, path: &Path) -> Option<Cow<'_, str>> {
        let text = self.scalar(self.find(from, &path.steps)?)?;
        let schema = &self.shared.schema;
        (!schema.is_nothing(schema.facts(path.field), &text)).then_some(text)
    }
}
