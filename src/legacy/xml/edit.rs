//! Edits of a document: texts replaced in place, elements made where the schema has them.
//!
//! Writes go to a [`Tree`]; [`Editor::finish`] turns what differs from the document into text edits.

use std::collections::{BTreeMap, HashSet};

use super::namespace::local;
use super::parse::Element;
use super::path::Part;
use super::tag::Attribute;
use super::tree::Tree;
use super::{Document, List, Pieces, Slot, escape};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::TextEdit;
use crate::legacy::pieces::Edited;
use crate::legacy::record::{Scope, Span, Write};

/// Writes to one document.
#[derive(Debug)]
pub struct Editor<'r> {
    tree: Tree<'r>,
    /// Texts that are edited by pieces: the element they were looked up from, the path.
    pieces: Vec<(u32, Pieces, Edited)>,
}

impl<'r> Editor<'r> {
    pub(super) fn new(document: &'r Document) -> Self {
        Editor { tree: Tree::new(document), pieces: Vec::new() }
    }

    /// Writes an element's text or an attribute; makes what is missing on the way. A text that XML
    /// cannot hold, or that would be read as nothing or as several pieces, is an error.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        let text = match value {
            Write::Text(text) if !text.is_empty() => Some(text),
            Write::Text(_) | Write::Null | Write::Clear => None,
        };
        text.map_or(Ok(()), escape::check)?;
        if let Some(null) = text.filter(|text| self.tree.document.shared.schema.is_null(text)) {
            let what = format!("'{null}' would be read as nothing");
            return Err(Error::new(Kind::Value, what));
        }
        let path = match slot {
            Slot::Path(path) => path,
            Slot::Piece(pieces) => {
                return self.pieces_of(at.node, pieces).set(at.piece, text, |_| Ok(()));
            }
        };
        let from = if path.root.is_some() { 0 } else { at.node };
        let node = match (self.tree.first(from, path), text) {
            (Some(node), _) => node,
            (None, None) => return Ok(()),
            (None, Some(_)) => self.tree.make(from, &path.steps),
        };
        if let (Part::Inside, Some(text)) = (&path.part, text) {
            self.check_inside(node, text)?;
        }
        self.tree.set(node, &path.part, text);
        Ok(())
    }

    /// A new element or piece at the end of its list.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        match list {
            List::Elements(path) => {
                let from = if path.root.is_some() { 0 } else { at.node };
                let node = self.tree.make_instance(from, &path.steps);
                let empty = || Error::new(Kind::Internal, "the path of a list is empty");
                Ok(Scope { node: node.ok_or_else(empty)?, ..Scope::default() })
            }
            List::Split(pieces) => {
                let piece = self.pieces_of(at.node, pieces).push()?;
                Ok(Scope { piece, ..at })
            }
        }
    }

    /// Removes an element or a piece.
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        match list {
            List::Elements(_) if item.node == 0 => {
                Err(Error::new(Kind::Value, "the root element cannot be removed"))
            }
            List::Elements(path) => {
                let node = self.tree.instance(item.node, &path.steps);
                self.tree.removed.insert(node);
                Ok(())
            }
            List::Split(pieces) => {
                self.pieces_of(item.node, pieces).set(item.piece, None, |_| Ok(()))
            }
        }
    }

    /// What is written with its tags is well-formed, and means there what it says: its names have no
    /// prefix, so the element around has none.
    fn check_inside(&self, node: u32, text: &str) -> Result<()> {
        let name = self.tree.name(node);
        if name.contains(':') {
            let what = format!("the content of <{name}> is not written: its names need a prefix");
            return Err(Error::new(Kind::NotSupported, what));
        }
        super::well_formed(text)
    }

    fn pieces_of(&mut self, node: u32, pieces: &Pieces) -> &mut Edited {
        let mine = |(from, other, _): &(u32, Pieces, Edited)| *from == node && other == pieces;
        let found = self.pieces.iter().position(mine).unwrap_or_else(|| {
            let path = &pieces.path;
            let at = self.tree.first(node, path);
            let text = at.and_then(|at| self.tree.value_of(at, &path.part));
            let edited = Edited::new(&text.unwrap_or_default(), &pieces.separators);
            self.pieces.push((node, pieces.clone(), edited));
            self.pieces.len() - 1
        });
        &mut self.pieces[found].2
    }

    /// The edits, in document order.
    pub fn finish(mut self) -> Result<Vec<TextEdit>> {
        for (node, pieces, edited) in std::mem::take(&mut self.pieces) {
            let text = edited.joined();
            let at = Scope { node, ..Scope::default() };
            self.write(at, &Slot::Path(pieces.path), Write::Text(&text))?;
        }
        let tree = &self.tree;
        let mut out = Edits { tree, edits: Vec::new(), replaced: HashSet::new() };
        for node in tree.touched() {
            let stays = !tree.gone(node) && !tree.overwritten(node);
            if let (true, Some(element)) = (stays, tree.document.element(node)) {
                out.attributes(node, element);
                out.inside(node, element);
            }
        }
        for node in &tree.removed {
            let stands = |e: &&Element| !tree.gone(e.parent) && !tree.overwritten(*node);
            let element = tree.document.element(*node).filter(stands);
            out.edits.extend(element.map(|element| {
                let start = out.space_before(element).unwrap_or(element.start.start);
                let span = Span { start, end: element.span().end };
                TextEdit { span, text: String::new() }
            }));
        }
        let mut edits = out.edits;
        edits.sort_by_key(|e| e.span);
        Ok(edits)
    }
}

