//! Lists: new items beside old ones, by key or position; added, edited and removed.

use serde_json::Value as Json;

use super::Put;
use super::branch::find_leaves;
use crate::error::Kind;
use crate::fhir::Issue;
use crate::legacy::Scope;
use crate::translate::marks::has_marks;
use crate::translate::plan::{Branch, By, Drive, Item, Value};

/// An item of the old list: its rule, the scope it was read in, its value.
#[derive(Debug, Clone)]
pub(super) struct OldItem {
    pub rule: usize,
    pub scope: Scope,
    pub value: Json,
}

impl<'a> Put<'a, '_> {
    /// Aligns a list's new items with its old ones, and edits, adds and removes.
    pub(super) fn list(
        &mut self,
        rules: &'a [Item],
        old: Vec<OldItem>,
        new: &[Json],
        scope: Scope,
    ) {
        let owners = owners(rules, &old, new, &|branch| self.writer.eval.in_branch(branch));
        for (item, owner) in new.iter().zip(&owners) {
            if owner.is_none() {
                let text = format!("lost: {item}: no rule takes this item");
                let path = self.path.join(".");
                self.issues.push(Issue::warning(Kind::NotSupported, text).path(path));
            }
        }
        for (index, rule) in rules.iter().enumerate() {
            let mine: Vec<&OldItem> = old.iter().filter(|o| o.rule == index).collect();
            let items = new.iter().zip(&owners).filter(|(_, o)| **o == Some(index));
            let items: Vec<&Json> = items.map(|(i, _)| i).collect();
            if mine.is_empty() && items.is_empty() {
                continue;
            }
            for (was, is) in align(rule, &mine, &items, self.switching > 0) {
                self.item(rule, was, is, scope);
            }
        }
    }

    fn item(&mut self, rule: &'a Item, old: Option<&OldItem>, new: Option<&Json>, scope: Scope) {
        let at = match (&rule.drive, old, new) {
            (_, Some(old), Some(_)) => old.scope,
            (Drive::Once, _, None) => scope,
            (Drive::Once, None, Some(_)) => {
                if let Some(guard) = &rule.when {
                    self.write_guard(guard, scope);
                }
                scope
            }
            // A list of references exists because of the resources: see `place`.
            (Drive::Alias(rule), None, Some(new)) => {
                let Some(scope) = self.scope_of_reference(*rule, new) else { return };
                scope
            }
            (Drive::Alias(_), _, None) => return,
            (Drive::Each(each), Some(old), None) => {
                if let Some(list) = each.steps.last() {
                    let removed = self.editor.remove(list, old.scope);
                    self.note(removed);
                }
                return;
            }
            (Drive::Each(each), None, Some(_)) => {
                let Some(list) = each.steps.last() else { return };
                match self.editor.insert(scope, list) {
                    Ok(at) => {
                        let guards = each.filter.iter().chain(&rule.when);
                        guards.for_each(|g| self.write_guard(g, at));
                        at
                    }
                    Err(error) => return self.note(Err(error)),
                }
            }
            (Drive::Each(_), None, None) => return,
        };
        let old_value = old.map(|o| &o.value);
        let nested = matches!(rule.value, Value::Object(_));
        if old_value == new && !(nested && self.switching > 0) {
            return;
        }
        match &rule.value {
            Value::Object(inner) => {
                let old = old_value.and_then(Json::as_object);
                self.object(inner, old, new.and_then(Json::as_object), at);
            }
            Value::Leaf(leaf) => self.leaf(leaf, old_value, new, at),
            Value::Ref(_) | Value::Const(_) | Value::List(_) => {}
        }
    }

    fn scope_of_reference(&self, rule: usize, item: &Json) -> Option<Scope> {
        let mut found = Vec::new();
        crate::fhir::bundle::references(item, &mut |text| found.push(text));
        let made = self.made.iter().find(|m| {
            m.rule == rule && found.iter().any(|r| self.resources.same(&m.reference, r))
        })?;
        made.chain.last().copied()
    }
}

