//! Bytes → messages: the charset a message declares, its lines, its fields as offsets.
//!
//! Lenient in everything around a message (any line end, blank lines, MLLP framing bytes, batch
//! segments), strict in the message itself: a line that is no segment is an error that says where.

use std::sync::Arc;

use super::super::charset::{Charset, Charsets, Text};
use super::super::record::{File, Record, Span};
use super::Message;
use super::escape::Delimiters;
use super::groups::Grouping;
use super::structure::{KindId, Name, Structure};
use crate::error::{Error, Kind, Result};

/// The longest message that is read, in bytes of text: 16 MiB.
pub const MAX_MESSAGE: usize = 16 << 20;
/// The most segments of one message.
pub const MAX_SEGMENTS: usize = 100_000;
/// The most fields of one segment.
pub const MAX_FIELDS: usize = 10_000;

/// One segment of a message.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub name: Name,
    /// The group kind that lists it, or `LOOSE`.
    pub kind: KindId,
    pub group: u32,
    /// Of the name.
    pub start: u32,
    /// Before the line end.
    pub end: u32,
    /// After the line end; the same as `end` where there is none.
    pub next: u32,
    /// Index of its first field in the message's list of offsets.
    pub first_field: u32,
    pub fields: u16,
}

impl Segment {
    /// Where a field stands; numbered from 1, MSH-1 being the separator itself.
    pub(super) fn field(&self, offsets: &[u32], number: u16) -> Option<Span> {
        if number == 0 || number > self.fields {
            return None;
        }
        let at = self.first_field as usize + usize::from(number) - 1;
        let start = *offsets.get(at)?;
        let end = match offsets.get(at + 1) {
            _ if self.name == Name::MSH && number == 1 => start + 1,
            Some(next) if number < self.fields => next - 1,
            _ => self.end,
        };
        Some(Span { start, end })
    }
}

/// Reads all messages of a file, by one structure or by their own.
pub(super) fn read(
    bytes: &[u8],
    charsets: &Charsets,
    structure: Option<&'static Structure>,
) -> Result<File> {
    let declared = match charsets.channel {
        Some(_) => None,
        None => declared(bytes)?,
    };
    let text = Text::decode(bytes, declared, charsets)?;
    let mut lines = Lines { text: &text, at: 0, line: 1 };
    let mut records = Vec::new();
    let mut broken = Vec::new();
    lines.skip_blank();
    while lines.at < text.text.len() {
        match lines.header() {
            Some(Name::MSH) => {
                let start = lines.at;
                match lines.message(structure) {
                    Ok(mut message) => {
                        message.index = u32::try_from(records.len()).unwrap_or(u32::MAX);
                        records.push(Record::Hl7(message));
                    }
                    Err(error) => {
                        lines.skip_message();
                        let span = Span { start: start as u32, end: lines.at as u32 };
                        broken.push((span, error));
                    }
                }
            }
            Some(_) => lines.skip_line(),
            None if records.is_empty() => return Err(lines.no_message()),
            None => return Err(lines.no_segment(lines.at)),
        }
        lines.skip_blank();
    }
    match (records.is_empty(), broken.len()) {
        (true, 0) => Err(lines.no_message()),
        // One broken message of many does not refuse the others.
        (true, 1) => Err(broken.swap_remove(0).1),
        _ => Ok(File { text, records, broken }),
    }
}

/// The batch segments, which stand around messages.
const BATCH: [&[u8; 3]; 4] = [b"FHS", b"BHS", b"BTS", b"FTS"];

/// A cursor over the lines of a file.
struct Lines<'t> {
    text: &'t Arc<Text>,
    at: usize,
    /// Number of the line at the cursor, from 1.
    line: u32,
}

