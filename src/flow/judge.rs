//! The thinking part of the way in, without I/O: bytes → records → resources and a verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};

use super::inbound::{Channel, Inbound, Invalid};
use super::unmapped;
use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::has_errors;
use crate::fhir::{BASE, Issue};
use crate::legacy::hl7v2::ack::Head;
use crate::legacy::{Charsets, File, Record, Span};
use crate::store::Status;
use crate::translate::plan::Accept;
use crate::translate::{Library, Party, Program, get};
use crate::validate;

/// The first character that stands for an undecodable byte: byte `b` is this plus `b`.
const RAW: u32 = 0x10_FF00;

/// A record, judged.
pub(super) struct Judged {
    /// What is to become of it by the channel's policy.
    pub status: Status,
    /// Its resources, marked with party and channel; they are stored only if it is done.
    pub made: Vec<get::Made>,
    /// What was found.
    pub issues: Vec<Issue>,
}

/// Finds the mapping of a transfer and cuts it into records.
///
/// Bytes that the charset does not have do not refuse the other records of the transfer: they are
/// read raw here, and [`judge`] refuses the records they stand in.
pub(super) fn read(
    channel: &Channel,
    library: &Library,
    hl7: bool,
    bytes: &[u8],
) -> Result<(Arc<Program>, File)> {
    guarded(|| {
        if hl7 && !Head::read(bytes, &Charsets::default()).is_readable() {
            return Err(Error::new(
                Kind::Structure,
                "the message does not begin with an MSH segment",
            )
            .advise("without one, its sender and number are not known"));
        }
        let program = match library.choose(&channel.mappings, &channel.party, bytes) {
            // What no mapping takes is not supported here, rather than not found.
            Err(error) if error.kind == Kind::NotFound => {
                return Err(Error { kind: Kind::NotSupported, ..error });
            }
            chosen => chosen?,
        };
        let charsets = Charsets {
            channel: channel.charset,
            mapping: program.charset,
            carry_raw: true,
            ..Charsets::default()
        };
        let file = program.schema.read(bytes, &charsets)?;
        Ok((program, file))
    })
}

/// Why a transfer could not be read, with a place where one is known: of an HL7 message that no
/// mapping takes, MSH-9, or MSH-9.2 if it is only the event that none takes.
pub(super) fn why_unread(inbound: &Inbound, bytes: &[u8], error: &Error) -> Issue {
    let issue = Issue::from(error);
    if error.kind != Kind::NotSupported {
        return issue;
    }
    let head = Head::read(bytes, &Charsets::default());
    let kind = head.field(9);
    let Some(at) = memchr::memmem::find(bytes, kind.as_bytes()).filter(|_| !kind.is_empty()) else {
        return issue;
    };
    let message = kind.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let Inbound { channel, library, .. } = inbound;
    let programs = channel.mappings.iter().filter_map(|m| library.program(m, &channel.party).ok());
    let known = programs.flat_map(|program| program.accept.clone()).any(|accept| match accept {
        Accept::Message(accepted) => accepted.split('^').next() == Some(message),
        _ => false,
    });
    issue.spot(if known { "MSH-9.2" } else { "MSH-9" }, at..at + kind.len())
}

/// Translates one record, validates what it became, and applies the channel's policy.
pub(super) fn judge(channel: &Channel, program: &Arc<Program>, record: &Record) -> Judged {
    let judged = guarded(|| {
        let mut issues = if channel.carry_raw { Vec::new() } else { undecodable(record) };
        // What is not text cannot be stored with a warning: it would be text in the store.
        let refuse = !issues.is_empty();
        let (mut made, found) = get::resources(program, record);
        unmapped::note(program, record);
        issues.extend(found);
        for one in &mut made {
            let at = format!("{}/{}", one.kind, one.id);
            issues.extend(
                validate::structure(&one.resource).into_iter().map(|issue| within(issue, &at)),
            );
            mark(&mut one.resource, &channel.party, &channel.name);
        }
        Ok((made, issues, refuse))
    });
    match judged {
        Ok((made, issues, refuse)) => {
            let status = match (has_errors(&issues), channel.invalid) {
                (true, Invalid::Quarantine) => Status::Quarantined,
                (true, Invalid::Reject) => Status::Failed,
                (true, Invalid::Warn) if refuse => Status::Failed,
                (false, _) | (true, Invalid::Warn) => Status::Done,
            };
            Judged { status, made, issues }
        }
        Err(error) => {
            Judged { status: Status::Failed, made: Vec::new(), issues: vec![Issue::from(&error)] }
        }
    }
}

/// A panic in here is a fault of ours, and costs this message only.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(panic = said, "a message could not be translated");
        Err(Error::new(
            Kind::Internal,
            "a fault in the gateway kept this message from being translated",
        )
        .advise("the message is kept: tell the maintainers, and replay it after an update"))
    })
}

/// An error for every slot that holds bytes its charset does not have.
fn undecodable(record: &Record) -> Vec<Issue> {
    let text = record.text();
    let span = record.span();
    let (start, end) = (span.start as usize, span.end as usize);
    let Some(inside) = text.text.get(start..end) else { return Vec::new() };
    let mut issues = Vec::new();
    for (at, c) in inside.char_indices().filter(|(_, c)| raw(*c).is_some()) {
        let at = (start + at) as u32;
        let bytes = text.byte_range(Span { start: at, end: at + c.len_utf8() as u32 });
        let what = format!(
            "byte 0x{:02X} at {} is not {:?} text",
            raw(c).unwrap_or_default(),
            bytes.start,
            text.charset
        );
        issues.push(Issue::error(Kind::Value, what).spot(slot_at(record, issues.len()), bytes));
    }
    issues
}

/// The byte that a character stands for, if it does.
fn raw(c: char) -> Option<u8> {
    u8::try_from((c as u32).checked_sub(RAW)?).ok()
}

/// The name of the slot that holds the n-th undecodable byte of a record.
fn slot_at(record: &Record, n: usize) -> String {
    let (mut seen, mut name) = (0, None);
    record.each_value(&mut |slot, value| {
        let here = value.chars().filter(|c| raw(*c).is_some()).count();
        if name.is_none() && seen + here > n {
            name = Some(slot.to_owned());
        }
        seen += here;
    });
    name.unwrap_or_else(|| "record".to_owned())
}

/// Says in which resource of the record an issue was found.
fn within(mut issue: Issue, at: &str) -> Issue {
    issue.text = format!("{at}: {}", issue.text);
    issue
}

/// Names party and channel in a resource's meta, the same each time, so that a replay changes
/// nothing.
pub(super) fn mark(resource: &mut Value, party: &Party, channel: &str) {
    let Value::Object(resource) = resource else { return };
    let meta = resource.entry("meta").or_insert_with(|| json!({}));
    meta["source"] = json!(format!("{BASE}/party/{}", party.name));
    let tag = |system: &str, code: &str| json!({ "system": format!("{BASE}/CodeSystem/{system}"), "code": code });
    let tags = [tag("party", &party.name), tag("channel", channel)];
    match meta["tag"].as_array_mut() {
        Some(there) => there.extend(tags),
        None => meta["tag"] = json!(tags),
    }
}
