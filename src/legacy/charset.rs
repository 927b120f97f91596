//! Bytes ↔ text: charsets of the field, offsets back to the original bytes, byte-exact splicing.
//!
//! In GBK the second byte of a character may be `\`, `^`, `|` or `~`; so a record is decoded whole
//! before it is split (116 Han characters for each of the four). The charset is the first that is
//! set: the channel's, the record's own declaration (BOM, XML declaration, MSH-18, MSH-17), the
//! mapping's, else strict UTF-8, else GB18030.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::record::Span;
use crate::error::Result;

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
        let _ = (bytes, declared, say);
        todo!("helper legacy")
    }

    /// The original bytes of a span of the text.
    pub fn byte_range(&self, span: Span) -> Range<usize> {
        let _ = span;
        todo!("helper legacy")
    }

    /// The original bytes with edits applied; edits must not overlap. A character the charset
    /// cannot express is an error that names it.
    pub fn splice(&self, edits: &[TextEdit]) -> Result<Vec<u8>> {
        let _ = edits;
        todo!("helper legacy")
    }
}

impl Charset {
    /// By any of its usual names: `GBK`, `gb2312`, `GB 18030-2000`, `UNICODE UTF-8`, `8859/1`.
    pub fn named(name: &str) -> Option<Charset> {
        let _ = name;
        todo!("helper legacy")
    }

    /// Encodes text; the first character that has no code is the error.
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, char> {
        let _ = text;
        todo!("helper legacy")
    }
}
