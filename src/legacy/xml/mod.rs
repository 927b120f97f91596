//! Any XML, read leniently: report cards, CDA, SOAP bodies.
//!
//! The tokens and their byte positions come from `quick-xml`; here they become a flat arena of
//! elements that know where their tags and texts stand, so that an edit touches one text and the
//! rest of the document stays byte for byte. No schema is needed to read. A document type is
//! refused: entities of one's own are how XML explodes.

mod edit;
mod parse;
mod path;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::charset::{Charset, Charsets, Text};
use super::record::{File, Read, Record, Scope, Span, Unknown};
use crate::error::{Error, Kind, Result, nearest};
pub use edit::Editor;
use parse::Element;
pub use path::{Path, Predicate};

/// A document is no larger than this.
pub const MOST_BYTES: usize = 64 << 20;
/// Elements are nested no deeper than this.
pub const MOST_DEPTH: usize = 128;
/// A document has no more elements than this.
pub const MOST_ELEMENTS: usize = 1_000_000;

/// What the documents look like.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Name of the root element.
    pub root: Option<String>,
    /// The XML declaration of a new document.
    pub declaration: Option<String>,
    /// What ends a line of a new document.
    pub line_end: String,
    /// The elements below the root, in the order in which they are written. Empty: any.
    pub elements: Vec<ElementDef>,
}

/// An element of the schema.
#[derive(Debug, Clone, Default)]
pub struct ElementDef {
    /// Its name.
    pub name: String,
    /// The elements in it, in order.
    pub children: Vec<ElementDef>,
}

/// The static kind of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Names of the elements from below the root to here.
    names: Vec<String>,
    /// Inside a `split`.
    pieces: Option<Pieces>,
}

/// A resolved slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The text of an element, or an attribute.
    Path(Path),
    /// The piece of a split.
    Piece(Pieces),
}

/// A resolved list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum List {
    /// Elements at a path.
    Elements(Path),
    /// Pieces of a text.
    Split(Pieces),
}

/// A text taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pieces {
    path: Path,
    separators: Vec<String>,
}

/// A document.
#[derive(Debug, Clone)]
pub struct Document {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    schema: Schema,
    text: Arc<Text>,
    elements: Vec<Element>,
}

impl Schema {
    /// The place of slots that are looked up from the root element.
    pub fn root(&self) -> Place {
        Place::default()
    }

    /// Resolves `a/b/c`, `a/@x`, `@x`, `.`, with predicates `a[b=v]`, `a[b in (v, w)]`, `a[b:=v]`.
    pub fn slot(&self, at: &Place, name: &str) -> Result<Slot, Unknown> {
        if name.trim() == "."
            && let Some(pieces) = &at.pieces
        {
            return Ok(Slot::Piece(pieces.clone()));
        }
        self.path(at, name).map(Slot::Path)
    }

    /// Resolves `a/b` (each such element) and `a/b split "/" or ","`.
    pub fn list(&self, at: &Place, name: &str) -> Result<(List, Place), Unknown> {
        if let Some((path, separators)) = name.split_once(" split ") {
            let separators = separators
                .split(" or ")
                .map(|s| s.trim().trim_matches(['"', '\'']).to_owned())
                .filter(|s| !s.is_empty());
            let pieces = Pieces { path: self.path(at, path)?, separators: separators.collect() };
            let place = Place { names: at.names.clone(), pieces: Some(pieces.clone()) };
            return Ok((List::Split(pieces), place));
        }
        let path = self.path(at, name)?;
        let mut names = at.names.clone();
        names.extend(path.names());
        Ok((List::Elements(path), Place { names, pieces: None }))
    }

    fn path(&self, at: &Place, name: &str) -> Result<Path, Unknown> {
        let path = path::parse(name)?;
        if self.elements.is_empty() {
            return Ok(path);
        }
        let mut known = &self.elements;
        let below: Vec<&str> =
            at.names.iter().map(String::as_str).chain(path.names_ref()).collect();
        for (n, step) in below.iter().enumerate() {
            let Some(def) = known.iter().find(|d| d.name == *step) else {
                let above = below[..n].join("/");
                let near = nearest(step, known.iter().map(|d| d.name.as_str()));
                return Err(Unknown {
                    what: format!("the schema has no element '{step}' in '{above}'"),
                    hint: near.map(|near| format!("did you mean '{near}'?")),
                });
            };
            known = &def.children;
        }
        Ok(path)
    }

