//! What is found by which value, and what is refused how.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::params::Params;
use super::terms::{Indexed, terms};
use super::{Clause, Search, supported};
use crate::error::{Error, Kind};

fn parse(query: &str) -> Result<Search, Error> {
    let (kind, query) = query.split_once('?').unwrap();
    Search::parse_query(kind, query)
}

fn matches(query: &str, resource: &Value) -> bool {
    parse(query).unwrap_or_else(|e| panic!("{query}: {e}")).matches(resource)
}

fn check(resource: &Value, yes: &[&str], no: &[&str]) {
    let kind = resource["resourceType"].as_str().unwrap();
    for query in yes {
        assert!(matches(&format!("{kind}?{query}"), resource), "{query} should match");
    }
    for query in no {
        assert!(!matches(&format!("{kind}?{query}"), resource), "{query} should not match");
    }
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "hospital-1.pid.1",
        "meta": {
            "lastUpdated": "2024-03-01T07:30:00.000+08:00", "source": "urn:tombolo:hospital-1",
            "tag": [{"system": "http://x/tag", "code": "t"}],
            "profile": ["http://x/StructureDefinition/p"],
        },
        "identifier": [
            {"system": "urn:oid:1.2", "value": "A,1|b"},
            {"value": "bare"},
        ],
        "active": true,
        "name": [
            {"use": "official", "family": "张", "given": ["三丰"], "text": "张三丰"},
            {"family": "Müller-Lüdenscheidt", "given": ["Änne", "Eva Maria"]},
        ],
        "telecom": [
            {"system": "phone", "value": "13800000000"},
            {"system": "email", "value": "a@example.org"},
        ],
        "gender": "male", "birthDate": "1980-05",
        "address": [{"city": "示例市", "line": ["人民路 1 号"]}],
        "managingOrganization": {"reference": "Organization/h1"},
        "generalPractitioner": [{"reference": "http://else.example/fhir/Practitioner/9"}],
    })
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "o", "status": "final",
        "code": {"coding": [
            {"system": "http://loinc.org", "code": "8867-4"},
            {"code": "HR"},
        ]},
        "subject": {"reference": "Patient/hospital-1.pid.1"},
        "effectivePeriod": {"start": "2024-02-28T23:00:00+08:00", "end": "2024-02-29"},
        "valueQuantity": {
            "value": 5.40, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"
        },
    })
}

#[test]
fn tokens() {
    check(
        &patient(),
        &[
            "gender=male",
            "gender=http://hl7.org/fhir/administrative-gender|male",
            "gender=female,male",
            "gender:not=female",
            "gender:missing=false",
            "active=true",
            "deceased=false",
            "identifier=urn:oid:1.2|A\\,1\\|b",
            "identifier=A\\,1\\|b",
            "identifier=urn:oid:1.2|",
            "identifier=|bare",
            "identifier=x,bare",
            "phone=13800000000",
            "telecom=a@example.org",
            "_tag=http://x/tag|t",
            "language:missing=true",
        ],
        &[
            "gender=female",
            "gender=MALE",
            "gender=urn:x|male",
            "gender:not=female,male",
            "gender:missing=true",
            "active=false",
            "deceased=true",
            "identifier=urn:oid:1.2|bare",
            "identifier=|A\\,1\\|b",
            "identifier=urn:oid:1.3|",
            "phone=a@example.org",
            "_tag=http://x/tag|u",
        ],
    );
    check(
        &observation(),
        &["code=8867-4", "code=http://loinc.org|8867-4", "code=|HR", "code=http://loinc.org|"],
        &["code=|8867-4", "code=http://loinc.org|HR", "code=8867"],
    );
    let mut dead = patient();
    dead["deceasedDateTime"] = json!("2024");
    check(&dead, &["deceased=true", "death-date=2024"], &["deceased=false"]);
    dead["deceasedBoolean"] = dead.as_object_mut().unwrap().remove("deceasedDateTime").unwrap();
    dead["deceasedBoolean"] = json!(false);
    check(&dead, &["deceased=false"], &["deceased=true"]);
}

#[test]
fn strings() {
    check(
        &patient(),
        &[
            "name=张",
            "name=张三",
            "name=mueller,muller",
            "name=MÜLLER",
            "name=anne",
            "name=eva+maria",
            "name:exact=张三丰",
            "name:exact=Änne",
            "name:contains=三丰",
            "name:contains=ludensch",
            "family=张",
            "given=三丰",
            "address=人民路",
            "address-city=示例",
            "name=张&name=anne",
        ],
        &[
            "name=三三",
            "name=李",
            "name=maria",
            "name:exact=anne",
            "name:exact=张三",
            "name:contains=四",
            "family=三丰",
            "name=张&name=李",
        ],
    );
    let plain = json!({"resourceType": "Patient", "name": [{"family": "欧阳", "given": ["修"]}]});
    check(&plain, &["name=欧阳修", "family=欧阳"], &["name=修欧阳", "family=欧阳修"]);
}

