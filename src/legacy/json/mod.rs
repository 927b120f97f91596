//! JSON records: bodies that others post, one object, an array of objects, or one per line.
//!
//! Every value knows its span, so an edit touches one value, and the rest of the body stays byte
//! for byte: order, white space, spelling of numbers. A value keeps its JSON type when it is written
//! anew. Keys that stand twice, and what is too deep or too large, are refused with their place.

mod contract;
mod edit;
mod object;
mod parse;
mod path;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::charset::{Charset, Charsets, Text};
use super::record::{File, Record, Span};
use crate::error::{Error, Kind, Result};
pub use contract::Contract;
pub use edit::Editor;
pub use object::Object;
use object::Shared;
pub(crate) use parse::{Node, NodeKind};
use parse::{Parser, Places};
pub use path::{List, Path, Pieces, Place, Slot};

/// A body is no larger than this.
pub const MOST_BYTES: usize = 64 << 20;
/// Values are nested no deeper than this.
pub const MOST_DEPTH: usize = 100;
/// A body has no more values than this.
pub const MOST_VALUES: usize = 2_000_000;

/// What the records look like; made from `schema.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// New records are one line each.
    pub lines: bool,
    /// New records have all fields, those without a value as nothing.
    pub skeleton: bool,
    /// Texts that mean "nothing"; the first one is written.
    pub nulls: Vec<String>,
    /// The members of a record, in the order in which they are written. Empty: any.
    pub fields: Vec<Field>,
    /// What a record must be to be taken.
    pub contract: Option<Arc<Contract>>,
}

/// A member of an object.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// The value is an array of what the rest says.
    pub list: bool,
    /// What it holds; of no meaning where there are children.
    pub facts: Facts,
    /// The value is an object with these members.
    pub children: Vec<Field>,
}

/// What is known of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its JSON type in new records; an inbound value of another type is refused.
    pub kind: FieldKind,
    /// Longest text, in characters.
    pub max: Option<usize>,
    /// A record without it is refused.
    pub required: bool,
    /// Ids made of it are hashed.
    pub secret: bool,
    /// Texts that mean "nothing" here, in place of the schema's.
    pub nulls: Option<Vec<String>>,
}

/// The JSON type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldKind {
    /// A string.
    #[default]
    Text,
    /// A number.
    Number,
    /// A number without a fraction.
    Int,
    /// `true` or `false`.
    Bool,
}

impl Schema {
    /// Reads a body: its objects are the records. Of several, those that are broken or break the
    /// contract are in [`File::broken`].
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        let mut file = self.read_unchecked(bytes, charsets)?;
        for record in std::mem::take(&mut file.records) {
            let Record::Json(mut object) = record else { continue };
            match self.check(&object) {
                Ok(()) => {
                    object.index = file.records.len() as u32;
                    file.records.push(Record::Json(object));
                }
                Err(error) => file.broken.push((object.span(), error)),
            }
        }
        Ok(file)
    }

    /// Reads a body whatever its contract.
    pub(super) fn read_unchecked(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        if bytes.len() > MOST_BYTES {
            let what = format!("the body has {} bytes, the limit is {MOST_BYTES}", bytes.len());
            return Err(Error::new(Kind::TooLarge, what));
        }
        let text = Text::decode(bytes, None, charsets)?;
        let (nodes, tops, broken) = read_values(&text.text)?;
        let shared = Arc::new(Shared {
            schema: self.clone(),
            text: Arc::clone(&text),
            nodes,
            places: Places::default(),
        });
        let object = |(n, root): (usize, u32)| Record::Json(Object::new(&shared, root, n as u32));
        let records = tops.into_iter().enumerate().map(object).collect();
        Ok(File { text, records, broken })
    }

    /// A new record: an empty object, or one with all members and nothing in them.
    pub fn blank(&self) -> File {
        let mut text = String::new();
        let fields = if self.skeleton { &self.fields[..] } else { &[] };
        self.skeleton(fields, if self.lines { None } else { Some(1) }, &mut text);
        text.push('\n');
        let charsets = Charsets { channel: Some(Charset::Utf8), ..Charsets::default() };
        let free = Schema { contract: None, ..self.clone() };
        let text = Text::decode(text.as_bytes(), None, &charsets)
            .unwrap_or_else(|_| Text::fresh("{}", Charset::Utf8));
        let (nodes, tops, _) = read_values(&text.text).unwrap_or_default();
        let shared = Arc::new(Shared {
            schema: free,
            text: Arc::clone(&text),
            nodes,
            places: Places::default(),
        });
        let records = tops.into_iter().map(|root| Record::Json(Object::new(&shared, root, 0)));
        File { records: records.collect(), text, broken: Vec::new() }
    }

    /// An empty object of these members; `indent`: on lines of their own.
    fn skeleton(&self, fields: &[Field], indent: Option<usize>, text: &mut String) {
        text.push('{');
        let space = |text: &mut String, level: usize| {
            if indent.is_some() {
                text.push('\n');
                *text += &" ".repeat(level * 2);
            }
        };
        let level = indent.unwrap_or(0);
        for (n, field) in fields.iter().enumerate() {
            if n > 0 {
                *text += if indent.is_some() { "," } else { ", " };
            }
            space(text, level);
            *text += &parse::quoted(&field.name);
            *text += ": ";
            match field {
                Field { list: true, .. } => *text += "[]",
                Field { children, .. } if !children.is_empty() => {
                    self.skeleton(children, indent.map(|level| level + 1), text);
                }
                field => *text += &self.nothing(Some(&field.facts)),
            }
        }
        if !fields.is_empty() {
            space(text, level.saturating_sub(1));
        }
        text.push('}');
    }

    /// The texts that mean "nothing" at a place.
    fn nulls<'s>(&'s self, facts: Option<&'s Facts>) -> &'s [String] {
        facts.and_then(|f| f.nulls.as_deref()).unwrap_or(&self.nulls)
    }

    /// "Nothing" as a JSON value.
    fn nothing(&self, facts: Option<&Facts>) -> String {
        let marker = self.nulls(facts).first();
        let text = facts.is_none_or(|f| f.kind == FieldKind::Text);
        marker.filter(|_| text).map_or_else(|| "null".to_owned(), |marker| parse::quoted(marker))
    }

    /// Whether a text is blank or a null marker.
    fn is_nothing(&self, facts: Option<&Facts>, text: &str) -> bool {
        let text = text.trim();
        text.is_empty() || self.nulls(facts).iter().any(|null| null.trim() == text)
    }
}

