//! Models and what is bound to them, `extends`, `use`, fragments, schemas.

use super::{compile_texts, field, hospital, object, product, rule};
use crate::fhir::Severity;
use crate::translate::plan::{
    Codec, Drive, Expr, Flag, Guard, Input, KeyPart, Leaf, Step, Value, Way,
};

pub(super) const MODEL: &str = "\
lang: 1
model: visit
fields:
  号: text required
  生日: date
  性别: code
  证号: cnid
  体重: decimal kg
  症状[]: code
  药[]: { 名: text, 量: text }
codes:
  sex:
    - 1 <-> male
    - 2 <-> female
define:
  named(tag):
    name[{tag}].text: 号 | copy
resources:
  Patient patient:
    key: p(号, 证号)
    identifier[no].value: 号
    as: named(tag = a)
    gender: 性别 | code(sex)
    birthDate: 生日
    deceased[x]:
      when: fits(cnid, 证号, 生日, 性别)
      boolean: = true
  Observation weight:
    key: patient
    status: = final
    code.coding[0].code: = 29463-7
    valueQuantity: 体重 | quantity
    component[]:
      each: 症状[]
      code.coding[0].code: .
      valueString: = x
  MedicationStatement med[]:
    each: 药[]
    key: med(patient, n)
    status: = active
    subject: -> patient
    medicationCodeableConcept.text: .名
    dosage[0].text: .量
check:
  - 生日 <= 号
";

