//! Leaves: `PID-7 | date`, `a or b`, `x | copy | code(t) else y`.

use super::codec::{Pipe, Yields, yields};
use super::fields::{FieldType, with_unit};
use super::scope::{Cond, Scope};
use super::text::{split, split_once, split_word, words};
use super::{Claim, Compiling, Held};
use crate::legacy::Slot;
use crate::translate::plan::{
    Codec, Else, Flag, Input, Json, Leaf, Quantity, Template, TemplatePart,
};
use crate::yaml::Mark;

/// A leaf without its place on the FHIR side.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub input: Input,
    pub codecs: Vec<Codec>,
    pub flag: Flag,
    pub lossy: Option<String>,
    pub or_else: Option<Else>,
    /// The slots it reads.
    pub held: Vec<Held>,
    /// The type of the model's field it reads.
    pub field: Option<FieldType>,
    /// It is bound outside of the list it is read in.
    pub outside: bool,
}

/// What a FHIR element wants of a leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want<'w> {
    /// The element's type.
    pub ty: &'w str,
    /// Its path, for messages.
    pub path: &'w str,
}

impl Draft {
    pub fn new(input: Input) -> Self {
        Draft {
            input,
            codecs: Vec::new(),
            flag: Flag::Own,
            lossy: None,
            or_else: None,
            held: Vec::new(),
            field: None,
            outside: false,
        }
    }

    /// A field that is bound to nothing.
    pub fn nothing(kind: FieldType) -> Self {
        let codecs = kind.codec().into_iter().collect();
        Draft { codecs, field: Some(kind), ..Draft::new(Input::Nothing) }
    }

    /// Canonical names of the slots it reads.
    pub fn slots(&self) -> Vec<String> {
        let mut slots: Vec<String> = self.held.iter().map(|held| held.slot.clone()).collect();
        slots.sort();
        slots.dedup();
        slots
    }

    /// What it yields.
    pub fn yields(&self) -> Yields {
        self.codecs.iter().rev().find_map(yields).unwrap_or(Yields::Text)
    }
}