/// The edits while they are made.
struct Edits<'t> {
    tree: &'t Tree<'t>,
    edits: Vec<TextEdit>,
    /// Where texts begin that are replaced.
    replaced: HashSet<u32>,
}

impl Edits<'_> {
    fn source(&self) -> &str {
        &self.tree.document.shared.text.text
    }

    fn replace(&mut self, start: u32, end: u32, text: String) {
        self.edits.push(TextEdit { span: Span { start, end }, text });
    }

    /// New values in the quotes that are there, new attributes behind the others; one without a
    /// value goes.
    fn attributes(&mut self, node: u32, element: &Element) {
        let mut new = String::new();
        for (_, name, value) in self.tree.attributes.get(&node).into_iter().flatten() {
            let called = |a: &&Attribute| self.tree.document.shared.text.slice(a.name) == name;
            let Some(there) = element.attributes.iter().find(called) else {
                if !value.is_empty() {
                    new += &attribute(name, value);
                }
                continue;
            };
            let Span { start, end } = there.value;
            let raw = &self.source()[start as usize..end as usize];
            let quote = self.source()[end as usize..].chars().next().unwrap_or('"');
            let old = escape::unescape(raw);
            if value.is_empty() && !self.tree.document.shared.schema.is_null(&old) {
                let before = &self.source()[..there.name.start as usize];
                self.replace(before.trim_end().len() as u32, end + 1, String::new());
            } else if old != value.as_str() && !value.is_empty() {
                self.replace(start, end, escape::attribute(value, quote));
            }
        }
        if !new.is_empty() {
            // Behind the closing quote of the last one.
            let at = element.attributes.last().map_or(element.name.end, |a| a.value.end + 1);
            self.replace(at, at, new);
        }
    }

    /// The new text of an element, and new elements in it.
    fn inside(&mut self, node: u32, element: &Element) {
        if let Some(inside) = self.tree.insides.get(&node) {
            return self.whole(element, inside);
        }
        let text = self.tree.texts.get(&node);
        let made = self.tree.made_in(node);
        if element.end.is_some() {
            if let Some(text) = text {
                self.text(element, text);
            }
            return self.elements(node, element, &made);
        }
        let mut inside = text.map_or(String::new(), |text| escape::text(text));
        made.iter().for_each(|child| inside += &rendered(self.tree, *child));
        if !inside.is_empty() {
            let name = self.tree.document.name(element);
            let end = element.start.end;
            self.replace(end - 2, end, format!(">{inside}</{name}>"));
        }
    }

    /// All that is in an element, with its tags.
    fn whole(&mut self, element: &Element, inside: &str) {
        let Span { start, end } = element.inside();
        if element.end.is_none() && !inside.is_empty() {
            let name = self.tree.document.name(element);
            let end = element.start.end;
            self.replace(end - 2, end, format!(">{inside}</{name}>"));
        } else if &self.source()[start as usize..end as usize] != inside {
            self.replace(start, end, inside.to_owned());
        }
    }

    /// Puts a text in place of the first that counts, and takes the others away. Comments and
    /// elements between them stay.
    fn text(&mut self, element: &Element, text: &str) {
        let source = &self.tree.document.shared.text.text;
        let old = element.text(source);
        if old == text || (text.is_empty() && self.tree.document.shared.schema.is_null(&old)) {
            return;
        }
        let mut counting = element.counting(source);
        let Some(first) = counting.next().or(element.texts.first()) else {
            let at = element.start.end;
            return self.replace(at, at, escape::text(text));
        };
        self.replaced.insert(first.span.start);
        self.replace(first.span.start, first.span.end, escape::text(text));
        for other in counting {
            self.replaced.insert(other.span.start);
            self.replace(other.span.start, other.span.end, String::new());
        }
    }

    /// New elements, each beside the sibling that the schema has next to it, with that sibling's
    /// white space. Those for one place come in one edit.
    fn elements(&mut self, node: u32, element: &Element, made: &[u32]) {
        if made.is_empty() {
            return;
        }
        let siblings: Vec<(&Element, &str, Option<usize>)> = element
            .children
            .iter()
            .filter_map(|child| self.tree.document.element(*child))
            .map(|sibling| (sibling, self.tree.document.name(sibling)))
            .map(|(sibling, name)| (sibling, name, self.tree.rank(node, name)))
            .collect();
        let mut places: BTreeMap<u32, String> = BTreeMap::new();
        for child in made {
            let name = self.tree.name(*child);
            let mine = self.tree.rank(node, name);
            let same = siblings.iter().rfind(|(_, other, _)| local(other) == local(name));
            let before = siblings
                .iter()
                .rfind(|(.., rank)| mine.is_some() && *rank <= mine && rank.is_some());
            let after = siblings.iter().find(|(.., rank)| mine.is_some() && *rank > mine);
            let (at, beside) = match (same.or(before), after, siblings.last()) {
                (Some((sibling, ..)), ..) => (sibling.span().end, Some(*sibling)),
                (None, Some((sibling, ..)), _) => {
                    let start = sibling.start.start;
                    (self.space_before(sibling).unwrap_or(start), Some(*sibling))
                }
                (None, None, Some((sibling, ..))) => (sibling.span().end, Some(*sibling)),
                (None, None, None) => (element.start.end, None),
            };
            let space = beside.and_then(|sibling| {
                let from = self.space_before(sibling)? as usize;
                Some(&self.source()[from..sibling.start.start as usize])
            });
            let text = format!("{}{}", space.unwrap_or(""), rendered(self.tree, *child));
            *places.entry(at).or_default() += &text;
        }
        for (at, text) in places {
            self.replace(at, at, text);
        }
    }

    /// Where the white space before an element begins, if there is some and it stays.
    fn space_before(&self, element: &Element) -> Option<u32> {
        let parent = self.tree.document.element(element.parent)?;
        let end = element.start.start;
        let at = parent.texts.partition_point(|p| p.span.end < end);
        let piece = parent.texts.get(at).filter(|p| p.span.end == end)?;
        let layout = parent.is_layout(at, self.source());
        let stays = layout && !self.replaced.contains(&piece.span.start);
        stays.then_some(piece.span.start)
    }
}

/// An element that is made, with all that is in it.
fn rendered(tree: &Tree, node: u32) -> String {
    let name = tree.name(node);
    let mut text = format!("<{name}");
    for (prefix, uri) in tree.declared_with(node) {
        let colon = if prefix.is_empty() { "" } else { ":" };
        text += &attribute(&format!("xmlns{colon}{prefix}"), uri);
    }
    let attributes = tree.attributes.get(&node).into_iter().flatten();
    for (_, name, value) in attributes.filter(|(.., value)| !value.is_empty()) {
        text += &attribute(name, value);
    }
    if let Some(inside) = tree.insides.get(&node) {
        return text + &format!(">{inside}</{name}>");
    }
    let mut inside = tree.texts.get(&node).map_or(String::new(), |text| escape::text(text));
    for child in tree.made_in(node) {
        inside += &rendered(tree, child);
    }
    if inside.is_empty() && tree.attributes.contains_key(&node) {
        return text + "/>";
    }
    text + &format!(">{inside}</{name}>")
}

fn attribute(name: &str, value: &str) -> String {
    format!(" {name}=\"{}\"", escape::attribute(value, '"'))
}