pub(super) const SCHEMA: &str = "\
schema: csv
header: [号, 生日, 性别, 证号, 体重, 症状, 药1名, 药1量, 药2名, 药2量]
nulls: [\"\", \"-\"]
columns:
  号: text(20) required
  证号: cnid(18) null \"\" \"无\"
";

pub(super) const MAPPING: &str = "\
lang: 1
mapping: m
source: csv
schema: schema.yaml
target: fhir@4.0.1
use: ../_models/visit.yaml
bind:
  \"*\": same
  生日: 生日 | date(yyyyMMdd)
  症状[]: { each: '症状 split \"/\"' }
  药[]: { each: \"columns 药{n} for n in 1..2\", 名: \"药{n}名\", 量: \"药{n}量\" }
";

pub(super) fn files<'f>(
    mapping: &'f str,
    model: &'f str,
    schema: &'f str,
) -> [(&'f str, &'f str); 3] {
    [("m/mapping.yaml", mapping), ("_models/visit.yaml", model), ("m/schema.yaml", schema)]
}

fn leaf(value: &Value) -> &Leaf {
    match value {
        Value::Leaf(leaf) => leaf,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(super) fn says(files: &[(&str, &str)], wanted: &str) {
    let found = match compile_texts(files) {
        Ok((_, found)) | Err(found) => found,
    };
    let errors: Vec<String> = found
        .iter()
        .filter(|d| d.severity > Severity::Information)
        .map(|d| {
            let hint = d.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
            format!("{} {}:{}:{} {}{hint}", d.code, d.file, d.line, d.column, d.message)
        })
        .collect();
    assert_eq!(errors, [wanted]);
}

#[test]
fn a_bound_leaf_is_the_binding_then_the_model() {
    let (program, found) = compile_texts(&files(MAPPING, MODEL, SCHEMA)).unwrap();
    assert_eq!(found, []);
    let patient = rule(&program, "patient");
    let birth = leaf(&field(&patient.body, "birthDate").value);
    assert!(matches!(&birth.codecs[..], [Codec::Date(p)] if p == &["yyyyMMdd"]));
    assert_eq!(birth.slots, ["生日"]);
    assert_eq!(program.files[usize::from(birth.pos.file)], "_models/visit.yaml");
    let gender = leaf(&field(&patient.body, "gender").value);
    assert!(matches!(&gender.codecs[..], [Codec::Code(_)]));
    let Value::List(names) = &field(&patient.body, "name").value else { panic!() };
    assert_eq!(names[0].tag, "a");
    assert!(!object(&names[0].value).has_data, "a copy makes nothing exist");
    // A number of a national id is a secret, wherever it is read.
    let parts = &patient.key[0].parts;
    assert!(matches!(&parts[0], KeyPart::Leaf(_, false)));
    assert!(
        matches!(&parts[1], KeyPart::Leaf(leaf, true) if matches!(leaf.codecs[..], [Codec::Cnid]))
    );
    assert_eq!(program.secret, ["证号"]);
    assert!(leaf_in_key(&program, "patient"));
}

fn leaf_in_key(program: &crate::translate::plan::Program, alias: &str) -> bool {
    let Value::List(ids) = &field(&rule(program, alias).body, "identifier").value else { panic!() };
    leaf(&field(object(&ids[0].value), "value").value).in_key
}

#[test]
fn guards_of_fields_read_as_the_fields_do() {
    let (program, _) = compile_texts(&files(MAPPING, MODEL, SCHEMA)).unwrap();
    let deceased = field(&rule(&program, "patient").body, "deceasedBoolean");
    let Some(Guard::Fits { id, birth, sex }) = &deceased.when else { panic!() };
    assert!(matches!(id.codecs[..], [Codec::Cnid]));
    assert!(matches!(birth.codecs[..], [Codec::Date(_)]));
    assert!(matches!(sex.codecs[..], [Codec::Code(_)]), "sex is compared as FHIR says it");
    assert!(matches!(&deceased.value, Value::Const(text) if text == "true"));
    let Expr::Compare("<=", birth, number) = &program.checks[0].expr else { panic!() };
    assert!(matches!(**birth, Expr::Leaf(_)) && matches!(**number, Expr::Slot(..)));
}

#[test]
fn a_key_that_names_a_resource_has_its_own_space() {
    let (program, _) = compile_texts(&files(MAPPING, MODEL, SCHEMA)).unwrap();
    let key = &rule(&program, "weight").key[0];
    assert_eq!(key.space.as_deref(), Some("weight"));
    assert!(matches!(key.parts[..], [KeyPart::Alias(0)]));
}

#[test]
fn lists_of_a_model() {
    let (program, _) = compile_texts(&files(MAPPING, MODEL, SCHEMA)).unwrap();
    let weight = rule(&program, "weight");
    let quantity = leaf(&field(&weight.body, "valueQuantity").value);
    let [Codec::Quantity(quantity)] = &quantity.codecs[..] else { panic!() };
    assert_eq!(quantity.unit.as_deref(), Some("kg"), "the field's unit");
    let Value::List(components) = &field(&weight.body, "component").value else { panic!() };
    assert!(matches!(&components[0].drive, Drive::Each(each) if each.steps.len() == 1));
    let med = rule(&program, "med");
    assert_eq!(med.each.as_ref().unwrap().shown, "药[]");
    let medication = object(&field(&med.body, "medicationCodeableConcept").value);
    let text = leaf(&field(medication, "text").value);
    assert!(matches!(text.input, Input::Slots(_)));
}

#[test]
fn what_is_bound_to_nothing_is_never_there() {
    let mapping = MAPPING.replace(
        "  药[]: { each: \"columns 药{n} for n in 1..2\", 名: \"药{n}名\", 量: \"药{n}量\" }\n",
        "  性别: none\n",
    );
    let (program, found) = compile_texts(&files(&mapping, MODEL, SCHEMA)).unwrap();
    assert_eq!(found[0].message, "fields of the model without a slot: 性别, 药");
    assert_eq!(found[0].severity, Severity::Information);
    assert!(program.rules.iter().all(|r| r.alias != "med"), "no list, no rule");
    let gender = leaf(&field(&rule(&program, "patient").body, "gender").value);
    assert_eq!(gender.input, Input::Nothing);
}

#[test]
fn m027_fields() {
    let wrong = |from: &str, to: &str| MAPPING.replace(from, to);
    says(
        &files(&wrong("  生日:", "  号: none\n  生日:"), MODEL, SCHEMA),
        "M027 m/mapping.yaml:8:3 the model's field '号' is required and bound to nothing (add `号: SLOT` to `bind`)",
    );
    says(
        &files(&wrong("  生日:", "  体重量: 体重\n  生日:"), MODEL, SCHEMA),
        "M027 m/mapping.yaml:9:3 the model has no field '体重量' (did you mean '体重'?)",
    );
    says(
        &files(&wrong("same", "all"), MODEL, SCHEMA),
        "M027 m/mapping.yaml:8:8 \"*\" is `same` or `none` (`same` binds each field to the slot of its name, `none` leaves it out)",
    );
    says(
        &files(MAPPING, &MODEL.replace(".量", ".用量"), SCHEMA),
        "M027 _models/visit.yaml:43:21 the items of '药' have no field '用量' (did you mean '量'?)",
    );
    says(
        &files(MAPPING, &MODEL.replace("each: 药[]", "each: 药物[]"), SCHEMA),
        "M027 _models/visit.yaml:38:11 the model has no list '药物[]' (did you mean '药'?)",
    );
}

#[test]
fn slots_that_the_schema_does_not_have() {
    says(
        &files(&MAPPING.replace("生日 | date", "出生 | date"), MODEL, SCHEMA),
        "M013 m/mapping.yaml:9:7 the schema has no column '出生'",
    );
    says(
        &files(MAPPING, MODEL, &SCHEMA.replace("  证号: ", "  证件号: ")),
        "M013 m/schema.yaml:6:3 the header has no column '证件号' (did you mean '证号'?)",
    );
    says(
        &files(MAPPING, MODEL, &SCHEMA.replace("text(20)", "txt(20)")),
        "M000 m/schema.yaml:5:6 'txt' is no type (did you mean 'text'?)",
    );
    says(
        &files(MAPPING, MODEL, &SCHEMA.replace("schema: csv", "schema: xml")),
        "M000 m/schema.yaml:1:9 the schema is for 'xml' (the mapping's source is csv)",
    );
    says(
        &files(MAPPING, &MODEL.replace("decimal kg", "decimal 公斤"), SCHEMA),
        "M016 _models/visit.yaml:8:15 '公斤' is not a UCUM unit: '公斤' is unknown (see https://ucum.org/ucum: mm[Hg], mmol/L, 10*9/L, /min, {cigarettes}/d)",
    );
}

#[test]
fn fragments_take_arguments() {
    says(
        &files(MAPPING, &MODEL.replace("named(tag = a)", "named(tog = a)"), SCHEMA),
        "M018 _models/visit.yaml:22:9 the fragment lacks its argument 'tag' (its arguments are: tag)",
    );
    says(
        &files(
            MAPPING,
            &MODEL.replace("    name[{tag}].text: 号 | copy", "    as: named(tag = b)"),
            SCHEMA,
        ),
        "M018 _models/visit.yaml:17:9 these fragments name each other in a circle",
    );
}

#[test]
fn extends_changes_what_it_names() {
    let child = "\
extends: ../m
mapping: child
codes:
  sex:
    - 2 --> male
    - 3 <-> female
bind:
  体重: none
resources:
  Observation weight: none
  Patient patient:
    active: = true
check: none
";
    let all = [&files(MAPPING, MODEL, SCHEMA)[..], &[("child/mapping.yaml", child)]].concat();
    let all = all.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    let (program, _) = super::super::compile("child", &hospital(), &super::Files(all)).unwrap();
    assert_eq!(program.name, "child");
    assert_eq!(program.rules.len(), 2);
    assert_eq!(program.checks.len(), 1, "the model's own");
    let sex = &program.tables[0];
    let rows: Vec<_> = sex.rows.iter().map(|r| (r.legacy.as_str(), r.way)).collect();
    assert_eq!(rows, [("1", Way::Both), ("2", Way::Get), ("3", Way::Both)]);
    field(&rule(&program, "patient").body, "active");
    assert_eq!(program.files[0], "child/mapping.yaml");
}

#[test]
fn htn_followup_compiles() {
    let program = product("htn-followup");
    assert_eq!(program.put.len(), 1);
    let Expr::Round(inner, 1) = &program.put[0].expr else { panic!() };
    let Expr::Math('/', weight, height) = &**inner else { panic!() };
    let Expr::Path(_, steps) = &**weight else { panic!() };
    assert_eq!(steps[..], [Step::Key("valueQuantity".into()), Step::Key("value".into())]);
    assert!(matches!(**height, Expr::Math('^', ..)));
    assert_eq!(program.require.len(), 4);
}

#[test]
fn cdc_card_compiles() {
    let program = product("cdc-card");
    let acceptor = program.put.iter().find(|p| p.shown == "eventBody/IDRCard/acceptName").unwrap();
    let Expr::Path(_, steps) = &acceptor.expr else { panic!() };
    assert!(matches!(&steps[1], Step::Marked(marks) if marks.len() == 1));
    let case = rule(&program, "case");
    let Value::Object(status) = &field(&case.body, "verificationStatus").value else { panic!() };
    let Value::List(codings) = &field(status, "coding").value else { panic!() };
    let std = leaf(&field(object(&codings[0].value), "code").value);
    let local = leaf(&field(object(&codings[1].value), "code").value);
    assert_eq!((std.flag, local.flag), (Flag::Copy, Flag::Own));
    assert_eq!(program.checks.len().min(4), 4, "those of the model and of the mapping");
}

#[test]
fn a_field_bound_by_one_of_is_said_in_the_way_that_says_it() {
    let bind = "\n  性别: { one_of: [{ when: 症状 = X, value: = 2 }, { value: '性别 | map(a 1, b 2)' }] }\n";
    let mapping = MAPPING.replace("\n  症状[]: { each: '症状 split \"/\"' }\n", bind);
    let (program, _) = compile_texts(&files(&mapping, MODEL, SCHEMA)).unwrap();
    let header = "号,生日,性别,证号,体重,症状,药1名,药1量,药2名,药2量\r\n";
    let edited = |row: &str, gender: &str| {
        let bytes = format!("{header}{row}\r\n");
        let file = program.schema.read(bytes.as_bytes(), &Default::default()).unwrap();
        let got = crate::translate::get::get(&program, &file.records[0]);
        let mut bundle: serde_json::Value = serde_json::from_str(&got.bundle).unwrap();
        let was = bundle["entry"][0]["resource"]["gender"].take();
        bundle["entry"][0]["resource"]["gender"] = gender.into();
        let output = crate::translate::put::put(&program, &bundle, &file.records[0]);
        let text = String::from_utf8(output.bytes).unwrap();
        (was.as_str().unwrap().to_owned(), text[header.len()..].trim_end().to_owned())
    };
    let said = |was: &str, row: &str| (was.to_owned(), row.to_owned());
    assert_eq!(edited("1,,a,,,,,,,", "female"), said("male", "1,,a,,,X,,,,"));
    assert_eq!(edited("1,,a,,,X,,,,", "male"), said("female", "1,,a,,,,,,,"));
    assert_eq!(edited("1,,b,,,,,,,", "male"), said("female", "1,,a,,,,,,,"));
    assert_eq!(edited("1,,b,,,,,,,", "female"), said("female", "1,,b,,,,,,,"));
}

#[test]
fn cases_of_a_binding_are_checked() {
    let with = |bind: &str| MAPPING.replace("  生日: ", &format!("  性别: {bind}\n  生日: "));
    let says = |bind: &str, wanted: &str| says(&files(&with(bind), MODEL, SCHEMA), wanted);
    says(
        "{ one_of: [{ value: = 2 }, { value: 性别 }] }",
        "M032 m/mapping.yaml:9:18 a case without a condition (the cases after it are never taken: give it a `when` or put it last)",
    );
    says(
        "{ one_of: [{ when: 症状 = X }] }",
        "M027 m/mapping.yaml:9:18 a case says no `value` (write `value: = text` or `value: SLOT | codec`)",
    );
    says(
        "{ one_of: [{ when: 症状 = X, value: = 2, other: x }] }",
        "M027 m/mapping.yaml:9:46 'other' is not part of a case (a case has `when: CONDITION` and `value: = text` or `value: SLOT | codec`)",
    );
}

#[test]
fn a_model_extends_a_model() {
    let over = "\
lang: 1
model: more
extends: visit.yaml
fields:
  体重: none
  身高: decimal cm
resources:
  Observation weight:
    valueQuantity: 身高 | quantity
    component[]: none
  MedicationStatement med[]: none
";
    let mapping =
        MAPPING.replace("visit.yaml", "more.yaml").replace("  药[]: ", "  身高: 体重\n  药[]: ");
    let mut files = files(&mapping, MODEL, SCHEMA).to_vec();
    files.push(("_models/more.yaml", over));
    let (program, found) = compile_texts(&files).unwrap();
    assert_eq!(found, []);
    let weight = rule(&program, "weight");
    assert_eq!(leaf(&field(&weight.body, "valueQuantity").value).slots, ["体重"]);
    assert!(program.rules.iter().all(|rule| rule.alias != "med"));
    assert!(program.rules.iter().any(|rule| rule.alias == "patient"));
}

#[test]
fn a_text_that_cannot_be_read_is_named_even_where_nothing_else_is_said() {
    let mapping = MAPPING.replace("resources:", "");
    let mapping = format!(
        "{mapping}resources:\n  Goal goal:\n    key: goal(patient)\n    lifecycleStatus: = active\n    subject: -> patient\n    description.text: = x\n    startDate: 始 | date\n"
    );
    let schema = SCHEMA.replace("药2量]", "药2量, 始]");
    let (program, _) = compile_texts(&files(&mapping, MODEL, &schema)).unwrap();
    let bytes =
        "号,生日,性别,证号,体重,症状,药1名,药1量,药2名,药2量,始\r\n1,,,,,,,,,,2024-02-30\r\n";
    let file = program.schema.read(bytes.as_bytes(), &Default::default()).unwrap();
    let got = crate::translate::get::get(&program, &file.records[0]);
    let issues: Vec<String> = got.issues.iter().map(crate::fhir::Issue::line).collect();
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert!(issues[0].contains("'2024-02-30' is an impossible date"), "{issues:?}");
    assert!(issues[0].contains("Goal.startDate"), "{issues:?}");
    assert!(!got.bundle.contains("Goal"), "{}", got.bundle);
}

/// The value is the same in both branches, but it stands in another slot, or beside another.
#[test]
fn a_branch_below_a_nested_element_changes_with_what_tells_it() {
    let mapping = "\
lang: 1
mapping: m
source: csv
schema: schema.yaml
target: fhir@4.0.1
resources:
  Observation pulse:
    key: p(号)
    status: = final
    code.text: = pulse
    valueCodeableConcept.coding[0].system: = http://x.example
    one_of:
      - scan: 症状 as \"{code:digits}({side:han})\"
        valueCodeableConcept.coding[0].code: .code
        bodySite.text: .side
      - when: 性别 = 1
        valueCodeableConcept.coding[0].code: 体重
        valueCodeableConcept.text: 证号
      - valueCodeableConcept.coding[0].code: 症状
";
    let files = [("m/mapping.yaml", mapping), ("m/schema.yaml", SCHEMA)];
    let (program, _) = compile_texts(&files).unwrap();
    let header = "号,生日,性别,证号,体重,症状,药1名,药1量,药2名,药2量\r\n";
    let edited = |row: &str, edit: &dyn Fn(&mut serde_json::Value)| {
        let bytes = format!("{header}{row}\r\n");
        let file = program.schema.read(bytes.as_bytes(), &Default::default()).unwrap();
        let got = crate::translate::get::get(&program, &file.records[0]);
        let mut bundle: serde_json::Value = serde_json::from_str(&got.bundle).unwrap();
        edit(&mut bundle["entry"][0]["resource"]);
        let output = crate::translate::put::put(&program, &bundle, &file.records[0]);
        let text = String::from_utf8(output.bytes).unwrap();
        text[header.len()..].trim_end().to_owned()
    };
    let no_side = |resource: &mut serde_json::Value| {
        resource.as_object_mut().unwrap().remove("bodySite");
    };
    assert_eq!(edited("1,,,,,2(左侧),,,,", &no_side), "1,,,,,2,,,,");
    let side = |resource: &mut serde_json::Value| {
        resource["bodySite"]["text"] = "右侧".into();
    };
    assert_eq!(edited("1,,,,,2,,,,", &side), "1,,,,,2(右侧),,,,");
    let text = |resource: &mut serde_json::Value| {
        resource["valueCodeableConcept"]["text"] = "x".into();
    };
    assert_eq!(edited("1,,,,,2,,,,", &text), "1,,1,x,2,,,,,");
}
