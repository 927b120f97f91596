//! Delimited text: CSV, TSV, pipe files, with or without a header.
//!
//! Lossless: every cell knows its span and whether it was quoted
//! (<https://www.rfc-editor.org/rfc/rfc4180>), so an edit touches one cell. A row with too many or
//! too few cells is broken: it is reported, and does not refuse the others.

mod cells;
mod chunks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::charset::{Charset, Charsets, Text};
use super::record::{File, Record, Span};
use super::row::{Row, Schema, Shared, Spelling};
use crate::error::{Error, Kind, Result};
use cells::Line;
pub(super) use cells::written;
pub use chunks::Chunks;

/// A row has no more cells than this.
const MOST_CELLS: usize = 10_000;

/// How delimited text is spelt.
#[derive(Debug, Clone)]
pub struct Dialect {
    /// Between cells.
    pub separator: char,
    /// Around cells that hold separators or line ends.
    pub quote: char,
    /// The first line names the columns.
    pub header: bool,
    /// What ends a line of a new file.
    pub line_end: String,
}

/// Reads a file.
pub(super) fn read(
    schema: &Schema,
    dialect: &Dialect,
    bytes: &[u8],
    charsets: &Charsets,
) -> Result<(File, Arc<Shared>)> {
    let text = Text::decode(bytes, None, charsets)?;
    let mut lines = cells::lines(&text.text, dialect.separator, dialect.quote).into_iter();
    let (names, at) = if dialect.header {
        let head = lines.next().ok_or_else(|| {
            Error::new(Kind::Structure, "the file is empty: it has no header line")
        })?;
        header(schema, dialect, &text, &head)?
    } else {
        let names: Vec<String> = schema.columns.iter().map(|c| c.name.clone()).collect();
        let at = (0..names.len()).map(Some).collect();
        (names, at)
    };
    let wants = names.len();
    let spelling = Spelling::Delimited(dialect.clone());
    let shared = Shared::new(schema, Arc::clone(&text), names, at, spelling);
    let mut file = File { text, records: Vec::new(), broken: Vec::new() };
    let origin = file.text.origin;
    for mut line in lines {
        line.number = line.number.saturating_add(origin.lines);
        match check(dialect, &file.text, wants, &line) {
            Ok(()) => {
                let index = file.records.len() + origin.records as usize;
                file.records.push(Row::record(&shared, line.cells, line.span, line.number, index));
            }
            Err(error) => file.broken.push((line.span, error)),
        }
    }
    Ok((file, shared))
}

/// The names in the header, and where the columns of the schema stand.
fn header(
    schema: &Schema,
    dialect: &Dialect,
    text: &Text,
    head: &Line,
) -> Result<(Vec<String>, Vec<Option<usize>>)> {
    let there = || place(text, head.number, head.span);
    if head.unclosed.is_some() {
        return Err(Error::new(Kind::Structure, "a quoted name is not closed").at(there()));
    }
    let cells = head.cells.iter();
    let names: Vec<String> =
        cells.map(|c| c.value(&text.text, dialect.quote).trim().to_owned()).collect();
    let at = schema.found_in(&names).map_err(|error| error.at(there()))?;
    Ok((names, at))
}

fn check(dialect: &Dialect, text: &Text, wants: usize, line: &Line) -> Result<()> {
    if let Some(start) = line.unclosed {
        let span = Span { start, end: line.span.end };
        let what = "a quoted cell is not closed";
        return Err(Error::new(Kind::Structure, what).at(place(text, line.number, span)));
    }
    let has = line.cells.len();
    if has != wants || has > MOST_CELLS {
        let what = format!("the row has {has} cells, the header {wants}");
        let advice = format!("a cell that holds '{}' must be quoted", dialect.separator);
        let error = Error::new(Kind::Structure, what).advise(advice);
        return Err(error.at(place(text, line.number, line.span)));
    }
    Ok(())
}

/// A header line and one row that says nothing.
pub(super) fn blank(schema: &Schema, dialect: &Dialect) -> Result<File> {
    let names = schema.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>();
    let nothing = schema.columns.iter().map(|c| schema.null(Some(c))).collect::<Vec<_>>();
    let mut text = if dialect.header { line(dialect, &names) } else { String::new() };
    text += &line(dialect, &nothing);
    let charsets = Charsets { channel: Some(Charset::Utf8), ..Charsets::default() };
    Ok(read(schema, dialect, text.as_bytes(), &charsets)?.0)
}

/// A line of these values.
pub(super) fn line(dialect: &Dialect, values: &[&str]) -> String {
    // A row of one empty cell would be an empty line, which is no row.
    let alone = values.len() == 1 && values[0].is_empty();
    let cells: Vec<String> = values.iter().map(|v| written(v, dialect, alone)).collect();
    cells.join(dialect.separator.encode_utf8(&mut [0; 4])) + &dialect.line_end
}

/// Line and bytes of a span, for people.
pub(super) fn place(text: &Text, line: u32, span: Span) -> String {
    let bytes = text.byte_place(span);
    format!("line {line}, bytes {}..{}", bytes.start, bytes.end)
}

/// A file with what stands before its first row (the header) and only these rows, broken ones too,
/// byte for byte and in the order of the file.
pub fn subset(file: &File, spans: &[Span]) -> Vec<u8> {
    let text = &file.text.text;
    // Both are in the order of the file; this is asked for every record, so it must not look at all.
    let row = file.records.first().map(Record::span);
    let broken = file.broken.first().map(|(span, _)| *span);
    let first = row.into_iter().chain(broken).map(|span| span.start).min();
    let first = first.unwrap_or(text.len() as u32);
    let head = file.text.byte_range(Span { start: 0, end: first });
    let mut bytes = file.text.bytes[..head.end].to_vec();
    let mut spans = spans.to_vec();
    spans.sort();
    spans.dedup();
    for span in spans {
        let rest = &text.as_bytes()[span.end as usize..];
        let end = match rest {
            [b'\r', b'\n', ..] => span.end + 2,
            [b'\r' | b'\n', ..] => span.end + 1,
            _ => span.end,
        };
        bytes.extend(&file.text.bytes[file.text.byte_range(Span { start: span.start, end })]);
    }
    bytes
}
