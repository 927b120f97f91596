//! M008: something tells two branches apart on the way back: a path that only one writes, a
//! constant, a condition on a slot that a leaf of theirs owns, or that one assumes less.

use super::{Finding, Seen};
use crate::translate::compose::each_leaf;
use crate::translate::plan::{Arm, Branch, Choice, Flag, Guard, Input, Object};

pub(super) fn review(seen: &Seen, choices: &[Choice], found: &mut Vec<Finding>) {
    for &choice in &seen.object.choices {
        let arms = &choices[choice].branches;
        for later in 1..arms.len() {
            let twin = (0..later).find(|earlier| {
                alike(seen.object, choice, *earlier, later)
                    && arms[*earlier].marks == arms[later].marks
                    && assumptions(&arms[*earlier]) == assumptions(&arms[later])
                    && !decidable(seen.object, &arms[*earlier])
                    && !decidable(seen.object, &arms[later])
            });
            if let Some(earlier) = twin {
                let what = format!(
                    "on the way back nothing tells this branch of {} from the one in line {}",
                    seen.path, arms[earlier].pos.line
                );
                let hint = "a new value is written as the first says: give them different elements or constants";
                let (pos, hint) = (arms[later].pos, hint.to_owned());
                found.push(Finding { code: "M008", wrong: false, pos, what, hint });
            }
        }
    }
}

/// Whether two branches write the same paths.
fn alike(object: &Object, choice: usize, a: usize, b: usize) -> bool {
    let paths = |branch: usize| {
        let mut paths = Vec::new();
        for field in &object.fields {
            let inside = match field.branch {
                Some(of) if of.choice == choice => of == Branch { choice, branch },
                _ => false,
            };
            if inside {
                paths.push(field.name.clone());
                let part = Object { fields: vec![field.clone()], ..Object::default() };
                each_leaf(&part, &mut String::new(), &mut |path, _| paths.push(path.to_owned()));
            }
        }
        paths.sort();
        paths
    };
    let (a, b) = (paths(a), paths(b));
    // Branches that differ inside lists are told apart by their items.
    !a.is_empty() && a == b
}

/// How many conditions a branch has to assume.
fn assumptions(arm: &Arm) -> usize {
    fn count(guard: &Guard) -> usize {
        match guard {
            Guard::All(guards) | Guard::Any(guards) => guards.iter().map(count).sum(),
            Guard::Not(inner) => count(inner),
            _ => 1,
        }
    }
    arm.when.as_ref().map_or(0, count) + usize::from(arm.scan.is_some())
}

/// Whether a leaf of the object owns a slot that the branch's condition looks at.
fn decidable(object: &Object, arm: &Arm) -> bool {
    let mut owned = Vec::new();
    each_leaf(object, &mut String::new(), &mut |_, leaf| {
        if let (Flag::Own, Input::Slots(slots)) = (leaf.flag, &leaf.input) {
            owned.extend(slots.iter().flatten().map(|slot| slot.clone().whole()));
        }
    });
    let own = |input: &Input| match input {
        Input::Slots(slots) => {
            slots.iter().flatten().any(|slot| owned.contains(&slot.clone().whole()))
        }
        Input::Cases(_) => true,
        _ => false,
    };
    fn looks(guard: &Guard, own: &dyn Fn(&Input) -> bool) -> bool {
        match guard {
            Guard::All(guards) | Guard::Any(guards) => guards.iter().any(|g| looks(g, own)),
            Guard::Not(inner) => looks(inner, own),
            Guard::Present(input) | Guard::Matches(input, _) => own(input),
            Guard::Is { input, .. } | Guard::IsNot { input, .. } => own(input),
            Guard::Fits { id, .. } => own(&id.input),
            Guard::Exists(_) => false,
        }
    }
    arm.when.as_ref().is_some_and(|guard| looks(guard, &own))
}
