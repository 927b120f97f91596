//! The syntax of FHIR's primitive types (<https://hl7.org/fhir/R4/datatypes.html#primitive>).

use serde_json::Value;

use crate::fhir::id::is_id;
use crate::fhir::reference::{is_oid, is_uuid};
use crate::fhir::time::{Date, DateTime, Time};

/// Longest string, in characters (<https://hl7.org/fhir/R4/datatypes.html#string>).
const LONGEST: usize = 1 << 20;

/// Checks a JSON value against a primitive type; a complaint is a sentence about the value.
pub(super) fn check(kind: &str, value: &Value) -> Result<(), String> {
    match kind {
        "boolean" => match value {
            Value::Bool(_) => Ok(()),
            Value::String(text) if matches!(&text[..], "true" | "false") => {
                Err(format!("write the boolean {text} without quotes"))
            }
            other => Err(not(other, "a boolean, true or false")),
        },
        "integer" => whole(value, i64::from(i32::MIN), "a whole number of 32 bits"),
        "unsignedInt" => whole(value, 0, "a whole number of 31 bits, 0 or more"),
        "positiveInt" => whole(value, 1, "a whole number of 31 bits, 1 or more"),
        "decimal" => match value {
            Value::Number(_) => Ok(()),
            Value::String(text) if text.parse::<f64>().is_ok() => {
                Err(format!("write the number {text} without quotes"))
            }
            other => Err(not(other, "a number")),
        },
        _ => match value {
            Value::String(text) => string(kind, text),
            other => Err(not(other, "a string")),
        },
    }
}

fn string(kind: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a string must not be empty; leave the element out".to_owned());
    }
    let reason = |error: crate::Error| format!("`{text}` is not {}: {}", article(kind), error.what);
    match kind {
        "date" => Date::parse(text).map(drop).map_err(reason),
        "dateTime" => DateTime::parse(text).map(drop).map_err(reason),
        "instant" => DateTime::parse_instant(text).map(drop).map_err(reason),
        "time" => Time::parse(text).map(drop).map_err(reason),
        "id" if !is_id(text) => {
            Err(format!("`{}` is not an id: 1 to 64 letters, digits, `-` and `.`", shown(text)))
        }
        "code" if !is_code(text) => {
            Err(format!("`{}` is not a code: white space at an end or twice", shown(text)))
        }
        "uri" | "url" | "canonical" if text.contains(char::is_whitespace) => {
            Err(format!("`{}` is not {}: white space in it", shown(text), article(kind)))
        }
        "oid" if !text.strip_prefix("urn:oid:").is_some_and(is_oid) => {
            Err(format!("`{}` is not an oid such as urn:oid:1.2.3", shown(text)))
        }
        "uuid" if !text.strip_prefix("urn:uuid:").is_some_and(is_uuid) => {
            Err(format!("`{}` is not a uuid such as urn:uuid:…", shown(text)))
        }
        "base64Binary" => base64(text),
        "xhtml" => xhtml(text),
        _ => characters(text),
    }
}

/// A string or markdown: no control characters but tab and line ends, not only white space.
fn characters(text: &str) -> Result<(), String> {
    if let Some(control) = text.bytes().find(|b| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) {
        return Err(format!("the control character U+{control:04X} is not allowed in a string"));
    }
    if text.len() > LONGEST && text.chars().count() > LONGEST {
        return Err(format!("a string has at most {LONGEST} characters"));
    }
    if text.trim().is_empty() {
        return Err("a string must not be only white space; leave the element out".to_owned());
    }
    Ok(())
}

fn whole(value: &Value, least: i64, what: &str) -> Result<(), String> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(n) if (least..=i64::from(i32::MAX)).contains(&n) => Ok(()),
            _ => Err(format!("{number} is not {what}")),
        },
        Value::String(text) if text.parse::<i64>().is_ok() => {
            Err(format!("write the number {text} without quotes"))
        }
        other => Err(not(other, what)),
    }
}

/// Words with single white space between them; white space as XML has it, so that a no-break space
/// is a letter.
fn is_code(text: &str) -> bool {
    let mut space = true;
    for c in text.chars() {
        let now = c.is_ascii_whitespace();
        if now && space || c.is_control() && !now {
            return false;
        }
        space = now;
    }
    !space
}

/// Groups of four characters, white space aside; `=` only at the end.
fn base64(text: &str) -> Result<(), String> {
    let (mut count, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return Err("not base64: a character that does not belong there".to_owned()),
        }
        count += 1;
    }
    if count == 0 || !count.is_multiple_of(4) || padding > 2 {
        return Err("not base64: its length is not that of whole bytes".to_owned());
    }
    Ok(())
}

fn xhtml(text: &str) -> Result<(), String> {
    let inner = text.trim();
    let opened = inner.strip_prefix("<div").or_else(|| inner.strip_prefix("<xhtml:div"));
    let opened = opened.is_some_and(|rest| rest.starts_with([' ', '>', '/', '\t', '\n', '\r']));
    let closed = inner.ends_with("</div>") || inner.ends_with("</xhtml:div>");
    if opened && (closed || inner.ends_with("/>")) {
        return Ok(());
    }
    Err("a narrative is one <div> element of XHTML".to_owned())
}

/// `expected …, found …`.
pub(super) fn not(value: &Value, expected: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("expected {expected}, found {found}")
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// A text short enough for a sentence.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
