//! Keys: `pid(identifier(PI).value) else pid(PID-3[1].1)`.

use super::Compiling;
use super::scope::Scope;
use super::text::{call, quoted, split, split_word};
use crate::translate::plan::{Branch, Codec, Drive, Key, KeyPart, Leaf, Object, Value};
use crate::yaml::{Mark, Node};

impl Compiling<'_> {
    /// The forms of a rule's id.
    pub(super) fn keys(&mut self, node: &Node, rule: usize) -> Vec<Key> {
        let text = node.text().unwrap_or("");
        let mut keys = Vec::new();
        for form in split_word(text, "else") {
            if let Some(key) = self.key_form(form, node.mark, rule) {
                self.check_varies(&key, form, node.mark, rule);
                keys.push(key);
            }
        }
        keys
    }

    fn key_form(&mut self, text: &str, mark: Mark, rule: usize) -> Option<Key> {
        let (space, args) = call(text).unwrap_or(("", text));
        if !space.is_empty() {
            self.check_space(space, mark)?;
        }
        let mut parts = Vec::new();
        for part in split(args, ',') {
            parts.push(self.key_part(part, mark, rule)?);
        }
        let space = match parts.as_slice() {
            _ if !space.is_empty() => space.to_owned(),
            // `key: visit` of a resource `weight` is `weight(visit)`.
            [KeyPart::Alias(_)] => {
                let own = self.rules[rule].alias.replace('_', "-").to_lowercase();
                self.check_space(&own, mark)?;
                own
            }
            _ => {
                let what = format!("the key '{text}' has no space");
                let hint =
                    "write space(part, …): all mappings of a party share the space of a thing";
                self.report.error_hint("M011", self.report.within(mark, text), what, hint);
                return None;
            }
        };
        Some(Key { space: Some(space), parts })
    }

    fn check_space(&mut self, space: &str, mark: Mark) -> Option<()> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if space.len() <= 16 && space.chars().all(plain) {
            return Some(());
        }
        let what = format!("'{space}' is no space of ids");
        let hint = "a space is 1 to 16 of a-z, 0-9 and -";
        self.report.error_hint("M011", self.report.within(mark, space), what, hint);
        None
    }

    fn key_part(&mut self, text: &str, mark: Mark, rule: usize) -> Option<KeyPart> {
        if let Some(literal) = quoted(text) {
            return Some(KeyPart::Literal(literal.to_owned()));
        }
        if text == "n" {
            return Some(KeyPart::Number);
        }
        if self.gone.contains(text) {
            return None;
        }
        if let Some(&alias) = self.aliases.get(text) {
            return self.check_key_alias(alias, text, mark, rule);
        }
        if let Some((list, rest)) = text.split_once('(')
            && let Some((code, path)) = rest.split_once(").")
            && list.chars().all(|c| c.is_ascii_alphanumeric())
        {
            return self.first(list, code, path, text, mark, rule);
        }
        if matches!(call(text), Some(("now" | "msgid" | "random" | "index", _))) {
            let what = format!("'{text}' differs each time: the same record would get another id");
            let hint = "a key is made of slots that name the thing";
            self.report.error_hint("M011", self.report.within(mark, text), what, hint);
            return None;
        }
        let scope = self.heads[rule].scope.clone();
        let leaf = self.text_leaf(text, mark, &scope)?;
        if leaf.codecs.iter().any(|c| matches!(c, Codec::CnidOrText)) {
            let what = format!("'{text}' may be a masked number, which names nobody");
            let hint = "write `| cnid` in a key: where there is no number, the next form is taken";
            self.report.error_hint("M011", self.report.within(mark, text), what, hint);
            return None;
        }
        let secret = leaf.codecs.iter().any(|c| matches!(c, Codec::Cnid))
            || leaf.slots.iter().any(|slot| self.secret.contains(slot));
        Some(KeyPart::Leaf(Box::new(leaf), secret))
    }

    /// A key that names another resource: in reach, and not in a circle.
    fn check_key_alias(
        &mut self,
        alias: usize,
        text: &str,
        mark: Mark,
        rule: usize,
    ) -> Option<KeyPart> {
        self.heads[rule].key_of.insert(alias);
        let mut seen = vec![alias];
        let mut next = 0;
        while let Some(&at) = seen.get(next) {
            if at == rule {
                let what = format!("the key of '{}' goes in a circle", self.rules[rule].alias);
                self.report.error("M011", self.report.within(mark, text), what);
                return None;
            }
            let more: Vec<usize> =
                self.heads[at].key_of.iter().copied().filter(|a| !seen.contains(a)).collect();
            seen.extend(more);
            next += 1;
        }
        let scope = self.heads[rule].scope.clone();
        self.check_reach(alias, text, mark, &scope, false)?;
        Some(KeyPart::Alias(alias))
    }

    /// `identifier(PI).value`: the first item of the list whose type code is PI.
    fn first(
        &mut self,
        list: &str,
        code: &str,
        path: &str,
        text: &str,
        mark: Mark,
        rule: usize,
    ) -> Option<KeyPart> {
        let path: Vec<&str> = path.split('.').collect();
        let test = ["type", "coding", "0", "code"];
        let quoted = serde_json::Value::from(code).to_string();
        let fields = self.rules[rule].body.fields.iter();
        for field in fields.filter(|f| f.name == list) {
            let Value::List(items) = &field.value else { continue };
            for item in items {
                let Some(value) = leaf_at(&item.value, &path).cloned() else { continue };
                let marked = item.marks.iter().any(|(p, text)| *p == test && *text == quoted);
                match &item.drive {
                    Drive::Once if marked => {
                        let when = item.when.clone().map(Box::new);
                        return Some(match when {
                            None => KeyPart::Leaf(Box::new(value), false),
                            Some(when) => KeyPart::Guarded { when, value: Box::new(value) },
                        });
                    }
                    Drive::Each(each) => {
                        let Some(test) = leaf_at(&item.value, &test).cloned() else { continue };
                        let (each, equals, test) = (each.clone(), code.to_owned(), Box::new(test));
                        let (choices, values) = branched(&item.value, &path);
                        return Some(KeyPart::First { each, test, equals, choices, values });
                    }
                    _ => {}
                }
            }
        }
        let what = format!("'{text}' finds no item");
        let hint = "the list needs items with type.coding[0].code, and the element named";
        self.report.error_hint("M011", self.report.within(mark, text), what, hint);
        None
    }

    /// The instances of a list need keys that differ (M011).
    fn check_varies(&mut self, key: &Key, text: &str, mark: Mark, rule: usize) {
        let mine: &Scope = &self.heads[rule].scope;
        if mine.steps.is_empty() && mine.list.is_none() {
            return;
        }
        let varies = key.parts.iter().any(|part| match part {
            KeyPart::Leaf(..)
            | KeyPart::Guarded { .. }
            | KeyPart::Number
            | KeyPart::First { .. } => true,
            KeyPart::Literal(_) => false,
            KeyPart::Alias(alias) => self.heads[*alias].scope.steps.len() >= mine.steps.len(),
        });
        if !varies {
            let what = format!("all instances of '{}' get one id", self.rules[rule].alias);
            let hint = "add a slot of the list, or `n`, to the key";
            self.report.error_hint("M011", self.report.within(mark, text), what, hint);
        }
    }
}

