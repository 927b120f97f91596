//! Merge: an inbound resource over a stored one.
//!
//! A mapping owns the paths its rule writes. They are replaced; all others stay (so an ORU does not
//! erase the address that the ADT brought, nor what a person added through FHIR). In a mapping with
//! `nulls: delete` an owned path that the message leaves empty stays as well: only an explicit null
//! (`""`) removes it. With `nulls: absent` a record is a snapshot: what it does not have is gone.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::get::Notes;
use super::marks::has_marks;
use super::plan::{By, Drive, Item, Nulls, Object, Program, Value};
use crate::fhir::Merge;

/// The owner of a resource's paths: one rule of a mapping.
pub struct Owner {
    program: Arc<Program>,
    rule: usize,
    notes: Notes,
}

impl Owner {
    /// The owner of what a rule writes.
    pub(super) fn new(program: &Arc<Program>, rule: usize, notes: Notes) -> Self {
        Owner { program: Arc::clone(program), rule, notes }
    }
}

impl Merge for Owner {
    fn merge(&self, stored: &Json, incoming: Json) -> Json {
        let (Json::Object(stored), Json::Object(incoming)) = (stored, incoming) else {
            return stored.clone();
        };
        let body = &self.program.rules[self.rule].body;
        let mut merged = self.object(body, stored.clone(), incoming.clone(), &mut Vec::new());
        for key in ["resourceType", "id"] {
            if let Some(value) = incoming.get(key) {
                merged.insert(key.to_owned(), value.clone());
            }
        }
        if let Some(meta) = incoming.get("meta") {
            merged.insert("meta".to_owned(), merge_meta(stored.get("meta"), meta));
        }
        Json::Object(merged)
    }
}

impl Owner {
    fn object(
        &self,
        object: &Object,
        mut stored: Map<String, Json>,
        mut incoming: Map<String, Json>,
        path: &mut Vec<String>,
    ) -> Map<String, Json> {
        let mut names: Vec<&str> = object.fields.iter().map(|f| &*f.name).collect();
        names.dedup();
        self.other_choice_types(object, &mut stored, &incoming);
        for name in names {
            path.push(name.to_owned());
            let new = incoming.remove(name);
            let old = stored.remove(name);
            let values = object.fields.iter().filter(|f| f.name == name).map(|f| &f.value);
            if let Some(value) = self.value(values.collect(), old, new, path) {
                stored.insert(name.to_owned(), value);
            }
            path.pop();
        }
        stored
    }

    /// `valueString` arrives where `valueQuantity` was: an element has one type at a time.
    fn other_choice_types(
        &self,
        object: &Object,
        stored: &mut Map<String, Json>,
        incoming: &Map<String, Json>,
    ) {
        for choice in &object.choices {
            let branches = |name: &str| {
                let mut fields = object.fields.iter().filter(|f| f.name == name);
                fields.any(|f| f.branch.is_some_and(|b| b.choice == *choice))
            };
            if !incoming.keys().any(|k| branches(k)) {
                continue;
            }
            let gone: Vec<String> = stored
                .keys()
                .filter(|k| branches(k) && !incoming.contains_key(*k))
                .cloned()
                .collect();
            for key in gone {
                stored.remove(&key);
            }
        }
    }

    fn value(
        &self,
        rules: Vec<&Value>,
        old: Option<Json>,
        new: Option<Json>,
        path: &mut Vec<String>,
    ) -> Option<Json> {
        let items: Vec<&Item> = rules
            .iter()
            .filter_map(|v| if let Value::List(items) = v { Some(items) } else { None })
            .flatten()
            .collect();
        if !items.is_empty() {
            let list = |v: Option<Json>| match v {
                Some(Json::Array(list)) => list,
                _ => Vec::new(),
            };
            let merged = self.list(&items, list(old), list(new), path);
            return (!merged.is_empty()).then_some(Json::Array(merged));
        }
        match (old, new) {
            (Some(Json::Object(old)), Some(Json::Object(new))) => {
                let inner = rules.iter().find_map(|v| match v {
                    Value::Object(object) => Some(object),
                    _ => None,
                });
                Some(Json::Object(match inner {
                    Some(object) => self.object(object, old, new, path),
                    None => new,
                }))
            }
            // A default says nothing new about what is known already.
            (Some(old), Some(_)) if self.notes.defaults.iter().any(|d| d == path) => Some(old),
            (_, Some(new)) => Some(new),
            (Some(Json::Object(old)), None) => {
                let inner = rules.iter().find_map(|v| match v {
                    Value::Object(object) => Some(object),
                    _ => None,
                });
                match inner {
                    Some(object) => {
                        let left = self.object(object, old, Map::new(), path);
                        (!left.is_empty()).then_some(Json::Object(left))
                    }
                    None => (!self.gone(path)).then_some(Json::Object(old)),
                }
            }
            (Some(old), None) => (!self.gone(path)).then_some(old),
            (None, None) => None,
        }
    }

