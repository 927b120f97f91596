//! Message structures: which segments make a group, and in which order they stand.
//!
//! Data, in the notation of chapter 2 of the standard made readable: `NAME{ … }` repeats,
//! `NAME( … )` does not, and `*` marks what opens a group. Grouping goes by these anchors, not by
//! strict grammar: everything up to the next anchor of the same or an outer level belongs to a
//! group, so that a message with a segment too many or out of order is still read.

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, OnceLock};

/// `structure-id: items`; the order is that of insertion.
const TABLE: &[(&str, &str)] = &[
    (
        "ADT_A01",
        "MSH SFT UAC EVN PID PD1 ARV ROL NK1 PV1 PV2 DB1 OBX AL1 DG1 DRG PROCEDURE*{ PR1* ROL } \
         GT1 INSURANCE*{ IN1* IN2 IN3 ROL } ACC UB1 UB2 PDA",
    ),
    ("ADT_A39", "MSH SFT UAC EVN PATIENT*{ PID* PD1 MRG PV1 }"),
    (
        "ORU_R01",
        "MSH SFT UAC PATIENT_RESULT*{ PATIENT*( PID* PD1 NTE NK1 PV1 PV2 ) \
         ORDER_OBSERVATION*{ ORC* OBR* NTE TQ1 TQ2 CTD OBSERVATION*{ OBX* NTE } FT1 CTI \
         SPECIMEN*{ SPM* OBX NTE } } } DSC",
    ),
    (
        "ORM_O01",
        "MSH SFT NTE PATIENT*( PID* PD1 NTE PV1 PV2 INSURANCE*{ IN1* IN2 IN3 } GT1 AL1 ) \
         ORDER*{ ORC* OBR* RQD* RQ1* RXO* ODS* ODT* NTE CTD DG1 OBSERVATION*{ OBX* NTE } \
         FT1 CTI BLG }",
    ),
    (
        "OML_O21",
        "MSH SFT UAC NTE PATIENT*( PID* PD1 NTE NK1 PV1 PV2 INSURANCE*{ IN1* IN2 IN3 } GT1 AL1 ) \
         ORDER*{ ORC* TQ1 TQ2 OBR* TCD NTE CTD DG1 OBSERVATION*{ OBX* TCD NTE } \
         SPECIMEN*{ SPM* OBX SAC } FT1 CTI BLG }",
    ),
    (
        "VXU_V04",
        "MSH SFT UAC PID PD1 NK1 PV1 PV2 GT1 INSURANCE*{ IN1* IN2 IN3 } \
         ORDER*{ ORC* TQ1 TQ2 RXA* RXR OBSERVATION*{ OBX* NTE } }",
    ),
    (
        "MDM_T02",
        "MSH SFT UAC EVN PID PV1 COMMON_ORDER*{ ORC* TQ1 TQ2 OBR* NTE } TXA CON \
         OBSERVATION*{ OBX* NTE }",
    ),
    (
        "SIU_S12",
        "MSH SCH TQ1 NTE PATIENT*{ PID* PD1 PV1 PV2 OBX DG1 } \
         RESOURCES*{ RGS* SERVICE*{ AIS* NTE } GENERAL_RESOURCE*{ AIG* NTE } \
         LOCATION_RESOURCE*{ AIL* NTE } PERSONNEL_RESOURCE*{ AIP* NTE } }",
    ),
    (
        "REF_I12",
        "MSH SFT UAC RF1 AUTHORIZATION_CONTACT( AUT* CTD ) PROVIDER_CONTACT*{ PRD* CTD } PID NK1 GT1 \
         INSURANCE*{ IN1* IN2 IN3 } ACC DG1 DRG AL1 PROCEDURE*{ PR1* AUT CTD } \
         OBSERVATION*{ OBR* NTE RESULTS_NOTES*{ OBX* NTE } } PATIENT_VISIT( PV1* PV2 ) NTE",
    ),
    (
        "DFT_P03",
        "MSH SFT UAC EVN PID PD1 ROL PV1 PV2 DB1 \
         COMMON_ORDER*{ ORC* OBR* TQ1 TQ2 NTE OBSERVATION*{ OBX* NTE } } \
         FINANCIAL*{ FT1* NTE FINANCIAL_PROCEDURE*{ PR1* ROL } \
         FINANCIAL_COMMON_ORDER*{ ORC* OBR* TQ1 TQ2 NTE FINANCIAL_OBSERVATION*{ OBX* NTE } } } \
         DG1 DRG GT1 INSURANCE*{ IN1* IN2 IN3 ROL } ACC",
    ),
];

