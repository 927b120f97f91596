//! A root resource with what it refers to, as a Bundle: what a put is given.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::error::Result;
use crate::fhir::bundle::references;
use crate::fhir::{BASE, bundle};
use crate::store::{Body, Store, When, Write};

/// References are followed this deep (a card → its Condition → the recorder).
const DEPTH: usize = 3;
/// A Bundle holds no more resources than this.
const MOST: usize = 500;

/// The resource and everything it refers to; `None` if it is not there.
pub async fn gather(store: &Store, kind: &str, id: &str) -> Result<Option<Value>> {
    let mut seen = HashSet::from([format!("{kind}/{id}")]);
    let mut layer = vec![format!("{kind}/{id}")];
    let mut entries = Vec::new();
    for _ in 0..=DEPTH {
        let mut next = Vec::new();
        for reference in layer {
            let Some(resource) = read(store, &reference).await? else { continue };
            references(&resource, &mut |found| {
                let ours = !found.starts_with(['#', 'u']);
                if ours && seen.len() < MOST && seen.insert(found.to_owned()) {
                    next.push(found.to_owned());
                }
            });
            entries.push(json!({ "fullUrl": format!("{BASE}/{reference}"), "resource": resource }));
        }
        layer = next;
    }
    if entries.is_empty() {
        return Ok(None);
    }
    Ok(Some(bundle::of("collection", entries)))
}

/// A current resource by `Type/id`; `None` for what is not there, deleted or not ours.
pub async fn read(store: &Store, reference: &str) -> Result<Option<Value>> {
    let Some((kind, id)) = reference.split_once('/').filter(|(_, id)| !id.contains('/')) else {
        return Ok(None);
    };
    let stored = store.read(kind, id).await?.filter(|s| !s.deleted);
    Ok(stored.and_then(|s| serde_json::from_slice(&s.json).ok()))
}

/// A write of a resource that was read before: it fails if somebody changed it since.
pub fn over(resource: Value) -> Write {
    let text = |key: &str| resource[key].as_str().unwrap_or("").to_owned();
    let version = resource["meta"]["versionId"].as_str().and_then(|v| v.parse().ok());
    Write {
        kind: text("resourceType"),
        id: text("id"),
        when: version.map_or(When::Missing, When::Version),
        body: Body::Replace(resource),
    }
}
