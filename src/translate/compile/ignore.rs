//! `ignore:`: slots left alone on purpose, one by one or by a pattern (M013).
//!
//! ```text
//! HL7 v2   PID-6 · PID-11.9 (with what is in it) · PV1-40..54 · PID-11.9..12 · ZPI · SPECIMEN
//! columns  备注 · 备用*
//! paths    a/b (with what is below) · a/@x · //templateId · //@classCode (wherever it is)
//! ```

use super::Compiling;
use super::scope::Scope;
use super::text::did_you_mean;
use crate::legacy::{Schema, Unknown};
use crate::translate::plan::{Ignore, Pattern};

impl Compiling<'_> {
    /// `ignore: { SLOT: reason }`.
    pub(super) fn read_ignore(&mut self) -> Vec<Ignore> {
        let Some(node) = self.doc.get("ignore").cloned() else { return Vec::new() };
        let mut all = Vec::new();
        for (key, reason) in node.entries().unwrap_or_default() {
            let shown = key.text.trim();
            let expanded = self.expand_path(shown, key.mark).unwrap_or_else(|| shown.to_owned());
            let reason = reason.text().unwrap_or("").trim().to_owned();
            if reason.is_empty() {
                let what = format!("'{shown}' is ignored without a reason");
                let hint = format!("write `{shown}: why nobody needs it`");
                self.report.error_hint("M000", key.mark, what, hint);
            }
            match self.pattern(&expanded) {
                Ok(pattern) => {
                    let (shown, pos) = (shown.to_owned(), self.pos(key.mark));
                    all.push(Ignore { pattern, shown, reason, pos });
                }
                Err(unknown) => self.report.unknown(shown, key.mark, unknown),
            }
        }
        all
    }

    fn pattern(&self, text: &str) -> Result<Pattern, Unknown> {
        match self.schema {
            Schema::Hl7(_) => self.hl7_pattern(text),
            Schema::Row(_) => self.column_pattern(text),
            Schema::Xml(_) => self.path_pattern(text),
            Schema::Json(_) | Schema::Sql(_) => self.named_pattern(text),
        }
    }

    /// `PV1-40..54`, `PID-11.9..12`, `ZPI`, `SPECIMEN`.
    fn hl7_pattern(&self, text: &str) -> Result<Pattern, Unknown> {
        let root = Scope::root(self.schema.root());
        let known = |name: &str| {
            let slot = self.schema.slot(&root.place, name)?;
            Ok((self.schema.canonical(&root.place, &slot), slot))
        };
        if let Some((first, last)) = text.split_once("..") {
            let cut = first.rfind(['-', '.']).map_or(0, |at| at + 1);
            let (stem, number) = first.split_at(cut);
            known(first)?;
            known(&format!("{stem}{last}"))?;
            let (number, last) = (number.parse().unwrap_or(0), last.parse().unwrap_or(0));
            if number >= last {
                let what = format!("`{text}` goes from {number} to {last}");
                return Err(Unknown { what, hint: Some("write the smaller number first".into()) });
            }
            // The stem under its canonical name: without a group that goes without saying.
            let name = known(stem.trim_end_matches(['-', '.']))?.0;
            let joint = &stem[stem.len() - 1..];
            return Ok(Pattern::Range(format!("{name}{joint}"), number, last));
        }
        let (name, slot) = known(text)?;
        let inside = self.schema.segments_in(&slot);
        if inside.is_empty() {
            return Ok(Pattern::Below(name));
        }
        Ok(Pattern::Any(inside.into_iter().map(Pattern::Below).collect()))
    }

    /// `a/b`, `//templateId`, `//@classCode`.
    fn path_pattern(&self, text: &str) -> Result<Pattern, Unknown> {
        if text.contains('[') {
            let what = format!("'{text}': a condition is not part of what is ignored");
            return Err(Unknown { what, hint: Some("name the path without it".into()) });
        }
        if let Some(name) = text.strip_prefix("//") {
            let slots = self.schema.slots();
            let pattern = Pattern::Anywhere(name.to_owned());
            let listed = name.starts_with('@') || slots.is_empty();
            if listed || slots.iter().any(|slot| pattern.holds(slot)) {
                return Ok(pattern);
            }
            let names = slots.iter().flat_map(|slot| slot.split('/'));
            return Err(Unknown {
                what: format!("the schema has no '{name}' anywhere"),
                hint: did_you_mean(name, names),
            });
        }
        let slot = self.schema.slot(&self.schema.root(), text)?;
        Ok(Pattern::Below(self.schema.canonical(&self.schema.root(), &slot)))
    }

    /// `a/b` with what is below, `a*`: as the schema names them.
    fn named_pattern(&self, text: &str) -> Result<Pattern, Unknown> {
        let slots = self.schema.slots();
        let pattern = match text.strip_suffix('*') {
            Some(start) => Pattern::Starts(start.to_owned()),
            None => Pattern::Below(text.to_owned()),
        };
        if slots.is_empty() || slots.iter().any(|slot| pattern.holds(slot)) {
            return Ok(pattern);
        }
        let hint = did_you_mean(text, slots.iter().map(String::as_str));
        Err(Unknown { what: format!("the schema has no '{text}'"), hint })
    }

    /// `备注`, `备用*`.
    fn column_pattern(&self, text: &str) -> Result<Pattern, Unknown> {
        let whole = self.schema.slot(&self.schema.root(), text);
        match (whole, text.strip_suffix('*')) {
            (Ok(_), _) => Ok(Pattern::One(text.to_owned())),
            (Err(_), Some(start)) if !start.is_empty() => {
                let pattern = Pattern::Starts(start.to_owned());
                if self.schema.slots().iter().any(|slot| pattern.holds(slot)) {
                    return Ok(pattern);
                }
                Err(Unknown { what: format!("no column begins with '{start}'"), hint: None })
            }
            (Err(unknown), _) => Err(unknown),
        }
    }
}
