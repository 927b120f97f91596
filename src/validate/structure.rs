//! The walk over a resource, beside the table of what R4 says about each element.

use serde_json::{Map, Value};

use super::path::{Path, Step};
use super::{DEEPEST, MOST_ISSUES, codes, primitive, reference};
use crate::error::{Kind, nearest};
use crate::fhir::definitions::{Code, Definitions, Element, TypeDef, TypeKind};
use crate::fhir::{Issue, Severity};

/// What is wrong with a resource.
pub(super) fn check(r4: &'static Definitions, resource: &Value) -> Vec<Issue> {
    let mut walk = Walk { r4, path: Path::default(), issues: Vec::new(), outer: None };
    walk.resource(resource, Place::Alone);
    walk.issues
}

/// Where a resource stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// It is the input itself, or an entry of a bundle.
    Alone,
    /// In `contained` of another.
    Contained,
}

struct Walk<'r> {
    r4: &'static Definitions,
    path: Path<'r>,
    issues: Vec<Issue>,
    /// The resource whose contained resources `#id` means.
    outer: Option<&'r Map<String, Value>>,
}

impl<'r> Walk<'r> {
    /// Adds an issue about the element the walk is at.
    fn tell(&mut self, kind: Kind, text: impl Into<String>) {
        self.tell_as(kind.facts().issue, text);
    }

    fn tell_as(&mut self, code: &'static str, text: impl Into<String>) {
        if self.issues.len() < MOST_ISSUES {
            let issue = Issue::new(Severity::Error, code, text);
            self.issues.push(issue.path(self.path.to_string()));
        }
    }

    /// Adds an issue about a member of the element the walk is at.
    fn tell_of(&mut self, member: &'r str, kind: Kind, text: impl Into<String>) {
        self.path.push(Step::Name(member));
        self.tell(kind, text);
        self.path.pop();
    }

    fn is_full(&self) -> bool {
        self.issues.len() >= MOST_ISSUES
    }

    fn resource(&mut self, value: &'r Value, place: Place) {
        let Value::Object(members) = value else {
            return self.tell(Kind::Structure, primitive::not(value, "a resource (an object)"));
        };
        let kind = match members.get("resourceType") {
            Some(Value::String(kind)) => kind,
            Some(other) => {
                let text = primitive::not(other, "the name of a resource type");
                return self.tell_of("resourceType", Kind::Structure, text);
            }
            None => {
                let text = "`resourceType` is missing: it says which resource this is";
                return self.tell(Kind::Structure, text);
            }
        };
        let known = self.r4.type_def(kind).filter(|_| self.r4.is_resource(kind));
        let Some(def) = known else {
            let types = self.r4.types.keys().filter(|name| self.r4.is_resource(name));
            let near = nearest(kind, types.map(|name| &name[..]));
            let text = format!("unknown resource type `{}`", primitive::shown(kind));
            return self.tell(Kind::Structure, text + &did_you_mean(near));
        };
        if self.path.depth() == 0 {
            self.path.push(Step::Name(kind));
        }
        let outer = self.outer;
        if place == Place::Alone {
            self.outer = Some(members);
        } else if members.contains_key("contained") {
            let text = "a contained resource must not contain others";
            self.tell_of("contained", Kind::Structure, text);
        }
        self.members(members, def, true);
        self.outer = outer;
    }

    /// Checks the members of an object against its type.
    fn members(&mut self, members: &'r Map<String, Value>, def: &'static TypeDef, resource: bool) {
        if self.path.depth() > DEEPEST {
            return self.tell(Kind::TooLarge, format!("nested deeper than {DEEPEST} levels"));
        }
        let mut seen = Seen::default();
        for (key, value) in members {
            if self.is_full() {
                return;
            }
            if key == "resourceType" && resource {
                continue;
            }
            let (name, extra) = match key.strip_prefix('_') {
                Some(name) => (name, true),
                None => (&key[..], false),
            };
            let Some((at, kind)) = def.child(name) else {
                self.unknown(def, key, name);
                continue;
            };
            let element = &def.elements[at];
            if seen.add(at) && element.choice {
                self.one_choice(members, def, at, name);
            }
            self.path.push(Step::Name(&element.name));
            if !extra {
                self.element(element, kind, value, members);
            } else if self.r4.type_def(kind).is_none_or(|t| t.kind != TypeKind::Primitive) {
                let text = format!("`{key}` has no meaning: `{name}` is not a primitive element");
                self.tell(Kind::Structure, text);
            } else {
                self.extra(element, value, members.get(name));
            }
            self.path.pop();
        }
        for (at, element) in def.elements.iter().enumerate() {
            if element.min > 0 && !seen.has(at) {
                let name = shown_name(element);
                self.tell_of(&element.name, Kind::Required, format!("`{name}` is missing"));
            }
        }
    }

