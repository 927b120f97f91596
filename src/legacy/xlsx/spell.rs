//! A value → the XML of its cell.

use super::book::{Book, Stand};
use super::number::{is_exact, serial};
use super::sheet::Type;
use super::strings::inline;
use super::styles::Class;
use super::tokens::{Token, attribute, tokens};
use crate::legacy::row::ColumnKind;
use crate::legacy::xml::escape;

/// Characters of a cell, in UTF-16 units.
pub(super) const MOST_CHARACTERS: usize = 32_767;

/// How a value is written.
enum Written {
    Nothing,
    Number(String),
    Boolean(bool),
    Text,
}

impl Book {
    /// A cell with another value; its style stays.
    pub(super) fn edited(&self, n: usize, stand: &Stand, value: &str) -> String {
        if stand.is_gap() {
            if value.is_empty() {
                return String::new();
            }
            return self.new_cell(
                n % self.columns.len().max(1),
                &self.reference(n),
                self.style_of_gap(n),
                value,
            );
        }
        let kind = stand.filled.then_some(stand.kind);
        let written = self.written(kind, stand.style, self.kind(n), value);
        self.cell(&kept(self.xml(stand.tag)), &written, value)
    }

    /// A cell that was not there.
    pub(super) fn new_cell(&self, cell: usize, reference: &str, style: u32, value: &str) -> String {
        let style = if style == 0 { String::new() } else { format!(" s=\"{style}\"") };
        let attributes = format!(" r=\"{reference}\"{style}");
        let style = style.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
        let written = self.written(None, style, self.kind(cell), value);
        self.cell(&attributes, &written, value)
    }

    /// A cell whose text stands in it, given as XML.
    pub(super) fn with_inline(&self, tag: &str, raw: &str) -> String {
        let (prefix, attributes) = (&self.frame.prefix, kept(tag));
        format!("<{prefix}c{attributes} t=\"inlineStr\"><{prefix}is>{raw}</{prefix}is></{prefix}c>")
    }

    /// A cell with its value and without its formula.
    pub(super) fn with_value(&self, tag: &str, value: &str) -> String {
        let (prefix, value) = (&self.frame.prefix, escape::text(value));
        let kind = attributes(tag).into_iter().find(|(name, _)| *name == "t");
        let kind = kind.map_or(String::new(), |(_, kind)| format!(" t=\"{kind}\""));
        let attributes = kept(tag);
        format!("<{prefix}c{attributes}{kind}><{prefix}v>{value}</{prefix}v></{prefix}c>")
    }

    /// What a value is, in a cell that held something of this type. What was text stays text, so
    /// that numbers of cards and telephones keep their zeros; only what is read again as it was
    /// written is a number.
    fn written(&self, was: Option<Type>, style: u32, column: ColumnKind, value: &str) -> Written {
        let number = || is_exact(value).then(|| value.to_owned());
        let found = match (was, self.styles.class(style)) {
            _ if value.is_empty() => return Written::Nothing,
            (Some(Type::Boolean), _) => match value {
                "true" => return Written::Boolean(true),
                "false" => return Written::Boolean(false),
                _ => None,
            },
            (Some(Type::Number), Class::Number) => number(),
            (None, Class::Number) => match column {
                ColumnKind::Decimal | ColumnKind::Int => number(),
                _ => None,
            },
            (Some(Type::Number) | None, class) => serial(value, class, self.parts.from_1904),
            _ => None,
        };
        found.map_or(Written::Text, Written::Number)
    }

    fn cell(&self, attributes: &str, written: &Written, value: &str) -> String {
        let p = &self.frame.prefix;
        match written {
            Written::Nothing => format!("<{p}c{attributes}/>"),
            Written::Number(number) => {
                format!("<{p}c{attributes}><{p}v>{number}</{p}v></{p}c>")
            }
            Written::Boolean(value) => {
                let value = u8::from(*value);
                format!("<{p}c{attributes} t=\"b\"><{p}v>{value}</{p}v></{p}c>")
            }
            Written::Text => {
                let text = inline(p, value);
                format!("<{p}c{attributes} t=\"inlineStr\">{text}</{p}c>")
            }
        }
    }
}

/// The attributes of a start tag that do not depend on the value.
fn kept(tag: &str) -> String {
    let kept = attributes(tag).into_iter().filter(|(name, _)| matches!(*name, "r" | "s" | "ph"));
    kept.map(|(name, value)| format!(" {name}=\"{value}\"")).collect()
}

fn attributes(tag: &str) -> Vec<(&'static str, String)> {
    let Some(Ok(Token::Start { tag, .. })) = tokens("cell", tag).next() else {
        return Vec::new();
    };
    let named = ["r", "s", "ph", "t"].map(|name| Some((name, attribute(&tag, name)?)));
    let named = named.into_iter().flatten();
    named.map(|(name, value)| (name, escape::attribute(&value, '"'))).collect()
}
