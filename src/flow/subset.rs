//! A transfer of many records with only some of them: what stands around them stays.

use std::ops::Range;

use crate::legacy::File;

/// The bytes of a transfer with only these records (numbers rising), e.g. a header and two rows.
pub(super) fn subset(file: &File, which: &[usize]) -> Vec<u8> {
    let Some(last) = file.records.len().checked_sub(1) else { return file.text.bytes.to_vec() };
    let extent = |n: usize| file.text.byte_range(file.records[n].span());
    let piece = |range: Range<usize>| file.text.bytes.get(range).unwrap_or_default();
    let gap = if last > 0 { piece(extent(0).end..extent(1).start) } else { &[] };
    let mut chosen = piece(0..extent(0).start).to_vec();
    for (n, record) in which.iter().enumerate() {
        if n > 0 {
            chosen.extend_from_slice(gap);
        }
        chosen.extend_from_slice(piece(extent(*record)));
    }
    chosen.extend_from_slice(piece(extent(last).end..file.text.bytes.len()));
    chosen
}

/// How far the places in a record move, from the transfer to the transfer with this record alone.
pub(super) fn shift(file: &File, record: usize) -> usize {
    let start = |n: usize| file.text.byte_range(file.records[n].span()).start;
    start(record).saturating_sub(start(0))
}
