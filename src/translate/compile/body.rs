//! Elements: entries grouped by JSON key into objects, fields and items.

use std::rc::Rc;

use super::Compiling;
use super::block::{Contents, Entry, OneOf, Part};
use super::marks::{marks, settle};

use super::path::{Step, typed_name};
use super::scope::{Cond, Scope};
use super::text::did_you_mean;
use crate::fhir::definitions::{Definitions, TypeKind};
use crate::translate::plan::{Branch, Field, Flag, Guard, Input, Item, Object, Value};
use crate::yaml::Mark;

/// An element's type and path.
#[derive(Debug, Clone)]
pub(super) struct At {
    /// Type name, or path of a backbone element.
    pub ty: String,
    /// The path, without indexes.
    pub path: String,
    /// The value set of a required binding.
    pub required: Option<String>,
    /// The resource types a reference may point to; none: any.
    pub targets: Vec<String>,
}

impl At {
    /// A resource as a whole.
    pub fn resource(kind: &str) -> At {
        let (ty, path) = (kind.to_owned(), kind.to_owned());
        At { ty, path, required: None, targets: Vec::new() }
    }
}

impl Compiling<'_> {
    /// The body of a resource.
    pub(super) fn body(&mut self, parts: Vec<Part>, kind: &str) -> Object {
        self.object(parts, &At::resource(kind))
    }

    pub(super) fn object(&mut self, parts: Vec<Part>, at: &At) -> Object {
        let mut object = Object::default();
        let mut entries = Vec::new();
        self.flatten(parts, &mut object.choices, &mut entries);
        for (name, group) in grouped(entries, |e| e.steps[0].name.clone()) {
            for (branch, group) in by_branch(group) {
                if let Some(field) = self.field(&name, group, branch, at) {
                    object.fields.push(field);
                }
            }
        }
        object.has_data = object.fields.iter().any(|f| has_data(&f.value));
        settle(&mut self.choices, &object);
        object
    }

    /// Opens choices and `[x]` blocks: what is left begins with a JSON key of this object.
    fn flatten(&mut self, parts: Vec<Part>, choices: &mut Vec<usize>, out: &mut Vec<Entry>) {
        for part in parts {
            match part {
                Part::OneOf(one_of) => {
                    let (choice, parts) = self.one_of(&one_of);
                    choices.extend(choice);
                    self.flatten(parts, choices, out);
                }
                Part::Entry(entry) if entry.steps.is_empty() => {
                    let hint = "`.` is the item of a list with `each`";
                    self.report.error_hint("M001", entry.key, "`.` has no meaning here", hint);
                }
                Part::Entry(entry) if entry.steps[0].choice => {
                    self.open_choice_type(entry, choices, out);
                }
                Part::Entry(entry) => out.push(entry),
            }
        }
    }

    /// `deceased[x].dateTime`, or a block below `deceased[x]`.
    fn open_choice_type(
        &mut self,
        mut entry: Entry,
        choices: &mut Vec<usize>,
        out: &mut Vec<Entry>,
    ) {
        let base = entry.steps.remove(0).name;
        if let Some(next) = entry.steps.first_mut() {
            next.name = typed_name(&base, &next.name);
            out.push(entry);
            return;
        }
        if entry.node.entries().is_none() {
            let what = format!("'{base}[x]' needs a type");
            let hint = format!("write {}: …", typed_name(&base, "dateTime"));
            self.report.error_hint("M001", entry.key, what, hint);
            return;
        }
        let mut contents = Contents::default();
        self.block(&entry.node, &["when"], entry.branch, &entry.scope, &mut contents);
        let mut when = entry.when.clone();
        let mut scope = entry.scope.clone();
        if let Some((node, at)) = contents.word("when") {
            when = self.guard(node.text().unwrap_or(""), node.mark, &at).map(Rc::new);
            scope = Rc::new(conditioned(&scope, when.as_deref()));
        }
        for part in &mut contents.parts {
            match part {
                Part::Entry(inner) => {
                    inner.when.clone_from(&when);
                    inner.scope = scope.clone();
                    prefix(&mut inner.steps, &base);
                }
                Part::OneOf(OneOf { base: inner, scope: at, .. }) => {
                    *inner = Some(base.clone());
                    *at = scope.clone();
                }
            }
        }
        self.flatten(contents.parts, choices, out);
    }

    fn field(
        &mut self,
        name: &str,
        mut group: Vec<Entry>,
        branch: Option<Branch>,
        at: &At,
    ) -> Option<Field> {
        let mark = group[0].key;
        let (list, inner) = self.element(name, mark, at)?;
        let pos = self.pos(mark);
        let steps: Vec<Step> = group.iter_mut().map(|e| e.steps.remove(0)).collect();
        let when = group.iter_mut().find_map(|e| e.when.take()).map(Rc::unwrap_or_clone);
        if !list {
            if let Some(n) = steps.iter().position(|s| s.tag.is_some() || s.driven) {
                let what = format!("{} is not a list", inner.path);
                let hint = format!("write {name} without brackets");
                self.report.error_hint("M003", group[n].key, what, hint);
                return None;
            }
            let made = self.element_value(group, &inner, None)?;
            let when = both(when, made.when);
            return Some(Field { name: name.to_owned(), branch, when, pos, value: made.value });
        }
        let mut tagged = Vec::new();
        for (step, entry) in steps.into_iter().zip(group) {
            if step.tag.is_none() && !step.driven {
                let what = format!("{} is a list", inner.path);
                let hint = format!("write {name}[0], {name}[tag], or {name}[] with `each`");
                self.report.error_hint("M003", entry.key, what, hint);
                continue;
            }
            tagged.push((step.tag.unwrap_or_default(), step.driven, entry));
        }
        let items = self.items(tagged, &inner);
        if items.is_empty() {
            return None;
        }
        Some(Field { name: name.to_owned(), branch, when, pos, value: Value::List(items) })
    }

    fn items(&mut self, tagged: Vec<(String, bool, Entry)>, at: &At) -> Vec<Item> {
        let mut items = Vec::new();
        for (tag, group) in grouped(tagged, |(tag, ..)| tag.clone()) {
            let driven = group.iter().any(|(_, driven, _)| *driven);
            let entries = group.into_iter().map(|(.., entry)| entry).collect();
            for (branch, entries) in by_branch(entries) {
                let mark = entries[0].key;
                let Some(made) = self.element_value(entries, at, Some(driven)) else { continue };
                let marks = marks(&made.value);
                items.push(Item {
                    tag: tag.clone(),
                    branch,
                    when: made.when,
                    drive: made.drive,
                    value: made.value,
                    marks,
                    pos: self.pos(mark),
                });
            }
        }
        items
    }

    /// An element of a type: whether it is a list, its own type and path (M001).
    pub(super) fn element(&mut self, name: &str, mark: Mark, at: &At) -> Option<(bool, At)> {
        let definitions = Definitions::r4();
        if matches!(name, "id" | "meta" | "resourceType") && !at.path.contains('.') {
            let what = format!("{}.{name} is written by Tombolo itself", at.path);
            self.report.error_hint("M001", mark, what, "the id comes from `key`");
            return None;
        }
        if let Some((element, ty)) = definitions.json_child(&at.ty, name) {
            let list = element.max != Some(1);
            let inner = At {
                ty: ty.to_owned(),
                path: format!("{}.{name}", at.path),
                required: element.required.clone(),
                targets: element.targets.clone(),
            };
            return Some((list, inner));
        }
        let what = format!("{} has no element '{name}'", at.path);
        let known = definitions.type_def(&at.ty).map(|t| t.elements.as_slice()).unwrap_or_default();
        let choice =
            known.iter().find(|e| e.choice && (e.name == name || name.starts_with(&e.name)));
        let hint = match choice {
            Some(e) => {
                let types = e.types.iter().take(6).map(|t| typed_name(&e.name, t));
                format!("write the type: {}", types.collect::<Vec<_>>().join(", "))
            }
            None => did_you_mean(name, known.iter().map(|e| e.name.as_str()))
                .unwrap_or_else(|| format!("see http://hl7.org/fhir/R4/{}", page(&at.ty))),
        };
        self.report.error_hint("M001", self.report.within(mark, name), what, hint);
        None
    }
}