/// `line 3, column 5` of a value.
pub(super) fn place_of(object: &Object, node: u32) -> String {
    let at = object.node(node).map_or(0, |n| n.span.start);
    object.place(at as usize)
}

/// The values of a body, its objects, and what is broken among several.
type Values = (Vec<Node>, Vec<u32>, Vec<(Span, Error)>);

fn read_values(text: &str) -> Result<Values> {
    let (nodes, tops) = match read_all(text) {
        Ok(read) => read,
        Err(error) if error.kind == Kind::TooLarge => return Err(error),
        Err(error) => return lines(text).map_or(Err(error), |lines| read_lines(text, lines)),
    };
    let (objects, others): (Vec<u32>, Vec<u32>) =
        tops.into_iter().partition(|top| nodes[*top as usize].kind == NodeKind::Object);
    let (mut broken, places) = (Vec::new(), Places::default());
    for other in others {
        let span = nodes[other as usize].span;
        let error = Error::new(Kind::Structure, "a record is a JSON object, this is none");
        broken.push((span, error.at(places.place(text, span.start as usize))));
    }
    if objects.is_empty() && broken.is_empty() && text.trim().is_empty() {
        return Err(Error::new(Kind::Structure, "the body is empty"));
    }
    Ok((nodes, objects, broken))
}

/// Values one after another; the items of an array are as many.
fn read_all(text: &str) -> Result<(Vec<Node>, Vec<u32>)> {
    let mut parser = Parser::new(text);
    let mut tops = Vec::new();
    while !parser.is_done() {
        let top = parser.value()?;
        match parser.nodes[top as usize].kind {
            NodeKind::Array => tops.extend(&parser.nodes[top as usize].children),
            _ => tops.push(top),
        }
    }
    Ok((parser.nodes, tops))
}

/// One object per line, broken ones too.
fn read_lines(text: &str, lines: Vec<Span>) -> Result<Values> {
    let mut parser = Parser::new(text);
    let (mut tops, mut broken) = (Vec::new(), Vec::new());
    for span in lines {
        parser.within(span.start as usize, span.end as usize);
        let read = parser.value().and_then(|top| {
            let done = parser.is_done();
            if done { Ok(top) } else { Err(parser.wrong("the line goes on behind its object")) }
        });
        match read {
            Ok(top) => tops.push(top),
            Err(error) if error.kind == Kind::TooLarge => return Err(error),
            Err(error) => broken.push((span, error)),
        }
    }
    Ok((parser.nodes, tops, broken))
}

/// The lines of a text that has an object in each: one that is broken does not refuse the others.
fn lines(text: &str) -> Option<Vec<Span>> {
    let mut spans = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if !trimmed.is_empty() {
            if !trimmed.starts_with('{') {
                return None;
            }
            let start = at + (line.len() - line.trim_start().len());
            spans.push(Span { start: start as u32, end: (start + trimmed.len()) as u32 });
        }
        at += line.len();
    }
    (spans.len() > 1).then_some(spans)
}

/// The keys of the first object of a text that may be cut off: what kind of record it is.
pub(crate) fn first_keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let (mut depth, mut at) = (0usize, text.find('{').unwrap_or(text.len()));
    while let Some(c) = text[at..].chars().next() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            '"' => {
                let Some(length) = string_length(&text[at..]) else { break };
                let rest = text[at + length..].trim_start();
                if depth == 1 && rest.starts_with(':') {
                    keys.push(parse::unquoted(&text[at..at + length]).into_owned());
                }
                at += length;
                continue;
            }
            _ => {}
        }
        at += c.len_utf8();
        if depth == 0 {
            break;
        }
    }
    keys
}

fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
