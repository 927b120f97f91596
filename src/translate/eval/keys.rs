//! Ids: the key forms of a resource, tried in order, and what each of their parts reads.

use super::{Eval, KeyValue};
use crate::error::Kind;
use crate::fhir::{Issue, id};
use crate::legacy::Scope;
use crate::translate::plan::{Branch, Codec, Each, Key, KeyPart, Leaf};

impl<'a> Eval<'a> {
    pub(super) fn identify(&mut self, n: usize) {
        if self.instances[n].reference.is_some() {
            return;
        }
        let Some(key) = self.key_of(n, 0) else {
            let instance = &self.instances[n];
            let rule = &self.program.rules[instance.rule];
            if instance.present {
                let text = format!(
                    "{} '{}' has no key: it and the references to it are left out, its slots are carried",
                    rule.kind, rule.alias
                );
                let issue = Issue::warning(Kind::Required, text).path(rule.kind.clone());
                self.issues.push(issue.rule(self.pos(rule.pos)));
            }
            self.instances[n].present = false;
            return;
        };
        let kind = &self.program.rules[self.instances[n].rule].kind;
        let id = id::make(&self.program.party.name, kind, &key.space, &key.parts, key.secret);
        self.instances[n].reference = Some(format!("{kind}/{id}"));
        self.instances[n].key = Some(key);
    }

    fn key_of(&mut self, n: usize, depth: usize) -> Option<KeyValue> {
        if let Some(key) = &self.instances[n].key {
            return Some(key.clone());
        }
        let rule = &self.program.rules[self.instances[n].rule];
        // Aliases cannot form a circle in a checked plan; the bound keeps an unchecked one finite.
        if depth > 8 {
            return None;
        }
        rule.key.iter().find_map(|form| self.key_form(form, n, depth))
    }

    fn key_form(&mut self, form: &'a Key, n: usize, depth: usize) -> Option<KeyValue> {
        let (scope, number) = (self.instances[n].scope, self.instances[n].number);
        let mut key = KeyValue {
            space: form.space.clone().unwrap_or_default(),
            parts: Vec::new(),
            secret: false,
        };
        // A key of texts alone names one thing of the party.
        let mut any = form.parts.iter().all(|part| matches!(part, KeyPart::Literal(_)));
        for part in &form.parts {
            match part {
                KeyPart::Literal(text) => key.parts.push(text.clone()),
                KeyPart::Number => key.parts.push(number.to_string()),
                KeyPart::Leaf(leaf, secret) => {
                    let text = self.leaf_text(leaf, scope);
                    any |= text.is_some();
                    key.secret |= *secret && text.is_some();
                    key.parts.push(text.unwrap_or_default());
                }
                KeyPart::Guarded { when, value } => {
                    let text = self.holds(when, scope).then(|| self.leaf_text(value, scope));
                    any |= text.as_ref().is_some_and(Option::is_some);
                    key.parts.push(text.flatten().unwrap_or_default());
                }
                KeyPart::First { each, test, equals, choices, values } => {
                    let first = self.first_item(each, test, equals, (choices, values), scope);
                    let text = first.map(|(text, secret)| {
                        key.secret |= secret;
                        text
                    });
                    any |= text.is_some();
                    key.parts.push(text.unwrap_or_default());
                }
                KeyPart::Alias(rule) => {
                    let other = self.instance_near(*rule, n, scope, false)?;
                    let inner = self.key_of(other, depth + 1)?;
                    any = true;
                    key.secret |= inner.secret;
                    if key.space.is_empty() {
                        key.space = inner.space;
                    } else {
                        key.parts.push(inner.space);
                    }
                    key.parts.extend(inner.parts);
                }
            }
        }
        while key.parts.last().is_some_and(String::is_empty) {
            key.parts.pop();
        }
        any.then_some(key)
    }

    fn first_item(
        &mut self,
        each: &'a Each,
        test: &'a Leaf,
        equals: &str,
        (choices, values): (&'a [usize], &'a [(Option<Branch>, Leaf)]),
        scope: Scope,
    ) -> Option<(String, bool)> {
        self.walk_each(each, scope).into_iter().find_map(|chain| {
            let at = chain.last().copied().unwrap_or(scope);
            let code = self.leaf_text(test, at)?;
            if code != equals {
                return None;
            }
            self.decide(choices, at);
            let (_, leaf) = values.iter().find(|(branch, _)| self.in_branch(*branch))?;
            // A national id makes no readable id, wherever it stands.
            let secret = leaf.codecs.iter().any(|codec| matches!(codec, Codec::Cnid));
            Some((self.leaf_text(leaf, at)?, secret))
        })
    }
}