    /// The path from the root, without predicates; `a/b[]` for a piece.
    pub fn canonical(&self, at: &Place, slot: &Slot) -> String {
        let mut names: Vec<String> = at.names.clone();
        let (path, end) = match slot {
            Slot::Path(path) => (path, ""),
            Slot::Piece(pieces) => (&pieces.path, "[]"),
        };
        names.extend(path.shown());
        names.join("/") + end
    }

    /// Reads a document.
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        if bytes.len() > MOST_BYTES {
            let what = format!("the document has {} bytes, the limit is {MOST_BYTES}", bytes.len());
            return Err(Error::new(Kind::TooLarge, what));
        }
        let text = Text::decode(bytes, declared(bytes), charsets)?;
        let elements = parse::parse(&text)?;
        let shared = Shared { schema: self.clone(), text: Arc::clone(&text), elements };
        let record = Record::Xml(Document { shared: Arc::new(shared) });
        Ok(File { text, records: vec![record], broken: Vec::new() })
    }

    /// The whole skeleton with every leaf empty.
    pub fn blank(&self) -> File {
        let mut text = String::new();
        if let Some(declaration) = &self.declaration {
            text += declaration;
            text += &self.line_end;
        }
        let root = ElementDef {
            name: self.root.clone().unwrap_or_else(|| "root".to_owned()),
            children: self.elements.clone(),
        };
        self.skeleton(&root, &mut text);
        let text = Text::fresh(&text, Charset::Utf8);
        let elements = parse::parse(&text).unwrap_or_default();
        let shared = Shared { schema: self.clone(), text: Arc::clone(&text), elements };
        let record = Record::Xml(Document { shared: Arc::new(shared) });
        File { text, records: vec![record], broken: Vec::new() }
    }

    fn skeleton(&self, def: &ElementDef, text: &mut String) {
        *text += &format!("<{}>", def.name);
        if !def.children.is_empty() {
            *text += &self.line_end;
            def.children.iter().for_each(|child| self.skeleton(child, text));
        }
        *text += &format!("</{}>{}", def.name, self.line_end);
    }

    /// The children of an element, by the names on the way to it.
    fn children(&self, names: &[String]) -> &[ElementDef] {
        let mut known = &self.elements[..];
        for name in names {
            let Some(def) = known.iter().find(|d| d.name == *name) else { return &[] };
            known = &def.children;
        }
        known
    }
}

/// The encoding that the XML declaration names. It is ASCII in every charset but UTF-16, which a
/// byte order mark tells.
fn declared(bytes: &[u8]) -> Option<Charset> {
    let head = &bytes[..bytes.len().min(200)];
    let head: String = head.iter().map(|b| char::from(*b)).collect();
    let declaration = head.split_once("<?xml")?.1.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.split_once(['"', '\''])?.1;
    Charset::named(value.split(['"', '\'']).next()?)
}

impl Document {
    /// The document's text.
    pub fn text(&self) -> &Arc<Text> {
        &self.shared.text
    }

    /// All of it.
    pub fn span(&self) -> Span {
        Span { start: 0, end: self.shared.text.text.len() as u32 }
    }

