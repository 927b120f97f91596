//! Delimited text: CSV, TSV, pipe files, with or without a header.
//!
//! Lossless: every cell knows its span and whether it was quoted
//! (<https://www.rfc-editor.org/rfc/rfc4180>), so an edit touches one cell. Columns are found by the
//! header's names in any order; columns that the schema does not know are carried. A row with too
//! many or too few cells is broken: it is reported, and does not refuse the others.

mod cells;
mod edit;
mod names;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::charset::{Charsets, Text};
use super::pieces;
use super::record::{File, Read, Record, Scope, Span};
use crate::error::{Error, Kind, Result};
use cells::{Cell, Line};
pub use edit::Editor;

/// A row has no more cells than this.
const MOST_CELLS: usize = 10_000;

/// What the rows look like; made from `schema.yaml`.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Between cells.
    pub separator: char,
    /// Around cells that hold separators or line ends.
    pub quote: char,
    /// The first line names the columns.
    pub header: bool,
    /// The columns, in the order in which a new file has them.
    pub columns: Vec<Column>,
    /// What ends a line of a new file.
    pub line_end: String,
    /// Texts that mean "nothing"; the first one is written.
    pub nulls: Vec<String>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Longest text, in characters.
    pub max: Option<usize>,
    /// Must be in the header.
    pub required: bool,
    /// Ids made of it are hashed.
    pub secret: bool,
    /// Texts that mean "nothing" here, in place of the schema's.
    pub nulls: Option<Vec<String>>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Any text.
    Text,
    /// A code.
    Code,
    /// A date.
    Date,
    /// A date and time.
    DateTime,
    /// A decimal number.
    Decimal,
    /// A whole number.
    Int,
    /// A resident ID card number.
    Cnid,
}

/// The static kind of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Inside `columns 药物{n} for n in 1..2`: the numbers.
    numbers: Vec<u16>,
    /// Inside a `split`.
    pieces: Option<Pieces>,
}

/// A resolved slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot {
    /// A column.
    Column(u16),
    /// One column per number of a numbered group.
    Numbered(Vec<u16>),
    /// The piece of a split.
    Piece(Pieces),
}

/// A resolved list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum List {
    /// Numbered column groups: the columns of each number.
    Numbered(Vec<Vec<u16>>),
    /// Pieces of a cell.
    Split(Pieces),
}

/// A cell taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pieces {
    cell: Box<Slot>,
    separators: Vec<String>,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    shared: Arc<Shared>,
    cells: Vec<Cell>,
    span: Span,
    line: u32,
    index: u32,
}

/// What the rows of one file share.
#[derive(Debug)]
struct Shared {
    schema: Schema,
    text: Arc<Text>,
    /// Names of the file's columns.
    names: Vec<String>,
    /// Schema column → cell of the file.
    at: Vec<Option<usize>>,
    /// Cell of the file → schema column.
    columns: Vec<Option<usize>>,
}

