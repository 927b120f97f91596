//! The FHIR side of a put: the resources of a Bundle by reference, and paths into them.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::marks::has_marks;
use super::plan::Step;

/// What a Bundle says about one resource.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'b> {
    /// It is this.
    Resource(&'b Map<String, Json>),
    /// It is deleted (`request.method = DELETE`).
    Deleted,
}

/// The resources of a Bundle (or a lone resource).
pub(super) struct Resources<'b> {
    by_reference: HashMap<String, Entry<'b>>,
    /// `Type/id` in the order of the Bundle.
    pub order: Vec<String>,
}

impl<'b> Resources<'b> {
    /// Indexes a Bundle by `Type/id` and by `fullUrl`.
    pub(super) fn new(bundle: &'b Json) -> Self {
        let mut resources = Resources { by_reference: HashMap::new(), order: Vec::new() };
        if bundle.get("resourceType").and_then(Json::as_str) != Some("Bundle") {
            resources.add(bundle, None);
            return resources;
        }
        for entry in bundle.get("entry").and_then(Json::as_array).into_iter().flatten() {
            let text = |path: &str| entry.pointer(path).and_then(Json::as_str);
            if text("/request/method") == Some("DELETE") {
                if let Some(url) = text("/request/url") {
                    resources.order.push(url.to_owned());
                    resources.by_reference.insert(url.to_owned(), Entry::Deleted);
                }
            } else if let Some(resource) = entry.get("resource") {
                resources.add(resource, text("/fullUrl"));
            }
        }
        resources
    }

    fn add(&mut self, resource: &'b Json, full_url: Option<&str>) {
        let Some(map) = resource.as_object() else { return };
        let text = |key: &str| map.get(key).and_then(Json::as_str);
        let reference = match (text("resourceType"), text("id"), full_url) {
            (Some(kind), Some(id), _) => format!("{kind}/{id}"),
            (Some(_), None, Some(url)) => url.to_owned(),
            (Some(kind), None, None) => format!("{kind}/#{}", self.order.len()),
            (None, ..) => return,
        };
        if let Some(url) = full_url {
            self.by_reference.insert(url.to_owned(), Entry::Resource(map));
        }
        self.by_reference.insert(reference.clone(), Entry::Resource(map));
        self.order.push(reference);
    }

    /// By `Type/id`, `fullUrl`, or an absolute URL that ends in `Type/id`.
    pub(super) fn get(&self, reference: &str) -> Option<Entry<'b>> {
        if let Some(entry) = self.by_reference.get(reference) {
            return Some(*entry);
        }
        let mut parts = reference.rsplit('/');
        let (id, kind) = (parts.next()?, parts.next()?);
        self.by_reference.get(&format!("{kind}/{id}")).copied()
    }

    /// The resource behind a reference.
    pub(super) fn resource(&self, reference: &str) -> Option<&'b Map<String, Json>> {
        match self.get(reference)? {
            Entry::Resource(map) => Some(map),
            Entry::Deleted => None,
        }
    }

    /// Whether two references mean one resource.
    pub(super) fn same(&self, a: &str, b: &str) -> bool {
        let tail = |r: &str| {
            let mut parts = r.rsplit('/');
            (parts.next().map(str::to_owned), parts.next().map(str::to_owned))
        };
        a == b
            || (a.contains('/') && b.contains('/') && tail(a) == tail(b))
            || match (self.resource(a), self.resource(b)) {
                (Some(a), Some(b)) => std::ptr::eq(a, b),
                _ => false,
            }
    }
}

/// The value at a path.
pub(super) fn at_steps<'b>(json: &'b Json, steps: &[Step]) -> Option<&'b Json> {
    let Some((step, rest)) = steps.split_first() else { return Some(json) };
    let next = match (step, json) {
        (Step::Key(key), Json::Object(map)) => map.get(key)?,
        // A key into a list means its first item, as people write it.
        (Step::Key(_), Json::Array(items)) => return at_steps(items.first()?, steps),
        (Step::At(n), Json::Array(items)) => items.get(*n)?,
        (Step::Marked(marks), Json::Array(items)) => items.iter().find(|i| has_marks(i, marks))?,
        _ => return None,
    };
    at_steps(next, rest)
}

/// A scalar as text.
pub(super) fn scalar(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
