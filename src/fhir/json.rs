//! JSON as FHIR writes it, read strictly (<https://hl7.org/fhir/R4/json.html>).
//!
//! What is doubtful is refused with its line and column: a member that is there twice, bytes that
//! are not UTF-8, half a surrogate pair, nesting without end. Members keep their order and numbers
//! their digits, so that what is written is what was read, but for white space, escapes and the
//! spelling of exponents (`1E2` becomes `1e+2`).

use std::str::FromStr;

use serde_json::{Map, Number, Value};

use crate::error::{Error, Kind, Result};

/// How much JSON may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes.
    pub bytes: usize,
    /// Most lists and objects inside of each other.
    pub depth: usize,
}

impl Default for Limits {
    /// 64 MiB and 64 levels.
    fn default() -> Self {
        Limits { bytes: 64 << 20, depth: 64 }
    }
}

/// Reads one JSON value. Errors have `line:column` as their place, both from 1.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value> {
    if bytes.len() > limits.bytes {
        let text = format!("{} bytes of JSON, at most {} are read", bytes.len(), limits.bytes);
        return Err(Error::new(Kind::TooLarge, text));
    }
    let text = utf8(bytes)?;
    let mut reader = Reader { text, at: 0, depth: limits.depth };
    reader.space();
    if reader.peek().is_none() {
        return Err(Error::new(Kind::Structure, "there is no JSON, the text is empty"));
    }
    let value = reader.value()?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.wrong("the JSON ends here, and more text follows")),
    }
}

/// Reads one resource: an object that has a `resourceType`.
pub fn resource(bytes: &[u8], limits: Limits) -> Result<Value> {
    let value = parse(bytes, limits)?;
    let what = match &value {
        Value::Object(members) => match members.get("resourceType") {
            Some(Value::String(_)) => return Ok(value),
            Some(_) => "`resourceType` is not a string",
            None => "`resourceType` is missing: it says which resource this is",
        },
        _ => "a resource is a JSON object",
    };
    Err(Error::new(Kind::Structure, what).at("1:1"))
}

/// Writes a value without white space.
pub fn write(value: &Value) -> String {
    value.to_string()
}

/// Writes a value for people, indented by two spaces.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// The text without a byte order mark.
fn utf8(bytes: &[u8]) -> Result<&str> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let error = Error::new(Kind::Structure, "the text is UTF-16, JSON is UTF-8");
        return Err(error.at("1:1").advise("send it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let (before, after) = bytes.split_at(error.valid_up_to());
        let byte = after.first().copied().unwrap_or_default();
        let what = format!("the byte 0x{byte:02X} is not UTF-8");
        let place = place(std::str::from_utf8(before).unwrap_or_default());
        Error::new(Kind::Structure, what).at(place).advise("send JSON as UTF-8")
    })
}

/// Line and column after a text.
fn place(before: &str) -> String {
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{line}:{column}")
}

