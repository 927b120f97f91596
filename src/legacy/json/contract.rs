//! What a body must be to be taken: the types and required fields of `schema.yaml`, and a JSON
//! Schema beside the mapping (<https://json-schema.org>). References to other files are not followed.

use std::fmt;

use serde_json::Value as Json;

use super::{Field, FieldKind, NodeKind, Object, Schema};
use crate::error::{Error, Kind, Result};

/// A JSON Schema, compiled.
pub struct Contract {
    shown: String,
    validator: jsonschema::Validator,
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contract({})", self.shown)
    }
}

impl Contract {
    /// Compiles the text of a JSON Schema file; `shown` is its name in messages. Patterns are
    /// matched in linear time.
    pub fn new(shown: &str, text: &str) -> Result<Contract> {
        let bad = |what: String| Error::new(Kind::Usage, what).at(shown);
        let schema: Json = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        let validator = jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&schema)
            .map_err(|e| bad(format!("this is no JSON Schema: {e}")))?;
        Ok(Contract { shown: shown.to_owned(), validator })
    }
}

impl Schema {
    /// Whether an object keeps the contract; the first fault is the error, with its path and line.
    pub(super) fn check(&self, object: &Object) -> Result<()> {
        self.check_fields(object, object.root(), &self.fields, "")?;
        let Some(contract) = &self.contract else { return Ok(()) };
        let json: Json = serde_json::from_str(object.text().slice(object.span()))
            .map_err(|e| Error::new(Kind::Structure, e.to_string()))?;
        let Some(fault) = contract.validator.iter_errors(&json).next() else { return Ok(()) };
        let path = fault.instance_path().to_string();
        let steps = path.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~"));
        let node = steps.fold(object.root(), |node, step| {
            let item = step.parse::<usize>().ok().and_then(|n| {
                object.node(node).filter(|n| n.kind == NodeKind::Array)?.children.get(n).copied()
            });
            item.or_else(|| object.member(node, &step)).unwrap_or(node)
        });
        let missing =
            matches!(fault.kind(), jsonschema::error::ValidationErrorKind::Required { .. });
        let kind = if missing { Kind::Required } else { Kind::Value };
        Err(located(object, node, path.trim_start_matches('/'), kind, fault.to_string())
            .advise(format!("the contract is {}", contract.shown)))
    }

    fn check_fields(&self, object: &Object, node: u32, fields: &[Field], path: &str) -> Result<()> {
        for field in fields {
            let shown =
                if path.is_empty() { field.name.clone() } else { format!("{path}/{}", field.name) };
            let value = object.member(node, &field.name);
            let there = value.filter(|v| {
                object.node(*v).is_some_and(|n| match n.kind {
                    NodeKind::Null => false,
                    NodeKind::Array => !n.children.is_empty(),
                    NodeKind::Object => true,
                    _ => object
                        .scalar(*v)
                        .is_some_and(|text| !self.is_nothing(Some(&field.facts), &text)),
                })
            });
            let Some(there) = there else {
                if field.facts.required {
                    let what = format!("the field '{shown}' is required");
                    return Err(located(object, value.unwrap_or(node), "", Kind::Required, what));
                }
                continue;
            };
            let items = object.node(there).filter(|n| n.kind == NodeKind::Array);
            match (items, field.list) {
                (Some(array), true) => {
                    for item in &array.children {
                        self.check_value(object, *item, field, &shown)?;
                    }
                }
                (None, true) => {
                    let what = "an array was expected here".to_owned();
                    return Err(located(object, there, &shown, Kind::Value, what));
                }
                (_, false) => self.check_value(object, there, field, &shown)?,
            }
        }
        Ok(())
    }

    fn check_value(&self, object: &Object, node: u32, field: &Field, path: &str) -> Result<()> {
        let Some(this) = object.node(node) else { return Ok(()) };
        if !field.children.is_empty() {
            return match this.kind {
                NodeKind::Object => self.check_fields(object, node, &field.children, path),
                NodeKind::Null => Ok(()),
                _ => {
                    let what = "an object was expected here".to_owned();
                    Err(located(object, node, path, Kind::Value, what))
                }
            };
        }
        let text = object.scalar(node);
        let nothing = text.as_ref().is_some_and(|t| self.is_nothing(Some(&field.facts), t));
        if nothing || this.kind == NodeKind::Null {
            return Ok(());
        }
        let (wanted, right) = match field.facts.kind {
            FieldKind::Text => ("a string", this.kind == NodeKind::String),
            FieldKind::Number => ("a number", this.kind == NodeKind::Number),
            FieldKind::Int => {
                let whole = |t: &str| t.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                let right = this.kind == NodeKind::Number && text.as_deref().is_some_and(whole);
                ("a whole number", right)
            }
            FieldKind::Bool => ("true or false", this.kind == NodeKind::Bool),
        };
        if right {
            return Ok(());
        }
        Err(located(object, node, path, Kind::Value, format!("{wanted} was expected here")))
    }
}

fn located(object: &Object, node: u32, path: &str, kind: Kind, what: String) -> Error {
    let at = object.node(node).map_or(0, |n| n.span.start);
    let place = object.place(at as usize);
    let at = if path.is_empty() { place } else { format!("{path}, {place}") };
    Error::new(kind, what).at(at)
}
