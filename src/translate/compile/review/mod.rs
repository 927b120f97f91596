//! What can be said of a mapping only when it is whole: every rule is walked with the types of its
//! elements.
//!
//! * [`required`]: elements that FHIR requires and that some branch never writes (M004)
//! * [`branches`]: branches that nothing tells apart on the way back (M008)
//! * [`dependent`]: elements that FHIR does not allow beside each other (M035)
//! * [`vital_signs`]: constants against the vital signs profiles (M021)
//! * [`extensions`]: extensions as they are declared (M023)
//! * [`lists`]: items found by position although they have a key (M022)
//! * [`tables`]: ids of rows (M024, M026), and what new rows lack (M033)
//! * [`spelling`]: what put may write that the charset (M019) or the column (M036) cannot hold

mod branches;
mod dependent;
mod extensions;
mod lists;
mod required;
mod spelling;
mod tables;
mod vital_signs;

use super::Compiling;
use crate::fhir::definitions::Definitions;
use crate::translate::plan::{Object, Pos, Value};
use crate::yaml::Mark;

/// What is found: code, place, text, hint.
struct Finding {
    code: &'static str,
    /// Whether the mapping is wrong, not only doubtful.
    wrong: bool,
    pos: Pos,
    what: String,
    hint: String,
}

/// An object of the FHIR side, and where it stands.
struct Seen<'p> {
    object: &'p Object,
    /// Type name, or path of a backbone element.
    ty: &'p str,
    /// Its path, without list positions.
    path: String,
    pos: Pos,
}

impl Compiling<'_> {
    /// Reviews all rules.
    pub(super) fn review(&mut self) {
        if self.report.has_errors() {
            // What is missing may be missing because it was wrong.
            return;
        }
        let declared = self.declared_extensions();
        let mut found = Vec::new();
        for rule in &self.rules {
            each_object(&rule.body, &rule.kind, &mut rule.kind.clone(), rule.pos, &mut |seen| {
                required::review(seen, &self.choices, &mut found);
                branches::review(seen, &self.choices, &mut found);
                dependent::review(seen, &mut found);
                vital_signs::review(seen, &mut found);
                lists::review(seen, &mut found);
                extensions::review(seen, &declared, &mut found);
            });
        }
        self.review_spelling(&mut found);
        self.review_tables(&mut found);
        for Finding { code, wrong, pos, what, hint } in found {
            let mark = Mark { file: pos.file, line: pos.line, column: pos.column, length: 0 };
            if wrong {
                self.report.error_hint(code, mark, what, hint);
            } else {
                self.report.warning(code, mark, what, Some(hint));
            }
        }
    }
}

/// Calls `f` with an object and every object below it.
fn each_object<'p>(
    object: &'p Object,
    ty: &'p str,
    path: &mut String,
    pos: Pos,
    f: &mut dyn FnMut(&Seen<'p>),
) {
    f(&Seen { object, ty, path: path.clone(), pos });
    for field in &object.fields {
        let Some((_, ty)) = Definitions::r4().json_child(ty, &field.name) else { continue };
        let before = path.len();
        path.push('.');
        path.push_str(&field.name);
        match &field.value {
            Value::Object(inner) => each_object(inner, ty, path, field.pos, f),
            Value::List(items) => {
                for item in items {
                    if let Value::Object(inner) = &item.value {
                        each_object(inner, ty, path, item.pos, f);
                    }
                }
            }
            Value::Const(_) | Value::Leaf(_) | Value::Ref(_) => {}
        }
        path.truncate(before);
    }
}

/// The constant text at a path of keys below an object, looking through single items; only what is
/// always written.
fn constant<'p>(object: &'p Object, path: &[&str]) -> Option<&'p str> {
    let (first, rest) = path.split_first()?;
    object.fields.iter().filter(|f| f.name == *first && f.when.is_none()).find_map(|field| {
        match (&field.value, rest) {
            (Value::Const(text), []) => Some(text.trim_matches('"')),
            (Value::Object(inner), rest) => constant(inner, rest),
            (Value::List(items), rest) => items.iter().find_map(|item| match &item.value {
                Value::Object(inner) => constant(inner, rest),
                Value::Const(text) if rest.is_empty() => Some(text.trim_matches('"')),
                _ => None,
            }),
            _ => None,
        }
    })
}
