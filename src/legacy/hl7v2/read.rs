//! Reading a resolved slot: find the segment, cut the field, undo its escapes.

use std::borrow::Cow;

use super::super::record::{Read, Scope, Span};
use super::Message;
use super::escape::unescape;
use super::groups::LOOSE;
use super::parse::Segment;
use super::path::{List, Slot, Target, push_parts};
use super::structure::{KindId, Name};

/// The text of a field or leaf that says "delete this".
pub(super) const NULL: &str = "\"\"";

/// Where a slot is.
enum Found {
    /// A leaf; of a repetition that is `""`, the repetition.
    Leaf(Span),
    /// A field, repetition or component with its delimiters.
    Whole(Span),
    /// The segment or group itself.
    There(Span),
    /// MSH-1 or MSH-2, which are not split and not escaped.
    Literal(Span),
    /// Nowhere; it would stand here.
    Missing(u32),
}

impl Message {
    /// Reads a slot. `""` is [`Read::Null`] where it is the whole text of the leaf, or of the
    /// field: then every part of the field is.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        let span = match self.find(at, slot) {
            Found::Missing(_) => return Read::Absent,
            Found::Literal(span) => return Read::Text(Cow::Borrowed(self.text.slice(span))),
            Found::There(span) => {
                let text = self.text.slice(span);
                return Read::Text(Cow::Borrowed(text.get(..3).unwrap_or(text)));
            }
            Found::Whole(span) => {
                let text = self.text.slice(span);
                if text.chars().all(|c| self.delimiters.splits(c)) {
                    return Read::Absent;
                }
                span
            }
            Found::Leaf(leaf) => leaf,
        };
        match self.text.slice(span) {
            "" => Read::Absent,
            NULL => Read::Null,
            raw => Read::Text(unescape(raw, &self.delimiters, self.text.charset)),
        }
    }

    /// Where a slot stands; where it would stand, as an empty span, if it is absent.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        match self.find(at, slot) {
            Found::Leaf(span) | Found::Whole(span) | Found::There(span) | Found::Literal(span) => {
                span
            }
            Found::Missing(start) => Span { start, end: start },
        }
    }

    /// Appends the instances of a list in this scope, in message order. A repetition that is empty
    /// between others counts, an empty field has none.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        let segment_scope = |i: usize| Scope {
            group: self.segments[i].group,
            node: i as u32 + 1,
            ..Scope::default()
        };
        if list.field > 0 {
            let Some(index) = self.segment_index(at, list.target) else { return };
            let Some(field) = self.segments[index].field(&self.fields, list.field) else { return };
            if field.start < field.end {
                let count = self.pieces(field, self.delimiters.repetition).count();
                out.extend((0..count.min(usize::from(u16::MAX))).map(|n| Scope {
                    item: list.field,
                    piece: n as u16,
                    ..segment_scope(index)
                }));
            }
            return;
        }
        match list.target {
            Target::Group(kind) => {
                let outer = self.climb(at.group, kind);
                let inside = (0..self.groups.len() as u32)
                    .filter(|g| self.groups[*g as usize].kind == kind && self.encloses(outer, *g));
                out.extend(inside.map(|group| Scope { group, ..Scope::default() }));
            }
            Target::Segment(name, kind) => {
                let range = self.range(at.group, kind);
                out.extend(range.filter(|i| self.is_a(*i, name, kind)).map(segment_scope));
            }
            Target::Node | Target::Item => {
                out.extend(self.segment_index(at, list.target).map(segment_scope))
            }
        }
    }

    /// Calls `f` with the canonical name and text of every leaf that carries data; the names are
    /// without repetition numbers. "Delete this" has the text `""`.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        let mut name = String::new();
        for segment in &self.segments {
            let start = self.structure.segment_name(segment.name, segment.kind);
            for number in 1..=segment.fields {
                let Some(field) = segment.field(&self.fields, number) else { continue };
                if field.start == field.end {
                    continue;
                }
                let stem = format!("{start}-{number}");
                if segment.name == Name::MSH && number <= 2 {
                    f(&stem, self.text.slice(field));
                    continue;
                }
                self.each_leaf(field, &mut |component, sub, raw| {
                    name.clear();
                    name.push_str(&stem);
                    push_parts(&mut name, component, sub);
                    f(&name, &unescape(raw, &self.delimiters, self.text.charset));
                });
            }
        }
    }

    /// The first segment of a scope that a target means.
    pub(super) fn segment_index(&self, at: Scope, target: Target) -> Option<usize> {
        match target {
            Target::Item | Target::Node => {
                let index = (at.node as usize).checked_sub(1)?;
                (index < self.segments.len()).then_some(index)
            }
            Target::Segment(name, kind) => self
                .range(at.group, kind)
                .find(|i| self.is_a(*i, name, kind))
                .or_else(|| self.elsewhere(at, name, kind)),
            Target::Group(_) => None,
        }
    }

    /// The nearest group, `group` itself or around it, that can hold groups of a kind.
    pub(super) fn climb(&self, group: u32, kind: KindId) -> u32 {
        let mut at = group;
        while let Some(found) = self.groups.get(at as usize) {
            if at == 0 || kind == LOOSE || self.structure.contains(found.kind, kind) {
                return at;
            }
            at = found.parent;
        }
        0
    }

    /// A component of MSH.
    pub(super) fn header_text(&self, field: u16, component: usize) -> Option<Cow<'_, str>> {
        let field = self.header_field(field)?;
        let first = self.pieces(field, self.delimiters.repetition).next()?;
        let part = self.pieces(first, Some(self.delimiters.component)).nth(component - 1)?;
        let leaf = self.pieces(part, self.delimiters.subcomponent).next()?;
        match self.text.slice(leaf) {
            "" | NULL => None,
            raw => Some(unescape(raw, &self.delimiters, self.text.charset)),
        }
    }

    /// A field of MSH.
    pub(super) fn header_field(&self, field: u16) -> Option<Span> {
        self.segments.first()?.field(&self.fields, field)
    }

    /// The first leaf of a field of the first segment of a name.
    pub(super) fn first_text(&self, name: &[u8; 3], field: u16) -> Option<Cow<'_, str>> {
        let segment = self.segments.iter().find(|s| s.name.as_str().as_bytes() == name)?;
        let field = segment.field(&self.fields, field)?;
        let mut first = None;
        self.each_leaf(field, &mut |component, sub, raw| {
            if (component, sub) == (1, 1) && first.is_none() {
                first = Some(raw.to_owned());
            }
        });
        first.map(Cow::Owned)
    }

    /// Splits a span at a delimiter; one piece if the message does not use it.
    pub(super) fn pieces(&self, span: Span, delimiter: Option<u8>) -> impl Iterator<Item = Span> {
        split(&self.text.text, span, delimiter)
    }

    fn find(&self, at: Scope, slot: &Slot) -> Found {
        if let Target::Group(kind) = slot.target {
            let outer = self.climb(at.group, kind);
            let group = self.groups.iter().enumerate().find(|(i, g)| {
                g.kind == kind && g.first < g.end && self.encloses(outer, *i as u32)
            });
            return match group {
                Some((_, group)) => Found::There(self.segments[group.first as usize].span()),
                None => Found::Missing(self.end_of(outer)),
            };
        }
        let Some(index) = self.segment_index(at, slot.target) else {
            return Found::Missing(self.end_of(at.group));
        };
        let segment = &self.segments[index];
        let number = if slot.target == Target::Item { at.item } else { slot.field };
        if number == 0 {
            return Found::There(segment.span());
        }
        let Some(field) = segment.field(&self.fields, number) else {
            return Found::Missing(segment.end);
        };
        if segment.name == Name::MSH && number <= 2 {
            let first = slot.component <= 1 && slot.sub <= 1 && slot.repetition <= 1;
            return if first { Found::Literal(field) } else { Found::Missing(field.end) };
        }
        self.find_in(field, at, slot)
    }

    fn find_in(&self, field: Span, at: Scope, slot: &Slot) -> Found {
        let repetition = match slot.target {
            Target::Item => usize::from(at.piece),
            _ => usize::from(slot.repetition.max(1) - 1),
        };
        let all = slot.whole && slot.target != Target::Item && slot.repetition == 0;
        if all && slot.component == 0 {
            return Found::Whole(field);
        }
        let d = &self.delimiters;
        let Some(repetition) = self.pieces(field, d.repetition).nth(repetition) else {
            return Found::Missing(field.end);
        };
        if slot.whole && slot.component == 0 {
            return Found::Whole(repetition);
        }
        if self.text.slice(repetition) == NULL {
            return Found::Leaf(repetition);
        }
        let component = usize::from(slot.component.max(1) - 1);
        let Some(component) = self.pieces(repetition, Some(d.component)).nth(component) else {
            return Found::Missing(repetition.end);
        };
        if slot.whole && slot.sub == 0 {
            return Found::Whole(component);
        }
        match self.pieces(component, d.subcomponent).nth(usize::from(slot.sub.max(1) - 1)) {
            Some(leaf) => Found::Leaf(leaf),
            None => Found::Missing(component.end),
        }
    }

    fn each_leaf(&self, field: Span, f: &mut dyn FnMut(u16, u16, &str)) {
        let d = &self.delimiters;
        for repetition in self.pieces(field, d.repetition) {
            for (c, component) in self.pieces(repetition, Some(d.component)).enumerate() {
                for (s, leaf) in self.pieces(component, d.subcomponent).enumerate() {
                    if leaf.start < leaf.end {
                        f(c as u16 + 1, s as u16 + 1, self.text.slice(leaf));
                    }
                }
            }
        }
    }

    /// The segments of the nearest group that can hold a kind.
    fn range(&self, group: u32, kind: KindId) -> std::ops::Range<usize> {
        let group = &self.groups[self.climb(group, kind) as usize];
        group.first as usize..group.end as usize
    }

    /// Whether a segment is what a name means: at home in the kind, or out of place.
    fn is_a(&self, index: usize, name: Name, kind: KindId) -> bool {
        let segment = &self.segments[index];
        segment.name == name && (kind == LOOSE || segment.kind == kind || segment.kind == LOOSE)
    }

    /// A segment that stands out of place further out: in no group that repeats in between.
    fn elsewhere(&self, at: Scope, name: Name, kind: KindId) -> Option<usize> {
        let mut outer = self.climb(at.group, kind);
        while outer != 0 {
            outer = self.groups[outer as usize].parent;
            let group = &self.groups[outer as usize];
            let found = (group.first as usize..group.end as usize).find(|i| {
                self.is_a(*i, name, LOOSE)
                    && (kind == LOOSE || self.segments[*i].kind == LOOSE)
                    && self.once_in(self.segments[*i].group, outer)
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Whether a group lies in an outer one through groups only that do not repeat.
    fn once_in(&self, group: u32, outer: u32) -> bool {
        let mut at = group;
        while at != outer {
            let found = &self.groups[at as usize];
            if at == 0 || self.structure.kind(found.kind).repeats {
                return false;
            }
            at = found.parent;
        }
        true
    }

    /// Whether a group is `outer` or lies in it.
    pub(super) fn encloses(&self, outer: u32, group: u32) -> bool {
        let mut at = group;
        while at != outer {
            if at == 0 {
                return false;
            }
            at = self.groups[at as usize].parent;
        }
        true
    }

    /// Where more segments of a group would stand.
    fn end_of(&self, group: u32) -> u32 {
        let last = self.groups.get(group as usize).and_then(|g| g.end.checked_sub(1));
        last.and_then(|i| self.segments.get(i as usize)).map_or(self.span.end, |s| s.next)
    }
}

impl Segment {
    pub(super) fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }
}

/// Splits a span of a text at an ASCII delimiter.
pub(super) fn split(text: &str, span: Span, delimiter: Option<u8>) -> impl Iterator<Item = Span> {
    let mut rest = Some(span);
    std::iter::from_fn(move || {
        let span = rest?;
        let bytes = text.as_bytes().get(span.start as usize..span.end as usize)?;
        match delimiter.and_then(|d| memchr::memchr(d, bytes)) {
            Some(n) => {
                let end = span.start + n as u32;
                rest = Some(Span { start: end + 1, end: span.end });
                Some(Span { start: span.start, end })
            }
            None => {
                rest = None;
                Some(span)
            }
        }
    })
}
