//! Names of slots and lists as a mapping writes them → what reading needs to know.
//!
//! ```text
//! slot = [ group "." … ] SEG "-" field [ "[" repetition "]" ] [ "." component [ "." sub ] ]
//!      | "." [ component [ "." sub ] ]                          within a repetition
//!      | SEG | group                                            only to ask whether it is there
//! list = [ group "." … ] ( group | SEG | SEG "-" field )
//! ```

use super::super::record::Unknown;
use super::Schema;
use super::groups::LOOSE;
use super::structure::{Item, KindId, Name, Structure};
use super::{segments, tables};
use crate::error::nearest;

/// The static kind of a scope: a group, a segment of it, or the repetitions of a field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The group kind.
    pub(super) kind: KindId,
    pub(super) within: Within,
}

/// What of the group a rule stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Within {
    Group,
    Segment(Name),
    Field(Name, u16),
}

/// A resolved slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    pub(super) target: Target,
    /// 0: the segment or group itself; with [`Target::Item`] not used.
    pub(super) field: u16,
    /// From 1; 0: not given.
    pub(super) repetition: u16,
    /// From 1; 0: not given, which reads as 1.
    pub(super) component: u16,
    /// From 1; 0: not given, which reads as 1.
    pub(super) sub: u16,
    pub(super) whole: bool,
}

/// A resolved list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct List {
    pub(super) target: Target,
    /// 0: the groups or segments themselves.
    pub(super) field: u16,
}

/// Where a slot's field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// In the repetition that is the scope.
    Item,
    /// In the segment that is the scope.
    Node,
    /// In the first segment of this name; its home, or `LOOSE` for one that no group lists.
    Segment(Name, KindId),
    /// The group itself.
    Group(KindId),
}

impl Slot {
    /// The whole field with its delimiters as one text: a bare `10^9/L`; all its repetitions,
    /// unless one is named or is the scope; of a component, the whole component.
    #[must_use]
    pub fn whole(mut self) -> Slot {
        self.whole = true;
        self
    }
}

impl Schema {
    /// The place of rules that stand in no list.
    pub fn root(&self) -> Place {
        Place { kind: 0, within: Within::Group }
    }

    /// Resolves a slot name, such as `PID-3[2].1`, `.4`, `.`, `ORDER_OBSERVATION.NTE-3`; `PV1` or
    /// `SPECIMEN` asks whether the segment or group is there.
    pub fn slot(&self, at: &Place, name: &str) -> Result<Slot, Unknown> {
        if let Some(parts) = name.strip_prefix('.') {
            if !matches!(at.within, Within::Field(..)) {
                return Err(unknown(
                    format!("`{name}` is relative to a repetition, and this is not in one"),
                    Some("write the field, as in PID-3.1".into()),
                ));
            }
            let (component, sub) = parts_of(name, parts)?;
            let found = slot(Target::Item, 0, 0, component, sub);
            self.check_parts(at, &found, name)?;
            return Ok(found);
        }
        let (target, rest) = self.target(at, name)?;
        let Some(rest) = rest else { return Ok(slot(target, 0, 0, 0, 0)) };
        let (field, rest) = rest.split_at(rest.find(['[', '.']).unwrap_or(rest.len()));
        let field = self.field(target, at, name, field)?;
        let (repetition, rest) = match rest.strip_prefix('[') {
            None => (0, rest),
            Some(rest) => {
                let (inside, rest) = rest
                    .split_once(']')
                    .ok_or_else(|| unknown(format!("`{name}` lacks a closing bracket"), None))?;
                (number(name, "repetition", inside, 9999)?, rest)
            }
        };
        let parts = match rest {
            "" => "",
            _ => rest.strip_prefix('.').ok_or_else(|| malformed(name))?,
        };
        let (component, sub) = parts_of(name, parts)?;
        let found = slot(target, field, repetition, component, sub);
        self.check_parts(at, &found, name)?;
        Ok(found)
    }

