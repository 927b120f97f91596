//! The records of a transfer, readable and broken ones, in the order of the transfer.

use crate::error::Error;
use crate::fhir::Issue;
use crate::legacy::{File, Record, Span};

/// A record of a transfer.
pub(super) struct Item<'a> {
    /// Where it stands in the text.
    pub span: Span,
    /// The record, or why it cannot be read.
    pub what: Result<&'a Record, &'a Error>,
    /// The line it begins in, counted for broken records, which do not know it.
    line: usize,
}

/// All records, in order.
pub(super) fn items(file: &File) -> Vec<Item<'_>> {
    let item = |span, what| Item { span, what, line: 0 };
    let whole = file.records.iter().map(|record| item(record.span(), Ok(record)));
    let broken = file.broken.iter().map(|(span, error)| item(*span, Err(error)));
    let mut items: Vec<Item> = whole.chain(broken).collect();
    items.sort_by_key(|item| item.span.start);
    let (mut line, mut at) = (1, 0);
    for item in items.iter_mut().filter(|item| item.what.is_err()) {
        let start = item.span.start as usize;
        if let Some(passed) = file.text.text.get(at..start) {
            line += passed.matches('\n').count();
            at = start;
        }
        item.line = line;
    }
    items
}

impl Item<'_> {
    /// What it is called by people, with its number in the transfer: `line 3`, `row 3` of a table.
    pub fn called(&self, file: &File, number: usize) -> String {
        let word = if file.text.holder().is_some() { "row" } else { "line" };
        let line = match self.what {
            Ok(record) => record.about("line").map(|line| line.into_owned()),
            Err(_) => Some(self.line.to_string()),
        };
        line.map_or_else(|| format!("record {}", number + 1), |line| format!("{word} {line}"))
    }
}

/// How far the places in a record move, from the transfer to the transfer with it alone.
pub(super) fn shift(file: &File, items: &[Item], n: usize) -> usize {
    let start = |item: &Item| file.text.byte_range(item.span).start;
    match (items.first(), items.get(n)) {
        (Some(first), Some(item)) => start(item).saturating_sub(start(first)),
        _ => 0,
    }
}

/// Why a record is broken, with its place.
pub(super) fn why_broken(file: &File, span: Span, error: &Error) -> Issue {
    let mut text = error.what.clone();
    if let Some(advice) = &error.advice {
        text += &format!(" ({advice})");
    }
    Issue::error(error.kind, text).spot("record", file.text.byte_range(span))
}
