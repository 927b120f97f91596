//! Delimiters and escapes (HL7 v2.8 chapter 2, §2.5.4 and §2.7).

use std::borrow::Cow;

use super::super::charset::{Charset, Charsets, Text};
use crate::error::{Error, Kind, Result};

/// The delimiters of one message, as its MSH-1 and MSH-2 say; ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields, `|`.
    pub field: u8,
    /// Between components, `^`.
    pub component: u8,
    /// Between repetitions, `~`; `None`: not used.
    pub repetition: Option<u8>,
    /// Around escapes, `\`.
    pub escape: Option<u8>,
    /// Between subcomponents, `&`.
    pub subcomponent: Option<u8>,
    /// Marks a value cut off, `#` (2.7 and later).
    pub truncation: Option<u8>,
}

impl Delimiters {
    /// The usual ones.
    pub const USUAL: Delimiters = Delimiters {
        field: b'|',
        component: b'^',
        repetition: Some(b'~'),
        escape: Some(b'\\'),
        subcomponent: Some(b'&'),
        truncation: None,
    };

    /// Reads MSH-1 and MSH-2. A doubled escape character, as in text that went through a program's
    /// string literal, counts once.
    pub(super) fn read(field: u8, encoding: &str) -> Result<Delimiters, String> {
        let mut rest = encoding.as_bytes().iter().copied();
        let component = rest.next().ok_or("MSH-2 is empty: it names the delimiters")?;
        let (repetition, escape) = (rest.next(), rest.next());
        let mut subcomponent = rest.next();
        if subcomponent.is_some() && subcomponent == escape {
            subcomponent = rest.next();
        }
        let truncation = rest.next();
        let found = Delimiters { field, component, repetition, escape, subcomponent, truncation };
        let all: Vec<u8> = found.all().collect();
        for (i, &c) in all.iter().enumerate() {
            if !c.is_ascii_punctuation() {
                let shown = encoding.escape_default();
                return Err(format!("the delimiters `{shown}` are not all punctuation"));
            }
            if all[..i].contains(&c) {
                let c = char::from(c);
                return Err(format!("the delimiter `{c}` is named twice in MSH-1 and MSH-2"));
            }
        }
        Ok(found)
    }

    /// All that are used.
    pub(super) fn all(&self) -> impl Iterator<Item = u8> + use<> {
        let others = [self.repetition, self.escape, self.subcomponent, self.truncation];
        [self.field, self.component].into_iter().chain(others.into_iter().flatten())
    }

    /// Whether a character separates parts of a field.
    pub(super) fn splits(&self, c: char) -> bool {
        let [component, others @ ..] = [Some(self.component), self.repetition, self.subcomponent];
        others.into_iter().chain([component]).flatten().any(|d| char::from(d) == c)
    }

    /// The delimiter that a one-letter escape stands for; where the message does not use it, the
    /// usual one.
    fn lettered(&self, letter: u8) -> Option<u8> {
        match letter {
            b'F' => Some(self.field),
            b'S' => Some(self.component),
            b'T' => Some(self.subcomponent.unwrap_or(b'&')),
            b'R' => Some(self.repetition.unwrap_or(b'~')),
            b'E' => self.escape,
            b'P' => self.truncation,
            _ => None,
        }
    }

    /// The letter that stands for a delimiter.
    fn letter(&self, c: u8) -> Option<char> {
        let letters = [
            (Some(self.field), 'F'),
            (Some(self.component), 'S'),
            (self.subcomponent, 'T'),
            (self.repetition, 'R'),
            (self.escape, 'E'),
            (self.truncation, 'P'),
        ];
        letters.into_iter().find(|(d, _)| *d == Some(c)).map(|(_, letter)| letter)
    }
}

