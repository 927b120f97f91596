//! Which slots of a format a mapping accounts for: what it reads, and what it leaves alone on
//! purpose.
//!
//! Slots are known by their names as [`crate::legacy::Record::each_value`] gives them: without
//! repetition numbers (HL7 v2) and conditions (XML).

use std::collections::HashSet;

use super::Pos;
use crate::legacy::xml::Path;

/// The slots a mapping accounts for.
#[derive(Debug, Clone, Default)]
pub struct Slots {
    /// Read by a leaf, a condition, a key or an alignment.
    read: HashSet<String>,
    /// Read with everything below them: `unsplit`.
    whole: Vec<String>,
    /// The same in documents, where an element is read under a condition.
    paths: Vec<Path>,
    /// `ignore:`.
    pub ignore: Vec<Ignore>,
}

/// A line of `ignore:`.
#[derive(Debug, Clone)]
pub struct Ignore {
    /// Which slots.
    pub pattern: Pattern,
    /// As written.
    pub shown: String,
    /// Why.
    pub reason: String,
    /// Where.
    pub pos: Pos,
}

/// A set of slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This one: a column.
    One(String),
    /// This one and what is below it: `ZPI`, `PID-3`, `a/b`.
    Below(String),
    /// A stem and a number between two, and what is below: `PV1-40..54`, `PID-11.9..12`.
    Range(String, u16, u16),
    /// Whatever begins so: `备用*`.
    Starts(String),
    /// An element or attribute of this name and what is below, wherever it is: `//templateId`.
    Anywhere(String),
    /// Any of these.
    Any(Vec<Pattern>),
}

impl Slots {
    /// Takes note of a slot that is read; `whole`: with what is below it.
    pub fn add(&mut self, canonical: &str, whole: bool) {
        for name in plain(canonical) {
            if whole && !self.whole.contains(&name) {
                self.whole.push(name.clone());
            }
            self.read.insert(name);
        }
    }

    /// The names of what is read, in no order.
    pub fn read(&self) -> impl Iterator<Item = &str> {
        self.read.iter().map(String::as_str)
    }

    /// Takes note of where it is in a document.
    pub fn add_path(&mut self, path: Option<Path>) {
        self.paths.extend(path.filter(|path| !self.paths.contains(path)));
    }

    /// What is read in documents.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Whether a slot is read.
    pub fn reads(&self, name: &str) -> bool {
        self.read.contains(name) || self.whole.iter().any(|stem| is_below(name, stem))
    }

    /// A name without conditions and numbers.
    pub fn unconditional(name: &str) -> String {
        let mut plain = String::with_capacity(name.len());
        let mut depth = 0usize;
        for c in name.chars() {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                c if depth == 0 => plain.push(c),
                _ => {}
            }
        }
        plain
    }

    /// Why a slot is ignored, if it is.
    pub fn ignored(&self, name: &str) -> Option<&Ignore> {
        self.ignore.iter().find(|ignore| ignore.pattern.holds(name))
    }
}

impl Pattern {
    /// Whether a slot is in the set.
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Pattern::One(one) => name == one,
            Pattern::Below(stem) => is_below(name, stem),
            Pattern::Range(stem, first, last) => {
                name.strip_prefix(stem.as_str()).is_some_and(|n| {
                    let digits = n.len() - n.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                    let inside = n[..digits].parse().is_ok_and(|n| (*first..=*last).contains(&n));
                    inside && is_below(n, &n[..digits])
                })
            }
            Pattern::Starts(start) => name.starts_with(start.as_str()),
            Pattern::Anywhere(part) => name.split('/').any(|step| {
                step == part || step.split_once(':').is_some_and(|(_, local)| local == part)
            }),
            Pattern::Any(all) => all.iter().any(|one| one.holds(name)),
        }
    }
}

/// Whether a name is the stem, or a part of what the stem names.
fn is_below(name: &str, stem: &str) -> bool {
    name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '/']))
}

/// The names of the values behind a canonical name: each column of a numbered one, the cell of a
/// piece, the field of a repetition.
fn plain(canonical: &str) -> Vec<String> {
    let parts = canonical.split('|').map(|part| {
        let part = part.strip_suffix("[]").unwrap_or(part);
        Slots::unconditional(part)
    });
    parts.filter(|name| !name.is_empty() || canonical.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_end_where_names_end() {
        let below = Pattern::Below("PID-3".into());
        assert!(below.holds("PID-3") && below.holds("PID-3.4.2") && !below.holds("PID-30"));
        let segment = Pattern::Below("ZPI".into());
        assert!(segment.holds("ZPI-1") && !segment.holds("ZPIX-1"));
        let range = Pattern::Range("PV1-".into(), 40, 54);
        for (name, held) in [
            ("PV1-40", true),
            ("PV1-54.2", true),
            ("PV1-55", false),
            ("PV1-4", false),
            ("PV2-41", false),
        ] {
            assert_eq!(range.holds(name), held, "{name}");
        }
        let parts = Pattern::Range("PID-11.".into(), 9, 12);
        assert!(parts.holds("PID-11.9") && parts.holds("PID-11.12.2") && !parts.holds("PID-11"));
        let anywhere = Pattern::Anywhere("templateId".into());
        assert!(
            anywhere.holds("a/templateId/@root")
                && anywhere.holds("hl7:templateId")
                && !anywhere.holds("a/templateIds")
        );
        assert!(Pattern::Anywhere("@classCode".into()).holds("a/b/@classCode"));
        assert!(
            Pattern::One("备注".into()).holds("备注")
                && !Pattern::One("备注".into()).holds("备注-2")
        );
        assert!(Pattern::Starts("备用".into()).holds("备用12"));
    }

    #[test]
    fn canonical_names_become_names_of_values() {
        let mut slots = Slots::default();
        for name in ["药物1名称|药物2名称", "症状[]", "PID-3[2].4", "a[c=d/e]/b/@x"] {
            slots.add(name, false);
        }
        slots.add("OBX-5", true);
        for name in ["药物1名称", "药物2名称", "症状", "PID-3.4", "a/b/@x", "OBX-5", "OBX-5.2"]
        {
            assert!(slots.reads(name), "{name}");
        }
        assert!(!slots.reads("OBX-50") && !slots.reads("PID-3"));
    }
}