    /// A component that the field's datatype has in no version.
    fn check_parts(&self, at: &Place, slot: &Slot, name: &str) -> Result<(), Unknown> {
        let (segment, field) = match (slot.target, at.within) {
            (Target::Segment(segment, _), _) => (segment, slot.field),
            (Target::Node, Within::Segment(segment) | Within::Field(segment, _)) => {
                (segment, slot.field)
            }
            (Target::Item, Within::Field(segment, field)) => (segment, field),
            _ => return Ok(()),
        };
        let Some(part) = tables::field(segment.as_str(), field) else { return Ok(()) };
        let too_many = |what: &str, part: &tables::Part, number: u16| {
            let most = tables::most_components(part).filter(|most| number > *most)?;
            let kinds: Vec<&str> = part.types.iter().map(|kind| kind.name).collect();
            let text = format!("`{name}`: {what} ({}) has {most} components", kinds.join(", "));
            Some(unknown(text, Some(format!("it is '{}'", part.title))))
        };
        let field = format!("{}-{field}", segment.as_str());
        if let Some(wrong) = too_many(&field, part, slot.component) {
            return Err(wrong);
        }
        if slot.sub > 0
            && let Some(part) = tables::newest_with(part, slot.component.max(1))
            && let Some(wrong) = too_many(&format!("{field}.{}", slot.component), part, slot.sub)
        {
            return Err(wrong);
        }
        Ok(())
    }

    /// Resolves a list name: groups, segments, or the repetitions of a field; and the place inside.
    pub fn list(&self, at: &Place, name: &str) -> Result<(List, Place), Unknown> {
        let (target, rest) = self.target(at, name)?;
        let segment = match (target, at.within) {
            (Target::Segment(name, _), _) => Some(name),
            (Target::Node, Within::Segment(name) | Within::Field(name, _)) => Some(name),
            _ => None,
        };
        let kind = match target {
            Target::Group(kind) => kind,
            Target::Segment(_, kind) if kind != LOOSE => kind,
            _ => at.kind,
        };
        let (field, within) = match (rest, segment) {
            (Some(rest), Some(segment)) => {
                if rest.contains(['[', '.']) {
                    return Err(unknown(
                        format!("`{name}` is no list: only a whole field repeats"),
                        Some("write the field alone, as in PID-3".into()),
                    ));
                }
                let field = self.field(target, at, name, rest)?;
                (field, Within::Field(segment, field))
            }
            (_, Some(segment)) => (0, Within::Segment(segment)),
            _ => (0, Within::Group),
        };
        Ok((List { target, field }, Place { kind, within }))
    }

    /// The absolute name of a slot: the shortest that means the same at the root, without `[1]`
    /// and final `.1`. A slot in a repetition has the name of its field: `PID-3.4`.
    pub fn canonical(&self, at: &Place, slot: &Slot) -> String {
        let mut out = match (slot.target, at.within) {
            (Target::Group(kind), _) => return self.structure.full_name(kind),
            (Target::Segment(name, kind), _) => self.structure.segment_name(name, kind),
            (Target::Node | Target::Item, Within::Segment(name) | Within::Field(name, _)) => self
                .structure
                .segment_name(name, self.structure.home(at.kind, name).unwrap_or(LOOSE)),
            (Target::Node | Target::Item, Within::Group) => return String::new(),
        };
        let field = match (slot.target, at.within) {
            (Target::Item, Within::Field(_, field)) => field,
            _ => slot.field,
        };
        if field == 0 {
            return out;
        }
        out += &format!("-{field}");
        if slot.repetition > 1 {
            out += &format!("[{}]", slot.repetition);
        }
        push_parts(&mut out, slot.component, slot.sub);
        out
    }

    /// The names of the segments in a group and in the groups in it.
    pub fn segments_in(&self, slot: &Slot) -> Vec<String> {
        let Target::Group(outer) = slot.target else { return Vec::new() };
        let kinds = (0..self.structure.kinds.len() as KindId)
            .filter(|kind| self.structure.contains(outer, *kind));
        kinds
            .flat_map(|kind| self.structure.kind(kind).items.iter().map(move |item| (kind, item)))
            .filter_map(|(kind, item)| match item {
                Item::Segment(name, _) => Some(self.structure.segment_name(*name, kind)),
                Item::Group(_) => None,
            })
            .collect()
    }

