//! One field while it is edited: its parts, each either as it stands in the text or new.

use super::super::charset::{Charset, TextEdit};
use super::super::record::{Span, Write};
use super::escape::{Delimiters, escape, unescape};
use super::read::{NULL, split};
use crate::error::{Error, Kind, Result};

/// A field in parts.
#[derive(Debug)]
pub(super) struct Cell {
    /// The field in the text; `None` for one that is not there yet.
    home: Option<Span>,
    repetitions: Vec<Repetition>,
}

/// A repetition keeps its number when others are removed.
#[derive(Debug)]
struct Repetition {
    gone: bool,
    components: Vec<Vec<Part>>,
}

/// A subcomponent, escaped.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Kept(Span),
    New(String),
}

/// Which part of a field is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// The number of a repetition that `list` or `insert` gave.
    pub item: Option<usize>,
    /// Otherwise the nth that is left, from 0; `None`: not said.
    pub nth: Option<usize>,
    /// From 1; 0: not said.
    pub component: usize,
    /// From 1; 0: not said.
    pub sub: usize,
    pub whole: bool,
}

/// What a cell needs to know of its message.
#[derive(Clone, Copy)]
pub(super) struct Around<'r> {
    pub text: &'r str,
    pub delimiters: &'r Delimiters,
    pub charset: Charset,
}

impl Cell {
    /// The parts of a field.
    pub(super) fn of(home: Option<Span>, around: Around) -> Cell {
        let d = around.delimiters;
        let field = home.filter(|span| span.start < span.end);
        let repetitions = field.into_iter().flat_map(|span| split(around.text, span, d.repetition));
        let parts = |component| split(around.text, component, d.subcomponent).map(Part::Kept);
        let repetition = |span| Repetition {
            gone: false,
            components: split(around.text, span, Some(d.component))
                .map(|component| parts(component).collect())
                .collect(),
        };
        Cell { home, repetitions: repetitions.map(repetition).collect() }
    }

    /// Writes a part; nothing if it says that already.
    pub(super) fn write(&mut self, at: At, value: Write, around: Around) -> Result<()> {
        let raw = match value {
            Write::Text("") | Write::Clear => String::new(),
            Write::Null => NULL.to_owned(),
            Write::Text(text) if self.says(at, text, around) => return Ok(()),
            Write::Text(text) => escape(text, around.delimiters)?,
        };
        if raw.is_empty() && !self.holds(at, around) {
            return Ok(());
        }
        let all = at.whole && at.item.is_none() && at.nth.is_none() && at.component == 0;
        let index = self.repetition(at, around)?;
        if all {
            for (i, repetition) in self.repetitions.iter_mut().enumerate() {
                repetition.gone |= i != index;
            }
        }
        let repetition = &mut self.repetitions[index];
        if at.whole && at.component == 0 {
            repetition.components = vec![vec![Part::New(raw)]];
            return Ok(());
        }
        if raw != NULL && repetition.is_null(around.text) {
            repetition.components = vec![vec![Part::New(String::new())]];
        }
        let component = grow(&mut repetition.components, at.component, vec![empty()]);
        if at.whole && at.sub == 0 {
            *component = vec![Part::New(raw)];
            return Ok(());
        }
        if at.sub > 1 && around.delimiters.subcomponent.is_none() {
            return Err(unused("subcomponents"));
        }
        let part = grow(component, at.sub, empty());
        if part.raw(around.text) != raw {
            *part = Part::New(raw);
        }
        Ok(())
    }

    /// Appends a repetition and gives its number. One that says "delete this" gives way.
    pub(super) fn insert(&mut self, around: Around) -> Result<usize> {
        if self.repetitions.iter().any(|r| !r.gone && !r.is_null(around.text))
            && around.delimiters.repetition.is_none()
        {
            return Err(unused("repetitions"));
        }
        for repetition in &mut self.repetitions {
            repetition.gone |= repetition.is_null(around.text);
        }
        self.repetitions.push(Repetition { gone: false, components: vec![vec![empty()]] });
        Ok(self.repetitions.len() - 1)
    }

    /// Removes a repetition.
    pub(super) fn remove(&mut self, item: usize) {
        if let Some(repetition) = self.repetitions.get_mut(item) {
            repetition.gone = true;
        }
    }

    /// The field as text, for one that is not in the message yet.
    pub(super) fn to_text(&self, around: Around) -> String {
        let mut out = String::new();
        self.each(around.delimiters, &mut |part| match part {
            Ok(part) => out += part.raw(around.text),
            Err(delimiter) => out.push(char::from(delimiter)),
        });
        out
    }

    /// The edits of the text; what is kept stays outside of them.
    pub(super) fn edits(&self, around: Around, out: &mut Vec<TextEdit>) {
        let Some(home) = self.home else { return };
        let (mut from, mut new) = (home.start, String::new());
        self.each(around.delimiters, &mut |part| match part {
            Ok(Part::Kept(span)) => {
                let gap = Span { start: from, end: span.start };
                replace(gap, &new, around, out);
                new.clear();
                from = span.end;
            }
            Ok(Part::New(text)) => new += text,
            Err(delimiter) => new.push(char::from(delimiter)),
        });
        replace(Span { start: from, end: home.end }, &new, around, out);
    }

