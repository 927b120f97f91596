//! Bytes ↔ text: charsets of the field, offsets back to the original bytes, byte-exact splicing.
//!
//! In GBK the second byte of a character may be `\`, `^`, `|` or `~`; so a record is decoded whole
//! before it is split (116 Han characters for each of the four). The charset is the first that is
//! set: the channel's, the record's own declaration (BOM, XML declaration, MSH-18, MSH-17), the
//! mapping's, else strict UTF-8, else GB18030.
//!
//! Decoding need not be reversible character by character (`A3A0` and `A1A1` of GBK are both
//! U+3000): what is not edited is never encoded again, its bytes are copied.

mod codec;
mod offsets;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::record::Span;
use crate::error::{Error, Kind, Result};
use offsets::Offsets;

/// A charset a record can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// ASCII and UTF-8.
    Utf8,
    /// GB 2312, GBK and GB18030, decoded as their superset; written as GBK two-byte where possible.
    Gb18030,
    /// GBK only: a character outside is an error on writing.
    Gbk,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// Big5 (traditional script).
    Big5,
    /// ISO 8859-1, as windows-1252.
    Latin1,
}

/// Who says which charset, and what to do with bytes it cannot decode.
#[derive(Debug, Clone, Copy, Default)]
pub struct Charsets {
    /// The channel's setting, the operator's word; wins.
    pub channel: Option<Charset>,
    /// The mapping's, used where the record itself declares none.
    pub mapping: Option<Charset>,
    /// Carry undecodable bytes raw instead of refusing the record. Such a byte `b` decodes to the
    /// private-use character U+10FF00 + b, which is written back as the byte.
    pub carry_raw: bool,
    /// Set where the bytes are a part of a longer text.
    pub origin: Origin,
}

/// Where a part of a longer text stands in it. A part begins with the head of the whole (its header
/// line), and goes on with what stands further behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// Bytes of the head.
    pub head: usize,
    /// Bytes of the whole that are left out behind the head.
    pub bytes: usize,
    /// Lines in them.
    pub lines: u32,
    /// Records that were read of them.
    pub records: u32,
    /// What the whole looked like, where nobody says its charset.
    pub looks: Option<Charset>,
}

impl Origin {
    /// Where a byte of the part stands in the whole.
    fn byte(&self, at: usize) -> usize {
        if at < self.head { at } else { at + self.bytes }
    }
}

/// Decoded text that knows its original bytes.
#[derive(Debug)]
pub struct Text {
    /// The original bytes, BOM included.
    pub bytes: Arc<[u8]>,
    /// The text, BOM excluded.
    pub text: String,
    /// The charset it was decoded with.
    pub charset: Charset,
    /// Why this charset: `channel`, `bom`, `declared`, `mapping`, `utf-8`, `gb18030`.
    pub chosen_by: &'static str,
    /// Length of the BOM in bytes.
    bom: usize,
    /// Whether the text holds bytes that were carried raw.
    raw: bool,
    /// Where it stands in a longer text.
    pub(super) origin: Origin,
    /// Made when first asked for; not needed where text and bytes are the same.
    offsets: OnceLock<Offsets>,
    /// Where the text stands, if the bytes are not the text from end to end.
    holder: Option<Arc<dyn Holder>>,
}

/// Bytes that hold a text in pieces: the cells of a table, a sheet in an archive. Everything else in
/// them is kept.
pub trait Holder: std::fmt::Debug + Send + Sync {
    /// The bytes of a span, or those of the part it stands in.
    fn byte_range(&self, text: &Text, span: Span) -> Range<usize>;

    /// The bytes with edits applied, which are sorted.
    fn splice(&self, text: &Text, edits: &[&TextEdit]) -> Result<Vec<u8>>;

    /// The bytes with only these records, in their order.
    fn only(&self, text: &Text, spans: &[Span]) -> Vec<u8>;

    /// The bytes of one record, with what is needed to read it.
    fn alone(&self, text: &Text, span: Span) -> Vec<u8> {
        self.only(text, &[span])
    }
}