    /// What an `each` at the root names to walk a segment: the group it opens, or the segment
    /// itself if it `repeats` or stands in a group; none for one that is there once.
    pub fn each_of(&self, segment: &str, repeats: bool) -> Option<String> {
        let name = Name::read(segment.as_bytes())?;
        match self.structure.home(0, name) {
            Some(kind) if kind != 0 => {
                let group = self.structure.kind(kind);
                let full = self.structure.full_name(kind);
                match (group.repeats, group.is_anchor(name)) {
                    (true, true) => Some(full),
                    (true, false) => Some(format!("{full}.{segment}")),
                    (false, _) => repeats.then(|| format!("{full}.{segment}")),
                }
            }
            _ => repeats.then(|| segment.to_owned()),
        }
    }

    /// The segment or group of a name, and what follows the `-`.
    fn target<'n>(&self, at: &Place, name: &'n str) -> Result<(Target, Option<&'n str>), Unknown> {
        let (path, rest) = match name.split_once('-') {
            Some((path, rest)) => (path, Some(rest)),
            None => (name, None),
        };
        let mut words: Vec<&str> = path.split('.').collect();
        let last = words.pop().unwrap_or("");
        let mut group = None;
        for word in words {
            group = Some(self.group(at, group, word, name)?);
        }
        if let Some(segment) = Name::read(last.as_bytes()) {
            let target = match group {
                Some(kind) => match self.structure.home_in(kind, segment) {
                    Some(home) => Target::Segment(segment, home),
                    None if segment.is_local() => Target::Segment(segment, LOOSE),
                    None => {
                        let group = self.structure.kind(kind).name;
                        return Err(unknown(format!("there is no {last} in {group}"), None));
                    }
                },
                None => self.segment(at, segment, name)?,
            };
            return Ok((target, rest));
        }
        if rest.is_some() || !is_group_name(last) {
            return Err(malformed(name));
        }
        Ok((Target::Group(self.group(at, group, last, name)?), None))
    }

    fn segment(&self, at: &Place, segment: Name, name: &str) -> Result<Target, Unknown> {
        if let Within::Segment(own) | Within::Field(own, _) = at.within
            && own == segment
        {
            // `PID` within PID asks whether there is one, `PID-3` is a field of this one.
            return Ok(Target::Node);
        }
        match self.structure.home(at.kind, segment) {
            Some(home) => Ok(Target::Segment(segment, home)),
            None if segment.is_local() || segments::fields_of(segment).is_some() => {
                Ok(Target::Segment(segment, LOOSE))
            }
            None => {
                let near = nearest(segment.as_str(), segments::names());
                Err(unknown(
                    format!("`{name}`: HL7 v2 has no segment {}", segment.as_str()),
                    near.map(|n| format!("the nearest name is {n}; local segments begin with Z")),
                ))
            }
        }
    }

    fn group(
        &self,
        at: &Place,
        inside: Option<KindId>,
        word: &str,
        name: &str,
    ) -> Result<KindId, Unknown> {
        let found = match inside {
            Some(kind) => self.structure.named_in(kind, word),
            None => self.structure.named(at.kind, word),
        };
        found.ok_or_else(|| {
            let names = self.structure.kinds[1..].iter().map(|k| k.name);
            let hint = match nearest(word, names.clone()) {
                Some(near) => Some(format!("the nearest name is {near}")),
                None if self.structure.kinds.len() == 1 => {
                    Some(format!("messages {} are read without groups", self.accepts.join(", ")))
                }
                None => Some(format!("there are {}", names.collect::<Vec<_>>().join(", "))),
            };
            unknown(format!("`{name}`: there is no group {word}"), hint)
        })
    }

    fn field(&self, target: Target, at: &Place, name: &str, text: &str) -> Result<u16, Unknown> {
        let field = number(name, "field", text, 999)?;
        let segment = match (target, at.within) {
            (Target::Segment(segment, _), _) => segment,
            (_, Within::Segment(segment) | Within::Field(segment, _)) => segment,
            _ => return Err(malformed(name)),
        };
        match segments::fields_of(segment) {
            Some(most) if field > most => {
                let segment = segment.as_str();
                let hint = format!("{segment} has {most} fields");
                Err(unknown(format!("`{name}`: there is no field {segment}-{field}"), Some(hint)))
            }
            _ => Ok(field),
        }
    }
}

