//! JSON text → a flat arena of values that know where they stand
//! (<https://www.rfc-editor.org/rfc/rfc8259>). Strict: what one reader takes and the next refuses
//! is refused here, with its line and column.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

use super::{MOST_DEPTH, MOST_VALUES};
use crate::error::{Error, Kind, Result};
use crate::legacy::record::Span;

/// A value of a document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub kind: NodeKind,
    /// The value; of a string with its quotes.
    pub span: Span,
    /// The key that stands before it, with its quotes.
    pub key: Option<Span>,
    /// The value around it; 0: none.
    pub parent: u32,
    /// Members and items, in order.
    pub children: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Node {
    /// Where the member or item begins: at its key, if it has one.
    pub fn start(&self) -> u32 {
        self.key.unwrap_or(self.span).start
    }
}

/// Reads values one after another into one arena. Value 0 is nobody's.
#[derive(Debug)]
pub(super) struct Parser<'t> {
    text: &'t str,
    pub at: usize,
    end: usize,
    pub nodes: Vec<Node>,
    places: Places,
}

impl<'t> Parser<'t> {
    pub fn new(text: &'t str) -> Self {
        let span = Span::default();
        let nobody =
            Node { kind: NodeKind::Null, span, key: None, parent: 0, children: Vec::new() };
        Parser { text, at: 0, end: text.len(), nodes: vec![nobody], places: Places::default() }
    }

    /// Goes on at a place, up to another.
    pub fn within(&mut self, start: usize, end: usize) {
        (self.at, self.end) = (start, end);
    }

    /// Whether nothing but white space is left.
    pub fn is_done(&mut self) -> bool {
        self.space();
        self.at >= self.end
    }

    /// Reads one value. What was read of a broken one is taken back.
    pub fn value(&mut self) -> Result<u32> {
        let before = self.nodes.len();
        let read = self.any(0, None, 0);
        if read.is_err() {
            self.nodes.truncate(before);
        }
        read
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes()[..self.end].get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn any(&mut self, parent: u32, key: Option<Span>, depth: usize) -> Result<u32> {
        self.space();
        let start = self.at;
        if depth > MOST_DEPTH {
            let what = format!("values are nested deeper than {MOST_DEPTH}");
            return Err(Error::new(Kind::TooLarge, what).at(self.place(start)));
        }
        if self.nodes.len() > MOST_VALUES {
            let what = format!("there are more than {MOST_VALUES} values");
            return Err(Error::new(Kind::TooLarge, what).at(self.place(start)));
        }
        let node = self.nodes.len() as u32;
        let span = Span { start: start as u32, end: start as u32 };
        self.nodes.push(Node { kind: NodeKind::Null, span, key, parent, children: Vec::new() });
        let kind = match self.peek() {
            Some(b'{') => {
                self.members(node, depth)?;
                NodeKind::Object
            }
            Some(b'[') => {
                self.items(node, depth)?;
                NodeKind::Array
            }
            Some(b'"') => {
                self.string()?;
                NodeKind::String
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                NodeKind::Number
            }
            _ => self.word()?,
        };
        let this = &mut self.nodes[node as usize];
        (this.kind, this.span.end) = (kind, self.at as u32);
        Ok(node)
    }

    fn members(&mut self, node: u32, depth: usize) -> Result<()> {
        self.at += 1;
        self.space();
        let mut children = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a key in double quotes was expected here"));
            }
            self.string()?;
            let key = Span { start: start as u32, end: self.at as u32 };
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.wrong("':' was expected here"));
            }
            self.at += 1;
            children.push(self.any(node, Some(key), depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.wrong("',' or '}' was expected here")),
            }
        }
        self.at += 1;
        self.check_keys(&children)?;
        self.nodes[node as usize].children = children;
        Ok(())
    }

    /// A key that stands twice is read in two ways by two readers.
    fn check_keys(&self, children: &[u32]) -> Result<()> {
        let mut seen = HashSet::with_capacity(children.len());
        for child in children {
            let Some(span) = self.nodes[*child as usize].key else { continue };
            let key = unquoted(&self.text[span.start as usize..span.end as usize]);
            if !seen.insert(key.clone()) {
                let what = format!("the key '{key}' stands twice in one object");
                let at = self.place(span.start as usize);
                return Err(Error::new(Kind::Structure, what).at(at));
            }
        }
        Ok(())
    }

    fn items(&mut self, node: u32, depth: usize) -> Result<()> {
        self.at += 1;
        self.space();
        let mut children = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            children.push(self.any(node, None, depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.wrong("',' or ']' was expected here")),
            }
        }
        self.at += 1;
        self.nodes[node as usize].children = children;
        Ok(())
    }

    fn string(&mut self) -> Result<()> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => {
                    return Err(self.wrong("a control character in a string must be escaped"));
                }
                Some(_) => self.at += 1,
                None => {
                    self.at = start;
                    return Err(self.wrong("the string is not closed"));
                }
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        let bytes = &self.text.as_bytes()[..self.end];
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let Some((_, length)) = unicode(&self.text[self.at..self.end]) else {
                    return Err(self.wrong("this escape is no character"));
                };
                self.at += length;
            }
            _ => return Err(self.wrong("there is no such escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        let length = number(&self.text[self.at..self.end]);
        let Some(length) = length else { return Err(self.wrong("this is no JSON number")) };
        self.at += length;
        match self.peek() {
            Some(b'0'..=b'9' | b'.' | b'+' | b'-' | b'a'..=b'z' | b'A'..=b'Z') => {
                Err(self.wrong("this is no JSON number"))
            }
            _ => Ok(()),
        }
    }

    fn word(&mut self) -> Result<NodeKind> {
        let rest = &self.text[self.at..self.end];
        let words = [("true", NodeKind::Bool), ("false", NodeKind::Bool), ("null", NodeKind::Null)];
        let found = words.into_iter().find(|(word, _)| {
            let after = rest.strip_prefix(word);
            after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric()))
        });
        match found {
            Some((word, kind)) => {
                self.at += word.len();
                Ok(kind)
            }
            None if rest.is_empty() => Err(self.wrong("a value was expected, the text ends here")),
            None => Err(self.wrong("a value was expected here")),
        }
    }

    pub fn wrong(&self, what: &str) -> Error {
        Error::new(Kind::Structure, what).at(self.place(self.at))
    }

    /// Line and column of a place, for people.
    fn place(&self, at: usize) -> String {
        self.places.place(self.text, at)
    }
}

