//! The header of a table: what its records look like.

use super::Table;
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::Charset;
use crate::legacy::row::How;

/// Before the fields.
const HEAD: usize = 32;
/// Of one field.
const FIELD: usize = 32;
/// Bytes of a field's name.
pub const NAME: usize = 10;
/// Behind the fields.
const END: u8 = 0x0D;

/// dBase III, IV and FoxPro, with and without memos; dBase 7 and later have another header.
const VERSIONS: [u8; 11] = [0x03, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0xCB, 0xF5, 0xFB];

/// A header, read.
#[derive(Debug)]
pub(super) struct Header {
    pub driver: u8,
    /// Bytes before the first record.
    pub length: usize,
    /// Bytes of a record, its mark included.
    pub width: usize,
    /// How many records it counts.
    pub records: usize,
    pub fields: Vec<Field>,
}

/// A field of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, in the charset of the table.
    name: Vec<u8>,
    /// Its type: `C`, `N`, `D`, `L` …
    pub kind: u8,
    /// First byte in a record.
    pub(super) offset: usize,
    /// Bytes.
    pub width: usize,
    /// Digits behind the point.
    pub decimals: u8,
}

impl Field {
    /// A field of a new table. None if the name does not fit.
    pub fn new(
        name: &str,
        kind: u8,
        width: usize,
        decimals: u8,
        charset: Charset,
    ) -> Option<Field> {
        let name = charset.encode(name).ok()?.into_owned();
        let fits = (1..=NAME).contains(&name.len()) && !name.contains(&0);
        fits.then_some(Field { name, kind, offset: 0, width, decimals })
    }

    pub(super) fn name(&self, charset: Charset) -> String {
        charset.decode_raw(&self.name).0.trim().to_owned()
    }

    /// Whether it is read.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, b'C' | b'N' | b'F' | b'D' | b'L')
    }

    pub(super) fn how(&self) -> How {
        match self.kind {
            b'L' if self.width == 1 => How::Logical,
            b'N' | b'F' => How::Number,
            _ => How::Padded,
        }
    }
}

impl Header {
    pub fn read(bytes: &[u8]) -> Result<Header> {
        let broken = |what: String| Error::new(Kind::Structure, what);
        let short = || broken("the file is too short for a DBF header".to_owned());
        let head = bytes.get(..HEAD).ok_or_else(short)?;
        if !VERSIONS.contains(&head[0]) {
            let what =
                format!("the first byte 0x{:02X} is none of dBase III, IV or FoxPro", head[0]);
            return Err(broken(what).at("byte 0"));
        }
        let word = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let records = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (length, width) = (word(8), word(10));
        let names = bytes.get(HEAD..length).ok_or_else(short)?;
        let mut fields = Vec::new();
        for raw in names.chunks_exact(FIELD).take_while(|raw| raw[0] != END) {
            let name = raw[..=NAME].split(|b| *b == 0).next().unwrap_or_default().to_vec();
            let (kind, decimals) = (raw[11].to_ascii_uppercase(), raw[17]);
            let width = usize::from(raw[16]);
            fields.push(Field { name, kind, offset: 0, width, decimals });
        }
        if names.get(fields.len() * FIELD) != Some(&END) {
            return Err(broken("the list of fields has no end".to_owned()).at("byte 32"));
        }
        place(&mut fields, width).ok_or_else(|| {
            let sum: usize = fields.iter().map(|field| field.width).sum();
            let what =
                format!("the fields take {} bytes, the records {width}", sum.saturating_add(1));
            broken(what).at("bytes 10..12")
        })?;
        Ok(Header { driver: head[29], length, width, records, fields })
    }
}

/// Gives the fields their offsets; none if they do not fill a record. Clipper and FoxPro keep the
/// upper half of long widths of texts where others keep decimals.
fn place(fields: &mut [Field], width: usize) -> Option<()> {
    let sum = |fields: &[Field]| 1 + fields.iter().map(|field| field.width).sum::<usize>();
    if sum(fields) != width {
        for field in fields.iter_mut().filter(|field| field.kind == b'C') {
            field.width += 256 * usize::from(field.decimals);
        }
    }
    if sum(fields) != width || fields.is_empty() || fields.iter().any(|f| f.width == 0) {
        return None;
    }
    let mut offset = 1;
    for field in fields {
        field.offset = offset;
        offset += field.width;
    }
    Some(())
}

/// The header of a new table. Its date is the first of 1900 until [`super::date`] says another.
pub(super) fn written(table: &Table, records: usize) -> Vec<u8> {
    // FoxPro keeps the name of a database container behind the fields.
    let behind = if matches!(table.version, 0x30..=0x32) { 263 } else { 0 };
    let length = HEAD + FIELD * table.fields.len() + 1 + behind;
    let width = 1 + table.fields.iter().map(|field| field.width).sum::<usize>();
    let mut bytes = vec![0; HEAD];
    bytes[..4].copy_from_slice(&[table.version, 0, 1, 1]);
    bytes[8..10].copy_from_slice(&(length as u16).to_le_bytes());
    bytes[10..12].copy_from_slice(&(width as u16).to_le_bytes());
    bytes[29] = table.driver;
    count(&mut bytes, records);
    let mut offset = 1;
    for field in &table.fields {
        let mut raw = [0; FIELD];
        raw[..field.name.len().min(NAME)]
            .copy_from_slice(&field.name[..field.name.len().min(NAME)]);
        raw[11] = field.kind;
        if behind > 0 {
            raw[12..16].copy_from_slice(&(offset as u32).to_le_bytes());
        }
        raw[16] = field.width as u8;
        raw[17] = field.decimals;
        offset += field.width;
        bytes.extend(raw);
    }
    bytes.push(END);
    bytes.resize(length, 0);
    bytes
}

/// Says how many records there are.
pub(super) fn count(bytes: &mut [u8], records: usize) {
    if let Some(count) = bytes.get_mut(4..8) {
        count.copy_from_slice(&(records as u32).to_le_bytes());
    }
}
