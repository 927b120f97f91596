//! The codecs of a leaf: names, arguments, and what each yields.

use super::Compiling;
use super::text::{call, did_you_mean, list, literal, split, words};
use super::ucum;
use crate::translate::plan::{
    Class, Codec, Flag, Quantity, Row, Table, Template, TemplatePart, Way,
};
use crate::yaml::Mark;

/// Something after a `|`.
#[derive(Debug, Clone)]
pub(super) enum Pipe {
    /// `copy`, `shared`.
    Flag(Flag),
    /// `lossy(what)`.
    Lossy(String),
    /// `unsplit`.
    Unsplit,
    /// `xhtml`: an element is read with its tags.
    Xhtml,
    /// `quantity(unsplit table)`: the unit slot is read whole.
    UnsplitUnit(Quantity),
    /// A codec.
    Codec(Codec),
}

/// What a leaf yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Yields {
    /// A text.
    Text,
    /// `1965-03-15`.
    Date,
    /// `1965-03-15T08:00:00+08:00`.
    DateTime,
    /// A decimal number.
    Decimal,
    /// A whole number.
    Int,
    /// `true`, `false`.
    Bool,
    /// `{value, unit, system, code}`.
    Quantity,
    /// `<div xmlns="http://www.w3.org/1999/xhtml">…</div>`.
    Xhtml,
}

/// All names, for hints.
pub(super) const NAMES: &[&str] = &[
    "bool", "cnid", "code", "copy", "date", "datetime", "decimal", "fill", "hd", "int", "lines",
    "lossy", "map", "name", "orgcode", "pad", "phone", "quantity", "shared", "template", "trim",
    "unsplit", "uscc", "xhtml",
];

/// What a codec yields; `None`: what it is given.
pub(super) fn yields(codec: &Codec) -> Option<Yields> {
    match codec {
        Codec::Date(_) => Some(Yields::Date),
        Codec::DateTime(_) => Some(Yields::DateTime),
        Codec::Decimal => Some(Yields::Decimal),
        Codec::Int => Some(Yields::Int),
        Codec::Bool(..) => Some(Yields::Bool),
        Codec::Quantity(_) => Some(Yields::Quantity),
        Codec::Xhtml => Some(Yields::Xhtml),
        Codec::Name | Codec::Phone | Codec::Pad(_) | Codec::Fill(_) | Codec::Trim => None,
        Codec::Cnid | Codec::CnidOrText | Codec::Uscc | Codec::OrgCode { .. } => None,
        Codec::Code(_) | Codec::Hd(_) | Codec::Template(_) | Codec::Lines => Some(Yields::Text),
    }
}