impl Compiling<'_> {
    /// A leaf of a resource.
    pub(super) fn leaf(
        &mut self,
        text: &str,
        mark: Mark,
        scope: &Scope,
        want: Want<'_>,
    ) -> Option<Leaf> {
        let mut draft = self.draft(text, mark, scope)?;
        let json = self.fit(&mut draft, mark, want)?;
        self.check_lossy(&draft, mark);
        if draft.outside && draft.flag == Flag::Own {
            let what = "this field is bound outside of the list: each of its items would write it";
            let hint = "write `FIELD | copy`, and let a resource outside of the list own it";
            self.report.error_hint("M030", mark, what, hint);
        }
        self.check_relation(&draft, mark);
        let claim = Claim {
            held: draft.held.clone(),
            flag: draft.flag,
            conds: scope.conds.clone(),
            mark,
            path: want.path.to_owned(),
            rule: self.current,
        };
        self.claims.push(claim);
        let mut leaf = self.finish(draft, json, mark);
        leaf.fixed = self.is_fixed(&leaf);
        Some(leaf)
    }

    /// A spelling that drops part of a time says so (M015).
    fn check_lossy(&mut self, draft: &Draft, mark: Mark) {
        if draft.flag != Flag::Own || draft.lossy.is_some() {
            return;
        }
        let written = match draft.codecs.first() {
            Some(Codec::Date(patterns) | Codec::DateTime(patterns)) => patterns.first(),
            _ => None,
        };
        let Some(written) = written else { return };
        let drops = match () {
            () if !written.contains('M') => "months",
            () if !written.contains('d') => "days",
            () if written.contains('H') && !written.contains('m') => "minutes",
            () if written.contains('H') && !written.contains('s') => "seconds",
            () => return,
        };
        let what = format!("'{written}' drops {drops}");
        let hint =
            format!("add `| lossy({drops})`, or write them first: the first pattern is written");
        self.report.warning("M015", self.report.within(mark, written), what, Some(hint));
    }

    /// A leaf that is only read: a part of a key or condition.
    pub(super) fn text_leaf(&mut self, text: &str, mark: Mark, scope: &Scope) -> Option<Leaf> {
        let draft = self.draft(text, mark, scope)?;
        Some(self.finish(draft, Json::Text, mark))
    }

    pub(super) fn finish(&mut self, draft: Draft, json: Json, mark: Mark) -> Leaf {
        if draft.codecs.iter().any(|c| matches!(c, Codec::Cnid | Codec::CnidOrText)) {
            self.ids.extend(draft.slots());
        }
        let slots = draft.slots();
        Leaf {
            input: draft.input,
            codecs: draft.codecs,
            json,
            flag: draft.flag,
            lossy: draft.lossy,
            or_else: draft.or_else.map(Box::new),
            pos: self.pos(mark),
            slots,
            in_key: false,
            fixed: false,
        }
    }

    /// `value { "|" flag-or-codec } [ "else" (value | literal) ]`.
    pub(super) fn draft(&mut self, text: &str, mark: Mark, scope: &Scope) -> Option<Draft> {
        let (text, fallback) = match split_once(text, "else") {
            Some((text, fallback)) => (text, Some(fallback)),
            None => (text, None),
        };
        let parts = split(text, '|');
        if parts.iter().any(|p| p.is_empty()) {
            let hint = "write `= text` for a constant, `-> alias` for a reference, `SLOT | codec` for a value";
            self.report.error_hint("M000", mark, "a part of this leaf is empty", hint);
            return None;
        }
        let pipes: Option<Vec<Pipe>> = parts[1..].iter().map(|p| self.pipe(p, mark)).collect();
        let mut pipes = pipes?;
        let mut draft = self.value(parts[0], &mut pipes, mark, scope)?;
        for pipe in pipes {
            match pipe {
                Pipe::Flag(flag) => draft.flag = flag,
                Pipe::Lossy(what) => draft.lossy = Some(what),
                Pipe::Unsplit => {
                    draft.input = whole(draft.input, false);
                    draft.held.iter_mut().for_each(|held| held.whole = self.has_parts());
                    draft.held.iter().for_each(|held| self.slots.add(&held.slot, held.whole));
                    self.add_whole(&draft.input, scope);
                }
                Pipe::Xhtml => {
                    draft.input = whole(draft.input, false);
                    draft.held.iter_mut().for_each(|held| held.whole = true);
                    draft.held.iter().for_each(|held| self.slots.add(&held.slot, true));
                    self.add_whole(&draft.input, scope);
                    draft.codecs.push(Codec::Xhtml);
                }
                Pipe::UnsplitUnit(quantity) => {
                    draft.input = whole(draft.input, true);
                    if let Some(unit) = draft.held.last() {
                        self.slots.add(&unit.slot, self.is_hl7());
                    }
                    draft.codecs.push(Codec::Quantity(quantity));
                }
                Pipe::Codec(Codec::Quantity(quantity)) => {
                    let quantity = with_unit(quantity, draft.field.as_ref());
                    draft.codecs.pop_if(|codec| matches!(codec, Codec::Decimal));
                    draft.codecs.push(Codec::Quantity(quantity));
                }
                Pipe::Codec(codec) => draft.codecs.push(codec),
            }
        }
        self.spell(&mut draft);
        self.check_quantity(&draft, mark);
        if let Some(fallback) = fallback {
            draft.or_else = Some(self.fallback(fallback, mark, scope)?);
        }
        Some(draft)
    }

    /// Takes note that these slots are read with all that is in them.
    fn add_whole(&mut self, input: &Input, scope: &Scope) {
        let Input::Slots(alternatives) = input else { return };
        for slot in alternatives.iter().flatten() {
            self.slots.add_path(self.schema.absolute(&scope.place, slot));
        }
    }

    /// `slot { slot } { "or" slot { slot } }`.
    fn value(
        &mut self,
        text: &str,
        pipes: &mut [Pipe],
        mark: Mark,
        scope: &Scope,
    ) -> Option<Draft> {
        let alternatives: Vec<Vec<&str>> = split_word(text, "or").into_iter().map(words).collect();
        if let Some(Pipe::Codec(Codec::Template(template))) =
            pipes.iter_mut().find(|p| matches!(p, Pipe::Codec(Codec::Template(_))))
        {
            return self.template_value(&alternatives, template, mark, scope);
        }
        if let [names] = alternatives.as_slice()
            && let [name] = names.as_slice()
        {
            let lines = pipes.iter().any(|p| matches!(p, Pipe::Codec(Codec::Lines)));
            let found = if lines { self.lines(name, mark, scope) } else { None };
            return match found {
                Some(draft) => Some(draft),
                None => self.operand(name, mark, scope),
            };
        }
        let mut joined = Draft::new(Input::Nothing);
        let mut all = Vec::new();
        for names in alternatives {
            let mut slots = Vec::new();
            for (n, name) in names.iter().enumerate() {
                let draft = self.operand(name, mark, scope)?;
                joined.held.extend(draft.held);
                match draft.input {
                    Input::Slots(mut own) if own.len() == 1 => slots.append(&mut own.remove(0)),
                    Input::Scanned(branch, part) if n == 0 && all.is_empty() => {
                        joined.input = Input::ScannedWith(branch, part, Vec::new());
                    }
                    Input::Nothing => {}
                    _ => {
                        let what = format!("'{name}' cannot stand beside another slot");
                        self.report.error("M000", self.report.within(mark, name), what);
                        return None;
                    }
                }
                if !draft.codecs.is_empty() && draft.field.is_none() {
                    let what = format!("'{name}' has a codec and cannot stand beside another slot");
                    self.report.error("M000", self.report.within(mark, name), what);
                    return None;
                }
            }
            all.push(slots);
        }
        match &mut joined.input {
            Input::ScannedWith(_, _, slots) => *slots = all.concat(),
            input if all.iter().any(|slots| !slots.is_empty()) => {
                all.retain(|slots| !slots.is_empty());
                *input = Input::Slots(all);
            }
            _ => {}
        }
        Some(joined)
    }

    /// `PV1-3 | template("{.4}/{.1}")`: the parts name components of the slot, or its slots by
    /// number.
    fn template_value(
        &mut self,
        alternatives: &[Vec<&str>],
        template: &mut Template,
        mark: Mark,
        scope: &Scope,
    ) -> Option<Draft> {
        let [names] = alternatives else {
            self.report.error("M014", mark, "a template takes no `or`");
            return None;
        };
        let mut joined = Draft::new(Input::Nothing);
        let mut slots = Vec::new();
        for part in &template.parts {
            let TemplatePart::Named(part, _) = part else { continue };
            let number = part.parse::<usize>().ok().and_then(|n| names.get(n.checked_sub(1)?));
            let name = match (number, names.as_slice()) {
                (Some(name), _) => (*name).to_owned(),
                (None, ["."]) if part.starts_with('.') => part.clone(),
                (None, [base]) if part.starts_with('.') => format!("{base}{part}"),
                _ => {
                    let what = format!("the part '{part}' names no slot");
                    let hint = "write {.n} for a component of the slot, {n} for the n-th slot";
                    let at = self.report.within(mark, &format!("{{{part}"));
                    self.report.error_hint("M014", at, what, hint);
                    return None;
                }
            };
            let draft = self.operand(&name, mark, scope)?;
            joined.held.extend(draft.held);
            if let Input::Slots(mut own) = draft.input {
                slots.append(&mut own.swap_remove(0));
            }
        }
        joined.input = Input::Slots(vec![slots]);
        Some(joined)
    }

    /// What a quantity reads: one slot, and one for the unit if it says so.
    fn check_quantity(&mut self, draft: &Draft, mark: Mark) {
        let Some(Codec::Quantity(Quantity { unit_slot, .. })) = draft.codecs.last() else { return };
        let count = match &draft.input {
            Input::Slots(all) => all.iter().map(Vec::len).max().unwrap_or(0),
            Input::ScannedWith(_, _, slots) => slots.len() + 1,
            Input::Nothing => return,
            _ => 1,
        };
        let wanted = 1 + usize::from(*unit_slot);
        if count != wanted {
            let (what, hint) = if *unit_slot {
                ("this quantity reads two slots", "write VALUE UNIT | quantity(code TABLE)")
            } else {
                ("this quantity reads one slot", "name the table of units: quantity(code TABLE)")
            };
            self.report.error_hint("M002", mark, what, hint);
        }
    }

    /// Whether what the codecs yield is what the element wants (M002); the JSON type.
    fn fit(&mut self, draft: &mut Draft, mark: Mark, want: Want<'_>) -> Option<Json> {
        let given = draft.yields();
        let (json, default) = match (want.ty, given) {
            ("boolean", Yields::Bool | Yields::Text) => (Json::Boolean, None),
            ("integer" | "positiveInt" | "unsignedInt", Yields::Int) => (Json::Number, None),
            ("integer" | "positiveInt" | "unsignedInt", Yields::Text) => {
                (Json::Number, Some(Codec::Int))
            }
            ("decimal", Yields::Decimal | Yields::Int) => (Json::Number, None),
            ("decimal", Yields::Text) => (Json::Number, Some(Codec::Decimal)),
            ("date", Yields::Date) | ("dateTime", Yields::Date | Yields::DateTime) => {
                (Json::Text, None)
            }
            ("instant", Yields::DateTime) => (Json::Text, None),
            (ty, Yields::Quantity) if is_quantity(ty) => (Json::Object, None),
            ("xhtml", Yields::Xhtml) => (Json::Text, None),
            (ty, given) if is_text(ty) && !matches!(given, Yields::Quantity | Yields::Xhtml) => {
                (Json::Text, None)
            }
            _ => {
                self.misfit(draft, given, mark, want);
                return None;
            }
        };
        if !matches!(draft.codecs.last(), Some(Codec::Code(_))) {
            draft.codecs.extend(default);
        }
        Some(json)
    }

    fn misfit(&mut self, draft: &Draft, given: Yields, mark: Mark, want: Want<'_>) {
        let given = match given {
            Yields::Text => "a text",
            Yields::Date => "a date",
            Yields::DateTime => "a dateTime",
            Yields::Decimal => "a decimal",
            Yields::Int => "an integer",
            Yields::Bool => "a boolean",
            Yields::Quantity => "a Quantity",
            Yields::Xhtml => "XHTML",
        };
        let Want { ty, path } = want;
        let hint = match ty {
            "date" => "add `| date`".to_owned(),
            "dateTime" | "instant" => "add `| datetime`".to_owned(),
            "boolean" => "add `| bool(Y, N)`".to_owned(),
            "Reference" => "write `-> alias`".to_owned(),
            "xhtml" => "add `| xhtml`".to_owned(),
            ty if is_quantity(ty) && draft.codecs.is_empty() => {
                "add `| quantity(UNIT)` or `| quantity(code TABLE)`".to_owned()
            }
            ty if ty.starts_with(|c: char| c.is_ascii_uppercase()) => {
                format!("write the elements of the {}", ty.rsplit('.').next().unwrap_or(ty))
            }
            _ => format!("the element is {ty}"),
        };
        let shown = ty.rsplit('.').next().unwrap_or(ty);
        let what = format!("{path} is {shown}, the leaf yields {given}");
        self.report.error_hint("M002", mark, what, hint);
    }

    /// Takes note of the guards of a branch or item in its scope.
    pub(super) fn under(scope: &Scope, cond: Cond) -> Scope {
        let mut inner = scope.clone();
        inner.conds.push(cond);
        inner
    }
}

/// Whether an element of this type takes what `quantity` makes.
pub(super) fn is_quantity(ty: &str) -> bool {
    matches!(
        ty,
        "Quantity" | "SimpleQuantity" | "Age" | "Count" | "Distance" | "Duration" | "Money"
    )
}

fn is_text(ty: &str) -> bool {
    matches!(
        ty,
        "string"
            | "code"
            | "uri"
            | "url"
            | "canonical"
            | "oid"
            | "uuid"
            | "id"
            | "markdown"
            | "base64Binary"
            | "time"
    )
}

/// The slots read whole: all of them, or the unit (the last of several).
fn whole(input: Input, unit_only: bool) -> Input {
    let take = |mut slots: Vec<Slot>, first: usize| {
        let rest = slots.split_off(first.min(slots.len()));
        slots.extend(rest.into_iter().map(Slot::whole));
        slots
    };
    match input {
        Input::Slots(all) => {
            let first = usize::from(unit_only);
            Input::Slots(all.into_iter().map(|slots| take(slots, first)).collect())
        }
        Input::ScannedWith(branch, name, slots) => Input::ScannedWith(branch, name, take(slots, 0)),
        other => other,
    }
}
