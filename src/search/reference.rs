//! References as search sees them (<https://hl7.org/fhir/R4/search.html#reference>).

use serde_json::Value;

/// What a reference points to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A resource of this server.
    Local {
        /// Resource type.
        kind: String,
        /// Logical id.
        id: String,
    },
    /// Anything else, by its address.
    Url(String),
}

/// The target of a relative or absolute reference; `None` for a fragment and an empty one.
pub fn target(reference: &str) -> Option<Target> {
    if reference.is_empty() || reference.starts_with('#') {
        return None;
    }
    if let Some((kind, id)) = relative(reference) {
        return Some(Target::Local { kind: kind.to_owned(), id: id.to_owned() });
    }
    Some(Target::Url(reference.to_owned()))
}

/// Type and id of `Type/id` or `Type/id/_history/n`.
pub fn relative(reference: &str) -> Option<(&str, &str)> {
    let mut parts = reference.split('/');
    let (kind, id) = (parts.next()?, parts.next()?);
    let versioned = match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) => true,
        (Some("_history"), Some(version), None) => !version.is_empty(),
        _ => false,
    };
    (versioned && is_kind(kind) && is_id(id)).then_some((kind, id))
}

/// Whether a Reference (or a canonical's text) points to a resource of a type.
pub fn refers_to(value: &Value, kind: &str) -> bool {
    let text = value.as_str().or_else(|| value.get("reference")?.as_str()).unwrap_or_default();
    let typed = || value.get("type").and_then(Value::as_str) == Some(kind);
    kind_of(text).map_or_else(typed, |found| found == kind)
}

/// The type in `…/Type/id` or `…/Type/id/_history/n`.
pub fn kind_of(reference: &str) -> Option<&str> {
    let mut parts = reference.rsplit('/');
    parts.next()?;
    let before = match parts.next()? {
        "_history" => parts.nth(1)?,
        before => before,
    };
    is_kind(before).then_some(before)
}

/// Whether a word could be a resource type.
pub fn is_kind(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Whether a word could be a logical id (<https://hl7.org/fhir/R4/datatypes.html#id>).
pub fn is_id(word: &str) -> bool {
    (1..=64).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn targets_are_read() {
        let local = Some(Target::Local { kind: "Patient".into(), id: "a.b".into() });
        assert_eq!(target("Patient/a.b"), local);
        assert_eq!(target("Patient/a.b/_history/2"), local);
        for url in ["http://x/fhir/Patient/1", "urn:uuid:1", "Patient/a b", "Patient?x=1"] {
            assert_eq!(target(url), Some(Target::Url(url.into())));
        }
        assert_eq!(target("#contained"), None);
        assert_eq!(target(""), None);
    }

    #[test]
    fn a_reference_knows_its_type() {
        for yes in [
            json!({"reference": "Patient/1"}),
            json!({"reference": "Patient/1/_history/3"}),
            json!({"reference": "http://x/fhir/Patient/1"}),
            json!({"reference": "urn:uuid:1", "type": "Patient"}),
            json!({"type": "Patient", "identifier": {"value": "1"}}),
        ] {
            assert!(refers_to(&yes, "Patient"), "{yes}");
        }
        for no in [
            json!({"reference": "Group/1"}),
            json!({"reference": "urn:uuid:1"}),
            json!({"reference": "Group/1", "type": "Patient"}),
            json!({}),
        ] {
            assert!(!refers_to(&no, "Patient"), "{no}");
        }
    }
}
