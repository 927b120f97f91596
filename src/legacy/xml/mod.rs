//! Any XML, read leniently: report cards, CDA, SOAP bodies.
//!
//! The tokens and their byte positions come from `quick-xml`; here they become a flat arena of
//! elements that know where their tags and texts stand, so that an edit touches one text and the
//! rest of the document stays byte for byte. No schema is needed to read. A document type is
//! refused: entities of one's own are how XML explodes.

mod coverage;
mod document;
mod edit;
pub(super) mod escape;
mod make;
mod namespace;
mod parse;
mod path;
mod tag;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::charset::{Charset, Charsets, Text};
use super::pieces;
use super::record::{File, Record, Unknown};
use crate::error::{Error, Kind, Result, nearest};
pub use document::Document;
use document::Shared;
pub use edit::Editor;
pub use namespace::{MOST_NAMESPACES, Namespace};
use path::{Part, Step};
pub use path::{Path, Predicate};
pub use tag::MOST_ATTRIBUTES;

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
    /// What the prefixes of paths mean. Empty: names are compared whatever their prefix.
    pub namespaces: Vec<Namespace>,
    /// Name of an element → the elements in it, in the order in which they are written.
    pub order: HashMap<String, Vec<String>>,
    /// The elements of which there may be several in one parent; `None`: all.
    pub repeat: Option<HashSet<String>>,
    /// Texts that mean nothing, as white space alone does.
    pub nulls: Vec<String>,
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
    /// The steps from below the root to here.
    steps: Vec<Step>,
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

impl Slot {
    pub(super) fn path(&self) -> &Path {
        match self {
            Slot::Path(path) => path,
            Slot::Piece(pieces) => &pieces.path,
        }
    }

    /// All that is in the element, with its tags.
    #[must_use]
    pub fn whole(self) -> Slot {
        match self {
            Slot::Path(path) if path.part == Part::Text => {
                let path = Path { part: Part::Inside, ..path };
                Slot::Path(if path.root.is_some() { path.rooted() } else { path })
            }
            other => other,
        }
    }

    /// The same slot, looked up from the root element wherever it is used.
    #[must_use]
    pub fn rooted(self) -> Slot {
        match self {
            Slot::Path(path) => Slot::Path(path.rooted()),
            Slot::Piece(pieces) => Slot::Piece(pieces.rooted()),
        }
    }
}

impl List {
    /// The same list, looked up from the root element wherever it is used.
    #[must_use]
    pub fn rooted(self) -> List {
        match self {
            List::Elements(path) => List::Elements(path.rooted()),
            List::Split(pieces) => List::Split(pieces.rooted()),
        }
    }
}

impl Pieces {
    fn rooted(self) -> Pieces {
        Pieces { path: self.path.rooted(), ..self }
    }
}

impl Schema {
    /// The place of slots that are looked up from the root element.
    pub fn root(&self) -> Place {
        Place::default()
    }

