//! HL7 v2 (2.1-2.8): segments, fields, repetitions, groups by anchor, escapes.
//!
//! A message is read in one pass into flat lists of segments and field offsets; repetitions,
//! components and subcomponents are looked for when a slot is read, and escapes undone only where
//! there are any. The delimiters are those that the message names itself.
//!
//! * [`parse`]: bytes → messages
//! * [`structure`], [`groups`]: which segments make a group
//! * [`tables`]: fields, components and datatypes of all versions
//! * [`path`]: names of slots and lists
//! * [`read`]: a slot's text and span
//! * [`edit`], [`cell`]: writes → text edits
//! * acknowledgements: [`ack`]

pub mod ack;
mod cell;
mod edit;
mod escape;
mod groups;
mod parse;
mod path;
mod read;
mod segments;
mod structure;
pub mod tables;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::charset::{Charset, Charsets, Text};
use super::record::{File, Record, Scope, Span, Unknown};
use crate::error::{Error, Kind, Result};
use groups::Group;
use parse::Segment;
use structure::Structure;

pub use ack::{Acknowledgement, Code, Head};
pub use edit::Editor;
pub use escape::Delimiters;
pub use parse::{MAX_FIELDS, MAX_MESSAGE, MAX_SEGMENTS};
pub use path::{List, Place, Slot, reads_itself};
pub use structure::structure_id;

/// What the records look like: the messages a mapping accepts, and their one structure.
#[derive(Debug, Clone)]
pub struct Schema {
    accepts: Vec<String>,
    versions: Versions,
    structure: &'static Structure,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    text: Arc<Text>,
    span: Span,
    line: u32,
    /// Which of its file it is, from 0.
    index: u32,
    delimiters: Delimiters,
    structure: &'static Structure,
    segments: Vec<Segment>,
    /// Where each field begins; the segments' fields one after the other.
    fields: Vec<u32>,
    /// The message itself is number 0.
    groups: Vec<Group>,
}

/// First and last version, as numbers.
#[derive(Debug, Clone, Default)]
struct Versions {
    first: Vec<u32>,
    last: Vec<u32>,
}

impl Schema {
    /// For messages such as `ADT^A01`, which must have one structure, of versions `2.1..2.8` or
    /// `2.5.1`; no version text: all.
    pub fn new(accepts: &[String], versions: &str) -> Result<Schema, Unknown> {
        for message in accepts {
            let plain = |part: &str| {
                part.len() == 3
                    && part.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            };
            if !message.split('^').take(2).all(plain) {
                return Err(Unknown {
                    what: format!("`{message}` is no HL7 v2 message"),
                    hint: Some("write type and event, as in ADT^A01".into()),
                });
            }
        }
        let structure = Structure::of(accepts.first().map_or("", String::as_str));
        let other = accepts.iter().find(|m| !std::ptr::eq(Structure::of(m), structure));
        if let Some(other) = other {
            return Err(Unknown {
                what: format!("{} and {other} have different segment groups", accepts[0]),
                hint: Some("write a mapping for each; `use` shares their resources".into()),
            });
        }
        Ok(Schema { accepts: accepts.to_vec(), versions: Versions::read(versions)?, structure })
    }

    /// Whether a message is of an accepted type (or none is named) and version; the error is
    /// located at MSH-9 or MSH-12. Reading does not ask this.
    pub fn check(&self, message: &Message) -> Result<()> {
        let refuse = |slot: &str, what: String, advice: String| {
            Err(Error::new(Kind::NotSupported, what).at(slot).advise(advice))
        };
        let kind = message.about("message").unwrap_or_default();
        let accepted = self.accepts.is_empty() || self.accepts.iter().any(|a| first_two(a) == kind);
        if !accepted {
            let list = self.accepts.join(", ");
            return refuse(
                "MSH-9",
                format!("the message is {kind}"),
                format!("accepted are {list}"),
            );
        }
        let version = message.about("version").unwrap_or_default();
        if !version.is_empty() && !self.versions.include(&version) {
            let advice = format!("accepted are {}", self.versions.text());
            return refuse("MSH-12", format!("the version is {version}"), advice);
        }
        Ok(())
    }

