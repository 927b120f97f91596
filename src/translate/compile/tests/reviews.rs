//! What is found once a mapping is whole, and conditions that never hold.

use super::mistakes::{TOP, found, in_patient, mapping_says, patient_says};
use super::models::{MODEL, SCHEMA, files, says};
use super::{compile_texts, render};

/// A patient before other resources.
const PATIENT: &str =
    "resources:\n  Patient patient:\n    key: pid(PID-3.1)\n    name[0].text: PID-5\n";

#[test]
fn m004_required_elements() {
    mapping_says(
        &[
            PATIENT,
            "  Encounter visit:\n    key: vn(PV1-19.1)\n    status: = finished\n    subject: -> patient\n    identifier[0].value: PV1-19.1\n",
        ],
        "M004 m/mapping.yaml:12:3 Encounter.class is never written (write it: FHIR requires at least 1)",
    );
    patient_says(
        "link[0].type: = refer\nidentifier[0].value: PID-3.1",
        "M004 m/mapping.yaml:11:5 Patient.link.other is never written (write it: FHIR requires at least 1)",
    );
    mapping_says(
        &[
            PATIENT,
            "  Observation obs:\n    key: obs(PID-3.1)\n    code.text: PID-5 | copy\n    valueString: PID-6.1\n    one_of:\n      - when: PID-8 = M\n        status: = final\n      - issued: PID-7 | datetime\n",
        ],
        "M004 m/mapping.yaml:19:9 Observation.status is not written in this branch (write it: FHIR requires at least 1)",
    );
}

#[test]
fn m008_branches_alike() {
    patient_says(
        "name[0]:\n  one_of:\n    - when: PID-8 = M\n      text: PID-5.1\n    - when: PID-8 = F\n      text: PID-9.1",
        "M008 m/mapping.yaml:15:11 on the way back nothing tells this branch of Patient.name from the one in line 13 (a new value is written as the first says: give them different elements or constants)",
    );
}

#[test]
fn m012_conditions_that_never_hold() {
    patient_says(
        "contact[0]:\n  when: PID-8 = M and PID-8 = F\n  name.text: PID-5.1",
        "M012 m/mapping.yaml:12:13 'PID-8 = M and PID-8 = F' can never hold (it contradicts itself, a condition around it, or what the mapping accepts)",
    );
    patient_says(
        "contact[0]:\n  when: PID-8 = M\n  name:\n    when: not PID-8 = M\n    text: PID-5.1",
        "M012 m/mapping.yaml:14:15 'not PID-8 = M' can never hold (it contradicts itself, a condition around it, or what the mapping accepts)",
    );
    patient_says(
        "contact[0]:\n  when: $event = A40\n  name.text: PID-5.1",
        "M012 m/mapping.yaml:12:13 '$event = A40' can never hold (it contradicts itself, a condition around it, or what the mapping accepts)",
    );
}

#[test]
fn m015_lossy_spellings() {
    patient_says(
        "deceasedDateTime: PID-29 | datetime(yyyyMMddHH)",
        "M015 m/mapping.yaml:11:41 'yyyyMMddHH' drops minutes (add `| lossy(minutes)`, or write them first: the first pattern is written)",
    );
    patient_says(
        "birthDate: PID-7 | date(yyyy-MM)",
        "M015 m/mapping.yaml:11:29 'yyyy-MM' drops days (add `| lossy(days)`, or write them first: the first pattern is written)",
    );
    assert_eq!(in_patient("birthDate: PID-7 | date(yyyy-MM) | lossy(days)"), [""; 0]);
    assert_eq!(in_patient("birthDate: PID-7 | date(yyyyMMdd, yyyy-MM)"), [""; 0]);
}

#[test]
fn m019_characters_without_a_code() {
    mapping_says(
        &[
            "charset: windows-1252\n",
            PATIENT,
            "    gender: PID-8 | code(sex)\ncodes:\n  sex:\n    - 男 <-> male\n    - F <-> female\n",
        ],
        "M019 m/mapping.yaml:15:3 the table 'sex' writes '男', and '男' has no code in windows-1252 (make that row `-->`, or name a larger charset)",
    );
}

#[test]
fn m021_vital_signs() {
    let observation = |rest: &str| {
        found(&[
            TOP,
            PATIENT,
            "  Observation weight:\n    key: obs(PID-3.1)\n    status: = final\n    code.coding[0].system: = http://loinc.org\n    code.coding[0].code: = 29463-7\n",
            rest,
        ])
    };
    let vital = "    category[0].coding[0].system: = http://terminology.hl7.org/CodeSystem/observation-category\n    category[0].coding[0].code: = vital-signs\n";
    assert_eq!(
        observation(&format!("{vital}    valueQuantity: PID-6.1 | quantity(kg)\n")),
        [""; 0]
    );
    assert_eq!(
        observation(&format!("{vital}    valueQuantity: PID-6.1 | quantity(mm[Hg])\n")),
        [
            "M021 m/mapping.yaml:19:5 the unit of 29463-7 is 'mm[Hg]' (its profile takes g, kg, [lb_av]: see http://hl7.org/fhir/R4/observation-vitalsigns.html)"
        ]
    );
    assert_eq!(
        observation("    valueQuantity: PID-6.1 | quantity(kg)\n"),
        [
            "M021 m/mapping.yaml:12:3 29463-7 is a vital sign, its category is not (write category[0].coding[0].code: = vital-signs: see http://hl7.org/fhir/R4/observation-vitalsigns.html)"
        ]
    );
}

