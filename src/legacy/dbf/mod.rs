//! dBase III and FoxPro tables, read and written.
//!
//! A header, then records of one width (<https://www.dbase.com/KnowledgeBase/int/db7_file_fmt.htm>,
//! <https://learn.microsoft.com/en-us/previous-versions/visualstudio/foxpro/aa975386(v=vs.71)>).
//! Every cell is decoded by itself, so half a character at the end of a cell, where a name was cut,
//! spoils nothing but its record. Fields of types C, N, F, D and L are read; the others (memos,
//! binary ones) are carried. The deletion mark of a record is the slot `$deleted`: `true` or `false`.

mod header;
mod spell;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::charset::{self, Charset, Charsets, Text};
use super::record::{File, Span};
use super::row::{Cell, How, Row, Schema, Shared, Spelling};
use crate::error::{Error, Kind, Result};
pub use header::Field;
use header::Header;
pub(super) use table::Geometry;

/// The slot of the deletion mark.
pub const DELETED: &str = "$deleted";

/// A table has no more records than this.
const MOST_RECORDS: usize = 1_000_000;

/// What new tables look like.
#[derive(Debug, Clone)]
pub struct Table {
    /// First byte of the header: 0x03 for dBase III, 0x30 for FoxPro.
    pub version: u8,
    /// Language driver, byte 29: 0x4D for code page 936.
    pub driver: u8,
    /// The fields, in order.
    pub fields: Vec<Field>,
}

/// The charset of a language driver, where it says one that is known here.
pub fn driver_charset(driver: u8) -> Option<Charset> {
    match driver {
        0x4D | 0x7A => Some(Charset::Gbk),
        0x4F | 0x78 => Some(Charset::Big5),
        0x03 | 0x57 | 0x58 | 0x59 => Some(Charset::Latin1),
        _ => None,
    }
}

/// The names of the fields, if the bytes are a table; in a charset that is only guessed.
pub fn names(bytes: &[u8]) -> Option<Vec<String>> {
    let header = Header::read(bytes).ok()?;
    let charset = driver_charset(header.driver).unwrap_or(Charset::Gb18030);
    Some(header.fields.iter().map(|field| field.name(charset)).collect())
}

/// Reads a table. A record with an undecodable or half character is broken, unless raw bytes are to
/// be carried; so is what a header counts and the file does not hold, or the other way round.
pub(super) fn read(
    schema: &Schema,
    bytes: &[u8],
    charsets: &Charsets,
) -> Result<(File, Arc<Shared>)> {
    let header = Header::read(bytes)?;
    let body = bytes.get(header.length..).unwrap_or(&[]);
    let chosen = charset::choose(body, driver_charset(header.driver), charsets);
    let readable: Vec<&Field> = header.fields.iter().filter(|f| f.is_text()).collect();
    let mut names = vec![DELETED.to_owned()];
    names.extend(readable.iter().map(|field| field.name(chosen.0)));
    let place = || format!("bytes 32..{}", header.length);
    let at = readable_columns(schema, &header, chosen.0)
        .and_then(|()| schema.found_in(&names))
        .map_err(|error| error.at(place()))?;
    let whole = header.records.min(body.len() / header.width);
    if whole > MOST_RECORDS {
        let what = format!("the table has more than {MOST_RECORDS} records");
        return Err(Error::new(Kind::TooLarge, what).advise("send it in parts"));
    }
    let mut reading =
        Reading { charset: chosen.0, text: String::new(), starts: Vec::new(), rows: Vec::new() };
    for (n, record) in body.chunks_exact(header.width).take(whole).enumerate() {
        reading.record(&header, &readable, record, n);
        if u32::try_from(reading.text.len()).is_err() {
            return Err(Error::new(Kind::TooLarge, "the text is longer than 4 GiB"));
        }
    }
    let Reading { text, starts, rows, .. } = reading;
    let end = text.len() as u32;
    let left = leftover(&header, body, whole);
    let geometry = Arc::new(Geometry::new(&header, starts, whole));
    let text = Text::held(bytes.into(), text, chosen, geometry.clone());
    let spelling = Spelling::Dbf(geometry);
    let shared = Shared::new(schema, Arc::clone(&text), names, at, spelling);
    let mut file = File { text, records: Vec::new(), broken: Vec::new() };
    for (n, (cells, span, bad)) in rows.into_iter().enumerate() {
        match bad.filter(|bad| bad.kind != Kind::Value || !charsets.carry_raw) {
            Some(error) => file.broken.push((span, error)),
            None => {
                let index = file.records.len();
                file.records.push(Row::record(&shared, cells, span, n as u32 + 1, index));
            }
        }
    }
    file.broken.extend(left.map(|error| (Span { start: end, end }, error)));
    Ok((file, shared))
}

/// Records on their way from bytes to text.
struct Reading {
    charset: Charset,
    text: String,
    /// Where each cell begins in the text, and one more per record: its end.
    starts: Vec<u32>,
    rows: Vec<(Vec<Cell>, Span, Option<Error>)>,
}

