//! A model's fields and what a mapping binds them to.

use std::collections::HashMap;

use super::leaf::Draft;
use super::merge::is_none;
use super::scope::Scope;
use super::text::did_you_mean;
use super::{Compiling, Held, Source};
use crate::legacy::Slot;
use crate::translate::plan::{Case, Codec, Each, Guard, Input, Quantity, Said};
use crate::yaml::{Kind, Mark, Node};

/// The type of a field of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldType {
    /// `text`.
    Text,
    /// `code`.
    Code,
    /// `date`.
    Date,
    /// `datetime`.
    DateTime,
    /// `decimal` with its UCUM unit.
    Decimal(Option<String>),
    /// `cnid`.
    Cnid,
}

/// The types by name.
pub(super) const FIELD_TYPES: &[&str] = &["text", "code", "date", "datetime", "decimal", "cnid"];

/// A field of a model and its binding.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Its type; of a list of texts, the type of its items.
    pub kind: FieldType,
    /// Must be bound.
    pub required: bool,
    /// Where it is declared.
    pub mark: Mark,
    /// A list, with the fields of its items (`.` where the items are texts).
    pub items: Option<HashMap<String, FieldType>>,
    /// What it is bound to; `None`: nothing.
    pub bound: Option<Node>,
}

/// All fields by name.
pub(super) type Fields = HashMap<String, Field>;

impl FieldType {
    /// The codec of the type, where the binding gives none.
    pub fn codec(&self) -> Option<Codec> {
        match self {
            FieldType::Text | FieldType::Code => None,
            FieldType::Date => Some(Codec::Date(Vec::new())),
            FieldType::DateTime => Some(Codec::DateTime(Vec::new())),
            FieldType::Decimal(_) => Some(Codec::Decimal),
            FieldType::Cnid => Some(Codec::Cnid),
        }
    }
}

