//! The way of a message in: bytes of a party → resources in the store → the answer.
//!
//! Everything a message changes, its journal entry included, is one commit, and the answer goes out
//! only after it. A message that is refused is in the journal too, with its bytes and the reasons,
//! before its sender hears of it. When the store cannot take it, the sender hears that it must send
//! again.
//!
//! A transfer of several records (rows of a file) is one commit and one journal entry per record,
//! so that a bad row can be corrected and replayed alone.

use std::sync::Arc;

use serde::Deserialize;

use super::answer;
pub use super::answer::Acknowledge;
use super::transfer::Transfer;
use crate::fhir::Issue;
use crate::legacy::Charset;
use crate::store::{JournalEntry, Store};
use crate::translate::{Library, Party};

/// A channel that messages come in by.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name in the configuration.
    pub name: String,
    /// Whose messages these are.
    pub party: Party,
    /// The mappings that may take them.
    pub mappings: Vec<String>,
    /// The charset, if the operator says so.
    pub charset: Option<Charset>,
    /// Carry bytes that the charset does not have, instead of refusing the record.
    pub carry_raw: bool,
    /// What becomes of a record with errors.
    pub invalid: Invalid,
}

/// What becomes of a record with errors: a value that cannot be read, a resource that breaks the
/// rules of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Invalid {
    /// It is refused and kept for replay; its sender is told.
    #[default]
    Reject,
    /// It is accepted and kept aside: nothing of it is in the store until it is replayed.
    Quarantine,
    /// What can be read is stored; the errors are reported as warnings.
    Warn,
}

/// The way in for one channel; cheap to clone.
#[derive(Clone)]
pub struct Inbound {
    pub(super) channel: Arc<Channel>,
    pub(super) library: Arc<Library>,
    pub(super) store: Store,
}

/// Bytes that arrived.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// As they came.
    pub bytes: Arc<[u8]>,
    /// The sender's address, or the file's name.
    pub peer: String,
    /// The door speaks HL7 v2, and answers so whatever came.
    pub hl7: bool,
    /// How an HL7 message is answered.
    pub acknowledge: Acknowledge,
}

/// What became of a transfer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// In one word.
    pub verdict: Verdict,
    /// What was found; places are those in the transfer.
    pub issues: Vec<Issue>,
    /// The answer in the sender's own format: HL7 acknowledgements for HL7 messages (see
    /// [`Answer::messages`]), an OperationOutcome for everything else. Empty if none is wanted.
    pub bytes: Vec<u8>,
    /// Journal entries.
    pub journal: Vec<i64>,
    /// It came before, and this is the first answer again.
    pub repeat: bool,
    /// Number of records in the transfer.
    pub records: usize,
    /// Number of records that are stored.
    pub stored: usize,
    /// The transfer with only the records that were refused, if there were others.
    pub rejected: Option<Vec<u8>>,
}

/// What became of a transfer, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Its resources are stored.
    Stored,
    /// It is kept aside.
    Quarantined,
    /// It has errors and is kept for replay; of a transfer of many records, some may be stored.
    Rejected,
    /// It cannot be read at all, or no mapping takes it; it is kept for replay.
    Refused,
    /// Nothing is stored, not even its bytes: it must be sent again.
    Unavailable,
}

impl Answer {
    /// The answer's messages: in enhanced mode there may be two.
    pub fn messages(&self) -> Vec<&[u8]> {
        answer::split(&self.bytes)
    }

    /// What became of it, in one line for people.
    pub fn summary(&self) -> String {
        let mut text = match self.verdict {
            Verdict::Refused => "refused".to_owned(),
            Verdict::Unavailable => "not stored: send it again".to_owned(),
            _ => format!("{} of {} records stored", self.stored, self.records),
        };
        match self.verdict {
            Verdict::Quarantined => text += ", the others are kept aside",
            Verdict::Rejected if self.records > 1 => text += ", the others are refused",
            _ => {}
        }
        if self.repeat {
            text += "; it came before, this is the first answer again";
        }
        // Records are committed side by side, so their entries need not be in their order.
        match (self.journal.iter().min(), self.journal.iter().max()) {
            (Some(first), Some(last)) if first != last => {
                text += &format!("; journal entries {first} to {last}");
            }
            (Some(one), _) => text += &format!("; journal entry {one}"),
            (None, _) => {}
        }
        text
    }
}

impl Inbound {
    /// The way in for a channel.
    pub fn new(channel: Channel, library: Arc<Library>, store: Store) -> Inbound {
        Inbound { channel: Arc::new(channel), library, store }
    }

    /// The channel.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Takes a transfer and says what became of it. Never fails: a failure is an answer.
    pub async fn accept(&self, arriving: Arriving) -> Answer {
        Transfer::new(self, arriving, None).take().await
    }

    /// Keeps bytes that did not arrive whole, with the reasons. They cannot be replayed; an issue
    /// with the code `incomplete` says so.
    pub async fn keep(&self, arriving: Arriving, why: Vec<Issue>) -> Answer {
        Transfer::new(self, arriving, None).refuse(Verdict::Refused, why, None).await
    }

    /// Takes the bytes of a journal entry again, as if they arrived now; the entry gets the new
    /// outcome.
    pub(super) async fn again(&self, entry: JournalEntry) -> Answer {
        let arriving = Arriving {
            bytes: entry.arrival.bytes,
            peer: entry.arrival.peer,
            hl7: false,
            acknowledge: Acknowledge::default(),
        };
        Transfer::new(self, arriving, Some(entry.id)).take().await
    }
}
