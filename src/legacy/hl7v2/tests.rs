//! HL7 v2 as the field sends it: what must be read, what an edit may touch, what is refused.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::{Read, Record, Write};
use crate::legacy::{Charset, Charsets, List, Place};

fn schema(kind: &str) -> crate::legacy::Schema {
    crate::legacy::Schema::Hl7(Schema::new(&[kind.to_owned()], "2.1..2.8").expect("known"))
}

fn read_bytes(kind: &str, bytes: &[u8]) -> Record {
    schema(kind).read(bytes, &Charsets::default()).expect("reads").records.remove(0)
}

fn adt(rest: &str) -> Record {
    let text = format!("MSH|^~\\&|HIS|H|GW|G|20260302||ADT^A04|1|P|2.4\r{rest}");
    read_bytes("ADT^A04", text.as_bytes())
}

fn slot(kind: &str, name: &str) -> crate::legacy::Slot {
    let schema = schema(kind);
    schema.slot(&schema.root(), name).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

fn get(record: &Record, name: &str) -> Option<String> {
    match record.read(Scope::default(), &slot("ADT^A04", name)) {
        Read::Text(text) => Some(text.into_owned()),
        Read::Null => Some("(null)".to_owned()),
        Read::Absent => None,
    }
}

fn edited(record: &Record, name: &str, value: Write<'_>) -> Vec<u8> {
    let mut editor = record.edit();
    editor.write(Scope::default(), &slot("ADT^A04", name), value).expect("writes");
    record.text().splice(&editor.finish().expect("edits")).expect("splices")
}

/// All Han characters whose second byte in GBK is a delimiter of HL7.
fn traps() -> Vec<char> {
    let mut traps = Vec::new();
    for lead in 0x81..=0xfe_u8 {
        for trail in *b"\\^|~" {
            let bytes = [lead, trail];
            let (text, _, broken) = encoding_rs::GBK.decode(&bytes);
            let mut chars = text.chars();
            if let (false, Some(c), None) = (broken, chars.next(), chars.next())
                && matches!(c, '\u{4e00}'..='\u{9fa5}')
            {
                traps.push(c);
            }
        }
    }
    traps
}

#[test]
fn names_with_delimiters_in_their_bytes_survive_both_ways() {
    let traps = traps();
    assert_eq!(traps.len(), 464, "116 characters for each of the four delimiters");
    for c in traps {
        let name = format!("张{c}样");
        let text =
            format!("MSH|^~\\&|HIS|H|GW|G|20260302||ADT^A04|1|P|2.4\rPID|1||2||{name}^x||1965\r");
        let bytes = Charset::Gbk.encode(&text).expect("in GBK");
        let record = read_bytes("ADT^A04", &bytes);
        assert_eq!(get(&record, "PID-5.1").as_deref(), Some(&*name));
        assert_eq!(get(&record, "PID-5.2").as_deref(), Some("x"), "{c}");
        let other = format!("{c}{c}");
        let written = edited(&record, "PID-5.1", Write::Text(&other));
        let again = read_bytes("ADT^A04", &written);
        assert_eq!(get(&again, "PID-5.1").as_deref(), Some(&*other));
        assert_eq!(get(&again, "PID-7").as_deref(), Some("1965"), "{c}");
    }
}

#[test]
fn delimiters_are_those_the_message_declares() {
    let text = "MSH$%~!@$HIS$H$GW$G$20260302$$ADT%A04$1$P$2.4\rPID$1$$7%%%HIS%PI~8$$A!T!B@C%D\r";
    let record = read_bytes("ADT^A04", text.as_bytes());
    assert_eq!(get(&record, "PID-3.1").as_deref(), Some("7"));
    assert_eq!(get(&record, "PID-3[2].1").as_deref(), Some("8"));
    assert_eq!(get(&record, "PID-5.1.1").as_deref(), Some("A@B"));
    assert_eq!(get(&record, "PID-5.1.2").as_deref(), Some("C"));
    let short = "MSH|^|HIS|H|GW|G|20260302||ADT^A04|1|P|2.4\rPID|1||a~b&c\\T\\\r";
    let record = read_bytes("ADT^A04", short.as_bytes());
    assert_eq!(
        get(&record, "PID-3").as_deref(),
        Some("a~b&c\\T\\"),
        "what is not declared is text"
    );
}

#[test]
fn slots_have_three_values_and_fields_of_msh_are_shifted() {
    let record = adt("PID|1||\"\"||||\rPV1|1\r");
    assert_eq!(get(&record, "PID-3").as_deref(), Some("(null)"));
    assert_eq!(get(&record, "PID-5"), None);
    assert_eq!(get(&record, "PID-30"), None);
    assert_eq!(get(&record, "MSH-3").as_deref(), Some("HIS"));
    assert_eq!(get(&record, "MSH-9.2").as_deref(), Some("A04"));
    assert_eq!(record.about("message").as_deref(), Some("ADT^A04"));
    assert_eq!(record.about("control").as_deref(), Some("1"));
}

#[test]
fn escapes_are_undone_and_unknown_ones_stay() {
    for (raw, text) in [
        (r"10\S\9/L", "10^9/L"),
        (r"A\F\B\R\C\T\D\E\E", r"A|B~C&D\E"),
        (r"C:\dir", r"C:\dir"),
        (r"\Zab\x", r"\Zab\x"),
        (r"\X41\", "A"),
    ] {
        let record = adt(&format!("PID|1||{raw}\r"));
        assert_eq!(get(&record, "PID-3").as_deref(), Some(text), "{raw}");
        assert_eq!(
            edited(&record, "PID-3", Write::Text(text)),
            record.text().bytes.to_vec(),
            "{raw}"
        );
    }
}

#[test]
fn every_line_end_is_read_and_kept() {
    for end in ["\r", "\n", "\r\n"] {
        for last in ["", end] {
            let text = format!("MSH|^~\\&|H|||||| ADT^A04|1|P|2.4{end}ZPI|1|x{end}PID|1||7{last}")
                .replace("| ADT", "|ADT");
            let record = read_bytes("ADT^A04", text.as_bytes());
            assert_eq!(get(&record, "PID-3").as_deref(), Some("7"), "{end:?}");
            let written = edited(&record, "PV1-2", Write::Text("I"));
            let again = read_bytes("ADT^A04", &written);
            assert_eq!(get(&again, "PV1-2").as_deref(), Some("I"), "{end:?}");
            assert!(written.starts_with(text.trim_end().as_bytes()), "{end:?}");
        }
    }
}

#[test]
fn an_edit_touches_its_own_leaf_only() {
    let text = "PID|1||7^^^HIS&1.2&ISO^PI~8^^^^||张^^^^^L~zhang\r";
    let record = adt(text);
    let whole = |slot: &str, value: Write<'_>| {
        let bytes = edited(&record, slot, value);
        String::from_utf8(bytes).expect("utf-8").split_once("2.4\r").expect("head").1.to_owned()
    };
    assert_eq!(whole("PID-3[2].1", Write::Text("9|9")), text.replace("8^", r"9\F\9^"));
    assert_eq!(whole("PID-3.4.2", Write::Text("5")), text.replace("1.2", "5"));
    assert_eq!(whole("PID-5[2].1", Write::Clear), text.replace("zhang", ""));
    assert_eq!(whole("PID-8", Write::Null), text.replace("zhang", "zhang|||\"\""));
}

#[test]
fn groups_hold_what_follows_their_anchor() {
    let text = "MSH|^~\\&|L|H|G|G|20260302||ORU^R01|1|P|2.4\rPID|1||7\rORC|RE|o1\rOBR|1|o1\rOBX|1|NM|A\rNTE|1||a\rOBX|2|NM|B\rOBR|2|o2\rNTE|1||r\rOBX|1|NM|C\rSPM|1|s\r";
    let record = read_bytes("ORU^R01", text.as_bytes());
    let schema = schema("ORU^R01");
    let each = |at: &Place, scope: Scope, name: &str| -> (Vec<Scope>, Place) {
        let (list, place): (List, Place) = schema.list(at, name).expect("list");
        let mut scopes = Vec::new();
        record.list(scope, &list, &mut scopes);
        (scopes, place)
    };
    let (orders, order) = each(&schema.root(), Scope::default(), "ORDER_OBSERVATION");
    assert_eq!(orders.len(), 2);
    let (results, result) = each(&order, orders[0], "OBSERVATION");
    let names: Vec<_> = results
        .iter()
        .map(|s| record.read(*s, &schema.slot(&result, "OBX-3").expect("slot")))
        .collect();
    assert_eq!(names, [Read::Text("A".into()), Read::Text("B".into())]);
    let (second, _) = each(&order, orders[1], "OBSERVATION");
    assert_eq!(second.len(), 1);
    let note = schema.slot(&order, "NTE-3").expect("slot");
    assert_eq!(record.read(orders[1], &note), Read::Text("r".into()));
    assert!(record.within(second[0], orders[1]) && !record.within(second[0], orders[0]));
}

#[test]
fn what_is_no_message_is_refused_with_its_place() {
    for (bytes, what) in [
        (&b""[..], "MSH"),
        (b"PID|1||7\r", "MSH"),
        (b"MSH\r", "MSH"),
        (b"MSH|||x\r", "MSH"),
        (b"MSH|^~\\&|H|\rpid|1\r", "pid"),
    ] {
        let read = schema("ADT^A04").read(bytes, &Charsets::default());
        let error = read.map(|_| ()).expect_err(what).to_string();
        assert!(error.contains(what), "{error}");
    }
    let bad = b"MSH|^~\\&|H|H|G|G|2026||ADT^A04|1|P|2.4\rPID|1||7||\xff\xff\r";
    let error = schema("ADT^A04").read(bad, &Charsets::default()).map(|_| ()).expect_err("bad GBK");
    assert!(error.to_string().contains("byte"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = schema("ADT^A04").read(&bytes, &Charsets::default());
        let mut message = b"MSH|^~\\&|H|H|G|G|2026||ADT^A04|1|P|2.4\r".to_vec();
        message.extend(&bytes);
        if let Ok(file) = schema("ADT^A04").read(&message, &Charsets::default()) {
            for record in &file.records {
                record.each_value(&mut |_, _| {});
                let _ = get(record, "PID-3[2].4.2");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_changes(
        value in "[\\PC|^~&\\\\]{1,10}",
        name in prop::sample::select(vec!["PID-3.1", "PID-3[2].4.2", "PID-5.2", "PID-19", "PV1-3.4", "DG1-4", "NK1-2.1.1"]),
    ) {
        prop_assume!(value != "\"\"" && !value.trim().is_empty());
        let record = adt("PID|1||7^^^HIS^PI~8^^^A&B&ISO||张^x||19650315|M\rPV1|1|O|a^b\rDG1|1||I10\r");
        let again = read_bytes("ADT^A04", &edited(&record, name, Write::Text(&value)));
        prop_assert_eq!(get(&again, name), Some(value));
        for other in ["MSH-10", "PID-7", "PID-8", "PV1-2", "DG1-3.1", "PID-3.5"] {
            prop_assert_eq!(get(&again, other), get(&record, other));
        }
    }
}
