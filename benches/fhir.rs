//! FHIR on one core: loading the R4 table, reading JSON, checking the structure of Patients.
//!
//! `cargo bench --bench fhir`; the figures are printed, nothing is asserted.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may panic")]

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use tombolo::fhir::definitions::Definitions;
use tombolo::fhir::json::{self, Limits};
use tombolo::validate;

fn main() {
    let start = Instant::now();
    let types = Definitions::r4().types.len();
    println!(
        "the R4 table, {types} types: loaded in {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );

    let patient = patient();
    let text = json::write(&patient);
    let bytes = text.len();
    assert!(validate::structure(&patient).is_empty());
    rate("structure of a Patient", bytes, || {
        black_box(validate::structure(black_box(&patient)));
    });
    rate("reading it, strictly", bytes, || {
        black_box(json::parse(black_box(text.as_bytes()), Limits::default()).unwrap());
    });
    rate("reading it with serde_json", bytes, || {
        black_box(serde_json::from_slice::<Value>(black_box(text.as_bytes())).unwrap());
    });
}

fn rate(what: &str, bytes: usize, mut work: impl FnMut()) {
    (0..1000).for_each(|_| work());
    let (mut times, start) = (0_u32, Instant::now());
    while start.elapsed().as_secs_f64() < 2.0 {
        (0..1000).for_each(|_| work());
        times += 1000;
    }
    let each = start.elapsed().as_secs_f64() / f64::from(times);
    let speed = bytes as f64 / each / 1e6;
    println!("{what}, {bytes} bytes: {:.0}/s, {:.1} µs, {speed:.0} MB/s", 1.0 / each, each * 1e6);
}

/// A Patient as rich as hospitals send them.
fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "hospital-1.pid.0000001001",
        "meta": { "lastUpdated": "2026-03-01T08:00:00.000+08:00", "source": "http://tombolo.example/adt" },
        "identifier": [
            { "use": "usual", "type": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI" }] },
              "system": "http://tombolo.example/sid/hospital-1", "value": "0000001001" },
            { "use": "official", "system": "urn:oid:2.16.156.10011.1.3", "value": "539901196503150014" },
        ],
        "active": true,
        "name": [{ "use": "official", "text": "张测试", "family": "张", "given": ["测试"] }],
        "telecom": [{ "system": "phone", "value": "19900000001", "use": "mobile" }],
        "gender": "male",
        "birthDate": "1965-03-15",
        "address": [{ "use": "home", "text": "示例省示例市示例区测试街道样本路1号",
            "state": "示例省", "city": "示例市", "district": "示例区", "line": ["样本路1号"] }],
        "maritalStatus": { "coding": [{ "system": "urn:oid:2.16.156.10011.2.3.3.5", "code": "20" }] },
        "contact": [{ "relationship": [{ "text": "配偶" }], "name": { "text": "李示例" },
            "telecom": [{ "system": "phone", "value": "19900000002" }] }],
        "managingOrganization": { "reference": "Organization/hospital-1.org.1", "display": "示例市第一人民医院" },
        "extension": [{ "url": "http://tombolo.example/fhir/StructureDefinition/nation",
            "valueCodeableConcept": { "coding": [{
                "system": "urn:oid:2.16.156.10011.2.3.3.3", "code": "01", "display": "汉族" }] } }],
    })
}
