//! Random edits of the FHIR side: another value of a leaf, or items of a list inserted, removed or
//! in another order.

use serde_json::Value as Json;

use super::compare::{Facts, difference};
use super::random;
use crate::fhir::{Issue, Severity};
use crate::legacy::{Charsets, Record, Scope, Write};
use crate::translate::codec::Around;
use crate::translate::explain::dotted;
use crate::translate::get::{get, trace};
use crate::translate::marks::has_marks;
use crate::translate::plan::{By, Drive, Flag, Input, Item, Leaf, Object, Pos, Program, Value};
use crate::translate::put::put;

/// An edit of one place.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    /// The resource, by `request.url` of its entry.
    url: String,
    /// JSON pointer in the resource: of a value, or of a list.
    pointer: String,
    what: What,
    /// The leaf, where a value is edited.
    leaf: Option<Box<Leaf>>,
    /// The rule whose part it is.
    pos: Pos,
    slots: Vec<String>,
    /// A guard looks at the slot: the edit decides which other parts there are.
    decides: bool,
    /// Items are found by key: their order is the record's.
    keyed: bool,
    /// An item of the list may be what the resource is known by.
    names: bool,
}

#[derive(Debug, Clone)]
enum What {
    Set { old: Json, new: Json },
    Insert { after: usize, item: Json },
    Remove(usize),
    Swap(usize, usize),
}

/// What is wrong after an edit.
pub(super) struct Found {
    pub put_get: Option<String>,
    pub frame: Option<String>,
}

/// A random edit of what a record says.
pub(super) fn random(facts: &Facts, record: &Record, rng: &mut fastrand::Rng) -> Option<Edit> {
    let bundle: Json = serde_json::from_str(&get(facts.program, record).bundle).ok()?;
    if rng.u8(..4) == 0
        && let Some(edit) = of_list(facts, record, &bundle, rng)
    {
        return Some(edit);
    }
    of_leaf(facts, record, &bundle, rng)
}

/// The entry of a resource.
fn entry<'b>(bundle: &'b Json, url: &str) -> Option<&'b Json> {
    bundle["entry"].as_array()?.iter().find(|e| e["request"]["url"] == url)
}

fn of_leaf(facts: &Facts, record: &Record, bundle: &Json, rng: &mut fastrand::Rng) -> Option<Edit> {
    let (eval, trace) = trace(facts.program, record);
    let mut spots = Vec::new();
    for traced in &trace {
        let leaf = traced.leaf;
        let slots = matches!(leaf.input, Input::Slots(_) | Input::Scanned(..) | Input::Cases(_));
        if !slots || leaf.flag != Flag::Own || leaf.in_key || leaf.fixed {
            continue;
        }
        // A default or fallback that was read instead is not this leaf's slot.
        let stands = match &leaf.input {
            Input::Slots(_) => eval.input_one(&leaf.input, traced.scope).is_some(),
            _ => true,
        };
        let url = eval.instances[traced.instance].reference.as_deref();
        if let Some(url) = url.filter(|url| stands && entry(bundle, url).is_some()) {
            spots.push((url, traced));
        }
    }
    let (url, traced) = rng.choice(&spots)?;
    let old = entry(bundle, url)?["resource"].pointer(&traced.pointer)?.clone();
    let leaf = traced.leaf;
    let new = random::another(facts.program, &eval.around, leaf, &old, rng)?;
    if !writable(record, &eval.around, leaf, traced.scope, &new) {
        return None;
    }
    Some(Edit {
        url: (*url).to_owned(),
        pointer: traced.pointer.clone(),
        what: What::Set { old, new },
        leaf: Some(Box::new(leaf.clone())),
        pos: leaf.pos,
        slots: leaf.slots.clone(),
        decides: facts.decides(leaf),
        keyed: false,
        names: false,
    })
}

