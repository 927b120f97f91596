//! Entities and character references, both ways. Only the predefined entities are known; a document
//! cannot declare others, because a document type is refused.

use std::borrow::Cow;
use std::fmt::Write;

use crate::error::{Error, Kind, Result};

/// The longest reference that is looked for, with its semicolon: `&#x10FFFF;` and some zeros.
const LONGEST: usize = 16;

/// Undoes predefined entities and character references; what is neither stays as it is.
pub(in crate::legacy) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text += &rest[..at];
        rest = &rest[at + 1..];
        let end = rest.bytes().take(LONGEST).position(|b| b == b';');
        match end.and_then(|n| Some((n, character(rest.get(..n)?)?))) {
            Some((n, c)) => {
                text.push(c);
                rest = &rest[n + 1..];
            }
            None => text.push('&'),
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
            let (digits, radix) = match number.strip_prefix(['x', 'X']) {
                Some(hex) => (hex, 16),
                None => (number, 10),
            };
            if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
                return None;
            }
            char::from_u32(u32::from_str_radix(digits, radix).ok()?)
        }
    }
}

/// A text as the content of an element. A carriage return is written as a reference, because a
/// reader makes a line feed of it (<https://www.w3.org/TR/xml/#sec-line-ends>).
pub(in crate::legacy) fn text(value: &str) -> String {
    escape(value, &['\r'], None)
}

/// A text as the value of an attribute between these quotes. Line ends and tabs are written as
/// references, because a reader makes spaces of them (<https://www.w3.org/TR/xml/#AVNormalize>).
pub(in crate::legacy) fn attribute(value: &str, quote: char) -> String {
    escape(value, &['\r', '\n', '\t'], Some(quote))
}

fn escape(value: &str, numbered: &[char], quote: Option<char>) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' if quote == Some('"') => out += "&quot;",
            '\'' if quote == Some('\'') => out += "&apos;",
            c if numbered.contains(&c) => {
                // A String takes any text.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Refuses what no XML document can hold (<https://www.w3.org/TR/xml/#charsets>), not even as a
/// reference, and white space alone, which would be read as nothing.
pub(super) fn check(value: &str) -> Result<()> {
    let fits = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    if let Some(c) = value.chars().find(|c| !fits(c)) {
        let what = format!("the character U+{:04X} cannot stand in XML", u32::from(c));
        return Err(Error::new(Kind::Value, what));
    }
    if value.trim().is_empty() {
        let what = "white space alone would be read as nothing";
        return Err(Error::new(Kind::Value, what));
    }
    Ok(())
}
