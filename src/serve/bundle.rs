//! Bundles as text: stored resources are spliced in as the bytes they are, never parsed.

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::{Value, json};

use super::condition::etag;
use super::reply::{Answer, Reply};
use super::respond::instant;

/// A Bundle that is being written.
pub(super) struct BundleText {
    out: Vec<u8>,
    entries: usize,
}

impl BundleText {
    /// Begins a Bundle of a type, with its total and its links (relation, url).
    pub fn new(kind: &str, total: Option<u64>, links: &[(&str, String)]) -> BundleText {
        let mut head = json!({ "resourceType": "Bundle", "type": kind });
        if let Some(total) = total {
            head["total"] = json!(total);
        }
        if !links.is_empty() {
            let links = links.iter().map(|(rel, url)| json!({ "relation": rel, "url": url }));
            head["link"] = links.collect();
        }
        let mut out = head.to_string().into_bytes();
        out.pop();
        BundleText { out, entries: 0 }
    }

    /// Adds an entry: its fullUrl, its resource as JSON text, and its other members.
    pub fn entry(
        &mut self,
        full_url: Option<&str>,
        resource: Option<&[u8]>,
        rest: &[(&str, Value)],
    ) {
        let first: &[u8] = if self.entries == 0 { b",\"entry\":[" } else { b"," };
        self.out.extend_from_slice(first);
        self.entries += 1;
        let mut sep = b'{';
        let mut member = |name: &str, json: &[u8]| {
            self.out.push(sep);
            sep = b',';
            self.out.extend_from_slice(format!("\"{name}\":").as_bytes());
            self.out.extend_from_slice(json);
        };
        if let Some(url) = full_url {
            member("fullUrl", json!(url).to_string().as_bytes());
        }
        if let Some(resource) = resource {
            member("resource", resource);
        }
        for (name, value) in rest {
            member(name, value.to_string().as_bytes());
        }
        if sep == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }

    /// Adds the answer to one entry of a batch or transaction.
    pub fn answer(&mut self, answer: &Answer) {
        match answer {
            Ok(reply) => {
                let response = response(reply);
                self.entry(None, reply.body.as_deref(), &[("response", response)]);
            }
            Err(refusal) => {
                let status = status_line(refusal.status);
                let response = json!({ "status": status, "outcome": refusal.outcome() });
                self.entry(None, None, &[("response", response)]);
            }
        }
    }

    /// The whole Bundle.
    pub fn finish(mut self) -> Bytes {
        if self.entries > 0 {
            self.out.push(b']');
        }
        self.out.push(b'}');
        self.out.into()
    }
}

/// `Bundle.entry.response` of a reply; its location is relative to the base.
fn response(reply: &Reply) -> Value {
    let mut response = json!({ "status": status_line(reply.status) });
    if let Some(location) = &reply.location {
        response["location"] = json!(location);
    }
    if let Some((version, updated)) = reply.version {
        response["etag"] = json!(etag(version));
        response["lastModified"] = json!(instant(updated));
    }
    response
}

/// `201 Created`.
pub(super) fn status_line(status: StatusCode) -> String {
    format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or("")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_spliced_as_they_are() {
        let mut bundle = BundleText::new("searchset", Some(2), &[("self", "http://h/x".into())]);
        bundle.entry(
            Some("http://h/P/1"),
            Some(b"{\"v\":1.00}"),
            &[("search", json!({"mode": "match"}))],
        );
        bundle.entry(None, None, &[]);
        let text = String::from_utf8(bundle.finish().to_vec()).unwrap();
        assert_eq!(
            text,
            "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":2,\
             \"link\":[{\"relation\":\"self\",\"url\":\"http://h/x\"}],\
             \"entry\":[{\"fullUrl\":\"http://h/P/1\",\"resource\":{\"v\":1.00},\
             \"search\":{\"mode\":\"match\"}},{}]}"
        );
        let empty = BundleText::new("searchset", None, &[]).finish();
        assert_eq!(&empty[..], b"{\"resourceType\":\"Bundle\",\"type\":\"searchset\"}");
    }
}