impl Compiling<'_> {
    /// Reads `fields:` and `bind:`.
    pub(super) fn read_fields(&mut self) {
        let declared = std::mem::take(&mut self.doc.fields);
        for (key, node) in &declared {
            let name = key.text.trim_end_matches("[]").to_owned();
            let list = key.text.ends_with("[]");
            let mut field = Field {
                kind: FieldType::Text,
                required: false,
                mark: key.mark,
                items: None,
                bound: None,
            };
            match &node.kind {
                Kind::Map(subs) if list => {
                    let subs = subs
                        .iter()
                        .filter_map(|(k, v)| Some((k.text.clone(), self.field_type(v)?.0)));
                    field.items = Some(subs.collect());
                }
                _ => {
                    let Some((kind, required)) = self.field_type(node) else { continue };
                    if list {
                        field.items = Some(HashMap::from([(".".to_owned(), kind.clone())]));
                    }
                    (field.kind, field.required) = (kind, required);
                }
            }
            self.fields.insert(name, field);
        }
        if self.doc.has_model {
            self.bind();
        }
    }

    /// `decimal mm[Hg] required` → the type, and whether it is required.
    fn field_type(&mut self, node: &Node) -> Option<(FieldType, bool)> {
        let text = node.text().unwrap_or("");
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let required = words.last() == Some(&"required");
        if required {
            words.pop();
        }
        let kind = match words.as_slice() {
            ["text"] => FieldType::Text,
            ["code"] => FieldType::Code,
            ["date"] => FieldType::Date,
            ["datetime"] => FieldType::DateTime,
            ["cnid"] => FieldType::Cnid,
            ["decimal"] => FieldType::Decimal(None),
            ["decimal", unit] => {
                self.check_unit(unit, node.mark);
                FieldType::Decimal(Some((*unit).to_owned()))
            }
            _ => {
                let hint = "the types are: text, code, date, datetime, decimal UNIT, cnid; then `required`";
                self.report.error_hint(
                    "M000",
                    node.mark,
                    format!("'{text}' is no field type"),
                    hint,
                );
                return None;
            }
        };
        Some((kind, required))
    }

    fn bind(&mut self) {
        let bind = self.doc.get("bind").cloned();
        let rows = bind.as_ref().and_then(Node::entries).unwrap_or_default();
        let mut rest = None;
        for (key, node) in rows {
            if key.text == "*" {
                rest = Some(node);
                continue;
            }
            let name = key.text.trim_end_matches("[]");
            match self.fields.get_mut(name) {
                Some(field) => field.bound = (!is_none(node)).then(|| node.clone()),
                None => {
                    let hint = did_you_mean(name, self.fields.keys().map(String::as_str))
                        .unwrap_or_else(|| "see `fields:` of the model".to_owned());
                    let what = format!("the model has no field '{name}'");
                    self.report.error_hint("M027", key.mark, what, hint);
                }
            }
        }
        let named = |name: &str| rows.iter().any(|(k, _)| k.text.trim_end_matches("[]") == name);
        match rest.and_then(Node::text) {
            Some("same") => self.bind_the_same(&named, rest.map_or(self.doc.mark, |n| n.mark)),
            None | Some("none") => {}
            Some(_) => {
                let mark = rest.map_or(self.doc.mark, |n| n.mark);
                let hint = "`same` binds each field to the slot of its name, `none` leaves it out";
                self.report.error_hint("M027", mark, "\"*\" is `same` or `none`", hint);
                return;
            }
        }
        self.check_unbound(bind.as_ref().map_or(self.doc.mark, |n| n.mark));
    }

    /// Binds each field that no row names to the slot of its name, where there is one.
    fn bind_the_same(&mut self, named: &dyn Fn(&str) -> bool, mark: Mark) {
        let root = self.schema.root();
        for (name, field) in &mut self.fields {
            let free = field.bound.is_none() && field.items.is_none() && !named(name);
            if free && self.schema.slot(&root, name).is_ok() {
                let kind = Kind::Scalar(name.clone(), crate::yaml::Style::Plain);
                field.bound = Some(Node { kind, mark });
            }
        }
    }

    fn check_unbound(&mut self, mark: Mark) {
        let mut names: Vec<&str> = self
            .fields
            .iter()
            .filter(|(_, f)| f.bound.is_none())
            .map(|(n, _)| n.as_str())
            .collect();
        names.sort_by_key(|n| self.fields[*n].mark.line);
        let (required, optional): (Vec<&str>, Vec<&str>) =
            names.into_iter().partition(|n| self.fields[*n].required);
        for name in required {
            let what = format!("the model's field '{name}' is required and bound to nothing");
            let hint = format!("add `{name}: SLOT` to `bind`");
            self.report.error_hint("M027", mark, what, hint);
        }
        if !optional.is_empty() {
            let what = format!("fields of the model without a slot: {}", optional.join(", "));
            self.report.information("M027", mark, what);
        }
    }

    /// What a field reads: its binding, then the codec of its type where the binding has none.
    pub(super) fn bound(&mut self, name: &str, mark: Mark, scope: &Scope) -> Option<Draft> {
        let field = self.fields.get(name)?.clone();
        if field.items.is_some() {
            let what = format!("'{name}' is a list: walk it with `each: {name}[]`");
            self.report.error("M003", self.report.within(mark, name), what);
            return None;
        }
        // A path of a document is relative to a scope: the field's is the root, also inside a list.
        if self.source == Source::Xml && scope.place != self.schema.root() {
            let root = Scope { place: self.schema.root(), ..scope.clone() };
            let mut draft = self.bound_value(field.bound.as_ref(), &field.kind, &root)?;
            match &mut draft.input {
                Input::Cases(_) => {
                    let what = format!("'{name}' is bound by `one_of` outside of this list");
                    let hint = "declare it as a field of the list's items";
                    self.report.error_hint("M030", self.report.within(mark, name), what, hint);
                    return None;
                }
                input => from_root(input),
            }
            draft.outside = true;
            return Some(draft);
        }
        self.bound_value(field.bound.as_ref(), &field.kind, scope)
    }

    /// A field of the item of a bound list (`.名称`, or `.` for the item itself).
    pub(super) fn bound_item(
        &mut self,
        list: &str,
        name: &str,
        mark: Mark,
        scope: &Scope,
    ) -> Option<Draft> {
        let field = self.fields.get(list)?.clone();
        let sub = if name == "." { "." } else { name.trim_start_matches('.') };
        let Some(kind) = field.items.as_ref().and_then(|items| items.get(sub)) else {
            let known = field.items.iter().flat_map(HashMap::keys).map(String::as_str);
            let hint =
                did_you_mean(sub, known).unwrap_or_else(|| "see `fields:` of the model".to_owned());
            let what = format!("the items of '{list}' have no field '{sub}'");
            self.report.error_hint("M027", self.report.within(mark, name), what, hint);
            return None;
        };
        let kind = kind.clone();
        let bound = field.bound.as_ref().and_then(|block| block.get(sub));
        if sub == "." && bound.is_none() {
            let dot = Node { kind: Kind::Scalar(".".to_owned(), crate::yaml::Style::Plain), mark };
            return self.bound_value(Some(&dot), &kind, scope);
        }
        self.bound_value(bound, &kind, scope)
    }

    fn bound_value(
        &mut self,
        bound: Option<&Node>,
        kind: &FieldType,
        scope: &Scope,
    ) -> Option<Draft> {
        let Some(node) = bound else { return Some(Draft::nothing(kind.clone())) };
        if let Some(one_of) = node.get("one_of") {
            return self.bound_cases(one_of, kind, scope);
        }
        let Some(text) = node.text() else {
            let hint = "write `field: SLOT | codec`; a list field has a block with `each:`";
            self.report.error_hint("M027", node.mark, "a field is bound to one text", hint);
            return None;
        };
        let mut draft = self.draft(text, node.mark, &scope.for_bind())?;
        let spelled = draft.codecs.iter().any(|c| {
            matches!(
                c,
                Codec::Date(_)
                    | Codec::DateTime(_)
                    | Codec::Cnid
                    | Codec::CnidOrText
                    | Codec::Decimal
                    | Codec::Quantity(_)
            )
        });
        if !spelled {
            draft.codecs.extend(kind.codec());
        }
        draft.field = Some(kind.clone());
        Some(draft)
    }

    /// `one_of: [{ when: $deleted = true, value: = Del }, { value: BKLB | code(kind) }]`.
    fn bound_cases(&mut self, node: &Node, kind: &FieldType, scope: &Scope) -> Option<Draft> {
        let (at, held) = match self.bound_cases.get(&node.mark) {
            Some(known) => known.clone(),
            None => {
                let mut held = Vec::new();
                let items = node.items().filter(|items| !items.is_empty());
                let Some(items) = items else {
                    let hint =
                        "write one_of: [{ when: CONDITION, value: = text }, { value: SLOT }]";
                    self.report.error_hint("M027", node.mark, "`one_of` is a list", hint);
                    return None;
                };
                let cases: Option<Vec<Case>> = items
                    .iter()
                    .enumerate()
                    .map(|(n, item)| self.bound_case(item, n + 1 == items.len(), scope, &mut held))
                    .collect();
                self.cases.push(cases?);
                let known = (self.cases.len() - 1, held);
                self.bound_cases.insert(node.mark, known.clone());
                known
            }
        };
        let mut draft = Draft::new(Input::Cases(at));
        draft.held = held;
        draft.codecs.extend(kind.codec());
        draft.field = Some(kind.clone());
        Some(draft)
    }

    fn bound_case(
        &mut self,
        node: &Node,
        last: bool,
        scope: &Scope,
        held: &mut Vec<Held>,
    ) -> Option<Case> {
        for (key, _) in node.entries().unwrap_or_default() {
            if !matches!(key.text.as_str(), "when" | "value") {
                let hint =
                    "a case has `when: CONDITION` and `value: = text` or `value: SLOT | codec`";
                let what = format!("'{}' is not part of a case", key.text);
                self.report.error_hint("M027", key.mark, what, hint);
            }
        }
        let scope = scope.for_bind();
        let mut when = None;
        if let Some(said) = node.get("when") {
            let mut guard = self.guard(said.text().unwrap_or(""), said.mark, &scope)?;
            own_case(&mut guard, held);
            when = Some(guard);
        } else if !last {
            let hint = "the cases after it are never taken: give it a `when` or put it last";
            self.report.error_hint("M032", node.mark, "a case without a condition", hint);
        }
        let said = node.get("value");
        let Some(text) = said.and_then(Node::text) else {
            let hint = "write `value: = text` or `value: SLOT | codec`";
            self.report.error_hint("M027", node.mark, "a case says no `value`", hint);
            return None;
        };
        let value = match text.strip_prefix('=') {
            Some(text) => Said::Text(text.trim().to_owned()),
            None => {
                let draft = self.draft(text, said.map_or(node.mark, |n| n.mark), &scope)?;
                held.extend(draft.held);
                Said::Slot(draft.input, draft.codecs)
            }
        };
        Some(Case { when, value })
    }

    /// The list a list field is bound to; a list without a slot is empty.
    pub(super) fn bound_list(
        &mut self,
        name: &str,
        mark: Mark,
        scope: &Scope,
    ) -> Option<(Each, Scope)> {
        let Some(field) = self.fields.get(name).filter(|f| f.items.is_some()).cloned() else {
            let lists = self.fields.iter().filter(|(_, f)| f.items.is_some());
            let hint = did_you_mean(name, lists.map(|(n, _)| n.as_str()))
                .unwrap_or_else(|| "see `fields:` of the model".to_owned());
            let what = format!("the model has no list '{name}[]'");
            self.report.error_hint("M027", self.report.within(mark, name), what, hint);
            return None;
        };
        let shown = format!("{name}[]");
        let Some(each) = field.bound.as_ref().and_then(|block| block.get("each")) else {
            if let Some(bound) = &field.bound {
                let hint = "write `{ each: LIST }`, then the fields of an item";
                self.report.error_hint("M027", bound.mark, "a list field needs `each`", hint);
            }
            let by = crate::translate::plan::By::Position;
            let each = Each { steps: Vec::new(), shown, filter: None, by, said_by: false };
            let inner = Scope { list: Some(name.to_owned()), unbound: true, ..scope.clone() };
            return Some((each, inner));
        };
        let mut root = Scope::root(self.schema.root()).for_bind();
        root.conds.clone_from(&scope.conds);
        let (mut each, mut inner) = self.each(each, None, &root)?;
        if let Some(first) = each.steps.first_mut().filter(|_| scope.place != root.place) {
            *first = first.clone().rooted();
        }
        each.shown = shown;
        inner.list = Some(name.to_owned());
        inner.binding = false;
        Some((each, inner))
    }
}

