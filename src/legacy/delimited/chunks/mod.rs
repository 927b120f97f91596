//! Delimited text that is read in parts, so that a file of any size takes little memory.
//!
//! A part is a transfer of its own, the header line and some whole rows, and is read as such; lines,
//! bytes and numbers of records are told as those of the whole. Parts are cut where a row ends for
//! certain: a line end inside quotes ends none, so the start of the text is decoded and walked through
//! before it is cut. Three things are known of a whole that are not known of its start:
//!
//! * A quote that is not closed within [`MOST_ROW`] bytes counts as never closed, and its line is broken.
//!   A line that is longer is an error, behind which nothing is read.
//! * Where nobody says the charset, the first part that is more than ASCII decides.
//! * Bytes that cannot be decoded end the reading there; the rows before have been read.

use std::io::Read;

use super::Dialect;
use super::cells::Scanner;
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::{self, Charset, Charsets};
use crate::legacy::record::File;
use crate::legacy::row::Schema;

/// Bytes of a part that are aimed at.
const PART: usize = 1 << 20;

/// A row, or a quoted cell, has no more bytes than this.
pub const MOST_ROW: usize = 16 << 20;

/// The parts of a text, each read; an error is the last thing it gives.
///
/// UTF-16, and a separator or quote that is not ASCII, cannot be cut byte by byte: such a text is one
/// part.
#[derive(Debug)]
pub struct Chunks<'s, R> {
    schema: &'s Schema,
    dialect: &'s Dialect,
    /// With the origin of the next part.
    charsets: Charsets,
    input: R,
    /// The head of the text, and what was read and not yet given.
    buffer: Vec<u8>,
    ended: bool,
    done: bool,
    part: usize,
    most_row: usize,
}

/// How far a part goes.
struct Cut {
    /// Bytes of the buffer, head included.
    bytes: usize,
    /// Lines behind the head.
    lines: u32,
    /// Bytes of the head.
    head: usize,
}

impl<'s, R: Read> Chunks<'s, R> {
    /// The parts of a text.
    pub(in crate::legacy) fn new(
        schema: &'s Schema,
        dialect: &'s Dialect,
        input: R,
        charsets: Charsets,
    ) -> Self {
        Chunks {
            schema,
            dialect,
            charsets,
            input,
            buffer: Vec::new(),
            ended: false,
            done: false,
            part: PART,
            most_row: MOST_ROW,
        }
    }

    /// With other sizes.
    #[cfg(test)]
    pub(super) fn sized(mut self, part: usize, most_row: usize) -> Self {
        (self.part, self.most_row) = (part, most_row);
        self
    }

    /// Reads the next part.
    fn read_part(&mut self) -> Result<Option<File>> {
        let Some(cut) = self.cut()? else { return Ok(None) };
        let file = self.schema.read(&self.buffer[..cut.bytes], &self.charsets)?;
        let origin = &mut self.charsets.origin;
        origin.head = cut.head;
        origin.bytes += cut.bytes - cut.head;
        origin.lines = origin.lines.saturating_add(cut.lines);
        origin.records = origin.records.saturating_add(file.records.len() as u32);
        self.buffer.drain(cut.head..cut.bytes);
        Ok(Some(file))
    }

    /// Reads on until there is a place to cut at; none if everything was given.
    fn cut(&mut self) -> Result<Option<Cut>> {
        let (head, first) = (self.charsets.origin.head, self.charsets.origin.bytes == 0);
        let mut want = self.part.max(self.buffer.len() - head).min(self.most_row);
        loop {
            self.fill(head.saturating_add(want))?;
            let (charset, guessed) = charset::choose_by_start(&self.buffer, &self.charsets);
            if guessed && !self.ended {
                self.charsets.origin.looks = Some(charset);
            }
            if self.ended {
                self.done = true;
                let rest = first || self.buffer.len() > head;
                return Ok(rest.then_some(Cut { bytes: self.buffer.len(), lines: 0, head }));
            }
            if !self.can_cut(charset) {
                want = usize::MAX;
                continue;
            }
            let at_limit = want >= self.most_row;
            let Some((bom, text)) = charset.decode_start(&self.buffer) else {
                // It is refused where it is read.
                self.done = true;
                return Ok(Some(Cut { bytes: self.buffer.len(), lines: 0, head }));
            };
            if let Some(cut) = self.rows(charset, bom, &text, at_limit) {
                return Ok(Some(cut));
            }
            if at_limit {
                return Err(self.too_long(&text));
            }
            want = want.saturating_mul(2).min(self.most_row);
        }
    }

    /// Reads until the buffer holds this much.
    fn fill(&mut self, most: usize) -> Result<()> {
        let lacks = most.saturating_sub(self.buffer.len());
        let read = self.input.by_ref().take(lacks as u64).read_to_end(&mut self.buffer);
        let read = read.map_err(|error| {
            let at = self.charsets.origin.bytes + self.buffer.len();
            Error::new(Kind::Usage, "the input cannot be read")
                .at(format!("byte {at}"))
                .because(error)
        })?;
        self.ended |= read < lacks;
        Ok(())
    }

    fn can_cut(&self, charset: Charset) -> bool {
        !matches!(charset, Charset::Utf16Le | Charset::Utf16Be)
            && self.dialect.separator.is_ascii()
            && self.dialect.quote.is_ascii()
    }

    /// The rows that end for certain. `any`: if the first one does not, it is taken as it looks.
    fn rows(&self, charset: Charset, bom: usize, text: &str, any: bool) -> Option<Cut> {
        let mut rest = Scanner::new(text, self.dialect.separator, self.dialect.quote);
        let mut head = if self.dialect.header { None } else { Some((0, 1)) };
        let mut end = None;
        while let Some(line) = rest.line() {
            let taken = !rest.unsure || (any && end.is_none() && rest.at < text.len());
            if !taken {
                break;
            }
            let here = (rest.at, rest.number);
            if let Some((head, _)) = head {
                // Behind a head that ends with CR, a part that begins with LF would lose a line.
                let behind = text[rest.at..].chars().next();
                if !text[..head].ends_with('\r') || behind.is_some_and(|c| c != '\n') {
                    end = Some(here);
                }
            } else if !line.is_blank(text) {
                head = Some(here);
            }
        }
        let ((head, first), (end, last)) = (head?, end?);
        let read = &self.buffer[bom..];
        let bytes = |end: usize| match charset {
            Charset::Utf8 if text.len() == read.len() => bom + end,
            _ => bom + charset.measured(&text[..end], read),
        };
        Some(Cut { bytes: bytes(end), lines: last - first, head: bytes(head) })
    }

    fn too_long(&self, text: &str) -> Error {
        let origin = self.charsets.origin;
        let mut rest = Scanner::new(text, self.dialect.separator, self.dialect.quote);
        let mut line = 1;
        while rest.line().is_some() && !rest.unsure {
            line = rest.number;
        }
        let most = self.most_row;
        Error::new(Kind::TooLarge, format!("the row is longer than {most} bytes"))
            .at(format!("line {}", line.saturating_add(origin.lines)))
            .advise("the separator, the quotes or the line ends are others, or a quote is missing")
    }
}

impl<R: Read> Iterator for Chunks<'_, R> {
    type Item = Result<File>;

    fn next(&mut self) -> Option<Result<File>> {
        if self.done {
            return None;
        }
        let part = self.read_part().transpose();
        self.done |= !matches!(part, Some(Ok(_)));
        part
    }
}

#[cfg(test)]
mod tests;
