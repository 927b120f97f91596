//! Marks: the constants by which an item, a branch or a resource is recognised on the way back.

use serde_json::Value as Json;

use super::plan::{Drive, Object, Value};

/// Path of keys (list steps are `0`) → JSON text.
pub type Marks = Vec<(Vec<String>, String)>;

/// The unguarded constants of an object.
pub(super) fn marks_of(object: &Object) -> Marks {
    let mut marks = Marks::new();
    collect(object, &mut Vec::new(), &mut marks);
    marks
}

/// Whether a JSON value bears all marks. In a list any item may bear the rest of a path.
pub(super) fn has_marks(json: &Json, marks: &[(Vec<String>, String)]) -> bool {
    marks.iter().all(|(path, text)| at_path(json, path, text))
}

fn collect(object: &Object, path: &mut Vec<String>, marks: &mut Marks) {
    for field in object.fields.iter().filter(|f| f.branch.is_none() && f.when.is_none()) {
        path.push(field.name.clone());
        match &field.value {
            Value::Const(text) => marks.push((path.clone(), text.clone())),
            Value::Object(inner) if !inner.has_data => collect(inner, path, marks),
            Value::List(items) => {
                for item in items {
                    let plain = item.branch.is_none() && item.when.is_none();
                    if let (true, Drive::Once, Value::Object(inner)) =
                        (plain, &item.drive, &item.value)
                        && !inner.has_data
                    {
                        path.push("0".to_owned());
                        collect(inner, path, marks);
                        path.pop();
                    }
                }
            }
            _ => {}
        }
        path.pop();
    }
}

fn at_path(json: &Json, path: &[String], text: &str) -> bool {
    let Some((step, rest)) = path.split_first() else { return same_text(json, text) };
    match json {
        Json::Array(items) => {
            let rest = if step.bytes().all(|b| b.is_ascii_digit()) { rest } else { path };
            items.iter().any(|item| at_path(item, rest, text))
        }
        Json::Object(map) => map.get(step).is_some_and(|inner| at_path(inner, rest, text)),
        _ => false,
    }
}

/// Compares a value with JSON text without making a string for the usual case.
fn same_text(json: &Json, text: &str) -> bool {
    match json {
        Json::String(s) if !text.contains('\\') => {
            text.len() == s.len() + 2 && text.starts_with('"') && &text[1..text.len() - 1] == s
        }
        other => *other == text,
    }
}
