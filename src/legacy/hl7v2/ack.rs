//! Acknowledgements (HL7 v2.8 chapter 2, §2.9 and §2.15): MSH, MSA, ERR, in the sender's charset,
//! delimiters and version; also for input whose MSH can be read only in part, or not at all.

use std::fmt::Write as _;

use super::super::charset::{Charset, Charsets, Text};
use super::super::record::Span;
use super::escape::{Delimiters, escape};
use super::structure::Name;
use super::{Message, parse};
use crate::fhir::{Issue, outcome::Severity};

/// The most ERR segments (or, before 2.5, error locations) of one acknowledgement.
pub const MAX_ERRORS: usize = 50;

/// The acknowledgement code of MSA-1 (table 0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Application accept.
    AA,
    /// Application error: do not send the same again.
    AE,
    /// Application reject: not processable here or now.
    AR,
    /// Commit accept, in enhanced mode: it is safely stored.
    CA,
    /// Commit error.
    CE,
    /// Commit reject.
    CR,
}

/// What can be read of an incoming MSH.
#[derive(Debug, Clone)]
pub struct Head {
    delimiters: Delimiters,
    charset: Charset,
    /// MSH-1 and on, as sent; empty if there is no readable MSH.
    fields: Vec<String>,
}

/// An acknowledgement to be written.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledgement<'a> {
    /// MSA-1.
    pub code: Code,
    /// The header of what is acknowledged.
    pub to: &'a Head,
    /// The message itself if it could be read: finds the segment number of an issue.
    pub message: Option<&'a Message>,
    /// MSH-10 of the acknowledgement.
    pub control: &'a str,
    /// MSH-7 of the acknowledgement, `YYYYMMDDHHMMSS+ZZZZ`.
    pub time: &'a str,
    /// What was found; errors become ERR segments unless the code accepts.
    pub issues: &'a [Issue],
}

impl Code {
    /// As in MSA-1.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::AA => "AA",
            Code::AE => "AE",
            Code::AR => "AR",
            Code::CA => "CA",
            Code::CE => "CE",
            Code::CR => "CR",
        }
    }

    /// Reads `AA`, `AE`, `AR`, `CA`, `CE`, `CR`, such as [`crate::error::Facts::ack`].
    pub fn named(text: &str) -> Option<Code> {
        let all = [Code::AA, Code::AE, Code::AR, Code::CA, Code::CE, Code::CR];
        all.into_iter().find(|code| code.as_str() == text)
    }

    /// Whether it says that all is well.
    pub fn accepts(self) -> bool {
        matches!(self, Code::AA | Code::CA)
    }
}

impl Head {
    /// Reads the first MSH in some bytes, as far as it goes; never fails.
    pub fn read(bytes: &[u8], charsets: &Charsets) -> Head {
        let line = parse::raw_header(bytes).unwrap_or(bytes);
        let line = &line[..line.len().min(parse::MAX_MESSAGE)];
        let declared = parse::declared(bytes).ok().flatten().or_else(|| parse::wide(bytes));
        let say = Charsets { carry_raw: true, ..*charsets };
        let Ok(text) = Text::decode(line, declared, &say) else { return Head::default() };
        let lines = text.text.split(['\r', '\n']).map(|l| l.trim_start_matches(['\u{B}', ' ']));
        let Some(header) = lines.into_iter().find(|line| {
            line.starts_with("MSH") && line[3..].starts_with(|c: char| c.is_ascii_punctuation())
        }) else {
            return Head { charset: text.charset, ..Head::default() };
        };
        Head::of_line(header.trim_end_matches('\u{1C}'), text.charset)
    }

    fn of_line(header: &str, charset: Charset) -> Head {
        let separator = header.as_bytes()[3];
        let mut fields = vec![char::from(separator).to_string()];
        fields.extend(header[4..].split(char::from(separator)).map(str::to_owned));
        let delimiters = Delimiters::read(separator, &fields[1])
            .unwrap_or(Delimiters { field: separator, ..Delimiters::USUAL });
        Head { delimiters, charset, fields }
    }

