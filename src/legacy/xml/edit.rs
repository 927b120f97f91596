//! Edits of a document: texts replaced in place, elements made where the schema has them.
//!
//! Writes go to a [`Tree`]; [`Editor::finish`] turns what differs from the document into text edits.

use std::collections::{BTreeMap, HashSet};

use super::parse::Element;
use super::tree::{Tree, local};
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
        let path = match slot {
            Slot::Path(path) => path,
            Slot::Piece(pieces) => {
                return self.pieces_of(at.node, pieces).set(at.piece, text, |_| Ok(()));
            }
        };
        let node = match (self.tree.first(at.node, path), text) {
            (Some(node), _) => node,
            (None, None) => return Ok(()),
            (None, Some(_)) => self.tree.make(at.node, &path.steps),
        };
        self.tree.set(node, path.attribute.as_deref(), text);
        Ok(())
    }

    /// A new element or piece at the end of its list.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        match list {
            List::Elements(path) => {
                let Some((last, above)) = path.steps.split_last() else {
                    return Err(Error::new(Kind::Internal, "the path of a list is empty"));
                };
                let parent = self.tree.make(at.node, above);
                let node = self.tree.make_one(parent, last);
                Ok(Scope { node, ..Scope::default() })
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
            List::Elements(_) => {
                self.tree.removed.insert(item.node);
                Ok(())
            }
            List::Split(pieces) => {
                self.pieces_of(item.node, pieces).set(item.piece, None, |_| Ok(()))
            }
        }
    }

    fn pieces_of(&mut self, node: u32, pieces: &Pieces) -> &mut Edited {
        let mine = |(from, other, _): &(u32, Pieces, Edited)| *from == node && other == pieces;
        let found = self.pieces.iter().position(mine).unwrap_or_else(|| {
            let path = &pieces.path;
            let at = self.tree.first(node, path);
            let text = at.and_then(|at| self.tree.value_of(at, path.attribute.as_deref()));
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
            if let (false, Some(element)) = (tree.gone(node), tree.document.element(node)) {
                out.attributes(node, element);
                out.inside(node, element);
            }
        }
        for node in &tree.removed {
            let element = tree.document.element(*node).filter(|e| !tree.gone(e.parent));
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

    /// New values in the quotes that are there, new attributes behind the others.
    fn attributes(&mut self, node: u32, element: &Element) {
        let mut new = String::new();
        for (name, value) in self.tree.attributes.get(&node).into_iter().flatten() {
            let Some(there) = self.tree.document.attribute(element, name) else {
                new += &attribute(name, value);
                continue;
            };
            let Span { start, end } = there.value;
            let raw = &self.source()[start as usize..end as usize];
            let quote = self.source()[end as usize..].chars().next().unwrap_or('"');
            let old = escape::unescape(raw);
            let blank = value.is_empty() && old.trim().is_empty();
            if old != value.as_str() && !blank {
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

    /// Puts a text in place of the first that counts, and takes the others away. Comments and
    /// elements between them stay.
    fn text(&mut self, element: &Element, text: &str) {
        let source = &self.tree.document.shared.text.text;
        let old = element.text(source);
        if old == text || (text.is_empty() && old.trim().is_empty()) {
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
        let schema = &self.tree.document.shared.schema;
        let order = schema.children(self.tree.names_to(node));
        let rank = |name: &str| order.iter().position(|d| d.name == local(name));
        let siblings: Vec<(&Element, &str)> = element
            .children
            .iter()
            .filter_map(|child| self.tree.document.element(*child))
            .map(|sibling| (sibling, self.tree.document.name(sibling)))
            .collect();
        let mut places: BTreeMap<u32, String> = BTreeMap::new();
        for child in made {
            let name = self.tree.name(*child);
            let mine = rank(name);
            let same = siblings.iter().rfind(|(_, other)| *other == name);
            let before = siblings
                .iter()
                .rfind(|(_, o)| mine.is_some() && rank(o) <= mine && rank(o).is_some());
            let after = siblings.iter().find(|(_, o)| mine.is_some() && rank(o) > mine);
            let (at, beside) = match (same.or(before), after, siblings.last()) {
                (Some((sibling, _)), ..) => (sibling.span().end, Some(*sibling)),
                (None, Some((sibling, _)), _) => {
                    let start = sibling.start.start;
                    (self.space_before(sibling).unwrap_or(start), Some(*sibling))
                }
                (None, None, Some((sibling, _))) => (sibling.span().end, Some(*sibling)),
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
    for (name, value) in tree.attributes.get(&node).into_iter().flatten() {
        text += &attribute(name, value);
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
