//! The one error type: where it happened, what happened, what to do about it.
//!
//! [`Kind`] decides how an error is told to each kind of peer: the table [`Kind::facts`] gives the
//! FHIR issue code, the HTTP status, the HL7 acknowledgement code and the exit code of the command
//! line in one place.

use std::fmt;

/// A result with the crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and what the reader can do.
#[derive(Debug)]
pub struct Error {
    /// The class of the error; decides status codes.
    pub kind: Kind,
    /// The place: `file:line:column`, a slot with its byte span, a FHIR path, an address.
    pub place: Option<String>,
    /// What happened, one sentence without a final period.
    pub what: String,
    /// What to do about it, one sentence without a final period.
    pub advice: Option<String>,
    /// The error below this one.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input cannot be read: broken frame, bad JSON, undecodable bytes.
    Structure,
    /// The input can be read and a value in it is not acceptable.
    Value,
    /// Something required is missing.
    Required,
    /// A rule of the business was broken (a law, a check, a profile).
    Rule,
    /// A code, mapping, parameter or message type that is not supported.
    NotSupported,
    /// Nothing with that id or name.
    NotFound,
    /// It was there and has been deleted.
    Gone,
    /// Somebody else changed it first, or the version asked for is not the current one.
    Conflict,
    /// A precondition (`If-Match`, `If-None-Exist`) does not hold or matches several.
    Precondition,
    /// The same thing was sent twice with different content.
    Duplicate,
    /// Larger or deeper than a limit allows.
    TooLarge,
    /// Would cost more than a limit allows.
    TooCostly,
    /// The caller may not do this.
    Forbidden,
    /// A peer or the store cannot be reached; trying again may help.
    Unreachable,
    /// The command line or the configuration is wrong.
    Usage,
    /// Our own fault.
    Internal,
}

/// How one [`Kind`] is told to the different peers.
pub struct Facts {
    /// Code of `OperationOutcome.issue.code` (<https://hl7.org/fhir/R4/valueset-issue-type.html>).
    pub issue: &'static str,
    /// HTTP status (<https://hl7.org/fhir/R4/http.html#summary>).
    pub status: u16,
    /// HL7 v2 acknowledgement code in MSA-1: `AE` or `AR`.
    pub ack: &'static str,
    /// HL7 v2 error code in ERR-3 (table 0357).
    pub hl7: &'static str,
    /// Exit code of the command line.
    pub exit: u8,
}

impl Kind {
    /// The table of how this kind is told.
    pub fn facts(self) -> Facts {
        let row = |issue, status, ack, hl7, exit| Facts { issue, status, ack, hl7, exit };
        match self {
            Kind::Structure => row("structure", 400, "AR", "100", 1),
            Kind::Value => row("value", 422, "AE", "102", 1),
            Kind::Required => row("required", 422, "AE", "101", 1),
            Kind::Rule => row("invariant", 422, "AE", "207", 1),
            Kind::NotSupported => row("not-supported", 400, "AR", "200", 1),
            Kind::NotFound => row("not-found", 404, "AE", "204", 1),
            Kind::Gone => row("deleted", 410, "AE", "204", 1),
            Kind::Conflict => row("conflict", 409, "AE", "206", 1),
            Kind::Precondition => row("conflict", 412, "AE", "206", 1),
            Kind::Duplicate => row("duplicate", 409, "AE", "205", 1),
            Kind::TooLarge => row("too-long", 413, "AR", "207", 1),
            Kind::TooCostly => row("too-costly", 422, "AE", "207", 1),
            Kind::Forbidden => row("forbidden", 403, "AR", "207", 1),
            Kind::Unreachable => row("transient", 503, "AE", "207", 3),
            Kind::Usage => row("invalid", 400, "AE", "207", 2),
            Kind::Internal => row("exception", 500, "AE", "207", 1),
        }
    }
}

impl Error {
    /// An error of a kind, with what happened.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, place: None, what: what.into(), advice: None, source: None }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Keeps the error below.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl Error {
    /// `place: what: cause: …`, without the advice.
    pub fn what_and_where(&self) -> String {
        let mut text = String::new();
        if let Some(place) = &self.place {
            text = format!("{place}: ");
        }
        text += &self.what;
        let mut below = self.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(error) = below {
            text += &format!(": {error}");
            below = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what_and_where())?;
        if let Some(advice) = &self.advice {
            write!(f, " ({advice})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The word that is most like a mistyped one, if one is near enough to be what was meant: for
/// advice such as "did you mean `birthDate`?".
pub fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let length = word.chars().count();
    let allowed = (length / 3).clamp(1, 3);
    words
        .into_iter()
        .filter(|other| other.chars().count().abs_diff(length) <= allowed)
        .map(|other| (distance(word, other), other))
        .filter(|(far, _)| *far <= allowed)
        .min_by_key(|(far, _)| *far)
        .map(|(_, other)| other)
}

/// Edits between two words (insert, remove, replace), letter case aside.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().flat_map(char::to_lowercase).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let elements = ["birthDate", "gender", "name"];
        assert_eq!(nearest("birthdate", elements), Some("birthDate"));
        assert_eq!(nearest("gendre", elements), Some("gender"));
        assert_eq!(nearest("nme", elements), Some("name"));
        assert_eq!(nearest("zzz", elements), None);
        assert_eq!(nearest("", elements), None);
    }
}
