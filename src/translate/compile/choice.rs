//! `one_of:`: branches, scans, and what tells a branch on the way back.

use std::rc::Rc;

use super::Compiling;
use super::block::{Contents, OneOf, Part};
use super::body::prefix;
use super::scope::{Cond, Scanned, Scope};
use super::text::{quoted, split_once, split_word};
use crate::translate::plan::{Arm, Branch, Choice, Scan, TemplatePart};
use crate::yaml::Node;

impl Compiling<'_> {
    /// Compiles the branches of a choice; gives what they write, each part in its branch.
    pub(super) fn one_of(&mut self, one_of: &OneOf) -> (Option<usize>, Vec<Part>) {
        if one_of.branch.is_some() {
            let hint =
                "write the inner conditions into the outer branches, or nest an element between";
            self.report.error_hint("M000", one_of.key, "`one_of` directly in a branch", hint);
            return (None, Vec::new());
        }
        let Some(items) = one_of.node.items() else {
            let hint = "write `- when: CONDITION` and elements for each branch";
            self.report.error_hint(
                "M000",
                one_of.node.mark,
                "`one_of` is a list of branches",
                hint,
            );
            return (None, Vec::new());
        };
        let choice = self.choices.len();
        self.choices.push(Choice { branches: Vec::new(), pos: self.pos(one_of.key) });
        self.branch_conds.push(Vec::new());
        let mut parts = Vec::new();
        for (branch, node) in items.iter().enumerate() {
            let last = branch + 1 == items.len();
            parts.extend(self.arm(node, Branch { choice, branch }, one_of, last));
        }
        (Some(choice), parts)
    }

    fn arm(&mut self, node: &Node, branch: Branch, one_of: &OneOf, last: bool) -> Vec<Part> {
        let mut contents = Contents::default();
        self.block(node, &["when", "scan"], Some(branch), &one_of.scope, &mut contents);
        let mut scope: Scope = (*one_of.scope).clone();
        scope.conds.push(Cond::Branch(branch));
        let mut arm = Arm {
            when: None,
            scan: None,
            owns: Vec::new(),
            marks: Vec::new(),
            pos: self.pos(node.mark),
        };
        if let Some((when, at)) = contents.word("when") {
            arm.when = self.guard(when.text().unwrap_or(""), when.mark, &at);
            scope.conds.extend(arm.when.clone().map(Rc::new).map(Cond::Guard));
        }
        if let Some((scan, at)) = contents.word("scan") {
            match self.scan(&scan, &at, branch) {
                Some((scan, found)) => {
                    arm.scan = Some(scan);
                    scope.scans.push(found);
                }
                // The names below it mean nothing then.
                None => contents.parts.clear(),
            }
        }
        if arm.when.is_none() && arm.scan.is_none() && !last && contents.words.is_empty() {
            let hint = "the branches after it are never taken: give it a `when` or put it last";
            self.report.error_hint("M032", node.mark, "a branch without a condition", hint);
        }
        self.choices[branch.choice].branches.push(arm);
        self.branch_conds[branch.choice].push(scope.conds.clone());
        let scope = Rc::new(scope);
        for part in &mut contents.parts {
            match part {
                Part::Entry(entry) => {
                    entry.scope = scope.clone();
                    if let Some(base) = &one_of.base {
                        prefix(&mut entry.steps, base);
                    }
                }
                Part::OneOf(inner) => inner.scope = scope.clone(),
            }
        }
        contents.parts
    }

    /// `slot as "{lo:decimal}-{hi:decimal}" or "…"`: the scan and the names it gives.
    fn scan(&mut self, node: &Node, scope: &Scope, branch: Branch) -> Option<(Scan, Scanned)> {
        let text = node.text().unwrap_or("");
        let Some((slot, templates)) = split_once(text, "as") else {
            let hint = "write scan: SLOT as \"{lo:decimal}-{hi:decimal}\" or \"…\"";
            self.report.error_hint("M000", node.mark, "this is no scan", hint);
            return None;
        };
        let draft = self.operand(slot, node.mark, scope)?;
        let mut scan = Scan { slot: draft.input, templates: Vec::new() };
        let mut names: Vec<String> = Vec::new();
        for template in split_word(templates, "or") {
            let Some(inner) = quoted(template) else {
                let what = format!("'{template}' is no template");
                let hint = "templates stand in double quotes";
                self.report.error_hint("M014", self.report.within(node.mark, template), what, hint);
                return None;
            };
            let template = self.template(inner, node.mark)?;
            for part in &template.parts {
                if let TemplatePart::Named(name, _) = part
                    && !names.contains(name)
                {
                    names.push(name.clone());
                }
            }
            scan.templates.push(template);
        }
        let slots = draft.held.into_iter().map(|held| held.slot).collect();
        Some((scan, Scanned { branch, names, slots }))
    }
}
