//! A table of broken resources, each with exactly its issues.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DEEPEST, MOST_ISSUES, structure};

/// The issues as `code path: text`.
fn issues(resource: &Value) -> Vec<String> {
    let line = |issue: crate::fhir::Issue| {
        format!("{} {}: {}", issue.code, issue.path.unwrap_or_default(), issue.text)
    };
    structure(resource).into_iter().map(line).collect()
}

/// A Patient with members, and the one issue that it has.
fn patient(members: Value, expected: &str) {
    of("Patient", members, expected);
}

fn of(kind: &str, members: Value, expected: &str) {
    let mut resource = json!({ "resourceType": kind });
    let (Value::Object(resource_members), Value::Object(members)) = (&mut resource, members) else {
        panic!("members are an object");
    };
    resource_members.extend(members);
    assert_eq!(issues(&resource), [expected], "{resource}");
}

fn observation(members: Value, expected: &str) {
    let mut resource = json!({ "status": "final", "code": { "text": "x" } });
    let (Value::Object(all), Value::Object(members)) = (&mut resource, members) else {
        panic!("members are an object");
    };
    all.extend(members);
    of("Observation", resource, expected);
}

#[test]
fn sound_resources_have_no_issues() {
    for resource in [
        json!({ "resourceType": "Patient" }),
        json!({
            "resourceType": "Patient",
            "id": "hospital-1.pid.0000001001",
            "meta": { "versionId": "1", "lastUpdated": "2026-03-01T08:00:00.000+08:00" },
            "text": { "status": "empty", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">张</div>" },
            "name": [{ "text": "张测试", "given": ["测试", null], "_given": [null, { "id": "x",
                "extension": [{ "url": "http://x", "valueCode": "a" }] }] }],
            "gender": "male",
            "birthDate": "1965-03",
            "_birthDate": { "extension": [{ "url": "http://x", "valueDateTime": "1965-03-15T08:00:00Z" }] },
            "deceasedBoolean": false,
            "managingOrganization": { "reference": "#o" },
            "contained": [{ "resourceType": "Organization", "id": "o", "name": "示例",
                "endpoint": [{ "type": "Endpoint", "display": "x" }], "extension": [{ "url": "http://x", "extension": [
                { "url": "y", "_valueString": { "extension": [{ "url": "z", "valueInteger": -1 }] } }] }] }],
        }),
        json!({
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{
                "fullUrl": "urn:uuid:6f21adb9-1a46-5379-978f-15fb58f75bf3",
                "resource": {
                    "resourceType": "Observation",
                    "_status": { "extension": [{ "url": "http://x", "valueString": "unknown" }] },
                    "code": { "coding": [{ "system": "http://loinc.org", "code": "2345-7" }] },
                    "subject": { "reference": "Patient?identifier=urn:oid:1.2|3" },
                    "valueQuantity": { "value": 5.40, "comparator": "<" },
                    "component": [{ "code": { "text": "x" }, "referenceRange": [{ "low": { "value": 1 } }] }],
                },
                "request": { "method": "POST", "url": "Observation" },
            }],
        }),
        json!({
            "resourceType": "Condition",
            "clinicalStatus": { "coding": [{ "code": "x", "system": "http://local" },
                { "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
            "subject": { "type": "Patient", "identifier": { "value": "1" } },
        }),
    ] {
        assert_eq!(issues(&resource), Vec::<String>::new(), "{resource}");
    }
}

#[test]
fn the_resource_itself() {
    for (resource, expected) in [
        (json!([1]), "structure : expected a resource (an object), found a list"),
        (json!({}), "structure : `resourceType` is missing: it says which resource this is"),
        (
            json!({ "resourceType": 1 }),
            "structure resourceType: expected the name of a resource type, found a number",
        ),
        (
            json!({ "resourceType": "Pateint" }),
            "structure : unknown resource type `Pateint`; did you mean `Patient`?",
        ),
        (json!({ "resourceType": "HumanName" }), "structure : unknown resource type `HumanName`"),
        (json!({ "resourceType": "Resource" }), "structure : unknown resource type `Resource`"),
    ] {
        assert_eq!(issues(&resource), [expected]);
    }
}

#[test]
fn elements_are_known_and_shaped() {
    patient(
        json!({ "gendre": "male" }),
        "structure Patient.gendre: `gendre` is no element of Patient; did you mean `gender`?",
    );
    patient(
        json!({ "deceasedString": "x" }),
        "structure Patient.deceasedString: `deceasedString` is no element of Patient; it has \
         deceasedBoolean, deceasedDateTime",
    );
    patient(
        json!({ "contact": [{ "nam": {} }] }),
        "structure Patient.contact[0].nam: `nam` is no element of Patient.contact; did you mean `name`?",
    );
    patient(
        json!({ "name": [{ "resourceType": "HumanName", "text": "x" }] }),
        "structure Patient.name[0].resourceType: `resourceType` is no element of HumanName",
    );
    patient(
        json!({ "name": { "text": "x" } }),
        "structure Patient.name: expected a list, found an object",
    );
    patient(
        json!({ "gender": ["male"] }),
        "structure Patient.gender: expected a single value, found a list",
    );
    patient(
        json!({ "name": ["张"] }),
        "structure Patient.name[0]: expected an object, found a string",
    );
    patient(
        json!({ "birthDate": null }),
        "structure Patient.birthDate: null is not allowed; leave the element out",
    );
    patient(
        json!({ "name": [] }),
        "structure Patient.name: a list must not be empty; leave the element out",
    );
    patient(
        json!({ "name": [{}] }),
        "structure Patient.name[0]: an object must not be empty; leave the element out",
    );
    patient(
        json!({ "name": [{ "id": "a" }] }),
        "structure Patient.name[0]: an element must have more than an id",
    );
    patient(
        json!({ "name": [{ "given": ["a", null] }] }),
        "structure Patient.name[0].given[1]: null is not allowed here",
    );
    of("Observation", json!({ "status": "final" }), "required Observation.code: `code` is missing");
    of(
        "MedicationStatement",
        json!({ "status": "active", "subject": { "reference": "Patient/1" } }),
        "required MedicationStatement.medication: `medication[x]` is missing",
    );
    patient(
        json!({ "contained": [{ "resourceType": "Basic", "code": { "text": "x" },
            "contained": [{ "resourceType": "Patient" }] }] }),
        "structure Patient.contained[0].contained: a contained resource must not contain others",
    );
}

#[test]
fn choices_are_made_once() {
    observation(
        json!({ "valueString": "a", "valueInteger": 1 }),
        "structure Observation.value: `valueInteger` beside `valueString`: only one type may be chosen",
    );
    observation(
        json!({ "value": "a" }),
        "structure Observation.value: `value` is no element of Observation: value needs a datatype of R4",
    );
    observation(
        json!({ "valueInteger": 1, "_valueString": { "id": "x", "extension": [{ "url": "y", "valueCode": "z" }] } }),
        "structure Observation.value: `valueString` beside `valueInteger`: only one type may be chosen",
    );
}

#[test]
fn siblings_carry_extensions_of_primitives() {
    let extension = json!([{ "url": "http://x", "valueCode": "a" }]);
    patient(
        json!({ "_birthDate": "x" }),
        "structure Patient.birthDate: expected an object with id and extensions, found a string",
    );
    patient(
        json!({ "_birthDate": {} }),
        "structure Patient.birthDate: an object must not be empty",
    );
    patient(
        json!({ "_name": [{ "extension": extension }] }),
        "structure Patient.name: `_name` has no meaning: `name` is not a primitive element",
    );
    patient(
        json!({ "_birthDate": { "value": "x", "extension": extension } }),
        "structure Patient.birthDate.value: `value` is no element of Element",
    );
    patient(
        json!({ "name": [{ "given": ["a", "b"], "_given": [{ "extension": extension }] }] }),
        "structure Patient.name[0].given: 2 values have 1 items of extensions beside them; fill up \
         with null",
    );
    patient(
        json!({ "name": [{ "given": ["a"], "_given": { "extension": extension } }] }),
        "structure Patient.name[0].given: expected a list, as its values are, found an object",
    );
    patient(
        json!({ "name": [{ "_given": [null] }] }),
        "structure Patient.name[0].given[0]: neither a value nor extensions",
    );
    patient(
        json!({ "name": [{ "given": [null], "_given": [null] }] }),
        "structure Patient.name[0].given[0]: null is not allowed here",
    );
}

#[test]
fn primitives_have_their_syntax() {
    for (members, expected) in [
        (json!({ "id": "a_b" }), "id: `a_b` is not an id: 1 to 64 letters, digits, `-` and `.`"),
        (
            json!({ "birthDate": "2024-02-30" }),
            "birthDate: `2024-02-30` is not a date: 2024-02 has no day 30",
        ),
        (
            json!({ "birthDate": "1965/3/15" }),
            "birthDate: `1965/3/15` is not a date: `/3/15` is too much",
        ),
        (
            json!({ "deceasedDateTime": "2024-02-29T10:00:00" }),
            "deceased: `2024-02-29T10:00:00` is not a dateTime: a time needs an offset such as +08:00 or Z",
        ),
        (
            json!({ "meta": { "lastUpdated": "2024-02-29" } }),
            "meta.lastUpdated: `2024-02-29` is not an instant: an instant needs a time to the second and \
             an offset",
        ),
        (
            json!({ "multipleBirthInteger": 3_000_000_000_u32 }),
            "multipleBirth: 3000000000 is not a whole number of 32 bits",
        ),
        (
            json!({ "multipleBirthInteger": 1.5 }),
            "multipleBirth: 1.5 is not a whole number of 32 bits",
        ),
        (
            json!({ "language": " zh" }),
            "language: ` zh` is not a code: white space at an end or twice",
        ),
        (
            json!({ "implicitRules": "http://a b" }),
            "implicitRules: `http://a b` is not a uri: white space in it",
        ),
        (
            json!({ "name": [{ "text": "" }] }),
            "name[0].text: a string must not be empty; leave the element out",
        ),
        (
            json!({ "name": [{ "text": "\u{3000}\n" }] }),
            "name[0].text: a string must not be only white space; leave the element out",
        ),
        (
            json!({ "name": [{ "text": "a\u{1}" }] }),
            "name[0].text: the control character U+0001 is not allowed in a string",
        ),
        (
            json!({ "photo": [{ "data": "AAA" }] }),
            "photo[0].data: not base64: its length is not that of whole bytes",
        ),
        (
            json!({ "photo": [{ "data": "AA*=" }] }),
            "photo[0].data: not base64: a character that does not belong there",
        ),
        (
            json!({ "photo": [{ "size": -1 }] }),
            "photo[0].size: -1 is not a whole number of 31 bits, 0 or more",
        ),
        (
            json!({ "telecom": [{ "rank": 0 }] }),
            "telecom[0].rank: 0 is not a whole number of 31 bits, 1 or more",
        ),
        (
            json!({ "text": { "status": "empty", "div": "<p>x</p>" } }),
            "text.div: a narrative is one <div> element of XHTML",
        ),
        (
            json!({ "extension": [{ "url": "x", "valueOid": "2.16.156" }] }),
            "extension[0].value: `2.16.156` is not an oid such as urn:oid:1.2.3",
        ),
        (
            json!({ "extension": [{ "url": "x", "valueUuid": "urn:uuid:1" }] }),
            "extension[0].value: `urn:uuid:1` is not a uuid such as urn:uuid:…",
        ),
        (
            json!({ "extension": [{ "url": "x", "valueTime": "8:00" }] }),
            "extension[0].value: `8:00` is not a time: hour needs 2 digits",
        ),
    ] {
        patient(members, &format!("value Patient.{expected}"));
    }
    for (members, expected) in [
        (json!({ "active": "true" }), "active: write the boolean true without quotes"),
        (json!({ "active": 1 }), "active: expected a boolean, true or false, found a number"),
        (
            json!({ "multipleBirthInteger": "2" }),
            "multipleBirth: write the number 2 without quotes",
        ),
        (json!({ "gender": 1 }), "gender: expected a string, found a number"),
        (
            json!({ "extension": [{ "url": "x", "valueDecimal": "1.0" }] }),
            "extension[0].value: write the number 1.0 without quotes",
        ),
    ] {
        patient(members, &format!("structure Patient.{expected}"));
    }
}

#[test]
fn required_codes_are_those_of_the_value_set() {
    let gender = "http://hl7.org/fhir/ValueSet/administrative-gender";
    patient(
        json!({ "gender": "男" }),
        &format!(
            "code-invalid Patient.gender: `男` is not a code of {gender}; allowed: male, female, \
             other, unknown"
        ),
    );
    of(
        "Claim",
        json!({
            "status": "active", "type": { "text": "x" }, "use": "claim",
            "patient": { "reference": "Patient/1" }, "created": "2024",
            "provider": { "reference": "Organization/1" }, "priority": { "text": "x" },
            "insurance": [{ "sequence": 1, "focal": true, "coverage": { "reference": "Coverage/1" } }],
            "total": { "value": 1, "currency": "CNZ" },
        }),
        "code-invalid Claim.total.currency: `CNZ` is not a code of \
         http://hl7.org/fhir/ValueSet/currencies; did you mean `CNY`?",
    );
    let set = "http://hl7.org/fhir/ValueSet/condition-clinical";
    let system = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    for (concept, expected) in [
        (
            json!({ "coding": [{ "system": system, "code": "actve" }] }),
            format!(
                "no coding is a code of {set} ({system}); allowed: active, recurrence, relapse, \
                 inactive, remission, resolved"
            ),
        ),
        (
            json!({ "coding": [{ "code": "active" }] }),
            format!("the code `active` needs the system {system}"),
        ),
        (
            json!({ "coding": [{ "system": "http://local", "code": "active" }] }),
            format!(
                "no coding is a code of {set} ({system}); allowed: active, recurrence, relapse, \
                 inactive, remission, resolved"
            ),
        ),
        (
            json!({ "text": "active" }),
            format!("a code of {set} is required, a text alone is not enough"),
        ),
    ] {
        of(
            "Condition",
            json!({ "clinicalStatus": concept, "subject": { "reference": "Patient/1" } }),
            &format!("code-invalid Condition.clinicalStatus: {expected}"),
        );
    }
}

#[test]
fn references_point_to_what_they_may() {
    for (subject, expected) in [
        (
            json!({ "reference": "patient/1" }),
            "reference: `patient/1` is not `Type/id`, an absolute url, `urn:uuid:…` or `#id`",
        ),
        (
            json!({ "reference": "Pateint/1" }),
            "reference: `Pateint` in `Pateint/1` is not a resource type",
        ),
        (
            json!({ "reference": "Practitioner/1" }),
            "reference: may not point to a Practitioner, only to: Device, Group, Location, Patient",
        ),
        (
            json!({ "reference": "http://x/fhir/Practitioner/1" }),
            "reference: may not point to a Practitioner, only to: Device, Group, Location, Patient",
        ),
        (json!({ "reference": "#p" }), "reference: `#p`: no contained resource has this id"),
        (
            json!({ "reference": "urn:uuid:1" }),
            "reference: `urn:uuid:1` is not `urn:uuid:` and a UUID",
        ),
        (json!({ "type": "Pateint" , "display": "x" }), "type: `Pateint` is not a resource type"),
        (
            json!({ "type": "Practitioner" , "display": "x" }),
            "type: may not point to a Practitioner, only to: Device, Group, Location, Patient",
        ),
        (
            json!({ "type": "Group" , "reference": "Patient/1" }),
            "type: the reference points to a Patient",
        ),
    ] {
        observation(
            json!({ "subject": subject }),
            &format!("value Observation.subject.{expected}"),
        );
    }
    observation(
        json!({
            "subject": { "reference": "#p" },
            "contained": [{ "resourceType": "Practitioner", "id": "p" }],
        }),
        "value Observation.subject.reference: may not point to a Practitioner, only to: Device, \
         Group, Location, Patient",
    );
    // What is contained in one entry is not in another.
    let entry = |resource: Value| json!({ "resource": resource });
    let bundle = json!({
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            entry(json!({ "resourceType": "Patient", "contained": [{ "resourceType": "Organization", "id": "o" }],
                "managingOrganization": { "reference": "#o" } })),
            entry(json!({ "resourceType": "Patient", "managingOrganization": { "reference": "#o" } })),
        ],
    });
    assert_eq!(
        issues(&bundle),
        ["value Bundle.entry[1].resource.managingOrganization.reference: `#o`: no contained \
          resource has this id"]
    );
}

#[test]
fn extensions_say_one_thing() {
    patient(
        json!({ "extension": [{ "valueCode": "a" }] }),
        "required Patient.extension[0].url: `url` is missing",
    );
    patient(
        json!({ "extension": [{ "url": "http://x" }] }),
        "invariant Patient.extension[0]: an extension needs a value or extensions",
    );
    patient(
        json!({ "extension": [{ "url": "http://x", "valueCode": "a",
            "extension": [{ "url": "y", "valueCode": "b" }] }] }),
        "invariant Patient.extension[0]: an extension has a value or extensions, not both",
    );
}

#[test]
fn hostile_resources_meet_limits() {
    let many: serde_json::Map<String, Value> =
        (0..10_000).map(|n| (format!("x{n}"), json!(1))).collect();
    let mut resource = json!({ "resourceType": "Patient" });
    resource.as_object_mut().unwrap().extend(many);
    assert_eq!(structure(&resource).len(), MOST_ISSUES);

    let mut extension = json!({ "url": "x", "valueCode": "a" });
    for _ in 0..DEEPEST {
        extension = json!({ "url": "x", "extension": [extension] });
    }
    let found = issues(&json!({ "resourceType": "Patient", "extension": [extension] }));
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("nested deeper than 100 levels"), "{}", found[0]);
}

/// JSON that looks like FHIR now and then.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[A-Za-z0-9/#:. -]{0,12}|Patient|Bundle|2024-02-30|#|urn:uuid:".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let key = "resourceType|_?(name|given|birthDate|value|valueString|extension|url|reference\
                   |contained|entry|resource|type|id|coding|clinicalStatus|[a-z]{1,4})";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn checking_never_panics(resource in anything(), kind in "Patient|Bundle|Condition|Parameters") {
        let mut resource = resource;
        if let Some(members) = resource.as_object_mut() {
            members.insert("resourceType".to_owned(), kind.into());
        }
        for issue in structure(&resource) {
            prop_assert!(!issue.text.is_empty() && issue.path.is_some());
        }
    }
}