    /// Reads a slot; white space alone is nothing.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        match slot {
            Slot::Path(path) => self.value(at, path).map_or(Read::Absent, Read::Text),
            Slot::Piece(pieces) => {
                let Some(text) = self.value(at, &pieces.path) else { return Read::Absent };
                let index = usize::from(at.piece).wrapping_sub(1);
                let piece = split(&text, &pieces.separators).nth(index);
                piece.map_or(Read::Absent, |(a, b)| Read::Text(Cow::Owned(text[a..b].to_owned())))
            }
        }
    }

    /// Where a slot stands.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        let path = match slot {
            Slot::Path(path) => path,
            Slot::Piece(pieces) => &pieces.path,
        };
        let nowhere = || {
            let end = self.shared.elements.get(at.node as usize).map_or(0, |e| e.start.end);
            Span { start: end, end }
        };
        let Some(node) = self.find(at.node, path) else { return nowhere() };
        let element = &self.shared.elements[node as usize];
        match &path.attribute {
            None => element.content(),
            Some(name) => element.attribute(&self.shared.text.text, name).unwrap_or_else(nowhere),
        }
    }

    /// Appends the elements of a list, or the pieces of a text.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        match list {
            List::Elements(path) => self.each(at.node, path, &mut |node| {
                out.push(Scope { node, ..Scope::default() });
                false
            }),
            List::Split(pieces) => {
                let Some(text) = self.value(at, &pieces.path) else { return };
                let count = split(&text, &pieces.separators).count();
                out.extend((1..=count as u16).map(|piece| Scope { piece, ..at }));
            }
        }
    }

    /// Whether `inner` is `outer` or inside it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        let mut node = inner.node;
        while node > outer.node {
            let Some(element) = self.shared.elements.get(node as usize) else { return false };
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

    /// Calls `f` with the path and text of every element and attribute that holds something.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        let elements = &self.shared.elements;
        let mut paths: Vec<String> = Vec::with_capacity(elements.len());
        for (n, element) in elements.iter().enumerate() {
            let path = match (n, paths.get(element.parent as usize)) {
                (0, _) => String::new(),
                (_, Some(above)) if !above.is_empty() => format!("{above}/{}", self.name(element)),
                _ => self.name(element).to_owned(),
            };
            if let Some(text) = self.text_of(element) {
                f(&path, &text);
            }
            for (name, span) in element.attributes(&self.shared.text.text) {
                let value = parse::unescape(self.shared.text.slice(span));
                if !value.trim().is_empty() {
                    let slash = if path.is_empty() { "" } else { "/" };
                    f(&format!("{path}{slash}@{name}"), &value);
                }
            }
            paths.push(path);
        }
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }

    fn name(&self, element: &Element) -> &str {
        self.shared.text.slice(element.name)
    }

    fn value(&self, at: Scope, path: &Path) -> Option<Cow<'_, str>> {
        let element = self.shared.elements.get(self.find(at.node, path)? as usize)?;
        let text = match &path.attribute {
            None => return self.text_of(element),
            Some(name) => {
                let span = element.attribute(&self.shared.text.text, name)?;
                parse::unescape(self.shared.text.slice(span))
            }
        };
        (!text.trim().is_empty()).then_some(text)
    }

    fn text_of(&self, element: &Element) -> Option<Cow<'_, str>> {
        let text = element.text(&self.shared.text.text);
        (!text.trim().is_empty()).then_some(text)
    }

    /// The first element at a path, in document order, whose predicates all hold.
    fn find(&self, from: u32, path: &Path) -> Option<u32> {
        let mut found = None;
        self.each(from, path, &mut |node| {
            found = Some(node);
            true
        });
        found
    }

    /// Calls `f` for every element at a path until it gives true.
    fn each(&self, from: u32, path: &Path, f: &mut dyn FnMut(u32) -> bool) {
        self.walk(from, &path.steps, f);
    }

    fn walk(&self, node: u32, steps: &[path::Step], f: &mut dyn FnMut(u32) -> bool) -> bool {
        let Some((step, rest)) = steps.split_first() else { return f(node) };
        let Some(element) = self.shared.elements.get(node as usize) else { return false };
        for child in &element.children {
            let fits = step.is_named(self.name(&self.shared.elements[*child as usize]))
                && step.predicates.iter().all(|p| self.holds(*child, p));
            if fits && self.walk(*child, rest, f) {
                return true;
            }
        }
        false
    }

    fn holds(&self, node: u32, predicate: &Predicate) -> bool {
        if predicate.steers {
            return true;
        }
        let at = Scope { node, ..Scope::default() };
        self.value(at, &predicate.path).is_some_and(|v| predicate.values.iter().any(|w| *w == v))
    }
}

/// The pieces of a text, as trimmed ranges.
fn split<'t>(text: &'t str, separators: &'t [String]) -> impl Iterator<Item = (usize, usize)> + 't {
    super::delimited::pieces(text, separators)
}