impl Schema {
    /// Reads a file. Rows that are broken are in [`File::broken`].
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        let text = Text::decode(bytes, None, charsets)?;
        let mut lines = cells::lines(&text.text, self.separator, self.quote).into_iter();
        let (names, at) = if self.header {
            let head = lines.next().ok_or_else(|| {
                Error::new(Kind::Structure, "the file is empty: it has no header line")
            })?;
            self.header(&text, &head)?
        } else {
            let names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
            let at = (0..names.len()).map(Some).collect();
            (names, at)
        };
        let mut columns = vec![None; names.len()];
        for (column, cell) in at.iter().enumerate() {
            if let Some(cell) = cell {
                columns[*cell] = Some(column);
            }
        }
        let (schema, shown) = (self.clone(), Arc::clone(&text));
        let shared = Arc::new(Shared { schema, text: shown, names, at, columns });
        let mut file = File { text, records: Vec::new(), broken: Vec::new() };
        for line in lines {
            match self.check(&shared, &line) {
                Ok(()) => {
                    let index = file.records.len() as u32;
                    file.records.push(Record::Row(Row {
                        shared: Arc::clone(&shared),
                        cells: line.cells,
                        span: line.span,
                        line: line.number,
                        index,
                    }));
                }
                Err(error) => file.broken.push((line.span, error)),
            }
        }
        Ok(file)
    }

    /// The names in the header, and where the columns of the schema stand.
    fn header(&self, text: &Text, head: &Line) -> Result<(Vec<String>, Vec<Option<usize>>)> {
        let broken =
            |kind, what: String| Error::new(kind, what).at(place(text, head.number, head.span));
        if head.unclosed.is_some() {
            return Err(broken(Kind::Structure, "a quoted name is not closed".to_owned()));
        }
        let cells = head.cells.iter();
        let names: Vec<String> =
            cells.map(|c| c.value(&text.text, self.quote).trim().to_owned()).collect();
        let has = || format!("it has: {}", names.join(", "));
        let mut at = Vec::new();
        for column in &self.columns {
            let mut found = names.iter().enumerate().filter(|(_, n)| **n == column.name);
            let first = found.next().map(|(n, _)| n);
            if found.next().is_some() {
                let what = format!("the header names the column '{}' twice", column.name);
                return Err(broken(Kind::Structure, what));
            }
            if first.is_none() && column.required {
                let what = format!("the header has no column '{}'", column.name);
                return Err(broken(Kind::Required, what).advise(has()));
            }
            at.push(first);
        }
        if at.iter().all(Option::is_none) {
            let what = "the header has none of the columns of the schema".to_owned();
            return Err(broken(Kind::Structure, what).advise(has()));
        }
        Ok((names, at))
    }

    fn check(&self, shared: &Shared, line: &Line) -> Result<()> {
        if let Some(start) = line.unclosed {
            let span = Span { start, end: line.span.end };
            let what = "a quoted cell is not closed";
            let error = Error::new(Kind::Structure, what);
            return Err(error.at(place(&shared.text, line.number, span)));
        }
        let (has, wants) = (line.cells.len(), shared.names.len());
        if has != wants || has > MOST_CELLS {
            let what = format!("the row has {has} cells, the header {wants}");
            let advice = format!("a cell that holds '{}' must be quoted", self.separator);
            let error = Error::new(Kind::Structure, what).advise(advice);
            return Err(error.at(place(&shared.text, line.number, line.span)));
        }
        Ok(())
    }

    /// A header line and one row that says nothing.
    pub fn blank(&self) -> File {
        let separator = self.separator.to_string();
        let line = |cells: Vec<String>| cells.join(&separator) + &self.line_end;
        let names = self.columns.iter().map(|c| cells::written(&c.name, self, false));
        let alone = self.columns.len() == 1;
        let nothing = self.columns.iter().map(|c| cells::written(self.null(Some(c)), self, alone));
        let mut text = if self.header { line(names.collect()) } else { String::new() };
        text += &line(nothing.collect());
        let charsets = Charsets { channel: Some(super::Charset::Utf8), ..Charsets::default() };
        self.read(text.as_bytes(), &charsets).unwrap_or_else(|_| File {
            text: Text::fresh("", super::Charset::Utf8),
            records: Vec::new(),
            broken: Vec::new(),
        })
    }

    /// The texts that mean "nothing" in a column.
    fn nulls<'s>(&'s self, column: Option<&'s Column>) -> &'s [String] {
        column.and_then(|c| c.nulls.as_deref()).unwrap_or(&self.nulls)
    }

    /// The one of them that is written.
    fn null<'s>(&'s self, column: Option<&'s Column>) -> &'s str {
        self.nulls(column).first().map_or("", String::as_str)
    }

    /// Whether a text is blank or a null marker.
    fn is_nothing(&self, column: Option<&Column>, text: &str) -> bool {
        let text = text.trim();
        text.is_empty() || self.nulls(column).iter().any(|null| null.trim() == text)
    }
}

/// Line and bytes of a span, for people.
fn place(text: &Text, line: u32, span: Span) -> String {
    let bytes = text.byte_range(span);
    format!("line {line}, bytes {}..{}", bytes.start, bytes.end)
}

