//! The parts of a workbook are XML; what is read of them are tags with their places, and texts.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{Error, Kind, Result};
use crate::legacy::xml::escape::unescape;

/// A piece of XML; spans are byte ranges of the source.
pub(super) enum Token<'x> {
    /// `<a …>`, or the whole of `<a/>`.
    Start { tag: BytesStart<'x>, span: (usize, usize), empty: bool },
    /// `</a>`.
    End { name: String, span: (usize, usize) },
    /// A text, unescaped.
    Text(Cow<'x, str>),
}

/// The pieces of a source. A document type is refused: entities are how XML explodes.
pub(super) fn tokens<'x>(
    part: &'x str,
    source: &'x str,
) -> impl Iterator<Item = Result<Token<'x>>> {
    let mut reader = Reader::from_str(source);
    let mut done = false;
    std::iter::from_fn(move || {
        loop {
            if done {
                return None;
            }
            let from = reader.buffer_position() as usize;
            let event = reader.read_event();
            let span = (from, reader.buffer_position() as usize);
            let raw = source.get(span.0..span.1).unwrap_or("");
            let token = match event {
                Ok(Event::Start(tag)) => Token::Start { tag, span, empty: false },
                Ok(Event::Empty(tag)) => Token::Start { tag, span, empty: true },
                Ok(Event::End(tag)) => {
                    let name = tag.local_name();
                    let name = String::from_utf8_lossy(name.as_ref()).into_owned();
                    Token::End { name, span }
                }
                Ok(Event::Text(_) | Event::GeneralRef(_)) => Token::Text(unescape(raw)),
                Ok(Event::CData(_)) => {
                    let raw = raw.strip_prefix("<![CDATA[").and_then(|r| r.strip_suffix("]]>"));
                    Token::Text(Cow::Borrowed(raw.unwrap_or("")))
                }
                Ok(Event::Decl(_) | Event::PI(_) | Event::Comment(_)) => continue,
                Ok(Event::Eof) => return None,
                Ok(Event::DocType(_)) => {
                    done = true;
                    return Some(Err(broken(part, "a document type (DTD) is not accepted", from)));
                }
                Err(error) => {
                    done = true;
                    return Some(Err(broken(part, &error.to_string(), from)));
                }
            };
            return Some(Ok(token));
        }
    })
}

pub(super) fn broken(part: &str, what: &str, at: usize) -> Error {
    Error::new(Kind::Structure, format!("'{part}' of the workbook is broken: {what}"))
        .at(format!("{part}, byte {at}"))
}

/// Whether a tag has this name, whatever its prefix.
pub(super) fn is(tag: &BytesStart, name: &str) -> bool {
    tag.local_name().as_ref() == name.as_bytes()
}

/// An attribute by its local name.
pub(super) fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let found = tag.attributes().flatten().find(|a| a.key.local_name().as_ref() == name.as_bytes());
    found.map(|a| unescape(&String::from_utf8_lossy(&a.value)).into_owned())
}

/// An attribute that is a number.
pub(super) fn number(tag: &BytesStart, name: &str) -> Option<u32> {
    attribute(tag, name)?.trim().parse().ok()
}