/// Whether the record can hold a value: its format refuses some aloud, and those are no case.
fn writable(record: &Record, around: &Around, leaf: &Leaf, scope: Scope, new: &Json) -> bool {
    let Input::Slots(alternatives) = &leaf.input else { return true };
    let Some(texts) = random::encoded(leaf, around, new) else { return true };
    let mut editor = record.edit();
    alternatives.iter().flatten().zip(texts).all(|(slot, text)| match text {
        Some(text) => editor.write(scope, slot, Write::Text(&text)).is_ok(),
        None => true,
    })
}

/// A list that a list of the record drives, as it stands in a resource.
struct Spot<'p> {
    url: String,
    pointer: String,
    rule: &'p Item,
    /// It stands in a branch, which may hold only while the list is as it is.
    conditional: bool,
    /// The items of that rule.
    mine: Vec<usize>,
    /// How many there are in all.
    len: usize,
}

fn of_list(facts: &Facts, record: &Record, bundle: &Json, rng: &mut fastrand::Rng) -> Option<Edit> {
    let (eval, _) = trace(facts.program, record);
    let mut spots = Vec::new();
    for instance in &eval.instances {
        let Some(url) = instance.reference.as_deref() else { continue };
        let Some(entry) = entry(bundle, url) else { continue };
        let body = &facts.program.rules[instance.rule].body;
        lists(body, &entry["resource"], url, &mut String::new(), &mut spots);
    }
    let spot = rng.choice(&spots)?;
    let at = *rng.choice(&spot.mine)?;
    let what = match rng.u8(..3) {
        0 if spot.len > 1 => What::Remove(at),
        1 if spot.mine.len() > 1 => {
            let other = *rng.choice(spot.mine.iter().filter(|n| **n != at).collect::<Vec<_>>())?;
            What::Swap(at, other)
        }
        _ => {
            let list = entry(bundle, &spot.url)?["resource"].pointer(&spot.pointer)?;
            let mut item = list.get(at)?.clone();
            let changed = renew(facts, &eval.around, &spot.rule.value, &mut item, rng);
            if !changed {
                return None;
            }
            What::Insert { after: at, item }
        }
    };
    let Drive::Each(each) = &spot.rule.drive else { return None };
    Some(Edit {
        url: spot.url.clone(),
        pointer: spot.pointer.clone(),
        what,
        leaf: None,
        pos: spot.rule.pos,
        slots: vec![each.shown.clone()],
        decides: spot.conditional,
        keyed: !matches!(each.by, By::Position),
        names: in_key(&spot.rule.value),
    })
}

fn lists<'p>(
    object: &'p Object,
    json: &Json,
    url: &str,
    pointer: &mut String,
    out: &mut Vec<Spot<'p>>,
) {
    for field in object.fields.iter().filter(|f| !f.name.is_empty()) {
        let Some(inner) = json.get(&field.name) else { continue };
        let before = pointer.len();
        *pointer += "/";
        *pointer += &field.name;
        match (&field.value, inner) {
            (Value::Object(object), _) => lists(object, inner, url, pointer, out),
            (Value::List(rules), Json::Array(items)) => {
                of_rules(rules, items, url, pointer, field.branch.is_some(), out);
            }
            _ => {}
        }
        pointer.truncate(before);
    }
}

fn of_rules<'p>(
    rules: &'p [Item],
    items: &[Json],
    url: &str,
    pointer: &str,
    conditional: bool,
    out: &mut Vec<Spot<'p>>,
) {
    let owner = |item: &Json| {
        let fits = rules.iter().enumerate().filter(|(_, rule)| has_marks(item, &rule.marks));
        fits.max_by_key(|(_, rule)| rule.marks.len()).map(|(n, _)| n)
    };
    let owners: Vec<Option<usize>> = items.iter().map(owner).collect();
    for (n, rule) in rules.iter().enumerate() {
        let listed = matches!(&rule.drive, Drive::Each(each) if !each.steps.is_empty());
        // Several rules without constants tell their items apart by what they say.
        let sure = rules.len() == 1 || !rule.marks.is_empty();
        let mine: Vec<usize> = (0..items.len()).filter(|i| owners[*i] == Some(n)).collect();
        if listed && sure && rule.branch.is_none() && !mine.is_empty() {
            let (url, pointer) = (url.to_owned(), pointer.to_owned());
            out.push(Spot { url, pointer, rule, conditional, mine, len: items.len() });
        }
    }
}

