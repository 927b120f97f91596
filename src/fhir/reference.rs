//! References and canonical urls, taken apart
//! (<https://hl7.org/fhir/R4/references.html>).

use super::id::is_id;
use crate::error::{Error, Kind, Result};

/// What the text of `Reference.reference` points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `#lab`: a contained resource; `#` alone is the resource that contains.
    Contained(&'a str),
    /// `Patient/1`, `Patient/1/_history/2`: a resource of the same server.
    Relative(Target<'a>),
    /// `http://host/fhir/Patient/1`: a resource of a server.
    Absolute {
        /// The server's base, without the last `/`.
        base: &'a str,
        /// The resource.
        target: Target<'a>,
    },
    /// `Patient?identifier=…`: in a transaction, the one resource that matches.
    Conditional {
        /// Resource type.
        kind: &'a str,
        /// What stands after the `?`.
        query: &'a str,
    },
    /// `urn:uuid:…`, `urn:oid:…`: another entry of the same bundle, or anything.
    Urn(&'a str),
    /// Any other absolute url.
    Url(&'a str),
}

/// Type, id and version of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Resource type.
    pub kind: &'a str,
    /// Logical id.
    pub id: &'a str,
    /// Version id.
    pub version: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads the text of a reference.
    pub fn parse(text: &'a str) -> Result<Reference<'a>> {
        let wrong = |reason: &str| Err(Error::new(Kind::Value, format!("`{text}` {reason}")));
        if text.is_empty() {
            return Err(Error::new(Kind::Value, "the reference is empty"));
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return wrong("has white space in it");
        }
        if let Some(id) = text.strip_prefix('#') {
            return match id {
                "" => Ok(Reference::Contained("")),
                id if is_id(id) => Ok(Reference::Contained(id)),
                _ => wrong("is not `#` and the id of a contained resource"),
            };
        }
        if text.starts_with("urn:") {
            return match urn(text) {
                Ok(()) => Ok(Reference::Urn(text)),
                Err(reason) => wrong(reason),
            };
        }
        if has_scheme(text) {
            return Ok(match target(text) {
                Some((Some(base), target)) => Reference::Absolute { base, target },
                _ => Reference::Url(text),
            });
        }
        if let Some((kind, query)) = text.split_once('?')
            && is_kind(kind)
        {
            return Ok(Reference::Conditional { kind, query });
        }
        match target(text) {
            Some((None, target)) => Ok(Reference::Relative(target)),
            _ => wrong("is not `Type/id`, an absolute url, `urn:uuid:…` or `#id`"),
        }
    }

    /// The resource it names by type and id, wherever that lives.
    pub fn target(&self) -> Option<Target<'a>> {
        match self {
            Reference::Relative(target) | Reference::Absolute { target, .. } => Some(*target),
            _ => None,
        }
    }

    /// The resource type it names.
    pub fn kind(&self) -> Option<&'a str> {
        match self {
            Reference::Conditional { kind, .. } => Some(kind),
            other => other.target().map(|target| target.kind),
        }
    }
}

/// A canonical url, taken apart: `http://x/y|1.0#z`
/// (<https://hl7.org/fhir/R4/references.html#canonical>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canonical<'a> {
    /// The url, without version and fragment.
    pub url: &'a str,
    /// What stands after the `|`.
    pub version: Option<&'a str>,
    /// What stands after the `#`.
    pub fragment: Option<&'a str>,
}

impl<'a> Canonical<'a> {
    /// Takes a canonical apart; any text is one.
    pub fn of(text: &'a str) -> Canonical<'a> {
        let (text, fragment) = match text.split_once('#') {
            Some((text, fragment)) => (text, Some(fragment)),
            None => (text, None),
        };
        let (url, version) = match text.rsplit_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (text, None),
        };
        Canonical { url, version, fragment }
    }
}

/// Whether a word is written like a resource type.
pub fn is_kind(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_alphabetic())
}

/// `[base/]Type/id[/_history/version]`.
fn target(text: &str) -> Option<(Option<&str>, Target<'_>)> {
    let (rest, version) = match text.rsplit_once("/_history/") {
        Some((rest, version)) if is_id(version) => (rest, Some(version)),
        Some(_) => return None,
        None => (text, None),
    };
    let (rest, id) = rest.rsplit_once('/')?;
    let (base, kind) = match rest.rsplit_once('/') {
        Some((base, kind)) => (Some(base), kind),
        None => (None, rest),
    };
    (is_kind(kind) && is_id(id)).then_some((base, Target { kind, id, version }))
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && !rest.is_empty()
}

