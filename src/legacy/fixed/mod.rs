//! Lines of cells of fixed widths, in bytes or in characters.
//!
//! A line that ends early, as editors that take trailing blanks away leave it, is read: the cells it
//! lacks say nothing, and a write to one of them fills the line up to it. A line that is longer than
//! its columns, or a column border inside of a character, is broken.

mod fill;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::charset::{Charset, Charsets, Text, TextEdit};
use super::delimited::place;
use super::record::{File, Span};
use super::row::{Cell, Column, ColumnKind, How, Row, Schema, Shared, Spelling};
use crate::error::{Error, Kind, Result};
pub(super) use fill::{Align, filled};

/// What widths count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes in the charset of the file.
    Bytes,
    /// Characters.
    Characters,
}

/// How lines of fixed cells are spelt. The widths are those of the columns.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What widths count.
    pub unit: Unit,
    /// What ends a line of a new file.
    pub line_end: String,
}

/// The width of a column.
fn width(column: &Column) -> usize {
    column.max.unwrap_or(0)
}

/// Width of a whole line.
pub fn line_width(schema: &Schema) -> usize {
    schema.columns.iter().map(width).sum()
}

fn how(column: &Column) -> How {
    match column.kind {
        ColumnKind::Decimal | ColumnKind::Int => How::Number,
        _ => How::Padded,
    }
}

/// Reads a file. Lines that are broken are in [`File::broken`]; empty ones are left out.
pub(super) fn read(
    schema: &Schema,
    layout: &Layout,
    bytes: &[u8],
    charsets: &Charsets,
) -> Result<(File, Arc<Shared>)> {
    let text = Text::decode(bytes, None, charsets)?;
    let wide = matches!(text.charset, Charset::Utf16Le | Charset::Utf16Be);
    if wide && layout.unit == Unit::Bytes {
        let what = format!("widths in bytes do not go with {}", text.charset.name());
        return Err(Error::new(Kind::NotSupported, what).advise("write `widths: characters`"));
    }
    let names: Vec<String> = schema.columns.iter().map(|c| c.name.clone()).collect();
    let at = (0..names.len()).map(Some).collect();
    let spelling = Spelling::Fixed(layout.clone());
    let shared = Shared::new(schema, Arc::clone(&text), names, at, spelling);
    let mut file = File { text: Arc::clone(&text), records: Vec::new(), broken: Vec::new() };
    for (n, span) in lines(&text.text).enumerate() {
        if text.slice(span).trim().is_empty() {
            continue;
        }
        let number = n as u32 + 1;
        match cells(schema, layout, &text, span) {
            Ok(cells) => {
                let index = file.records.len();
                file.records.push(Row::record(&shared, cells, span, number, index));
            }
            Err(error) => file.broken.push((span, error.at(place(&text, number, span)))),
        }
    }
    Ok((file, shared))
}

/// The lines of a text, without CR LF, LF or CR.
fn lines(text: &str) -> impl Iterator<Item = Span> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let span = Span { start: at as u32, end: (at + end) as u32 };
        let behind = &rest[end..];
        at += end + if behind.starts_with("\r\n") { 2 } else { behind.len().min(1) };
        Some(span)
    })
}

/// Cuts a line at the borders of its columns.
fn cells(schema: &Schema, layout: &Layout, text: &Text, line: Span) -> Result<Vec<Cell>> {
    let mut columns = schema.columns.iter();
    let mut cells = Vec::with_capacity(columns.len());
    let (mut start, mut at, mut filled) = (line.start, line.start, 0);
    let mut column = columns.next();
    for (c, bytes) in text.widths(line) {
        let Some(here) = column else {
            let rest = text.slice(Span { start: at, end: line.end });
            if rest.trim().is_empty() {
                break;
            }
            let what = format!(
                "the line is longer than its columns, {} {}",
                line_width(schema),
                if layout.unit == Unit::Bytes { "bytes" } else { "characters" }
            );
            return Err(Error::new(Kind::Structure, what));
        };
        at += c.len_utf8() as u32;
        filled += if layout.unit == Unit::Bytes { bytes } else { 1 };
        if filled > width(here) {
            let what = format!("the column '{}' ends inside of the character {c}", here.name);
            let advice = "the widths or the charset are others, or a text was cut";
            return Err(Error::new(Kind::Structure, what).advise(advice));
        }
        if filled == width(here) {
            cells.push(Cell { span: Span { start, end: at }, how: how(here) });
            (start, filled) = (at, 0);
            column = columns.next();
        }
    }
    // What the line lacks stands, empty, at its end.
    let mut start = start.min(line.end);
    for here in column.into_iter().chain(columns) {
        cells.push(Cell { span: Span { start, end: line.end }, how: how(here) });
        start = line.end;
    }
    Ok(cells)
}

