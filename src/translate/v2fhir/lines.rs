//! Rows of the tables → lines of a mapping. A slot is a field, `PID-3`, or in a list of repetitions
//! nothing, so that `.1` is its first component.

use std::collections::{BTreeMap, BTreeSet};

use super::node::Node;
use super::tables::{Row, Tables};
use crate::fhir::definitions::{Definitions, Element};

/// Deepest nesting of data types in data types.
const MAX_DEPTH: usize = 3;

/// Makes lines, and remembers the code tables they name.
pub(super) struct Lines<'t> {
    tables: &'t Tables,
    segment: &'t str,
    used: BTreeSet<String>,
    authority: bool,
    /// `value` of `value[x]`, where branches decide.
    decided: Option<String>,
}

/// Where lines are made.
#[derive(Clone)]
struct At<'a> {
    /// What they begin with: `identifier[0].`, or nothing.
    path: String,
    /// The type of what they are in.
    ty: &'a str,
    /// The slot: `PID-3`, or empty in a repetition.
    slot: String,
    depth: usize,
}

/// The element that an attribute of the tables means.
struct Target {
    /// As it is written in a mapping.
    path: String,
    /// Its type.
    ty: &'static str,
    /// The type of what it is in, and what the path to there is, with a final dot.
    parent: &'static str,
    parent_path: String,
    list: bool,
    element: &'static Element,
}

impl<'t> Lines<'t> {
    pub fn new(tables: &'t Tables, segment: &'t str) -> Self {
        Lines { tables, segment, used: BTreeSet::new(), authority: false, decided: None }
    }

    /// The resource that a segment becomes.
    pub fn resource(&mut self, kind: &str, each: Option<&str>) -> Node {
        let alias = kind.to_lowercase();
        let mut kids = Vec::new();
        if let Some(each) = each {
            kids.push(Node::word(format!("each: {each}")));
        }
        let key = match (self.segment, each) {
            ("PID", None) => Node::word("key: pid(PID-3.1)"),
            ("PV1", None) => Node::word("key: vn(PV1-19.1)"),
            (_, each) => {
                let number = if each.is_some() { ", n" } else { "" };
                let space: String = alias.chars().take(16).collect();
                Node::word(format!("key: {space}(MSH-10{number})"))
                    .note("choose what names the thing")
            }
        };
        kids.push(key);
        let rows = self.tables.segment(self.segment, kind);
        let mut fields: BTreeMap<(usize, String), Vec<&Row>> = BTreeMap::new();
        for row in rows {
            // The order of the fields, which the first row of each has.
            let n = rows.iter().position(|other| other.id == row.id).unwrap_or(0);
            fields.entry((n, row.id.clone())).or_default().push(row);
        }
        let mut written = BTreeSet::new();
        for rows in fields.into_values() {
            kids.extend(self.field(kind, &rows, &mut written));
        }
        let many = if each.is_some() { "[]" } else { "" };
        Node::new(format!("{kind} {alias}{many}:")).with(kids)
    }

    /// The code tables that the lines name.
    pub fn codes(&self) -> Option<Node> {
        let mut kids = Vec::new();
        for name in &self.used {
            let rows = self.tables.codes(name).unwrap_or_default();
            let (mut legacy, mut fhir) = (BTreeSet::new(), BTreeSet::new());
            let mut lines = Vec::new();
            for (from, to) in rows {
                if !legacy.insert(from) {
                    lines.push(Node::off(
                        format!("- {from} --> {to}"),
                        "the code has a row already",
                    ));
                    continue;
                }
                let arrow = if fhir.insert(to) { "<->" } else { "-->" };
                lines.push(Node::new(format!("- {} {arrow} {}", quoted(from), quoted(to))));
            }
            kids.push(Node::new(format!("{}:", table_name(name))).with(lines));
        }
        if self.authority {
            let row = Node::new("- \"* <-> urn:x-hd:*\"").note("add a row for each authority");
            kids.push(Node::new("authority:").with(vec![row]));
        }
        (!kids.is_empty()).then(|| Node::new("codes:").with(kids))
    }