/// Messages whose structure id is not `CODE_EVENT` (table 0354).
const EVENTS: &[(&str, &str, &str)] = &[
    ("ADT_A01", "ADT", "A01 A04 A08 A13"),
    ("ADT_A05", "ADT", "A05 A14 A28 A31"),
    ("ADT_A06", "ADT", "A06 A07"),
    ("ADT_A09", "ADT", "A09 A10 A11 A12"),
    ("ADT_A21", "ADT", "A21 A22 A23 A25 A26 A27 A29 A32 A33"),
    ("ADT_A30", "ADT", "A30 A34 A35 A36 A46 A47 A48 A49"),
    ("ADT_A39", "ADT", "A39 A40 A41 A42"),
    ("ADT_A43", "ADT", "A43 A44"),
    ("ADT_A50", "ADT", "A50 A51"),
    ("ADT_A52", "ADT", "A52 A53"),
    ("ADT_A54", "ADT", "A54 A55"),
    ("ADT_A61", "ADT", "A61 A62"),
    ("MDM_T01", "MDM", "T01 T03 T05 T07 T09 T11"),
    ("MDM_T02", "MDM", "T02 T04 T06 T08 T10"),
    ("ORU_R30", "ORU", "R30 R31 R32"),
    ("REF_I12", "REF", "I12 I13 I14 I15"),
    ("SIU_S12", "SIU", "S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26"),
];

/// Structure ids that are read by the table of another one.
const SAME_AS: &[(&str, &str)] = &[("ADT_", "ADT_A01"), ("MDM_T01", "MDM_T02")];

/// The name of a segment: three ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name([u8; 3]);

impl Name {
    /// The message header.
    pub const MSH: Name = Name(*b"MSH");

