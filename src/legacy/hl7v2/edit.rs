//! Writes → text edits: fields in their parts, new segments and groups at their place.

use std::collections::{BTreeMap, BTreeSet};

use super::super::charset::TextEdit;
use super::super::record::{Scope, Span, Write};
use super::Message;
use super::cell::{Around, At, Cell};
use super::groups::LOOSE;
use super::path::{List, Slot, Target};
use super::structure::{KindId, Name};
use crate::error::{Error, Kind, Result};

/// Writes to one message. Segments and groups are numbered on: new ones after those of the message.
#[derive(Debug)]
pub struct Editor<'r> {
    message: &'r Message,
    /// Fields that were written, by segment and field number.
    cells: BTreeMap<(u32, u16), Cell>,
    segments: Vec<NewSegment>,
    groups: Vec<NewGroup>,
    /// All segments in order, once one was made or removed.
    order: Vec<u32>,
    removed: BTreeSet<u32>,
}

#[derive(Debug)]
struct NewSegment {
    name: Name,
    kind: KindId,
    group: u32,
}

#[derive(Debug)]
struct NewGroup {
    kind: KindId,
    parent: u32,
}

impl<'r> Editor<'r> {
    pub(super) fn new(message: &'r Message) -> Self {
        Editor {
            message,
            cells: BTreeMap::new(),
            segments: Vec::new(),
            groups: Vec::new(),
            order: Vec::new(),
            removed: BTreeSet::new(),
        }
    }