    /// The rows of one field.
    fn field(&mut self, kind: &str, rows: &[&Row], written: &mut BTreeSet<String>) -> Vec<Node> {
        let Some(first) = rows.first() else { return Vec::new() };
        let mut nodes = vec![Node::comment(format!("{} {}", first.id, first.name))];
        let whole = At { path: String::new(), ty: kind, slot: first.id.clone(), depth: 0 };
        if let Some(branches) = self.branches(rows, &whole, written) {
            nodes.push(branches);
            return nodes;
        }
        let mut rest = rows.to_vec();
        while !rest.is_empty() {
            let row = rest.remove(0);
            let target = target(&row.attribute, &whole);
            // A repeating field that fills a list: one item per repetition.
            if let Ok(target) = &target
                && target.list
                && row.repeats
                && is_complex(target.ty)
                && row.assignment.is_empty()
                && self.segment.len() == 3
                && first.id.contains('-')
            {
                let stem = format!("{}.", row.attribute.trim());
                let (mine, others): (Vec<&Row>, Vec<&Row>) =
                    rest.iter().copied().partition(|r| r.attribute.trim().starts_with(&stem));
                rest = others;
                nodes.push(self.items(row, target, &stem, &mine));
                continue;
            }
            nodes.extend(self.row(row, &whole, written));
        }
        if first.id.contains('-') {
            without_lone_constants(&mut nodes);
        }
        nodes
    }

    /// `identifier[pid3][]: { each: PID-3, … }`.
    fn items(&mut self, row: &Row, target: &Target, stem: &str, more: &[&Row]) -> Node {
        let at = At { path: String::new(), ty: target.ty, slot: String::new(), depth: 1 };
        let mut kids = vec![Node::word(format!("each: {}", row.id)), Node::word("by: position")];
        let mut written = BTreeSet::new();
        kids.extend(self.expand(row, &at, &mut written));
        for other in more {
            let attribute = other.attribute.trim().trim_start_matches(stem).to_owned();
            let inner = Row { attribute, ..(*other).clone() };
            kids.extend(self.row(&inner, &at, &mut written));
        }
        let tag = row.id.to_lowercase().replace('-', "");
        let name = target.path.split('[').next().unwrap_or("");
        Node::new(format!("{name}[{tag}][]:")).with(kids)
    }

    /// `one_of value:` for rows that say different types of one element under conditions.
    fn branches(&mut self, rows: &[&Row], at: &At, written: &mut BTreeSet<String>) -> Option<Node> {
        let mut branches = Vec::new();
        let mut named = None;
        for row in rows {
            // The element itself: `valueQuantity` of `valueQuantity.value`.
            let first = row.attribute.trim().split('.').next().unwrap_or_default();
            let target = target(first, at).ok().filter(|t| t.element.choice);
            let (Some(target), Some(guard)) = (target, guard(&row.condition)) else { continue };
            let name = named.get_or_insert_with(|| target.element.name.clone());
            if *name != target.element.name || !row.assignment.is_empty() {
                continue;
            }
            let mut own = BTreeSet::new();
            let lines: Vec<Node> =
                self.row(&Row { condition: String::new(), ..(*row).clone() }, at, &mut own);
            if lines.iter().any(Node::says_something) {
                written.extend(own);
                branches.push(Node::new(format!("- when: {guard}")).with(lines));
            }
        }
        if branches.len() < 2 {
            return None;
        }
        let name = named.unwrap_or_default();
        self.decided = Some(name.clone());
        Some(Node::new(format!("one_of {name}:")).with(branches))
    }