/// A replacement of a span of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// The new text.
    pub text: String,
}

impl Text {
    /// Decodes bytes. `declared` is what the record itself says, found by the format before.
    pub fn decode(bytes: &[u8], declared: Option<Charset>, say: &Charsets) -> Result<Arc<Text>> {
        let (charset, chosen_by) = choose(bytes, declared, say);
        let bom = charset.bom(bytes);
        let (text, raw) =
            codec::decode(charset, &bytes[bom..], say.carry_raw).map_err(|mut bad| {
                bad.offset += bom;
                bad.into_error(bytes, charset, chosen_by, say.origin)
            })?;
        if u32::try_from(text.len()).is_err() {
            return Err(Error::new(Kind::TooLarge, "the text is longer than 4 GiB")
                .advise("send it in parts"));
        }
        Ok(Arc::new(Text {
            bytes: bytes.into(),
            text,
            charset,
            chosen_by,
            bom,
            raw,
            origin: say.origin,
            offsets: OnceLock::new(),
            holder: None,
        }))
    }

    /// Text that comes from nowhere: the start of a new record. Its bytes are the text in UTF-8
    /// unless the charset is another one that can express it.
    pub fn fresh(text: &str, charset: Charset) -> Arc<Text> {
        let (bytes, charset) = match charset.encode(text) {
            Ok(bytes) => (Arc::from(bytes.as_ref()), charset),
            Err(_) => (Arc::from(text.as_bytes()), Charset::Utf8),
        };
        Arc::new(Text {
            bytes,
            text: text.to_owned(),
            charset,
            chosen_by: "mapping",
            bom: 0,
            raw: false,
            origin: Origin::default(),
            offsets: OnceLock::new(),
            holder: None,
        })
    }