#[test]
fn dates() {
    // Born in May 1980.
    check(
        &patient(),
        &[
            "birthdate=1980-05",
            "birthdate=1980",
            "birthdate=eq1980",
            "birthdate=ne1981",
            "birthdate=ne1980-05-01",
            "birthdate=gt1980-04",
            "birthdate=gt1980-05-15",
            "birthdate=lt1980-05-15",
            "birthdate=lt1981",
            "birthdate=ge1980-05",
            "birthdate=le1980-05",
            "birthdate=ge1980-05-30",
            "birthdate=sa1980-04-30",
            "birthdate=eb1980-06",
            "birthdate=ap1980-05-15",
            "birthdate=ge1980&birthdate=lt1990",
            "birthdate=1979,1980",
            "_lastUpdated=2024-03-01",
            "_lastUpdated=ge2024-03-01T07:30:00%2B08:00",
            "_lastUpdated=lt2024-03-01T00:00:00Z",
        ],
        &[
            "birthdate=1980-05-15",
            "birthdate=1981",
            "birthdate=ne1980",
            "birthdate=gt1980-05",
            "birthdate=gt1980",
            "birthdate=lt1980-05",
            "birthdate=lt1980",
            "birthdate=ge1980-05-31",
            "birthdate=ge1980-06",
            "birthdate=le1980-04",
            "birthdate=sa1980-05-15",
            "birthdate=eb1980-05-15",
            "birthdate=ap1981",
            "birthdate=ge1980&birthdate=lt1980-05",
            "death-date=2024",
            "_lastUpdated=2024-02-29",
        ],
    );
    // From the 28th at 23:00 to the end of the 29th of February 2024.
    check(
        &observation(),
        &[
            "date=2024-02",
            "date=gt2024-02-28",
            "date=lt2024-02-29",
            "date=ap2024-02-29T12:00:00%2B08:00",
            "date=sa2024-02-28T22:00",
            "date=eb2024-03-01",
        ],
        &["date=2024-02-29", "date=2024-02-28", "date=sa2024-02-28", "date=eb2024-02-29"],
    );
    let open = json!({
        "resourceType": "Encounter", "status": "in-progress", "period": {"start": "2024-02-29"}
    });
    check(
        &open,
        &["date=gt2050", "date=ge2024-02-29", "date=ap2030", "date=lt2024-03"],
        &["date=2024", "date=eb2050", "date=sa2024-02-29", "date=le2024-02-28"],
    );
    let broken = json!({"resourceType": "Patient", "birthDate": "1980-02-30"});
    check(&broken, &["birthdate:missing=true"], &["birthdate=ge0001"]);
}

#[test]
fn references() {
    check(
        &observation(),
        &[
            "subject=Patient/hospital-1.pid.1",
            "subject=hospital-1.pid.1",
            "subject:Patient=hospital-1.pid.1",
            "patient=hospital-1.pid.1",
            "patient=Patient/hospital-1.pid.1",
            "patient=other,hospital-1.pid.1",
            "encounter:missing=true",
        ],
        &[
            "subject=Patient/other",
            "subject=other",
            "subject:Group=hospital-1.pid.1",
            "patient=other",
            "subject=http://x/fhir/Patient/hospital-1.pid.1",
        ],
    );
    check(
        &patient(),
        &["organization=h1", "general-practitioner=http://else.example/fhir/Practitioner/9"],
        &["organization=h2", "general-practitioner=9"],
    );
    let group = json!({
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Group/g"},
    });
    check(&group, &["subject=Group/g", "subject=g"], &["patient=g", "subject=Patient/g"]);
}

#[test]
fn a_reference_at_our_own_base_is_one_of_ours() {
    let pairs = |value: &str| [("subject".to_owned(), value.to_owned())];
    let base = "https://gateway.example/fhir";
    for (value, found) in [
        ("https://gateway.example/fhir/Patient/hospital-1.pid.1", true),
        ("x,https://gateway.example/fhir/Patient/hospital-1.pid.1", true),
        ("https://other.example/fhir/Patient/hospital-1.pid.1", false),
        ("https://gateway.example/fhirx/Patient/hospital-1.pid.1", false),
    ] {
        let search = Search::parse_at(base, "Observation", &pairs(value)).unwrap();
        assert_eq!(search.matches(&observation()), found, "{value}");
    }
}

