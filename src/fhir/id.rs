//! Ids that turn back into keys: `hospital-1.pid.0000001001` names the party, the space and the
//! key, so a live read finds its row without a table of ids.
//!
//! An id is `party "." space { "." enc(part) }`, at most 64 characters. A key with a secret part
//! (a national id), or one that is too long, ends in a hash instead: `party.space.-u…`.
//! [`enc`] never gives `-u`, so the two forms cannot meet.

use uuid::Uuid;

/// Longest id that FHIR allows (<https://hl7.org/fhir/R4/datatypes.html#id>).
pub const LONGEST: usize = 64;

/// Longest name of a party or a space.
pub const LONGEST_NAME: usize = 16;

/// What a hashed tail begins with.
const HASHED: &str = "-u";

/// Whether a text can be the id of a resource: 1 to 64 of `A-Z a-z 0-9 - .`.
pub fn is_id(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Whether a text can name a party or a space: 1 to 16 of `a-z 0-9 -`.
pub fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The id of a key. `party` and `space` satisfy [`is_name`]; `parts` are decoded values, empty ones
/// at the end are dropped; `secret` says that a part must not be readable from the id.
///
/// The same arguments give the same id, for ever; different ones differ (a hash: by 112 bits or
/// more). Only hashed ids depend on the resource type `kind`.
pub fn make(party: &str, kind: &str, space: &str, parts: &[String], secret: bool) -> String {
    let kept = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
    let parts: Vec<String> = parts[..kept].iter().map(|part| enc(part)).collect();
    if !secret {
        let mut id = format!("{party}.{space}");
        for part in &parts {
            id.push('.');
            id.push_str(part);
        }
        if id.len() <= LONGEST {
            return id;
        }
    }
    let name = format!("{party}|{kind}|{space}|{}", parts.join("|"));
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).simple().to_string();
    let mut id = format!("{party}.{space}.{HASHED}{hash}");
    // Two names of 16 letters leave room for 28 of the 32 digits.
    id.truncate(LONGEST);
    id
}

/// An id that [`make`] gave, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Whose it is.
    pub party: &'a str,
    /// The space of the key.
    pub space: &'a str,
    /// The key; `None` where the id is hashed.
    pub key: Option<Vec<String>>,
}

/// Takes an id apart; `None` for one that [`make`] does not give.
pub fn split(id: &str) -> Option<Parts<'_>> {
    let mut parts = id.split('.');
    let party = parts.next().filter(|name| is_name(name))?;
    let space = parts.next().filter(|name| is_name(name))?;
    let tail: Vec<&str> = parts.collect();
    if id.len() > LONGEST || tail.last() == Some(&"") {
        return None;
    }
    if let [hash] = tail[..]
        && let Some(digits) = hash.strip_prefix(HASHED)
    {
        let room = (LONGEST - party.len() - space.len() - 2 - HASHED.len()).min(32);
        let hashed = digits.len() == room && digits.bytes().all(is_lower_hex);
        return hashed.then_some(Parts { party, space, key: None });
    }
    let key = tail.into_iter().map(dec).collect::<Option<_>>()?;
    Some(Parts { party, space, key: Some(key) })
}

/// Writes a key part with the characters of an id: letters and digits as they are, `-` as `--`,
/// any other character as `-hex-` of its code point.
pub fn enc(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for c in part.chars() {
        match c {
            '-' => out.push_str("--"),
            c if c.is_ascii_alphanumeric() => out.push(c),
            c => out.push_str(&format!("-{:x}-", u32::from(c))),
        }
    }
    out
}

/// Undoes [`enc`]; `None` for what it does not give.
pub fn dec(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if c == '-' {
            let (hex, after) = rest.split_once('-')?;
            out.push(if hex.is_empty() { '-' } else { escaped(hex)? });
            rest = after;
        } else {
            return None;
        }
    }
    Some(out)
}