impl Structure {
    /// The shortest name by which a group is found from the root.
    pub(super) fn full_name(&self, kind: KindId) -> String {
        let mut name = self.kind(kind).name.to_owned();
        let mut at = kind;
        loop {
            let mut found = Some(0);
            for word in name.split('.') {
                found = found.and_then(|k| self.named_in(k, word));
            }
            if found == Some(kind) || self.kind(at).parent == 0 {
                return name;
            }
            at = self.kind(at).parent;
            name = format!("{}.{name}", self.kind(at).name);
        }
    }

    /// A segment's name, with its group where the name alone means another at the root.
    pub(super) fn segment_name(&self, name: Name, kind: KindId) -> String {
        if kind == LOOSE || self.home(0, name) == Some(kind) {
            return name.as_str().to_owned();
        }
        format!("{}.{}", self.full_name(kind), name.as_str())
    }
}

/// The fields that reading and acknowledging need: delimiters, sender and receiver, message type,
/// control number, processing id, version, charset; and the event of old messages.
pub fn reads_itself(name: &str) -> bool {
    let Some((segment, rest)) = name.split_once('-') else { return false };
    let field = rest.split('.').next().unwrap_or(rest);
    match segment {
        "MSH" => matches!(
            field,
            "1" | "2" | "3" | "4" | "5" | "6" | "9" | "10" | "11" | "12" | "17" | "18"
        ),
        "EVN" => field == "1",
        _ => false,
    }
}

/// Appends `.component.sub`, without a final `.1`.
pub(super) fn push_parts(out: &mut String, component: u16, sub: u16) {
    let (component, sub) = (component.max(1), sub.max(1));
    if component > 1 || sub > 1 {
        *out += &format!(".{component}");
    }
    if sub > 1 {
        *out += &format!(".{sub}");
    }
}

fn slot(target: Target, field: u16, repetition: u16, component: u16, sub: u16) -> Slot {
    Slot { target, field, repetition, component, sub, whole: false }
}

/// Reads `component.sub`, `component` or nothing.
fn parts_of(name: &str, text: &str) -> Result<(u16, u16), Unknown> {
    if text.is_empty() {
        return Ok((0, 0));
    }
    let (component, sub) = match text.split_once('.') {
        Some((component, sub)) => (component, Some(sub)),
        None => (text, None),
    };
    let component = number(name, "component", component, 255)?;
    let sub = sub.map_or(Ok(0), |sub| number(name, "subcomponent", sub, 255))?;
    Ok((component, sub))
}

fn number(name: &str, what: &str, text: &str, most: u16) -> Result<u16, Unknown> {
    let plain = text.bytes().all(|c| c.is_ascii_digit());
    match text.parse() {
        Ok(n) if plain && (1..=most).contains(&n) => Ok(n),
        _ => Err(unknown(
            format!("`{name}`: `{text}` is no {what} number"),
            Some(format!("a {what} is numbered from 1 to {most}")),
        )),
    }
}

fn malformed(name: &str) -> Unknown {
    let mut hint = "a slot is written PID-3, PID-3.4.2 or PID-3[2].1".to_owned();
    let mut words = name.split('.');
    if let (Some(segment), Some(field)) = (words.next(), words.next())
        && Name::read(segment.as_bytes()).is_some()
        && field.starts_with(|c: char| c.is_ascii_digit())
    {
        hint = format!("write {}", name.replacen('.', "-", 1));
    }
    unknown(format!("`{name}` is no HL7 v2 slot"), Some(hint))
}

fn is_group_name(text: &str) -> bool {
    text.len() > 3
        && text.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}

fn unknown(what: String, hint: Option<String>) -> Unknown {
    Unknown { what, hint }
}
