//! What may stand at an element: constants of its type, codes of its value set, references to the
//! right resource in reach.

use super::Compiling;
use super::body::At;
use super::leaf::is_quantity;
use super::scope::Scope;
use super::text::quoted;
use crate::fhir::definitions::Definitions;
use crate::translate::plan::{Codec, Else, Leaf};
use crate::yaml::Mark;

impl Compiling<'_> {
    /// A constant as JSON text, typed by its element (M002, M005).
    pub(super) fn constant(&mut self, text: &str, mark: Mark, at: &At) -> Option<String> {
        let text = quoted(text).unwrap_or(text);
        let fits = match at.ty.as_str() {
            "boolean" => matches!(text, "true" | "false"),
            "integer" => text.parse::<i32>().is_ok(),
            "positiveInt" | "unsignedInt" => text.parse::<u32>().is_ok(),
            "decimal" => is_json_number(text),
            ty => !ty.starts_with(|c: char| c.is_ascii_uppercase()) && !is_quantity(ty),
        };
        if !fits || text.is_empty() {
            let ty = at.ty.rsplit('.').next().unwrap_or(&at.ty);
            let what = format!("{} is {ty}, '{text}' is none", at.path);
            self.report.error("M002", self.report.within(mark, text), what);
            return None;
        }
        self.check_code(text, mark, at);
        let bare = matches!(
            at.ty.as_str(),
            "boolean" | "integer" | "positiveInt" | "unsignedInt" | "decimal"
        );
        Some(if bare { text.to_owned() } else { serde_json::Value::from(text).to_string() })
    }

    /// A code against the required binding of its element.
    fn check_code(&mut self, code: &str, mark: Mark, at: &At) {
        if let Some(known) = required_codes(at)
            && !known.contains(&code)
        {
            let what = format!("'{code}' is not a code of {}", at.path);
            let hint = format!("its codes are: {}", known.join(", "));
            self.report.error_hint("M005", self.report.within(mark, code), what, hint);
        }
    }

    /// The codes a leaf can yield against the required binding of its element (M005), and whether
    /// each has a way back (M010).
    pub(super) fn check_leaf_codes(&mut self, leaf: &Leaf, mark: Mark, at: &At) {
        if let Some(Else::Literal(text)) = leaf.or_else.as_deref() {
            self.check_code(text, mark, at);
        }
        let Some(Codec::Code(table)) = leaf.codecs.last() else { return };
        let table = &self.tables[*table];
        let name = table.name.clone();
        if let Some(known) = required_codes(at) {
            let mut wrong: Vec<&str> = table
                .get
                .values()
                .chain(&table.get_other)
                .map(String::as_str)
                .filter(|code| !known.contains(code))
                .collect();
            wrong.sort_unstable();
            wrong.dedup();
            if !wrong.is_empty() {
                let what = format!(
                    "the table '{name}' yields '{}', which {} does not take",
                    wrong.join("', '"),
                    at.path
                );
                let hint = format!("its codes are: {}", known.join(", "));
                self.report.error_hint("M005", self.report.within(mark, &name), what, hint);
            }
        }
        if leaf.flag == crate::translate::plan::Flag::Own && !self.one_way.contains(&name) {
            self.check_way_back(&name, leaf);
        }
    }

    fn check_way_back(&mut self, name: &str, leaf: &Leaf) {
        let Some(table) = self.tables.iter().find(|t| t.name == *name) else { return };
        if table.prefix.is_some() {
            return;
        }
        let mut lost: Vec<&str> = table
            .get
            .values()
            .chain(&table.get_other)
            .map(String::as_str)
            .filter(|code| !table.put.contains_key(*code))
            .collect();
        lost.sort_unstable();
        lost.dedup();
        if !lost.is_empty() {
            let what = format!(
                "'{}' of the table '{name}' has no way back to {}",
                lost.join("', '"),
                leaf.slots.first().map_or("the slot", String::as_str)
            );
            let mark = Mark {
                file: table.pos.file,
                line: table.pos.line,
                column: table.pos.column,
                length: u32::try_from(name.chars().count()).unwrap_or(1),
            };
            let hint =
                "make one of its rows `<->`, or leave it: such an edit is reported".to_owned();
            self.report.warning("M010", mark, what, Some(hint));
        }
        self.one_way.insert(name.to_owned());
    }

    /// Whether a reference may point to a resource (M018).
    pub(super) fn check_target(
        &mut self,
        rule: usize,
        alias: &str,
        mark: Mark,
        at: &At,
    ) -> Option<()> {
        let kind = self.rules[rule].kind.clone();
        if at.ty != "Reference" {
            let ty = at.ty.rsplit('.').next().unwrap_or(&at.ty);
            let what = format!("{} is {ty}, not a Reference", at.path);
            self.report.error_hint("M002", mark, what, "write a slot or a constant");
            return None;
        }
        let allowed = at.targets.is_empty()
            || at.targets.iter().any(|t| {
                let t = t.rsplit('/').next().unwrap_or(t);
                t == kind || t == "Resource" || t == "Any"
            });
        if !allowed {
            let what = format!("{} cannot point to {kind} '{alias}'", at.path);
            let hint = format!("it points to: {}", at.targets.join(", "));
            self.report.error_hint("M018", self.report.within(mark, alias), what, hint);
            return None;
        }
        Some(())
    }

    /// Whether the instance that a reference means is found from here (M031): the one that encloses
    /// me, or for a list those inside me.
    pub(super) fn check_reach(
        &mut self,
        rule: usize,
        alias: &str,
        mark: Mark,
        scope: &Scope,
        list: bool,
    ) -> Option<()> {
        let theirs = &self.heads[rule].scope.steps;
        let encloses = scope.steps.starts_with(theirs);
        let inside = list && theirs.starts_with(&scope.steps);
        if encloses || inside {
            return Some(());
        }
        let what =
            format!("'{alias}' repeats over {}, which does not enclose this", theirs.join("."));
        let hint = if theirs.starts_with(&scope.steps) {
            "write [] for all of them, or `-> alias only` for the only one"
        } else {
            "give both the same `each`, or refer from a list"
        };
        self.report.error_hint("M031", self.report.within(mark, alias), what, hint);
        None
    }
}

/// The codes of an element with a required binding that the definitions list.
fn required_codes(at: &At) -> Option<Vec<&'static str>> {
    if at.ty != "code" {
        return None;
    }
    let url = at.required.as_deref()?;
    let url = url.split('|').next().unwrap_or(url);
    let codes = Definitions::r4().codes.get(url)?;
    let codes: Vec<&str> = codes.iter().map(|c| c.code.as_str()).collect();
    (!codes.is_empty()).then_some(codes)
}

/// A number as JSON writes it.
fn is_json_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}
