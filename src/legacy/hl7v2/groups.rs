//! Grouping by anchor: to which group instance each segment of a message belongs.

use super::structure::{Item, KindId, Name, Structure};

/// The kind of a segment that its group does not list: a Z segment, one out of place.
pub(super) const LOOSE: KindId = KindId::MAX;

/// One group of a message; number 0 is the message.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub kind: KindId,
    pub parent: u32,
    /// Its segments, those of inner groups included: a half-open range of segment indices.
    pub first: u32,
    pub end: u32,
    /// Position + 1 of the last anchor or inner group in the order of the kind.
    progress: u16,
}

/// Places the segments of one message, in order.
pub(super) struct Grouping {
    structure: &'static Structure,
    groups: Vec<Group>,
    /// The innermost open group.
    open: u32,
}

impl Grouping {
    pub(super) fn new(structure: &'static Structure) -> Self {
        let root = Group { kind: 0, parent: 0, first: 0, end: 0, progress: 0 };
        Self { structure, groups: vec![root], open: 0 }
    }

    /// The group of the next segment, and the kind that lists it.
    pub(super) fn place(&mut self, name: Name, index: u32) -> (u32, KindId) {
        if self.structure.kinds.len() == 1 {
            return (0, LOOSE);
        }
        let mut at = self.open;
        loop {
            if self.joins(at, name) {
                self.close_to(at, index);
                return (at, self.groups[at as usize].kind);
            }
            if let Some(child) = self.opens(at, name) {
                self.close_to(at, index);
                return self.open_down(at, child, name, index);
            }
            if at == 0 {
                return (self.open, LOOSE);
            }
            at = self.groups[at as usize].parent;
        }
    }

    /// The groups, after the last segment.
    pub(super) fn finish(mut self, segments: u32) -> Vec<Group> {
        self.close_to(0, segments);
        self.groups[0].end = segments;
        self.groups
    }

    /// Whether a segment belongs to an open group itself; an anchor does only before anything that
    /// comes later in the group: `ORC OBR` is one order, `OBR OBR` are two.
    fn joins(&mut self, at: u32, name: Name) -> bool {
        let group = &mut self.groups[at as usize];
        let kind = self.structure.kind(group.kind);
        let Some(position) = kind.position(name) else { return false };
        if matches!(kind.items[position], Item::Segment(_, true)) {
            if group.progress > position as u16 {
                return false;
            }
            group.progress = position as u16 + 1;
        }
        true
    }

    /// The inner group that a segment opens.
    fn opens(&self, at: u32, name: Name) -> Option<KindId> {
        let group = &self.groups[at as usize];
        let kind = self.structure.kind(group.kind);
        let child = kind.opens.iter().find(|(anchor, _)| *anchor == name)?.1;
        let position = kind.child_position(child)? as u16;
        let fits = self.structure.kind(child).repeats || group.progress <= position;
        fits.then_some(child)
    }

    /// Opens a child and, where the segment is an anchor further in, the groups down to it.
    fn open_down(&mut self, at: u32, child: KindId, name: Name, index: u32) -> (u32, KindId) {
        let (mut at, mut child) = (at, child);
        loop {
            let group = &mut self.groups[at as usize];
            let position = self.structure.kind(group.kind).child_position(child).unwrap_or(0);
            group.progress = position as u16 + 1;
            let new = self.groups.len() as u32;
            self.groups.push(Group {
                kind: child,
                parent: at,
                first: index,
                end: index,
                progress: 0,
            });
            self.open = new;
            if self.joins(new, name) {
                return (new, child);
            }
            match self.opens(new, name) {
                Some(inner) => (at, child) = (new, inner),
                None => return (new, LOOSE),
            }
        }
    }

    /// Closes the groups inside `at`; they end before the segment `index`.
    fn close_to(&mut self, at: u32, index: u32) {
        while self.open != at {
            let group = &mut self.groups[self.open as usize];
            group.end = index;
            self.open = group.parent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MSH PATIENT_RESULT[PATIENT[PID]]`: the groups as brackets.
    fn grouped(message: &str, segments: &str) -> String {
        let structure = Structure::of(message);
        let mut grouping = Grouping::new(structure);
        let names: Vec<Name> =
            segments.split(' ').map(|s| Name::read(s.as_bytes()).unwrap()).collect();
        let placed: Vec<_> =
            names.iter().enumerate().map(|(i, n)| grouping.place(*n, i as u32)).collect();
        let groups = grouping.finish(names.len() as u32);
        let mut out = String::new();
        for (i, name) in names.iter().enumerate() {
            for group in groups.iter().skip(1).filter(|g| g.first == i as u32) {
                out += &format!("{}[", structure.kind(group.kind).name);
            }
            out += name.as_str();
            if placed[i].1 == LOOSE {
                out.push('?');
            }
            let ending = groups.iter().skip(1).filter(|g| g.end == i as u32 + 1).count();
            out += &"]".repeat(ending);
            out.push(' ');
        }
        out.trim_end().to_owned()
    }

    #[test]
    fn groups_open_at_their_anchors() {
        for (message, segments, want) in [
            (
                "ORU^R01",
                "MSH PID PV1 ORC OBR NTE OBX NTE OBX SPM OBX ORC OBR OBX",
                "MSH PATIENT_RESULT[PATIENT[PID PV1] ORDER_OBSERVATION[ORC OBR NTE \
                 OBSERVATION[OBX NTE] OBSERVATION[OBX] SPECIMEN[SPM OBX]] \
                 ORDER_OBSERVATION[ORC OBR OBSERVATION[OBX]]]",
            ),
            (
                "ORU^R01",
                "MSH OBR OBX OBR OBX PID OBR",
                "MSH PATIENT_RESULT[ORDER_OBSERVATION[OBR OBSERVATION[OBX]] \
                 ORDER_OBSERVATION[OBR OBSERVATION[OBX]]] \
                 PATIENT_RESULT[PATIENT[PID] ORDER_OBSERVATION[OBR]]",
            ),
            (
                "ORU^R01",
                "MSH PID ZPI OBR ZOR OBX ZOB PV1",
                "MSH PATIENT_RESULT[PATIENT[PID ZPI?] ORDER_OBSERVATION[OBR ZOR? \
                 OBSERVATION[OBX ZOB? PV1?]]]",
            ),
            (
                "ADT^A01",
                "MSH EVN PID PV1 IN1 IN2 ZIN IN1 ACC DG1",
                "MSH EVN PID PV1 INSURANCE[IN1 IN2 ZIN?] INSURANCE[IN1] ACC DG1",
            ),
            ("ADT^A40", "MSH EVN PID MRG PID MRG", "MSH EVN PATIENT[PID MRG] PATIENT[PID MRG]"),
            (
                "ORM^O01",
                "MSH PID PV1 ORC OBR DG1 OBX ORC RXO NTE",
                "MSH PATIENT[PID PV1] ORDER[ORC OBR DG1 OBSERVATION[OBX]] ORDER[ORC RXO NTE]",
            ),
            (
                "SIU^S12",
                "MSH SCH PID AIL AIP RGS AIS NTE",
                "MSH SCH PATIENT[PID] RESOURCES[LOCATION_RESOURCE[AIL] PERSONNEL_RESOURCE[AIP]] \
                 RESOURCES[RGS SERVICE[AIS NTE]]",
            ),
            ("ZZZ^Z99", "MSH MFI ZZZ", "MSH? MFI? ZZZ?"),
        ] {
            assert_eq!(grouped(message, segments), want);
        }
    }
}