    /// Whether an owned path that the record does not have is to be removed.
    fn gone(&self, path: &[String]) -> bool {
        self.program.nulls == Nulls::Absent || self.notes.nulls.iter().any(|n| n == path)
    }

    /// Items are the rule's whose constants they bear; among one rule's, by key or by position.
    fn list(
        &self,
        rules: &[&Item],
        old: Vec<Json>,
        new: Vec<Json>,
        path: &mut Vec<String>,
    ) -> Vec<Json> {
        let mut stored: Vec<(Option<usize>, Json)> = Vec::new();
        for (n, item) in old.into_iter().enumerate() {
            stored.push((owner_of(rules, &item, n), item));
        }
        let mut arriving: Vec<Vec<Json>> = rules.iter().map(|_| Vec::new()).collect();
        for (n, item) in new.into_iter().enumerate() {
            if let Some(rule) = owner_of(rules, &item, n) {
                arriving[rule].push(item);
            }
        }
        let mut merged = Vec::new();
        for (rule, item) in rules.iter().enumerate() {
            let arriving = std::mem::take(&mut arriving[rule]);
            let mine = |(r, _): &(Option<usize>, Json)| *r == Some(rule);
            let mut kept: Vec<Json> = stored.extract_if(.., |s| mine(s)).map(|(_, v)| v).collect();
            let keyed = matches!(&item.drive, Drive::Each(each) if matches!(each.by, By::Keys(_)));
            if arriving.is_empty() {
                if !self.gone(path) {
                    merged.extend(kept);
                } else if keyed && self.program.nulls == Nulls::Absent {
                    kept.clear();
                }
                continue;
            }
            for (n, new) in arriving.into_iter().enumerate() {
                let twin = if keyed {
                    kept.iter().position(|old| same_key(old, &new))
                } else {
                    (!kept.is_empty() && n < usize::MAX).then_some(0)
                };
                let old = twin.map(|at| kept.remove(at));
                merged.push(self.item(item, old, new, path));
            }
            if keyed {
                merged.extend(kept);
            }
        }
        merged.extend(stored.into_iter().map(|(_, v)| v));
        merged
    }

    fn item(&self, rule: &Item, old: Option<Json>, new: Json, path: &mut Vec<String>) -> Json {
        match (&rule.value, old, new) {
            (Value::Object(object), Some(Json::Object(old)), Json::Object(new)) => {
                Json::Object(self.object(object, old, new, path))
            }
            (_, _, new) => new,
        }
    }
}

/// The item rule that recognises an item: the one with the most constants that all fit; without
/// constants the first that has none.
fn owner_of(rules: &[&Item], item: &Json, position: usize) -> Option<usize> {
    let fits = |rule: &&Item| has_marks(item, &rule.marks);
    let best = rules
        .iter()
        .enumerate()
        .filter(|(_, r)| !r.marks.is_empty() && fits(r))
        .max_by_key(|(_, r)| r.marks.len());
    if let Some((n, _)) = best {
        return Some(n);
    }
    let bare: Vec<usize> =
        rules.iter().enumerate().filter(|(_, r)| r.marks.is_empty()).map(|(n, _)| n).collect();
    let driven = bare.iter().find(|n| !matches!(rules[**n].drive, Drive::Once));
    let counted = bare.get(position).or(bare.last());
    driven.or(counted).copied()
}

/// Keyed items are twins if the scalars that both name identify the same thing: `system`, `value`
/// and `code` decide for identifiers and codings; other items are compared as a whole.
fn same_key(old: &Json, new: &Json) -> bool {
    let text = |v: &Json, k: &str| v.get(k).cloned();
    let by = |k: &str| text(old, k) == text(new, k);
    if new.get("value").is_some() || new.get("code").is_some() {
        return by("system") && by("value") && by("code");
    }
    old == new
}

/// Tags of both; source, profile and the rest of the newer.
fn merge_meta(old: Option<&Json>, new: &Json) -> Json {
    let (Some(Json::Object(old)), Json::Object(new)) = (old, new) else { return new.clone() };
    let mut merged = old.clone();
    for (key, value) in new {
        match (merged.get_mut(key), value) {
            (Some(Json::Array(list)), Json::Array(more)) => {
                for item in more {
                    if !list.contains(item) {
                        list.push(item.clone());
                    }
                }
            }
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Json::Object(merged)
}
