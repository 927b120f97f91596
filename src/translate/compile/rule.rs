//! Resources: type, alias, list, condition, mode; then their bodies and keys.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::block::{Contents, Part};
use super::scope::{Cond, Scope};
use super::text::did_you_mean;
use super::{Compiling, Head};
use crate::fhir::definitions::{Definitions, TypeKind};
use crate::translate::plan::{Object, Rule};
use crate::yaml::{Key, Node};

impl Compiling<'_> {
    /// Declares all rules: type, alias, list and condition; so that each can name the others.
    pub(super) fn declare(&mut self) {
        let resources = std::mem::take(&mut self.doc.resources);
        for (key, node) in &resources {
            self.declare_one(key, node);
        }
        if self.rules.is_empty() && !self.report.has_errors() {
            self.report.error("M000", self.doc.mark, "the mapping has no `resources`");
        }
    }

    fn declare_one(&mut self, key: &Key, node: &Node) -> Option<()> {
        let (kind, alias, many) = self.heading(key)?;
        let root = Scope::root(self.schema.root());
        let mut contents = Contents::default();
        let reserved = ["when", "each", "by", "key", "mode", "from"];
        self.block(node, &reserved, None, &Rc::new(root.clone()), &mut contents);
        let mut scope = root.clone();
        let mut rule_each = None;
        if let Some((each, _)) = contents.word("each") {
            let by = contents.word("by").map(|(by, _)| by);
            let (each, inner) = self.each(&each, by.as_ref(), &root)?;
            scope = inner;
            rule_each = Some(each);
        }
        if let Some((from, _)) = contents.word("from") {
            let (each, inner) = self.from(&from, &root)?;
            scope = inner;
            rule_each = Some(each);
        } else if many != rule_each.is_some() {
            let what = if many { "`[]` without `each`" } else { "`each` without `[]`" };
            let hint = format!("write `{kind} {alias}[]:` and `each: LIST`, or neither");
            self.report.error_hint("M003", key.mark, what, hint);
        }
        if scope.unbound {
            self.gone.insert(alias);
            return None;
        }
        let mut when = None;
        if let Some((node, _)) = contents.word("when") {
            when = Some(self.guard(node.text().unwrap_or(""), node.mark, &scope)?);
            scope.conds.extend(when.clone().map(Rc::new).map(Cond::Guard));
        }
        let create_only = self.mode(&contents);
        let shared = Rc::new(scope.clone());
        for part in &mut contents.parts {
            match part {
                Part::Entry(entry) => entry.scope = shared.clone(),
                Part::OneOf(one_of) => one_of.scope = shared.clone(),
            }
        }
        let (place, pos) = (scope.place.clone(), self.pos(key.mark));
        self.aliases.insert(alias.clone(), self.rules.len());
        self.rules.push(Rule {
            kind,
            alias,
            pos,
            each: rule_each,
            place,
            when,
            key: Vec::new(),
            create_only,
            body: Object::default(),
        });
        self.heads.push(Head { scope, contents, mark: key.mark, key_of: BTreeSet::new() });
        Some(())
    }

    /// `Type alias[]`.
    fn heading(&mut self, key: &Key) -> Option<(String, String, bool)> {
        let hint = "write `Type alias:` or `Type alias[]:`";
        let Some((kind, alias)) = key.text.split_once(' ') else {
            let what = format!("'{}' is no resource", key.text);
            self.report.error_hint("M000", key.mark, what, hint);
            return None;
        };
        let many = alias.ends_with("[]");
        let alias = alias.trim().trim_end_matches("[]");
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if alias.is_empty() || !alias.chars().all(plain) || alias == "n" {
            let what = format!("'{alias}' is no alias");
            self.report.error_hint("M000", key.mark, what, hint);
            return None;
        }
        let definitions = Definitions::r4();
        if definitions.type_def(kind).is_none_or(|t| t.kind != TypeKind::Resource) {
            let all = definitions.types.values().filter(|t| t.kind == TypeKind::Resource);
            let hint = did_you_mean(kind, all.map(|t| t.name.as_str()))
                .unwrap_or_else(|| "see http://hl7.org/fhir/R4/resourcelist.html".to_owned());
            let what = format!("there is no resource type '{kind}'");
            self.report.error_hint("M001", self.report.within(key.mark, kind), what, hint);
            return None;
        }
        if self.aliases.contains_key(alias) {
            let what = format!("the alias '{alias}' is declared twice");
            self.report.error("M006", self.report.within(key.mark, alias), what);
            return None;
        }
        Some((kind.to_owned(), alias.to_owned(), many))
    }

    fn mode(&mut self, contents: &Contents) -> bool {
        let Some((node, _)) = contents.word("mode") else { return false };
        match node.text() {
            Some("create") => true,
            Some("full") => false,
            _ => {
                let hint = "`create`: written only if the resource is missing";
                self.report.error_hint("M000", node.mark, "`mode` is full or create", hint);
                false
            }
        }
    }

    /// Compiles the bodies.
    pub(super) fn bodies(&mut self) {
        for rule in 0..self.rules.len() {
            self.current = rule;
            let parts = std::mem::take(&mut self.heads[rule].contents.parts);
            let kind = self.rules[rule].kind.clone();
            self.rules[rule].body = self.body(parts, &kind);
        }
    }

    /// Compiles the keys, which may name what is in the bodies.
    pub(super) fn all_keys(&mut self) {
        for rule in 0..self.rules.len() {
            let key = self.heads[rule].contents.word("key");
            let Some((node, _)) = key else {
                let what = format!("'{}' has no `key`", self.rules[rule].alias);
                let hint = "write key: space(SLOT, …): the id is made of what names the thing";
                self.report.error_hint("M011", self.heads[rule].mark, what, hint);
                continue;
            };
            self.rules[rule].key = self.keys(&node, rule);
        }
    }
}
