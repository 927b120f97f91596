//! Where a rule stands: its place in the record, its list, its branch, its conditions.

use std::rc::Rc;

use super::text::{split, split_once, words};
use super::{Compiling, Source};
use crate::legacy::Place;
use crate::translate::plan::{Branch, By, Each, Guard, Input};
use crate::yaml::{Mark, Node};

/// What names mean at some point of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// Where slots are looked up.
    pub place: Place,
    /// The lists from the record inwards, as written.
    pub steps: Vec<String>,
    /// The list field of the model whose item this is.
    pub list: Option<String>,
    /// Names are slots only, no fields: in `bind`.
    pub binding: bool,
    /// The scans of the branches around, innermost last.
    pub scans: Vec<Scanned>,
    /// What holds here.
    pub conds: Vec<Cond>,
    /// Inside a list that is bound to nothing: there is no instance.
    pub unbound: bool,
}

/// A scan, and what it gives.
#[derive(Debug, Clone)]
pub(super) struct Scanned {
    /// Where it stands.
    pub branch: Branch,
    /// The names of its parts.
    pub names: Vec<String>,
    /// Canonical names of what it takes apart.
    pub slots: Vec<String>,
}

/// Something that holds in a scope.
#[derive(Debug, Clone)]
pub(super) enum Cond {
    /// A guard.
    Guard(Rc<Guard>),
    /// This branch of a choice was taken.
    Branch(Branch),
}

impl Scope {
    /// The scope of rules that stand in no list.
    pub fn root(place: Place) -> Self {
        Scope {
            place,
            steps: Vec::new(),
            list: None,
            binding: false,
            scans: Vec::new(),
            conds: Vec::new(),
            unbound: false,
        }
    }

    /// The same place, where names are slots only.
    pub fn for_bind(&self) -> Self {
        Scope { binding: true, scans: Vec::new(), ..self.clone() }
    }
}

impl Compiling<'_> {
    /// `each:`: the list, and the scope inside it. `by` says how items are found again.
    pub(super) fn each(
        &mut self,
        node: &Node,
        by: Option<&Node>,
        scope: &Scope,
    ) -> Option<(Each, Scope)> {
        let Some(text) = node.text() else {
            self.report.error("M000", node.mark, "`each` is one text: LIST [where CONDITION]");
            return None;
        };
        let (list, filter) = match split_once(text, "where") {
            Some((list, filter)) => (list, Some(filter)),
            None => (text.trim(), None),
        };
        let (mut each, mut inner) = self.list(list, node.mark, scope)?;
        if let Some(filter) = filter {
            let guard = self.guard(filter, node.mark, &inner)?;
            inner.conds.push(Cond::Guard(Rc::new(guard.clone())));
            each.filter = Some(guard);
        }
        if let Some(by) = by {
            each.by = self.by(by, &inner)?;
            each.said_by = true;
        }
        Some((each, inner))
    }

    /// A list by name: of the model, or of the source.
    fn list(&mut self, text: &str, mark: Mark, scope: &Scope) -> Option<(Each, Scope)> {
        if let Some(field) = text.strip_suffix("[]").filter(|_| !scope.binding) {
            return self.bound_list(field, mark, scope);
        }
        let names: Vec<String> = match self.source {
            Source::Hl7 => group_steps(text).into_iter().map(str::to_owned).collect(),
            // `a/b > c`: each c in each b.
            Source::Xml => {
                let steps = split(text, '>').into_iter();
                steps.map(|step| self.expand_path(step, mark)).collect::<Option<_>>()?
            }
            _ => vec![self.expand_path(text, mark)?],
        };
        let mut inner = scope.clone();
        inner.list = None;
        let mut each = Each {
            steps: Vec::new(),
            shown: text.to_owned(),
            filter: None,
            by: By::Position,
            said_by: false,
        };
        for name in &names {
            match self.schema.list(&inner.place, name) {
                Ok((list, place)) => {
                    each.steps.push(list);
                    inner.place = place;
                    inner.steps.push(name.to_owned());
                }
                Err(unknown) => {
                    self.report.unknown(name, mark, unknown);
                    return None;
                }
            }
        }
        Some((each, inner))
    }

    fn by(&mut self, node: &Node, scope: &Scope) -> Option<By> {
        let text = node.text().unwrap_or("");
        match text {
            "position" => return Some(By::Position),
            "value" => return Some(By::Value),
            _ => {}
        }
        let names = words(text);
        if names.is_empty() {
            let hint = "write `by: position`, `by: value` or the slots of its key: `by: .1 .4`";
            self.report.error_hint("M000", node.mark, "`by` says nothing", hint);
            return None;
        }
        let inputs: Option<Vec<Input>> = names
            .iter()
            .map(|name| self.operand(name, node.mark, scope).map(|draft| draft.input))
            .collect();
        inputs.map(By::Keys)
    }
}

/// `ORDER_OBSERVATION.OBSERVATION` → its two groups; `PID-3` and `OBX` are one step.
fn group_steps(text: &str) -> Vec<&str> {
    let group = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if text.split('.').all(group) { text.split('.').collect() } else { vec![text] }
}

#[cfg(test)]
mod tests {
    use super::group_steps;

    #[test]
    fn groups_are_steps_and_components_are_not() {
        assert_eq!(
            group_steps("ORDER_OBSERVATION.OBSERVATION"),
            ["ORDER_OBSERVATION", "OBSERVATION"]
        );
        assert_eq!(group_steps("PID-3"), ["PID-3"]);
        assert_eq!(group_steps(".3"), [".3"]);
        assert_eq!(group_steps("DG1"), ["DG1"]);
    }
}