#[test]
fn numbers_uris_and_ids() {
    check(
        &observation(),
        &[
            "value-quantity=5.4",
            "value-quantity=5.40||mmol/L",
            "value-quantity=5.4|http://unitsofmeasure.org|mmol/L",
            "value-quantity=gt5.3",
            "value-quantity=le5.4",
            "value-quantity=ne5.5",
            "value-quantity=ap5.8",
            "value-quantity=5",
        ],
        &[
            "value-quantity=5.3",
            "value-quantity=5.41",
            "value-quantity=5.4||mg",
            "value-quantity=5.4|urn:x|mmol/L",
            "value-quantity=gt5.4",
            "value-quantity=lt5.4",
            "value-quantity=6",
        ],
    );
    check(
        &patient(),
        &[
            "_id=hospital-1.pid.1",
            "_id=x,hospital-1.pid.1",
            "_source=urn:tombolo:hospital-1",
            "_profile=http://x/StructureDefinition/p",
            "_profile:below=http://x/StructureDefinition",
        ],
        &["_id=x", "_source=urn:tombolo", "_profile:below=http://x/Struct"],
    );
    assert!(!matches("Patient?_id=o", &observation()), "another type");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (query, kind, words) in [
        ("Patient?nonsense=1", Kind::NotSupported, "nonsense: Patient has no search parameter"),
        ("Patient?nonsense=1", Kind::NotSupported, "birthdate, death-date"),
        ("Patient?phonetic=x", Kind::NotSupported, "no search parameter"),
        ("Nothing?a=1", Kind::NotSupported, "types are"),
        ("Patient?gender:text=x", Kind::NotSupported, "it has :missing, :not"),
        ("Patient?_id:not=x", Kind::NotSupported, "it has none"),
        ("Patient?birthdate=1980-02-30", Kind::Value, "birthdate: `1980-02-30` is not a date"),
        ("Patient?birthdate=yesterday", Kind::Value, "is not a date"),
        ("Patient?birthdate=xx1980", Kind::Value, "is not a date"),
        ("Patient?birthdate=", Kind::Value, "is empty"),
        ("Patient?gender=male,,female", Kind::Value, "is empty"),
        ("Patient?gender=a|b|c", Kind::Value, "is not a token"),
        ("Patient?gender=|", Kind::Value, "is not a token"),
        ("Patient?gender:missing=maybe", Kind::Value, "use true or false"),
        ("Patient?name=%20", Kind::Value, "is not a string"),
        ("Observation?subject=Medication/1", Kind::Value, "Medication is another type"),
        ("Observation?patient=Group/1", Kind::Value, "Group is another type"),
        ("Observation?subject:Patient=Group/1", Kind::Value, "Group is another type"),
        ("Observation?subject:Medication=1", Kind::NotSupported, "no modifier"),
        ("Observation?patient:missing=true", Kind::NotSupported, "no modifier"),
        ("Observation?subject=a%20b", Kind::Value, "is not a reference"),
        ("Observation?subject.name=x", Kind::NotSupported, "chained"),
        ("Observation?subject:Patient.name=x", Kind::NotSupported, "chained"),
        ("Patient?_has:Observation:patient:code=1", Kind::NotSupported, "chained"),
        ("Observation?value-quantity=five", Kind::Value, "is not a quantity"),
        ("Observation?value-quantity=5|mg", Kind::Value, "is not a quantity"),
        ("Observation?value-quantity=1e999", Kind::Value, "is not a quantity"),
        ("Patient?_count=-1", Kind::Value, "a whole number"),
        ("Patient?_total=all", Kind::Value, "none, estimate or accurate"),
        ("Patient?_summary=text", Kind::Value, "count or false"),
        ("Patient?_elements=id", Kind::NotSupported, "no search parameter"),
        ("Patient?_sort=gender", Kind::NotSupported, "cannot be sorted by `gender`"),
        ("Patient?_sort=", Kind::NotSupported, "no search parameter"),
        ("Patient?_include=*", Kind::NotSupported, "`*` is not supported"),
        ("Patient?_include=Observation:subject", Kind::NotSupported, "not the type"),
        ("Patient?_include=Patient:name", Kind::NotSupported, "not a reference"),
        ("Patient?_include:iterate=Patient:link", Kind::NotSupported, "no search parameter"),
        ("Patient?_revinclude=Location:organization", Kind::NotSupported, "does not refer"),
        ("Observation?_include=Observation:subject:Medication", Kind::NotSupported, "refer to"),
    ] {
        let error = parse(query).expect_err(query);
        assert_eq!(error.kind, kind, "{query}: {error}");
        assert!(error.to_string().contains(words), "{query}: {error}");
    }
    let many = format!("Patient?_id={}", vec!["a"; 501].join(","));
    assert_eq!(parse(&many).unwrap_err().kind, Kind::TooCostly);
    for many in [
        format!("Patient?{}", vec!["_id=a"; 41].join("&")),
        format!("Patient?name={}", vec!["a"; 51].join(",")),
        format!("Patient?identifier={}", vec!["a|"; 51].join(",")),
        format!("Patient?_sort={}", ["_id"; 11].join(",")),
        format!("Patient?{}", ["_include=Patient:link"; 11].join("&")),
    ] {
        assert_eq!(parse(&many).unwrap_err().kind, Kind::TooCostly);
    }
}

