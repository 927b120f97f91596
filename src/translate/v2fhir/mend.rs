//! The compiler's word on a skeleton: lines it refuses are commented out or follow the owner of
//! their slot; elements that FHIR requires are added, to be chosen by a person.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::{Node, at_line, at_path, comment_out, render};
use crate::fhir::Severity;
use crate::fhir::definitions::{Definitions, Element};
use crate::translate::compile::{Diagnostic, FileSource, compile};
use crate::translate::library::SourceFile;
use crate::translate::plan::Party;

/// Each round changes a line; a skeleton has fewer.
const MOST_ROUNDS: usize = 500;

struct One(HashMap<String, String>);

impl FileSource for One {
    fn file(&self, path: &str) -> Option<SourceFile> {
        let text: Arc<str> = self.0.get(path)?.as_str().into();
        Some(SourceFile { shown: path.to_owned(), text, path: None })
    }
}

/// The text of a skeleton that compiles.
pub(super) fn mend(name: &str, kind: &str, mut nodes: Vec<Node>) -> String {
    for _ in 0..MOST_ROUNDS {
        let text = render(&nodes);
        let Some(mistake) = first_mistake(name, text.clone()) else { return text };
        if !mend_one(&mut nodes, kind, &mistake) {
            break;
        }
    }
    render(&nodes)
}

fn first_mistake(name: &str, text: String) -> Option<Diagnostic> {
    let party = Party { name: "local".to_owned(), title: "local".to_owned(), uscc: None };
    let files = One(HashMap::from([(format!("{name}/mapping.yaml"), text)]));
    let found = compile(name, &party, &files).err()?;
    found.into_iter().find(|d| d.severity >= Severity::Error)
}

fn mend_one(nodes: &mut [Node], kind: &str, mistake: &Diagnostic) -> bool {
    let Some(path) = at_line(nodes, mistake.line as usize) else { return false };
    if mistake.code == "M004"
        && let Some(missing) = mistake.message.strip_suffix(" is never written")
    {
        return add(nodes, kind, &path, missing);
    }
    let Some(node) = at_path(nodes, &path) else { return false };
    if node.off.is_some() || node.is_word || path.len() < 3 {
        return false;
    }
    if matches!(mistake.code, "M007" | "M028") && !node.text.contains("| copy") {
        // The flag stands directly after the slot.
        let text = match node.text.split_once(" | ") {
            Some((slot, codecs)) => format!("{slot} | copy | {codecs}"),
            None => format!("{} | copy", node.text),
        };
        node.text = text;
        return true;
    }
    // A code that FHIR does not take: its row goes, not the line that names the table.
    let code =
        mistake.message.strip_prefix("the table '").and_then(|rest| rest.split_once("' yields '"));
    if let (true, Some((table, rest))) = (mistake.code == "M005", code)
        && let Some((code, _)) = rest.split_once('\'')
        && row_out(nodes, table, code)
    {
        return true;
    }
    // Of two elements that exclude each other the one goes that the other stands beside.
    let other = mistake.message.split_once(" stands beside ").map(|(_, other)| other);
    if let (true, Some(other)) = (mistake.code == "M035", other)
        && let Some(resource) = at_path(nodes, &path[..2])
        && let Some(kid) =
            resource.kids.iter_mut().find(|k| k.off.is_none() && k.text.starts_with(other))
    {
        kid.off = Some(mistake.message.clone());
        return true;
    }
    comment_out(nodes, &path, &mistake.message);
    true
}

/// Comments out the first live row of a code table that yields a code.
fn row_out(nodes: &mut [Node], table: &str, code: &str) -> bool {
    let codes = nodes.iter_mut().find(|node| node.text == "codes:");
    let tables = codes.map(|node| &mut node.kids[..]).unwrap_or_default();
    let Some(table) = tables.iter_mut().find(|t| t.text == format!("{table}:")) else {
        return false;
    };
    let ends = [format!("> {code}"), format!("> \"{code}\"")];
    let row = table
        .kids
        .iter_mut()
        .find(|row| row.off.is_none() && ends.iter().any(|end| row.text.ends_with(end)));
    let Some(row) = row else { return false };
    row.off = Some("FHIR does not take this code here".to_owned());
    true
}

