//! Marks: the constants by which an item, a branch or a resource is recognised on the way back.

use serde_json::Value as Json;

use super::plan::{Branch, Drive, Item, Object, Value};

/// Path of keys (list steps are `0`) → JSON text.
pub type Marks = Vec<(Vec<String>, String)>;

/// The unguarded constants of an object.
pub(super) fn marks_of(object: &Object) -> Marks {
    let mut marks = Marks::new();
    collect(object, None, &mut Vec::new(), &mut marks);
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

/// How many items of a resource's lists no item rule of a body takes by its constants: a resource is
/// another rule's if that one takes more of them.
pub(super) fn strangers(body: &Object, json: &Json) -> usize {
    let count = |rules: &[Item], items: &[Json]| {
        let known = rules.iter().all(|rule| !rule.marks.is_empty());
        let stranger = |item: &&Json| !rules.iter().any(|rule| has_marks(item, &rule.marks));
        if known { items.iter().filter(stranger).count() } else { 0 }
    };
    let all = body.fields.iter().filter_map(|field| match (&field.value, json.get(&field.name)?) {
        (Value::List(rules), Json::Array(items)) => Some(count(rules, items)),
        _ => None,
    });
    all.sum()
}

/// Constants of an object that stand in no branch, or in this one. Below a part that may be missing
/// there is nothing certain; but if all that the object has to say stands in one part, that is there.
pub(super) fn collect(
    object: &Object,
    branch: Option<Branch>,
    path: &mut Vec<String>,
    marks: &mut Marks,
) {
    let sole = object.has_data && object.fields.iter().filter(|f| says(&f.value)).count() == 1;
    for field in object.fields.iter().filter(|f| f.branch == branch && f.when.is_none()) {
        let certain = |inner: &Object| only_constants(inner) || (sole && branch.is_none());
        path.push(field.name.clone());
        match &field.value {
            Value::Const(text) => marks.push((path.clone(), text.clone())),
            Value::Object(inner) if certain(inner) => collect(inner, None, path, marks),
            Value::List(items) => {
                let one = items.iter().filter(|item| says(&item.value)).count() == 1;
                for item in items {
                    let plain = item.branch.is_none() && item.when.is_none();
                    path.push("0".to_owned());
                    match (&item.drive, &item.value) {
                        (Drive::Once, Value::Object(inner))
                            if plain && (only_constants(inner) || (one && certain(inner))) =>
                        {
                            collect(inner, None, path, marks);
                        }
                        (Drive::Once, Value::Const(text)) if plain => {
                            marks.push((path.clone(), text.clone()));
                        }
                        _ => {}
                    }
                    path.pop();
                }
            }
            _ => {}
        }
        path.pop();
    }
}

/// Whether a value says something of the record: a leaf or a reference stands in it.
fn says(value: &Value) -> bool {
    match value {
        Value::Const(_) => false,
        Value::Leaf(_) | Value::Ref(_) => true,
        Value::Object(inner) => !only_constants(inner),
        Value::List(items) => items.iter().any(|item| says(&item.value)),
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
        other => serde_json::from_str::<Json>(text).is_ok_and(|said| said == *other),
    }
}
