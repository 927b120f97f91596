//! Text → a flat arena of elements, by the tokens of `quick-xml`.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::namespace::{self, Declared, MOST_NAMESPACES, Name, Namespace, Number};
use super::tag::{self, Attribute};
use super::{MOST_DEPTH, MOST_ELEMENTS, escape};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::Text;
use crate::legacy::record::Span;

/// An element; the root is number 0, parents come before their children.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub name: Span,
    /// Of its prefix, or the default one.
    pub namespace: Number,
    pub parent: u32,
    pub children: Vec<u32>,
    pub attributes: Vec<Attribute>,
    /// The start tag, or the whole of `<a/>`.
    pub start: Span,
    /// The end tag; `None` for `<a/>`.
    pub end: Option<Span>,
    /// Texts directly inside, layout too.
    pub texts: Vec<Piece>,
}

/// A text directly inside an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub span: Span,
    pub cdata: bool,
}

/// Parses a document. The namespaces of the schema are numbered first.
pub(super) fn parse(text: &Text, namespaces: &[Namespace]) -> Result<Vec<Element>> {
    let source = text.text.as_str();
    let mut reader = Reader::from_str(source);
    let mut elements: Vec<Element> = Vec::new();
    let mut declared = Declared::new(namespaces);
    let mut open: Vec<u32> = Vec::new();
    let mut at = 0_u32;
    loop {
        let event = reader.read_event();
        let span = Span { start: at, end: reader.buffer_position() as u32 };
        at = span.end;
        match event.map_err(|e| broken(text, reader.error_position() as u32, &e.to_string()))? {
            Event::Start(_) => {
                let node = add(text, &mut elements, &mut declared, &open, span)?;
                open.push(node);
                if open.len() > MOST_DEPTH {
                    let what = format!("elements are nested deeper than {MOST_DEPTH}");
                    return Err(located(Kind::TooLarge, text, span.start, what));
                }
            }
            Event::Empty(_) => {
                add(text, &mut elements, &mut declared, &open, span)?;
                declared.leave();
            }
            Event::End(_) => {
                if let Some(node) = open.pop() {
                    declared.leave();
                    elements[node as usize].end = Some(span);
                }
            }
            Event::Text(_) | Event::GeneralRef(_) => match open.last() {
                Some(node) => elements[*node as usize].add_text(span),
                None if text.slice(span).trim().is_empty() => {}
                None => return Err(broken(text, span.start, "text outside the root element")),
            },
            Event::CData(_) => match open.last() {
                Some(node) => elements[*node as usize].texts.push(Piece { span, cdata: true }),
                None => return Err(broken(text, span.start, "text outside the root element")),
            },
            Event::DocType(_) => {
                let what = "a document type (DTD) is not accepted".to_owned();
                return Err(located(Kind::Structure, text, span.start, what)
                    .advise("send the document without <!DOCTYPE …>"));
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(node) = open.last() {
        let element = &elements[*node as usize];
        let name = text.slice(element.name).to_owned();
        return Err(broken(text, element.start.start, &format!("<{name}> is not closed")));
    }
    if elements.is_empty() {
        return Err(broken(text, 0, "there is no element"));
    }
    Ok(elements)
}

fn add<'t>(
    text: &'t Text,
    elements: &mut Vec<Element>,
    declared: &mut Declared<'t>,
    open: &[u32],
    start: Span,
) -> Result<u32> {
    let node = elements.len() as u32;
    if elements.len() >= MOST_ELEMENTS {
        let what = format!("there are more than {MOST_ELEMENTS} elements");
        return Err(located(Kind::TooLarge, text, start.start, what));
    }
    if open.is_empty() && !elements.is_empty() {
        return Err(broken(text, start.start, "a second root element"));
    }
    let (name, mut attributes) = tag::read(text.slice(start), start.start).map_err(|wrong| {
        let at = start.start + wrong.at as u32;
        located(wrong.kind, text, at, format!("the XML is broken: {}", wrong.what))
    })?;
    let called = text.slice(name);
    let namespace = declared.enter(text, called, &mut attributes).ok_or_else(|| {
        let what = format!("there are more than {MOST_NAMESPACES} namespaces");
        located(Kind::TooLarge, text, start.start, what)
    })?;
    let parent = open.last().copied().unwrap_or(0);
    if let Some(above) = open.last() {
        elements[*above as usize].children.push(node);
    }
    let (children, texts) = (Vec::new(), Vec::new());
    let end = None;
    let element = Element { name, namespace, parent, children, attributes, start, end, texts };
    elements.push(element);
    Ok(node)
}

fn broken(text: &Text, at: u32, what: &str) -> Error {
    located(Kind::Structure, text, at, format!("the XML is broken: {what}"))
}

fn located(kind: Kind, text: &Text, at: u32, what: String) -> Error {
    // A place inside a character is moved back to its start.
    let mut at = (at as usize).min(text.text.len());
    while !text.text.is_char_boundary(at) {
        at -= 1;
    }
    let line = text.text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
    let byte = text.byte_range(Span { start: at as u32, end: at as u32 }).start;
    Error::new(kind, what).at(format!("line {line}, byte {byte}"))
}

impl Element {
    /// A text and the references in it are one.
    fn add_text(&mut self, span: Span) {
        match self.texts.last_mut() {
            Some(last) if !last.cdata && last.span.end == span.start => last.span.end = span.end,
            _ => self.texts.push(Piece { span, cdata: false }),
        }
    }

    /// Between the tags; behind the name of `<a/>`.
    pub(super) fn content(&self) -> Span {
        match self.end {
            Some(end) => Span { start: self.start.end, end: end.start },
            None => Span { start: self.name.end, end: self.name.end },
        }
    }

    /// The same, for what is read with its tags: nothing for `<a/>`.
    pub(super) fn inside(&self) -> Span {
        match self.end {
            Some(end) => Span { start: self.start.end, end: end.start },
            None => Span { start: self.start.end, end: self.start.end },
        }
    }

    /// The whole, with both tags.
    pub(super) fn span(&self) -> Span {
        Span { start: self.start.start, end: self.end.unwrap_or(self.start).end }
    }

    /// The texts that are no layout.
    pub(super) fn counting<'e>(&'e self, source: &'e str) -> impl Iterator<Item = &'e Piece> {
        let texts = self.texts.iter().enumerate();
        texts.filter(|(n, _)| !self.is_layout(*n, source)).map(|(_, piece)| piece)
    }

    /// White space alone between tags and comments; beside CDATA it is part of the text.
    pub(super) fn is_layout(&self, n: usize, source: &str) -> bool {
        let piece = &self.texts[n];
        let before = n.checked_sub(1).and_then(|n| self.texts.get(n));
        let touched = before.is_some_and(|p| p.span.end == piece.span.start)
            || self.texts.get(n + 1).is_some_and(|p| p.span.start == piece.span.end);
        !piece.cdata && !touched && piece.raw(source).trim().is_empty()
    }

    /// The text directly inside, unescaped.
    pub(super) fn text<'t>(&self, source: &'t str) -> Cow<'t, str> {
        let mut texts = self.counting(source);
        match (texts.next(), texts.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(one), None) => one.text(source),
            (Some(one), Some(two)) => {
                let texts = [one, two].into_iter().chain(texts);
                Cow::Owned(texts.map(|piece| piece.text(source)).collect())
            }
        }
    }

    /// An attribute by its name: by its namespace, or where the schema has none, with the prefix or
    /// without.
    pub(super) fn attribute(&self, source: &str, name: &Name) -> Option<&Attribute> {
        let called = |a: &Attribute| &source[a.name.start as usize..a.name.end as usize];
        if let Some(namespace) = name.namespace {
            let is = |a: &&Attribute| {
                a.namespace == namespace && namespace::local(called(a)) == name.local()
            };
            return self.attributes.iter().find(is);
        }
        let local = |a: &Attribute| {
            called(a).split_once(':').filter(|(prefix, _)| *prefix != "xmlns").map(|(_, l)| l)
        };
        let exact = self.attributes.iter().find(|a| called(a) == name.shown);
        exact.or_else(|| self.attributes.iter().find(|a| local(a) == Some(&*name.shown)))
    }
}

impl Piece {
    fn raw<'t>(&self, source: &'t str) -> &'t str {
        &source[self.span.start as usize..self.span.end as usize]
    }

    fn text<'t>(&self, source: &'t str) -> Cow<'t, str> {
        let raw = self.raw(source);
        if !self.cdata {
            return escape::unescape(raw);
        }
        let inner = raw.strip_prefix("<![CDATA[").and_then(|r| r.strip_suffix("]]>"));
        Cow::Borrowed(inner.unwrap_or(raw))
    }
}
