//! Edits of a document: texts replaced in place, elements made where the schema has them.

use std::collections::BTreeMap;

use super::{Document, List, Path, Pieces, Slot, split};
use crate::error::Result;
use crate::legacy::charset::TextEdit;
use crate::legacy::record::{Scope, Span, Write};

/// Writes to one document.
#[derive(Debug)]
pub struct Editor<'r> {
    document: &'r Document,
    /// Elements that are made; their numbers follow those of the document.
    made: Vec<Made>,
    /// New texts of elements.
    texts: BTreeMap<u32, String>,
    /// New values of attributes.
    attributes: BTreeMap<(u32, String), Option<String>>,
    removed: Vec<u32>,
    /// Element → pieces of its text; a removed one is `None`.
    pieces: BTreeMap<u32, (Vec<Option<String>>, Vec<String>)>,
}

#[derive(Debug)]
struct Made {
    name: String,
    parent: u32,
}

impl<'r> Editor<'r> {
    pub(super) fn new(document: &'r Document) -> Self {
        Editor {
            document,
            made: Vec::new(),
            texts: BTreeMap::new(),
            attributes: BTreeMap::new(),
            removed: Vec::new(),
            pieces: BTreeMap::new(),
        }
    }

    /// Writes an element's text or an attribute; makes what is missing on the way.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        let text = match value {
            Write::Text(text) => Some(text.to_owned()),
            Write::Null | Write::Clear => None,
        };
        let path = match slot {
            Slot::Path(path) => path,
            Slot::Piece(pieces) => {
                let index = usize::from(at.piece).wrapping_sub(1);
                if let Some(piece) = self.pieces_of(at, pieces).get_mut(index) {
                    *piece = text;
                }
                return Ok(());
            }
        };
        let node = match (self.find(at.node, path), &text) {
            (Some(node), _) => node,
            (None, None) => return Ok(()),
            (None, Some(_)) => self.make(at.node, path),
        };
        match &path.attribute {
            Some(name) => {
                self.attributes.insert((node, name.clone()), text);
            }
            None => {
                self.texts.insert(node, text.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// A new element or piece at the end of its list.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        match list {
            List::Elements(path) => {
                let (last, above) =
                    path.steps.split_last().map_or((None, &[][..]), |(l, a)| (Some(l), a));
                let parent = Path { steps: above.to_vec(), attribute: None };
                let parent =
                    self.find(at.node, &parent).unwrap_or_else(|| self.make(at.node, &parent));
                let node = last.map_or(parent, |step| self.make_step(parent, step));
                Ok(Scope { node, ..Scope::default() })
            }
            List::Split(pieces) => {
                let list = self.pieces_of(at, pieces);
                list.push(Some(String::new()));
                Ok(Scope { piece: list.len() as u16, ..at })
            }
        }
    }

    /// Removes an element or a piece.
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        match list {
            List::Elements(_) => self.removed.push(item.node),
            List::Split(pieces) => {
                let index = usize::from(item.piece).wrapping_sub(1);
                if let Some(piece) = self.pieces_of(item, pieces).get_mut(index) {
                    *piece = None;
                }
            }
        }
        Ok(())
    }

    fn original(&self) -> u32 {
        self.document.shared.elements.len() as u32
    }

    /// The element at a path: of the document, else one that was made.
    fn find(&self, from: u32, path: &Path) -> Option<u32> {
        if from < self.original()
            && let Some(node) = self.document.find(from, path)
        {
            return Some(node);
        }
        let mut node = from;
        for step in &path.steps {
            let below = |n: &u32| {
                self.made[*n as usize].parent == node && self.made[*n as usize].name == step.name
            };
            let made = (0..self.made.len() as u32).find(below).map(|n| n + self.original());
            let there = || {
                let element = self.document.shared.elements.get(node as usize)?;
                let named = |c: &&u32| {
                    step.is_named(self.document.name(&self.document.shared.elements[**c as usize]))
                        && step.predicates.iter().all(|p| self.document.holds(**c, p))
                };
                element.children.iter().find(named).copied()
            };
            node = there().or(made)?;
        }
        Some(node)
    }

    fn make(&mut self, from: u32, path: &Path) -> u32 {
        let mut node = from;
        for n in 0..path.steps.len() {
            let one = Path { steps: vec![path.steps[n].clone()], attribute: None };
            node = match self.find(node, &one) {
                Some(found) => found,
                None => self.make_step(node, &path.steps[n]),
            };
        }
        node
    }

    /// A new element, with what its predicates demand.
    fn make_step(&mut self, parent: u32, step: &super::path::Step) -> u32 {
        let node = self.original() + self.made.len() as u32;
        self.made.push(Made { name: step.name.clone(), parent });
        for predicate in &step.predicates {
            let target = self.make(node, &predicate.path);
            let value = predicate.values.first().cloned().unwrap_or_default();
            match &predicate.path.attribute {
                Some(name) => {
                    self.attributes.insert((target, name.clone()), Some(value));
                }
                None => {
                    self.texts.insert(target, value);
                }
            }
        }
        node
    }

    fn pieces_of(&mut self, at: Scope, pieces: &Pieces) -> &mut Vec<Option<String>> {
        let node =
            self.find(at.node, &pieces.path).unwrap_or_else(|| self.make(at.node, &pieces.path));
        let text = self.document.value(at, &pieces.path).unwrap_or_default().into_owned();
        let entry = self.pieces.entry(node).or_insert_with(|| {
            let list = split(&text, &pieces.separators).map(|(a, b)| Some(text[a..b].to_owned()));
            (list.collect(), pieces.separators.clone())
        });
        &mut entry.0
    }

    /// The edits, in document order.
    pub fn finish(mut self) -> Result<Vec<TextEdit>> {
        self.join_pieces();
        let mut edits: Vec<TextEdit> = Vec::new();
        for node in &self.removed {
            if *node < self.original() {
                edits.push(TextEdit { span: self.with_space(*node), text: String::new() });
            }
        }
        let gone = edits.clone();
        let inside = |at: u32| gone.iter().any(|e| e.span.start <= at && at < e.span.end);
        for (node, text) in &self.texts {
            if *node < self.original()
                && !inside(self.document.shared.elements[*node as usize].start.start)
            {
                edits.extend(self.text_edit(*node, text));
            }
        }
        for ((node, name), value) in &self.attributes {
            if *node < self.original() {
                edits.extend(self.attribute_edit(*node, name, value.as_deref()));
            }
        }
        edits.extend(self.insertions());
        edits.sort_by_key(|e| (e.span.start, e.span.end));
        Ok(edits)
    }

    fn join_pieces(&mut self) {
        for (node, (pieces, separators)) in std::mem::take(&mut self.pieces) {
            let elements = &self.document.shared.elements;
            let old = elements.get(node as usize).map(|e| e.text(&self.document.shared.text.text));
            let old = old.unwrap_or_default();
            let used = separators.iter().find(|s| old.contains(s.as_str())).or(separators.first());
            let left: Vec<&str> = pieces.iter().flatten().map(String::as_str).collect();
            self.texts.insert(node, left.join(used.map_or("", String::as_str)));
        }
    }

    fn text_edit(&self, node: u32, text: &str) -> Option<TextEdit> {
        let source = &self.document.shared.text.text;
        let element = &self.document.shared.elements[node as usize];
        let old = element.text(source);
        if old == text || (text.is_empty() && old.trim().is_empty()) {
            return None;
        }
        let name = self.document.name(element);
        let Some(_) = element.end else {
            let span = Span { start: element.start.end - 2, end: element.start.end };
            return Some(TextEdit { span, text: format!(">{}</{name}>", escape(text)) });
        };
        // In mixed content the first text is replaced, and the elements stay.
        let span = match (element.children.is_empty(), element.pieces.first()) {
            (true, _) => element.content(),
            (false, Some(piece)) => piece.span,
            (false, None) => Span { start: element.start.end, end: element.start.end },
        };
        Some(TextEdit { span, text: escape(text) })
    }

    fn attribute_edit(&self, node: u32, name: &str, value: Option<&str>) -> Option<TextEdit> {
        let element = &self.document.shared.elements[node as usize];
        let source = &self.document.shared.text.text;
        match (element.attribute(source, name), value) {
            (Some(span), value) => {
                let new = quoted(value.unwrap_or(""));
                (self.document.shared.text.slice(span) != new)
                    .then_some(TextEdit { span, text: new })
            }
            (None, Some(value)) => {
                let at = element.name.end;
                let text = format!(" {name}=\"{}\"", quoted(value));
                Some(TextEdit { span: Span { start: at, end: at }, text })
            }
            (None, None) => None,
        }
    }

    /// New elements below elements of the document: one edit per place, in schema order.
    fn insertions(&self) -> Vec<TextEdit> {
        let mut places: BTreeMap<(u32, bool), (Span, String)> = BTreeMap::new();
        for (n, made) in self.made.iter().enumerate() {
            let node = self.original() + n as u32;
            if made.parent >= self.original() || self.removed.contains(&node) {
                continue;
            }
            let (at, space, open) = self.place(made);
            let key = (at, open);
            let entry = places.entry(key).or_insert_with(|| {
                let end = if open { at + 2 } else { at };
                (Span { start: at, end }, String::new())
            });
            entry.1 += &space;
            entry.1 += &self.rendered(node);
        }
        let close = |parent_open: bool, text: String, at: u32| {
            if !parent_open {
                return text;
            }
            let element = self
                .document
                .shared
                .elements
                .iter()
                .find(|e| e.end.is_none() && e.start.end == at + 2);
            let name = element.map_or("", |e| self.document.name(e));
            format!(">{text}</{name}>")
        };
        places
            .into_iter()
            .map(|((at, open), (span, text))| TextEdit { span, text: close(open, text, at) })
            .collect()
    }

    /// Where a new element goes: behind the last sibling that the schema has before it; its white
    /// space is the sibling's. The third value: the parent is `<a/>` and must be opened.
    fn place(&self, made: &Made) -> (u32, String, bool) {
        let elements = &self.document.shared.elements;
        let parent = &elements[made.parent as usize];
        if parent.end.is_none() {
            return (parent.start.end - 2, String::new(), true);
        }
        let order = self.document.shared.schema.children(&self.names_to(made.parent));
        let rank = |name: &str| order.iter().position(|d| d.name == name);
        let mine = rank(&made.name);
        let before = |c: &&u32| {
            let other = rank(self.document.name(&elements[**c as usize]));
            mine.is_none() || other.is_none_or(|o| Some(o) <= mine)
        };
        let sibling = parent.children.iter().rfind(before);
        match sibling {
            Some(sibling) => {
                let at = end_of(&elements[*sibling as usize]).end;
                (at, self.space_before(*sibling), false)
            }
            None => {
                let first = parent.children.first();
                (parent.start.end, first.map_or(String::new(), |f| self.space_before(*f)), false)
            }
        }
    }

    fn names_to(&self, node: u32) -> Vec<String> {
        let elements = &self.document.shared.elements;
        let mut names = Vec::new();
        let mut at = node;
        while at != 0 {
            names.push(self.document.name(&elements[at as usize]).to_owned());
            at = elements[at as usize].parent;
        }
        names.reverse();
        names
    }

    fn rendered(&self, node: u32) -> String {
        let made = &self.made[(node - self.original()) as usize];
        let mut text = format!("<{}", made.name);
        for ((_, name), value) in
            self.attributes.range((node, String::new())..(node + 1, String::new()))
        {
            text += &format!(" {name}=\"{}\"", quoted(value.as_deref().unwrap_or("")));
        }
        text.push('>');
        text += &escape(self.texts.get(&node).map_or("", String::as_str));
        for n in 0..self.made.len() as u32 {
            let child = self.original() + n;
            if self.made[n as usize].parent == node && !self.removed.contains(&child) {
                text += &self.rendered(child);
            }
        }
        text + &format!("</{}>", made.name)
    }

    fn space_before(&self, node: u32) -> String {
        let span = self.with_space(node);
        let start = self.document.shared.elements[node as usize].start.start;
        self.document.shared.text.slice(Span { start: span.start, end: start }).to_owned()
    }

    /// An element with the white space before it.
    fn with_space(&self, node: u32) -> Span {
        let element = &self.document.shared.elements[node as usize];
        let before = &self.document.shared.text.text[..element.start.start as usize];
        let start = before.trim_end_matches([' ', '\t', '\r', '\n']).len() as u32;
        Span { start, end: end_of(element).end }
    }
}

fn end_of(element: &super::Element) -> Span {
    element.end.unwrap_or(element.start)
}

fn quoted(text: &str) -> String {
    escape(text).replace('"', "&quot;").replace('\'', "&apos;")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '\r' => out += "&#13;",
            c => out.push(c),
        }
    }
    out
}