impl Lines<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.text.as_bytes()
    }

    /// Skips line ends, and what stands around messages: MLLP framing (VT, FS), the end-of-file
    /// mark of DOS, blanks, a BOM in the middle.
    fn skip_blank(&mut self) {
        loop {
            match self.bytes().get(self.at..) {
                Some([b'\r' | b'\n', ..]) => self.skip_line_end(),
                Some([0x0B | 0x1A | 0x1C | b' ' | b'\t', ..]) => self.at += 1,
                Some([0xEF, 0xBB, 0xBF, ..]) => self.at += 3,
                _ => return,
            }
        }
    }

    /// Goes behind the line end at the cursor; CR LF is one.
    fn skip_line_end(&mut self) {
        let crlf = self.bytes()[self.at..].starts_with(b"\r\n");
        self.at += if crlf { 2 } else { 1 };
        self.line += 1;
    }

    fn skip_line(&mut self) {
        let rest = &self.bytes()[self.at..];
        match memchr::memchr2(b'\r', b'\n', rest) {
            Some(n) => {
                self.at += n;
                self.skip_line_end();
            }
            None => self.at += rest.len(),
        }
    }

    /// Goes to the next message or batch segment behind the line at the cursor.
    fn skip_message(&mut self) {
        self.skip_line();
        while self.at < self.bytes().len() && self.header().is_none() {
            self.skip_line();
        }
    }

    /// The name at the cursor, if a message or a batch segment begins here.
    fn header(&self) -> Option<Name> {
        let rest = &self.bytes()[self.at..];
        let name = rest.first_chunk::<3>()?;
        let known = name == b"MSH" || BATCH.contains(&name);
        let ends = rest.get(3).is_none_or(|c| !c.is_ascii_alphanumeric());
        (known && ends).then(|| Name::read(name))?
    }

    /// Reads the message whose MSH is at the cursor.
    fn message(&mut self, structure: Option<&'static Structure>) -> Result<Message> {
        let (start, line) = (self.at, self.line);
        let delimiters = self.delimiters()?;
        let mut fields: Vec<u32> = Vec::with_capacity(512);
        let mut segments: Vec<Segment> = Vec::with_capacity(24);
        while self.at < self.bytes().len() {
            if !segments.is_empty() && self.header().is_some() {
                break;
            }
            if segments.len() == MAX_SEGMENTS {
                let what = format!("the message has more than {MAX_SEGMENTS} segments");
                return Err(self.error(self.at, Kind::TooLarge, what));
            }
            segments.push(self.segment(delimiters.field, &mut fields)?);
            if self.at - start > MAX_MESSAGE {
                let what = format!("the message is longer than {} MiB", MAX_MESSAGE >> 20);
                return Err(self.error(start, Kind::TooLarge, what));
            }
            self.skip_blank();
        }
        let end = segments.last().map_or(start as u32, |s| s.next);
        let mut message = Message {
            text: Arc::clone(self.text),
            span: Span { start: start as u32, end },
            line,
            index: 0,
            delimiters,
            structure: structure.unwrap_or(Structure::of("")),
            segments,
            fields,
            groups: Vec::new(),
        };
        if structure.is_none() {
            message.structure = Structure::of(message.about("message").as_deref().unwrap_or(""));
        }
        let mut grouping = Grouping::new(message.structure);
        for (i, segment) in message.segments.iter_mut().enumerate() {
            (segment.group, segment.kind) = grouping.place(segment.name, i as u32);
        }
        message.groups = grouping.finish(message.segments.len() as u32);
        Ok(message)
    }

    /// Reads MSH-1 and MSH-2 at the cursor.
    fn delimiters(&self) -> Result<Delimiters> {
        let rest = &self.text.text[self.at..];
        let rest = &rest[..memchr::memchr2(b'\r', b'\n', rest.as_bytes()).unwrap_or(rest.len())];
        let [_, _, _, field, ..] = *rest.as_bytes() else {
            let what = "the message ends after MSH: it names no delimiters";
            return Err(self.error(self.at, Kind::Structure, what));
        };
        if !field.is_ascii_punctuation() {
            let what = "the character after MSH is no field separator: it must be punctuation";
            return Err(self.error(self.at + 3, Kind::Structure, what));
        }
        let encoding = rest[4..].split(char::from(field)).next().unwrap_or("");
        Delimiters::read(field, encoding)
            .map_err(|what| self.error(self.at + 4, Kind::Structure, what))
    }

    /// Reads the segment at the cursor and goes behind its line end.
    fn segment(&mut self, separator: u8, fields: &mut Vec<u32>) -> Result<Segment> {
        let start = self.at;
        let bytes = self.text.text.as_bytes();
        let name = bytes[start..].first_chunk::<3>().and_then(|n| Name::read(n));
        let ends = bytes
            .get(start + 3)
            .is_none_or(|c| *c == separator || matches!(c, b'\r' | b'\n' | 0x1C));
        let (Some(name), true) = (name, ends) else { return Err(self.no_segment(start)) };
        let first_field = fields.len();
        let mut from = start + 3;
        if name == Name::MSH {
            fields.extend([from as u32, from as u32 + 1]);
            from += 1;
        }
        let mut end = bytes.len();
        for hit in memchr::memchr3_iter(separator, b'\r', b'\n', &bytes[from..]) {
            if bytes[from + hit] != separator {
                end = from + hit;
                break;
            }
            fields.push((from + hit + 1) as u32);
        }
        self.at = end;
        if end < bytes.len() {
            self.skip_line_end();
        }
        let mut next = self.at;
        // The end of an MLLP frame: the last segment has no line end of its own.
        while end > start + 3 && matches!(bytes[end - 1], 0x1C | 0x1A) {
            end -= 1;
            next = end;
        }
        let count = fields.len() - first_field;
        if count > MAX_FIELDS {
            let what = format!("the segment has more than {MAX_FIELDS} fields");
            return Err(self.error(start, Kind::TooLarge, what));
        }
        Ok(Segment {
            name,
            kind: 0,
            group: 0,
            start: start as u32,
            end: end as u32,
            next: next as u32,
            first_field: first_field as u32,
            fields: count as u16,
        })
    }

    fn no_segment(&self, at: usize) -> Error {
        let what = format!(
            "`{}` is no segment: a line begins with a name like PID and the field separator",
            self.shown(at)
        );
        self.error(at, Kind::Structure, what)
            .advise("a line break inside a value is written \\.br\\ or \\X0A\\")
    }

    fn no_message(&self) -> Error {
        let what = if self.at >= self.bytes().len() {
            "there is no message: MSH is missing".to_owned()
        } else {
            format!(
                "there is no message: MSH is missing, the input begins with `{}`",
                self.shown(self.at)
            )
        };
        self.error(self.at, Kind::Structure, what)
            .advise("an HL7 v2 message begins with MSH and its delimiters, usually MSH|^~\\&")
    }

    /// The first characters of the line at an offset, for people.
    fn shown(&self, at: usize) -> String {
        let line = self.text.text[at..].lines().next().unwrap_or("");
        let short: String = line.chars().take(24).collect();
        short.escape_debug().to_string()
    }

    /// An error at a text offset of the line at the cursor.
    fn error(&self, at: usize, kind: Kind, what: impl Into<String>) -> Error {
        let at = Span { start: at as u32, end: at as u32 };
        let byte = self.text.byte_range(at).start;
        Error::new(kind, what).at(format!("line {}, byte {byte}", self.line))
    }
}

