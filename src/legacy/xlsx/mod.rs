//! XLSX: a sheet of a workbook, read from its XML and written cell by cell.
//!
//! A workbook is a ZIP archive of XML parts (ECMA-376). The sheet's values become a text of lines and
//! tabs, of which every cell knows its span; a write to a cell changes that cell in the XML of the
//! sheet, and every other part is copied as it is packed. A number is a day if the style of its cell
//! says so (`2026-03-05`, `2026-03-05 10:30:00`); styles stay when values change.

mod archive;
mod blank;
mod book;
mod number;
mod parts;
mod sheet;
mod spell;
mod strings;
mod styles;
#[cfg(test)]
mod tests;
mod tokens;

use std::sync::Arc;

use super::charset::{Charset, Text};
use super::record::{File, Span};
use super::row::{Cell, ColumnKind, How, Row, Schema, Shared, Spelling};
use crate::error::{Error, Kind, Result};
use archive::Archive;
pub(super) use blank::blank;
pub(super) use book::Book;
use book::{RowAt, Stand};
use parts::Parts;
use sheet::{RawCell, RawRow, Type, letters};
use strings::Strings;
use styles::{Class, Styles};

/// A part of a workbook is no larger than this, unpacked.
pub const MOST_BYTES: usize = 64 << 20;
/// Rows times columns of a sheet that are read.
pub const MOST_CELLS: usize = 2_000_000;
/// All texts of a sheet together are no longer than this.
pub const MOST_TEXT: usize = 128 << 20;

/// Which sheet is read, and where its header is.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// Its name; none: the first.
    pub name: Option<String>,
    /// The row that names the columns: its number, or 0 for the first that says anything. None: the
    /// columns stand as they are listed.
    pub header: Option<u32>,
}

/// The names in the header of a workbook's sheet, if it has that sheet.
pub fn names(bytes: &[u8], sheet: &Sheet) -> Option<Vec<String>> {
    let archive = Archive::read(bytes).ok()?;
    let parts = Parts::find(bytes, &archive, sheet).ok()?;
    let mut reading = Reading::new(&parts, sheet).ok()?;
    let mut names = None;
    // The header is what is looked for: it ends the reading.
    let _ = sheet::rows(&parts.name, &parts.xml, &mut |row| {
        match reading.header(&row) {
            Some(header) => names = Some(header.into_iter().map(|(_, name)| name).collect()),
            None => return Ok(()),
        }
        Err(Error::new(Kind::Internal, "the header is found"))
    });
    names
}

/// Reads a sheet. A row with a cell that cannot be read is in [`File::broken`]; rows that say nothing
/// are left out.
pub(super) fn read(schema: &Schema, sheet: &Sheet, bytes: &[u8]) -> Result<(File, Arc<Shared>)> {
    read_rows(schema, sheet, bytes, false)
}

/// Reads a sheet, perhaps with the rows that say nothing.
fn read_rows(
    schema: &Schema,
    sheet: &Sheet,
    bytes: &[u8],
    empty_too: bool,
) -> Result<(File, Arc<Shared>)> {
    let archive = Archive::read(bytes)?;
    let parts = Parts::find(bytes, &archive, sheet)?;
    let mut reading = Reading::new(&parts, sheet)?;
    reading.empty_too = empty_too;
    if sheet.header.is_none() {
        let names = schema.columns.iter().map(|c| c.name.clone());
        reading.begin((0..).zip(names).collect());
    }
    let frame = sheet::rows(&parts.name, &parts.xml, &mut |row| reading.row(row))?;
    if reading.columns.is_empty() {
        let what = format!("the sheet '{}' has no header row", parts.name);
        return Err(Error::new(Kind::Structure, what));
    }
    let Reading { strings, styles, columns, text, stands, rows, read, .. } = reading;
    let names: Vec<String> = columns.iter().map(|(_, name)| name.clone()).collect();
    let place = || format!("the header of sheet '{}'", parts.name);
    let at = schema.found_in(&names).map_err(|error| error.at(place()))?;
    let mut kinds = vec![ColumnKind::Text; names.len()];
    for (column, cell) in schema.columns.iter().zip(&at) {
        if let Some(cell) = cell {
            kinds[*cell] = column.kind;
        }
    }
    let columns = columns.into_iter().map(|(column, _)| column).collect();
    let book =
        Arc::new(Book::new(archive, parts, frame, strings, styles, columns, kinds, stands, rows));
    let text = Text::held(bytes.into(), text, (Charset::Utf8, "declared"), book.clone());
    let shared = Shared::new(schema, Arc::clone(&text), names, at, Spelling::Xlsx(book));
    let mut file = File { text, records: Vec::new(), broken: Vec::new() };
    for (cells, span, number, wrong) in read {
        match wrong {
            Some(error) => file.broken.push((span, error)),
            None => {
                let index = file.records.len();
                file.records.push(Row::record(&shared, cells, span, number, index));
            }
        }
    }
    Ok((file, shared))
}

/// A row that was read: its cells, its span, its number, and why it is broken.
type ReadRow = (Vec<Cell>, Span, u32, Option<Error>);

/// Rows on their way from XML to text.
struct Reading<'p> {
    parts: &'p Parts,
    sheet: &'p Sheet,
    strings: Strings,
    styles: Styles,
    /// The columns that have a name, once the header was read.
    columns: Vec<(u16, String)>,
    empty_too: bool,
    text: String,
    stands: Vec<Stand>,
    rows: Vec<RowAt>,
    read: Vec<ReadRow>,
}