    fn unknown(&mut self, def: &'static TypeDef, key: &'r str, name: &str) {
        let what = &def.name;
        let text = match def.elements.iter().find(|e| e.choice && name.starts_with(&e.name)) {
            Some(choice) if choice.types.len() > 8 => {
                format!("`{key}` is no element of {what}: {} needs a datatype of R4", choice.name)
            }
            Some(choice) => {
                let names: Vec<String> = choice.types.iter().map(|t| joined(choice, t)).collect();
                format!("`{key}` is no element of {what}; it has {}", names.join(", "))
            }
            None => {
                let plain = def.elements.iter().filter(|e| !e.choice).map(|e| e.name.clone());
                let choices = def.elements.iter().filter(|e| e.choice);
                let choices = choices.flat_map(|e| e.types.iter().map(|t| joined(e, t)));
                let names: Vec<String> = plain.chain(choices).collect();
                let near = nearest(name, names.iter().map(|name| &name[..]));
                let key = primitive::shown(key);
                format!("`{key}` is no element of {what}{}", did_you_mean(near))
            }
        };
        self.tell_of(key, Kind::Structure, text);
    }

    /// Complains where a choice is made twice: `valueString` beside `valueCode`.
    fn one_choice(
        &mut self,
        members: &'r Map<String, Value>,
        def: &'static TypeDef,
        at: usize,
        name: &str,
    ) {
        let others = members.keys().map(|key| key.strip_prefix('_').unwrap_or(key));
        let mut others = others.take_while(|other| *other != name);
        let other = others.find(|other| def.child(other).is_some_and(|(place, _)| place == at));
        if let Some(other) = other {
            let text = format!("`{name}` beside `{other}`: only one type may be chosen");
            self.tell_of(&def.elements[at].name, Kind::Structure, text);
        }
    }