/// Whether a leaf of an item reads a slot of a key.
fn in_key(value: &Value) -> bool {
    match value {
        Value::Leaf(leaf) => leaf.in_key,
        Value::Object(object) => object.fields.iter().any(|field| in_key(&field.value)),
        Value::List(items) => items.iter().any(|item| in_key(&item.value)),
        Value::Const(_) | Value::Ref(_) => false,
    }
}

/// Gives the leaves of an item other values; those that a guard looks at stay.
fn renew(
    facts: &Facts,
    around: &Around,
    value: &Value,
    json: &mut Json,
    rng: &mut fastrand::Rng,
) -> bool {
    let set = |leaf: &Leaf, json: &mut Json, rng: &mut fastrand::Rng| {
        let slots = matches!(leaf.input, Input::Slots(_));
        if !slots || leaf.flag != Flag::Own || facts.decides(leaf) {
            return false;
        }
        let new = random::another(facts.program, around, leaf, json, rng);
        new.map(|new| *json = new).is_some()
    };
    match value {
        Value::Leaf(leaf) => set(leaf, json, rng),
        Value::Object(object) => {
            let mut any = false;
            for field in &object.fields {
                let Some(inner) = json.get_mut(&field.name) else { continue };
                any |= match &field.value {
                    Value::List(rules) => match (&rules[..], inner.as_array_mut()) {
                        ([rule], Some(items)) if items.len() == 1 => {
                            renew(facts, around, &rule.value, &mut items[0], rng)
                        }
                        _ => false,
                    },
                    value => renew(facts, around, value, inner, rng),
                };
            }
            any
        }
        Value::Const(_) | Value::Ref(_) | Value::List(_) => false,
    }
}

/// Whether an issue says that no text like this can be written there.
fn told_as_unwritable(issue: &Issue) -> bool {
    issue.severity >= Severity::Error && issue.code == "value"
}

impl Edit {
    /// Edits the view of a record (the `nth` of its file), puts it back and reads it again. `None`: the edit does not fit
    /// this record.
    pub fn check(&self, facts: &Facts, record: &Record, nth: usize) -> Option<Found> {
        let program = facts.program;
        let before: Json = serde_json::from_str(&get(program, record).bundle).ok()?;
        let wanted = self.apply(&before)?;
        let output = put(program, &wanted, record);
        let failed = |what: String| Some(Found { put_get: Some(what), frame: None });
        let charsets = Charsets { channel: Some(record.text().charset), ..Charsets::default() };
        let file = match program.schema.read(&output.bytes, &charsets) {
            Ok(file) => file,
            Err(error) => return failed(format!("cannot be read again: {error}")),
        };
        let Some(written) = file.records.get(nth) else {
            return failed("no record is left".to_owned());
        };
        let after: Json = serde_json::from_str(&get(program, written).bundle).unwrap_or_default();
        if self.names && entry(&after, &self.url).is_none() {
            // Another resource by its key.
            return None;
        }
        let seen = |bundle: &Json| facts.resources(bundle, &self.slots);
        let (mut want, mut got) = (seen(&wanted), seen(&after));
        if self.keyed {
            self.sort(&mut want);
            self.sort(&mut got);
        }
        // A value that a guard looks at decides which other parts there are: the edit itself must
        // be read again, or be refused aloud. So may an item for which there is no room.
        let aloud = output.issues.iter().any(|issue| issue.text.starts_with("lost:"));
        // What no record of this charset, list or width can hold is refused aloud.
        let unwritable = output.issues.iter().any(told_as_unwritable);
        let itself = match &self.what {
            What::Set { new, .. } => {
                let value =
                    entry(&after, &self.url).and_then(|e| e["resource"].pointer(&self.pointer));
                self.decides && (aloud || value == Some(new))
            }
            What::Insert { .. } => aloud,
            // A branch that holds for several values cannot say one alone, and says so.
            What::Remove(_) => self.decides && aloud,
            What::Swap(..) => false,
        };
        let put_get = (want != got && !itself && !unwritable).then(|| difference(&want, &got));
        let same = self.removes() || facts.unclaimed(record) == facts.unclaimed(written);
        let frame = (!same).then(|| "an unclaimed slot changed".to_owned());
        Some(Found { put_get, frame })
    }