impl<'p> Reading<'p> {
    fn new(parts: &'p Parts, sheet: &'p Sheet) -> Result<Reading<'p>> {
        Ok(Reading {
            parts,
            sheet,
            strings: Strings::read(&parts.strings)?,
            styles: Styles::read(&parts.styles)?,
            columns: Vec::new(),
            empty_too: false,
            text: String::new(),
            stands: Vec::new(),
            rows: Vec::new(),
            read: Vec::new(),
        })
    }

    fn begin(&mut self, columns: Vec<(u16, String)>) {
        self.columns = columns;
    }

    /// The columns that a row names, if it is the header.
    fn header(&mut self, row: &RawRow) -> Option<Vec<(u16, String)>> {
        let wanted = self.sheet.header.filter(|number| *number > 0);
        if wanted.is_some_and(|number| number != row.number) {
            return None;
        }
        let named = row.cells.iter().filter_map(|cell| {
            let name = self.value(cell).ok()?.trim().to_owned();
            (!name.is_empty()).then_some((cell.column, name))
        });
        Some(named.collect::<Vec<_>>()).filter(|names| !names.is_empty())
    }

    fn row(&mut self, row: RawRow) -> Result<()> {
        if self.columns.is_empty() {
            if let Some(columns) = self.header(&row) {
                let names: Vec<&str> = columns.iter().map(|(_, name)| &**name).collect();
                self.text = names.join("\t") + "\n";
                self.begin(columns);
            }
            return Ok(());
        }
        self.record(&row)
    }

    /// A row of the table; one that says nothing is none.
    fn record(&mut self, row: &RawRow) -> Result<()> {
        let (text_before, stands_before) = (self.text.len(), self.stands.len());
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut wrong = row.wrong.clone();
        let mut any = wrong.is_some();
        let mut there = row.cells.iter().peekable();
        // A cell that is not there goes before the next one, else behind the last.
        let end = row.cells.last().map_or(row.tag.1, |cell| cell.span.1);
        for (n, (column, _)) in self.columns.iter().enumerate() {
            while there.next_if(|cell| cell.column < *column).is_some() {}
            let cell = there.next_if(|cell| cell.column == *column);
            let start = self.text.len() as u32;
            let mut stand = Stand { text: start, xml: (0, 0), tag: (0, 0), ..Stand::default() };
            match cell {
                Some(cell) => {
                    match value(&self.strings, &self.styles, self.parts.from_1904, cell) {
                        Ok(value) => {
                            // A few long texts, shared by many cells, are how workbooks explode.
                            if self.text.len() + value.len() > MOST_TEXT {
                                let what =
                                    format!("its texts take more than {} MiB", MOST_TEXT >> 20);
                                return Err(too_large(&self.parts.name, &what));
                            }
                            self.text += &value;
                        }
                        Err(what) => drop(wrong.get_or_insert(what)),
                    }
                    stand.fill(cell);
                }
                None => {
                    let gap = there.peek().map_or(end, |next| next.span.0);
                    stand.xml = (gap, gap);
                }
            }
            let span = Span { start, end: self.text.len() as u32 };
            any |= !self.text[start as usize..].trim().is_empty();
            cells.push(Cell { span, how: How::Plain });
            self.stands.push(stand);
            self.text.push(if n + 1 < self.columns.len() { '\t' } else { '\n' });
        }
        if !any && wrong.is_none() && !self.empty_too {
            self.text.truncate(text_before);
            self.stands.truncate(stands_before);
            return Ok(());
        }
        if self.stands.len() > MOST_CELLS {
            let what = format!("it has more than {MOST_CELLS} cells");
            return Err(too_large(&self.parts.name, &what));
        }
        let span = Span { start: text_before as u32, end: self.text.len() as u32 - 1 };
        self.rows.push(RowAt { text: span.start, xml: row.span, number: row.number });
        let wrong = wrong.map(|what| {
            let place = format!("sheet '{}', row {}", self.parts.name, row.number);
            Error::new(Kind::Structure, what).at(place)
        });
        self.read.push((cells, span, row.number, wrong));
        Ok(())
    }

    fn value(&self, cell: &RawCell) -> Result<String, String> {
        value(&self.strings, &self.styles, self.parts.from_1904, cell)
    }
}

fn too_large(sheet: &str, what: &str) -> Error {
    Error::new(Kind::TooLarge, format!("the sheet '{sheet}' is too large: {what}"))
        .advise("send it in parts")
}

/// What a cell says.
fn value(
    strings: &Strings,
    styles: &Styles,
    from_1904: bool,
    cell: &RawCell,
) -> Result<String, String> {
    let Some(raw) = &cell.value else { return Ok(String::new()) };
    Ok(match cell.kind {
        _ if raw.trim().is_empty() && cell.kind != Type::Inline => String::new(),
        Type::Shared => match strings.get(raw) {
            Some(text) => text.to_owned(),
            None => {
                let column = sheet::letters(cell.column);
                return Err(format!("column {column}: there is no shared string {raw}"));
            }
        },
        Type::Inline | Type::Text => strings::unescaped(raw),
        Type::Boolean => if raw.trim() == "1" { "true" } else { "false" }.to_owned(),
        Type::Error | Type::Date => raw.clone(),
        Type::Number => match styles.class(cell.style) {
            Class::Number => number::plain(raw),
            class => number::moment(raw, class, from_1904).unwrap_or_else(|| number::plain(raw)),
        },
    })
}
