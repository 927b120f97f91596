//! Edits of a record: values replaced in place, members and items made and removed.

use std::collections::{BTreeMap, BTreeSet};

use super::parse::{number, quoted};
use super::{Facts, Field, FieldKind, List, NodeKind, Object, Path, Pieces, Slot};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::TextEdit;
use crate::legacy::pieces::Edited;
use crate::legacy::record::{Scope, Span, Write};

/// Writes to one record.
#[derive(Debug)]
pub struct Editor<'r> {
    object: &'r Object,
    /// New JSON texts of values that are there.
    values: BTreeMap<u32, String>,
    /// Values that are made; numbered behind the record's own.
    made: Vec<Made>,
    /// Objects and arrays with what is made in them.
    below: BTreeMap<u32, Vec<u32>>,
    removed: BTreeSet<u32>,
    /// Texts that are edited by pieces: the value they were looked up from, the path.
    pieces: Vec<(u32, Pieces, Edited)>,
}

#[derive(Debug)]
struct Made {
    parent: u32,
    key: Option<String>,
    content: Content,
    /// What the schema says below it.
    field: Option<u32>,
}

#[derive(Debug)]
enum Content {
    /// Not known yet: an item of an array that nothing was written to.
    Open,
    Object,
    Array,
    Scalar(String),
}

impl<'r> Editor<'r> {
    pub(super) fn new(object: &'r Object) -> Self {
        Editor {
            object,
            values: BTreeMap::new(),
            made: Vec::new(),
            below: BTreeMap::new(),
            removed: BTreeSet::new(),
            pieces: Vec::new(),
        }
    }

