//! Channels of a hospital and a clinic over a store, and what they are sent.

use std::sync::{Arc, LazyLock};

use serde_json::Value;
use tombolo::flow::{Channel, Inbound, Invalid};
use tombolo::legacy::Charset;
use tombolo::store::{JournalEntry, Status, Store};
use tombolo::translate::{Library, Party};

/// The mappings in the binary.
pub static LIBRARY: LazyLock<Arc<Library>> =
    LazyLock::new(|| Arc::new(Library::open(&[]).unwrap()));

/// The hospital's HL7 channel.
pub fn hospital(store: &Store) -> Inbound {
    channel(store, "adt", "hospital-1", &["hospital-adt", "hospital-oru"], Invalid::Reject)
}

/// The clinic's file channel.
pub fn clinic(store: &Store) -> Inbound {
    channel(store, "drop", "clinic-1", &["htn-followup"], Invalid::Reject)
}

pub fn channel(
    store: &Store,
    name: &str,
    party: &str,
    mappings: &[&str],
    invalid: Invalid,
) -> Inbound {
    let party = Party {
        name: party.into(),
        title: "示例市第一人民医院".into(),
        uscc: Some("12539901400000018A".into()),
    };
    let mappings = mappings.iter().map(|name| (*name).to_owned()).collect();
    let name = name.to_owned();
    let channel = Channel { name, party, mappings, charset: None, carry_raw: false, invalid };
    Inbound::new(channel, LIBRARY.clone(), store.clone())
}

/// An outpatient registration in original mode, GBK, with this control number; fields are replaced.
pub fn a04(control: &str, edits: &[(&str, &str)]) -> Vec<u8> {
    let mut text = [
        "MSH|^~\\&|HIS|400000018|HIP|400000018|20260302083015||ADT^A04|CONTROL|P|2.5",
        "EVN|A04|20260302083015",
        "PID|1||0000001001^^^HIS^PI~539901196503150014^^^&2.16.156.10011.1.3&ISO^NI||张测试^zhangceshi||19650315|1",
        "PV1|1|O|0301|||||||||||||||O|MZ260301001",
        "",
    ]
    .join("\r")
    .replace("CONTROL", control);
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Charset::Gbk.encode(&text).unwrap().into_owned()
}

/// A field of the first segment of a name in an acknowledgement.
pub fn field(answer: &[u8], segment: &str, number: usize) -> String {
    let text = String::from_utf8_lossy(answer);
    let line = text.split('\r').find(|line| line.starts_with(segment));
    let line = line.unwrap_or_else(|| panic!("no {segment} in {text}"));
    let number = if segment == "MSH" { number - 1 } else { number };
    line.split('|').nth(number).unwrap_or_default().to_owned()
}

/// MSA-1 and MSA-2.
pub fn msa(answer: &[u8]) -> (String, String) {
    (field(answer, "MSA", 1), field(answer, "MSA", 2))
}

pub async fn resource(store: &Store, kind: &str, id: &str) -> Option<Value> {
    let stored = store.read(kind, id).await.unwrap()?;
    Some(serde_json::from_slice(&stored.json).unwrap())
}

/// The journal, oldest first.
pub async fn journal(store: &Store) -> Vec<JournalEntry> {
    let mut entries = store.journal_list(None, None, 10_000).await.unwrap();
    entries.reverse();
    entries
}

/// The one journal entry, which is of a refused message.
pub async fn kept(store: &Store) -> JournalEntry {
    let mut entries = journal(store).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = entries.remove(0);
    assert_eq!(entry.arrival.outcome.status, Status::Failed);
    entry
}
