//! What is written beside a file that was not stored whole.

use std::path::Path;

use crate::fhir::outcome::outcome;
use crate::flow::{Answer, Inbound, Verdict};

/// Where a file goes, and what is written beside it there.
#[derive(Debug, Clone)]
pub(super) struct Report {
    /// `done` or `failed`.
    pub folder: &'static str,
    /// One line for the log.
    pub summary: String,
    /// Suffix of the file's name, content.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Report {
    pub fn new(inbound: &Inbound, name: &str, answer: &Answer) -> Report {
        let folder = match answer.verdict {
            Verdict::Stored | Verdict::Quarantined => "done",
            Verdict::Rejected | Verdict::Refused | Verdict::Unavailable => "failed",
        };
        let summary = format!("{name}: {}", answer.summary());
        let mut files = Vec::new();
        if folder == "failed" || answer.verdict == Verdict::Quarantined {
            let text = text(inbound, name, &summary, answer);
            files.push((".report.txt".to_owned(), text.into_bytes()));
            let json = format!("{:#}\n", outcome(&answer.issues));
            files.push((".report.json".to_owned(), json.into_bytes()));
        }
        if let Some(rejected) = &answer.rejected {
            files.push((rejected_suffix(name), rejected.clone()));
        }
        Report { folder, summary, files }
    }
}

/// The report for people.
fn text(inbound: &Inbound, name: &str, summary: &str, answer: &Answer) -> String {
    let channel = inbound.channel();
    let mut text = format!("{summary}\nchannel {}, party {}\n", channel.name, channel.party.name);
    if answer.rejected.is_some() {
        text += &format!(
            "The refused records stand in {name}{}: correct them there, and drop that file again.\n",
            rejected_suffix(name)
        );
    }
    text += "\n";
    for issue in &answer.issues {
        text += &issue.line();
        text += "\n";
    }
    text
}

/// `.rejected.csv` for a CSV file.
fn rejected_suffix(name: &str) -> String {
    match Path::new(name).extension() {
        Some(extension) => format!(".rejected.{}", extension.display()),
        None => ".rejected".to_owned(),
    }
}