    /// Checks the value of an element of an object, a list or a single one.
    fn element(
        &mut self,
        element: &'static Element,
        kind: &'static str,
        value: &'r Value,
        members: &'r Map<String, Value>,
    ) {
        let items = match (is_list(element), value) {
            (false, Value::Array(_)) => {
                let text = "expected a single value, found a list";
                return self.tell(Kind::Structure, text);
            }
            (false, Value::Null) => {
                return self.tell(Kind::Structure, "null is not allowed; leave the element out");
            }
            (false, single) => return self.value(element, kind, single),
            (true, Value::Array(items)) if items.is_empty() => {
                let text = "a list must not be empty; leave the element out";
                return self.tell(Kind::Structure, text);
            }
            (true, Value::Array(items)) => items,
            (true, other) => {
                return self.tell(Kind::Structure, primitive::not(other, "a list"));
            }
        };
        for (number, item) in items.iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.path.push(Step::Item(number));
            match item {
                Value::Null if has_extra(members, element, number) => {}
                Value::Null => self.tell(Kind::Structure, "null is not allowed here"),
                item => self.value(element, kind, item),
            }
            self.path.pop();
        }
    }

    /// Checks a single value.
    fn value(&mut self, element: &'static Element, kind: &'static str, value: &'r Value) {
        if kind == "Resource" {
            let contained = element.name == "contained";
            let place = if contained { Place::Contained } else { Place::Alone };
            return self.resource(value, place);
        }
        let Some(def) = self.r4.type_def(kind) else { return };
        if def.kind == TypeKind::Primitive {
            return self.primitive(element, kind, value);
        }
        let Value::Object(members) = value else {
            return self.tell(Kind::Structure, primitive::not(value, "an object"));
        };
        if self.is_bare(members) {
            return;
        }
        self.members(members, def, false);
        match kind {
            "Reference" => self.reference(element, members),
            "Extension" => self.extension(members),
            "CodeableConcept" => {
                if let Some((set, codes)) = self.bound(element)
                    && let Err(complaint) = codes::concept(value, set, codes)
                {
                    self.tell_as(codes::CODE_INVALID, complaint);
                }
            }
            _ => {}
        }
    }

    fn primitive(&mut self, element: &'static Element, kind: &str, value: &'r Value) {
        if let Err(complaint) = primitive::check(kind, value) {
            let right_type = match kind {
                "boolean" => value.is_boolean(),
                "integer" | "unsignedInt" | "positiveInt" | "decimal" => value.is_number(),
                _ => value.is_string(),
            };
            let kind = if right_type { Kind::Value } else { Kind::Structure };
            return self.tell(kind, complaint);
        }
        if let (Some((set, codes)), Some(code)) = (self.bound(element), value.as_str())
            && let Err(complaint) = codes::code(code, set, codes)
        {
            self.tell_as(codes::CODE_INVALID, complaint);
        }
    }

    /// The value set that is required of an element, if the table has its codes.
    fn bound(&self, element: &'static Element) -> Option<(&'static str, &'static [Code])> {
        let set = element.required.as_deref()?;
        self.r4.codes.get(set).map(|codes| (set, &codes[..]))
    }

    /// Checks the `_` sibling of a primitive element: id and extensions of its value or values.
    fn extra(&mut self, element: &'static Element, extra: &'r Value, value: Option<&'r Value>) {
        if !is_list(element) {
            return self.extra_one(extra);
        }
        let Value::Array(items) = extra else {
            return self.tell(Kind::Structure, primitive::not(extra, "a list, as its values are"));
        };
        let values = value.and_then(Value::as_array);
        if values.is_some_and(|values| values.len() != items.len()) {
            let text = format!(
                "{} values have {} items of extensions beside them; fill up with null",
                values.map_or(0, Vec::len),
                items.len()
            );
            return self.tell(Kind::Structure, text);
        }
        for (number, item) in items.iter().enumerate() {
            let alone = values.is_none_or(|values| values[number].is_null());
            self.path.push(Step::Item(number));
            match item {
                // A null value beside it has been complained about.
                Value::Null if alone && values.is_none() => {
                    self.tell(Kind::Structure, "neither a value nor extensions");
                }
                Value::Null => {}
                item => self.extra_one(item),
            }
            self.path.pop();
        }
    }

    fn extra_one(&mut self, extra: &'r Value) {
        let Value::Object(members) = extra else {
            let text = primitive::not(extra, "an object with id and extensions");
            return self.tell(Kind::Structure, text);
        };
        if members.is_empty() {
            return self.tell(Kind::Structure, "an object must not be empty");
        }
        if let Some(def) = self.r4.type_def("Element") {
            self.members(members, def, false);
        }
    }

    /// Complains about an object that says nothing (ele-1).
    fn is_bare(&mut self, members: &Map<String, Value>) -> bool {
        let bare = members.keys().all(|key| key == "id");
        if bare {
            let text = match members.len() {
                0 => "an object must not be empty; leave the element out",
                _ => "an element must have more than an id",
            };
            self.tell(Kind::Structure, text);
        }
        bare
    }

    fn reference(&mut self, element: &'static Element, members: &'r Map<String, Value>) {
        let outer = self.outer.unwrap_or(members);
        let contained = outer.get("contained").and_then(Value::as_array);
        let kind = outer.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let contained = contained.map_or(&[][..], |list| list);
        if let Err((member, complaint)) =
            reference::check(self.r4, members, element, contained, kind)
        {
            self.tell_of(member, Kind::Value, complaint);
        }
    }

    /// An extension has a value or extensions, not both (ext-1).
    fn extension(&mut self, members: &Map<String, Value>) {
        let valued =
            members.keys().any(|key| key.strip_prefix('_').unwrap_or(key).starts_with("value"));
        match (valued, members.contains_key("extension")) {
            (true, true) => {
                let text = "an extension has a value or extensions, not both";
                self.tell(Kind::Rule, text);
            }
            (false, false) => self.tell(Kind::Rule, "an extension needs a value or extensions"),
            _ => {}
        }
    }
}

/// The elements of an object that were met. No type of R4 has as many as 128.
#[derive(Default)]
struct Seen(u128);

impl Seen {
    /// Notes an element; says whether it was met before.
    fn add(&mut self, at: usize) -> bool {
        let bit = 1_u128 << (at % 128);
        let before = self.0 & bit != 0;
        self.0 |= bit;
        before
    }

    fn has(&self, at: usize) -> bool {
        self.0 & (1_u128 << (at % 128)) != 0
    }
}

fn is_list(element: &Element) -> bool {
    element.max != Some(1)
}

/// Whether a null in a list of primitives stands beside extensions, which it then stands for. A
/// list is never a choice, so its name is its key.
fn has_extra(members: &Map<String, Value>, element: &Element, number: usize) -> bool {
    let extra = members.get(&format!("_{}", element.name));
    extra.and_then(|extra| extra.get(number)).is_some_and(Value::is_object)
}

/// `value[x]`.
fn shown_name(element: &Element) -> String {
    format!("{}{}", element.name, if element.choice { "[x]" } else { "" })
}

/// `value` and `string` → `valueString`.
fn joined(element: &Element, kind: &str) -> String {
    let mut letters = kind.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    element.name.chars().chain(first).chain(letters).collect()
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