    /// Reads a transfer: one or more messages, with batch segments and MLLP framing bytes around
    /// them or not. A message that is broken refuses the transfer: its end is not known.
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        parse::read(bytes, charsets, Some(self.structure))
    }

    /// A message with nothing but its delimiters, in UTF-8.
    pub fn blank(&self) -> File {
        let text = Text::fresh("MSH|^~\\&\r", Charset::Utf8);
        let read = parse::read(&text.bytes, &Charsets::default(), Some(self.structure));
        read.unwrap_or(File { text, records: Vec::new(), broken: Vec::new() })
    }
}

/// Reads messages of any type, each by its own structure: what a door does before a mapping is
/// found.
pub fn read_any(bytes: &[u8], charsets: &Charsets) -> Result<Vec<Message>> {
    let file = parse::read(bytes, charsets, None)?;
    Ok(file
        .records
        .into_iter()
        .filter_map(|record| match record {
            Record::Hl7(message) => Some(message),
            _ => None,
        })
        .collect())
}

impl Message {
    /// The text it was read from.
    pub fn text(&self) -> &Arc<Text> {
        &self.text
    }

    /// From the M of MSH to the end of the last segment's line.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The delimiters it names.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// `event` (`A01`), `message` (`ADT^A01`), `structure` (`ADT_A01`, also where MSH-9.3 is
    /// empty), `control`, `sender` (MSH-3 and MSH-4 as sent, with `|` between), `version`,
    /// `processing`, `line`.
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        let head = |field, component| self.header_text(field, component);
        match name {
            "event" => head(9, 2).or_else(|| self.first_text(b"EVN", 1)),
            "message" => {
                let code = head(9, 1)?;
                match self.about("event") {
                    Some(event) if code != "ACK" => Some(format!("{code}^{event}").into()),
                    _ => Some(code),
                }
            }
            "structure" => match head(9, 3) {
                Some(id) => Some(id),
                None => Some(structure_id(&self.about("message")?).into()),
            },
            "index" => Some(self.index.to_string().into()),
            "control" => head(10, 1),
            "sender" => {
                let part = |n| self.header_field(n).map_or("", |span| self.text.slice(span));
                let (application, facility) = (part(3), part(4));
                (!application.is_empty() || !facility.is_empty())
                    .then(|| format!("{application}|{facility}").into())
            }
            "version" => head(12, 1),
            "processing" => head(11, 1),
            "line" => Some(self.line.to_string().into()),
            _ => None,
        }
    }

    /// Whether `inner` is `outer` or lies inside it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        if outer.node > 0 {
            return inner.node == outer.node
                && (outer.item == 0 || (inner.item, inner.piece) == (outer.item, outer.piece));
        }
        let mut group = inner.group;
        while group != outer.group {
            if group == 0 {
                return false;
            }
            group = self.groups.get(group as usize).map_or(0, |g| g.parent);
        }
        true
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }
}

impl Versions {
    fn read(text: &str) -> Result<Versions, Unknown> {
        let numbers = |part: &str| -> Option<Vec<u32>> {
            part.trim().split('.').map(|n| n.parse().ok()).collect()
        };
        let text = text.trim();
        if text.is_empty() {
            return Ok(Versions::default());
        }
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        match (numbers(first), numbers(last)) {
            (Some(first), Some(last)) if first.first() == Some(&2) && last.first() == Some(&2) => {
                Ok(Versions { first, last })
            }
            _ => Err(Unknown {
                what: format!("`{text}` is no range of HL7 v2 versions"),
                hint: Some("write 2.3..2.8 or 2.5.1".into()),
            }),
        }
    }

    /// `2.5.1` lies in `2.3..2.5`: the last version is the last that begins so.
    fn include(&self, version: &str) -> bool {
        if self.last.is_empty() {
            return true;
        }
        let Some(version) = Versions::read(version).ok().map(|v| v.first) else { return false };
        let cut = &version[..version.len().min(self.last.len())];
        version >= self.first && cut <= self.last.as_slice()
    }

    fn text(&self) -> String {
        let join = |v: &[u32]| v.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        format!("{} to {}", join(&self.first), join(&self.last))
    }
}

/// `ADT^A01` of `ADT^A01^ADT_A01`.
fn first_two(message: &str) -> &str {
    match message.match_indices('^').nth(1) {
        Some((at, _)) => &message[..at],
        None => message,
    }
}