/// The character of `hex`, if [`enc`] writes it so.
fn escaped(hex: &str) -> Option<char> {
    let canonical = !hex.starts_with('0') && hex.len() <= 6 && hex.bytes().all(is_lower_hex);
    let zero = hex == "0";
    let code = u32::from_str_radix(hex, 16).ok().filter(|_| canonical || zero)?;
    char::from_u32(code).filter(|c| !c.is_ascii_alphanumeric() && *c != '-')
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn strings(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|&part| part.to_owned()).collect()
    }

    #[test]
    fn keys_can_be_read_in_ids() {
        let id =
            |space, parts: &[&str]| make("hospital-1", "Patient", space, &strings(parts), false);
        assert_eq!(id("pid", &["0000001001"]), "hospital-1.pid.0000001001");
        assert_eq!(
            id("item", &["rpt", "BG26030200017", "GLU"]),
            "hospital-1.item.rpt.BG26030200017.GLU"
        );
        assert_eq!(id("doctor", &["张测试"]), "hospital-1.doctor.-5f20--6d4b--8bd5-");
        assert_eq!(id("item", &["a-b", "", ""]), "hospital-1.item.a--b");
        assert_eq!(id("item", &["", "x"]), "hospital-1.item..x");
        assert_eq!(id("org", &[]), "hospital-1.org");
    }

    #[test]
    fn secret_and_long_keys_are_hashed() {
        let parts = strings(&["539901196503150014"]);
        let secret = make("hospital-1", "Patient", "nid", &parts, true);
        assert_eq!(secret, "hospital-1.nid.-ufad1ce731b5d5e72afd320a523084eb3");
        assert_ne!(secret, make("hospital-1", "RelatedPerson", "nid", &parts, true));
        assert_eq!(split(&secret), Some(Parts { party: "hospital-1", space: "nid", key: None }));
        let long = strings(&["x".repeat(60).as_str()]);
        assert!(
            make("clinic-1", "Observation", "item", &long, false).starts_with("clinic-1.item.-u")
        );
        // The joint between two parts counts.
        let joined = |parts: &[&str]| make("p", "Patient", "nid", &strings(parts), true);
        assert_ne!(joined(&["a|b"]), joined(&["a", "b"]));
        let (party, space) = ("p".repeat(16), "s".repeat(16));
        let widest = make(&party, "Patient", &space, &parts, true);
        assert_eq!(widest.len(), LONGEST);
        assert!(is_id(&widest) && split(&widest).is_some());
    }

    #[test]
    fn foreign_ids_are_not_taken_apart() {
        for id in [
            "",
            "a",
            ".",
            "a.",
            ".b",
            "A.b.c",
            "a.b.",
            "a.b.c.",
            "a.b.-",
            "a.b.-41-",
            "a.b.-0041-",
            "a.b.-5F20-",
            "a.b.-110000-",
            "a.b.-d800-",
            "a.b.-u123",
            "a.b.x.-u00",
            "a.b.张",
            "17-letters-party-.b.c",
            "6f21adb9-1a46-5379-978f-15fb58f75bf3",
        ] {
            assert_eq!(split(id), None, "{id}");
        }
    }

    #[test]
    fn ids_are_checked() {
        assert!(is_id("a") && is_id("A-1.z") && is_id(&"x".repeat(64)));
        assert!(!is_id("") && !is_id("a_b") && !is_id("é") && !is_id(&"x".repeat(65)));
        assert!(is_name("hospital-1") && !is_name("Hospital") && !is_name("") && !is_name("a.b"));
    }

    proptest! {
        #[test]
        fn encoding_is_a_bijection(part in "\\PC{0,20}|[-a-f0-9]{0,12}") {
            prop_assert_eq!(dec(&enc(&part)), Some(part));
        }

        #[test]
        fn decoding_accepts_only_what_encoding_gives(text in "[-a-z0-9]{0,12}|-[0-9a-f]{1,7}-") {
            if let Some(part) = dec(&text) {
                prop_assert_eq!(enc(&part), text);
            }
        }

        #[test]
        fn ids_give_their_keys_back(
            party in "[a-z0-9-]{1,16}", space in "[a-z0-9-]{1,16}",
            mut parts in vec("[a-zA-Z0-9]{0,6}|[-./ 张\u{20000}]{0,2}|-u[0-9a-f]{0,3}", 0..4),
        ) {
            let id = make(&party, "Patient", &space, &parts, false);
            prop_assert!(is_id(&id), "{}", id);
            while parts.last().is_some_and(String::is_empty) {
                parts.pop();
            }
            let found = split(&id);
            prop_assert!(found.is_some(), "{}", id);
            if let Some(Parts { party: p, space: s, key }) = found {
                prop_assert_eq!((p, s), (&party[..], &space[..]));
                prop_assert!(key.is_none_or(|key| key == parts));
            }
        }

        #[test]
        fn splitting_never_panics(id in "\\PC{0,70}|[-a-z0-9.]{0,70}") {
            if let Some(Parts { party, space, key: Some(key) }) = split(&id) {
                prop_assert_eq!(make(party, "Patient", space, &key, false), id);
            }
        }
    }
}