/// Pairs of old and new items of one rule; equal ones only if `all`.
fn align<'o, 'n>(
    rule: &Item,
    old: &[&'o OldItem],
    new: &[&'n Json],
    all: bool,
) -> Vec<(Option<&'o OldItem>, Option<&'n Json>)> {
    let by_key = matches!(&rule.drive, Drive::Each(each) if matches!(each.by, By::Keys(_)));
    if by_key || matches!(rule.drive, Drive::Alias(_)) {
        return align_by_key(rule, old, new, all);
    }
    // By position: what is equal at both ends stays; a shorter list loses items in the middle.
    let same = |(o, n): &(&&OldItem, &&Json)| !all && o.value == ***n;
    let same_front = old.iter().zip(new).take_while(same).count();
    let shorter = new.len() < old.len();
    let same_back = if shorter {
        let rest = old.len().min(new.len()) - same_front;
        let back = old.iter().rev().zip(new.iter().rev());
        back.take(rest).take_while(same).count()
    } else {
        0
    };
    let mut pairs = Vec::new();
    let (old_end, new_end) = (old.len() - same_back, new.len() - same_back);
    for n in same_front..old_end.max(new_end) {
        let was = (n < old_end).then(|| old[n]);
        let is = (n < new_end).then(|| new[n]);
        pairs.push((was, is));
    }
    pairs
}

fn align_by_key<'o, 'n>(
    rule: &Item,
    old: &[&'o OldItem],
    new: &[&'n Json],
    all: bool,
) -> Vec<(Option<&'o OldItem>, Option<&'n Json>)> {
    let paths = key_paths(rule);
    let key = |json: &Json| -> Vec<Option<Json>> {
        paths.iter().map(|path| json.pointer(path).cloned()).collect()
    };
    let mut left: Vec<&'o OldItem> = old.to_vec();
    let mut pairs = Vec::new();
    let mut unmatched = Vec::new();
    for item in new {
        if let Some(at) = left.iter().position(|o| o.value == **item) {
            let twin = left.remove(at);
            if all {
                pairs.push((Some(twin), Some(*item)));
            }
        } else {
            unmatched.push(*item);
        }
    }
    let mut fresh = Vec::new();
    for item in unmatched {
        let twin = left.iter().position(|o| !paths.is_empty() && key(&o.value) == key(item));
        match twin {
            Some(at) => pairs.push((Some(left.remove(at)), Some(item))),
            None => fresh.push(item),
        }
    }
    // A changed key: the item left over on both sides is the same one.
    for item in fresh {
        let was = if left.is_empty() { None } else { Some(left.remove(0)) };
        pairs.push((was, Some(item)));
    }
    pairs.extend(left.into_iter().map(|o| (Some(o), None)));
    pairs
}

/// JSON pointers of the leaves that read the key slots of an item rule; for items driven by
/// another resource, the reference.
fn key_paths(rule: &Item) -> Vec<String> {
    let mut paths = Vec::new();
    match (&rule.drive, &rule.value) {
        (Drive::Each(each), Value::Object(object)) => {
            if let By::Keys(keys) = &each.by {
                for key in keys {
                    let mut found = Vec::new();
                    find_leaves(object, None, key, &mut String::new(), &mut found);
                    paths.extend(found.into_iter().map(|(pointer, _)| pointer));
                }
            }
        }
        (Drive::Alias(_), Value::Object(object)) => {
            for field in &object.fields {
                if matches!(field.value, Value::Ref(_)) {
                    paths.push(format!("/{}/reference", field.name));
                }
            }
        }
        (Drive::Alias(_), Value::Ref(_)) => paths.push("/reference".to_owned()),
        _ => {}
    }
    paths
}

/// Which item rule each new item belongs to.
fn owners(
    rules: &[Item],
    old: &[OldItem],
    new: &[Json],
    active: &dyn Fn(Option<Branch>) -> bool,
) -> Vec<Option<usize>> {
    let mut free_old: Vec<&OldItem> = old.iter().collect();
    let mut owners: Vec<Option<usize>> = vec![None; new.len()];
    for (n, item) in new.iter().enumerate() {
        if let Some(at) = free_old.iter().position(|o| o.value == *item) {
            owners[n] = Some(free_old.remove(at).rule);
        }
    }
    let usable = |rule: usize| active(rules[rule].branch);
    // Where nothing is inserted or removed, an edited item stays what the old one at its place was.
    if old.len() == new.len() {
        for (n, item) in new.iter().enumerate() {
            let Some(at) = free_old.iter().position(|o| std::ptr::eq(*o, &old[n])) else {
                continue;
            };
            let rule = old[n].rule;
            if owners[n].is_none() && usable(rule) && has_marks(item, &rules[rule].marks) {
                owners[n] = Some(rule);
                free_old.remove(at);
            }
        }
    }
    for (n, item) in new.iter().enumerate() {
        if owners[n].is_some() {
            continue;
        }
        let fits = |r: &usize| {
            usable(*r) && !rules[*r].marks.is_empty() && has_marks(item, &rules[*r].marks)
        };
        let best = (0..rules.len()).filter(fits).filter(|r| {
            let once = matches!(rules[*r].drive, Drive::Once);
            !once || !owners.contains(&Some(*r))
        });
        owners[n] = best.max_by_key(|r| rules[*r].marks.len());
    }
    // Items without marks belong to the rules without marks, in order, after those that are taken.
    let mut last = None;
    for n in 0..new.len() {
        if owners[n].is_none() {
            let was = free_old
                .iter()
                .position(|o| rules[o.rule].marks.is_empty() && last.is_none_or(|l| o.rule >= l));
            let rule = was.map(|at| free_old.remove(at).rule).or_else(|| {
                (0..rules.len()).find(|r| {
                    let many = !matches!(rules[*r].drive, Drive::Once);
                    usable(*r)
                        && rules[*r].marks.is_empty()
                        && (many || !owners.contains(&Some(*r)))
                        && last.is_none_or(|l| *r > l || (many && *r == l))
                })
            });
            owners[n] = rule;
        }
        if let Some(rule) = owners[n]
            && rules[rule].marks.is_empty()
        {
            last = Some(rule);
        }
    }
    owners
}
