//! What the standard says about fields and components: their datatypes over the versions and their
//! names. Facts from `profiles/hl7v2`, read when first asked for.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A field of a segment, or a component of a datatype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name: `Patient identifier list`.
    pub title: &'static str,
    /// Its datatypes, each with whether it repeats and the version since which it is so.
    pub types: Vec<Kind>,
}

/// A datatype since a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `CX`.
    pub name: &'static str,
    /// Whether the field repeats.
    pub repeats: bool,
    /// `2.3`.
    pub since: &'static str,
}

type Table = HashMap<(&'static str, u16), Part>;

static SEGMENTS: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../../../profiles/hl7v2/segments.txt")));
static TYPES: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../../../profiles/hl7v2/types.txt")));

/// A field of a segment: `PID`, 3.
pub fn field(segment: &str, number: u16) -> Option<&'static Part> {
    let (segment, _) = SEGMENTS.keys().find(|(name, _)| *name == segment)?;
    SEGMENTS.get(&(*segment, number))
}

/// A component of a datatype: `CX`, 4.
pub fn component(datatype: &str, number: u16) -> Option<&'static Part> {
    let (datatype, _) = TYPES.keys().find(|(name, _)| *name == datatype)?;
    TYPES.get(&(*datatype, number))
}

/// The names of the parts of a slot: `PID-3.4.2` is `Patient identifier list / Assigning authority /
/// Universal id`. Groups before the segment, and repetitions, do not matter.
pub fn title(slot: &str) -> Option<String> {
    let (segment, rest) = slot.split_once('-')?;
    let segment = segment.rsplit('.').next()?;
    let mut numbers = rest.split('.').map(|part| part.split('[').next()?.parse::<u16>().ok());
    let mut part = field(segment, numbers.next()??)?;
    let mut names = vec![part.title.to_owned()];
    for number in numbers {
        let Some(inner) = number.and_then(|n| newest_with(part, n)) else { break };
        names.push(inner.title.to_owned());
        part = inner;
    }
    Some(names.join(" / "))
}

/// How many components a part can have in any version. `None`: its datatype is simple in some
/// version, or varies; in the field such a part is also sent with components.
pub(super) fn most_components(part: &Part) -> Option<u16> {
    let counts: Option<Vec<u16>> = part.types.iter().map(|kind| count(kind.name)).collect();
    counts?.into_iter().max()
}

/// The component of a part, as the newest version that has one says it.
pub(super) fn newest_with(part: &Part, number: u16) -> Option<&'static Part> {
    part.types.iter().rev().find_map(|kind| component(kind.name, number))
}

fn count(datatype: &str) -> Option<u16> {
    TYPES.keys().filter(|(name, _)| *name == datatype).map(|(_, number)| *number).max()
}

/// A line without indent names the owner; ` 3 CX*@2.3 | Patient identifier list` is a part of it.
fn read(text: &'static str) -> Table {
    let mut owner = "";
    let mut table = Table::new();
    for line in text.lines() {
        let Some(part) = line.strip_prefix(' ') else {
            owner = line;
            continue;
        };
        let Some((facts, title)) = part.split_once(" | ") else { continue };
        let mut words = facts.split(' ');
        let Some(number) = words.next().and_then(|n| n.parse().ok()) else { continue };
        let kind = |word: &'static str| {
            let (name, since) = word.split_once('@')?;
            let plain = name.trim_end_matches('*');
            Some(Kind { name: plain, repeats: plain.len() < name.len(), since })
        };
        table.insert((owner, number), Part { title, types: words.filter_map(kind).collect() });
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_components_have_names_and_types() {
        let part = field("PID", 3).unwrap();
        assert_eq!(part.title, "Patient identifier list");
        let newest = *part.types.last().unwrap();
        assert_eq!(newest, Kind { name: "CX", repeats: true, since: "2.3" });
        assert_eq!(component("CX", 4).unwrap().title, "Assigning authority");
        assert_eq!(
            title("PATIENT.PID-3[2].4.2").as_deref(),
            Some("Patient identifier list / Assigning authority / Universal id")
        );
        assert_eq!(title("ZPI-1"), None);
        assert_eq!(field("PID", 99), None);
    }

    #[test]
    fn simple_types_are_not_counted() {
        assert_eq!(most_components(field("PID", 8).unwrap()), None);
        assert!(most_components(field("PID", 5).unwrap()).is_some_and(|n| n >= 14));
        assert_eq!(most_components(field("OBX", 5).unwrap()), None);
    }

    #[test]
    fn the_tables_are_whole() {
        let parts = |text: &str| text.lines().filter(|line| line.starts_with(' ')).count();
        assert_eq!(SEGMENTS.len(), parts(include_str!("../../../profiles/hl7v2/segments.txt")));
        assert_eq!(TYPES.len(), parts(include_str!("../../../profiles/hl7v2/types.txt")));
        for version in ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8"] {
            let known = |part: &Part| part.types.iter().any(|kind| kind.since <= version);
            assert!(field("PID", 5).is_some_and(known), "{version}");
        }
    }
}
