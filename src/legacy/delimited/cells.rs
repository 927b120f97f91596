//! Cells: one pass over the text, spans only.

use std::borrow::Cow;

use crate::legacy::record::Span;

/// A cell as it stands in the text, quotes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub span: Span,
    pub quoted: bool,
}

/// A line of cells, without its line end.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub cells: Vec<Cell>,
    pub span: Span,
    /// 1-based number of its first line in the file.
    pub number: u32,
}

impl Cell {
    /// The span without quotes.
    pub(super) fn inner(&self, quote: char) -> Span {
        let width = if self.quoted { quote.len_utf8() as u32 } else { 0 };
        Span {
            start: self.span.start + width,
            end: self.span.end.saturating_sub(width).max(self.span.start + width),
        }
    }

    /// The text, unquoted.
    pub(super) fn value<'t>(&self, text: &'t str, quote: char) -> Cow<'t, str> {
        let inner = self.inner(quote);
        let raw = text.get(inner.start as usize..inner.end as usize).unwrap_or("");
        if self.quoted && raw.contains(quote) {
            let twice = format!("{quote}{quote}");
            return Cow::Owned(raw.replace(&twice, quote.encode_utf8(&mut [0; 4])));
        }
        Cow::Borrowed(raw)
    }
}

/// Splits a text into lines of cells; empty lines are left out. The second result is where a quote
/// is opened and never closed.
pub(super) fn lines(text: &str, separator: char, quote: char) -> (Vec<Line>, Option<u32>) {
    let mut lines = Vec::new();
    let mut unclosed = None;
    let mut rest = Scanner { text, at: 0, number: 1 };
    while rest.at < text.len() {
        let number = rest.number;
        let start = rest.at;
        let mut cells = Vec::new();
        loop {
            let cell_start = rest.at;
            let (cell, closed) = rest.cell(separator, quote);
            cells.push(cell);
            if !closed {
                unclosed = Some(cell_start as u32);
            }
            if !rest.take(separator) {
                break;
            }
        }
        let span = Span { start: start as u32, end: rest.at as u32 };
        rest.line_end();
        let blank = cells.len() == 1 && text[start..span.end as usize].trim().is_empty();
        if !blank {
            lines.push(Line { cells, span, number });
        }
    }
    (lines, unclosed)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    number: u32,
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

    /// A cell, up to the separator or the line end; false if a quote was not closed.
    fn cell(&mut self, separator: char, quote: char) -> (Cell, bool) {
        let start = self.at;
        if self.text[start..].starts_with(quote)
            && let Some(end) = self.closing_quote(separator, quote)
        {
            let inside = &self.text[start..end];
            self.number += inside.matches('\n').count() as u32;
            self.at = end;
            return (
                Cell { span: Span { start: start as u32, end: end as u32 }, quoted: true },
                true,
            );
        }
        let open = self.text[start..].starts_with(quote);
        let rest = &self.text[start..];
        let end = rest.find([separator, '\n', '\r']).unwrap_or(rest.len());
        self.at = start + end;
        let span = Span { start: start as u32, end: self.at as u32 };
        // A quote that closes nowhere is an error; one in the middle of a cell is a character.
        let closed = !open || self.text[start..].matches(quote).count().is_multiple_of(2);
        (Cell { span, quoted: false }, closed)
    }

    /// The end of a quoted cell: behind a lone quote that a separator or a line end follows.
    fn closing_quote(&self, separator: char, quote: char) -> Option<usize> {
        let width = quote.len_utf8();
        let mut at = self.at + width;
        loop {
            at += self.text[at..].find(quote)? + width;
            let after = &self.text[at..];
            if after.starts_with(quote) {
                at += width;
                continue;
            }
            let ends = after.is_empty() || after.starts_with([separator, '\r', '\n']);
            return ends.then_some(at);
        }
    }
}

/// The pieces of a text, as trimmed ranges; empty ones are left out.
pub(in crate::legacy) fn split<'t>(
    text: &'t str,
    separators: &'t [String],
) -> impl Iterator<Item = (usize, usize)> + 't {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        loop {
            let start = at?;
            let rest = &text[start..];
            let next = separators
                .iter()
                .filter_map(|s| rest.find(s.as_str()).map(|n| (n, s.len())))
                .min_by_key(|(n, length)| (*n, usize::MAX - length));
            let end = next.map_or(text.len(), |(n, _)| start + n);
            at = next.map(|(n, length)| start + n + length);
            let piece = &text[start..end];
            let left = piece.len() - piece.trim_start().len();
            let trimmed = piece.trim();
            if !trimmed.is_empty() {
                return Some((start + left, start + left + trimmed.len()));
            }
        }
    })
}
