//! The names in leaves, guards and keys: what each reads.

use super::leaf::Draft;
use super::scope::Scope;
use super::text::{did_you_mean, quoted, words};
use super::{Compiling, Held, Source};
use crate::legacy::Schema;
use crate::translate::plan::{Else, Input, Json};
use crate::yaml::Mark;

/// What `$name` may be, besides `$file.x` and `$party.x`.
const ABOUT: &[&str] =
    &["event", "message", "control", "sender", "version", "root", "line", "deleted"];

impl Compiling<'_> {
    /// One name: `$event`, a scanned part, a field of the model, a slot.
    pub(super) fn operand(&mut self, name: &str, mark: Mark, scope: &Scope) -> Option<Draft> {
        if let Some(about) = name.strip_prefix('$')
            && self.schema.slot(&scope.place, name).is_err()
        {
            return self.about(about, mark);
        }
        if let Some(part) = name.strip_prefix('.')
            && let Some(scan) =
                scope.scans.iter().rev().find(|scan| scan.names.iter().any(|n| n == part))
        {
            let mut draft = Draft::new(Input::Scanned(scan.branch, part.to_owned()));
            let held =
                |slot: &String| Held { part: Some(part.to_owned()), ..Held::new(slot.clone()) };
            draft.held = scan.slots.iter().map(held).collect();
            return Some(draft);
        }
        if !scope.binding {
            if let Some(list) = &scope.list
                && name.starts_with('.')
            {
                return self.bound_item(list, name, mark, scope);
            }
            if self.fields.contains_key(name) {
                return self.bound(name, mark, scope);
            }
        }
        let name = self.expand_path(name, mark)?;
        match self.schema.slot(&scope.place, &name) {
            Ok(slot) => {
                let shown = self.schema.canonical(&scope.place, &slot);
                self.slots.add(&shown, false);
                self.slots.add_path(self.schema.absolute(&scope.place, &slot));
                let mut draft = Draft::new(Input::Slots(vec![vec![slot]]));
                draft.held.push(Held::new(shown));
                Some(draft)
            }
            Err(mut unknown) => {
                if !scope.binding && !self.fields.is_empty() {
                    let fields = self.fields.keys().map(String::as_str);
                    unknown.hint = did_you_mean(&name, fields).or(unknown.hint);
                }
                self.report.unknown(&name, mark, unknown);
                None
            }
        }
    }

    /// `NTE-3 | lines`, `a/b | lines`: every segment or element is a line.
    pub(super) fn lines(&mut self, name: &str, mark: Mark, scope: &Scope) -> Option<Draft> {
        let name = &self.expand_path(name, mark)?;
        let list = match self.source {
            Source::Hl7 => name.split_once('-')?.0,
            Source::Xml | Source::Json => name,
            Source::Row | Source::Sql => return None,
        };
        let (list, place) = self.schema.list(&scope.place, list).ok()?;
        let slot = if self.is_hl7() { name } else { "." };
        let slot = self.schema.slot(&place, slot).ok()?;
        let held = Held::new(self.schema.canonical(&place, &slot));
        self.slots.add(&held.slot, false);
        self.slots.add_path(self.schema.absolute(&place, &slot));
        let mut draft = Draft::new(Input::Lines(list, slot));
        draft.held.push(held);
        Some(draft)
    }

    fn about(&mut self, name: &str, mark: Mark) -> Option<Draft> {
        let known = ABOUT.contains(&name)
            || name.starts_with("file.")
            || matches!(name, "party.name" | "party.uscc" | "party.id");
        if !known {
            let hint = did_you_mean(name, ABOUT.iter().copied()).unwrap_or_else(|| {
                format!("there are: ${}, $file.x, $party.name", ABOUT.join(", $"))
            });
            let what = format!("there is no '${name}'");
            self.report.error_hint("M013", self.report.within(mark, name), what, hint);
            return None;
        }
        Some(Draft::new(Input::About(name.to_owned())))
    }

    /// `else "text"`, `else final`, `else OBR-7 | copy | datetime`.
    pub(super) fn fallback(&mut self, text: &str, mark: Mark, scope: &Scope) -> Option<Else> {
        if let Some(literal) = quoted(text) {
            return Some(Else::Literal(literal.to_owned()));
        }
        let first = words(text).first().copied().unwrap_or("");
        if !self.looks_like_slot(first, scope) {
            return Some(Else::Literal(text.trim().to_owned()));
        }
        let draft = self.draft(text, mark, scope)?;
        Some(Else::Leaf(Box::new(self.finish(draft, Json::Text, mark))))
    }

    /// Whether an unquoted word after `else` is a slot and not a text.
    pub(super) fn looks_like_slot(&self, word: &str, scope: &Scope) -> bool {
        if word.starts_with(['$', '.', '@']) || self.fields.contains_key(word) {
            return true;
        }
        match self.source {
            Source::Hl7 => word.split_once('-').is_some_and(|(segment, field)| {
                segment.len() == 3
                    && segment.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                    && field.starts_with(|c: char| c.is_ascii_digit())
            }),
            Source::Row | Source::Sql => self.schema.slot(&scope.place, word).is_ok(),
            Source::Xml => word.contains(['/', '@']),
            // Without fields in the schema every word is one.
            Source::Json => match &self.schema {
                Schema::Json(schema) if schema.fields.is_empty() => word.contains('/'),
                schema => schema.slot(&scope.place, word).is_ok(),
            },
        }
    }
}
