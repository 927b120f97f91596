//! YAML 1.2 with the failsafe schema: every scalar is a string, and every node knows its place.
//!
//! Ordinary YAML typing turns `01` into 1 and `NO` into false, which makes a code table a
//! minefield; so `01`, `N`, `NO` and `1.10` stay what they are. Anchors, aliases, tags, merge keys
//! and several documents are refused, duplicate keys are errors, and size and depth are limited.
//! A text that begins with `*`, `{` or `[` must be quoted; the errors say so.

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::error::{Error, Kind as ErrorKind};

/// Largest file in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// Deepest nesting of maps and lists.
pub const MAX_DEPTH: usize = 64;
/// Most nodes of one file.
pub const MAX_NODES: usize = 200_000;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mark {
    /// The number that was given to [`parse`].
    pub file: u16,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// Characters of the node on its first line; 0 if unknown.
    pub length: u32,
}

/// A scalar, a list or a map, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where.
    pub mark: Mark,
    /// What.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A text; a missing value is an empty plain one.
    Scalar(String, Style),
    /// A list.
    Seq(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In single or double quotes.
    Quoted,
    /// As a `|` or `>` block.
    Block,
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where.
    pub mark: Mark,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub mark: Mark,
    /// What is wrong, one sentence without a final period.
    pub what: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// A character that must stand in quotes was written without (`*`, `{`, `[`, `,`, `#`).
    pub quoting: bool,
}

/// Reads one document. `file` is echoed in every [`Mark`]. An empty file is an empty map.
pub fn parse(text: &str, file: u16) -> Result<Node, Fault> {
    let start = Mark { file, line: 1, column: 1, length: 0 };
    if text.len() > MAX_BYTES {
        let what = format!("the file is larger than {MAX_BYTES} bytes");
        return Err(Fault { mark: start, what, hint: None, quoting: false });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { parser: Parser::new_from_str(text), text, file, nodes: 0 };
    reader.document()
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }
}

impl Fault {
    /// As the crate's error, with the file's name.
    pub fn into_error(self, file: &str) -> Error {
        let place = format!("{file}:{}:{}", self.mark.line, self.mark.column);
        let error = Error::new(ErrorKind::Structure, self.what).at(place);
        match self.hint {
            Some(hint) => error.advise(hint),
            None => error,
        }
    }
}

type Parsed<T> = Result<T, Fault>;

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    text: &'t str,
    file: u16,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Parsed<Node> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) if root.is_none() => {}
                Event::DocumentStart(_) => {
                    return Err(self.fault(span, "a second document begins here", None));
                }
                Event::DocumentEnd | Event::StreamStart | Event::Nothing => {}
                Event::StreamEnd => break,
                other => root = Some(self.node(other, span, 0)?),
            }
        }
        let empty = Mark { file: self.file, line: 1, column: 1, length: 0 };
        match root {
            Some(Node { kind: Kind::Scalar(text, Style::Plain), mark }) if text.is_empty() => {
                Ok(Node { mark, kind: Kind::Map(Vec::new()) })
            }
            Some(root) => Ok(root),
            None => Ok(Node { mark: empty, kind: Kind::Map(Vec::new()) }),
        }
    }

    fn next(&mut self) -> Parsed<(Event<'t>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let mark = *error.marker();
                Err(self.scan_fault(Span::empty(mark), error.info()))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Parsed<Node> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(self.fault(span, "the file is nested too deeply", None));
        }
        if self.nodes > MAX_NODES {
            return Err(self.fault(span, "the file has too many entries", None));
        }
        let mark = self.mark(span);
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag.is_some())
            }
            _ => (0, false),
        };
        if anchor != 0 {
            return Err(self.trap(span, "anchors (&name) are not part of this language"));
        }
        if tagged {
            return Err(self.trap(span, "tags (!name) are not part of this language"));
        }
        let kind = match event {
            Event::Scalar(text, style, ..) => Kind::Scalar(text.into_owned(), style_of(style)),
            Event::SequenceStart(..) => Kind::Seq(self.items(depth)?),
            Event::MappingStart(..) => Kind::Map(self.entries(depth)?),
            Event::Alias(_) => {
                return Err(self.trap(span, "aliases (*name) are not part of this language"));
            }
            _ => return Err(self.fault(span, "a value was expected here", None)),
        };
        Ok(Node { mark, kind })
    }

    fn items(&mut self, depth: usize) -> Parsed<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Parsed<Vec<(Key, Node)>> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            let key = match self.node(event, span, depth + 1)? {
                Node { kind: Kind::Scalar(text, _), mark } => Key { text, mark },
                _ => {
                    return Err(self.trap(span, "a key must be a text"));
                }
            };
            if key.text == "<<" {
                return Err(self.fault(
                    span,
                    "merge keys (<<) are not part of this language",
                    None,
                ));
            }
            if !seen.insert(key.text.clone()) {
                let what = format!("the key '{}' is written twice", key.text);
                return Err(self.fault(span, &what, Some("join the two, or remove one")));
            }
            let (event, span) = self.next()?;
            entries.push((key, self.node(event, span, depth + 1)?));
        }
    }

    fn mark(&self, span: Span) -> Mark {
        let one_line = span.end.line() == span.start.line();
        Mark {
            file: self.file,
            line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
            column: u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX),
            length: if one_line { u32::try_from(span.len()).unwrap_or(0) } else { 0 },
        }
    }

    fn fault(&self, span: Span, what: &str, hint: Option<&str>) -> Fault {
        let hint = hint.map(str::to_owned);
        Fault { mark: self.mark(span), what: what.to_owned(), hint, quoting: false }
    }

    /// A construct that is nearly always a text that lacks its quotes.
    fn trap(&self, span: Span, what: &str) -> Fault {
        let hint = "put the whole text in quotes if it is one: \"* --> x\", '{slot} | copy'";
        Fault { quoting: true, ..self.fault(span, what, Some(hint)) }
    }

    /// The scanner's complaint, told as a missing pair of quotes where the line shows one.
    fn scan_fault(&self, span: Span, info: &str) -> Fault {
        let line = self.text.lines().nth(span.start.line().saturating_sub(1)).unwrap_or("");
        match unquoted_trap(line) {
            Some(found) => self.trap(span, &format!("a text that begins with {found}")),
            None => self.fault(span, info, None),
        }
    }
}