/// Undoes the escapes of a leaf. `\.br\` is a line break; formatting commands, character set
/// switches, local and unknown escapes and a lone escape character stay as they are.
pub(super) fn unescape<'t>(
    raw: &'t str,
    delimiters: &Delimiters,
    charset: Charset,
) -> Cow<'t, str> {
    let Some(escape) = delimiters.escape else { return Cow::Borrowed(raw) };
    let Some(first) = memchr::memchr(escape, raw.as_bytes()) else { return Cow::Borrowed(raw) };
    let mut out = String::with_capacity(raw.len());
    let mut at = first;
    out += &raw[..first];
    // `at` is at an escape character.
    while let Some(length) = memchr::memchr(escape, &raw.as_bytes()[at + 1..]) {
        let end = at + 1 + length + 1;
        let inner = &raw[at + 1..end - 1];
        let mut next = end;
        match (inner.as_bytes(), inner) {
            ([letter], _) if delimiters.lettered(*letter).is_some() => {
                out.extend(delimiters.lettered(*letter).map(char::from));
            }
            (_, ".br") => out.push('\n'),
            ([b'X', ..], _) => {
                next = unhex(raw, at, escape, charset, &mut out).unwrap_or_else(|| {
                    out.push_str(&raw[at..end]);
                    end
                })
            }
            _ => out.push_str(&raw[at..end]),
        }
        match memchr::memchr(escape, &raw.as_bytes()[next..]) {
            Some(more) => {
                out += &raw[next..next + more];
                at = next + more;
            }
            None => {
                at = next;
                break;
            }
        }
    }
    out += &raw[at..];
    Cow::Owned(out)
}

/// Decodes the hex escapes that begin at `at`, several in a row as one: `\XD5\\XC5\` is one
/// character. Gives where they end; `None` if they are not hex, or not text in this charset.
fn unhex(raw: &str, at: usize, escape: u8, charset: Charset, out: &mut String) -> Option<usize> {
    let mut bytes = Vec::new();
    let mut end = at;
    while let Some(rest) = raw.as_bytes().get(end..)
        && let [e, b'X', rest @ ..] = rest
        && *e == escape
        && let Some(length) = memchr::memchr(escape, rest)
        && let Some(more) = hex(&rest[..length])
    {
        bytes.extend(more);
        end += 2 + length + 1;
    }
    if bytes.is_empty() {
        return None;
    }
    let say = Charsets { channel: Some(of_bytes(charset)), ..Charsets::default() };
    out.push_str(&Text::decode(&bytes, None, &say).ok()?.text);
    Some(end)
}

/// The charset of hex escapes: bytes, also in a message whose characters are units of two.
fn of_bytes(charset: Charset) -> Charset {
    match charset {
        Charset::Utf16Le | Charset::Utf16Be => Charset::Utf8,
        other => other,
    }
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |c: u8| char::from(c).to_digit(16);
    if digits.is_empty() || digits.len() % 2 == 1 {
        return None;
    }
    digits.chunks(2).map(|pair| Some((value(pair[0])? * 16 + value(pair[1])?) as u8)).collect()
}