    /// Calls `f` with the parts and the delimiters between them.
    fn each<'c>(&'c self, d: &Delimiters, f: &mut dyn FnMut(std::result::Result<&'c Part, u8>)) {
        for (r, repetition) in self.repetitions.iter().filter(|r| !r.gone).enumerate() {
            if r > 0 {
                f(Err(d.repetition.unwrap_or(b'~')));
            }
            for (c, component) in repetition.components.iter().enumerate() {
                if c > 0 {
                    f(Err(d.component));
                }
                for (s, part) in component.iter().enumerate() {
                    if s > 0 {
                        f(Err(d.subcomponent.unwrap_or(b'&')));
                    }
                    f(Ok(part));
                }
            }
        }
    }

    /// Whether a part reads as a text.
    fn says(&self, at: At, text: &str, around: Around) -> bool {
        let raw = self.raw(at, around);
        raw != NULL && !raw.is_empty() && unescape(&raw, around.delimiters, around.charset) == text
    }

    /// Whether there is anything where a part is to be cleared.
    fn holds(&self, at: At, around: Around) -> bool {
        !self.raw(at, around).is_empty()
    }

    /// A part as it stands, escaped; empty if it is not there.
    fn raw(&self, at: At, around: Around) -> String {
        let d = around.delimiters;
        if at.whole && at.item.is_none() && at.nth.is_none() && at.component == 0 {
            return self.to_text(around);
        }
        let Some(repetition) = self.find(at).and_then(|i| self.repetitions.get(i)) else {
            return String::new();
        };
        let component = |parts: &Vec<Part>| {
            let raw: Vec<&str> = parts.iter().map(|p| p.raw(around.text)).collect();
            raw.join(&d.subcomponent.map(char::from).unwrap_or('&').to_string())
        };
        if at.whole && at.component == 0 {
            let parts: Vec<String> = repetition.components.iter().map(component).collect();
            return parts.join(&char::from(d.component).to_string());
        }
        let Some(parts) = repetition.components.get(at.component.max(1) - 1) else {
            return String::new();
        };
        if at.whole && at.sub == 0 {
            return component(parts);
        }
        parts.get(at.sub.max(1) - 1).map_or("", |p| p.raw(around.text)).to_owned()
    }

    /// The repetition that is meant, if it is there.
    fn find(&self, at: At) -> Option<usize> {
        match at.item {
            Some(item) => (item < self.repetitions.len()).then_some(item),
            None => {
                let mut left = self.repetitions.iter().enumerate().filter(|(_, r)| !r.gone);
                left.nth(at.nth.unwrap_or(0)).map(|(i, _)| i)
            }
        }
    }

    /// The repetition that is meant, made if it is not there.
    fn repetition(&mut self, at: At, around: Around) -> Result<usize> {
        loop {
            match (self.find(at), at.item) {
                (Some(i), _) if self.repetitions[i].gone => {
                    return Err(Error::new(Kind::Internal, "the repetition was removed before"));
                }
                (Some(i), _) => return Ok(i),
                (None, Some(_)) => {
                    return Err(Error::new(Kind::Internal, "there is no such repetition"));
                }
                (None, None) => {
                    self.insert(around)?;
                }
            }
        }
    }
}

impl Repetition {
    fn is_null(&self, text: &str) -> bool {
        matches!(&self.components[..], [parts] if matches!(&parts[..], [part] if part.raw(text) == NULL))
    }
}

impl Part {
    fn raw<'t>(&'t self, text: &'t str) -> &'t str {
        match self {
            Part::Kept(span) => {
                text.get(span.start as usize..span.end as usize).unwrap_or_default()
            }
            Part::New(new) => new,
        }
    }
}

/// An edit, if the new text is another; delimiters that are the same at both ends stay outside.
fn replace(gap: Span, new: &str, around: Around, out: &mut Vec<TextEdit>) {
    let mut old = &around.text[gap.start as usize..gap.end as usize];
    let mut new = new;
    let mut start = gap.start;
    if old == new {
        return;
    }
    let d = around.delimiters;
    while let (Some(a), Some(b)) = (old.chars().next(), new.chars().next())
        && a == b
        && d.splits(a)
    {
        (old, new, start) = (&old[1..], &new[1..], start + 1);
    }
    while let (Some(a), Some(b)) = (old.chars().next_back(), new.chars().next_back())
        && a == b
        && d.splits(a)
    {
        (old, new) = (&old[..old.len() - 1], &new[..new.len() - 1]);
    }
    let span = Span { start, end: start + old.len() as u32 };
    out.push(TextEdit { span, text: new.to_owned() });
}

/// The nth of a list, from 1 (0 is the first), which grows to have it.
fn grow<T: Clone>(list: &mut Vec<T>, number: usize, filler: T) -> &mut T {
    let index = number.max(1) - 1;
    if list.len() <= index {
        list.resize(index + 1, filler);
    }
    &mut list[index]
}

fn empty() -> Part {
    Part::New(String::new())
}

fn unused(what: &str) -> Error {
    Error::new(Kind::Value, format!("the message names no delimiter for {what}"))
        .advise("let the sender name it in MSH-2")
}