    /// A field of MSH as sent; empty if it is not there.
    pub fn field(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|i| self.fields.get(i)).map_or("", String::as_str)
    }

    /// Whether there is an MSH.
    pub fn is_readable(&self) -> bool {
        !self.fields.is_empty()
    }

    /// MSH-10.
    pub fn control(&self) -> &str {
        self.field(10)
    }

    /// MSH-3 and MSH-4, with `|` between, as [`Message::about`] gives it.
    pub fn sender(&self) -> String {
        format!("{}|{}", self.field(3), self.field(4))
    }

    /// Whether the sender asks for enhanced mode: MSH-15 or MSH-16 is valued.
    pub fn is_enhanced(&self) -> bool {
        !self.field(15).is_empty() || !self.field(16).is_empty()
    }

    /// Major and minor version of MSH-12; 2.5 where it is not said.
    fn version(&self) -> (u32, u32) {
        let first =
            self.field(12).split(char::from(self.delimiters.component)).next().unwrap_or("");
        let mut numbers = first.split('.').map(|n| n.parse().unwrap_or(0));
        match (numbers.next(), numbers.next()) {
            (Some(2), Some(minor)) => (2, minor),
            _ => (2, 5),
        }
    }
}

impl Default for Head {
    /// The header of input that has none.
    fn default() -> Self {
        Head { delimiters: Delimiters::USUAL, charset: Charset::Utf8, fields: Vec::new() }
    }
}

impl From<&Message> for Head {
    fn from(message: &Message) -> Self {
        let span = message.segments[0].span();
        Head::of_line(message.text.slice(span), message.text.charset)
    }
}

impl Acknowledgement<'_> {
    /// The acknowledgement, one message without framing.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = self.header();
        self.msa(&mut text);
        if !self.code.accepts() {
            self.err(&mut text);
        }
        // Our own words: a character the sender's charset lacks is not worth a failure.
        loop {
            match self.to.charset.encode(&text) {
                Ok(bytes) => return bytes.into_owned(),
                Err(c) => text = text.replace(c, "?"),
            }
        }
    }

    fn header(&self) -> String {
        let to = self.to;
        let encoding = if to.is_readable() { to.field(2) } else { "^~\\&" };
        let event = to.field(9).split(char::from(to.delimiters.component)).nth(1).unwrap_or("");
        let c = char::from(to.delimiters.component);
        let kind = match (to.version(), event) {
            (_, "") | ((2, ..=2), _) => "ACK".to_owned(),
            ((2, 3), event) => format!("ACK{c}{event}"),
            (_, event) => format!("ACK{c}{event}{c}ACK"),
        };
        let or = |text: &'_ str, other: &str| {
            if text.is_empty() { other.to_owned() } else { text.to_owned() }
        };
        let fields = [
            or(to.field(5), "TOMBOLO"),
            to.field(6).to_owned(),
            to.field(3).to_owned(),
            to.field(4).to_owned(),
            self.time.to_owned(),
            String::new(),
            kind,
            self.plain(self.control),
            or(to.field(11), "P"),
            or(to.field(12), "2.5.1"),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            to.field(17).to_owned(),
            to.field(18).to_owned(),
        ];
        let f = char::from(to.delimiters.field);
        let line = format!("MSH{f}{encoding}{f}{}", fields.join(&f.to_string()));
        format!("{}\r", line.trim_end_matches(f))
    }

    fn msa(&self, text: &mut String) {
        let f = char::from(self.to.delimiters.field);
        let _ = write!(text, "MSA{f}{}{f}{}", self.code.as_str(), self.to.control());
        if !self.code.accepts()
            && let Some(issue) = self.errors().next()
        {
            let _ = write!(text, "{f}{}", self.plain(&issue.text));
        }
        text.push('\r');
    }

    fn err(&self, text: &mut String) {
        let d = &self.to.delimiters;
        let (f, c) = (char::from(d.field), char::from(d.component));
        if self.to.version() >= (2, 5) {
            for issue in self.errors().take(MAX_ERRORS) {
                let (code, words) = code_of(issue);
                let severity = match issue.severity {
                    Severity::Information => "I",
                    Severity::Warning => "W",
                    Severity::Error | Severity::Fatal => "E",
                };
                let place = self.location(issue).map_or(String::new(), |l| l.erl(c));
                let more = [&issue.path, &issue.rule].into_iter().flatten();
                let more: Vec<&str> = more.map(String::as_str).collect();
                let _ = write!(
                    text,
                    "ERR{f}{f}{place}{f}{code}{c}{words}{c}HL70357{f}{severity}{f}{f}{f}{}{f}{}\r",
                    self.plain(&more.join("  ")),
                    self.plain(&issue.text),
                );
            }
            return;
        }
        let sub = d.subcomponent.map_or('&', char::from);
        let places: Vec<String> = self
            .errors()
            .take(MAX_ERRORS)
            .map(|issue| {
                let (code, words) = code_of(issue);
                let place = self.location(issue).map_or(format!("{c}{c}"), |l| l.eld(c));
                format!("{place}{c}{code}{sub}{words}{sub}HL70357")
            })
            .collect();
        if !places.is_empty() {
            let between = d.repetition.map_or('~', char::from).to_string();
            let _ = write!(text, "ERR{f}{}\r", places.join(&between));
        }
    }

    /// Errors first; where there are none, what else was found.
    fn errors(&self) -> impl Iterator<Item = &Issue> {
        let is_error = |i: &&Issue| i.severity >= Severity::Error;
        let none = !self.issues.iter().any(|i| is_error(&i));
        self.issues.iter().filter(move |i| none || is_error(i))
    }

    /// Text without delimiters and line ends.
    fn plain(&self, text: &str) -> String {
        let d = &self.to.delimiters;
        escape(text, d).unwrap_or_else(|_| {
            let bad = |c: char| c.is_control() || d.all().any(|d| char::from(d) == c);
            text.replace(bad, " ")
        })
    }

    fn location(&self, issue: &Issue) -> Option<Location> {
        let spot = issue.spot.as_ref()?;
        let (path, rest) = spot.slot.split_once('-')?;
        let segment = Name::read(path.rsplit('.').next()?.as_bytes())?;
        let mut numbers = rest.split(['[', ']', '.']).filter(|n| !n.is_empty());
        let field = numbers.next()?.parse().ok()?;
        let repetition = if rest.contains('[') { numbers.next()?.parse().ok()? } else { 1 };
        let parts: Vec<u16> = numbers.filter_map(|n| n.parse().ok()).collect();
        Some(Location {
            segment,
            sequence: self.sequence(segment, spot.bytes.start).unwrap_or(1),
            field,
            repetition,
            component: parts.first().copied(),
            sub: parts.get(1).copied(),
        })
    }

    /// Which of the segments of a name a byte lies in, from 1.
    fn sequence(&self, name: Name, byte: usize) -> Option<usize> {
        let message = self.message?;
        let of_name = message.segments.iter().filter(|s| s.name == name);
        of_name
            .enumerate()
            .find(|(_, s)| {
                let line = message.text.byte_range(Span { start: s.start, end: s.next });
                line.contains(&byte) || line.end == byte
            })
            .map(|(i, _)| i + 1)
    }
}