#[test]
fn m022_items_with_a_key() {
    patient_says(
        "identifier[]:\n  each: PID-3\n  value: .1",
        "M022 m/mapping.yaml:11:5 items of Patient.identifier are found again by position, though Identifier.value names them (write `by:` and the slot of its value, or `by: position`)",
    );
    assert_eq!(in_patient("identifier[]:\n  each: PID-3\n  by: .1\n  value: .1"), [""; 0]);
    assert_eq!(in_patient("identifier[]:\n  each: PID-3\n  by: position\n  value: .1"), [""; 0]);
}

#[test]
fn m023_extensions() {
    let extension = |rest: &str| format!("extension[a].url: = {rest}");
    patient_says(
        &extension(
            "http://tombolo.example/fhir/StructureDefinition/shoe-size\nextension[a].valueString: PID-6.1",
        ),
        "M023 m/mapping.yaml:11:5 the extension http://tombolo.example/fhir/StructureDefinition/shoe-size is declared nowhere (add it to _extensions.csv, or write extensions: { shoe-size: string on Patient })",
    );
    patient_says(
        "address[0].extension[a].url: = urn:x:lift\naddress[0].extension[a].valueBoolean: PID-30 | bool(Y, N)",
        "M023 m/mapping.yaml:11:5 the extension urn:x:lift is declared nowhere (add it to _extensions.csv, or write extensions: { 'urn:x:lift': boolean on Address })",
    );
    patient_says(
        &extension(
            "http://hl7.org/fhir/StructureDefinition/patient-religion\nextension[a].valueString: PID-6.1",
        ),
        "M023 m/mapping.yaml:12:5 valueString of http://hl7.org/fhir/StructureDefinition/patient-religion is a string (it is declared to be: CodeableConcept)",
    );
    patient_says(
        &extension(
            "http://hl7.org/fhir/StructureDefinition/contactpoint-area\nextension[a].valueString: PID-6.1",
        ),
        "M023 m/mapping.yaml:11:5 the extension http://hl7.org/fhir/StructureDefinition/contactpoint-area does not belong to Patient (it is declared for: ContactPoint)",
    );
    patient_says(
        &extension(
            "http://hl7.org/fhir/StructureDefinition/patient-nationality\nextension[a].valueString: PID-6.1",
        ),
        "M023 m/mapping.yaml:12:5 valueString of http://hl7.org/fhir/StructureDefinition/patient-nationality is a string (it is declared to hold extensions, and no value)",
    );
    let declared = |said: &str| {
        let body = "    extension[a].url: = urn:x:lift\n    extension[a].valueString: PID-6.1\n";
        found(&[TOP, PATIENT, body, "extensions:\n  urn:x:lift: ", said, "\n"])
    };
    assert_eq!(declared("string on Patient"), [""; 0]);
    assert_eq!(declared("Coding or string on Address or *"), [""; 0]);
    assert_eq!(
        declared("string on Person"),
        [
            "M023 m/mapping.yaml:12:5 the extension urn:x:lift does not belong to Patient (it is declared for: Person)"
        ]
    );
    assert!(declared("string")[0].starts_with("M000 m/mapping.yaml:15:15 this says no type"));
}

#[test]
fn a_broken_registry_is_told_with_its_line() {
    let mapping = format!("{TOP}{PATIENT}");
    let registry = "url,type,context,title,title_zh\nlift,boolean,Address,Lift,电梯\nlift,string,Address,Lift,\n";
    let texts = [("m/mapping.yaml", mapping.as_str()), ("_extensions.csv", registry)];
    let found = compile_texts(&texts).expect_err("a mistake");
    assert_eq!(
        render(&found),
        "error[M000]: this url has a row already\n --> _extensions.csv:3:1\n  |\n3 | lift,string,Address,Lift,\n  | ^"
    );
}

#[test]
fn m035_dependent_elements() {
    let condition = "  Condition dx:\n    key: dx(PID-3.1)\n    subject: -> patient\n    code.text: PID-6.1\n    verificationStatus.coding[0].code: = entered-in-error\n    clinicalStatus.coding[0].code: = active\n";
    mapping_says(
        &[PATIENT, condition],
        "M035 m/mapping.yaml:17:5 Condition.clinicalStatus stands beside verificationStatus = entered-in-error (Condition con-5 forbids it: put them into different branches)",
    );
    let observation = "  Observation o:\n    key: o(PID-3.1)\n    status: = final\n    code.text: PID-6.1\n    dataAbsentReason.text: PID-9.1\n    valueString: PID-24\n";
    mapping_says(
        &[PATIENT, observation],
        "M035 m/mapping.yaml:17:5 Observation.valueString stands beside dataAbsentReason (Observation obs-6 forbids it: put them into different branches)",
    );
}

#[test]
fn m036_columns_too_narrow() {
    let narrow = SCHEMA.replace("columns:\n", "columns:\n  性别: text(1)\n  生日: date(8)\n");
    let model = MODEL.replace("- 2 <-> female", "- 22 <-> female");
    let mapping = super::models::MAPPING;
    says(
        &files(mapping, &model, &narrow),
        "M036 _models/visit.yaml:23:13 性别 takes 1 characters, '22' has 2 (widen the column in the schema if it is wider, or write a shorter text)",
    );
    let mapping = mapping.replace("date(yyyyMMdd)", "date(yyyy-MM-dd)");
    says(
        &files(&mapping, MODEL, &narrow),
        "M036 _models/visit.yaml:24:16 生日 takes 8 characters, 'yyyy-MM-dd' has 10 (widen the column in the schema if it is wider, or write a shorter text)",
    );
}
