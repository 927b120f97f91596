//! Texts of cells: shared ones, rich ones, and characters that XML does not have.

use std::fmt::Write;

use super::MOST_BYTES;
use super::tokens::{Token, is, tokens};
use crate::error::{Error, Kind, Result};
use crate::legacy::xml::escape;

/// The shared strings: what each says, and where it stands in its part.
#[derive(Debug, Default)]
pub(super) struct Strings {
    texts: Vec<String>,
    /// Between the tags of each.
    inner: Vec<(u32, u32)>,
}

impl Strings {
    pub fn read(xml: &str) -> Result<Strings> {
        let mut strings = Strings::default();
        let (mut text, mut start, mut total) = (String::new(), None, 0);
        let mut depth = Depth::default();
        for token in tokens("sharedStrings.xml", xml) {
            match token? {
                Token::Start { tag, span, empty } if is(&tag, "si") => {
                    start = Some(span.1);
                    if empty {
                        strings.texts.push(String::new());
                        strings.inner.push((span.1 as u32, span.1 as u32));
                        start = None;
                    }
                }
                Token::Start { tag, empty, .. } => depth.start(tag.local_name().as_ref(), empty),
                Token::End { name, span } if name == "si" => {
                    if let Some(start) = start.take() {
                        let said = unescaped(&std::mem::take(&mut text));
                        total += said.len();
                        if total > MOST_BYTES {
                            let what = "the shared strings are too long";
                            return Err(Error::new(Kind::TooLarge, what));
                        }
                        strings.texts.push(said);
                        strings.inner.push((start as u32, span.0 as u32));
                    }
                }
                Token::End { name, .. } => depth.end(name.as_bytes()),
                Token::Text(piece) if start.is_some() && depth.in_text() => text += &piece,
                Token::Text(_) => {}
            }
        }
        Ok(strings)
    }

    /// A string by its number.
    pub fn get(&self, number: &str) -> Option<&str> {
        self.texts.get(number.trim().parse::<usize>().ok()?).map(String::as_str)
    }

    /// The XML of one, as `<is>` may hold it too.
    pub fn raw<'x>(&self, xml: &'x str, number: &str) -> Option<&'x str> {
        let (from, to) = *self.inner.get(number.trim().parse::<usize>().ok()?)?;
        xml.get(from as usize..to as usize)
    }
}

/// Where a text is: in `<t>`, and not in a reading aid (`<rPh>`).
#[derive(Debug, Default)]
pub(super) struct Depth {
    text: u32,
    aid: u32,
}

impl Depth {
    pub fn start(&mut self, name: &[u8], empty: bool) {
        match name {
            b"t" if !empty => self.text += 1,
            b"rPh" if !empty => self.aid += 1,
            _ => {}
        }
    }

    pub fn end(&mut self, name: &[u8]) {
        match name {
            b"t" => self.text = self.text.saturating_sub(1),
            b"rPh" => self.aid = self.aid.saturating_sub(1),
            _ => {}
        }
    }

    pub fn in_text(&self) -> bool {
        self.text > 0 && self.aid == 0
    }
}

/// `_x000D_` is a character that XML cannot hold (ECMA-376 part 1, 22.9.2.19).
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        out += &rest[..at];
        rest = &rest[at..];
        match code(rest) {
            Some(c) => {
                out.push(c);
                rest = &rest[7..];
            }
            None => {
                out += "_x";
                rest = &rest[2..];
            }
        }
    }
    out + rest
}

/// The character that `_xHHHH_` at the start of a text stands for.
fn code(text: &str) -> Option<char> {
    let hex = text.get(2..6).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let end = text.get(6..7)? == "_";
    end.then(|| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)).flatten()
}

/// A text as the content of `<t>`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            '_' if code(&text[at..]).is_some() => out += "_x005F_",
            '\t' | '\n' | ' '.. if !matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push(c),
            c => drop(write!(out, "_x{:04X}_", c as u32)),
        }
    }
    escape::text(&out)
}

/// `<is>` with a text.
pub(super) fn inline(prefix: &str, text: &str) -> String {
    let text = escaped(text);
    format!("<{prefix}is><{prefix}t xml:space=\"preserve\">{text}</{prefix}t></{prefix}is>")
}