    /// Reads `[A-Z][A-Z0-9]{2}`.
    pub fn read(text: &[u8]) -> Option<Name> {
        match *text {
            [a, b, c] => {
                let tail = |x: u8| x.is_ascii_uppercase() || x.is_ascii_digit();
                (a.is_ascii_uppercase() && tail(b) && tail(c)).then_some(Name([a, b, c]))
            }
            _ => None,
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Whether this is a local segment.
    pub fn is_local(self) -> bool {
        self.0[0] == b'Z'
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Index of a group kind in its structure; 0 is the message itself.
pub(super) type KindId = u8;

/// What stands in a group, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// A segment; `true` if it opens the group.
    Segment(Name, bool),
    /// A group inside.
    Group(KindId),
}

/// One kind of group.
#[derive(Debug)]
pub(super) struct GroupKind {
    pub name: &'static str,
    pub parent: KindId,
    pub repeats: bool,
    pub items: Vec<Item>,
    /// Which segments open which direct child.
    pub opens: Vec<(Name, KindId)>,
}

/// A message structure: its groups, the message first.
#[derive(Debug)]
pub struct Structure {
    pub(super) kinds: Vec<GroupKind>,
}

/// `ID: items` of all structures of the standard; those of [`TABLE`] are read by that.
const STANDARD: &str = include_str!("../../../profiles/hl7v2/structures.txt");

/// Built when first asked for.
type Known = HashMap<&'static str, (&'static str, OnceLock<Structure>)>;

static STRUCTURES: LazyLock<Known> = LazyLock::new(|| {
    let standard = STANDARD.lines().filter_map(|line| line.split_once(": "));
    let all = standard.chain(TABLE.iter().copied());
    all.map(|(id, items)| (id, (items, OnceLock::new()))).collect()
});
static FLAT: LazyLock<Structure> = LazyLock::new(|| Structure::build("message", "MSH"));

impl Structure {
    /// The structure of a message `ADT^A08`; one without groups if there is no table for it.
    pub(super) fn of(message: &str) -> &'static Structure {
        let id = structure_id(message);
        let by_id = |id: &str| {
            let (id, (items, built)) = STRUCTURES.get_key_value(id)?;
            Some(built.get_or_init(|| Structure::build(id, items)))
        };
        by_id(&id)
            .or_else(|| {
                let same = SAME_AS.iter().find(|(prefix, _)| id.starts_with(prefix))?;
                by_id(same.1)
            })
            .unwrap_or(&FLAT)
    }

    /// Whether `outer` is `inner` or contains it.
    pub(super) fn contains(&self, outer: KindId, inner: KindId) -> bool {
        let mut kind = inner;
        loop {
            if kind == outer {
                return true;
            }
            if kind == 0 {
                return false;
            }
            kind = self.kind(kind).parent;
        }
    }

    pub(super) fn kind(&self, id: KindId) -> &GroupKind {
        &self.kinds[usize::from(id)]
    }

    /// The kind in which a segment is at home, seen from inside `at`: an enclosing group that lists
    /// it, the nearest first; else the first group further in, again the nearest first.
    pub(super) fn home(&self, at: KindId, name: Name) -> Option<KindId> {
        let out = || std::iter::successors(Some(at), |k| (*k != 0).then(|| self.kind(*k).parent));
        out()
            .find(|k| self.kind(*k).position(name).is_some())
            .or_else(|| out().find_map(|k| self.home_in(k, name)))
    }

    /// The same, without going out of `at`.
    pub(super) fn home_in(&self, at: KindId, name: Name) -> Option<KindId> {
        let ids = at..self.kinds.len() as KindId;
        ids.filter(|k| self.contains(at, *k)).find(|k| self.kind(*k).position(name).is_some())
    }

    /// The kind with a name, seen from inside `at`.
    pub(super) fn named(&self, at: KindId, name: &str) -> Option<KindId> {
        let out = std::iter::successors(Some(at), |k| (*k != 0).then(|| self.kind(*k).parent));
        out.into_iter().find_map(|k| self.named_in(k, name))
    }

    /// The same, without going out of `at`.
    pub(super) fn named_in(&self, at: KindId, name: &str) -> Option<KindId> {
        (at.max(1)..self.kinds.len() as KindId)
            .filter(|k| self.contains(at, *k))
            .find(|k| self.kind(*k).name == name)
    }

    fn build(id: &'static str, items: &'static str) -> Structure {
        let root =
            GroupKind { name: id, parent: 0, repeats: false, items: Vec::new(), opens: Vec::new() };
        let mut kinds = vec![root];
        let mut at: KindId = 0;
        for token in items.split_ascii_whitespace() {
            let word = token.trim_end_matches(['*', '{', '(']);
            if matches!(token, "}" | ")") {
                at = kinds[usize::from(at)].parent;
            } else if token.ends_with(['{', '(']) {
                let new = kinds.len() as KindId;
                kinds[usize::from(at)].items.push(Item::Group(new));
                kinds.push(GroupKind {
                    name: word,
                    parent: at,
                    repeats: token.ends_with('{'),
                    items: Vec::new(),
                    opens: Vec::new(),
                });
                at = new;
            } else if let Some(name) = Name::read(word.as_bytes()) {
                kinds[usize::from(at)].items.push(Item::Segment(name, token.ends_with('*')));
            }
        }
        let mut structure = Structure { kinds };
        // Inner groups have higher numbers, so their anchors are known first.
        for kind in (0..structure.kinds.len()).rev() {
            structure.kinds[kind].opens = structure.openers(kind);
        }
        structure
    }

    /// Which segments open which child of a kind: the child's own anchors, and those of its
    /// children, since it may begin with any of them.
    fn openers(&self, kind: usize) -> Vec<(Name, KindId)> {
        let mut opens = Vec::new();
        for item in &self.kinds[kind].items {
            let Item::Group(child) = *item else { continue };
            let inside = self.kind(child);
            let own = inside.items.iter().filter_map(|item| match item {
                Item::Segment(name, true) => Some(*name),
                _ => None,
            });
            opens.extend(own.chain(inside.opens.iter().map(|o| o.0)).map(|name| (name, child)));
        }
        opens
    }
}

impl GroupKind {
    /// Where a segment stands in this group itself.
    pub(super) fn position(&self, name: Name) -> Option<usize> {
        self.items.iter().position(|i| matches!(i, Item::Segment(n, _) if *n == name))
    }