/// One line that says nothing.
pub(super) fn blank(schema: &Schema, layout: &Layout) -> Result<File> {
    let text = " ".repeat(line_width(schema)) + &layout.line_end;
    let bytes = schema.charset.encode(&text).map_err(|c| schema.charset.no_code(c))?;
    let charsets = Charsets { channel: Some(schema.charset), ..Charsets::default() };
    let (mut file, shared) = read(schema, layout, &bytes, &charsets)?;
    let line = Span { start: 0, end: (text.len() - layout.line_end.len()) as u32 };
    let cells = cells(schema, layout, &file.text, line)?;
    file.records = vec![Row::record(&shared, cells, line, 1, 0)];
    Ok(file)
}

impl Layout {
    /// The text of a cell for a value; empty is nothing.
    pub(super) fn spell(
        &self,
        charset: Charset,
        column: Option<&Column>,
        value: &str,
    ) -> Result<String> {
        let Some(column) = column else { return Ok(value.to_owned()) };
        if value.contains(['\r', '\n']) {
            let what = format!("'{}' would end its line", value.escape_debug());
            return Err(Error::new(Kind::Value, what));
        }
        let align = if how(column) == How::Number { Align::Right } else { Align::Left };
        filled(charset, self.unit, width(column), align, value)
    }

    /// A line of these values.
    pub(super) fn line(
        &self,
        schema: &Schema,
        charset: Charset,
        values: &[&str],
    ) -> Result<String> {
        let cells = schema.columns.iter().zip(values);
        let cells = cells.map(|(column, value)| self.spell(charset, Some(column), value));
        Ok(cells.collect::<Result<Vec<_>>>()?.concat() + &self.line_end)
    }
}

/// Edits of a line: one per changed cell, and one for all that the line lacks.
pub(super) fn edits(
    layout: &Layout,
    row: &Row,
    changed: &[(usize, &str)],
) -> Result<Vec<TextEdit>> {
    let (text, columns) = (row.text(), row.columns());
    let full = |n: usize| {
        let units = text.widths(row.cells()[n].span);
        let units = units.map(|(_, b)| if layout.unit == Unit::Bytes { b } else { 1 });
        units.sum::<usize>() == width(&columns[n])
    };
    let spell = |n: usize, value: &str| layout.spell(text.charset, columns.get(n), value);
    let mut edits = Vec::new();
    let mut lacking = Vec::new();
    for (n, value) in changed {
        if !full(*n) {
            lacking.push((*n, *value));
            continue;
        }
        let (span, new) = (row.cells()[*n].span, spell(*n, value)?);
        if text.slice(span) != new {
            edits.push(TextEdit { span, text: new });
        }
    }
    if let (Some(first), Some((last, _))) =
        ((0..columns.len()).find(|n| !full(*n)), lacking.iter().rfind(|(_, v)| !v.is_empty()))
    {
        let mut new = String::new();
        for n in first..=*last {
            let written = lacking.iter().find(|(m, _)| *m == n).map(|(_, value)| *value);
            let cell = row.cells()[n];
            let old = cell.value(&text.text, '"');
            new += &spell(n, written.unwrap_or(&old))?;
        }
        let span = Span { start: row.cells()[first].span.start, end: row.span().end };
        edits.push(TextEdit { span, text: new });
    } else if let Some((n, _)) =
        lacking.iter().find(|(n, _)| !text.slice(row.cells()[*n].span).is_empty())
    {
        edits.push(TextEdit { span: row.cells()[*n].span, text: String::new() });
    }
    Ok(edits)
}