    /// Whether a part of the record goes, with all that stands in it.
    pub fn removes(&self) -> bool {
        matches!(self.what, What::Remove(_))
    }

    /// The Bundle with the edit.
    fn apply(&self, before: &Json) -> Option<Json> {
        let mut bundle = before.clone();
        let entries = bundle["entry"].as_array_mut()?;
        let entry = entries.iter_mut().find(|e| e["request"]["url"] == *self.url)?;
        let place = entry["resource"].pointer_mut(&self.pointer)?;
        match &self.what {
            What::Set { new, .. } => *place = new.clone(),
            What::Insert { after, item } => {
                let items = place.as_array_mut()?;
                items.insert((after + 1).min(items.len()), item.clone());
            }
            What::Remove(at) => {
                let items = place.as_array_mut()?;
                (*at < items.len()).then(|| items.remove(*at))?;
            }
            What::Swap(a, b) => {
                let items = place.as_array_mut()?;
                (*a < items.len() && *b < items.len()).then(|| items.swap(*a, *b))?;
            }
        }
        Some(bundle)
    }

    /// Puts the items of the edited list into an order of their own.
    fn sort(&self, resources: &mut [(String, Json)]) {
        let mine = resources.iter_mut().find(|(url, _)| *url == self.url);
        let list =
            mine.and_then(|(_, r)| r.pointer_mut(&self.pointer)).and_then(Json::as_array_mut);
        if let Some(items) = list {
            items.sort_by_cached_key(ToString::to_string);
        }
    }

    /// The same edit with shorter texts.
    pub fn shorter(&self, facts: &Facts) -> Vec<Edit> {
        let (What::Set { old, new: Json::String(text) }, Some(leaf)) = (&self.what, &self.leaf)
        else {
            return Vec::new();
        };
        let around = crate::translate::eval::around(facts.program, None);
        let chars: Vec<char> = text.chars().collect();
        if chars.len() < 2 {
            return Vec::new();
        }
        let without = |n: usize| -> String {
            chars.iter().enumerate().filter(|(i, _)| *i != n).map(|(_, c)| *c).collect()
        };
        let texts = (0..chars.len())
            .map(without)
            .map(Json::String)
            .filter(|new| new != old && random::reads_back(leaf, &around, new));
        let set = |new| Edit { what: What::Set { old: old.clone(), new }, ..self.clone() };
        texts.map(set).collect()
    }

    /// `hospital-adt/mapping.yaml:64:5 Patient.gender: edit "male" -> "other" in PID-8`.
    pub fn shown(&self, program: &Program) -> String {
        let kind = self.url.split('/').next().unwrap_or("?");
        let what = match &self.what {
            What::Set { old, new } => format!("edit {old} -> {new}"),
            What::Insert { after, item } => format!("insert {item} after item {after}"),
            What::Remove(at) => format!("remove item {at}"),
            What::Swap(a, b) => format!("swap items {a} and {b}"),
        };
        let (rule, slots) = (program.place(self.pos), self.slots.join(" "));
        format!("{rule} {kind}{}: {what} in {slots}", dotted(&self.pointer))
    }
}