    /// Resolves `a/b/c`, `a/@x`, `@x`, `.`, `/a` (from the root), with predicates `a[b=v]`,
    /// `a[b in (v, w)]`, `a[b:=v]`.
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
            let separators = pieces::separators(separators)?;
            let pieces = Pieces { path: self.path(at, path)?, separators };
            let place = Place { steps: at.steps.clone(), pieces: Some(pieces.clone()) };
            return Ok((List::Split(pieces), place));
        }
        let path = self.path(at, name)?;
        if path.part != Part::Text || path.steps.is_empty() {
            let what = format!("'{}' is no list: there is one of it", name.trim());
            let hint = Some("name an element, or write `… split \",\"`".to_owned());
            return Err(Unknown { what, hint });
        }
        let mut steps = if path.root.is_some() { Vec::new() } else { at.steps.clone() };
        steps.extend(path.steps.iter().cloned());
        Ok((List::Elements(path), Place { steps, pieces: None }))
    }

    /// The path of a slot from the root element.
    pub fn absolute(&self, at: &Place, slot: &Slot) -> Path {
        let path = slot.path();
        let around = if path.root.is_some() { &[][..] } else { &at.steps[..] };
        let steps = around.iter().chain(&path.steps).cloned().collect();
        Path { root: None, steps, part: path.part.clone() }
    }

    fn path(&self, at: &Place, name: &str) -> Result<Path, Unknown> {
        let path = path::parse(name, &self.namespaces)?;
        if self.elements.is_empty() {
            return Ok(path);
        }
        let mut known = &self.elements;
        let around = at.steps.iter().filter(|_| path.root.is_none());
        let around = around.map(|s| namespace::local(&s.name.shown));
        let below: Vec<&str> = around.chain(path.names()).collect();
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

    /// The path from the root, with predicates; `a/b[]` for a piece.
    pub fn canonical(&self, at: &Place, slot: &Slot) -> String {
        let names = self.absolute(at, slot).shown();
        let end = if matches!(slot, Slot::Piece(_)) { "[]" } else { "" };
        names.join("/") + end
    }

    /// Paths of the elements that hold no elements.
    pub fn slots(&self) -> Vec<String> {
        fn walk(defs: &[ElementDef], above: &str, out: &mut Vec<String>) {
            for def in defs {
                let slash = if above.is_empty() { "" } else { "/" };
                let path = format!("{above}{slash}{}", def.name);
                match def.children.is_empty() {
                    true => out.push(path),
                    false => walk(&def.children, &path, out),
                }
            }
        }
        let mut out = Vec::new();
        walk(&self.elements, "", &mut out);
        out
    }

    /// Reads a document.
    pub fn read(self: &Arc<Self>, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        if bytes.len() > MOST_BYTES {
            let what = format!("the document has {} bytes, the limit is {MOST_BYTES}", bytes.len());
            return Err(Error::new(Kind::TooLarge, what));
        }
        let text = Text::decode(bytes, declared(bytes, charsets)?, charsets)?;
        let elements = parse::parse(&text, &self.namespaces)?;
        Ok(self.file(text, elements))
    }

    /// The whole skeleton with every leaf empty.
    pub fn blank(self: &Arc<Self>) -> File {
        let mut text = String::new();
        if let Some(declaration) = &self.declaration {
            text += declaration;
            text += &self.line_end;
        }
        let root = ElementDef {
            name: self.root.clone().unwrap_or_else(|| "root".to_owned()),
            children: self.elements.clone(),
        };
        let mut skeleton = String::new();
        self.skeleton(&root, &mut skeleton);
        text += &self.declaring(&skeleton, &root.name);
        let text = Text::fresh(&text, Charset::Utf8);
        let elements = parse::parse(&text, &self.namespaces).unwrap_or_default();
        self.file(text, elements)
    }

    /// Whether the documents are of HL7 v3: their times are spelt as in HL7 v2.
    pub fn is_cda(&self) -> bool {
        self.namespaces.iter().any(|n| n.uri == "urn:hl7-org:v3")
    }

    /// Whether a text says nothing.
    fn is_null(&self, text: &str) -> bool {
        let text = text.trim();
        text.is_empty() || self.nulls.iter().any(|null| null == text)
    }

    /// The namespace of names without prefix.
    fn default_namespace(&self) -> Option<namespace::Number> {
        namespace::of_prefix(&self.namespaces, "")
    }

    /// A skeleton whose root declares the namespaces.
    fn declaring(&self, skeleton: &str, root: &str) -> String {
        let open = format!("<{root}");
        let declared = self.namespaces.iter().map(|Namespace { prefix, uri }| {
            let colon = if prefix.is_empty() { "" } else { ":" };
            format!(" xmlns{colon}{prefix}=\"{}\"", escape::attribute(uri, '"'))
        });
        let declared: String = declared.collect();
        skeleton.replacen(&open, &format!("{open}{declared}"), 1)
    }

    fn file(self: &Arc<Self>, text: Arc<Text>, elements: Vec<parse::Element>) -> File {
        let (schema, found) = (Arc::clone(self), Mutex::default());
        let shared = Shared { schema, text: Arc::clone(&text), elements, found };
        let record = Record::Xml(Document::new(shared));
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

    /// The children of an element in their order, by the names on the way to it.
    fn children<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> &[ElementDef] {
        let mut known = &self.elements[..];
        for name in names {
            let Some(def) = known.iter().find(|d| d.name == name) else { return &[] };
            known = &def.children;
        }
        known
    }
}

/// The charset that the bytes themselves tell: by the encoding in the XML declaration, which is
/// ASCII in every charset but UTF-16; UTF-16 without a byte order mark by its zeros
/// (<https://www.w3.org/TR/xml/#sec-guessing>). An encoding that nobody knows is an error unless the
/// channel says one.
fn declared(bytes: &[u8], charsets: &Charsets) -> Result<Option<Charset>> {
    match bytes {
        [b'<', 0, _, 0, ..] => return Ok(Some(Charset::Utf16Le)),
        [0, b'<', 0, _, ..] => return Ok(Some(Charset::Utf16Be)),
        _ => {}
    }
    let head: String = bytes.iter().take(200).map(|b| char::from(*b)).collect();
    let head = head.trim_start_matches("\u{EF}\u{BB}\u{BF}").trim_start();
    let Some(name) = encoding(head) else { return Ok(None) };
    match Charset::named(name) {
        // It has been written anew in another charset, and the declaration stayed.
        Some(Charset::Utf16Le | Charset::Utf16Be) => Ok(None),
        Some(charset) => Ok(Some(charset)),
        None if charsets.channel.is_some() => Ok(None),
        None => {
            let what = format!("the XML declares the encoding '{name}', which is not known");
            Err(Error::new(Kind::NotSupported, what)
                .at("line 1")
                .advise("set the channel's charset, or send UTF-8 or GB18030"))
        }
    }
}

fn encoding(head: &str) -> Option<&str> {
    let declaration = head.strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0)
}

/// Refuses a content of an element that is not well-formed.
fn well_formed(inside: &str) -> Result<()> {
    let text = Text::fresh(&format!("<x>{inside}</x>"), Charset::Utf8);
    parse::parse(&text, &[]).map(|_| ())
}
