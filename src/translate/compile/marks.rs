//! What tells items and branches on the way back: constants, and paths that only one branch writes.

use crate::translate::marks::{collect, only_constants};
use crate::translate::plan::{Branch, Choice, Object, Value};

/// The constants that every value of this rule has: path of keys (list steps are `0`) → JSON text.
pub(super) fn marks(value: &Value) -> Vec<(Vec<String>, String)> {
    let mut marks = Vec::new();
    match value {
        Value::Object(object) => {
            collect(object, None, &mut Vec::new(), &mut marks);
        }
        Value::Const(text) => marks.push((Vec::new(), text.clone())),
        _ => {}
    }
    marks
}

/// Fills in what tells the branches of an object's choices: paths that only one of them writes,
/// and its constants.
pub(super) fn settle(choices: &mut [Choice], object: &Object) {
    for &choice in &object.choices {
        let mut written = Vec::new();
        paths(object, choice, None, &mut Vec::new(), &mut written);
        for index in 0..choices[choice].branches.len() {
            let mine = Some(index);
            let arm = &mut choices[choice].branches[index];
            for (branch, path) in &written {
                let alone = !written.iter().any(|(other, p)| *other != mine && p == path);
                if *branch == mine && alone && !arm.owns.contains(path) {
                    arm.owns.push(path.clone());
                }
            }
            let branch = Branch { choice, branch: index };
            collect(object, Some(branch), &mut Vec::new(), &mut arm.marks);
            branch_marks(object, branch, &mut Vec::new(), &mut arm.marks);
        }
    }
}

/// Every path below an object with the branch of this choice it stands in.
fn paths(
    object: &Object,
    choice: usize,
    around: Option<usize>,
    path: &mut Vec<String>,
    out: &mut Vec<(Option<usize>, Vec<String>)>,
) {
    let inner = |branch: Option<Branch>| match branch {
        Some(b) if b.choice == choice => Some(b.branch),
        _ => around,
    };
    for field in &object.fields {
        let branch = inner(field.branch);
        if !field.name.is_empty() {
            path.push(field.name.clone());
        }
        match &field.value {
            Value::Object(object) => paths(object, choice, branch, path, out),
            Value::List(items) => {
                path.push("0".to_owned());
                for item in items {
                    let branch = match item.branch {
                        Some(b) if b.choice == choice => Some(b.branch),
                        _ => branch,
                    };
                    match &item.value {
                        Value::Object(object) => paths(object, choice, branch, path, out),
                        _ => out.push((branch, path.clone())),
                    }
                }
                path.pop();
            }
            _ => out.push((branch, path.clone())),
        }
        if !field.name.is_empty() {
            path.pop();
        }
    }
}

/// Constants of a branch that stand below elements shared with what is outside of the choice.
fn branch_marks(
    object: &Object,
    branch: Branch,
    path: &mut Vec<String>,
    marks: &mut Vec<(Vec<String>, String)>,
) {
    for field in object.fields.iter().filter(|f| f.branch.is_none()) {
        path.push(field.name.clone());
        match &field.value {
            Value::Object(inner) => {
                collect(inner, Some(branch), path, marks);
                branch_marks(inner, branch, path, marks);
            }
            Value::List(items) => {
                for item in items.iter().filter(|i| i.branch == Some(branch) && i.when.is_none()) {
                    if let Value::Object(inner) = &item.value
                        && only_constants(inner)
                    {
                        path.push("0".to_owned());
                        collect(inner, None, path, marks);
                        path.pop();
                    }
                }
            }
            _ => {}
        }
        path.pop();
    }
}
