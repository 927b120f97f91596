//! Cells: one pass over the text, spans only.

use super::Dialect;
use crate::legacy::record::Span;
use crate::legacy::row::{Cell, How};

/// A line of cells, without its line end.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub cells: Vec<Cell>,
    pub span: Span,
    /// 1-based number of its first line in the file.
    pub number: u32,
    /// Where a quote is opened and never closed.
    pub unclosed: Option<u32>,
}

/// A text as a cell: quoted where it must be, or where it was before.
pub(in crate::legacy) fn written(text: &str, dialect: &Dialect, quoted: bool) -> String {
    let special = [dialect.separator, dialect.quote, '\r', '\n'];
    if !quoted && !text.contains(special) && text.trim().len() == text.len() {
        return text.to_owned();
    }
    let quote = dialect.quote.to_string();
    let twice = quote.repeat(2);
    format!("{quote}{}{quote}", text.replace(&quote, &twice))
}

/// Splits a text into lines of cells; empty lines are left out.
pub(super) fn lines(text: &str, separator: char, quote: char) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = Scanner { text, separator, quote, at: 0, number: 1 };
    while rest.at < text.len() {
        let (start, number) = (rest.at, rest.number);
        let (mut cells, mut unclosed) = (Vec::new(), None);
        loop {
            let (cell, open) = rest.cell();
            if open {
                unclosed = unclosed.or(Some(cell.span.start));
            }
            cells.push(cell);
            if !rest.take(separator) {
                break;
            }
        }
        let span = Span { start: start as u32, end: rest.at as u32 };
        rest.line_end();
        let blank = cells.len() == 1 && text[start..span.end as usize].trim().is_empty();
        if !blank {
            lines.push(Line { cells, span, number, unclosed });
        }
    }
    lines
}

struct Scanner<'t> {
    text: &'t str,
    separator: char,
    quote: char,
    at: usize,
    /// 1-based line.
    number: u32,
}

/// What a quote at the start of a cell is.
enum Quote {
    /// It is closed before this place, which a separator or a line end follows.
    Closed(usize),
    /// A character of the cell, as in `"5" disk`: one more quote on its line closes nothing.
    Plain,
    /// Opened and never closed.
    Open,
}

impl Scanner<'_> {
    fn take(&mut self, c: char) -> bool {
        let there = self.text[self.at..].starts_with(c);
        if there {
            self.at += c.len_utf8();
        }
        there
    }

    fn line_end(&mut self) {
        let carriage = self.take('\r');
        if self.take('\n') || carriage {
            self.number += 1;
        }
    }

    /// A cell, up to the separator or the line end; true if a quote is opened in it and not closed:
    /// then the cell ends with its line, and the next line is read as if nothing were open.
    fn cell(&mut self) -> (Cell, bool) {
        let start = self.at;
        let quote = self.text[start..].starts_with(self.quote).then(|| self.opened());
        let how = match quote {
            Some(Quote::Closed(end)) => {
                self.number += line_ends(&self.text[start..end]);
                self.at = end;
                How::Quoted
            }
            _ => {
                let ends = [self.separator, '\n', '\r'];
                let rest = &self.text[start..];
                self.at = start + rest.find(ends).unwrap_or(rest.len());
                How::Plain
            }
        };
        let span = Span { start: start as u32, end: self.at as u32 };
        (Cell { span, how }, matches!(quote, Some(Quote::Open)))
    }

    /// What the quote at this place is. It looks no further than the first lone quote; between two
    /// lone quotes there is nothing to look for, so a whole text is read in linear time.
    fn opened(&self) -> Quote {
        let width = self.quote.len_utf8();
        let start = self.at + width;
        let mut at = start;
        loop {
            let Some(next) = self.text[at..].find(self.quote) else { return Quote::Open };
            at += next + width;
            let after = &self.text[at..];
            if after.starts_with(self.quote) {
                at += width;
            } else if after.is_empty() || after.starts_with([self.separator, '\r', '\n']) {
                return Quote::Closed(at);
            } else if self.text[start..at].contains(['\r', '\n']) {
                return Quote::Open;
            } else {
                return Quote::Plain;
            }
        }
    }
}

/// How many line ends there are: CR LF, CR or LF each.
fn line_ends(text: &str) -> u32 {
    let lone = |(n, _): &(usize, &str)| !text[n + 1..].starts_with('\n');
    (text.matches('\n').count() + text.match_indices('\r').filter(lone).count()) as u32
}
