//! Counts slots that carried data and that nobody accounts for, so that a new column of a feed is
//! seen on the dashboard within minutes: `tombolo_unmapped_slots_total{mapping,slot}`.
//!
//! Naming the values of a record costs about as much as translating it, so of each mapping the first
//! [`FIRST`] records are looked at, then one in [`EVERY`]: less than 2 % of the translation. The
//! counts are of the records looked at (`tombolo_coverage_records_total{mapping}`).

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::legacy::Record;
use crate::observe::{Metric, count};
use crate::translate::Program;
use crate::translate::coverage::unmapped;

/// So many records are looked at after a start.
const FIRST: u64 = 16;
/// Then one in so many.
const EVERY: u64 = 128;
/// So many slots of a mapping have a counter of their own; the others are counted as `other`.
const MOST_SLOTS: usize = 64;
/// A longer name (a path in XML that nobody foresaw) is counted as `other`.
const MOST_CHARS: usize = 120;

/// What was seen of a mapping.
#[derive(Debug, Default)]
struct Seen {
    records: u64,
    slots: BTreeSet<String>,
}

static SEEN: LazyLock<Mutex<HashMap<String, Seen>>> = LazyLock::new(Mutex::default);

/// Takes note of a record, if it is its turn.
pub(super) fn note(program: &Program, record: &Record) {
    if !is_due(&program.name) {
        return;
    }
    let found = unmapped(program, record);
    count(Metric::CoverageRecords, &[&program.name], 1);
    let mut all = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(seen) = all.get_mut(&program.name) else { return };
    let mut others = false;
    for slot in &found {
        if seen.is_counted(slot) {
            count(Metric::UnmappedSlots, &[&program.name, slot], 1);
        } else {
            others = true;
        }
    }
    if others {
        count(Metric::UnmappedSlots, &[&program.name, "other"], 1);
    }
}

fn is_due(mapping: &str) -> bool {
    let mut all = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = match all.get_mut(mapping) {
        Some(seen) => seen,
        None => all.entry(mapping.to_owned()).or_default(),
    };
    seen.records += 1;
    seen.records <= FIRST || seen.records.is_multiple_of(EVERY)
}

impl Seen {
    /// Whether a slot has a counter of its own; a new one gets it while there is room.
    fn is_counted(&mut self, slot: &str) -> bool {
        if self.slots.contains(slot) {
            return true;
        }
        let room = self.slots.len() < MOST_SLOTS && slot.chars().count() <= MOST_CHARS;
        room && self.slots.insert(slot.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::render;
    use crate::translate::{Library, Party};

    #[test]
    fn a_new_segment_is_counted_and_the_labels_are_bounded() {
        let library = Library::open(&[]).unwrap();
        let party = Party { name: "p".into(), title: "p".into(), uscc: None };
        let mut program = (*library.program("hospital-adt", &party).unwrap()).clone();
        program.name = "counted".to_owned();
        program.slots.ignore.clear();
        let fields: String = (0..100).map(|n| format!("|{n}")).collect();
        let message = format!("MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1\rZZZ{fields}\r");
        let file = program.schema.read(message.as_bytes(), &Default::default()).unwrap();
        for _ in 0..2 * EVERY {
            note(&program, &file.records[0]);
        }
        let looked_at = FIRST + 2;
        let text = render();
        for line in [
            format!("tombolo_coverage_records_total{{mapping=\"counted\"}} {looked_at}\n"),
            format!(
                "tombolo_unmapped_slots_total{{mapping=\"counted\",slot=\"ZZZ-1\"}} {looked_at}\n"
            ),
            format!(
                "tombolo_unmapped_slots_total{{mapping=\"counted\",slot=\"other\"}} {looked_at}\n"
            ),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
        let labels = text.matches("tombolo_unmapped_slots_total{mapping=\"counted\"").count();
        assert_eq!(labels, MOST_SLOTS + 1);
    }
}