/// The page of a type in the specification.
fn page(ty: &str) -> String {
    let name = ty.split('.').next().unwrap_or(ty);
    match Definitions::r4().type_def(name).map(|t| t.kind) {
        Some(TypeKind::Resource) => format!("{}.html", name.to_lowercase()),
        _ => format!("datatypes.html#{name}"),
    }
}

/// Groups in the order of first appearance.
fn grouped<T>(all: Vec<T>, key: impl Fn(&T) -> String) -> Vec<(String, Vec<T>)> {
    let mut groups: Vec<(String, Vec<T>)> = Vec::new();
    for one in all {
        let name = key(&one);
        match groups.iter_mut().find(|(n, _)| *n == name) {
            Some((_, group)) => group.push(one),
            None => groups.push((name, vec![one])),
        }
    }
    groups
}

/// Entries that stand in branches of one choice become one group per branch; where something
/// stands outside of it too, the branch stays with the entries and is decided further down.
fn by_branch(entries: Vec<Entry>) -> Vec<(Option<Branch>, Vec<Entry>)> {
    let first = entries[0].branch;
    let one_choice = entries
        .iter()
        .all(|e| e.branch.is_some() && e.branch.map(|b| b.choice) == first.map(|b| b.choice));
    if !one_choice {
        return vec![(None, entries)];
    }
    let mut groups: Vec<(Option<Branch>, Vec<Entry>)> = Vec::new();
    for mut entry in entries {
        let branch = entry.branch.take();
        match groups.iter_mut().find(|(b, _)| *b == branch) {
            Some((_, group)) => group.push(entry),
            None => groups.push((branch, vec![entry])),
        }
    }
    groups
}

/// Puts a choice element before the types of a block.
pub(super) fn prefix(steps: &mut [Step], base: &str) {
    if let Some(first) = steps.first_mut() {
        first.name = typed_name(base, &first.name);
    }
}

pub(super) fn conditioned(scope: &Scope, guard: Option<&Guard>) -> Scope {
    match guard {
        Some(guard) => Compiling::under(scope, Cond::Guard(Rc::new(guard.clone()))),
        None => scope.clone(),
    }
}

fn both(a: Option<Guard>, b: Option<Guard>) -> Option<Guard> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Guard::All(vec![a, b])),
        (a, b) => a.or(b),
    }
}

/// Whether some leaf below owns a slot.
pub(super) fn has_data(value: &Value) -> bool {
    match value {
        Value::Const(_) | Value::Ref(_) => false,
        // What the record says of itself is always there and makes nothing exist.
        Value::Leaf(leaf) => leaf.flag == Flag::Own && !matches!(leaf.input, Input::About(_)),
        Value::Object(object) => object.has_data,
        Value::List(items) => items.iter().any(|item| has_data(&item.value)),
    }
}
