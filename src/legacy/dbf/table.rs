//! Where the cells of a table stand in its bytes, and edits of them.

use std::ops::Range;

use super::header::{Field, Header, count};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::{Holder, Text, TextEdit};
use crate::legacy::record::Span;

/// Where the cells of one table stand. Cell 0 is the mark, the others the fields that are read.
#[derive(Debug)]
pub(in crate::legacy) struct Geometry {
    /// Bytes before the first record.
    length: usize,
    /// Bytes of a record.
    pub width: usize,
    /// Records in the file.
    pub records: usize,
    /// The fields that are read.
    pub fields: Vec<Field>,
    /// Of each record, where its cells begin in the text, and where the last one ends.
    starts: Vec<u32>,
}

impl Geometry {
    pub(super) fn new(header: &Header, starts: Vec<u32>, records: usize) -> Geometry {
        let fields = header.fields.iter().filter(|f| f.is_text()).cloned().collect();
        let (length, width) = (header.length, header.width);
        Geometry { length, width, records, fields, starts }
    }

    /// The first byte behind the last record.
    pub fn end(&self) -> usize {
        self.length + self.records * self.width
    }

    /// The first byte of a cell in its record.
    pub fn place(&self, cell: usize) -> usize {
        cell.checked_sub(1).and_then(|n| self.fields.get(n)).map_or(0, |field| field.offset)
    }

    fn cell_width(&self, cell: usize) -> usize {
        cell.checked_sub(1).and_then(|n| self.fields.get(n)).map_or(1, |field| field.width)
    }

    /// Entries of `starts` per record.
    fn steps(&self) -> usize {
        self.fields.len() + 2
    }

    /// The byte of a text offset; at the border of two cells, of the one that begins there.
    fn byte(&self, text: &Text, offset: u32) -> usize {
        let after = self.starts.partition_point(|start| *start <= offset);
        let Some(n) = after.checked_sub(1) else { return self.length };
        let (record, cell) = (n / self.steps(), n % self.steps());
        let from = self.length + record * self.width;
        if cell > self.fields.len() {
            return from + self.width;
        }
        let at = from + self.place(cell);
        let inside = Span { start: self.starts[n], end: offset };
        let raw = text.bytes.get(at..at + self.cell_width(cell)).unwrap_or(&[]);
        at + text.charset.measured(text.slice(inside), raw)
    }

    /// The record that a span begins in.
    fn record(&self, span: Span) -> Option<usize> {
        let after = self.starts.partition_point(|start| *start <= span.start);
        let record = after.checked_sub(1)? / self.steps();
        // Behind the last line is what the header does not count.
        let end = self.starts.get(record * self.steps() + self.steps() - 1)?;
        (span.start <= *end).then_some(record)
    }
}

impl Holder for Geometry {
    fn byte_range(&self, text: &Text, span: Span) -> Range<usize> {
        if self.record(span).is_none() {
            return self.end()..text.bytes.len().max(self.end());
        }
        let start = self.byte(text, span.start);
        if span.end <= span.start {
            return start..start;
        }
        // The end of a cell is not where the next one begins, if one that is not read stands between.
        let last = text.slice(span).chars().next_back().map_or(0, char::len_utf8) as u32;
        let cell = self.starts.partition_point(|s| *s < span.end).saturating_sub(1);
        let ends = self.starts.get(cell + 1) == Some(&span.end);
        let (record, cell) = (cell / self.steps(), cell % self.steps());
        let end = if ends && cell <= self.fields.len() {
            self.length + record * self.width + self.place(cell) + self.cell_width(cell)
        } else {
            let at = self.byte(text, span.end - last);
            let raw = text.bytes.get(at..).unwrap_or(&[]);
            let last = Span { start: span.end - last, end: span.end };
            at + text.charset.measured(text.slice(last), raw)
        };
        start..end.max(start)
    }

    fn splice(&self, text: &Text, edits: &[&TextEdit]) -> Result<Vec<u8>> {
        let mut bytes = text.bytes.to_vec();
        for edit in edits {
            let range = self.byte_range(text, edit.span);
            let place = format!("bytes {}..{}", range.start, range.end);
            let new = text.charset.encode(&edit.text).map_err(|c| text.charset.no_code(c))?;
            let there = bytes.get_mut(range).filter(|there| there.len() == new.len());
            let Some(there) = there else {
                let what = "an edit does not fill its cell";
                return Err(Error::new(Kind::Internal, what).at(place));
            };
            there.copy_from_slice(&new);
            if text.charset.decode_raw(there).0 != edit.text {
                let what = "an undecodable byte would change its neighbours if written here";
                return Err(Error::new(Kind::Value, what).at(place));
            }
        }
        Ok(bytes)
    }

    fn only(&self, text: &Text, spans: &[Span]) -> Vec<u8> {
        let mut records: Vec<usize> = spans.iter().filter_map(|span| self.record(*span)).collect();
        records.sort_unstable();
        records.dedup();
        let mut bytes = text.bytes.get(..self.length).unwrap_or(&[]).to_vec();
        for record in &records {
            let from = self.length + record * self.width;
            bytes.extend(text.bytes.get(from..from + self.width).unwrap_or(&[]));
        }
        count(&mut bytes, records.len());
        bytes.push(0x1A);
        bytes
    }
}
