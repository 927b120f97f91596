//! What the mapping says beside its resources: `put`, `require`, `check`, `create`, `ignore`,
//! `accept`, and the policies.

use super::body::At;
use super::scope::Scope;
use super::text::{split_once, split_word, words};
use super::{Compiling, Source};
use crate::legacy::Charset;
use crate::translate::plan::{
    Accept, Check, Create, Expr, Flag, Input, Nulls, PutSlot, Require, Rest, Step, Trigger, Zone,
};
use crate::yaml::{Key, Mark, Node};

impl Compiling<'_> {
    /// `put:`: the triggers and the slots of the way out.
    pub(super) fn read_put(&mut self) -> (Vec<PutSlot>, Vec<Trigger>) {
        let (mut slots, mut triggers) = (Vec::new(), Vec::new());
        let Some(node) = self.doc.get("put").cloned() else { return (slots, triggers) };
        for (key, value) in node.entries().unwrap_or_default() {
            match key.text.as_str() {
                "trigger" => {
                    let items = value.items().unwrap_or(std::slice::from_ref(value));
                    triggers.extend(items.iter().filter_map(|item| self.trigger(item)));
                }
                // Read by themselves.
                "roots" => {}
                "write" if self.source == Source::Sql => {}
                table if self.is_table(table) => {}
                "write" => {
                    let hint = "`write` and table rights belong to SQL sources";
                    self.report.error_hint(
                        "M000",
                        key.mark,
                        "nothing is written to tables here",
                        hint,
                    );
                }
                _ => slots.extend(self.put_slot(key, value)),
            }
        }
        (slots, triggers)
    }

    /// `put.roots:`: the resources that make records of their own.
    pub(super) fn read_roots(&mut self) -> Vec<usize> {
        let node = self.doc.get("put").and_then(|put| put.get("roots")).cloned();
        let Some(node) = node else { return vec![0] };
        let items = node.items().unwrap_or(std::slice::from_ref(&node));
        items.iter().filter_map(|item| self.alias(item.text().unwrap_or(""), item.mark)).collect()
    }

    fn put_slot(&mut self, key: &Key, value: &Node) -> Option<PutSlot> {
        let rule = self.rule_of_slot(&key.text);
        let column = self.column_of_put(&key.text, key.mark, rule)?;
        let scope = match rule {
            Some(rule) => self.heads[rule].scope.clone(),
            None => Scope::root(self.schema.root()),
        };
        let draft = self.operand(column, key.mark, &scope)?;
        let shown = draft.slots().first().cloned().unwrap_or_else(|| key.text.clone());
        let slot = match draft.input {
            Input::Slots(mut all) if all.len() == 1 && all[0].len() == 1 => {
                all.swap_remove(0).swap_remove(0)
            }
            Input::Nothing => return None,
            _ => {
                let what = format!("'{}' is not one slot", key.text);
                self.report.error("M000", key.mark, what);
                return None;
            }
        };
        let text = value.text().unwrap_or("").trim();
        let expr = match text.strip_prefix('=') {
            Some(constant) => Expr::Text(super::text::literal(constant).to_owned()),
            None => self.expr(text, value.mark, &scope)?,
        };
        Some(PutSlot { slot, shown, rule, expr, pos: self.pos(key.mark) })
    }

    /// The rule whose instances hold a segment: the innermost with `each` that owns a slot of it, the
    /// first of several, not one that is only created if missing.
    fn rule_of_slot(&self, name: &str) -> Option<usize> {
        if self.source == Source::Sql {
            return self.rule_of_column(name);
        }
        let segment = name.split_once('-').map(|(segment, _)| segment)?;
        if !self.is_hl7() {
            return None;
        }
        let near = |rule: &usize| {
            let head = &self.heads[*rule];
            // A list of segments or groups; repetitions of a field are inside of one segment.
            head.scope.steps.last().is_some_and(|step| !step.contains('-'))
                && self.claims.iter().any(|claim| {
                    claim.rule == *rule
                        && claim.flag != Flag::Copy
                        && claim.held.iter().any(|held| {
                            let path = held.slot.split_once('-').map_or("", |(path, _)| path);
                            path.rsplit('.').next() == Some(segment)
                        })
                })
        };
        let found = (0..self.rules.len()).filter(near);
        let depth = |rule: &usize| std::cmp::Reverse(self.heads[*rule].scope.steps.len());
        found.min_by_key(|rule| (self.rules[*rule].create_only, depth(rule), *rule))
    }

    /// `create visit class AMB => ADT^A04`.
    fn trigger(&mut self, node: &Node) -> Option<Trigger> {
        let hint = "write create|update ALIAS [or ALIAS] [ELEMENT VALUE] => MESSAGE";
        let text = node.text().unwrap_or("");
        let Some((left, message)) = split_once(text, "=>") else {
            self.report.error_hint("M000", node.mark, "this is no trigger", hint);
            return None;
        };
        let words = words(left);
        let create = match words.first() {
            Some(&"create") => true,
            Some(&"update") => false,
            _ => {
                self.report.error_hint("M000", node.mark, "this is no trigger", hint);
                return None;
            }
        };
        let mut rules = Vec::new();
        let mut rest = &words[1..];
        while let [alias, more @ ..] = rest {
            rules.push(self.alias(alias, node.mark)?);
            rest = more;
            let ["or", more @ ..] = rest else { break };
            rest = more;
        }
        let with = match rest {
            [] => None,
            [path, value] => {
                let rule = *rules.first()?;
                let steps = self.code_steps(rule, path, node.mark)?;
                Some((steps, (*value).to_owned()))
            }
            _ => {
                self.report.error_hint("M000", node.mark, "this is no trigger", hint);
                return None;
            }
        };
        Some(Trigger { create, rules, with, message: message.to_owned() })
    }

    /// A rule by alias (M018).
    pub(super) fn alias(&mut self, alias: &str, mark: Mark) -> Option<usize> {
        let found = self.aliases.get(alias).copied();
        if found.is_none() {
            let hint = super::text::did_you_mean(alias, self.aliases.keys().map(String::as_str))
                .unwrap_or_else(|| "declare it under `resources:`".to_owned());
            let what = format!("there is no resource '{alias}'");
            self.report.error_hint("M018", self.report.within(mark, alias), what, hint);
        }
        found
    }

    /// A path to a code: of a Coding or CodeableConcept its code is meant.
    fn code_steps(&mut self, rule: usize, path: &str, mark: Mark) -> Option<Vec<Step>> {
        let mut steps = self.steps(rule, path, path, mark)?;
        let mut at = At::resource(&self.rules[rule].kind);
        for step in &steps {
            if let Step::Key(name) = step {
                at = self.element(name, mark, &at)?.1;
            }
        }
        match at.ty.as_str() {
            "Coding" => steps.push(Step::Key("code".to_owned())),
            "CodeableConcept" => steps.extend([
                Step::Key("coding".to_owned()),
                Step::At(0),
                Step::Key("code".to_owned()),
            ]),
            _ => {}
        }
        Some(steps)
    }

    /// `require:`: slots that must be filled (M020: by something).
    pub(super) fn read_require(&mut self, put: &[PutSlot]) -> Vec<Require> {
        let Some(node) = self.doc.get("require").cloned() else { return Vec::new() };
        let mut all = Vec::new();
        let root = Scope::root(self.schema.root());
        for item in node.items().unwrap_or(std::slice::from_ref(&node)) {
            let shown = item.text().unwrap_or("").to_owned();
            let Some(draft) = self.operand(&shown, item.mark, &root) else { continue };
            let mut filled_by: Vec<String> = Vec::new();
            let slots = draft.slots();
            for claim in self.claims.iter().filter(|c| slots.iter().any(|s| c.fills(s))) {
                if !filled_by.contains(&claim.path) {
                    filled_by.push(claim.path.clone());
                }
            }
            let put = put.iter().any(|p| slots.contains(&p.shown));
            if filled_by.is_empty() && !put {
                let what = format!("'{shown}' is required and no rule writes it");
                let hint = "write a leaf for it, or a line under `put`";
                self.report.error_hint("M020", item.mark, what, hint);
            }
            all.push(Require { shown, input: draft.input, filled_by, pos: self.pos(item.mark) });
        }
        all
    }

    /// `check:`: conditions over the record.
    pub(super) fn read_checks(&mut self) -> Vec<Check> {
        let Some(node) = self.doc.get("check").cloned() else { return Vec::new() };
        let root = Scope::root(self.schema.root());
        let items = node.items().unwrap_or(std::slice::from_ref(&node)).to_vec();
        let one = |item: &Node| {
            let shown = item.text().unwrap_or("").to_owned();
            let expr = self.expr(&shown, item.mark, &root)?;
            Some(Check { expr, shown, pos: self.pos(item.mark) })
        };
        items.iter().filter_map(one).collect()
    }

    /// `create: { each: Condition as case, when: code in disease }`.
    pub(super) fn read_create(&mut self) -> Option<Create> {
        let node = self.doc.get("create").cloned()?;
        let hint = "write create: { each: Type as alias, when: PATH in TABLE }";
        let each = node.get("each").and_then(Node::text).unwrap_or("");
        let alias = match words(each).as_slice() {
            [_, "as", alias] | [alias] => (*alias).to_owned(),
            _ => {
                self.report.error_hint("M000", node.mark, "`create` needs `each`", hint);
                return None;
            }
        };
        let rule = self.alias(&alias, node.mark)?;
        let when = match node.get("when") {
            None => None,
            Some(when) => {
                let text = when.text().unwrap_or("");
                let &[path, "in", table] = words(text).as_slice() else {
                    self.report.error_hint("M000", when.mark, "this is no condition", hint);
                    return None;
                };
                let table = self.table_named(table, when.mark)?;
                Some((self.code_steps(rule, path, when.mark)?, table))
            }
        };
        Some(Create { rule, when, pos: self.pos(node.mark) })
    }

    /// `accept:`, `root:` and the header of the schema.
    pub(super) fn read_accept(&mut self) -> Vec<Accept> {
        let mut all = Vec::new();
        let scope = Scope::root(self.schema.root());
        if let Some(node) = self.doc.get("accept").cloned() {
            for item in node.items().unwrap_or(std::slice::from_ref(&node)) {
                let text = item.text().unwrap_or("").trim();
                match split_once(text, "=") {
                    Some((slot, value)) => {
                        let Some(draft) = self.operand(slot, item.mark, &scope) else { continue };
                        let value = super::text::literal(value).to_owned();
                        all.push(Accept::Slot(draft.input, value));
                    }
                    None if self.is_hl7() => all.push(Accept::Message(text.to_owned())),
                    None => {
                        let hint = "write SLOT = VALUE";
                        self.report.error_hint("M000", item.mark, "this is no condition", hint);
                    }
                }
            }
        }
        if all.is_empty()
            && let Some(root) = self.doc.text("root")
        {
            all.push(Accept::Root(root.to_owned()));
        }
        if !self.header.is_empty() {
            all.push(Accept::Header(self.header.clone()));
        }
        all
    }

    /// `charset: xml-declaration else UTF-8`: what the record declares goes first in any case.
    pub(super) fn read_charset(&mut self) -> Option<Charset> {
        let node = self.doc.get("charset").cloned()?;
        // The interchange form of rows is UTF-8, whatever the database stores.
        if self.source == Source::Sql {
            return None;
        }
        charset_named(node.text().unwrap_or("")).unwrap_or_else(|name| {
            let what = format!("there is no charset '{name}'");
            let hint =
                "the charsets are: UTF-8, GBK, GB18030, UTF-16LE, UTF-16BE, Big5, ISO-8859-1";
            self.report.error_hint("M000", node.mark, what, hint);
            None
        })
    }

    /// `timezone: MSH-7 else Asia/Shanghai`.
    pub(super) fn read_zone(&mut self) -> Zone {
        let Some(node) = self.doc.get("timezone").cloned() else {
            return Zone { from: None, name: "Asia/Shanghai".to_owned() };
        };
        let parts = split_word(node.text().unwrap_or(""), "else");
        let name = parts.last().copied().unwrap_or("").to_owned();
        let known = jiff::tz::TimeZone::get(&name).is_ok() || is_offset(&name);
        if !known {
            let what = format!("there is no time zone '{name}'");
            let hint = "write an IANA name or an offset: Asia/Shanghai, +08:00";
            self.report.error_hint("M000", self.report.within(node.mark, &name), what, hint);
        }
        let scope = Scope::root(self.schema.root());
        let from = match parts.as_slice() {
            [slot, _] => self.operand(slot, node.mark, &scope).map(|draft| draft.input),
            _ => None,
        };
        Zone { from, name }
    }

    /// `nulls:` and `rest:`.
    pub(super) fn read_policies(&mut self) -> (Nulls, Rest) {
        let nulls = [("absent", Nulls::Absent), ("delete", Nulls::Delete)];
        let rest = [("carry", Rest::Carry), ("drop", Rest::Drop), ("reject", Rest::Reject)];
        (self.one_word("nulls", &nulls), self.one_word("rest", &rest))
    }

    /// A word of a closed set; the first is the default.
    pub(super) fn one_word<T: Copy>(&mut self, key: &str, all: &[(&str, T)]) -> T {
        let Some(node) = self.doc.get(key).cloned() else { return all[0].1 };
        let text = node.text().unwrap_or("");
        if let Some((_, value)) = all.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let words: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
        let what = format!("`{key}` is {}", words.join(", "));
        self.report.error("M000", node.mark, what);
        all[0].1
    }
}

/// The charset that `charset:` names for records that declare none; the name, if it is unknown.
pub(super) fn charset_named(text: &str) -> Result<Option<Charset>, &str> {
    let last = split_word(text, "else").pop().unwrap_or("");
    let name = words(last).first().copied().unwrap_or("");
    if matches!(name, "xml-declaration" | "dbf-language-driver" | "record") {
        return Ok(None);
    }
    Charset::named(name).map(Some).ok_or(name)
}

/// `+08:00`, `-0530`.
fn is_offset(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or("").replace(':', "");
    digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())
}