    /// Writes a value in the JSON type it has, or that the schema says; makes what is missing on the
    /// way. A text that the type cannot hold, or that would be read as nothing, is an error.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        let text = match value {
            Write::Text(text) if !text.is_empty() => Some(text),
            Write::Text(_) | Write::Null | Write::Clear => None,
        };
        let path = match slot {
            Slot::Path(path) => path,
            Slot::Piece(pieces) => {
                let shown = pieces.path.shown();
                let facts = self.object.shared.schema.facts(pieces.path.field).cloned();
                let fits = |all: &str| too_long(facts.as_ref(), all, &shown);
                return self.pieces_of(at.node, pieces).set(at.piece, text, fits);
            }
        };
        self.set(at.node, path, text)
    }

    fn set(&mut self, from: u32, path: &Path, text: Option<&str>) -> Result<()> {
        let schema = &self.object.shared.schema;
        let facts = schema.facts(path.field);
        if let Some(text) = text {
            if schema.is_nothing(facts, text) {
                let what = format!("'{text}' would be read as nothing");
                return Err(Error::new(Kind::Value, what).at(path.shown()));
            }
            too_long(facts, text, &path.shown())?;
        }
        let (node, rest) = self.walk(from, &path.steps);
        if rest.is_empty() {
            return self.set_there(node, path, facts, text);
        }
        let Some(text) = text else { return Ok(()) };
        let raw = raw(facts, None, text, path)?;
        let mut parent = self.opened(node, path)?;
        let (last, above) = rest.split_last().unwrap_or((&rest[0], &[]));
        for step in above {
            parent = self.make(parent, Some(step.clone()), Content::Object, None);
        }
        self.make(parent, Some(last.clone()), Content::Scalar(raw), path.field);
        Ok(())
    }

    /// Replaces a value that is there.
    fn set_there(
        &mut self,
        node: u32,
        path: &Path,
        facts: Option<&Facts>,
        text: Option<&str>,
    ) -> Result<()> {
        let schema = &self.object.shared.schema;
        if let Some(made) = self.made_mut(node) {
            match text {
                Some(text) => made.content = Content::Scalar(raw(facts, None, text, path)?),
                None => made.content = Content::Scalar(schema.nothing(facts)),
            }
            return Ok(());
        }
        let kind = self.object.node(node).map_or(NodeKind::Null, |n| n.kind);
        if matches!(kind, NodeKind::Object | NodeKind::Array) {
            let what = "there is no single value, but an object or array";
            return Err(Error::new(Kind::Value, what).at(path.shown()));
        }
        let old = self.object.scalar(node);
        match text {
            Some(text) if old.as_deref() == Some(text) => drop(self.values.remove(&node)),
            Some(text) => {
                let raw = raw(facts, Some(kind), text, path)?;
                self.values.insert(node, raw);
            }
            // Nothing there already: whatever spells it stays.
            None if old.is_none_or(|old| schema.is_nothing(facts, &old)) => {
                self.values.remove(&node);
            }
            None => {
                let nothing = match kind {
                    NodeKind::String => schema.nulls(facts).first().map(|marker| quoted(marker)),
                    _ => None,
                };
                self.values.insert(node, nothing.unwrap_or_else(|| "null".to_owned()));
            }
        }
        Ok(())
    }

    /// How far a path leads, and the steps that are left.
    fn walk<'p>(&self, from: u32, steps: &'p [String]) -> (u32, &'p [String]) {
        let mut node = self.object.top(from);
        for (n, step) in steps.iter().enumerate() {
            match self.member(node, step) {
                Some(child) => node = child,
                None => return (node, &steps[n..]),
            }
        }
        (node, &[])
    }

    fn member(&self, node: u32, key: &str) -> Option<u32> {
        let there = self.object.member(node, key).filter(|n| !self.removed.contains(n));
        there.or_else(|| {
            let made = self.below.get(&node)?;
            made.iter()
                .copied()
                .find(|n| self.made(*n).is_some_and(|m| m.key.as_deref() == Some(key)))
        })
    }

    /// The object that a member can be made in: `null` becomes one.
    fn opened(&mut self, node: u32, path: &Path) -> Result<u32> {
        if let Some(made) = self.made_mut(node) {
            if matches!(made.content, Content::Open) {
                made.content = Content::Object;
            }
            if matches!(made.content, Content::Object) {
                return Ok(node);
            }
        }
        match self.object.node(node).map(|n| n.kind) {
            Some(NodeKind::Object) => Ok(node),
            // What is made below it replaces it: see `finish`.
            Some(NodeKind::Null) => Ok(node),
            _ => {
                let what = "the value around it is no object";
                Err(Error::new(Kind::Value, what).at(path.shown()))
            }
        }
    }

    fn make(
        &mut self,
        parent: u32,
        key: Option<String>,
        content: Content,
        field: Option<u32>,
    ) -> u32 {
        let node = (self.object.shared.nodes.len() + self.made.len()) as u32;
        self.made.push(Made { parent, key, content, field });
        self.below.entry(parent).or_default().push(node);
        node
    }

    fn made(&self, node: u32) -> Option<&Made> {
        self.made.get((node as usize).checked_sub(self.object.shared.nodes.len())?)
    }

    fn made_mut(&mut self, node: u32) -> Option<&mut Made> {
        self.made.get_mut((node as usize).checked_sub(self.object.shared.nodes.len())?)
    }

    /// A new item or piece at the end of its list.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        match list {
            List::Items(path) => {
                let (mut node, rest) = self.walk(at.node, &path.steps);
                if let Some((last, above)) = rest.split_last() {
                    node = self.opened(node, path)?;
                    for step in above {
                        node = self.make(node, Some(step.clone()), Content::Object, None);
                    }
                    node = self.make(node, Some(last.clone()), Content::Array, path.field);
                }
                let array = match self.object.node(node) {
                    Some(there) => matches!(there.kind, NodeKind::Array | NodeKind::Null),
                    None => true,
                };
                if !array {
                    return Err(Error::new(Kind::Value, "there is no array here").at(path.shown()));
                }
                let node = self.make(node, None, Content::Open, path.field);
                Ok(Scope { node, ..Scope::default() })
            }
            List::Split(pieces) => {
                let piece = self.pieces_of(at.node, pieces).push()?;
                Ok(Scope { piece, ..at })
            }
        }
    }

    /// Removes an item or a piece.
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        match list {
            List::Items(_) => {
                self.removed.insert(item.node);
                Ok(())
            }
            List::Split(pieces) => {
                self.pieces_of(item.node, pieces).set(item.piece, None, |_| Ok(()))
            }
        }
    }

    fn pieces_of(&mut self, node: u32, pieces: &Pieces) -> &mut Edited {
        let mine = |(from, other, _): &(u32, Pieces, Edited)| *from == node && other == pieces;
        let found = self.pieces.iter().position(mine).unwrap_or_else(|| {
            let text = self.object.value(node, &pieces.path).unwrap_or_default();
            let edited = Edited::new(&text, &pieces.separators);
            self.pieces.push((node, pieces.clone(), edited));
            self.pieces.len() - 1
        });
        &mut self.pieces[found].2
    }

    /// The edits, in the order of the text.
    pub fn finish(mut self) -> Result<Vec<TextEdit>> {
        for (node, pieces, edited) in std::mem::take(&mut self.pieces) {
            let text = edited.joined();
            self.set(node, &pieces.path, Some(text.as_str()).filter(|t| !t.is_empty()))?;
        }
        let mut edits = Vec::new();
        for (node, raw) in &self.values {
            if let Some(there) = self.object.node(*node).filter(|_| !self.gone(*node)) {
                edits.push(TextEdit { span: there.span, text: raw.clone() });
            }
        }
        let own = self.object.shared.nodes.len() as u32;
        let parents = self.removed.iter().filter_map(|n| Some(self.object.node(*n)?.parent));
        let changed: BTreeSet<u32> =
            self.below.keys().copied().chain(parents).filter(|n| *n < own).collect();
        for node in changed.into_iter().filter(|node| !self.gone(*node)) {
            self.members(node, &mut edits);
        }
        edits.sort_by_key(|edit| edit.span);
        Ok(edits)
    }

    /// Whether a value or one around it is removed.
    fn gone(&self, node: u32) -> bool {
        let mut at = node;
        loop {
            if self.removed.contains(&at) {
                return true;
            }
            match (self.object.node(at), self.made(at)) {
                (Some(node), _) => at = node.parent,
                (None, Some(made)) => at = made.parent,
                (None, None) => return false,
            }
        }
    }

    /// What is made in a value and removed from it: the edits between its members.
    fn members(&self, node: u32, edits: &mut Vec<TextEdit>) {
        let Some(this) = self.object.node(node) else { return };
        let fields = self.fields_of(node);
        let made = self.made_in(node, fields);
        if this.kind == NodeKind::Null {
            if !made.is_empty() {
                let object =
                    made.first().is_some_and(|n| self.made(*n).is_some_and(|m| m.key.is_some()));
                let inner = self.joined(&made);
                let text = if object { format!("{{{inner}}}") } else { format!("[{inner}]") };
                edits.push(TextEdit { span: this.span, text });
            }
            return;
        }
        let kept = |n: &u32| !self.removed.contains(n);
        // Each made member stands behind the last one that the schema has before it.
        let rank = |key: Option<&str>| fields.iter().position(|f| Some(f.name.as_str()) == key);
        let ranks: Vec<Option<usize>> =
            this.children.iter().map(|n| rank(self.object.key(*n).as_deref())).collect();
        let mut behind: BTreeMap<Option<usize>, Vec<u32>> = BTreeMap::new();
        for node in made {
            let mine = rank(self.made(node).and_then(|m| m.key.as_deref()));
            let last = (0..this.children.len()).rfind(|n| kept(&this.children[*n]));
            let place = match mine {
                None => last,
                Some(mine) => {
                    let known = ranks.iter().any(Option::is_some);
                    let before = (0..this.children.len()).rfind(|n| {
                        kept(&this.children[*n]) && ranks[*n].is_some_and(|rank| rank <= mine)
                    });
                    if known { before } else { last }
                }
            };
            behind.entry(place).or_default().push(node);
        }
        let text = &self.object.shared.text;
        let end_of = |n: usize| self.object.node(this.children[n]).map_or(0, |c| c.span.end);
        let start_of = |n: usize| self.object.node(this.children[n]).map_or(0, super::Node::start);
        let first_kept = (0..this.children.len()).find(|n| kept(&this.children[*n]));
        // Before the first that is kept.
        let made = behind.remove(&None).map(|made| self.joined(&made));
        match (first_kept, made) {
            (Some(0), Some(made)) => {
                let (start, space) = (start_of(0), text.slice(self.space_before(this, 0)));
                let span = Span { start, end: start };
                edits.push(TextEdit { span, text: format!("{made},{space}") });
            }
            (Some(first), made) if first > 0 => {
                let span = Span { start: start_of(0), end: start_of(first) };
                let text = made.map_or(String::new(), |made| {
                    format!("{made},{}", text.slice(self.space_before(this, first)))
                });
                edits.push(TextEdit { span, text });
            }
            (None, made) => {
                let last = this.children.len().checked_sub(1);
                let span = match last {
                    Some(last) => Span { start: start_of(0), end: end_of(last) },
                    None => Span { start: this.span.start + 1, end: this.span.start + 1 },
                };
                if made.is_some() || last.is_some() {
                    edits.push(TextEdit { span, text: made.unwrap_or_default() });
                }
                return;
            }
            _ => {}
        }
        let first_kept = first_kept.unwrap_or(0);
        let mut n = first_kept;
        while n < this.children.len() {
            // Those that are removed behind this one.
            let next = (n + 1..this.children.len()).find(|m| kept(&this.children[*m]));
            let until = next.unwrap_or(this.children.len());
            let mut new = String::new();
            for made in behind.get(&Some(n)).into_iter().flatten() {
                // The first stands behind a bracket, the others behind commas.
                let beside = n.max(usize::from(this.children.len() > 1));
                let space = text.slice(self.space_before(this, beside));
                new += &format!(",{space}{}", self.joined(&[*made]));
            }
            let end = if until > n + 1 { end_of(until - 1) } else { end_of(n) };
            if !new.is_empty() || end > end_of(n) {
                edits.push(TextEdit { span: Span { start: end_of(n), end }, text: new });
            }
            n = until;
        }
    }

    /// The white space before a member: behind the comma or the opening bracket.
    fn space_before(&self, this: &super::Node, n: usize) -> Span {
        let end = this
            .children
            .get(n)
            .and_then(|child| self.object.node(*child))
            .map_or(0, super::Node::start);
        let text = &self.object.shared.text.text[..end as usize];
        Span { start: text.trim_end_matches([' ', '\t', '\r', '\n']).len() as u32, end }
    }

    /// The fields that the schema has in a value.
    fn fields_of(&self, node: u32) -> &[Field] {
        let mut names = Vec::new();
        let mut at = node;
        while at != self.object.root() {
            let Some(this) = self.object.node(at) else { break };
            names.extend(self.object.key(at));
            at = this.parent;
        }
        let mut fields = &self.object.shared.schema.fields[..];
        for name in names.iter().rev() {
            let Some(field) = fields.iter().find(|f| f.name == *name) else { return &[] };
            fields = &field.children;
        }
        fields
    }

    /// What is made in a value and stays, in the order of the schema.
    fn made_in(&self, node: u32, fields: &[Field]) -> Vec<u32> {
        let all = self.below.get(&node).map_or(&[][..], Vec::as_slice);
        let mut made: Vec<u32> =
            all.iter().copied().filter(|n| !self.removed.contains(n) && self.says(*n)).collect();
        let rank = |n: &u32| {
            let key = self.made(*n).and_then(|m| m.key.as_deref());
            fields.iter().position(|f| Some(f.name.as_str()) == key).unwrap_or(usize::MAX)
        };
        made.sort_by_key(rank);
        made
    }

    /// Whether a made value is more than an item that nothing was written to.
    fn says(&self, node: u32) -> bool {
        self.made(node).is_some_and(|made| !matches!(made.content, Content::Open))
    }

    fn joined(&self, nodes: &[u32]) -> String {
        nodes.iter().map(|n| self.rendered(*n)).collect::<Vec<_>>().join(", ")
    }

    fn rendered(&self, node: u32) -> String {
        let Some(made) = self.made(node) else { return String::new() };
        let key = made.key.as_ref().map_or(String::new(), |key| format!("{}: ", quoted(key)));
        let fields = made.field.map_or(&[][..], |n| self.object.shared.schema.children(n));
        let inner = self.joined(&self.made_in(node, fields));
        match &made.content {
            Content::Scalar(raw) => key + raw,
            Content::Array => format!("{key}[{inner}]"),
            Content::Object | Content::Open => format!("{key}{{{inner}}}"),
        }
    }
}