    /// The lines of a row.
    fn row(&mut self, row: &Row, at: &At, written: &mut BTreeSet<String>) -> Vec<Node> {
        let raw = format!(
            "{}: {}",
            row.attribute.trim(),
            if row.assignment.is_empty() { &row.id } else { &row.assignment }
        );
        let off = |why: String| vec![Node::off(raw.replace('\n', " "), why)];
        let target = match target(&row.attribute, at) {
            Ok(target) => target,
            Err(why) => return off(why),
        };
        let first = row.attribute.trim().split('.').next().unwrap_or_default();
        let decided = |name: &str| {
            first
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        if at.depth == 0 && self.decided.as_deref().is_some_and(decided) {
            return off(format!("belongs into a branch; {}", row.condition.replace('\n', " ")));
        }
        if !row.assignment.is_empty() {
            let inner = row.assignment.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
            let Some(text) = inner.filter(|text| !text.contains(['"', '\n'])) else {
                return off("not a constant".to_owned());
            };
            // The url of an extension follows its value; any other constant would be there always.
            if !row.condition.is_empty() && !target.path.ends_with(".url") {
                return off(row.condition.replace('\n', " "));
            }
            if !written.insert(target.path.clone()) {
                return off("said already".to_owned());
            }
            let text = text.trim();
            let leaf = format!("{}: {}", target.path, constant(text));
            return vec![Node::new(leaf).note(row.condition.replace('\n', " "))];
        }
        if is_complex(target.ty) {
            let path = format!("{}.", target.path);
            let inner = At { path, ty: target.ty, slot: at.slot.clone(), depth: at.depth + 1 };
            return self.expand(row, &inner, written);
        }
        // A data type map that fills the object around: FN[HumanName] of `family`.
        if let Some(name) = inside(&row.map)
            && name.eq_ignore_ascii_case(target.parent)
            && self
                .tables
                .datatype(&row.map)
                .is_some_and(|rows| rows.iter().any(|r| !r.attribute.starts_with('$')))
        {
            let inner = At {
                path: target.parent_path.clone(),
                ty: target.parent,
                slot: at.slot.clone(),
                depth: at.depth + 1,
            };
            return self.expand(row, &inner, written);
        }
        if !written.insert(target.path.clone()) {
            let condition = row.condition.replace('\n', " ");
            return off(format!("said already; {condition}").trim_end_matches("; ").to_owned());
        }
        let slot = if at.slot.is_empty() { ".1".to_owned() } else { at.slot.clone() };
        let codec = self.codec(&target, row);
        let leaf = format!("{}: {slot}{codec}", target.path);
        vec![Node::new(leaf).note(row.condition.replace('\n', " "))]
    }

    /// The lines of a data type in an object.
    fn expand(&mut self, row: &Row, at: &At, written: &mut BTreeSet<String>) -> Vec<Node> {
        let raw = format!("{}: {}", row.attribute.trim(), row.id);
        if at.depth > MAX_DEPTH {
            return vec![Node::off(raw, "too deep")];
        }
        let Some(rows) = self.tables.datatype(&row.map).map(<[Row]>::to_vec) else {
            let why = if row.map.is_empty() {
                "the tables name no map of the data type"
            } else {
                "there is no such map of a data type"
            };
            return vec![Node::off(raw, why)];
        };
        let mut nodes = Vec::new();
        for inner in &rows {
            let Some((_, component)) = inner.id.split_once('.') else { continue };
            let slot = component_of(&at.slot, component);
            let own = At { slot, ..at.clone() };
            if at.ty == "Identifier" && inner.attribute.trim() == "system" {
                if written.insert(format!("{}system", at.path)) {
                    self.authority = true;
                    let [name, id, kind] = [1, 2, 3].map(|n| format!("{}.{n}", own.slot));
                    let leaf = format!("{}system: {name} {id} {kind} | hd(authority)", at.path);
                    nodes.push(Node::new(leaf));
                }
                continue;
            }
            let prefix = format!("{}.", at.ty);
            let attribute = inner.attribute.trim();
            let attribute = attribute.strip_prefix("[1].").unwrap_or(attribute);
            let attribute = attribute.strip_prefix(&prefix).unwrap_or(attribute).to_owned();
            let made = self.row(&Row { attribute, ..inner.clone() }, &own, written);
            nodes.extend(made);
        }
        nodes
    }

    /// What makes a value of a slot.
    fn codec(&mut self, target: &Target, row: &Row) -> String {
        match target.ty {
            "date" => " | date".to_owned(),
            "dateTime" | "instant" => " | datetime".to_owned(),
            "boolean" => " | bool(Y, N)".to_owned(),
            "integer" | "positiveInt" | "unsignedInt" => " | int".to_owned(),
            "decimal" => " | decimal".to_owned(),
            "code" if self.tables.codes(&row.vocabulary).is_some() => {
                self.used.insert(row.vocabulary.trim().to_owned());
                format!(" | code({})", table_name(&row.vocabulary))
            }
            _ => String::new(),
        }
    }
}

/// Comments out constants of a field in elements that nothing of the field fills: they would be there
/// always.
fn without_lone_constants(nodes: &mut [Node]) {
    let live = |node: &&Node| node.off.is_none() && !node.is_comment;
    let stem = |node: &Node| node.text.split(['.', ':']).next().unwrap_or_default().to_owned();
    let is_constant = |node: &Node| node.text.contains(": = ") || node.text.contains(": '= ");
    let filled: BTreeSet<String> =
        nodes.iter().filter(live).filter(|node| !is_constant(node)).map(stem).collect();
    for node in nodes.iter_mut() {
        if node.off.is_none() && is_constant(node) && !filled.contains(&stem(node)) {
            node.off = Some("nothing of the field stands beside it".to_owned());
        }
    }
}

/// `PID-3` and `4` → `PID-3.4`; in a repetition `.4`.
fn component_of(slot: &str, component: &str) -> String {
    let depth = slot.matches('.').count();
    // A subcomponent of the first component says so.
    if depth > 1 { slot.to_owned() } else { format!("{slot}.{component}") }
}

/// `FN[HumanName]` → `HumanName`.
fn inside(map: &str) -> Option<&str> {
    map.trim().split_once('[')?.1.strip_suffix(']')
}

fn is_complex(ty: &str) -> bool {
    ty.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The element of an attribute such as `identifier[2].type.coding.code`; or why there is none.
fn target(attribute: &str, at: &At) -> Result<Target, String> {
    let attribute = attribute.trim();
    if matches!(attribute, "$this" | "$value") || attribute.is_empty() {
        return Err("it means the element as a whole".to_owned());
    }
    if attribute.contains(['(', '=', '"', ' ', '-', ')']) && !attribute.starts_with("line[1-3]") {
        return Err("it needs a resource or condition of its own".to_owned());
    }
    let definitions = Definitions::r4();
    let mut ty: &'static str = definitions.type_def(at.ty).map_or("", |def| &def.name);
    let (mut parent, mut parent_path) = (ty, at.path.clone());
    let mut path = at.path.clone();
    let mut found: Option<(&'static Element, bool)> = None;
    for step in attribute.split('.') {
        let (name, index) = step.split_once('[').unwrap_or((step, ""));
        let digits = index.trim_end_matches(']').split('-').next().unwrap_or("");
        let Some((element, inner)) = definitions.json_child(ty, name) else {
            return Err(format!("FHIR has no {ty}.{name}"));
        };
        if !is_complex(ty) {
            return Err(format!("{ty} is a primitive: its extensions cannot be said"));
        }
        if found.is_some() {
            path.push('.');
        }
        (parent, parent_path) = (ty, path.clone());
        let list = element.max.is_none_or(|max| max > 1);
        path += name;
        if list {
            let number: usize = digits.parse().unwrap_or(1);
            path += &format!("[{}]", number.saturating_sub(1));
        }
        found = Some((element, list));
        ty = inner;
    }
    let (element, list) = found.ok_or("it names no element")?;
    Ok(Target { path, ty, parent, parent_path, list, element })
}

/// `IF OBX-2 EQUALS "NM"`, `IF OBX-2 IN ("ST", "TX")` → a condition of the language.
fn guard(condition: &str) -> Option<String> {
    let text = condition.trim().strip_prefix("IF ")?.trim();
    if let Some((slot, value)) = text.split_once(" EQUALS ") {
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        return (is_slot(slot) && is_word(value)).then(|| format!("{} = {value}", slot.trim()));
    }
    let (slot, values) = text.split_once(" IN ")?;
    let values = values.trim().strip_prefix('(')?.strip_suffix(')')?;
    let values: Option<Vec<&str>> = values
        .split(',')
        .map(|v| v.trim().strip_prefix('"')?.strip_suffix('"').filter(|v| is_word(v)))
        .collect();
    is_slot(slot).then_some(())?;
    Some(format!("{} in ({})", slot.trim(), values?.join(", ")))
}

fn is_slot(text: &str) -> bool {
    let text = text.trim();
    text.len() > 4
        && text.contains('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// `PatientClass[EncounterStatus]` → `PatientClass_EncounterStatus`.
fn table_name(name: &str) -> String {
    let plain: String =
        name.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    plain.trim_matches('_').to_owned()
}

/// A constant as a leaf, in quotes where YAML wants them.
fn constant(text: &str) -> String {
    let plain = !text.contains(": ") && !text.contains(" #") && !text.ends_with(':');
    if plain { format!("= {text}") } else { format!("'= {}'", text.replace('\'', "''")) }
}

/// A code of a row in quotes where it is not a word.
fn quoted(code: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '/');
    if code.chars().all(plain) { code.to_owned() } else { format!("\"{code}\"") }
}
