//! Which values of a document there are, and which of them no path claims.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::document::Document;
use super::path::{Part, Path, Step};
use super::{escape, namespace};

/// A value: the text of an element, or its n-th attribute.
type Place = (u32, Option<usize>);

impl Document {
    /// Calls `f` with the path and text of every element and attribute that holds something. From
    /// the second of several of one name on, the path says which: `entry[2]`. Namespace
    /// declarations are no data.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        self.each_place(&mut |_, name, text| f(name, text));
    }

    /// Calls `f` with the path and text of every value, and whether one of these paths leads to it or
    /// looks at it on the way.
    pub fn each_claim(&self, paths: &[Path], f: &mut dyn FnMut(&str, &str, bool)) {
        let mut claimed = HashSet::new();
        let mut whole = HashSet::new();
        for path in paths {
            self.claim(0, &path.steps, &path.part, &mut claimed, &mut whole);
        }
        let inside = |mut node: u32| {
            while !whole.contains(&node) {
                match self.element(node) {
                    Some(element) if node > 0 => node = element.parent,
                    _ => return false,
                }
            }
            true
        };
        self.each_place(&mut |place, name, text| {
            f(name, text, claimed.contains(&place) || inside(place.0));
        });
    }

    /// Claims what is at these steps, with what the predicates on the way look at.
    fn claim(
        &self,
        node: u32,
        steps: &[Step],
        part: &Part,
        claimed: &mut HashSet<Place>,
        whole: &mut HashSet<u32>,
    ) {
        let Some((step, rest)) = steps.split_first() else {
            match part {
                Part::Inside => _ = whole.insert(node),
                Part::Text => _ = claimed.insert((node, None)),
                Part::Attribute(name) => {
                    let element = self.element(node);
                    let at = element.and_then(|e| {
                        let found = self.attribute(e, name)?.name;
                        e.attributes.iter().position(|a| a.name == found)
                    });
                    claimed.extend(at.map(|at| (node, Some(at))));
                }
            }
            return;
        };
        let Some(element) = self.element(node) else { return };
        for child in &element.children {
            let named = self.element(*child).is_some_and(|c| self.is_named(c, &step.name));
            if !named || !step.predicates.iter().all(|p| p.steers || self.holds(*child, p)) {
                continue;
            }
            for predicate in &step.predicates {
                let path = &predicate.path;
                let _ = self.walk::<()>(*child, &path.steps, &mut |at| {
                    self.claim(at, &[], &path.part, claimed, whole);
                    ControlFlow::Continue(())
                });
            }
            self.claim(*child, rest, part, claimed, whole);
        }
    }

    /// A name as paths write it: with the prefix of the schema.
    fn called<'d>(&'d self, name: &'d str, namespace: namespace::Number) -> Cow<'d, str> {
        let schema = &self.shared.schema;
        let known = namespace.checked_sub(1).and_then(|n| schema.namespaces.get(usize::from(n)));
        match known {
            Some(known) if known.prefix.is_empty() => Cow::Borrowed(namespace::local(name)),
            Some(known) if name.split_once(':').is_none_or(|(p, _)| p != known.prefix) => {
                Cow::Owned(format!("{}:{}", known.prefix, namespace::local(name)))
            }
            _ => Cow::Borrowed(name),
        }
    }

    fn each_place(&self, f: &mut dyn FnMut(Place, &str, &str)) {
        let elements = &self.shared.elements;
        let mut paths: Vec<String> = Vec::with_capacity(elements.len());
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut counts = vec![1_usize; elements.len()];
        for element in elements {
            seen.clear();
            for child in &element.children {
                let Some(name) = self.element(*child).map(|c| self.name(c)) else { continue };
                let count = seen.entry(name).or_default();
                *count += 1;
                counts[*child as usize] = *count;
            }
        }
        for (n, element) in elements.iter().enumerate() {
            let name = self.called(self.name(element), element.namespace);
            let mut path = match (n, paths.get(element.parent as usize)) {
                (0, _) => String::new(),
                (_, Some(above)) if !above.is_empty() => format!("{above}/{name}"),
                _ => name.into_owned(),
            };
            if counts[n] > 1 {
                path += &format!("[{}]", counts[n]);
            }
            let node = n as u32;
            if let Some(text) = self.value_of(node, &Part::Text) {
                f((node, None), &path, &text);
            }
            for (at, attribute) in element.attributes.iter().enumerate() {
                let name = self.shared.text.slice(attribute.name);
                let value = escape::unescape(self.shared.text.slice(attribute.value));
                let null = self.shared.schema.is_null(&value);
                if namespace::declares(name).is_none() && !null {
                    let slash = if path.is_empty() { "" } else { "/" };
                    let name = self.called(name, attribute.namespace);
                    f((node, Some(at)), &format!("{path}{slash}@{name}"), &value);
                }
            }
            paths.push(path);
        }
    }
}