/// Whether a urn is well formed, as far as its kind is known; else the reason.
fn urn(text: &str) -> Result<(), &'static str> {
    if let Some(uuid) = text.strip_prefix("urn:uuid:") {
        return if is_uuid(uuid) { Ok(()) } else { Err("is not `urn:uuid:` and a UUID") };
    }
    if let Some(oid) = text.strip_prefix("urn:oid:") {
        return if is_oid(oid) { Ok(()) } else { Err("is not `urn:oid:` and an OID") };
    }
    Ok(())
}

/// Whether a text is a UUID: 8-4-4-4-12 hexadecimal digits.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Whether a text is an OID: `2.16.156.10011.1.3`.
pub fn is_oid(text: &str) -> bool {
    let mut arcs = text.split('.');
    let first = arcs.next().is_some_and(|arc| matches!(arc, "0" | "1" | "2"));
    let arc = |arc: &str| {
        let digits = !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit());
        digits && (arc == "0" || !arc.starts_with('0'))
    };
    first && text.contains('.') && arcs.all(arc)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patient<'a>(id: &'a str, version: Option<&'a str>) -> Target<'a> {
        Target { kind: "Patient", id, version }
    }

    #[test]
    fn references_are_taken_apart() {
        let base = "http://x/fhir";
        for (text, expected) in [
            ("#", Reference::Contained("")),
            ("#lab-1", Reference::Contained("lab-1")),
            ("Patient/a.b", Reference::Relative(patient("a.b", None))),
            ("Patient/1/_history/2", Reference::Relative(patient("1", Some("2")))),
            ("http://x/fhir/Patient/1", Reference::Absolute { base, target: patient("1", None) }),
            (
                "http://x/fhir/Patient/1/_history/2",
                Reference::Absolute { base, target: patient("1", Some("2")) },
            ),
            ("http://x/y.html", Reference::Url("http://x/y.html")),
            (
                "Patient?identifier=urn:x|1",
                Reference::Conditional { kind: "Patient", query: "identifier=urn:x|1" },
            ),
            ("urn:oid:2.16.156.10011.1.3", Reference::Urn("urn:oid:2.16.156.10011.1.3")),
            (
                "urn:uuid:6F21adb9-1a46-5379-978f-15fb58f75bf3",
                Reference::Urn("urn:uuid:6F21adb9-1a46-5379-978f-15fb58f75bf3"),
            ),
            ("urn:x-suffix:1", Reference::Urn("urn:x-suffix:1")),
        ] {
            assert_eq!(Reference::parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(Reference::parse("http://x/fhir/Patient/1").unwrap().kind(), Some("Patient"));
        assert_eq!(Reference::parse("Patient?x=1").unwrap().kind(), Some("Patient"));
        assert_eq!(Reference::parse("#a").unwrap().kind(), None);
    }

    #[test]
    fn what_is_no_reference_gets_a_reason() {
        let other = "is not `Type/id`, an absolute url, `urn:uuid:…` or `#id`";
        for (text, reason) in [
            ("Patient/1 ", "has white space in it"),
            ("#a b", "has white space in it"),
            ("#a/b", "is not `#` and the id of a contained resource"),
            ("urn:uuid:1", "is not `urn:uuid:` and a UUID"),
            ("urn:oid:3.1", "is not `urn:oid:` and an OID"),
            ("urn:oid:2.01", "is not `urn:oid:` and an OID"),
            ("Patient", other),
            ("Patient/", other),
            ("patient/1", other),
            ("Patient/a_b", other),
            ("Patient/1/2", other),
            ("Patient/1/_history/", other),
            ("/Patient/1", other),
            ("fhir/Patient/1", other),
        ] {
            assert_eq!(Reference::parse(text).unwrap_err().what, format!("`{text}` {reason}"));
        }
        assert_eq!(Reference::parse("").unwrap_err().what, "the reference is empty");
    }

    #[test]
    fn canonicals_are_taken_apart() {
        let all = Canonical { url: "http://x", version: Some("1"), fragment: Some("f") };
        assert_eq!(Canonical::of("http://x|1#f"), all);
        assert_eq!(Canonical::of("http://x").version, None);
        assert_eq!(
            Canonical::of("#local"),
            Canonical { url: "", version: None, fragment: Some("local") }
        );
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,30}|[#A-Za-z/:?._|0-9-]{0,40}") {
            let _ = (Reference::parse(&text), Canonical::of(&text));
        }

        #[test]
        fn relative_references_read_back(kind in "[A-Z][a-zA-Z]{0,20}", id in "[A-Za-z0-9.-]{1,64}") {
            let text = format!("{kind}/{id}");
            let target = Target { kind: &kind, id: &id, version: None };
            prop_assert_eq!(Reference::parse(&text).unwrap(), Reference::Relative(target));
        }
    }
}