/// Lines and columns of a text. Every record may ask for its own, so they are counted from the next
/// one of some places that are known.
#[derive(Debug, Default)]
pub(super) struct Places(OnceLock<Vec<Known>>);

/// A place whose line and column are known, both from 0.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    at: usize,
    line: usize,
    column: usize,
}

/// Bytes from one known place to the next.
const STEP: usize = 1024;

impl Places {
    /// `line 3, column 14`.
    pub fn place(&self, text: &str, at: usize) -> String {
        let found = self.find(text, at);
        format!("line {}, column {}", found.line + 1, found.column + 1)
    }

    /// The line of a place, from 1.
    pub fn line(&self, text: &str, at: usize) -> usize {
        self.find(text, at).line + 1
    }

    fn find(&self, text: &str, at: usize) -> Known {
        let known = self.0.get_or_init(|| {
            let mut known = vec![Known::default()];
            let mut here = Known::default();
            while here.at < text.len() {
                let mut end = (here.at + STEP).min(text.len());
                while !text.is_char_boundary(end) {
                    end += 1;
                }
                here = here.on(text, end);
                known.push(here);
            }
            known
        });
        let after = known.partition_point(|known| known.at <= at);
        let before = known.get(after.saturating_sub(1)).copied().unwrap_or_default();
        before.on(text, at)
    }
}

impl Known {
    /// Counts on to another place.
    fn on(self, text: &str, at: usize) -> Known {
        let passed = text.get(self.at..at).unwrap_or_default();
        let lines = passed.bytes().filter(|b| *b == b'\n').count();
        let column = match passed.rfind('\n') {
            Some(end) => passed[end + 1..].chars().count(),
            None => self.column + passed.chars().count(),
        };
        Known { at, line: self.line + lines, column }
    }
}

/// Length of the number that a text begins with.
pub(super) fn number(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        let start = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > start).then_some(at)
    };
    let at = usize::from(bytes.first() == Some(&b'-'));
    let mut at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = digits(at + 1 + sign)?;
    }
    Some(at)
}

/// A character written `\u….` at the start of a text, and its length; a pair for those beyond
/// the first plane.
fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let hex = text.get(at..at + 6)?.strip_prefix("\\u")?;
        let plain = hex.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(hex, 16).ok()).flatten()
    };
    let first = unit(0)?;
    if (0xD800..0xDC00).contains(&first) {
        let second = unit(6).filter(|second| (0xDC00..0xE000).contains(second))?;
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return Some((char::from_u32(code)?, 12));
    }
    Some((char::from_u32(first)?, 6))
}

/// What a string in quotes says.
pub(super) fn unquoted(raw: &str) -> Cow<'_, str> {
    let inner = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        text += &rest[..at];
        rest = &rest[at..];
        let (c, length) = match rest.as_bytes().get(1) {
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'u') => unicode(rest).unwrap_or(('\u{fffd}', 2)),
            Some(c) => (char::from(*c), 2),
            None => ('\\', 1),
        };
        text.push(c);
        rest = rest.get(length..).unwrap_or("");
    }
    text += rest;
    Cow::Owned(text)
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
