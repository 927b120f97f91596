//! Namespaces: which name means what, whatever prefix a document uses
//! (<https://www.w3.org/TR/xml-names/>).
//!
//! A mapping names its namespaces by prefixes of its own; in a document a name is known by the
//! address its prefix stands for. A document that says no namespace at all is read as if it said
//! the mapping's default one, and a prefix that it does not declare is the mapping's.

use std::collections::HashMap;

use super::tag::Attribute;
use crate::legacy::charset::Text;

/// A document names no more namespaces than this.
pub const MOST_NAMESPACES: usize = 1000;

/// Type names in documents carry prefixes too: `xsi:type="v3:CD"`.
pub(super) const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A namespace by number: those of the schema from 1 in their order, then the document's own.
pub(super) type Number = u16;

/// No namespace.
pub(super) const NONE: Number = 0;

/// A prefix that nobody declares.
pub(super) const UNKNOWN: Number = Number::MAX;

/// What the schema calls a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// Its prefix in paths; the default one has none.
    pub prefix: String,
    /// Its address.
    pub uri: String,
}

/// A name of a path: of an element or attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    /// As written, with the prefix.
    pub shown: String,
    /// Its namespace; `None`: any (the schema has no namespaces).
    pub namespace: Option<Number>,
}

impl Name {
    /// Without its prefix.
    pub(super) fn local(&self) -> &str {
        match self.namespace {
            Some(_) => local(&self.shown),
            None => &self.shown,
        }
    }

    /// Whether an element's name is this one. Without namespaces, a name without prefix is meant
    /// whatever the prefix.
    pub(super) fn is(&self, name: &str, namespace: Number, default: Option<Number>) -> bool {
        match self.namespace {
            None => name == self.shown || local_after_prefix(name) == Some(&*self.shown),
            Some(mine) => {
                let same = mine == namespace || (namespace == NONE && Some(mine) == default);
                same && local(name) == self.local()
            }
        }
    }
}

/// The namespaces that are declared where the parser stands.
pub(super) struct Declared<'t> {
    schema: &'t [Namespace],
    numbers: HashMap<&'t str, Number>,
    bound: HashMap<&'t str, Vec<Number>>,
    /// The prefixes that each open element declares.
    opened: Vec<Vec<&'t str>>,
}

impl<'t> Declared<'t> {
    pub(super) fn new(schema: &'t [Namespace]) -> Self {
        let numbers = schema.iter().zip(1..).map(|(n, number)| (n.uri.as_str(), number)).collect();
        Declared { schema, numbers, bound: HashMap::new(), opened: Vec::new() }
    }

    /// Goes into an element: its declarations hold from here. Gives the namespace of its name, and
    /// sets those of its attributes. `None`: there are too many namespaces.
    pub(super) fn enter(
        &mut self,
        text: &'t Text,
        name: &str,
        attributes: &mut [Attribute],
    ) -> Option<Number> {
        let mut prefixes = Vec::new();
        for attribute in attributes.iter() {
            let Some(prefix) = declares(text.slice(attribute.name)) else { continue };
            let uri = text.slice(attribute.value);
            let next = self.numbers.len() + 1;
            let number = match self.numbers.get(uri) {
                _ if uri.is_empty() => NONE,
                Some(number) => *number,
                None if next > MOST_NAMESPACES + self.schema.len() => return None,
                None => {
                    let number = Number::try_from(next).ok()?;
                    self.numbers.insert(uri, number);
                    number
                }
            };
            self.bound.entry(prefix).or_default().push(number);
            prefixes.push(prefix);
        }
        for attribute in attributes.iter_mut() {
            let prefix = text.slice(attribute.name).split_once(':').map(|(prefix, _)| prefix);
            attribute.namespace = prefix.map_or(NONE, |prefix| self.number(prefix));
        }
        self.opened.push(prefixes);
        Some(self.number(name.split_once(':').map_or("", |(prefix, _)| prefix)))
    }

    /// Leaves an element: its declarations hold no more.
    pub(super) fn leave(&mut self) {
        for prefix in self.opened.pop().into_iter().flatten() {
            if let Some(numbers) = self.bound.get_mut(prefix) {
                numbers.pop();
            }
        }
    }

    fn number(&self, prefix: &str) -> Number {
        if let Some(number) = self.bound.get(prefix).and_then(|numbers| numbers.last()) {
            return *number;
        }
        if prefix.is_empty() {
            return NONE;
        }
        of_prefix(self.schema, prefix).unwrap_or(UNKNOWN)
    }
}

/// The number of the namespace with a prefix in the schema.
pub(super) fn of_prefix(schema: &[Namespace], prefix: &str) -> Option<Number> {
    schema.iter().zip(1..).find(|(n, _)| n.prefix == prefix).map(|(_, number)| number)
}

/// The prefix that an attribute declares: `xmlns` the default one, `xmlns:v3` v3.
pub(super) fn declares(name: &str) -> Option<&str> {
    match name.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

fn local_after_prefix(name: &str) -> Option<&str> {
    name.split_once(':').map(|(_, local)| local)
}
