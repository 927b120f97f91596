//! Records generated from samples: the same record with other values in some of its slots.

use serde_json::Value as Json;

use super::{Sample, random};
use crate::legacy::{Charsets, Record, Scope, Slot, Write};
use crate::translate::get::trace;
use crate::translate::plan::{Flag, Input, Program};

/// Another value in a slot.
#[derive(Debug, Clone)]
pub(super) struct Change {
    scope: Scope,
    slot: Slot,
    /// Its name, for messages.
    name: String,
    text: String,
}

/// Random changes of about a quarter of the values a sample has.
pub(super) fn changes(program: &Program, sample: &Record, rng: &mut fastrand::Rng) -> Vec<Change> {
    let (eval, trace) = trace(program, sample);
    let mut changes = Vec::new();
    for traced in &trace {
        let leaf = traced.leaf;
        if leaf.flag != Flag::Own || leaf.in_key || leaf.fixed || rng.u8(..4) != 0 {
            continue;
        }
        let Input::Slots(alternatives) = &leaf.input else { continue };
        let [slots] = &alternatives[..] else { continue };
        let Ok(old) = serde_json::from_str::<Json>(&traced.json) else { continue };
        let Some(new) = random::another(program, &eval.around, leaf, &old, rng) else { continue };
        let Some(texts) = random::encoded(leaf, &eval.around, &new) else { continue };
        for (slot, text) in slots.iter().zip(texts) {
            if let Some(text) = text.filter(|t| !t.is_empty()) {
                let name = leaf.slots.first().cloned().unwrap_or_default();
                changes.push(Change { scope: traced.scope, slot: slot.clone(), name, text });
            }
        }
    }
    changes
}

/// The sample with these changes; `None` if there are none, or none that fits.
pub(super) fn apply(program: &Program, sample: &Sample, changes: &[Change]) -> Option<Record> {
    let record = &sample.record;
    let mut editor = record.edit();
    let mut any = false;
    for change in changes {
        any |= editor.write(change.scope, &change.slot, Write::Text(&change.text)).is_ok();
    }
    if !any {
        return None;
    }
    let edits = editor.finish().ok()?;
    let bytes = record.text().splice(&edits).ok()?;
    let charsets = Charsets { channel: Some(record.text().charset), ..Charsets::default() };
    let file = program.schema.read(&bytes, &charsets).ok()?;
    file.records.into_iter().nth(sample.nth)
}

/// ` with PID-8 = 'F'`.
pub(super) fn shown(changes: &[Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let all: Vec<String> = changes.iter().map(|c| format!("{} = '{}'", c.name, c.text)).collect();
    format!(" with {}", all.join(", "))
}