impl Compiling<'_> {
    /// One part after a `|`.
    pub(super) fn pipe(&mut self, text: &str, mark: Mark) -> Option<Pipe> {
        let (name, args) = call(text).unwrap_or((text, ""));
        let codec = match (name, args) {
            ("copy", "") => return Some(Pipe::Flag(Flag::Copy)),
            ("shared", "") => return Some(Pipe::Flag(Flag::Shared)),
            ("unsplit", "") => return Some(Pipe::Unsplit),
            ("xhtml", "") => return Some(Pipe::Xhtml),
            ("lossy", what) if !what.is_empty() => {
                return Some(Pipe::Lossy(literal(what).to_owned()));
            }
            ("code", table) => Codec::Code(self.table_named(table, mark)?),
            ("hd", table) => Codec::Hd(self.table_named(table, mark)?),
            ("map", rows) => Codec::Code(self.inline_table(rows, mark)?),
            ("date", patterns) => Codec::Date(self.patterns(patterns, mark)?),
            ("datetime", patterns) => Codec::DateTime(self.patterns(patterns, mark)?),
            ("decimal", "") => Codec::Decimal,
            ("int", "") => Codec::Int,
            ("bool", args) => match list(args).as_slice() {
                [yes, no] => Codec::Bool(yes.clone(), no.clone()),
                _ => {
                    return self.bad_codec(
                        text,
                        "write bool(Y, N): what stands for true, false",
                        mark,
                    );
                }
            },
            ("quantity", args) => return self.quantity(args, mark),
            ("name", "") => Codec::Name,
            ("trim", "") => Codec::Trim,
            ("phone", "") => Codec::Phone,
            ("cnid", "") => Codec::Cnid,
            ("cnid", "or text") => Codec::CnidOrText,
            ("uscc", "") => Codec::Uscc,
            ("orgcode", "") => Codec::OrgCode { hyphen: false },
            ("orgcode", "hyphen") => Codec::OrgCode { hyphen: true },
            ("lines", "") => Codec::Lines,
            ("template", args) => Codec::Template(self.template(literal(args), mark)?),
            ("pad" | "fill", width) => match (name, width.trim().parse()) {
                ("pad", Ok(width)) if (1..=64).contains(&width) => Codec::Pad(width),
                (_, Ok(width)) if (1..=64).contains(&width) => Codec::Fill(width),
                _ => {
                    let hint = format!("write {name}(n): the width, 1 to 64");
                    return self.bad_codec(text, &hint, mark);
                }
            },
            _ if NAMES.contains(&name) => {
                return self.bad_codec(
                    text,
                    "see docs/mapping-language.md for its arguments",
                    mark,
                );
            }
            _ => {
                let hint = did_you_mean(name, NAMES.iter().copied())
                    .unwrap_or_else(|| format!("the codecs are: {}", NAMES.join(", ")));
                let what = format!("there is no codec '{name}'");
                self.report.error_hint("M002", self.report.within(mark, text), what, hint);
                return None;
            }
        };
        Some(Pipe::Codec(codec))
    }

    fn bad_codec(&mut self, text: &str, hint: &str, mark: Mark) -> Option<Pipe> {
        let what = format!("'{text}' has arguments that do not fit");
        self.report.error_hint("M002", self.report.within(mark, text), what, hint);
        None
    }

    /// A table by name.
    pub(super) fn table_named(&mut self, name: &str, mark: Mark) -> Option<usize> {
        let name = name.trim();
        let found = self.tables.iter().position(|t| t.name == name);
        if found.is_none() {
            let hint = did_you_mean(name, self.tables.iter().map(|t| t.name.as_str()))
                .unwrap_or_else(|| "declare it under `codes:`".to_owned());
            let what = format!("there is no code table '{name}'");
            self.report.error_hint("M018", self.report.within(mark, name), what, hint);
        }
        found
    }

    /// `map(false 1, true 2)`: a table on the spot.
    fn inline_table(&mut self, rows: &str, mark: Mark) -> Option<usize> {
        let mut table =
            Table { name: format!("map({rows})"), pos: self.pos(mark), ..Table::default() };
        for row in split(rows, ',') {
            let &[legacy, fhir] = words(row).as_slice() else {
                self.bad_codec(row, "write map(LEGACY FHIR, …)", mark);
                return None;
            };
            let (legacy, fhir) = (literal(legacy).to_owned(), literal(fhir).to_owned());
            let twice = table.get.insert(legacy.clone(), fhir.clone()).is_some()
                | table.put.insert(fhir.clone(), legacy.clone()).is_some();
            if twice {
                let what = format!("'{row}' repeats a code of this map");
                self.report.error("M009", self.report.within(mark, row), what);
            }
            table.rows.push(Row { legacy, fhir, way: Way::Both });
        }
        self.tables.push(table);
        Some(self.tables.len() - 1)
    }

    fn patterns(&mut self, text: &str, mark: Mark) -> Option<Vec<String>> {
        let patterns = list(text);
        for pattern in &patterns {
            let mut letters = pattern.to_owned();
            for field in ["yyyy", "MM", "dd", "HH", "mm", "ss", "SSS", "M", "d", "H", "Z"] {
                letters = letters.replacen(field, "", 1);
            }
            let literal = letters.chars().all(|c| !c.is_ascii_alphabetic() || c == 'T');
            if !pattern.contains("yyyy") || !literal {
                let hint = "patterns are made of yyyy MM M dd d HH H mm ss and literals";
                let what = format!("'{pattern}' is no date pattern");
                self.report.error_hint("M002", self.report.within(mark, pattern), what, hint);
                return None;
            }
        }
        Some(patterns)
    }

    /// `quantity`, `quantity(mm[Hg])`, `quantity(kg, from g)`, `quantity(code table)`,
    /// `quantity(unsplit table)`.
    fn quantity(&mut self, args: &str, mark: Mark) -> Option<Pipe> {
        let mut quantity = Quantity::default();
        let mut unsplit = false;
        for part in split(args, ',') {
            match words(part).as_slice() {
                [] => {}
                [word @ ("code" | "unsplit"), table] => {
                    quantity.unit_table = Some(self.unit_table(table, mark)?);
                    unsplit = *word == "unsplit";
                }
                ["from", unit] => {
                    self.check_unit(unit, mark);
                    quantity.from = Some((*unit).to_owned());
                }
                [unit] if quantity.unit.is_none() => {
                    self.check_unit(unit, mark);
                    quantity.unit = Some((*unit).to_owned());
                }
                _ => {
                    let hint =
                        "write quantity(UNIT), quantity(UNIT, from UNIT) or quantity(code TABLE)";
                    return self.bad_codec(part, hint, mark);
                }
            }
        }
        quantity.unit_slot = quantity.unit_table.is_some();
        Some(if unsplit {
            Pipe::UnsplitUnit(quantity)
        } else {
            Pipe::Codec(Codec::Quantity(quantity))
        })
    }

    /// A table of units: its FHIR side is UCUM.
    fn unit_table(&mut self, name: &str, mark: Mark) -> Option<usize> {
        let table = self.table_named(name, mark)?;
        let Table { pos, rows, .. } = self.tables[table].clone();
        let length = u32::try_from(name.chars().count()).unwrap_or(1);
        let at = Mark { file: pos.file, line: pos.line, column: pos.column, length };
        for row in rows {
            self.check_unit(&row.fhir, at);
        }
        Some(table)
    }

    /// Reports a code that is not UCUM (M016).
    pub(super) fn check_unit(&mut self, unit: &str, mark: Mark) {
        if let Err(part) = ucum::check(unit) {
            let what = format!("'{unit}' is not a UCUM unit: '{part}' is unknown");
            let hint = "see https://ucum.org/ucum: mm[Hg], mmol/L, 10*9/L, /min, {cigarettes}/d";
            self.report.error_hint("M016", self.report.within(mark, unit), what, hint);
        }
    }

    /// `{lo:decimal}-{hi:decimal}`: literal and named parts, which must parse uniquely (M014).
    pub(super) fn template(&mut self, text: &str, mark: Mark) -> Option<Template> {
        let mut parts: Vec<TemplatePart> = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                parts.push(TemplatePart::Text(rest[..open].to_owned()));
            }
            let Some(close) = rest[open..].find('}') else {
                self.report.error("M014", mark, format!("'{text}' has a '{{' without '}}'"));
                return None;
            };
            let name = &rest[open + 1..open + close];
            parts.push(self.named_part(name, mark)?);
            rest = &rest[open + close + 1..];
        }
        if !rest.is_empty() {
            parts.push(TemplatePart::Text(rest.to_owned()));
        }
        for pair in parts.windows(2) {
            if let [TemplatePart::Named(a, x), TemplatePart::Named(b, y)] = pair
                && overlap(*x, *y)
            {
                let what = format!("'{text}' cannot be taken apart: '{a}' and '{b}' touch");
                let hint = "put a literal between them, or give them classes that share no letter";
                self.report.error_hint("M014", self.report.within(mark, text), what, hint);
                return None;
            }
        }
        Some(Template { parts })
    }

    fn named_part(&mut self, text: &str, mark: Mark) -> Option<TemplatePart> {
        let (name, class) = match text.split_once(':') {
            Some((name, class)) => (name.trim(), self.class(class.trim(), mark)?),
            None => (text.trim(), Class::Word),
        };
        if name.is_empty() {
            self.report.error("M014", mark, "a part of a template has a name: {name:class}");
            return None;
        }
        Some(TemplatePart::Named(name.to_owned(), class))
    }

    /// A class by name.
    pub(super) fn class(&mut self, name: &str, mark: Mark) -> Option<Class> {
        let classes = [
            ("decimal", Class::Decimal),
            ("digits", Class::Digits),
            ("word", Class::Word),
            ("comparator", Class::Comparator),
            ("han", Class::Han),
            ("latin", Class::Latin),
            ("number", Class::Number),
            ("oid", Class::Oid),
        ];
        if let Some((_, class)) = classes.iter().find(|(n, _)| *n == name) {
            return Some(*class);
        }
        let names = classes.map(|(n, _)| n);
        let hint = did_you_mean(name, names)
            .unwrap_or_else(|| format!("the classes are: {}", names.join(", ")));
        let what = format!("there is no class '{name}'");
        self.report.error_hint("M014", self.report.within(mark, name), what, hint);
        None
    }
}

/// Whether two neighbouring parts could share a letter.
fn overlap(a: Class, b: Class) -> bool {
    use Class::{Comparator, Decimal, Digits, Han, Latin, Number, Word};
    let disjoint = |a, b| {
        matches!(
            (a, b),
            (Comparator, Decimal | Digits | Number | Han | Latin)
                | (Han, Latin | Decimal | Digits | Number)
                | (Latin, Decimal | Digits | Number)
        )
    };
    // A word may hold anything, so only a comparator before it can be told apart.
    !(disjoint(a, b) || disjoint(b, a) || (a == Comparator && b == Word))
}
