//! Text → a flat arena of elements, by the tokens of `quick-xml`.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::{MOST_DEPTH, MOST_ELEMENTS};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::Text;
use crate::legacy::record::Span;

/// A start tag is no longer than this.
const MOST_TAG: u32 = 1 << 20;

/// An element; the root is number 0, parents come before their children.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub name: Span,
    pub parent: u32,
    pub children: Vec<u32>,
    /// The start tag, or the whole of `<a/>`.
    pub start: Span,
    /// The end tag; `None` for `<a/>`.
    pub end: Option<Span>,
    /// Texts directly inside.
    pub pieces: Vec<Piece>,
}

/// A text directly inside an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub span: Span,
    pub cdata: bool,
}

/// Parses a document.
pub(super) fn parse(text: &Text) -> Result<Vec<Element>> {
    let source = text.text.as_str();
    let mut reader = Reader::from_str(source);
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<u32> = Vec::new();
    let mut at = 0_u32;
    loop {
        let event = reader.read_event();
        let span = Span { start: at, end: reader.buffer_position() as u32 };
        at = span.end;
        match event.map_err(|e| broken(text, reader.error_position() as u32, &e.to_string()))? {
            Event::Start(_) => {
                let node = add(text, &mut elements, &open, span)?;
                open.push(node);
                if open.len() > MOST_DEPTH {
                    let what = format!("elements are nested deeper than {MOST_DEPTH}");
                    return Err(located(Kind::TooLarge, text, span.start, what));
                }
            }
            Event::Empty(_) => {
                add(text, &mut elements, &open, span)?;
            }
            Event::End(_) => {
                if let Some(node) = open.pop() {
                    elements[node as usize].end = Some(span);
                }
            }
            Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) => {
                let cdata = source[span.start as usize..].starts_with("<![CDATA[");
                match open.last() {
                    Some(node) => elements[*node as usize].pieces.push(Piece { span, cdata }),
                    None if source[span.start as usize..span.end as usize].trim().is_empty() => {}
                    None => return Err(broken(text, span.start, "text outside the root element")),
                }
            }
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

fn add(text: &Text, elements: &mut Vec<Element>, open: &[u32], start: Span) -> Result<u32> {
    let node = elements.len() as u32;
    if elements.len() >= MOST_ELEMENTS || start.end - start.start > MOST_TAG {
        let what =
            format!("more than {MOST_ELEMENTS} elements, or a tag of more than {MOST_TAG} bytes");
        return Err(located(Kind::TooLarge, text, start.start, what));
    }
    if open.is_empty() && !elements.is_empty() {
        return Err(broken(text, start.start, "a second root element"));
    }
    let tag = text.slice(start);
    let length = tag[1..].find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(0);
    let name = Span { start: start.start + 1, end: start.start + 1 + length as u32 };
    let parent = open.last().copied().unwrap_or(0);
    if let Some(above) = open.last() {
        elements[*above as usize].children.push(node);
    }
    elements.push(Element {
        name,
        parent,
        children: Vec::new(),
        start,
        end: None,
        pieces: Vec::new(),
    });
    Ok(node)
}

fn broken(text: &Text, at: u32, what: &str) -> Error {
    located(Kind::Structure, text, at, format!("the XML is broken: {what}"))
}

fn located(kind: Kind, text: &Text, at: u32, what: String) -> Error {
    let at = at.min(text.text.len() as u32);
    let before = text.text.as_bytes().get(..at as usize).unwrap_or(&[]);
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let span = Span { start: at, end: at };
    // A position inside a character is moved back to its start.
    let byte = if text.text.is_char_boundary(at as usize) {
        text.byte_range(span).start
    } else {
        at as usize
    };
    Error::new(kind, what).at(format!("line {line}, byte {byte}"))
}

impl Element {
    /// Between the tags; behind the name of `<a/>`.
    pub(super) fn content(&self) -> Span {
        match self.end {
            Some(end) => Span { start: self.start.end, end: end.start },
            None => Span { start: self.name.end, end: self.name.end },
        }
    }

    /// The texts directly inside, unescaped.
    pub(super) fn text<'t>(&self, source: &'t str) -> Cow<'t, str> {
        let one = |piece: &Piece| {
            let raw = &source[piece.span.start as usize..piece.span.end as usize];
            match raw.strip_prefix("<![CDATA[").and_then(|r| r.strip_suffix("]]>")) {
                Some(inner) if piece.cdata => Cow::Borrowed(inner),
                _ => unescape(raw),
            }
        };
        match &self.pieces[..] {
            [] => Cow::Borrowed(""),
            [piece] => one(piece),
            many => many.iter().map(one).collect::<Vec<_>>().concat().into(),
        }
    }

    /// The value of an attribute, without its quotes.
    pub(super) fn attribute(&self, source: &str, name: &str) -> Option<Span> {
        let local = |n: &str| n.split_once(':').map(|(_, l)| l.to_owned());
        let found = self
            .attributes(source)
            .into_iter()
            .find(|(n, _)| *n == name || local(n).as_deref() == Some(name));
        found.map(|(_, span)| span)
    }

    /// Names and value spans of the attributes.
    pub(super) fn attributes<'t>(&self, source: &'t str) -> Vec<(&'t str, Span)> {
        let (from, to) = (self.name.end as usize, self.start.end as usize);
        let tag = &source[from..to];
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(equals) = tag[at..].find('=') {
            let name = tag[at..at + equals].trim();
            let after = at + equals + 1;
            let rest = &tag[after..];
            let Some(open) = rest.find(['"', '\'']) else { break };
            let quote = rest.as_bytes()[open] as char;
            let start = after + open + 1;
            let Some(length) = tag[start..].find(quote) else { break };
            let span = Span { start: (from + start) as u32, end: (from + start + length) as u32 };
            found.push((name, span));
            at = start + length + 1;
        }
        found
    }
}

/// Undoes the predefined entities and character references; what is neither stays as it is.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text += &rest[..at];
        rest = &rest[at..];
        let end = rest.find(';').filter(|n| *n <= 12);
        let character = end.and_then(|n| character(&rest[1..n]));
        match (end, character) {
            (Some(n), Some(c)) => {
                text.push(c);
                rest = &rest[n + 1..];
            }
            _ => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text += rest;
    Cow::Owned(text)
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