    /// Writes a slot: exactly its leaf, with the delimiters that are missing before it. A segment
    /// that is not there is made, with the groups around it.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        let field = if slot.target == Target::Item { at.item } else { slot.field };
        if field == 0 {
            let what = "a segment or group cannot be written, only its fields";
            return Err(Error::new(Kind::Internal, what));
        }
        let segment = match self.locate(at, slot.target) {
            Some(segment) => segment,
            None if matches!(value, Write::Clear | Write::Text("")) => return Ok(()),
            None => self.make(at, slot.target)?,
        };
        if self.name(segment) == Name::MSH && field <= 2 {
            return self.write_delimiters(at, slot, value);
        }
        let part = At {
            item: (slot.target == Target::Item).then_some(usize::from(at.piece)),
            nth: usize::from(slot.repetition).checked_sub(1),
            component: usize::from(slot.component),
            sub: usize::from(slot.sub),
            whole: slot.whole,
        };
        let around = self.around();
        self.cell(segment, field).write(part, value, around)
    }

    /// Makes a new instance of a list after the last one in this scope, and gives its scope. A
    /// group gets its segments when they are written.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        if list.field > 0 {
            let segment = match self.locate(at, list.target) {
                Some(segment) => segment,
                None => self.make(at, list.target)?,
            };
            let around = self.around();
            let piece = self.cell(segment, list.field).insert(around)?;
            let piece = u16::try_from(piece)
                .map_err(|_| Error::new(Kind::TooLarge, "the field has too many repetitions"))?;
            return Ok(Scope { item: list.field, piece, ..self.scope(segment) });
        }
        match list.target {
            Target::Group(kind) => {
                let group = self.new_group_in(at, kind);
                Ok(Scope { group, ..Scope::default() })
            }
            Target::Segment(name, kind) => {
                let group = if self.opens_another(at, name, kind) {
                    self.new_group_in(at, kind)
                } else {
                    self.home_of(at, kind)
                };
                let segment = self.make_segment(name, kind, group);
                Ok(self.scope(segment))
            }
            Target::Node | Target::Item => {
                let segment = self.locate(at, list.target).ok_or_else(gone)?;
                let (name, group) = (self.name(segment), self.group(segment));
                let kind = self.kind(segment);
                let segment = self.make_segment(name, kind, group);
                Ok(self.scope(segment))
            }
        }
    }

    /// Removes an instance of a list: a repetition, a segment, a group with all that is in it. The
    /// segment that opens a group takes the group with it.
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        if list.field > 0 {
            let segment = self.locate(item, Target::Node).ok_or_else(gone)?;
            self.cell(segment, list.field).remove(usize::from(item.piece));
            return Ok(());
        }
        self.reorder();
        if let Target::Group(kind) = list.target {
            let group = self.climb(item.group, kind);
            if group == 0 {
                return Err(gone());
            }
            self.remove_group(group);
            return Ok(());
        }
        let segment = self.locate(item, Target::Node).ok_or_else(gone)?;
        let (name, group) = (self.name(segment), self.group(segment));
        if name == Name::MSH {
            return Err(Error::new(Kind::Value, "MSH cannot be removed"));
        }
        let kind = self.message.structure.kind(self.group_kind(group));
        if group != 0 && kind.is_anchor(name) && kind.required() == Some(name) {
            self.remove_group(group);
        } else {
            self.removed.insert(segment);
        }
        Ok(())
    }

    /// The edits of the text, sorted and without overlap; none if nothing changed.
    pub fn finish(self) -> Result<Vec<TextEdit>> {
        let mut edits = Vec::new();
        let around = self.around();
        for (&(segment, number), cell) in &self.cells {
            if segment < self.originals() && !self.removed.contains(&segment) {
                let old = &self.message.segments[segment as usize];
                if number <= old.fields {
                    cell.edits(around, &mut edits);
                }
            }
        }
        for (i, old) in self.message.segments.iter().enumerate() {
            if self.removed.contains(&(i as u32)) {
                let span = Span { start: old.start, end: old.next };
                edits.push(TextEdit { span, text: String::new() });
                continue;
            }
            let more = self.fields_text(i as u32, old.fields);
            if !more.is_empty() {
                edits.push(TextEdit { span: Span { start: old.end, end: old.end }, text: more });
            }
        }
        self.new_lines(&mut edits);
        edits.sort_by_key(|edit| edit.span);
        Ok(edits)
    }

    /// The new segments as lines, after the segment before them that stays.
    fn new_lines(&self, edits: &mut Vec<TextEdit>) {
        let text = &self.message.text.text;
        let first = &self.message.segments[0];
        let line_end = match &text[first.end as usize..first.next as usize] {
            "" => "\r",
            end => end,
        };
        let mut after = first;
        let mut lines = String::new();
        let flush = |after: &super::Segment, lines: &mut String, edits: &mut Vec<TextEdit>| {
            if lines.is_empty() {
                return;
            }
            let mut new = std::mem::take(lines);
            if after.end == after.next {
                // The last line has no end, and the new last line gets none.
                new.truncate(new.len() - line_end.len());
                new.insert_str(0, line_end);
            }
            edits.push(TextEdit { span: Span { start: after.next, end: after.next }, text: new });
        };
        for &id in &self.order {
            if id < self.originals() {
                if !self.removed.contains(&id) {
                    flush(after, &mut lines, edits);
                    after = &self.message.segments[id as usize];
                }
                continue;
            }
            if self.removed.contains(&id) {
                continue;
            }
            lines += self.name(id).as_str();
            let fields = self.fields_text(id, 0);
            lines.push_str(if fields.is_empty() { "|" } else { &fields });
            lines += line_end;
        }
        flush(after, &mut lines, edits);
    }

    /// The fields after number `from`, each with its separator, without empty ones at the end.
    fn fields_text(&self, segment: u32, from: u16) -> String {
        let separator = char::from(self.message.delimiters.field);
        let (mut out, mut last, mut full) = (String::new(), from, 0);
        for (&(_, number), cell) in self.cells.range((segment, from + 1)..=(segment, u16::MAX)) {
            out.extend(std::iter::repeat_n(separator, usize::from(number - last)));
            let before = out.len();
            out += &cell.to_text(self.around());
            if out.len() > before {
                full = out.len();
            }
            last = number;
        }
        out.truncate(full);
        out
    }

    fn cell(&mut self, segment: u32, field: u16) -> &mut Cell {
        let message = self.message;
        let around = self.around();
        self.cells.entry((segment, field)).or_insert_with(|| {
            let old = message.segments.get(segment as usize);
            Cell::of(old.and_then(|s| s.field(&message.fields, field)), around)
        })
    }

    fn around(&self) -> Around<'r> {
        Around {
            text: &self.message.text.text,
            delimiters: &self.message.delimiters,
            charset: self.message.text.charset,
        }
    }

    /// The delimiters are what the whole message is written with.
    fn write_delimiters(&self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        match (self.message.read(at, slot), value) {
            (super::super::record::Read::Text(old), Write::Text(new)) if old == new => Ok(()),
            _ => Err(Error::new(Kind::Value, "the delimiters of a message cannot be changed")
                .at(if slot.field == 1 { "MSH-1" } else { "MSH-2" })),
        }
    }

    // Segments and groups, old and new.

    fn originals(&self) -> u32 {
        self.message.segments.len() as u32
    }

    fn new_segment(&self, id: u32) -> Option<&NewSegment> {
        self.segments.get(id.checked_sub(self.originals())? as usize)
    }

    fn name(&self, id: u32) -> Name {
        match self.new_segment(id) {
            Some(new) => new.name,
            None => self.message.segments[id as usize].name,
        }
    }

    fn kind(&self, id: u32) -> KindId {
        self.new_segment(id).map_or_else(|| self.message.segments[id as usize].kind, |new| new.kind)
    }

    fn group(&self, id: u32) -> u32 {
        self.new_segment(id)
            .map_or_else(|| self.message.segments[id as usize].group, |new| new.group)
    }

    fn new_group(&self, group: u32) -> Option<&NewGroup> {
        self.groups.get((group as usize).checked_sub(self.message.groups.len())?)
    }

    fn group_kind(&self, group: u32) -> KindId {
        match self.new_group(group) {
            Some(new) => new.kind,
            None => self.message.groups.get(group as usize).map_or(0, |g| g.kind),
        }
    }

    fn parent(&self, group: u32) -> u32 {
        match self.new_group(group) {
            Some(new) => new.parent,
            None => self.message.groups.get(group as usize).map_or(0, |g| g.parent),
        }
    }

    fn scope(&self, segment: u32) -> Scope {
        Scope { group: self.group(segment), node: segment + 1, ..Scope::default() }
    }

    fn encloses(&self, outer: u32, group: u32) -> bool {
        let mut at = group;
        while at != outer {
            if at == 0 {
                return false;
            }
            at = self.parent(at);
        }
        true
    }

    /// The nearest group, itself or around it, that can hold groups of a kind.
    fn climb(&self, group: u32, kind: KindId) -> u32 {
        let mut at = group;
        while at != 0 && kind != LOOSE {
            if self.message.structure.contains(self.group_kind(at), kind) {
                break;
            }
            at = self.parent(at);
        }
        at
    }

    /// The segment that a target means now.
    fn locate(&self, at: Scope, target: Target) -> Option<u32> {
        let there = |id: &u32| !self.removed.contains(id);
        let (name, kind) = match target {
            Target::Item | Target::Node => {
                let id = at.node.checked_sub(1)?;
                let known = self.originals() + self.segments.len() as u32;
                return Some(id).filter(|id| *id < known && there(id));
            }
            Target::Segment(name, kind) => (name, kind),
            Target::Group(_) => return None,
        };
        let old_group = self.new_group(at.group).is_none();
        let old = self.message.segment_index(at, target).map(|i| i as u32);
        if self.order.is_empty() {
            return old.filter(|_| old_group);
        }
        let outer = self.climb(at.group, kind);
        let fits = |id: &u32| {
            let own = self.kind(*id);
            self.name(*id) == name
                && (kind == LOOSE || own == kind || own == LOOSE)
                && self.encloses(outer, self.group(*id))
        };
        let found = self.order.iter().copied().filter(there).find(fits);
        found.or_else(|| old.filter(|id| old_group && there(id)))
    }

    // Making.

    /// From here on the order of the segments is our own.
    fn reorder(&mut self) {
        if self.order.is_empty() {
            self.order = (0..self.originals()).collect();
        }
    }

    fn make(&mut self, at: Scope, target: Target) -> Result<u32> {
        let Target::Segment(name, kind) = target else { return Err(gone()) };
        let group = self.home_of(at, kind);
        Ok(self.make_segment(name, kind, group))
    }

    /// The group for a new segment; made, with those around it, if it is not there.
    fn home_of(&mut self, at: Scope, kind: KindId) -> u32 {
        if kind == LOOSE {
            return at.group;
        }
        let top = self.climb(at.group, kind);
        self.descend(top, kind)
    }

    /// Whether another segment of a name would open another group.
    fn opens_another(&self, at: Scope, name: Name, kind: KindId) -> bool {
        if kind == LOOSE {
            return false;
        }
        let of = self.message.structure.kind(kind);
        of.repeats
            && of.required() == Some(name)
            && self.locate(at, Target::Segment(name, kind)).is_some()
    }

    fn new_group_in(&mut self, at: Scope, kind: KindId) -> u32 {
        let parent = self.message.structure.kind(kind).parent;
        let top = self.climb(at.group, parent);
        let parent = self.descend(top, parent);
        self.make_group(kind, parent)
    }

    /// From a group down to one of an inner kind: the last that is there, else a new one.
    fn descend(&mut self, top: u32, kind: KindId) -> u32 {
        let structure = self.message.structure;
        let mut way = Vec::new();
        let mut step = kind;
        while step != self.group_kind(top) && step != 0 {
            way.push(step);
            step = structure.kind(step).parent;
        }
        let mut at = top;
        for &step in way.iter().rev() {
            let known = (self.message.groups.len() + self.groups.len()) as u32;
            let there = (1..known)
                .rev()
                .find(|g| self.group_kind(*g) == step && self.parent(*g) == at && self.is_left(*g));
            at = there.unwrap_or_else(|| self.make_group(step, at));
        }
        at
    }

    /// Whether a group was not removed.
    fn is_left(&self, group: u32) -> bool {
        self.new_group(group).is_some()
            || self
                .message
                .groups
                .get(group as usize)
                .is_some_and(|g| (g.first..g.end).any(|segment| !self.removed.contains(&segment)))
    }

    fn make_group(&mut self, kind: KindId, parent: u32) -> u32 {
        self.reorder();
        self.groups.push(NewGroup { kind, parent });
        (self.message.groups.len() + self.groups.len() - 1) as u32
    }

    fn make_segment(&mut self, name: Name, kind: KindId, group: u32) -> u32 {
        self.reorder();
        self.make_anchors(group, name);
        let last_of_name =
            |id: &u32| self.name(*id) == name && self.encloses(group, self.group(*id));
        let index = match (kind, self.order.iter().rposition(last_of_name)) {
            (LOOSE, Some(sibling)) => sibling + 1,
            (LOOSE, None) => self.index_for(group, (usize::MAX, u32::MAX)),
            (kind, _) => {
                let position = self.message.structure.kind(kind).position(name);
                self.index_for(group, (position.unwrap_or(usize::MAX), u32::MAX))
            }
        };
        let id = self.originals() + self.segments.len() as u32;
        self.segments.push(NewSegment { name, kind, group });
        self.order.insert(index, id);
        id
    }

    /// A new group needs a segment that opens it, or its segments would be read into another one.
    fn make_anchors(&mut self, group: u32, name: Name) {
        let mut around = Vec::new();
        let mut at = group;
        while self.new_group(at).is_some() {
            around.push(at);
            at = self.parent(at);
        }
        for at in around.into_iter().rev() {
            let kind = self.group_kind(at);
            let of = self.message.structure.kind(kind);
            let opened =
                self.order.iter().any(|id| self.group(*id) == at && of.is_anchor(self.name(*id)));
            let opens = at == group && of.is_anchor(name);
            if let (false, false, Some(anchor)) = (opened, opens, of.required()) {
                let index = self.index_for(at, (0, 0));
                let id = self.originals() + self.segments.len() as u32;
                self.segments.push(NewSegment { name: anchor, kind, group: at });
                self.order.insert(index, id);
            }
        }
    }

    /// Where in the order a new member of a group goes: after the last that may stand before it.
    fn index_for(&self, group: u32, rank: (usize, u32)) -> usize {
        let (mut after, mut first, mut last) = (None, None, (0, 0));
        for (i, id) in self.order.iter().enumerate() {
            if !self.encloses(group, self.group(*id)) {
                continue;
            }
            first.get_or_insert(i);
            // A segment that no group lists belongs to the one before it.
            last = self.rank(*id, group).unwrap_or(last);
            if last <= rank {
                after = Some(i + 1);
            }
        }
        if let Some(index) = after.or(first) {
            return index;
        }
        if group == 0 {
            return self.order.len();
        }
        let parent = self.parent(group);
        let kind = self.message.structure.kind(self.group_kind(parent));
        let position = kind.child_position(self.group_kind(group)).unwrap_or(usize::MAX);
        self.index_for(parent, (position, group))
    }

    /// The place of a segment in the order of a group that encloses it: its position, and among
    /// groups at one position the number of a new group.
    fn rank(&self, id: u32, group: u32) -> Option<(usize, u32)> {
        let structure = self.message.structure;
        let mut at = self.group(id);
        if at == group {
            if self.kind(id) == LOOSE {
                return None;
            }
            return Some((structure.kind(self.group_kind(group)).position(self.name(id))?, 0));
        }
        while self.parent(at) != group {
            at = self.parent(at);
        }
        let position =
            structure.kind(self.group_kind(group)).child_position(self.group_kind(at))?;
        Some((position, if self.new_group(at).is_some() { at } else { 0 }))
    }

    // Removing.

    fn remove_group(&mut self, group: u32) {
        let inside = self.order.iter().copied().filter(|id| self.encloses(group, self.group(*id)));
        let inside: Vec<u32> = inside.collect();
        self.removed.extend(inside);
    }
}

fn gone() -> Error {
    Error::new(Kind::Internal, "the scope is not in the message, or was removed")
}