impl Reading {
    fn record(&mut self, header: &Header, readable: &[&Field], bytes: &[u8], n: usize) {
        let from = header.length + n * header.width;
        let start = self.text.len() as u32;
        let mut cells = Vec::with_capacity(readable.len() + 1);
        let mut bad = None;
        let mark = bytes[0];
        if !matches!(mark, b' ' | b'*') {
            let what = format!("byte 0x{mark:02X} is no deletion mark: it is a blank or '*'");
            bad = Some(Error::new(Kind::Structure, what).at(shown(n, from, from + 1)));
        }
        self.cell(&bytes[..1], How::Deletion, &mut cells);
        for field in readable {
            let raw = &bytes[field.offset..field.offset + field.width];
            if let Some(byte) = self.cell(raw, field.how(), &mut cells) {
                let name = field.name(self.charset);
                let what = format!(
                    "byte 0x{byte:02X} in '{name}' cannot be decoded as {}",
                    self.charset.name()
                );
                let at = from + field.offset;
                let error = Error::new(Kind::Value, what)
                    .at(shown(n, at, at + field.width))
                    .advise("perhaps the text was cut in the middle of a character");
                bad.get_or_insert(error);
            }
        }
        let end = self.text.len() as u32;
        self.starts.push(end);
        self.text.push('\n');
        self.rows.push((cells, Span { start, end }, bad));
    }

    fn cell(&mut self, raw: &[u8], how: How, cells: &mut Vec<Cell>) -> Option<u8> {
        let (text, bad) = self.charset.decode_raw(raw);
        let start = self.text.len() as u32;
        self.starts.push(start);
        self.text += &text;
        cells.push(Cell { span: Span { start, end: self.text.len() as u32 }, how });
        bad
    }
}

fn shown(record: usize, from: usize, to: usize) -> String {
    format!("record {}, bytes {from}..{to}", record + 1)
}

/// A field that the schema names and that is not read is an error.
fn readable_columns(schema: &Schema, header: &Header, charset: Charset) -> Result<()> {
    let other = header.fields.iter().filter(|f| !f.is_text()).find(|field| {
        schema.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&field.name(charset)))
    });
    let Some(field) = other else { return Ok(()) };
    let (name, kind) = (field.name(charset), char::from(field.kind));
    let what = format!("the field '{name}' has type {kind}, which is not read");
    Err(Error::new(Kind::NotSupported, what)
        .advise("types C, N, F, D and L are read; leave the field out of the schema to carry it"))
}

/// What does not fit the number of records that the header says.
fn leftover(header: &Header, body: &[u8], whole: usize) -> Option<Error> {
    let rest = body.get(whole * header.width..).unwrap_or(&[]);
    let at = header.length + whole * header.width;
    let place = format!("bytes {at}..{}", at + rest.len());
    if whole < header.records {
        let what = format!("the header counts {} records, the file holds {whole}", header.records);
        return Some(Error::new(Kind::Structure, what).at(place).advise("the file was cut off"));
    }
    // An end mark, and what some writers fill up with.
    if rest.iter().all(|b| matches!(b, 0x1A | 0 | b' ' | b'\r' | b'\n')) {
        return None;
    }
    let what = format!("the header counts {} records, and more bytes follow them", header.records);
    Some(Error::new(Kind::Structure, what).at(place).advise("the writer did not finish the file"))
}

/// A table with one record that says nothing.
pub(super) fn blank(schema: &Schema, table: &Table) -> Result<File> {
    let mut bytes = header::written(table, 1);
    let width = table.fields.iter().map(|field| field.width).sum::<usize>();
    bytes.resize(bytes.len() + 1 + width, b' ');
    bytes.push(0x1A);
    let charsets = Charsets { channel: Some(schema.charset), ..Charsets::default() };
    Ok(read(schema, &bytes, &charsets)?.0)
}

/// Says in the header when the table was changed last.
pub(super) fn date(bytes: &mut [u8], day: jiff::civil::Date) {
    if let Some(date) = bytes.get_mut(1..4) {
        let year = (day.year() - 1900).rem_euclid(256) as u8;
        date.copy_from_slice(&[year, day.month().unsigned_abs(), day.day().unsigned_abs()]);
    }
}

/// The table with more records, whose values are given by field; the header counts them.
pub(super) fn append(
    file: &File,
    geometry: &Geometry,
    rows: &[Vec<Option<String>>],
) -> Result<Vec<u8>> {
    let mut bytes = file.text.bytes[..geometry.end()].to_vec();
    for row in rows {
        let from = bytes.len();
        bytes.resize(from + geometry.width, b' ');
        for (cell, value) in row.iter().enumerate() {
            let spelt = geometry.spell(file.text.charset, cell, value.as_deref().unwrap_or(""))?;
            let raw = file.text.charset.encode(&spelt).map_err(|c| file.text.charset.no_code(c))?;
            let at = from + geometry.place(cell);
            bytes[at..at + raw.len()].copy_from_slice(&raw);
        }
    }
    header::count(&mut bytes, geometry.records + rows.len());
    bytes.push(0x1A);
    Ok(bytes)
}
