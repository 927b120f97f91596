//! Rows of named columns: what CSV, fixed-width, DBF and XLSX files have in common.
//!
//! A row is a list of cells that know their span in the text of the file. Columns, numbered groups
//! (`columns 药物{n} for n in 1..2`) and pieces of a cell (`症状 split "/"`) are the same in every
//! form; how a file is taken apart and how a cell is spelt belongs to the form: [`super::delimited`],
//! [`super::fixed`], [`super::dbf`], [`super::xlsx`]. Columns are found by the names in the file, in
//! any order; columns that the schema does not know are carried.

mod cell;
mod edit;
mod join;
mod names;

use std::borrow::Cow;
use std::sync::Arc;

use super::charset::{Charset, Charsets, Text};
use super::record::{File, Read, Record, Scope, Span};
use super::{dbf, delimited, fixed, pieces, xlsx};
use crate::error::{Error, Kind, Result};
pub(super) use cell::{Cell, How, survives};
pub use edit::Editor;

/// What the rows look like; made from `schema.yaml`.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The columns, in the order in which a new file has them.
    pub columns: Vec<Column>,
    /// Texts that mean "nothing"; the first one is written.
    pub nulls: Vec<String>,
    /// Of new files.
    pub charset: Charset,
    /// How the rows are spelt.
    pub form: Form,
}

/// How rows are spelt.
#[derive(Debug, Clone)]
pub enum Form {
    /// Cells with separators between them.
    Delimited(delimited::Dialect),
    /// Cells of fixed widths.
    Fixed(fixed::Layout),
    /// A dBase table.
    Dbf(dbf::Table),
    /// A sheet of a workbook.
    Xlsx(xlsx::Sheet),
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Longest text: in characters, or the width of a fixed cell in the unit of its layout.
    pub max: Option<usize>,
    /// Must be in the file.
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
    /// 1-based: its first line in a text, its number in a table or sheet.
    line: u32,
    index: u32,
}

/// What the rows of one file share.
#[derive(Debug)]
pub(super) struct Shared {
    schema: Schema,
    text: Arc<Text>,
    /// Names of the file's columns.
    names: Vec<String>,
    /// Schema column → cell of the file.
    at: Vec<Option<usize>>,
    /// Cell of the file → schema column.
    columns: Vec<Option<usize>>,
    spelling: Spelling,
}

/// How the cells of one file are spelt.
#[derive(Debug)]
pub(super) enum Spelling {
    Delimited(delimited::Dialect),
    Fixed(fixed::Layout),
    Dbf(Arc<dbf::Geometry>),
    Xlsx(Arc<xlsx::Book>),
}

impl Schema {
    /// Reads a file. Rows that are broken are in [`File::broken`].
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        Ok(self.read_shared(bytes, charsets)?.0)
    }

    fn read_shared(&self, bytes: &[u8], charsets: &Charsets) -> Result<(File, Arc<Shared>)> {
        match &self.form {
            Form::Delimited(dialect) => delimited::read(self, dialect, bytes, charsets),
            Form::Fixed(layout) => fixed::read(self, layout, bytes, charsets),
            Form::Dbf(_) => dbf::read(self, bytes, charsets),
            Form::Xlsx(sheet) => xlsx::read(self, sheet, bytes),
        }
    }

    /// A file with one row that says nothing.
    pub fn blank(&self) -> File {
        let read = match &self.form {
            Form::Delimited(dialect) => delimited::blank(self, dialect),
            Form::Fixed(layout) => fixed::blank(self, layout),
            Form::Dbf(table) => dbf::blank(self, table),
            Form::Xlsx(sheet) => xlsx::blank(self, sheet),
        };
        read.unwrap_or_else(|_| File {
            text: Text::fresh("", Charset::Utf8),
            records: Vec::new(),
            broken: Vec::new(),
        })
    }

    /// The length of a text as [`Column::max`] counts it, and what is counted.
    pub fn length(&self, text: &str) -> (usize, &'static str) {
        let bytes = match &self.form {
            Form::Delimited(_) | Form::Xlsx(_) => false,
            Form::Fixed(layout) => layout.unit == fixed::Unit::Bytes,
            Form::Dbf(_) => true,
        };
        match self.charset.encode(text) {
            Ok(encoded) if bytes => (encoded.len(), "bytes"),
            _ => (text.chars().count(), "characters"),
        }
    }

    /// Where the columns of the schema stand among the names of a file.
    pub(super) fn found_in(&self, names: &[String]) -> Result<Vec<Option<usize>>> {
        let has = || format!("it has: {}", names.join(", "));
        let mut at = Vec::new();
        for column in &self.columns {
            let mut found = names.iter().enumerate().filter(|(_, n)| self.same(n, &column.name));
            let first = found.next().map(|(n, _)| n);
            if found.next().is_some() {
                let what = format!("the header names the column '{}' twice", column.name);
                return Err(Error::new(Kind::Structure, what));
            }
            if first.is_none() && column.required {
                let what = format!("the header has no column '{}'", column.name);
                return Err(Error::new(Kind::Required, what).advise(has()));
            }
            at.push(first);
        }
        if at.iter().all(Option::is_none) {
            let what = "the header has none of the columns of the schema";
            return Err(Error::new(Kind::Structure, what).advise(has()));
        }
        Ok(at)
    }

    /// Names of DBF fields are upper case by custom only.
    fn same(&self, name: &str, column: &str) -> bool {
        match self.form {
            Form::Dbf(_) => name.eq_ignore_ascii_case(column),
            _ => name == column,
        }
    }

    /// The texts that mean "nothing" in a column.
    fn nulls<'s>(&'s self, column: Option<&'s Column>) -> &'s [String] {
        column.and_then(|c| c.nulls.as_deref()).unwrap_or(&self.nulls)
    }

    /// The one of them that is written.
    pub(super) fn null<'s>(&'s self, column: Option<&'s Column>) -> &'s str {
        self.nulls(column).first().map_or("", String::as_str)
    }

    /// Whether a text is blank or a null marker.
    pub(super) fn is_nothing(&self, column: Option<&Column>, text: &str) -> bool {
        let text = text.trim();
        text.is_empty() || self.nulls(column).iter().any(|null| null.trim() == text)
    }
}

