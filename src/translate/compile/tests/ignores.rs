//! `ignore:`: patterns, and what is wrong with them.

use super::mistakes::{TOP, found};
use super::{compile_texts, render};

const PATIENT: &str =
    "resources:\n  Patient patient:\n    key: pid(PID-3.1)\n    birthDate: PID-7 | date\n";

/// The slots of `names` that are ignored.
fn ignored(files: &[(&str, &str)], names: &[&str]) -> Vec<String> {
    let (program, _) = compile_texts(files).unwrap_or_else(|found| panic!("{}", render(&found)));
    let held = names.iter().filter(|name| program.slots.ignored(name).is_some());
    held.map(|name| (*name).to_owned()).collect()
}

#[test]
fn fields_ranges_segments_and_groups_of_hl7() {
    let text = "lang: 1\nmapping: m\nversion: 1.0.0\nsource: hl7v2@2.1..2.8\ntarget: fhir@4.0.1\n\
        accept: [ORU^R01]\nresources:\n  Patient patient:\n    key: pid(PID-3.1)\n    name[0].text: PID-5\n\
        ignore:\n  PV1-40..54: of US billing\n  PID-11.9..12: x\n  ZPI: local\n  SPECIMEN: not here\n  PID-13: x\n";
    let names = [
        "PV1-39",
        "PV1-40",
        "PV1-54.2",
        "PID-11.8",
        "PID-11.9",
        "PID-11.12.2",
        "ZPI-3.2",
        "ZPJ-1",
        "SPM-4",
        "SPECIMEN.OBX-5",
        "OBX-5",
        "PID-13.2",
        "PID-5",
    ];
    let held = [
        "PV1-40",
        "PV1-54.2",
        "PID-11.9",
        "PID-11.12.2",
        "ZPI-3.2",
        "SPM-4",
        "SPECIMEN.OBX-5",
        "PID-13.2",
    ];
    assert_eq!(ignored(&[("m/mapping.yaml", text)], &names), held);
}

#[test]
fn columns_and_paths() {
    let csv = "lang: 1\nmapping: m\nversion: 1.0.0\nsource: csv\nschema: schema.yaml\ntarget: fhir@4.0.1\n\
        resources:\n  Patient patient:\n    key: pid(id)\n    name[0].text: name\nignore:\n  spare*: unused\n  note: free text\n";
    let schema = "schema: csv\nheader: [id, name, note, notes, spare1, spare2]\n";
    let names = ["id", "name", "note", "notes", "spare1", "spare2"];
    let files = [("m/mapping.yaml", csv), ("m/schema.yaml", schema)];
    assert_eq!(ignored(&files, &names), ["note", "spare1", "spare2"]);

    let xml = "lang: 1\nmapping: m\nversion: 1.0.0\nsource: xml\ntarget: fhir@4.0.1\nroot: r\n\
        resources:\n  Patient patient:\n    key: pid(a/id)\n    name[0].text: a/name\nignore:\n  b: x\n  //templateId: structure\n  //@classCode: structure\n";
    let names = ["a/id", "b", "b/c/@x", "bc", "a/templateId/@root", "a/@classCode", "a/@code"];
    let held = ["b", "b/c/@x", "a/templateId/@root", "a/@classCode"];
    assert_eq!(ignored(&[("m/mapping.yaml", xml)], &names), held);
}

#[test]
fn what_is_ignored_exists_and_has_a_reason() {
    let says = |line: &str| found(&[TOP, PATIENT, "ignore:\n  ", line, "\n"]);
    for (line, wanted) in [
        (
            "PV1-40..99: x",
            "M013 m/mapping.yaml:13:3 `PV1-99`: there is no field PV1-99 (PV1 has 54 fields)",
        ),
        (
            "PV1-54..40: x",
            "M013 m/mapping.yaml:13:3 `PV1-54..40` goes from 54 to 40 (write the smaller number first)",
        ),
        (
            "SPECIMEN: x",
            "M013 m/mapping.yaml:13:3 `SPECIMEN`: there is no group SPECIMEN (there are PROCEDURE, INSURANCE)",
        ),
        (
            "ZPI:",
            "M000 m/mapping.yaml:13:3 'ZPI' is ignored without a reason (write `ZPI: why nobody needs it`)",
        ),
    ] {
        assert_eq!(says(line), [wanted], "{line}");
    }
    assert!(
        says("QQQ: x")[0].starts_with("M013 m/mapping.yaml:13:3 `QQQ`: HL7 v2 has no segment QQQ")
    );
    let csv = "lang: 1\nmapping: m\nversion: 1.0.0\nsource: csv\nschema: schema.yaml\ntarget: fhir@4.0.1\n\
        resources:\n  Patient patient:\n    key: pid(id)\n    name[0].text: name\nignore:\n  spare*: unused\n";
    let files = [("m/mapping.yaml", csv), ("m/schema.yaml", "schema: csv\nheader: [id, name]\n")];
    let found = compile_texts(&files).unwrap_err();
    assert_eq!((found[0].code, &*found[0].message), ("M013", "no column begins with 'spare'"));
}
