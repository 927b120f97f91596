//! A resource as bytes: stored without what the store itself says about it, spliced on reading.
//!
//! Written is everything behind `{"resourceType":…,"id":…,"meta":{`, as zstd; `versionId` and
//! `lastUpdated` are known only when the version is made and are put before it on reading, so a
//! read parses nothing.

use std::cell::RefCell;

use serde_json::{Map, Value};
use zstd::bulk::{Compressor, Decompressor};

use super::Millis;
use crate::error::{Error, Kind, Result};

/// The greatest JSON text of one resource, and of one original record, in bytes.
const LIMIT: usize = 256 << 20;
/// Level 3 is the knee of zstd's curve for small JSON.
const LEVEL: i32 = 3;

/// The JSON text behind `"meta":{` of a resource, checked to be of this type.
pub(super) fn tail(kind: &str, resource: &Value) -> Result<Vec<u8>> {
    let fields = resource
        .as_object()
        .ok_or_else(|| Error::new(Kind::Structure, "a resource is a JSON object"))?;
    match fields.get("resourceType").and_then(Value::as_str) {
        Some(written) if written == kind => {}
        written => {
            let written = written.unwrap_or("none");
            return Err(Error::new(
                Kind::Value,
                format!("the resource's type is {written}, expected {kind}"),
            )
            .at("resourceType"));
        }
    }
    let none = Map::new();
    let meta = match fields.get("meta") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(meta)) => meta,
        Some(_) => {
            return Err(
                Error::new(Kind::Structure, "`meta` is not an object").at(format!("{kind}.meta"))
            );
        }
    };
    let mut out = Vec::with_capacity(1024);
    let own = meta.iter().filter(|(key, _)| !matches!(&key[..], "versionId" | "lastUpdated"));
    for (n, (key, value)) in own.enumerate() {
        member(&mut out, n > 0, key, value)?;
    }
    out.push(b'}');
    let rest = fields.iter().filter(|(key, _)| !matches!(&key[..], "resourceType" | "id" | "meta"));
    for (key, value) in rest {
        member(&mut out, true, key, value)?;
    }
    out.push(b'}');
    if out.len() > LIMIT {
        return Err(too_large(out.len()));
    }
    Ok(out)
}

/// The whole JSON text of a version.
pub(super) fn splice(kind: &str, id: &str, version: u64, at: Millis, tail: &[u8]) -> Vec<u8> {
    let comma = if tail.first() == Some(&b'}') { "" } else { "," };
    let at = instant(at);
    // Type and id are words without characters that JSON escapes: `prepare` sees to it.
    let head = format!(
        r#"{{"resourceType":"{kind}","id":"{id}","meta":{{"versionId":"{version}","lastUpdated":"{at}"{comma}"#
    );
    let mut out = Vec::with_capacity(head.len() + tail.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(tail);
    out
}

/// Whether two tails say the same; the order of members does not matter, the text of numbers does.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    fn read(tail: &[u8]) -> Option<Value> {
        serde_json::from_slice(&[br#"{"meta":{"#, tail].concat()).ok()
    }
    one == other || matches!((read(one), read(other)), (Some(a), Some(b)) if a == b)
}

/// An instant of FHIR with milliseconds in UTC.
pub(super) fn instant(at: Millis) -> String {
    const PRINTER: jiff::fmt::temporal::DateTimePrinter =
        jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3));
    PRINTER.timestamp_to_string(&jiff::Timestamp::from_millisecond(at).unwrap_or_default())
}

/// Compresses.
pub(super) fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    thread_local! {
        static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    }
    if bytes.len() > LIMIT {
        return Err(too_large(bytes.len()));
    }
    PACKER
        .with_borrow_mut(|packer| match packer {
            Some(packer) => packer.compress(bytes),
            None => packer.insert(Compressor::new(LEVEL)?).compress(bytes),
        })
        .map_err(|e| Error::new(Kind::Internal, "a body cannot be compressed").because(e))
}

/// Gives back what [`pack`] was given.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    thread_local! {
        static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let size = match zstd::zstd_safe::get_frame_content_size(packed) {
        Ok(Some(size)) if size <= LIMIT as u64 => size as usize,
        _ => return Err(Error::new(Kind::Internal, "a stored body is broken")),
    };
    UNPACKER
        .with_borrow_mut(|unpacker| match unpacker {
            Some(unpacker) => unpacker.decompress(packed, size),
            None => unpacker.insert(Decompressor::new()?).decompress(packed, size),
        })
        .map_err(|e| Error::new(Kind::Internal, "a stored body is broken").because(e))
}

fn member(out: &mut Vec<u8>, comma: bool, key: &str, value: &Value) -> Result<()> {
    if comma {
        out.push(b',');
    }
    let internal = |e| Error::new(Kind::Internal, "a resource cannot be written").because(e);
    serde_json::to_writer(&mut *out, key).map_err(internal)?;
    out.push(b':');
    serde_json::to_writer(&mut *out, value).map_err(internal)
}

fn too_large(size: usize) -> Error {
    Error::new(Kind::TooLarge, format!("{size} bytes are more than the store takes at once"))
        .advise(format!("the limit is {LIMIT} bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn whole(resource: &Value) -> Value {
        let tail = tail("Patient", resource).unwrap();
        let packed = unpack(&pack(&tail).unwrap()).unwrap();
        serde_json::from_slice(&splice("Patient", "a", 7, 1_700_000_000_123, &packed)).unwrap()
    }

    #[test]
    fn own_meta_stays_and_the_stores_is_put_in() {
        let resource = json!({
            "meta": {"versionId": "99", "source": "urn:x", "lastUpdated": "1999-01-01T00:00:00Z"},
            "id": "other", "active": true, "resourceType": "Patient",
        });
        let expected = json!({
            "resourceType": "Patient", "id": "a",
            "meta": {"versionId": "7", "lastUpdated": "2023-11-14T22:13:20.123Z", "source": "urn:x"},
            "active": true,
        });
        assert_eq!(whole(&resource), expected);
        let bare = json!({"resourceType": "Patient"});
        assert_eq!(whole(&bare)["meta"]["versionId"], "7");
    }

    #[test]
    fn decimal_text_and_odd_keys_survive() {
        let text = r#"{"resourceType":"Patient","x\"y":1.00,"z":0.0010,"汉":"\u0000\n"}"#;
        let read = whole(&serde_json::from_str(text).unwrap());
        assert_eq!(read["x\"y"].to_string(), "1.00");
        assert_eq!(read["z"].to_string(), "0.0010");
        assert_eq!(read["汉"], "\u{0}\n");
    }

    #[test]
    fn wrong_types_are_refused() {
        for bad in [json!(1), json!({}), json!({"resourceType": "Observation"})] {
            assert!(tail("Patient", &bad).is_err(), "{bad}");
        }
        assert!(tail("Patient", &json!({"resourceType": "Patient", "meta": 1})).is_err());
    }

    #[test]
    fn sameness_ignores_order_but_not_decimals() {
        assert!(same(br#"},"a":1,"b":2}"#, br#"},"b":2,"a":1}"#));
        assert!(!same(br#"},"a":1.0}"#, br#"},"a":1.00}"#));
    }

    proptest! {
        #[test]
        fn unpacking_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
            prop_assert_eq!(unpack(&pack(&bytes).unwrap()).unwrap(), bytes);
        }
    }
}