/// The charset that the first message declares: MSH-18, else MSH-17 where some senders put it.
///
/// Found in the undecoded bytes. A GBK character whose second byte is the separator shifts what
/// follows, so the next fields are looked at as well if the header is not ASCII.
pub(super) fn declared(bytes: &[u8]) -> Result<Option<Charset>> {
    let Some(header) = raw_header(bytes) else {
        return Ok(wide(bytes));
    };
    let fields: Vec<&[u8]> = header[3..].split(|b| *b == header[3]).collect();
    // `fields[0]` is what stands before MSH-1's separator: nothing. MSH-2 is `fields[1]`.
    let repetition = fields.get(1).and_then(|f| f.get(1)).copied();
    let shifted: &[usize] = if header.is_ascii() { &[] } else { &[18, 19] };
    for number in [17, 16].iter().chain(shifted) {
        let Some(field) = fields.get(*number) else { continue };
        let first = field.split(|b| Some(*b) == repetition).next().unwrap_or(b"");
        let Ok(name) = std::str::from_utf8(first) else { continue };
        match name.trim() {
            // What senders call ASCII or UNICODE without more says little.
            "ASCII" => return Ok(None),
            "UNICODE" => {
                return Ok(std::str::from_utf8(bytes).is_ok().then_some(Charset::Utf8));
            }
            "UNICODE UTF-16" => return Ok(wide(bytes)),
            name if Charset::named(name).is_some() => return Ok(Charset::named(name)),
            name if is_other(name) && std::str::from_utf8(bytes).is_err() => {
                let what = format!("MSH-18 declares the charset {name}, which is not supported");
                return Err(Error::new(Kind::NotSupported, what)
                    .at("MSH-18")
                    .advise("set the charset of the channel"));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The first line that begins with MSH and a separator.
pub(super) fn raw_header(bytes: &[u8]) -> Option<&[u8]> {
    let start = memchr::memmem::find_iter(bytes, b"MSH").find(|at| {
        let begins = *at == 0 || !bytes[at - 1].is_ascii_graphic();
        begins && bytes.get(at + 3).is_some_and(u8::is_ascii_punctuation)
    })?;
    let line = &bytes[start..];
    Some(&line[..memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len())])
}

/// UTF-16 without a BOM.
pub(super) fn wide(bytes: &[u8]) -> Option<Charset> {
    let find = |needle: &[u8]| memchr::memmem::find(&bytes[..bytes.len().min(512)], needle);
    if find(b"M\0S\0H\0").is_some_and(|at| at % 2 == 0) {
        return Some(Charset::Utf16Le);
    }
    find(b"\0M\0S\0H").is_some_and(|at| at % 2 == 0).then_some(Charset::Utf16Be)
}

/// Charsets of table 0211 that are not supported.
fn is_other(name: &str) -> bool {
    let others = ["8859/", "ISO IR", "JAS", "KS X", "CNS ", "UNICODE UTF-32"];
    others.iter().any(|other| name.starts_with(other))
}