/// The leaf at a path below a value; a step `0` is any item.
fn leaf_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Leaf> {
    let Some((step, rest)) = path.split_first() else {
        return match value {
            Value::Leaf(leaf) => Some(leaf),
            _ => None,
        };
    };
    match value {
        Value::Object(object) => field_at(object, step, rest),
        Value::List(items) => {
            let rest = if step.bytes().all(|b| b.is_ascii_digit()) { rest } else { path };
            items.iter().find_map(|item| leaf_at(&item.value, rest))
        }
        _ => None,
    }
}

/// The leaves at a path below an item, each with its branch, and the item's choices.
fn branched(value: &Value, path: &[&str]) -> (Vec<usize>, Vec<(Option<Branch>, Leaf)>) {
    let (Value::Object(object), Some((step, rest))) = (value, path.split_first()) else {
        return (
            Vec::new(),
            leaf_at(value, path).map(|leaf| (None, leaf.clone())).into_iter().collect(),
        );
    };
    let fields = object.fields.iter().filter(|f| f.name == *step);
    let leaves = fields.filter_map(|f| Some((f.branch, leaf_at(&f.value, rest)?.clone())));
    (object.choices.clone(), leaves.collect())
}

fn field_at<'v>(object: &'v Object, name: &str, rest: &[&str]) -> Option<&'v Leaf> {
    object.fields.iter().filter(|f| f.name == name).find_map(|f| leaf_at(&f.value, rest))
}
