//! The answer in the sender's words: HL7 acknowledgements, or an OperationOutcome.
//!
//! HL7 messages are answered in original mode with one application acknowledgement (AA, AE, AR). In
//! enhanced mode MSH-15 says when a commit acknowledgement (CA, CE, CR) is wanted, and MSH-16 when
//! an application acknowledgement (HL7 v2.8 §2.9.3, table 0155). Both are known at once, because a
//! message is translated and stored before it is answered; so where both are wanted they follow
//! each other, and after a commit error or reject there is no application acknowledgement.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

use super::inbound::Verdict;
use crate::fhir::Issue;
use crate::fhir::outcome::outcome;
use crate::legacy::hl7v2::ack::{Acknowledgement, Code, Head};
use crate::legacy::{Charset, Charsets, Record};
use crate::observe::Clock;

/// Between two messages of one answer: in an MLLP frame it makes them two frames.
const BETWEEN: &[u8] = b"\x1c\r\x0b";

/// Civil time of the whole field: China has one zone, without summer time.
const ZONE: Offset = Offset::constant(8);

/// How HL7 messages are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledge {
    /// As MSH-15 and MSH-16 ask; without them, one application acknowledgement.
    #[default]
    Auto,
    /// One application acknowledgement, always.
    Original,
}

/// What is answered.
pub(super) struct Question<'a> {
    /// The message's bytes.
    pub bytes: &'a [u8],
    /// The same, read, if it could be.
    pub record: Option<&'a Record>,
    /// Answer as HL7 whatever it is.
    pub hl7: bool,
    /// The channel's charset.
    pub charset: Option<Charset>,
    /// How it is to be answered if it is HL7.
    pub acknowledge: Acknowledge,
}

/// Sender and control number of an HL7 message, readable or not: the key of repeats.
pub(super) fn control(bytes: &[u8], charset: Option<Charset>) -> Option<(String, String)> {
    let head = head(bytes, charset);
    (!head.control().is_empty()).then(|| (head.sender(), head.control().to_owned()))
}

/// The answer to a transfer; empty if its sender wants none.
pub(super) fn write(question: &Question, verdict: Verdict, issues: &[Issue]) -> Vec<u8> {
    let head = match question.record {
        Some(Record::Hl7(message)) => Head::from(message),
        _ => head(question.bytes, question.charset),
    };
    if !question.hl7 && !head.is_readable() {
        return outcome(issues).to_string().into_bytes();
    }
    let message = match question.record {
        Some(Record::Hl7(message)) => Some(message),
        _ => None,
    };
    let (control, time) = (new_control(), now());
    let messages: Vec<Vec<u8>> = codes(&head, question.acknowledge, verdict)
        .into_iter()
        .map(|code| {
            let (control, time) = (&*control, &*time);
            Acknowledgement { code, to: &head, message, control, time, issues }.bytes()
        })
        .collect();
    messages.join(BETWEEN)
}

/// The messages of an answer.
pub(super) fn split(answer: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    let mut rest = answer;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        messages.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    if !rest.is_empty() {
        messages.push(rest);
    }
    messages
}

fn head(bytes: &[u8], channel: Option<Charset>) -> Head {
    let head = Head::read(bytes, &Charsets { channel, ..Charsets::default() });
    if head.is_readable() { head } else { Head::default() }
}

/// The acknowledgements that are to be sent.
fn codes(head: &Head, acknowledge: Acknowledge, verdict: Verdict) -> Vec<Code> {
    let (application, commit) = match verdict {
        Verdict::Stored | Verdict::Quarantined => (Code::AA, Code::CA),
        Verdict::Rejected | Verdict::Unavailable => (Code::AE, Code::CE),
        Verdict::Refused => (Code::AR, Code::CR),
    };
    if acknowledge == Acknowledge::Original || !head.is_enhanced() {
        return vec![application];
    }
    let good = application.accepts();
    let mut codes = Vec::new();
    if wanted(head.field(15), good) {
        codes.push(commit);
    }
    if wanted(head.field(16), good) && (good || codes.is_empty()) {
        codes.push(application);
    }
    codes
}

/// Whether an acknowledgement is wanted (table 0155); what is not in the table is taken for
/// "always", an empty field in enhanced mode for "never".
fn wanted(condition: &str, good: bool) -> bool {
    match condition {
        "" | "NE" => false,
        "ER" => !good,
        "SU" => good,
        _ => true,
    }
}