/// Escapes a text so that [`unescape`] gives it back: delimiters by letter, a line feed as
/// `\.br\`, other control characters in hex; formatting commands stay commands.
pub(super) fn escape(text: &str, delimiters: &Delimiters) -> Result<String> {
    // A text of two quotes would be read as "delete this".
    let null = text == "\"\"";
    let special = |c: char| {
        (c.is_ascii_control() && c != '\t')
            || u8::try_from(c).is_ok_and(|c| delimiters.letter(c).is_some())
    };
    if !null && !text.contains(special) {
        return Ok(text.to_owned());
    }
    let Some(escape) = delimiters.escape else {
        return Err(Error::new(
            Kind::Value,
            "the text holds a delimiter or a line break, and the message names no escape character",
        )
        .advise("let the sender name its escape character in MSH-2, usually \\"));
    };
    let e = char::from(escape);
    if null {
        return Ok(format!("{e}X2222{e}"));
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == e
            && let Some(length) = command(rest, e, delimiters)
        {
            out += &rest[..length];
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match u8::try_from(c).ok().and_then(|c| delimiters.letter(c)) {
            Some(letter) => out.extend([e, letter, e]),
            None if c == '\n' && delimiters.letter(b'.').is_none() => {
                out += &format!("{e}.br{e}");
            }
            None if special(c) => out += &format!("{e}X{:02X}{e}", c as u32),
            None => out.push(c),
        }
    }
    Ok(out)
}

/// The length of a formatting command (`\H\`, `\.sp 3\`, `\Zab\`, `\M123456\`) at the start of a
/// text: what [`unescape`] leaves alone and a reader of formatted text understands.
fn command(text: &str, escape: char, delimiters: &Delimiters) -> Option<usize> {
    let inner = text.strip_prefix(escape)?;
    let inner = &inner[..inner.find(escape)?];
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | ' ');
    let known = match inner.as_bytes() {
        [b'H' | b'N'] => true,
        [b'.', a, b, ..] if inner != ".br" => {
            matches!(&[*a, *b], b"sp" | b"in" | b"ti" | b"sk" | b"fi" | b"nf" | b"ce")
        }
        [b'Z', _, ..] => true,
        [b'C', hex @ ..] => hex.len() == 4 && hex.iter().all(u8::is_ascii_hexdigit),
        [b'M', hex @ ..] => matches!(hex.len(), 4 | 6) && hex.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    };
    let clean = inner.len() <= 32
        && inner
            .chars()
            .all(|c| plain(c) && u8::try_from(c).is_ok_and(|c| delimiters.letter(c).is_none()));
    (known && clean).then_some(inner.len() + 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(raw: &str) -> String {
        unescape(raw, &Delimiters::USUAL, Charset::Gb18030).into_owned()
    }

    fn delimiters(text: &str) -> Result<Delimiters, String> {
        Delimiters::read(text.as_bytes()[0], &text[1..])
    }

    #[test]
    fn each_escape() {
        for (raw, text) in [
            (r"10\S\9/L", "10^9/L"),
            (r"\F\\S\\T\\R\\E\", r"|^&~\"),
            (r"a\X0D0a\b", "a\r\nb"),
            (r"\XD5\\XC5\三", "张三"),
            (r"\XD5C5\", "张"),
            (r"a\.br\b", "a\nb"),
            // Kept: half a character, odd digits, no digits, formatting, local, unknown, unterminated.
            (r"\XD5\三", r"\XD5\三"),
            (r"\X0\", r"\X0\"),
            (r"\X\", r"\X\"),
            (r"\H\bold\N\", r"\H\bold\N\"),
            (r"\.sp 3\x", r"\.sp 3\x"),
            (r"\Zlocal\", r"\Zlocal\"),
            (r"\C2842\", r"\C2842\"),
            (r"\f\", r"\f\"),
            (r"\P\", r"\P\"),
            (r"D:\data\x", r"D:\data\x"),
            (r"D:\data", r"D:\data"),
            (r"\", r"\"),
            (r"\T\\", r"&\"),
            ("", ""),
        ] {
            assert_eq!(read(raw), text, "{raw}");
        }
        let truncating = delimiters(r"|^~\&#").unwrap();
        assert_eq!(unescape(r"no \P\ cut", &truncating, Charset::Utf8), "no # cut");
    }

    #[test]
    fn each_text_is_escaped() {
        let write = |text| escape(text, &Delimiters::USUAL).unwrap();
        assert_eq!(write("10^9/L"), r"10\S\9/L");
        assert_eq!(write(r"a|b&c~d\e"), r"a\F\b\T\c\R\d\E\e");
        assert_eq!(write("a\r\nb\x1C\tc"), "a\\X0D\\\\.br\\b\\X1C\\\tc");
        assert_eq!(write("\"\""), r"\X2222\");
        assert_eq!(write(r"\H\bold\N\ \.sp 3\ \.br\"), r"\H\bold\N\ \.sp 3\ \E\.br\E\");
        assert_eq!(write("#张"), "#张");
        assert_eq!(escape("#", &delimiters(r"|^~\&#").unwrap()).unwrap(), r"\P\");
        assert_eq!(escape("a&b", &delimiters("|^~").unwrap()).unwrap(), "a&b");
        assert!(escape("a^b", &delimiters("|^~").unwrap()).is_err());
    }

    #[test]
    fn delimiters_are_read_and_checked() {
        let odd = delimiters("$%~!@").unwrap();
        assert_eq!((odd.field, odd.component, odd.subcomponent), (b'$', b'%', Some(b'@')));
        assert_eq!(delimiters("|^~").unwrap().escape, None);
        assert_eq!(delimiters(r"|^~\\&").unwrap(), Delimiters::USUAL);
        for (text, word) in
            [(r"|^^\&", "twice"), (r"|^|\&", "twice"), ("|", "empty"), ("|A~", "punct")]
        {
            assert!(delimiters(text).unwrap_err().contains(word), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            text in prop_oneof![r#"[\\|^~&#"XHNEFSTRZ.brsp 0-9\r\n\t张誠𠮷]{0,24}"#, ".{0,20}"],
            which in 0usize..4,
        ) {
            let usual = [r"|^~\&", r"|^~\&#", r"$%~!@", r"|.~\-"];
            let message = delimiters(usual[which]).unwrap();
            for charset in [Charset::Gb18030, Charset::Utf8, Charset::Utf16Le] {
                let raw = escape(&text, &message).unwrap();
                prop_assert_eq!(&*unescape(&raw, &message, charset), &text);
                prop_assert!(!raw.contains(|c| message.splits(c) || c == '\r' || c == '\n'));
            }
            let _ = unescape(&text, &message, Charset::Gb18030);
        }
    }
}
