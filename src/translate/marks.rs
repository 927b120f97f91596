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

/// Whether a resource can be this rule's: it bears its constants, and where it has an element that
/// the rule writes only with data, that bears the constants there.
pub(super) fn bears(json: &Json, object: &Object) -> bool {
    has_marks(json, &marks_of(object)) && agrees(json, object)
}

/// Whether no element that is there contradicts a constant of the rule.
fn agrees(json: &Json, object: &Object) -> bool {
    object.fields.iter().filter(|f| f.branch.is_none() && f.when.is_none()).all(|field| {
        match (&field.value, json.get(&field.name)) {
            (_, None) => true,
            (Value::Const(text), Some(value)) => same_text(value, text),
            (Value::Object(inner), Some(value)) => agrees(value, inner),
            (Value::List(rules), Some(Json::Array(items))) => rules.iter().all(|rule| {
                // Only what always stands in the list; others may be somebody else's items.
                match (&rule.drive, &rule.value) {
                    (Drive::Once, Value::Object(inner))
                        if rule.branch.is_none()
                            && rule.when.is_none()
                            && only_constants(inner) =>
                    {
                        items.iter().any(|item| has_marks(item, &marks_of(inner)))
                    }
                    _ => true,
                }
            }),
            _ => true,
        }
    })
}

/// Whether there are neither leaves nor references below an object.
pub(super) fn only_constants(object: &Object) -> bool {
    fn constant(value: &Value) -> bool {
        match value {
            Value::Const(_) => true,
            Value::Leaf(_) | Value::Ref(_) => false,
            Value::Object(inner) => only_constants(inner),
            Value::List(items) => items.iter().all(|i| constant(&i.value)),
        }
    }
    object.fields.iter().all(|field| constant(&field.value))
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
            Value::Object(inner) if only_constants(inner) => collect(inner, path, marks),
            Value::List(items) => {
                for item in items {
                    let plain = item.branch.is_none() && item.when.is_none();
                    if let (true, Drive::Once, Value::Object(inner)) =
                        (plain, &item.drive, &item.value)
                        && only_constants(inner)
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