impl Shared {
    pub(super) fn new(
        schema: &Schema,
        text: Arc<Text>,
        names: Vec<String>,
        at: Vec<Option<usize>>,
        spelling: Spelling,
    ) -> Arc<Shared> {
        let mut columns = vec![None; names.len()];
        for (column, cell) in at.iter().enumerate() {
            if let Some(cell) = cell {
                columns[*cell] = Some(column);
            }
        }
        Arc::new(Shared { schema: schema.clone(), text, names, at, columns, spelling })
    }

    /// The schema's column of a cell.
    pub(super) fn column(&self, cell: usize) -> Option<&Column> {
        self.columns.get(cell).copied().flatten().and_then(|n| self.schema.columns.get(n))
    }

    fn charset(&self) -> Charset {
        self.text.charset
    }

    fn quote(&self) -> char {
        match &self.spelling {
            Spelling::Delimited(dialect) => dialect.quote,
            _ => '"',
        }
    }
}

impl Row {
    pub(super) fn record(
        shared: &Arc<Shared>,
        cells: Vec<Cell>,
        span: Span,
        line: u32,
        index: usize,
    ) -> Record {
        let index = index as u32;
        Record::Row(Row { shared: Arc::clone(shared), cells, span, line, index })
    }

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
        let cell = cell.and_then(|c| self.cells.get(c));
        cell.map_or(end, |c| c.inner(&self.shared.text.text, self.shared.quote()))
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
        for (n, (name, cell)) in self.shared.names.iter().zip(&self.cells).enumerate() {
            let text = cell.value(&self.shared.text.text, self.shared.quote());
            let kept = cell.how == How::Deletion && text == "false";
            if !kept && !self.shared.schema.is_nothing(self.shared.column(n), &text) {
                f(name, &text);
            }
        }
    }

    /// The columns of the schema.
    pub(super) fn columns(&self) -> &[Column] {
        &self.shared.schema.columns
    }

    /// Its cells, in the order of the file.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }

    /// The cell of a column slot, if the file has that column.
    fn cell(&self, at: Scope, slot: &Slot) -> Option<usize> {
        self.shared.at.get(usize::from(column_number(at, slot)?)).copied().flatten()
    }

    fn column(&self, at: Scope, slot: &Slot) -> Option<&Column> {
        self.shared.schema.columns.get(usize::from(column_number(at, slot)?))
    }

    /// The text of a cell, unless it says nothing.
    fn value(&self, at: Scope, slot: &Slot) -> Option<Cow<'_, str>> {
        let cell = self.cells.get(self.cell(at, slot)?)?;
        let text = cell.value(&self.shared.text.text, self.shared.quote());
        let nothing = self.shared.schema.is_nothing(self.column(at, slot), &text);
        (!nothing).then_some(text)
    }
}

fn column_number(at: Scope, slot: &Slot) -> Option<u16> {
    match slot {
        Slot::Column(column) => Some(*column),
        Slot::Numbered(columns) => columns.get(usize::from(at.item).wrapping_sub(1)).copied(),
        Slot::Piece(pieces) => column_number(at, &pieces.cell),
    }
}