/// Adds an element that FHIR requires, below the resource or block whose line says so.
fn add(nodes: &mut [Node], kind: &str, path: &[usize], missing: &str) -> bool {
    let Some((above, name)) = missing.rsplit_once('.') else { return false };
    let definitions = Definitions::r4();
    let mut ty = above.split('.').next().unwrap_or(kind);
    for step in above.split('.').skip(1) {
        let Some((_, inner)) = definitions.json_child(ty, step) else { return false };
        ty = inner;
    }
    let Some(def) = definitions.type_def(ty) else { return false };
    let plain = name.trim_end_matches("[x]");
    let Some(element) = def.elements.iter().find(|e| e.name == plain) else { return false };
    let Some(made) = placeholder(element, 0) else { return false };
    let needs_patient = made.contains("-> patient");
    let Some(node) = at_path(nodes, path) else { return false };
    let made = Node::new(made).note("FHIR requires it: choose");
    let (made, place, around) = match node.kids.is_empty() {
        false => (made, node.kids.len(), path),
        // A dotted line stands for the objects on its way: the element is written beside it.
        true => {
            let Some(stem) = stem_of(&node.text, above) else { return false };
            let text = format!("{stem}.{}", made.text);
            let Some((mine, around)) = path.split_last() else { return false };
            (Node { text, ..made }, mine + 1, around)
        }
    };
    let Some(parent) = at_path(nodes, around) else { return false };
    if parent.kids.iter().any(|kid| kid.text == made.text) {
        // It did not help: the line that asks for it goes.
        comment_out(nodes, path, &format!("{missing} is missing"));
        return true;
    }
    parent.kids.insert(place, made);
    if needs_patient {
        add_patient(nodes, kind);
    }
    true
}

/// The part of a dotted path that leads to an object: `extension[0]` of
/// `extension[0].valueCode: …` for `Patient.extension`.
fn stem_of<'t>(text: &'t str, above: &str) -> Option<&'t str> {
    let stem = text.split(": ").next()?;
    let wanted: Vec<&str> = above.split('.').collect();
    let mut end = 0;
    for step in stem.split('.') {
        end += step.len();
        let steps = stem[..end].split('.').map(|step| step.split('[').next().unwrap_or(step));
        let steps: Vec<&str> = steps.collect();
        if wanted.ends_with(&steps) {
            return Some(&stem[..end]);
        }
        end += 1;
    }
    None
}

/// What can stand for a required element until a person chooses.
fn placeholder(element: &Element, depth: usize) -> Option<String> {
    let list = element.max.is_none_or(|max| max > 1);
    let tag = if list { "[0]" } else { "" };
    let ty = element.types.first()?.as_str();
    let name = if element.choice { capital(&element.name, ty) } else { element.name.clone() };
    let path = format!("{name}{tag}");
    Some(match ty {
        "code" => format!("{path}: = {}", first_code(element)),
        "boolean" => format!("{path}: = true"),
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => format!("{path}: = 1"),
        "date" => format!("{path}: = 1900-01-01"),
        "dateTime" | "instant" => format!("{path}: MSH-7 | copy | datetime"),
        "CodeableConcept" => format!("{path}.text: = unknown"),
        "Coding" => format!("{path}.display: = unknown"),
        "Reference" if element.targets.is_empty() || has(&element.targets, "Patient") => {
            format!("{path}: -> patient")
        }
        "Reference" => format!("{path}.display: = unknown"),
        "Identifier" => format!("{path}.value: = unknown"),
        "Attachment" => format!("{path}.title: = unknown"),
        "string" | "uri" | "url" | "markdown" | "canonical" => format!("{path}: = unknown"),
        // A part of a resource: the first element that it requires.
        part => {
            let def = Definitions::r4().type_def(part).filter(|_| depth < 4)?;
            let first = def.elements.iter().find(|e| e.min > 0)?;
            format!("{path}.{}", placeholder(first, depth + 1)?)
        }
    })
}

fn has(all: &[String], one: &str) -> bool {
    all.iter().any(|target| target == one)
}

/// `value` and `Quantity` → `valueQuantity`.
fn capital(name: &str, ty: &str) -> String {
    let mut chars = ty.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    format!("{name}{}{}", first.map(String::from).unwrap_or_default(), chars.as_str())
}

/// `unknown` if the required binding has it, else its first code.
fn first_code(element: &Element) -> String {
    let codes = element.required.as_ref().and_then(|url| Definitions::r4().codes.get(url));
    let Some(codes) = codes else { return "unknown".to_owned() };
    let unknown = codes.iter().find(|code| code.code == "unknown");
    unknown.or(codes.first()).map_or("unknown".to_owned(), |code| code.code.clone())
}

/// A patient for references to one, if there is none.
fn add_patient(nodes: &mut [Node], kind: &str) {
    let Some(resources) = nodes.iter_mut().find(|node| node.text == "resources:") else { return };
    let there = resources.kids.iter().any(|node| node.text.starts_with("Patient patient"));
    if !there && kind != "Patient" {
        let kids = vec![Node::word("key: pid(PID-3.1)"), Node::new("identifier[0].value: PID-3.1")];
        let note = "what the references mean; better `use:` it from the mapping of PID";
        resources.kids.push(Node::new("Patient patient:").note(note).with(kids));
    }
}
