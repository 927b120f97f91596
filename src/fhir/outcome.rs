//! Issues and OperationOutcome: how Tombolo says what it found.
//!
//! Pure rooms return `(value, Vec<Issue>)`; a door renders the issues as an OperationOutcome
//! (<https://hl7.org/fhir/R4/operationoutcome.html>), as lines for people, or as ERR segments.

use serde_json::{Value, json};

use crate::error::{Error, Kind};

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For information only.
    Information,
    /// The value was left out or changed; the rest is usable.
    Warning,
    /// The input breaks a rule.
    Error,
    /// Nothing could be done with the input.
    Fatal,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// FHIR issue-type code, e.g. `value`.
    pub code: &'static str,
    /// What was found, one sentence without a final period.
    pub text: String,
    /// FHIR path it concerns, e.g. `Patient.birthDate`.
    pub path: Option<String>,
    /// Where in the legacy record.
    pub spot: Option<Spot>,
    /// The mapping rule, `file:line`.
    pub rule: Option<String>,
}

/// A place in a legacy record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The slot in the format's own words, e.g. `PID-7` or `eventBody/BaseInfo/BirthDate`.
    pub slot: String,
    /// Bytes of the original record, half open.
    pub bytes: std::ops::Range<usize>,
}

impl Issue {
    /// An issue with nothing but severity, code and text.
    pub fn new(severity: Severity, code: &'static str, text: impl Into<String>) -> Self {
        Self { severity, code, text: text.into(), path: None, spot: None, rule: None }
    }

    /// An error of a [`Kind`].
    pub fn error(kind: Kind, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, kind.facts().issue, text)
    }

    /// A warning of a [`Kind`].
    pub fn warning(kind: Kind, text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, kind.facts().issue, text)
    }

    /// Says which FHIR path.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Says which slot and bytes of the record.
    #[must_use]
    pub fn spot(mut self, slot: impl Into<String>, bytes: std::ops::Range<usize>) -> Self {
        self.spot = Some(Spot { slot: slot.into(), bytes });
        self
    }

    /// Says which mapping rule.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// One line for people: `warning: PID-7 bytes 12..20: text  Patient.birthDate  file:3`.
    pub fn line(&self) -> String {
        let mut line = format!("{}: ", self.severity.code());
        if let Some(spot) = &self.spot {
            line += &format!("{} bytes {}..{}: ", spot.slot, spot.bytes.start, spot.bytes.end);
        }
        line += &self.text;
        for extra in [&self.path, &self.rule].into_iter().flatten() {
            line += "  ";
            line += extra;
        }
        line
    }

    /// The element of `OperationOutcome.issue`.
    pub fn to_json(&self) -> Value {
        let mut issue = json!({
            "severity": self.severity.code(),
            "code": self.code,
            "details": { "text": self.text },
        });
        if let Some(rule) = &self.rule {
            issue["diagnostics"] = json!(rule);
        }
        if let Some(spot) = &self.spot {
            let at = format!("{} bytes {}..{}", spot.slot, spot.bytes.start, spot.bytes.end);
            issue["location"] = json!([at]);
        }
        if let Some(path) = &self.path {
            issue["expression"] = json!([path]);
        }
        issue
    }
}

impl Severity {
    /// The FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Severity::Information => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
        }
    }
}

impl From<&Error> for Issue {
    fn from(error: &Error) -> Self {
        let mut text = String::new();
        if let Some(place) = &error.place {
            text = format!("{place}: ");
        }
        text += &error.what;
        if let Some(advice) = &error.advice {
            text += &format!(" ({advice})");
        }
        Issue::error(error.kind, text)
    }
}

/// An OperationOutcome resource with these issues; "All OK" where there are none.
pub fn outcome(issues: &[Issue]) -> Value {
    let ok = [Issue::new(Severity::Information, "informational", "All OK")];
    let issues = if issues.is_empty() { &ok[..] } else { issues };
    json!({
        "resourceType": "OperationOutcome",
        "issue": issues.iter().map(Issue::to_json).collect::<Vec<_>>(),
    })
}

/// Whether an issue is an error or worse.
pub fn has_errors(issues: &[Issue]) -> bool {
    issues.iter().any(|i| i.severity >= Severity::Error)
}
