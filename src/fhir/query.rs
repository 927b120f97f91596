//! The query part of a URL, `name=zhang&birthdate=ge1960`: pairs of decoded text, both ways.

use crate::error::{Error, Kind, Result};

/// Reads a query (without `?`) into decoded pairs, in order, repeated names included.
///
/// Strict where browsers are not: a broken `%` escape, bytes that are not UTF-8 and control
/// characters are errors, so that nobody searches for something else than was meant.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Writes pairs as a query; [`pairs`] gives them back.
pub fn write<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

/// Splits `Patient?identifier=x` into the part before the `?` and the decoded pairs.
pub fn split(url: &str) -> Result<(&str, Vec<(String, String)>)> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Ok((path, pairs(query)?))
}

/// Undoes percent-encoding, with `+` as space.
pub fn decode(text: &str) -> Result<String> {
    let wrong = |what: &str| Error::new(Kind::Usage, format!("`{text}` in the URL {what}"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(wrong("has a `%` that two hexadecimal digits do not follow"));
                };
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))?;
    if text.contains(|c: char| c.is_control()) {
        return Err(wrong("has a control character"));
    }
    Ok(text)
}

/// Percent-encodes what a query component may not hold; keeps what search values are made of
/// (`|`, `,`, `:`, `/`) readable as far as RFC 3986 allows.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b',' | b':' | b'/' | b'$' | b'*' => {
                out.push(char::from(byte));
            }
            _ => *out += &format!("%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_are_decoded_in_order() {
        let read = pairs("name=%E5%BC%A0+x&&name=b%2Cc&_count&identifier=urn:oid:1|2").unwrap();
        let read: Vec<_> = read.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        let expected =
            [("name", "张 x"), ("name", "b,c"), ("_count", ""), ("identifier", "urn:oid:1|2")];
        assert_eq!(read, expected);
    }

    #[test]
    fn broken_escapes_are_errors() {
        for bad in ["a=%", "a=%2", "a=%zz", "a=%FF", "a=%00", "a=%0d%0aSet-Cookie:x"] {
            let error = pairs(bad).unwrap_err();
            assert_eq!(error.kind.facts().status, 400, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn written_pairs_are_read_back(read in proptest::collection::vec(("[^\\p{Cc}]{1,8}", "[^\\p{Cc}]{0,8}"), 0..4)) {
            prop_assert_eq!(pairs(&write(&read)).unwrap(), read);
        }

        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = pairs(&text);
        }
    }
}