/// A new MSH-10: at most 20 characters, never the same twice.
fn new_control() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % 1_000_000;
    format!("{:013}{number:06}", Clock::System.now())
}

/// `YYYYMMDDHHMMSS+ZZZZ`.
fn now() -> String {
    let now = jiff::Timestamp::from_millisecond(Clock::System.now()).unwrap_or_default();
    now.to_zoned(TimeZone::fixed(ZONE)).strftime("%Y%m%d%H%M%S%z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn answers(msh: &str, verdict: Verdict, acknowledge: Acknowledge) -> Vec<String> {
        let issues = [Issue::error(Kind::Value, "2024-02-30 is not a date").spot("PID-7", 9..19)];
        let (bytes, charset) = (msh.as_bytes(), None);
        let question = Question { bytes, record: None, hl7: true, charset, acknowledge };
        let answer = write(&question, verdict, &issues);
        split(&answer).into_iter().map(|m| String::from_utf8(m.to_vec()).unwrap()).collect()
    }

    fn msa(answers: &[String]) -> Vec<String> {
        let msa = |a: &String| {
            a.split('\r').find_map(|l| l.strip_prefix("MSA|")).unwrap()[..2].to_owned()
        };
        answers.iter().map(msa).collect()
    }

    #[test]
    fn msh_15_and_16_decide_what_is_answered() {
        use Verdict::{Quarantined, Refused, Rejected, Stored, Unavailable};
        for (conditions, verdict, expected) in [
            ("", Stored, &["AA"][..]),
            ("", Quarantined, &["AA"]),
            ("", Rejected, &["AE"]),
            ("", Refused, &["AR"]),
            ("", Unavailable, &["AE"]),
            ("AL|NE", Stored, &["CA"]),
            ("AL|NE", Rejected, &["CE"]),
            ("AL|NE", Refused, &["CR"]),
            ("AL|AL", Stored, &["CA", "AA"]),
            ("AL|AL", Rejected, &["CE"]),
            ("NE|AL", Stored, &["AA"]),
            ("NE|AL", Refused, &["AR"]),
            ("NE|NE", Rejected, &[]),
            ("ER|NE", Stored, &[]),
            ("ER|NE", Rejected, &["CE"]),
            ("SU|ER", Rejected, &["AE"]),
            ("SU|ER", Stored, &["CA"]),
            ("|AL", Stored, &["AA"]),
            ("al|", Stored, &["CA"]),
        ] {
            let msh = format!("MSH|^~\\&|HIS|H|G|G|20260302||ADT^A04|C1|P|2.4|||{conditions}\r");
            let told = msa(&answers(&msh, verdict, Acknowledge::Auto));
            assert_eq!(told, expected, "{conditions} {verdict:?}");
        }
    }

    #[test]
    fn the_operator_can_have_original_mode_always() {
        let msh = "MSH|^~\\&|HIS|H|G|G|20260302||ADT^A04|C1|P|2.4|||AL|NE\r";
        assert_eq!(msa(&answers(msh, Verdict::Stored, Acknowledge::Original)), ["AA"]);
    }

    #[test]
    fn what_has_no_msh_is_answered_all_the_same_where_the_door_speaks_hl7() {
        let told = answers("hello", Verdict::Refused, Acknowledge::Auto);
        assert!(told[0].starts_with("MSH|") && told[0].contains("\rMSA|AR|"), "{told:?}");
        let question = Question {
            bytes: b"a,b",
            record: None,
            hl7: false,
            charset: None,
            acknowledge: Acknowledge::Auto,
        };
        let json = write(&question, Verdict::Stored, &[]);
        assert!(json.starts_with(b"{\"resourceType\":\"OperationOutcome\""));
    }

    #[test]
    fn control_numbers_are_short_and_differ() {
        let (a, b) = (new_control(), new_control());
        assert!(a.len() <= 20 && a != b);
        assert_eq!(control(b"PID|1\r", None), None);
        let key = control(b"MSH|^~\\&|HIS|H|||||ADT^A04|C1|P|2.4\r", None);
        assert_eq!(key, Some(("HIS|H".to_owned(), "C1".to_owned())));
    }
}
