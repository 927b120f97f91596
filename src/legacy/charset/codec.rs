//! One charset at a time: decode, encode, how many bytes a character takes.
//!
//! The tables are those of `encoding_rs` (<https://encoding.spec.whatwg.org/>): GB18030 in its 2022
//! form; the single byte `80` is the euro sign in GBK and GB18030, as Windows writes it.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, EncoderResult, Encoding};

use super::{Charset, Origin};
use crate::error::{Error, Kind};

/// Undecodable bytes `b` are carried as the character RAW + b.
const RAW: u32 = 0x10_FF00;

/// Where decoding stopped.
#[derive(Debug)]
pub(super) struct Bad {
    /// Offset of the first byte that cannot be decoded.
    pub offset: usize,
    /// It decodes to a character that stands for a raw byte here.
    reserved: bool,
}

/// Whether a character stands for a byte that could not be decoded.
pub(super) fn is_raw(c: char) -> bool {
    c as u32 >= RAW
}

/// The byte that such a character stands for.
pub(super) fn raw_byte(c: char) -> u8 {
    (c as u32).wrapping_sub(RAW) as u8
}

/// Decodes; the flag says whether bytes were carried raw.
pub(super) fn decode(charset: Charset, bytes: &[u8], carry: bool) -> Result<(String, bool), Bad> {
    match charset.encoding() {
        None => decode_utf8(bytes, carry),
        Some(encoding) => decode_other(charset, encoding, bytes, carry),
    }
}

/// Encodes; the first character without a code is the error.
pub(super) fn encode(charset: Charset, text: &str) -> Result<Cow<'_, [u8]>, char> {
    match charset {
        Charset::Utf16Le | Charset::Utf16Be => {
            return Ok(Cow::Owned(encode_utf16(text, charset == Charset::Utf16Be)));
        }
        Charset::Utf8 if !text.contains(is_raw) => return Ok(Cow::Borrowed(text.as_bytes())),
        _ if text.is_ascii() => return Ok(Cow::Borrowed(text.as_bytes())),
        _ => {}
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let part = rest.find(is_raw).unwrap_or(rest.len());
        encode_part(charset, &rest[..part], &mut out)?;
        rest = &rest[part..];
        let Some(raw) = rest.chars().next() else { return Ok(Cow::Owned(out)) };
        // A byte below 80 always decodes by itself, so it is never carried.
        let byte = (raw as u32 - RAW) as u8;
        if byte < 0x80 {
            return Err(raw);
        }
        out.push(byte);
        rest = &rest[raw.len_utf8()..];
    }
}

/// How many bytes a decoded character takes at the start of `bytes`.
pub(super) fn width(charset: Charset, c: char, bytes: &[u8]) -> usize {
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    if is_raw(c) {
        return 1;
    }
    match charset {
        Charset::Utf8 => c.len_utf8(),
        Charset::Utf16Le | Charset::Utf16Be => 2 * c.len_utf16(),
        Charset::Latin1 => 1,
        // The only second halves: four codes of Big5 decode to a letter and a combining mark.
        Charset::Big5 if matches!(c, '\u{304}' | '\u{30C}') => 0,
        Charset::Big5 if at(0) < 0x80 => 1,
        Charset::Big5 => 2,
        Charset::Gbk | Charset::Gb18030 if at(0) <= 0x80 => 1,
        Charset::Gbk | Charset::Gb18030 if at(1).is_ascii_digit() => 4,
        Charset::Gbk | Charset::Gb18030 => 2,
    }
}

impl Charset {
    /// The decoder; `None` for UTF-8, which the standard library does.
    fn encoding(self) -> Option<&'static Encoding> {
        Some(match self {
            Charset::Utf8 => return None,
            // GBK is decoded as its superset.
            Charset::Gb18030 | Charset::Gbk => encoding_rs::GB18030,
            Charset::Utf16Le => encoding_rs::UTF_16LE,
            Charset::Utf16Be => encoding_rs::UTF_16BE,
            Charset::Big5 => encoding_rs::BIG5,
            Charset::Latin1 => encoding_rs::WINDOWS_1252,
        })
    }
}

fn decode_utf8(bytes: &[u8], carry: bool) -> Result<(String, bool), Bad> {
    let mut out = String::new();
    let (mut raw, mut offset) = (false, 0);
    for chunk in bytes.utf8_chunks() {
        if let Some(at) = reserved(chunk.valid()) {
            return Err(Bad { offset: offset + at, reserved: true });
        }
        offset += chunk.valid().len();
        if chunk.invalid().is_empty() && out.is_empty() {
            return Ok((chunk.valid().to_owned(), false));
        }
        out += chunk.valid();
        for &byte in chunk.invalid() {
            if !carry {
                return Err(Bad { offset, reserved: false });
            }
            out.push(raw_char(byte));
            raw = true;
        }
        offset += chunk.invalid().len();
    }
    Ok((out, raw))
}