    /// Text that stands in pieces in these bytes.
    pub(super) fn held(
        bytes: Arc<[u8]>,
        text: String,
        (charset, chosen_by): (Charset, &'static str),
        holder: Arc<dyn Holder>,
    ) -> Arc<Text> {
        let (origin, offsets, holder) = (Origin::default(), OnceLock::new(), Some(holder));
        let (bom, raw) = (0, false);
        Arc::new(Text { bytes, text, charset, chosen_by, bom, raw, origin, offsets, holder })
    }

    /// What holds the text, if the bytes are not the text from end to end.
    pub fn holder(&self) -> Option<&dyn Holder> {
        self.holder.as_deref()
    }

    /// The characters of a span, with the bytes that each takes.
    pub(super) fn widths(&self, span: Span) -> impl Iterator<Item = (char, usize)> {
        let mut bytes = self.bytes.get(self.byte_range(span)).unwrap_or(&[]);
        self.slice(span).chars().map(move |c| {
            let width = codec::width(self.charset, c, bytes).min(bytes.len());
            bytes = &bytes[width..];
            (c, width)
        })
    }

    /// The text of a span; empty where the span lies outside or cuts a character.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The original bytes of a span of the text.
    pub fn byte_range(&self, span: Span) -> Range<usize> {
        if let Some(holder) = &self.holder {
            return holder.byte_range(self, span);
        }
        let start = self.byte_offset(span.start as usize);
        start..self.byte_offset(span.end as usize).max(start)
    }

    /// The bytes of a span as people are told them: those of the whole, if this is a part of it.
    pub fn byte_place(&self, span: Span) -> Range<usize> {
        let bytes = self.byte_range(span);
        self.origin.byte(bytes.start)..self.origin.byte(bytes.end)
    }

    /// The original bytes with edits applied; edits must not overlap. A character the charset
    /// cannot express is an error that names it.
    pub fn splice(&self, edits: &[TextEdit]) -> Result<Vec<u8>> {
        let mut sorted: Vec<&TextEdit> = edits.iter().collect();
        sorted.sort_by_key(|edit| edit.span);
        if let Some(holder) = &self.holder {
            return holder.splice(self, &sorted);
        }
        let mut out = Vec::with_capacity(self.bytes.len() + 64);
        let (mut copied, mut raw) = (0, self.raw);
        for edit in &sorted {
            let range = self.byte_range(edit.span);
            if range.start < copied {
                return Err(Error::new(Kind::Internal, "two edits overlap")
                    .at(format!("byte {}", range.start)));
            }
            out.extend_from_slice(&self.bytes[copied..range.start]);
            let new = self
                .charset
                .encode(&edit.text)
                .map_err(|c| self.charset.no_code(c).at(format!("byte {}", range.start)))?;
            out.extend_from_slice(&new);
            raw |= edit.text.contains(codec::is_raw);
            copied = range.end;
        }
        out.extend_from_slice(&self.bytes[copied..]);
        if raw {
            self.check_raw(&sorted, &out)?;
        }
        Ok(out)
    }

    /// A byte that is carried raw must not join a new neighbour to another character.
    fn check_raw(&self, edits: &[&TextEdit], bytes: &[u8]) -> Result<()> {
        let (mut want, mut copied) = (String::with_capacity(self.text.len()), 0);
        for edit in edits {
            want += self.slice(Span { start: copied, end: edit.span.start });
            want += &edit.text;
            copied = edit.span.end;
        }
        want += self.text.get(copied as usize..).unwrap_or("");
        match codec::decode(self.charset, &bytes[self.bom.min(bytes.len())..], true) {
            Ok((text, _)) if text == want => Ok(()),
            _ => Err(Error::new(
                Kind::Value,
                "a byte that was carried undecoded would change its neighbours if written here",
            )
            .advise("write a text without undecodable bytes")),
        }
    }

    fn byte_offset(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        if self.charset == Charset::Utf8 && !self.raw {
            return self.bom + offset;
        }
        let bytes = &self.bytes[self.bom..];
        let offsets = self.offsets.get_or_init(|| Offsets::new(self.charset, &self.text, bytes));
        self.bom + offsets.byte(self.charset, &self.text, bytes, offset)
    }
}

impl Charset {
    /// By any of its usual names: `GBK`, `gb2312`, `GB 18030-2000`, `UNICODE UTF-8`, `8859/1`.
    pub fn named(name: &str) -> Option<Charset> {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase())
            .take(32)
            .collect();
        Some(match plain.as_str() {
            "UTF8" | "UNICODEUTF8" | "UNICODE" | "UTF8UNICODE" | "ASCII" | "USASCII" => {
                Charset::Utf8
            }
            "GB18030" | "GB180302000" | "GB180302005" | "GB180302022" => Charset::Gb18030,
            "GBK" | "XGBK" | "GB2312" | "GB231280" | "GB23121980" | "EUCCN" | "CP936" | "MS936"
            | "WINDOWS936" => Charset::Gbk,
            "UTF16LE" | "UTF16" | "UNICODEUTF16" => Charset::Utf16Le,
            "UTF16BE" => Charset::Utf16Be,
            "BIG5" | "BIG5HKSCS" | "CP950" | "WINDOWS950" => Charset::Big5,
            "88591" | "ISO88591" | "LATIN1" | "CP1252" | "WINDOWS1252" => Charset::Latin1,
            _ => return None,
        })
    }