/// A file with what stands before its first row (the header) and only these rows, broken ones too,
/// byte for byte and in the order of the file.
pub fn subset(file: &File, spans: &[Span]) -> Vec<u8> {
    let text = &file.text.text;
    let rows = file.records.iter().map(Record::span);
    let all = rows.chain(file.broken.iter().map(|(span, _)| *span));
    let first = all.map(|span| span.start).min().unwrap_or(text.len() as u32);
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

impl Row {
    /// The file's text.
    pub fn text(&self) -> &Arc<Text> {
        &self.shared.text
    }

    /// The row, without its line end.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Reads a slot; null markers are absent.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        match slot {
            Slot::Piece(pieces) => {
                let Some(text) = self.value(at, &pieces.cell) else { return Read::Absent };
                let index = usize::from(at.piece).wrapping_sub(1);
                let piece = pieces::split(&text, &pieces.separators).nth(index);
                match (piece, text) {
                    (None, _) => Read::Absent,
                    (Some((from, to)), Cow::Borrowed(text)) => {
                        Read::Text(Cow::Borrowed(&text[from..to]))
                    }
                    (Some((from, to)), text) => Read::Text(Cow::Owned(text[from..to].to_owned())),
                }
            }
            plain => self.value(at, plain).map_or(Read::Absent, Read::Text),
        }
    }

    /// Where a slot stands.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        let cell = match slot {
            Slot::Piece(pieces) => self.cell(at, &pieces.cell),
            plain => self.cell(at, plain),
        };
        let end = Span { start: self.span.end, end: self.span.end };
        cell.map_or(end, |c| self.cells[c].inner(self.shared.schema.quote))
    }

    /// Appends the instances of a list: numbered groups that hold something; pieces.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        match list {
            List::Numbered(groups) => {
                for (n, columns) in groups.iter().enumerate() {
                    let filled =
                        columns.iter().any(|c| self.value(at, &Slot::Column(*c)).is_some());
                    if filled {
                        out.push(Scope { item: n as u16 + 1, ..at });
                    }
                }
            }
            List::Split(pieces) => {
                let Some(text) = self.value(at, &pieces.cell) else { return };
                let pieces = pieces::split(&text, &pieces.separators);
                out.extend((1..=u16::MAX).zip(pieces).map(|(piece, _)| Scope { piece, ..at }));
            }
        }
    }

    /// Whether `inner` is `outer` or inside it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        (outer.item == 0 || outer.item == inner.item)
            && (outer.piece == 0 || outer.piece == inner.piece)
    }

    /// `line`, `index`.
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "line" => Some(Cow::Owned(self.line.to_string())),
            "index" => Some(Cow::Owned(self.index.to_string())),
            _ => None,
        }
    }

    /// Calls `f` with the name and text of every cell that holds something, also of columns that
    /// the schema does not know.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        let shared = &self.shared;
        for ((name, column), cell) in shared.names.iter().zip(&shared.columns).zip(&self.cells) {
            let text = cell.value(&shared.text.text, shared.schema.quote);
            let column = column.and_then(|n| shared.schema.columns.get(n));
            if !shared.schema.is_nothing(column, &text) {
                f(name, &text);
            }
        }
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }

    /// The cell of a column slot, if the file has that column.
    fn cell(&self, at: Scope, slot: &Slot) -> Option<usize> {
        let column = match slot {
            Slot::Column(column) => *column,
            Slot::Numbered(columns) => *columns.get(usize::from(at.item).wrapping_sub(1))?,
            Slot::Piece(pieces) => return self.cell(at, &pieces.cell),
        };
        self.shared.at.get(usize::from(column)).copied().flatten()
    }

    fn column(&self, at: Scope, slot: &Slot) -> Option<&Column> {
        let column = match slot {
            Slot::Column(column) => *column,
            Slot::Numbered(columns) => *columns.get(usize::from(at.item).wrapping_sub(1))?,
            Slot::Piece(pieces) => return self.column(at, &pieces.cell),
        };
        self.shared.schema.columns.get(usize::from(column))
    }

    /// The text of a cell, unless it says nothing.
    fn value(&self, at: Scope, slot: &Slot) -> Option<Cow<'_, str>> {
        let cell = self.cells.get(self.cell(at, slot)?)?;
        let text = cell.value(&self.shared.text.text, self.shared.schema.quote);
        let nothing = self.shared.schema.is_nothing(self.column(at, slot), &text);
        (!nothing).then_some(text)
    }
}