/// Slots that were resolved at the root, for use in a list.
fn from_root(input: &mut Input) {
    match input {
        Input::Slots(alternatives) => {
            for slots in alternatives.iter_mut() {
                *slots = std::mem::take(slots).into_iter().map(Slot::rooted).collect();
            }
        }
        Input::Lines(list, slot) => {
            // The list is found from the root, its lines inside each of its instances.
            *input = Input::Lines(list.clone().rooted(), slot.clone());
        }
        _ => {}
    }
}

/// The slots a case's condition compares are written with the case.
fn own_case(guard: &mut Guard, held: &mut Vec<Held>) {
    match guard {
        Guard::All(guards) => guards.iter_mut().for_each(|g| own_case(g, held)),
        Guard::Is { owner, slots, .. } => {
            *owner = !slots.is_empty();
            held.extend(slots.iter().map(|slot| Held::new(slot.clone())));
        }
        _ => {}
    }
}

/// A quantity in the field's unit, where it says no other.
pub(super) fn with_unit(mut quantity: Quantity, field: Option<&FieldType>) -> Quantity {
    if let (None, None, Some(FieldType::Decimal(Some(unit)))) =
        (&quantity.unit, quantity.unit_table, field)
    {
        quantity.unit = Some(unit.clone());
    }
    quantity
}