    /// Its usual name; [`Charset::named`] reads it back.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "UTF-8",
            Charset::Gb18030 => "GB18030",
            Charset::Gbk => "GBK",
            Charset::Utf16Le => "UTF-16LE",
            Charset::Utf16Be => "UTF-16BE",
            Charset::Big5 => "Big5",
            Charset::Latin1 => "windows-1252",
        }
    }

    /// Encodes text; the first character that has no code is the error.
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, char> {
        codec::encode(self, text)
    }

    /// Why a character cannot be written.
    pub(super) fn no_code(self, c: char) -> Error {
        let (name, number) = (self.name(), c as u32);
        let what = format!("the character {c} (U+{number:04X}) has no code in {name}");
        Error::new(Kind::Value, what)
            .advise("write another character, or let the receiver take GB18030 or UTF-8")
    }

    /// The bytes that a text takes which was decoded from these.
    pub(super) fn measured(self, text: &str, bytes: &[u8]) -> usize {
        codec::measure(self, text, bytes)
    }

    /// Decodes bytes; what cannot be decoded is carried raw, and the first such byte is named.
    pub(super) fn decode_raw(self, bytes: &[u8]) -> (String, Option<u8>) {
        if let Ok(text) = std::str::from_utf8(bytes)
            && text.is_ascii()
            && !matches!(self, Charset::Utf16Le | Charset::Utf16Be)
        {
            return (text.to_owned(), None);
        }
        match codec::decode(self, bytes, true) {
            Ok((text, raw)) => {
                let first = text.chars().find(|c| raw && codec::is_raw(*c));
                (text, first.map(codec::raw_byte))
            }
            // Characters that stand for raw bytes here: carried as such, byte by byte.
            Err(_) => (bytes.iter().map(|b| codec::raw_char(*b)).collect(), bytes.first().copied()),
        }
    }

    /// The start of a text that goes on: its length in bytes of BOM, and the rest decoded, with what
    /// cannot be decoded carried raw. None if it holds characters that stand for raw bytes.
    pub(super) fn decode_start(self, bytes: &[u8]) -> Option<(usize, String)> {
        let bom = self.bom(bytes);
        let (text, _) = codec::decode(self, &bytes[bom..], true).ok()?;
        Some((bom, text))
    }

    /// The length of this charset's BOM at the start of the bytes.
    fn bom(self, bytes: &[u8]) -> usize {
        let mark: &[u8] = match self {
            Charset::Utf8 => b"\xEF\xBB\xBF",
            Charset::Gb18030 | Charset::Gbk => b"\x84\x31\x95\x33",
            Charset::Utf16Le => b"\xFF\xFE",
            Charset::Utf16Be => b"\xFE\xFF",
            Charset::Big5 | Charset::Latin1 => return 0,
        };
        if bytes.starts_with(mark) { mark.len() } else { 0 }
    }
}

/// The first charset that is set, and by whom.
pub(super) fn choose(
    bytes: &[u8],
    declared: Option<Charset>,
    say: &Charsets,
) -> (Charset, &'static str) {
    let marked = [Charset::Utf8, Charset::Gb18030, Charset::Utf16Le, Charset::Utf16Be];
    let bom = marked.into_iter().find(|charset| charset.bom(bytes) > 0);
    let set =
        [(say.channel, "channel"), (bom, "bom"), (declared, "declared"), (say.mapping, "mapping")];
    for (charset, by) in set {
        if let Some(charset) = charset {
            return (charset, by);
        }
    }
    match say.origin.looks.unwrap_or_else(|| look(bytes)) {
        Charset::Utf8 => (Charset::Utf8, "utf-8"),
        other => (other, "gb18030"),
    }
}

/// What bytes look like that nobody says the charset of.
fn look(bytes: &[u8]) -> Charset {
    if looks_like_utf8(bytes) { Charset::Utf8 } else { Charset::Gb18030 }
}

/// The charset of a text of which this is the start, and whether it was guessed from more than
/// ASCII, which holds for the rest of the text too.
pub(super) fn choose_by_start(bytes: &[u8], say: &Charsets) -> (Charset, bool) {
    let (charset, by) = choose(bytes, None, say);
    if !matches!(by, "utf-8" | "gb18030") || say.origin.looks.is_some() {
        return (charset, false);
    }
    // The last character may be cut.
    let whole = match std::str::from_utf8(bytes) {
        Err(bad) if bad.error_len().is_none() => bad.valid_up_to(),
        _ => bytes.len(),
    };
    (look(&bytes[..whole]), !bytes[..whole].is_ascii())
}

/// Valid UTF-8, or UTF-8 with a few broken places: taken for GB18030 that would be read as other
/// characters without a word, so the broken place is to be reported instead.
fn looks_like_utf8(bytes: &[u8]) -> bool {
    if std::str::from_utf8(bytes).is_ok() {
        return true;
    }
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| c.len_utf8() >= 3).count();
        bad += chunk.invalid().len();
    }
    good >= 4 && good >= 4 * bad
}