/// A place in a message, for ERR.
struct Location {
    segment: Name,
    sequence: usize,
    field: u16,
    repetition: u16,
    component: Option<u16>,
    sub: Option<u16>,
}

impl Location {
    /// ERR-2, from 2.5: `PID^1^5^1^2^1`.
    fn erl(&self, c: char) -> String {
        let mut out = format!(
            "{}{c}{}{c}{}{c}{}",
            self.segment.as_str(),
            self.sequence,
            self.field,
            self.repetition
        );
        for part in [self.component, self.sub].into_iter().flatten() {
            let _ = write!(out, "{c}{part}");
        }
        out
    }

    /// The first components of ERR-1, before 2.5: `PID^1^5`.
    fn eld(&self, c: char) -> String {
        format!("{}{c}{}{c}{}", self.segment.as_str(), self.sequence, self.field)
    }
}

/// The error code of table 0357 for an issue.
fn code_of(issue: &Issue) -> (&'static str, &'static str) {
    let slot = issue.spot.as_ref().map_or("", |spot| spot.slot.as_str());
    let at =
        |field: &str| slot.strip_prefix(field).is_some_and(|r| r.is_empty() || r.starts_with('.'));
    match issue.code {
        "structure" => ("100", "Segment sequence error"),
        "required" => ("101", "Required field missing"),
        "value" => ("102", "Data type error"),
        "code-invalid" => ("103", "Table value not found"),
        "not-supported" if at("MSH-9.2") => ("201", "Unsupported event code"),
        "not-supported" if at("MSH-11") => ("202", "Unsupported processing id"),
        "not-supported" if at("MSH-12") => ("203", "Unsupported version id"),
        "not-supported" => ("200", "Unsupported message type"),
        "not-found" | "deleted" => ("204", "Unknown key identifier"),
        "duplicate" => ("205", "Duplicate key identifier"),
        "conflict" => ("206", "Application record locked"),
        _ => ("207", "Application internal error"),
    }
}