/// The character that opens YAML's own syntax where a value of this line begins, if the value then
/// goes on as a text: `- * --> x`, `text: {slot} | copy`, `by: [.1], x`.
fn unquoted_trap(line: &str) -> Option<&'static str> {
    let line = line.trim();
    let value = match line.strip_prefix("- ") {
        Some(item) => item,
        None => line.split_once(": ").map_or(line, |(_, value)| value),
    };
    let value = value.trim();
    match value.chars().next()? {
        '*' => Some("'*' must be quoted: YAML takes it for an alias"),
        '{' => Some("'{' must be quoted: YAML takes it for a map"),
        '[' => Some("'[' must be quoted: YAML takes it for a list"),
        '&' => Some("'&' must be quoted: YAML takes it for an anchor"),
        '!' => Some("'!' must be quoted: YAML takes it for a tag"),
        '@' | '`' => Some("'@' or '`' must be quoted: YAML reserves it"),
        '%' => Some("'%' must be quoted: YAML takes it for a directive"),
        '"' | '\'' => Some("a quote must be quoted as a whole: YAML ends the text at the next one"),
        _ => None,
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_scalar_is_a_string() {
        let node = parse("a: 01\nb: NO\nc: 1.10\nd: ~\ne:\nf: null\ng: \"x\"\n", 0).unwrap();
        let texts: Vec<_> = node.entries().unwrap().iter().map(|(_, v)| v.text()).collect();
        let want = ["01", "NO", "1.10", "~", "", "null", "x"].map(Some);
        assert_eq!(texts, want);
    }

    #[test]
    fn nodes_know_their_place() {
        let node = parse("a:\n  出生日期: PID-7 | date\n", 3).unwrap();
        let (key, value) = &node.get("a").unwrap().entries().unwrap()[0];
        assert_eq!((key.mark.line, key.mark.column, key.mark.length), (2, 3, 4));
        assert_eq!((value.mark.line, value.mark.column, value.mark.length), (2, 9, 12));
        assert_eq!(value.mark.file, 3);
    }

    #[test]
    fn what_is_not_part_of_the_language_is_refused() {
        let cases = [
            ("a: 1\na: 2\n", "the key 'a' is written twice", 2, false),
            ("a: &x 1\n", "anchors (&name) are not part of this language", 1, true),
            ("a: !t 1\n", "tags (!name) are not part of this language", 1, true),
            ("<<: 1\n", "merge keys (<<) are not part of this language", 1, false),
            ("a: 1\n---\nb: 2\n", "a second document begins here", 2, false),
            (
                "- x\n- * --> usual\n",
                "a text that begins with '*' must be quoted: YAML takes it for an alias",
                2,
                true,
            ),
            (
                "a: {slot} | copy\n",
                "a text that begins with '{' must be quoted: YAML takes it for a map",
                1,
                true,
            ),
        ];
        for (text, what, line, quoting) in cases {
            let fault = parse(text, 0).unwrap_err();
            assert_eq!(fault.what, what, "{text}");
            assert_eq!(fault.mark.line, line, "{text}");
            assert_eq!(fault.quoting, quoting, "{text}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let deep = "[".repeat(MAX_DEPTH + 10) + &"]".repeat(MAX_DEPTH + 10);
        assert_eq!(parse(&deep, 0).unwrap_err().what, "the file is nested too deeply");
    }

    #[test]
    fn an_empty_file_is_an_empty_map() {
        for text in ["", "\n", "# only a comment\n", "---\n"] {
            assert_eq!(parse(text, 0).unwrap().entries().unwrap().len(), 0, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_tree_or_a_located_fault(text in "[ -~\n\u{4e00}-\u{4e20}]{0,200}") {
            if let Err(fault) = parse(&text, 0) {
                prop_assert!(fault.mark.line >= 1);
            }
        }
    }
}