#[test]
fn the_page_is_described() {
    let search = parse(
        "Observation?code=x&_sort=-date,_id&_count=7&_total=accurate&_format=json\
         &_include=Observation:patient&_page=abc",
    )
    .unwrap();
    assert_eq!((search.count, search.total, search.clauses.len()), (7, true, 1));
    assert_eq!(search.page.as_deref(), Some("abc"));
    assert!(search.sort[0].down && !search.sort[1].down);
    assert_eq!(search.include[0].targets, ["Patient"]);
    assert_eq!(parse("Patient?_count=5000").unwrap().count, super::MAX_COUNT);
    assert_eq!(parse("Patient?_summary=count").unwrap().count, 0);
}

#[test]
fn the_parameters_of_the_first_door_work_on_every_type_that_has_them() {
    let (_, left_out) = Params::new(crate::fhir::definitions::Definitions::r4());
    for kind in Params::r4().kinds() {
        let codes: Vec<_> = supported(kind).iter().map(|param| &param.code[..]).collect();
        assert!(codes.contains(&"_id") && codes.contains(&"_lastUpdated"), "{kind}");
        let wanted = [
            "identifier",
            "name",
            "birthdate",
            "patient",
            "subject",
            "code",
            "date",
            "status",
            "type",
        ];
        for code in wanted {
            let start = format!("{kind}.{code}:");
            assert!(!left_out.iter().any(|line| line.starts_with(&start)), "{start}");
        }
    }
    let patient = supported("Observation").into_iter().find(|p| p.code == "patient").unwrap();
    assert_eq!(Params::r4().rows_of(patient).code, "subject");
    assert!(supported("Nothing").is_empty());
}

#[test]
fn terms_are_of_the_types_parameters_and_each_once() {
    let mut twice = patient();
    let name = twice["name"][0].clone();
    twice["name"].as_array_mut().unwrap().push(name);
    let once = terms(Params::r4(), &patient());
    assert_eq!(once, terms(Params::r4(), &twice));
    let names: Vec<_> = once
        .iter()
        .filter(|term| term.param.code == "given")
        .map(|term| match &term.value {
            Indexed::Text { exact, .. } => exact.as_str(),
            _ => "",
        })
        .collect();
    assert_eq!(names, ["三丰", "Änne", "Eva Maria"]);
    assert!(terms(Params::r4(), &json!({"resourceType": "Nothing", "id": "x"})).is_empty());
    assert!(terms(Params::r4(), &json!([1])).is_empty());
}

proptest! {
    #[test]
    fn parsing_never_panics(name in "[a-z_:.-]{0,14}|name|date|code|subject|value-quantity|_sort",
                            value in "\\PC{0,20}|[a-z|,\\\\$:/0-9.-]{0,20}") {
        let pairs = [(name, value)];
        if let Ok(search) = Search::parse("Observation", &pairs) {
            search.matches(&observation());
        }
        let _ = Search::parse("Patient", &pairs);
    }

    #[test]
    fn a_token_is_found_by_what_it_is_written_as(system in "[^\\p{Cc}]{1,8}", code in "[^\\p{Cc}]{1,8}") {
        let escape = |text: &str| {
            text.chars().flat_map(|c| match c {
                '\\' | ',' | '|' | '$' => vec!['\\', c],
                c => vec![c],
            }).collect::<String>()
        };
        let resource = json!({
            "resourceType": "Patient", "identifier": [{"system": system, "value": code}]
        });
        let value = format!("{}|{}", escape(&system), escape(&code));
        let search = Search::parse("Patient", &[("identifier".to_owned(), value)]).unwrap();
        prop_assert!(search.matches(&resource));
        let one_atom = matches!(&search.clauses[0], Clause::Match { any, .. } if any.len() == 1);
        prop_assert!(one_atom);
    }
}
