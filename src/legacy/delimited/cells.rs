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
    let mut rest = Scanner::new(text, separator, quote);
    let lines = std::iter::from_fn(|| rest.line());
    lines.filter(|line| !line.is_blank(text)).collect()
}

impl Line {
    /// It holds nothing, so it is no row.
    pub fn is_blank(&self, text: &str) -> bool {
        let span = self.span.start as usize..self.span.end as usize;
        self.cells.len() == 1 && text[span].trim().is_empty()
    }
}

/// Walks through a text.
pub(super) struct Scanner<'t> {
    text: &'t str,
    separator: char,
    quote: char,
    /// How far it is.
    pub at: usize,
    /// 1-based line there.
    pub number: u32,
    /// The last line would perhaps be another one if the text went on.
    pub unsure: bool,
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

impl<'t> Scanner<'t> {
    pub fn new(text: &'t str, separator: char, quote: char) -> Scanner<'t> {
        Scanner { text, separator, quote, at: 0, number: 1, unsure: false }
    }

    /// The next line, blank or not.
    pub fn line(&mut self) -> Option<Line> {
        if self.at >= self.text.len() {
            return None;
        }
        self.unsure = false;
        let (start, number) = (self.at, self.number);
        let (mut cells, mut unclosed) = (Vec::new(), None);
        loop {
            let (cell, open) = self.cell();
            if open {
                unclosed = unclosed.or(Some(cell.span.start));
            }
            cells.push(cell);
            if !self.take(self.separator) {
                break;
            }
        }
        let span = Span { start: start as u32, end: self.at as u32 };
        self.line_end();
        Some(Line { cells, span, number, unclosed })
    }

    fn take(&mut self, c: char) -> bool {
        let there = self.text[self.at..].starts_with(c);
        if there {
            self.at += c.len_utf8();
        }
        there
    }

    fn line_end(&mut self) {
        let carriage = self.take('\r');
        // A line feed may follow.
        self.unsure |= self.at == self.text.len() && !self.text.ends_with('\n');
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
                self.unsure |= self.at == self.text.len();
                How::Plain
            }
        };
        let span = Span { start: start as u32, end: self.at as u32 };
        (Cell { span, how }, matches!(quote, Some(Quote::Open)))
    }

    /// What the quote at this place is. It looks no further than the first lone quote; between two
    /// lone quotes there is nothing to look for, so a whole text is read in linear time.
    fn opened(&mut self) -> Quote {
        let width = self.quote.len_utf8();
        let start = self.at + width;
        let mut at = start;
        loop {
            let Some(next) = self.text[at..].find(self.quote) else {
                self.unsure = true;
                return Quote::Open;
            };
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