fn decode_other(
    charset: Charset,
    encoding: &'static Encoding,
    bytes: &[u8],
    carry: bool,
) -> Result<(String, bool), Bad> {
    let (mut out, mut raw, mut start) = (String::new(), false, 0);
    loop {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let rest = &bytes[start..];
        let need = decoder.max_utf8_buffer_length_without_replacement(rest.len());
        // After a bad byte only a little room at a time, lest many of them cost a buffer each.
        out.reserve(if raw { need.unwrap_or(0).min(4096) } else { need.unwrap_or(rest.len()) });
        let from = out.len();
        let mut read = 0;
        let bad = loop {
            let (result, n) =
                decoder.decode_to_string_without_replacement(&rest[read..], &mut out, true);
            read += n;
            match result {
                DecoderResult::InputEmpty => break None,
                DecoderResult::OutputFull => out.reserve(4096.max(out.capacity() / 2)),
                DecoderResult::Malformed(length, after) => {
                    break Some(read.saturating_sub(usize::from(length) + usize::from(after)));
                }
            }
        };
        if let Some(at) = reserved(&out[from..]) {
            let offset = start + measure(charset, &out[from..from + at], rest);
            return Err(Bad { offset, reserved: true });
        }
        let Some(bad) = bad else { return Ok((out, raw)) };
        if !carry {
            return Err(Bad { offset: start + bad, reserved: false });
        }
        // The first byte is carried, and decoding goes on behind it; UTF-16 is carried by units.
        let unit = if matches!(charset, Charset::Utf16Le | Charset::Utf16Be) { 2 } else { 1 };
        let end = (start + bad + unit).min(bytes.len());
        out.extend(bytes[start + bad..end].iter().map(|&byte| raw_char(byte)));
        (raw, start) = (true, end);
    }
}

/// The bytes that a decoded text takes.
pub(super) fn measure(charset: Charset, text: &str, bytes: &[u8]) -> usize {
    text.chars().fold(0, |n, c| n + width(charset, c, bytes.get(n..).unwrap_or(&[])))
}

/// Where a text holds a character of the range that stands for raw bytes.
fn reserved(text: &str) -> Option<usize> {
    // U+10FF00 and above are F4 8F BC and above in UTF-8.
    memchr::memchr_iter(0xF4, text.as_bytes())
        .find(|&at| text[at..].chars().next().is_some_and(is_raw))
}

/// The character that stands for a byte.
pub(super) fn raw_char(byte: u8) -> char {
    char::from_u32(RAW + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn encode_part(charset: Charset, text: &str, out: &mut Vec<u8>) -> Result<(), char> {
    let encoding = match charset {
        Charset::Gbk => encoding_rs::GBK,
        other => match other.encoding() {
            Some(encoding) => encoding,
            None => {
                out.extend_from_slice(text.as_bytes());
                return Ok(());
            }
        },
    };
    let mut encoder = encoding.new_encoder();
    let mut read = 0;
    loop {
        let need = encoder.max_buffer_length_from_utf8_without_replacement(text.len() - read);
        out.reserve(need.unwrap_or(16).max(16));
        let (result, n) =
            encoder.encode_from_utf8_to_vec_without_replacement(&text[read..], out, true);
        read += n;
        match result {
            EncoderResult::InputEmpty => return Ok(()),
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(c) => return Err(c),
        }
    }
}

fn encode_utf16(text: &str, big: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * text.len());
    for c in text.chars() {
        if is_raw(c) {
            out.push((c as u32 - RAW) as u8);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.extend(if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
        }
    }
    out
}

impl Bad {
    /// The located error of a whole input.
    pub(super) fn into_error(
        self,
        bytes: &[u8],
        charset: Charset,
        by: &str,
        origin: Origin,
    ) -> Error {
        let name = charset.name();
        let byte = bytes.get(self.offset).copied().unwrap_or(0);
        let lines = memchr::memchr_iter(b'\n', &bytes[..self.offset.min(bytes.len())]).count();
        let before = if self.offset < origin.head { 0 } else { origin.lines as usize };
        let line = 1 + before + lines;
        let what = if self.reserved {
            format!(
                "byte 0x{byte:02X} begins a private-use character above U+10FF00, which stands for undecodable bytes"
            )
        } else if by == "gb18030" {
            format!("byte 0x{byte:02X} cannot be decoded: the input is neither UTF-8 nor GB18030")
        } else {
            format!("byte 0x{byte:02X} cannot be decoded as {name} (charset by: {by})")
        };
        Error::new(Kind::Structure, what)
            .at(format!("byte {}, line {line}", origin.byte(self.offset)))
            .advise("repair the input, or set the charset of the channel, or let the channel carry undecodable bytes")
    }
}