    /// Where a direct child stands.
    pub(super) fn child_position(&self, child: KindId) -> Option<usize> {
        self.items.iter().position(|i| *i == Item::Group(child))
    }

    pub(super) fn is_anchor(&self, name: Name) -> bool {
        self.items.contains(&Item::Segment(name, true))
    }

    /// The segment without which there is no such group: the last of its own anchors.
    pub(super) fn required(&self) -> Option<Name> {
        let mut anchors = self.items.iter().filter_map(|item| match item {
            Item::Segment(name, true) => Some(*name),
            _ => None,
        });
        // Of alternatives (OBR, RQD, RXO, …) the first; `ORC` before `OBR` is optional.
        let first = anchors.next()?;
        Some(if first.as_str() == "ORC" { anchors.next().unwrap_or(first) } else { first })
    }
}

/// The structure id of a message `ADT^A08`: `ADT_A01` (table 0354).
pub fn structure_id(message: &str) -> String {
    let mut parts = message.split('^');
    let (code, event) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let row =
        EVENTS.iter().find(|(_, c, events)| *c == code && events.split(' ').any(|e| e == event));
    match row {
        Some((id, ..)) => (*id).to_owned(),
        None if event.is_empty() => code.to_owned(),
        None => format!("{code}_{event}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_table_is_well_formed() {
        let standard = STANDARD.lines().map(|line| line.split_once(": ").unwrap());
        for (id, items) in standard.chain(TABLE.iter().copied()) {
            let structure = Structure::build(id, items);
            let words: Vec<&str> = items.split_ascii_whitespace().collect();
            let named = words.iter().filter(|w| w.ends_with(['{', '('])).count();
            assert_eq!(structure.kinds.len(), named + 1, "{id}");
            let closed = words.iter().filter(|w| matches!(**w, "}" | ")")).count();
            assert_eq!(closed, named, "{id}: brackets");
            let segments = structure.kinds.iter().flat_map(|k| &k.items);
            let segments = segments.filter(|i| matches!(i, Item::Segment(..))).count();
            assert_eq!(segments + 2 * named, words.len(), "{id}: a word is no segment name");
            for kind in &structure.kinds[1..] {
                let own = kind.items.iter().any(|i| matches!(i, Item::Segment(_, true)));
                assert!(own || !kind.opens.is_empty(), "{id}: {} cannot open", kind.name);
            }
        }
    }

    #[test]
    fn segments_are_found_from_where_one_stands() {
        let oru = Structure::of("ORU^R01");
        let group = |name| oru.named(0, name).unwrap();
        let home = |at, seg| oru.kind(oru.home(at, name(seg)).unwrap()).name;
        assert_eq!(home(0, "PID"), "PATIENT");
        assert_eq!(home(0, "OBX"), "OBSERVATION");
        assert_eq!(home(group("OBSERVATION"), "PID"), "PATIENT");
        assert_eq!(home(group("OBSERVATION"), "OBR"), "ORDER_OBSERVATION");
        assert_eq!(home(group("ORDER_OBSERVATION"), "NTE"), "ORDER_OBSERVATION");
        assert_eq!(home(group("OBSERVATION"), "NTE"), "OBSERVATION");
        assert_eq!(home(group("SPECIMEN"), "OBX"), "SPECIMEN");
        assert_eq!(oru.home(0, name("ZPI")), None);
    }

    #[test]
    fn structure_ids() {
        for (message, id) in [
            ("ADT^A08", "ADT_A01"),
            ("ADT^A40", "ADT_A39"),
            ("ORU^R01", "ORU_R01"),
            ("ACK", "ACK"),
            ("SIU^S17", "SIU_S12"),
            ("XYZ^Q99", "XYZ_Q99"),
        ] {
            assert_eq!(structure_id(message), id);
        }
        assert_eq!(Structure::of("ADT^A31").kind(0).name, "ADT_A05");
        assert_eq!(Structure::of("ADT^A40").kind(1).name, "PATIENT");
        assert_eq!(Structure::of("MFN^M02").kind(1).name, "MF_STAFF");
        assert_eq!(Structure::of("ZZZ^Z99").kinds.len(), 1);
    }
}