struct Reader<'t> {
    text: &'t str,
    /// The next byte.
    at: usize,
    /// How many more levels there may be.
    depth: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes a byte if it is next.
    fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, what: impl Into<String>) -> Error {
        self.wrong_at(self.at, what)
    }

    fn wrong_at(&self, at: usize, what: impl Into<String>) -> Error {
        let before = self.text.get(..at).unwrap_or_default();
        Error::new(Kind::Structure, what).at(place(before))
    }

    /// The complaint about something else than what was expected.
    fn expected(&self, what: &str) -> Error {
        match self.rest().chars().next() {
            None => self.wrong(format!("expected {what}, the text ends")),
            Some('/') => self
                .wrong(format!("expected {what}, found a comment"))
                .advise("JSON has no comments"),
            Some('\'') => self
                .wrong(format!("expected {what}, found `'`"))
                .advise("JSON has double quotes only"),
            Some('"') => self.wrong(format!("expected {what}, found `\"`")),
            Some(c) => self.wrong(format!("expected {what}, found `{}`", c.escape_debug())),
        }
    }

    fn value(&mut self) -> Result<Value> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [("true", Value::Bool(true)), ("false", Value::Bool(false))];
                for (word, value) in words.into_iter().chain([("null", Value::Null)]) {
                    if self.rest().starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.expected("a JSON value"))
            }
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Result<Value>) -> Result<Value> {
        if self.depth == 0 {
            let error = self.wrong("too many lists and objects inside of each other");
            return Err(Error { kind: Kind::TooLarge, ..error });
        }
        self.depth -= 1;
        self.at += 1;
        self.space();
        let value = read(self);
        self.depth += 1;
        value
    }

    /// After `{`.
    fn object(&mut self) -> Result<Value> {
        let mut members = Map::new();
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member's name in double quotes"));
            }
            let name = self.string()?;
            self.space();
            if !self.eat(b':') {
                return Err(self.expected("`:`"));
            }
            self.space();
            if members.contains_key(&name) {
                return Err(self.wrong_at(start, format!("`{name}` is there twice")));
            }
            let value = self.value()?;
            members.insert(name, value);
            if self.ends(b'}', "`,` or `}`")? {
                return Ok(Value::Object(members));
            }
        }
    }

    /// After `[`.
    fn list(&mut self) -> Result<Value> {
        let mut items = Vec::new();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.ends(b']', "`,` or `]`")? {
                return Ok(Value::Array(items));
            }
        }
    }

    /// After an item: takes the closing bracket, or a comma that another item follows.
    fn ends(&mut self, close: u8, expected: &str) -> Result<bool> {
        self.space();
        if self.eat(close) {
            return Ok(true);
        }
        let comma = self.at;
        if !self.eat(b',') {
            return Err(self.expected(expected));
        }
        self.space();
        if self.peek() == Some(close) {
            return Err(self.wrong_at(comma, "a comma too many: nothing follows it"));
        }
        Ok(false)
    }

    /// At `"`.
    fn string(&mut self) -> Result<String> {
        let open = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            let run = self.text.as_bytes().get(start..).unwrap_or_default();
            let length = run.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1F));
            let Some(length) = length else {
                return Err(self.wrong_at(open, "the string has no end"));
            };
            self.at += length;
            let plain = self.text.get(start..self.at).unwrap_or_default();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    if out.is_empty() {
                        return Ok(plain.to_owned());
                    }
                    out.push_str(plain);
                    return Ok(out);
                }
                Some(b'\\') => {
                    out.push_str(plain);
                    out.push(self.escape()?);
                }
                control => {
                    let code = control.unwrap_or_default();
                    let error =
                        self.wrong(format!("a string has the control character {code:#04X}"));
                    return Err(error.advise("write it as an escape such as \\n"));
                }
            }
        }
    }

    /// At `\`.
    fn escape(&mut self) -> Result<char> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += usize::from(letter.is_some_and(|b| b.is_ascii()));
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(self.wrong_at(start, "JSON has no such escape")),
        })
    }

    /// After `\u`.
    fn unicode(&mut self, start: usize) -> Result<char> {
        let first = self.hex(start)?;
        let code = match first {
            0xD800..=0xDBFF if self.rest().starts_with("\\u") => {
                self.at += 2;
                let second = self.hex(start)?;
                match second {
                    0xDC00..=0xDFFF => 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                    _ => first,
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.wrong_at(start, "half a surrogate pair"))
    }

    fn hex(&mut self, start: usize) -> Result<u32> {
        let digits = self.rest().get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.wrong_at(start, "`\\u` needs four hexadecimal digits"))
    }

    fn number(&mut self) -> Result<Value> {
        let start = self.at;
        self.eat(b'-');
        if self.eat(b'0') {
            if self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return Err(self
                    .wrong_at(start, "a number does not begin with 0")
                    .advise("write a text such as an id in double quotes"));
            }
        } else {
            self.digits(start)?;
        }
        if self.eat(b'.') {
            self.digits(start)?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits(start)?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let number = Number::from_str(text).map(Value::Number);
        number.map_err(|_| self.wrong_at(start, format!("`{text}` is not a number")))
    }

    fn digits(&mut self, start: usize) -> Result<()> {
        let from = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > from {
            return Ok(());
        }
        Err(self.wrong_at(start, "the number lacks digits"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value> {
        parse(text.as_bytes(), Limits::default())
    }

    #[test]
    fn what_is_read_is_written() {
        for text in [
            "{}",
            "[]",
            "null",
            r#"{"b":1,"a":[true,false,null,""],"z":{"c":[]}}"#,
            r#"{"value":1.00,"other":-0.5e-7,"big":123456789012345678901234567890}"#,
            r#"{"name":"张测试 é 𠀀 \"\\\n\t"}"#,
        ] {
            assert_eq!(write(&read(text).unwrap()), text);
        }
        assert_eq!(write(&read("\u{FEFF} {\r\n\t\"a\" : 1 } ").unwrap()), r#"{"a":1}"#);
        assert_eq!(read(r#""\u5f20\ud840\udc00\/\b\f""#).unwrap(), json!("张𠀀/\u{8}\u{c}"));
        assert_eq!(pretty(&json!({ "a": 1 })), "{\n  \"a\": 1\n}");
    }

    #[test]
    fn numbers_keep_their_text() {
        for text in ["0", "-0", "1.0", "1.00", "1.50e-3", "100000000000000000000.10"] {
            assert_eq!(write(&read(text).unwrap()), text);
        }
        assert_eq!(write(&read("1.0E2").unwrap()), "1.0e+2");
    }

    #[test]
    fn what_is_wrong_is_located() {
        for (text, expected) in [
            ("", "there is no JSON, the text is empty"),
            (" \n", "there is no JSON, the text is empty"),
            ("{\"a\":1,\n \"b\":2,\n \"a\":3}", "3:2: `a` is there twice"),
            ("{\"张\":1,\"张\":2}", "1:8: `张` is there twice"),
            ("{\"\\u0061\":1,\"a\":2}", "1:13: `a` is there twice"),
            ("{\"a\":{\"b\":[1,2,]}}", "1:15: a comma too many: nothing follows it"),
            ("{\"a\":1,}", "1:7: a comma too many: nothing follows it"),
            ("{\"a\" 1}", "1:6: expected `:`, found `1`"),
            ("{a:1}", "1:2: expected a member's name in double quotes, found `a`"),
            (
                "{'a':1}",
                "1:2: expected a member's name in double quotes, found `'` (JSON has double quotes only)",
            ),
            (
                "{ // x\n}",
                "1:3: expected a member's name in double quotes, found a comment (JSON has no comments)",
            ),
            ("{\"a\":1 \"b\":2}", "1:8: expected `,` or `}`, found `\"`"),
            ("[1 2]", "1:4: expected `,` or `]`, found `2`"),
            ("[1,", "1:4: expected a JSON value, the text ends"),
            ("{\"a\":", "1:6: expected a JSON value, the text ends"),
            ("[True]", "1:2: expected a JSON value, found `T`"),
            ("{} {}", "1:4: the JSON ends here, and more text follows"),
            ("[\"abc", "1:2: the string has no end"),
            (
                "[\"a\nb\"]",
                "1:4: a string has the control character 0x0A (write it as an escape such as \\n)",
            ),
            ("\"\\x\"", "1:2: JSON has no such escape"),
            ("\"\\u12\"", "1:2: `\\u` needs four hexadecimal digits"),
            ("\"\\ud800\"", "1:2: half a surrogate pair"),
            ("\"\\udc00\"", "1:2: half a surrogate pair"),
            ("\"\\ud800\\u0041\"", "1:2: half a surrogate pair"),
            (
                "[007]",
                "1:2: a number does not begin with 0 (write a text such as an id in double quotes)",
            ),
            ("[1.]", "1:2: the number lacks digits"),
            ("[-]", "1:2: the number lacks digits"),
            ("[1e]", "1:2: the number lacks digits"),
            ("[.5]", "1:2: expected a JSON value, found `.`"),
            ("[+1]", "1:2: expected a JSON value, found `+`"),
            ("\u{FEFF}\u{FEFF}{}", "1:1: expected a JSON value, found `\\u{feff}`"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text}");
        }
        let latin = parse(b"{\n\"a\": \"\xE9\"}", Limits::default()).unwrap_err();
        assert_eq!(latin.to_string(), "2:7: the byte 0xE9 is not UTF-8 (send JSON as UTF-8)");
        let utf16 = parse(b"\xFF\xFE{\0", Limits::default()).unwrap_err();
        assert_eq!(utf16.to_string(), "1:1: the text is UTF-16, JSON is UTF-8 (send it as UTF-8)");
    }

    #[test]
    fn limits_hold() {
        let limits = Limits { bytes: 20, depth: 3 };
        assert!(parse(b"[[[1]],[{}]]", limits).is_ok());
        let deep = parse(b"[[[[1]]]]", limits).unwrap_err();
        assert_eq!(deep.kind, Kind::TooLarge);
        assert_eq!(deep.to_string(), "1:4: too many lists and objects inside of each other");
        let long = parse(&[b' '; 21], limits).unwrap_err();
        assert_eq!(
            (long.kind, &long.what[..]),
            (Kind::TooLarge, "21 bytes of JSON, at most 20 are read")
        );
        assert_eq!(read(&"[".repeat(1_000_000)).unwrap_err().kind, Kind::TooLarge);
    }

    #[test]
    fn a_resource_says_what_it_is() {
        let read = |text: &str| resource(text.as_bytes(), Limits::default());
        assert!(read(r#"{"resourceType":"Patient"}"#).is_ok());
        assert_eq!(read("[]").unwrap_err().what, "a resource is a JSON object");
        assert_eq!(
            read(r#"{"resourceType":1}"#).unwrap_err().what,
            "`resourceType` is not a string"
        );
        assert!(read("{}").unwrap_err().what.starts_with("`resourceType` is missing"));
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&bytes, Limits::default());
        }

        /// Whatever we accept, serde_json reads alike; whatever it refuses, we refuse.
        #[test]
        fn we_agree_with_serde_json(text in r#"[\[\]{}:, ]{0,3}("[ab\\u0-9"/]{0,6}"|[-0-9.eE+]{0,5}|[\[\]{}:,"a1]{0,12}|true|nul){0,4}"#) {
            let theirs = serde_json::from_str::<Value>(&text);
            match read(&text) {
                Ok(ours) => prop_assert_eq!(Some(ours), theirs.ok()),
                Err(error) if error.what.ends_with("is there twice") => {}
                Err(_) => prop_assert!(theirs.is_err(), "{}", text),
            }
        }
    }
}