impl Path {
    pub(super) fn shown(&self) -> String {
        if self.steps.is_empty() { ".".to_owned() } else { self.steps.join("/") }
    }
}

fn too_long(facts: Option<&Facts>, text: &str, shown: &str) -> Result<()> {
    match facts.and_then(|f| f.max).filter(|max| text.chars().count() > *max) {
        Some(max) => {
            let what = format!("'{text}' is longer than the {max} characters of '{shown}'");
            Err(Error::new(Kind::Value, what).at(shown))
        }
        None => Ok(()),
    }
}

/// A text as a JSON value: of the type that is there, else of the schema's.
fn raw(facts: Option<&Facts>, old: Option<NodeKind>, text: &str, path: &Path) -> Result<String> {
    let kind = match old {
        Some(NodeKind::String) => FieldKind::Text,
        Some(NodeKind::Number) if facts.is_none_or(|f| f.kind != FieldKind::Int) => {
            FieldKind::Number
        }
        Some(NodeKind::Bool) => FieldKind::Bool,
        _ => facts.map_or(FieldKind::Text, |f| f.kind),
    };
    let right = match kind {
        FieldKind::Text => return Ok(quoted(text)),
        FieldKind::Number => number(text) == Some(text.len()),
        FieldKind::Int => number(text) == Some(text.len()) && !text.contains(['.', 'e', 'E']),
        FieldKind::Bool => matches!(text, "true" | "false"),
    };
    if right {
        return Ok(text.to_owned());
    }
    let what = match kind {
        FieldKind::Bool => format!("'{text}' is neither true nor false"),
        FieldKind::Int => format!("'{text}' is no whole JSON number"),
        _ => format!("'{text}' is no JSON number"),
    };
    Err(Error::new(Kind::Value, what).at(path.shown()))
}
