//! Start tags: names and attributes, with their places.
//!
//! `quick-xml` finds where a tag ends and leaves its inside alone. What an attribute is called and
//! where its value stands must be certain, because it is edited in place: so a tag that can be read
//! in two ways is an error, and only what is harmless (no space between two attributes) is let pass.

use super::namespace::{self, Number};
use crate::error::Kind;
use crate::legacy::record::Span;

/// An element has no more attributes than this.
pub const MOST_ATTRIBUTES: usize = 256;

/// XML's white space.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// An attribute: the places of its name and of its value, without the quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute {
    pub name: Span,
    pub value: Span,
    /// Of its prefix; without one it is in none.
    pub namespace: Number,
}

/// What is wrong with a tag, and where in it.
pub(super) struct Wrong {
    pub kind: Kind,
    pub at: usize,
    pub what: String,
}

/// Name and attributes of the tag that starts at this place of the text: `<a b="c">` or `<a/>`.
pub(super) fn read(tag: &str, start: u32) -> Result<(Span, Vec<Attribute>), Wrong> {
    let inside = tag.strip_suffix('>').unwrap_or(tag);
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    let span = |from: usize, to: usize| Span { start: start + from as u32, end: start + to as u32 };
    let broken = |at, what| Wrong { kind: Kind::Structure, at, what };
    if !inside.starts_with('<') {
        return Err(broken(0, "a tag does not begin with '<'".to_owned()));
    }
    let name_end = 1 + inside[1..].find(SPACE).unwrap_or(inside.len() - 1);
    let name = &inside[1..name_end];
    if !is_name(name) {
        return Err(broken(0, format!("'{}' is not the name of an element", shown(name))));
    }
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut rest = inside[name_end..].trim_start_matches(SPACE);
    while !rest.is_empty() {
        let at = inside.len() - rest.len();
        let (name, value) = rest
            .split_once('=')
            .ok_or_else(|| broken(at, format!("the attribute '{}' has no value", shown(rest))))?;
        let name = name.trim_end_matches(SPACE);
        if !is_name(name) {
            let what = format!("'{}' is not the name of an attribute", shown(name));
            return Err(broken(at, what));
        }
        let value = value.trim_start_matches(SPACE);
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let ends = quote.and_then(|quote| Some(value[1..].find(quote)? + 1));
        let end = ends.ok_or_else(|| {
            broken(at, format!("the value of the attribute '{}' is not in quotes", shown(name)))
        })?;
        let same = |a: &Attribute| {
            let (from, to) = ((a.name.start - start) as usize, (a.name.end - start) as usize);
            inside.get(from..to) == Some(name)
        };
        if attributes.iter().any(same) {
            return Err(broken(at, format!("the attribute '{}' stands twice", shown(name))));
        }
        if attributes.len() == MOST_ATTRIBUTES {
            let what = format!("an element has more than {MOST_ATTRIBUTES} attributes");
            return Err(Wrong { kind: Kind::TooLarge, at, what });
        }
        let value_at = inside.len() - value.len();
        let value_span = span(value_at + 1, value_at + end);
        let (name, namespace) = (span(at, at + name.len()), namespace::NONE);
        attributes.push(Attribute { name, value: value_span, namespace });
        rest = value[end + 1..].trim_start_matches(SPACE);
    }
    Ok((span(1, name_end), attributes))
}

/// Whether a text can be the name of an element or attribute: lenient about letters, strict about
/// what has a meaning of its own.
pub(super) fn is_name(name: &str) -> bool {
    let meaning = |c: char| {
        c.is_whitespace() || c.is_control() || "<>&'\"=/[]()@!?;,{}|\\^~`%$#*+".contains(c)
    };
    let first = |c: char| !c.is_ascii_digit() && !matches!(c, '-' | '.');
    name.starts_with(first) && !name.contains(meaning)
}

/// The beginning of a text, for messages.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
