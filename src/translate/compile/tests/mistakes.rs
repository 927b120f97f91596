//! One mistake each: its code, its place, its exact text.

use super::{Diagnostic, compile_texts};
use crate::fhir::Severity;

/// The top of a mapping; `resources:` begins in line 8.
pub(super) const TOP: &str = "\
lang: 1
mapping: m
version: 1.0.0
title: A test
source: hl7v2@2.1..2.8
target: fhir@4.0.1
accept: [ADT^A01]
";

/// A patient that is right, for what stands around it.
const PATIENT: &str = "\
resources:
  Patient patient:
    key: pid(PID-3.1)
    gender: PID-8 | code(sex)
codes:
  sex:
    - M <-> male
    - F <-> female
";

fn shown(d: &Diagnostic) -> String {
    let hint = d.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
    format!("{} {}:{}:{} {}{hint}", d.code, d.file, d.line, d.column, d.message)
}

/// Everything that is found in a mapping made of these parts.
pub(super) fn found(parts: &[&str]) -> Vec<String> {
    let text = parts.concat();
    let found = match compile_texts(&[("m/mapping.yaml", &text)]) {
        Ok((_, found)) | Err(found) => found,
    };
    found.iter().map(shown).collect()
}

pub(super) fn in_patient(lines: &str) -> Vec<String> {
    let body: String = lines.lines().map(|l| format!("    {l}\n")).collect();
    found(&[TOP, "resources:\n  Patient patient:\n    key: pid(PID-3.1)\n", &body])
}

#[track_caller]
pub(super) fn patient_says(lines: &str, wanted: &str) {
    assert_eq!(in_patient(lines), [wanted], "{lines}");
}

#[track_caller]
pub(super) fn mapping_says(parts: &[&str], wanted: &str) {
    let all: Vec<&str> = std::iter::once(TOP).chain(parts.iter().copied()).collect();
    assert_eq!(found(&all), [wanted], "{}", parts.concat());
}

#[test]
fn what_is_right_says_nothing() {
    assert_eq!(found(&[TOP, PATIENT]), [""; 0]);
}

#[test]
fn m001_unknown_path() {
    patient_says(
        "birthdate: PID-7 | date",
        "M001 m/mapping.yaml:11:5 Patient has no element 'birthdate' (did you mean 'birthDate'?)",
    );
    patient_says(
        "name[0].first: PID-5.2",
        "M001 m/mapping.yaml:11:13 Patient.name has no element 'first' (see http://hl7.org/fhir/R4/datatypes.html#HumanName)",
    );
    patient_says(
        "deceased: PID-30 | bool(Y, N)",
        "M001 m/mapping.yaml:11:5 Patient has no element 'deceased' (write the type: deceasedBoolean, deceasedDateTime)",
    );
    patient_says(
        "id: PID-3.1",
        "M001 m/mapping.yaml:11:5 Patient.id is written by Tombolo itself (the id comes from `key`)",
    );
    patient_says(
        "name[0.text: PID-5",
        "M001 m/mapping.yaml:11:5 'name[0.text' has a bracket that is not closed (write name, name[0], name[tag], name[] or name[x], joined by dots)",
    );
    mapping_says(
        &["resources:\n  Pateint patient:\n    key: pid(PID-3.1)\n"],
        "M001 m/mapping.yaml:9:3 there is no resource type 'Pateint' (did you mean 'Patient'?)",
    );
}

#[test]
fn m002_types() {
    patient_says(
        "birthDate: PID-7",
        "M002 m/mapping.yaml:11:16 Patient.birthDate is date, the leaf yields a text (add `| date`)",
    );
    patient_says(
        "birthDate: PID-7 | datetime",
        "M002 m/mapping.yaml:11:16 Patient.birthDate is date, the leaf yields a dateTime (add `| date`)",
    );
    patient_says(
        "name[0]: PID-5",
        "M002 m/mapping.yaml:11:14 Patient.name is HumanName, the leaf yields a text (write the elements of the HumanName)",
    );
    patient_says(
        "multipleBirthInteger: PID-25 | decimal",
        "M002 m/mapping.yaml:11:27 Patient.multipleBirthInteger is integer, the leaf yields a decimal (the element is integer)",
    );
    patient_says(
        "active: = yes",
        "M002 m/mapping.yaml:11:15 Patient.active is boolean, 'yes' is none",
    );
    patient_says(
        "gender: PID-8 | dat(yyyy)",
        "M002 m/mapping.yaml:11:21 there is no codec 'dat' (did you mean 'date'?)",
    );
    let found = in_patient("gender: PID-8 | nosuchcodec");
    for codec in ["cnid", "orgcode", "uscc"] {
        assert!(found[0].contains(&format!(" {codec},")), "the hint names {codec}: {found:?}");
    }
    patient_says(
        "identifier[0].value: PID-3.1 | orgcode(dash)",
        "M002 m/mapping.yaml:11:36 'orgcode(dash)' has arguments that do not fit (see docs/mapping-language.md for its arguments)",
    );
    patient_says(
        "birthDate: PID-7 | date(DD.MM.YYYY)",
        "M002 m/mapping.yaml:11:29 'DD.MM.YYYY' is no date pattern (patterns are made of yyyy MM M dd d HH H mm ss and literals)",
    );
}

#[test]
fn m003_lists() {
    patient_says(
        "name.text: PID-5",
        "M003 m/mapping.yaml:11:5 Patient.name is a list (write name[0], name[tag], or name[] with `each`)",
    );
    patient_says(
        "gender[0]: = male",
        "M003 m/mapping.yaml:11:5 Patient.gender is not a list (write gender without brackets)",
    );
    patient_says(
        "name[].text: PID-5",
        "M003 m/mapping.yaml:11:5 an item rule `[]` needs `each` (write a block with `each: LIST`, or `-> alias`)",
    );
    patient_says(
        "name[0]:\n  each: PID-5\n  text: .1",
        "M003 m/mapping.yaml:12:13 `each` makes many items (write [] after the element: identifier[] or identifier[tag][])",
    );
    mapping_says(
        &["resources:\n  Condition dx[]:\n    key: diag(DG1-1)\n"],
        "M003 m/mapping.yaml:9:3 `[]` without `each` (write `Condition dx[]:` and `each: LIST`, or neither)",
    );
}

#[test]
fn m005_required_binding() {
    patient_says(
        "gender: = man",
        "M005 m/mapping.yaml:11:15 'man' is not a code of Patient.gender (its codes are: male, female, other, unknown)",
    );
    mapping_says(
        &[&PATIENT.replace("F <-> female", "F <-> femail")],
        "M005 m/mapping.yaml:11:26 the table 'sex' yields 'femail', which Patient.gender does not take (its codes are: male, female, other, unknown)",
    );
    mapping_says(
        &[&PATIENT.replace("code(sex)", "code(sex) else man")],
        "M005 m/mapping.yaml:11:36 'man' is not a code of Patient.gender (its codes are: male, female, other, unknown)",
    );
}

#[test]
fn m006_written_twice() {
    patient_says(
        "gender: = male\nname[0].text: PID-5\ngender: = female",
        "M000 m/mapping.yaml:13:5 the key 'gender' is written twice (join the two, or remove one)",
    );
    patient_says(
        "name[0].text: PID-5\nname[0]:\n  text: = x",
        "M006 m/mapping.yaml:13:7 Patient.name.text is written twice (the other is in line 11: keep one, or put them in branches)",
    );
    patient_says(
        "maritalStatus.text: PID-16\none_of:\n  - when: PID-16 present\n    maritalStatus.text: = x\n  - maritalStatus.text: = y",
        "M006 m/mapping.yaml:14:9 Patient.maritalStatus.text is written twice (the other is in line 11: keep one, or put them in branches)",
    );
}

#[test]
fn m007_and_m028_owners() {
    patient_says(
        "name[0].family: PID-5.1.1\nname[0].text: PID-5",
        "M007 m/mapping.yaml:12:19 PID-5 has two owners: Patient.name.family and Patient.name.text (write `| copy` after the slot that only follows; the other is in line 11)",
    );
    assert_eq!(in_patient("name[0].family: PID-5.1.1\nname[0].text: PID-5 | copy"), [""; 0]);
    let one_guarded = "\
name[0].text: PID-5
contact[0]:
  when: PID-9 present
  name.text: PID-5";
    patient_says(
        one_guarded,
        "M028 m/mapping.yaml:14:18 PID-5 has two owners: Patient.name.text and Patient.contact.name.text (the conditions of both (the other is in line 11) may hold together: write `| copy`, or `when: g` here and `when: not g` there)",
    );
    let disjoint = "\
identifier[a]:
  when: PID-3.5 = PI
  system: = urn:a
  value: PID-3
identifier[b]:
  when: not PID-3.5 = PI
  system: = urn:b
  value: PID-3";
    assert_eq!(in_patient(disjoint), [""; 0]);
    assert_eq!(in_patient(&disjoint.replace("not PID-3.5 = PI", "PID-3.5 in (MR, NI)")), [""; 0]);
    let whole = "\
name[0].text: PID-5 | unsplit
name[1].text: PID-5.2";
    patient_says(
        whole,
        "M007 m/mapping.yaml:12:19 PID-5.2 has two owners: Patient.name.text and Patient.name.text (write `| copy` after the slot that only follows; the other is in line 11)",
    );
}

#[test]
fn m009_code_rows() {
    mapping_says(
        &[PATIENT, "    - X <-> male\n"],
        "M009 m/mapping.yaml:16:7 'male' has two rows that write it (the other is in line 14: `<->` pairs one code with one; make this row `-->`)",
    );
    mapping_says(
        &[PATIENT, "    - M --> female\n"],
        "M009 m/mapping.yaml:16:7 'M' has two rows that read it (the other is in line 14: keep one)",
    );
    mapping_says(
        &[PATIENT, "    - \"* <-> other\"\n"],
        "M009 m/mapping.yaml:16:7 a `*` row that has no inverse (write `* --> code` (any other code is read as this) or `* <-> prefix*` (both ways))",
    );
    mapping_says(
        &[PATIENT, "    - M = male\n"],
        "M000 m/mapping.yaml:16:7 this is no code row (write `legacy <-> fhir`, `legacy --> fhir` or `legacy <-- fhir`, with blanks around the arrow)",
    );
}

#[test]
fn m010_no_way_back_is_a_warning() {
    let text = [TOP, PATIENT, "    - 3 --> other\n"].concat();
    let (_, warnings) = compile_texts(&[("m/mapping.yaml", &text)]).unwrap();
    assert_eq!(warnings[0].severity, Severity::Warning);
    assert_eq!(
        shown(&warnings[0]),
        "M010 m/mapping.yaml:13:3 'other' of the table 'sex' has no way back to PID-8 (make one of its rows `<->`, or leave it: such an edit is reported)"
    );
}

#[test]
fn m011_keys() {
    mapping_says(
        &["resources:\n  Patient patient:\n    gender: = male\n"],
        "M011 m/mapping.yaml:9:3 'patient' has no `key` (write key: space(SLOT, …): the id is made of what names the thing)",
    );
    let key = |key: &str| format!("resources:\n  Patient patient:\n    key: {key}\n");
    mapping_says(
        &[&key("pid(now())")],
        "M011 m/mapping.yaml:10:14 'now()' differs each time: the same record would get another id (a key is made of slots that name the thing)",
    );
    mapping_says(
        &[&key("pid(PID-3.1 | cnid(or text))")],
        "M011 m/mapping.yaml:10:14 'PID-3.1 | cnid(or text)' may be a masked number, which names nobody (write `| cnid` in a key: where there is no number, the next form is taken)",
    );
    mapping_says(
        &[&key("PID-3.1")],
        "M011 m/mapping.yaml:10:10 the key 'PID-3.1' has no space (write space(part, …): all mappings of a party share the space of a thing)",
    );
    mapping_says(
        &[&key("Patients(PID-3.1)")],
        "M011 m/mapping.yaml:10:10 'Patients' is no space of ids (a space is 1 to 16 of a-z, 0-9 and -)",
    );
    mapping_says(
        &[&key("pid(identifier(PI).value)")],
        "M011 m/mapping.yaml:10:14 'identifier(PI).value' finds no item (the list needs items with type.coding[0].code, and the element named)",
    );
    mapping_says(
        &[&key("pid(PID-3.1)"), "  Condition dx[]:\n    each: DG1\n    key: dx(patient)\n"],
        "M011 m/mapping.yaml:13:10 all instances of 'dx' get one id (add a slot of the list, or `n`, to the key)",
    );
    mapping_says(
        &[&key("visit"), "  Encounter visit:\n    key: patient\n    status: = planned\n"],
        "M011 m/mapping.yaml:12:10 the key of 'visit' goes in a circle",
    );
}

#[test]
fn m013_unknown_slots() {
    patient_says(
        "gender: PID-80",
        "M013 m/mapping.yaml:11:13 `PID-80`: there is no field PID-80 (PID has 40 fields)",
    );
    patient_says(
        "name[0].text: $evnt",
        "M013 m/mapping.yaml:11:20 there is no '$evnt' (did you mean 'event'?)",
    );
    let found = in_patient("name[0].text: PIX-5");
    assert!(found[0].starts_with("M013 m/mapping.yaml:11:19 "), "{found:?}");
}

#[test]
fn m014_templates() {
    patient_says(
        "name[0].text: PID-5 | template(\"{.1}{.2}\")",
        "M014 m/mapping.yaml:11:37 '{.1}{.2}' cannot be taken apart: '.1' and '.2' touch (put a literal between them, or give them classes that share no letter)",
    );
    patient_says(
        "name[0].text: PID-5 | template(\"{a}-{.2}\")",
        "M014 m/mapping.yaml:11:37 the part 'a' names no slot (write {.n} for a component of the slot, {n} for the n-th slot)",
    );
    patient_says(
        "one_of:\n  - scan: PID-5 as \"{a:letters}\"\n    name[0].text: .a",
        "M014 m/mapping.yaml:12:28 there is no class 'letters' (the classes are: decimal, digits, word, comparator, han, latin, number, oid)",
    );
}

#[test]
fn m016_units() {
    let obs = |unit: &str| {
        format!(
            "resources:\n  Observation bp:\n    key: bp(PID-3.1)\n    status: = final\n    valueQuantity: OBX-5 | quantity({unit})\n    code.text: PID-6\n"
        )
    };
    assert_eq!(found(&[TOP, &obs("mm[Hg]")]), [""; 0]);
    mapping_says(
        &[&obs("mmHg")],
        "M016 m/mapping.yaml:12:37 'mmHg' is not a UCUM unit: 'mmHg' is unknown (see https://ucum.org/ucum: mm[Hg], mmol/L, 10*9/L, /min, {cigarettes}/d)",
    );
    mapping_says(
        &[
            &obs("code units").replace("OBX-5 ", "OBX-5 OBX-6 "),
            "codes:\n  units:\n    - 次/分 <-> 次/min\n",
        ],
        "M016 m/mapping.yaml:15:3 '次/min' is not a UCUM unit: '次' is unknown (see https://ucum.org/ucum: mm[Hg], mmol/L, 10*9/L, /min, {cigarettes}/d)",
    );
    mapping_says(
        &[&obs("code units"), "codes:\n  units:\n    - 次/分 <-> /min\n"],
        "M002 m/mapping.yaml:12:20 this quantity reads two slots (write VALUE UNIT | quantity(code TABLE))",
    );
}

#[test]
fn m018_names() {
    patient_says(
        "generalPractitioner[0]: -> doctr",
        "M018 m/mapping.yaml:11:32 there is no resource 'doctr' (declare it under `resources:`)",
    );
    patient_says(
        "generalPractitioner[0]: -> patient",
        "M018 m/mapping.yaml:11:32 Patient.generalPractitioner cannot point to Patient 'patient' (it points to: Organization, Practitioner, PractitionerRole)",
    );
    patient_says(
        "gender: PID-8 | code(sax)",
        "M018 m/mapping.yaml:11:26 there is no code table 'sax' (declare it under `codes:`)",
    );
    patient_says(
        "as: adress",
        "M018 m/mapping.yaml:11:9 there is no fragment 'adress' (declare it under `define:`)",
    );
    mapping_says(
        &[
            PATIENT,
            "define:\n  a(x):\n    gender: = male\nput:\n  trigger: [create visit => ADT^A01]\n",
        ],
        "M018 m/mapping.yaml:20:20 there is no resource 'visit' (declare it under `resources:`)",
    );
}

#[test]
fn m020_require() {
    mapping_says(
        &[PATIENT, "require: [PID-8, PID-7]\n"],
        "M020 m/mapping.yaml:16:18 'PID-7' is required and no rule writes it (write a leaf for it, or a line under `put`)",
    );
}

#[test]
fn m031_references_out_of_reach() {
    let dx = "  Condition dx[]:\n    each: DG1\n    key: dx(DG1-1)\n";
    mapping_says(
        &[
            "resources:\n  Encounter visit:\n    key: vn(PV1-19.1)\n    status: = planned\n    diagnosis[0].condition: -> dx\n",
            dx,
        ],
        "M031 m/mapping.yaml:12:32 'dx' repeats over DG1, which does not enclose this (write [] for all of them, or `-> alias only` for the only one)",
    );
}

#[test]
fn m032_shadowed_branches() {
    patient_says(
        "one_of:\n  - gender: = male\n  - when: PID-8 present\n    gender: = female",
        "M032 m/mapping.yaml:12:9 a branch without a condition (the branches after it are never taken: give it a `when` or put it last)",
    );
}

#[test]
fn m037_quoting() {
    patient_says(
        "name[0].text: {slot}",
        "M037 m/mapping.yaml:11:19 a leaf or a block was expected, YAML reads a list or an empty map (put the text in quotes: '{slot} | copy')",
    );
    mapping_says(
        &[PATIENT, "    - * --> other\n"],
        "M037 m/mapping.yaml:16:7 a text that begins with '*' must be quoted: YAML takes it for an alias (put the whole text in quotes if it is one: \"* --> x\", '{slot} | copy')",
    );
}

#[test]
fn m000_what_cannot_be_read() {
    mapping_says(
        &[PATIENT, "resorces:\n"],
        "M000 m/mapping.yaml:16:1 'resorces' is not a key of a mapping file (did you mean 'resources'?)",
    );
    patient_says(
        "gender: PID-8 |",
        "M000 m/mapping.yaml:11:13 a part of this leaf is empty (write `= text` for a constant, `-> alias` for a reference, `SLOT | codec` for a value)",
    );
    let forms = super::super::guard::FORMS;
    patient_says(
        "contact[0]:\n  when: PID-8 is M\n  name.text: PID-9",
        &format!("M000 m/mapping.yaml:12:13 'PID-8 is M' is no condition ({forms})"),
    );
    mapping_says(
        &[PATIENT, "check:\n  - PID-7 <= PID-29 PID-33\n"],
        "M000 m/mapping.yaml:17:21 the expression ends before 'PID-33' (operators stand between blanks: a + b, a <= b, a implies b)",
    );
    mapping_says(
        &[PATIENT, "put:\n  PID-1: years(PID-7)\n"],
        "M000 m/mapping.yaml:17:10 there is no function 'years' (the functions are: now, msgid, index, date, age, round, lookup)",
    );
    mapping_says(
        &[PATIENT, "put:\n  trigger: [patient => ADT^A08]\n"],
        "M000 m/mapping.yaml:17:13 this is no trigger (write create|update ALIAS [or ALIAS] [ELEMENT VALUE] => MESSAGE)",
    );
    mapping_says(&[PATIENT, "nulls: keep\n"], "M000 m/mapping.yaml:16:8 `nulls` is absent, delete");
    mapping_says(
        &[PATIENT, "timezone: Asia/Beijing\n"],
        "M000 m/mapping.yaml:16:11 there is no time zone 'Asia/Beijing' (write an IANA name or an offset: Asia/Shanghai, +08:00)",
    );
    mapping_says(
        &[PATIENT, "extends: ../nowhere\n"],
        "M000 m/mapping.yaml:16:10 there is no file 'nowhere/mapping.yaml' (paths are relative to the file that says them)",
    );
    assert_eq!(
        found(&["lang: 2\nmapping: n\nsource: csvs\ntarget: fhir@5\n"]),
        [
            "M000 m/mapping.yaml:1:7 unknown `lang` (this is `lang: 1`)",
            "M000 m/mapping.yaml:2:10 a mapping has the name of its folder (write mapping: m)",
            "M000 m/mapping.yaml:4:9 unknown `target` (write target: fhir@4.0.1)",
            "M000 m/mapping.yaml:3:9 there is no source 'csvs' (did you mean 'csv'?)"
        ]
    );
}

#[test]
fn one_run_finds_all_mistakes_and_shows_them() {
    let text = [
        TOP,
        "resources:\n  Patient patient:\n    key: pid(PID-3.1)\n    birthdate: PID-7 | date\n    gendre: PID-8\n",
    ]
    .concat();
    let found = compile_texts(&[("m/mapping.yaml", &text)]).unwrap_err();
    assert_eq!(found.len(), 2);
    assert_eq!(
        super::render(&found[..1]),
        "\
error[M001]: Patient has no element 'birthdate'
  --> m/mapping.yaml:11:5
   |
11 |     birthdate: PID-7 | date
   |     ^^^^^^^^^
   |
   = help: did you mean 'birthDate'?"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    /// A mapping with something cut out, doubled or put in compiles or gives located mistakes.
    #[test]
    fn any_text_gives_a_program_or_mistakes(
        which in 0..4usize,
        at in 0.0..1.0f64,
        length in 0..60usize,
        put in "[ -~\n\u{7684}]{0,12}",
    ) {
        let name = ["hospital-adt", "hospital-oru", "htn-followup", "cdc-card"][which];
        let library = super::Library::open(&[]).unwrap();
        let changed = Changed { library, name, at, length, put };
        if let Err(found) = super::compile(name, &super::hospital(), &changed) {
            proptest::prop_assert!(found.iter().any(|d| d.severity >= Severity::Error));
            super::render(&found);
        }
    }
}

struct Changed {
    library: super::Library,
    name: &'static str,
    at: f64,
    length: usize,
    put: String,
}

impl super::FileSource for Changed {
    fn file(&self, path: &str) -> Option<super::SourceFile> {
        let mut file = super::FileSource::file(&self.library, path)?;
        if path == format!("{}/mapping.yaml", self.name) || path.starts_with("_models/") {
            let chars: Vec<char> = file.text.chars().collect();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a place in a small file"
            )]
            let from = (self.at * chars.len() as f64) as usize;
            let to = (from + self.length).min(chars.len());
            let text: String = chars[..from]
                .iter()
                .copied()
                .chain(self.put.chars())
                .chain(chars[to..].iter().copied())
                .collect();
            file.text = text.into();
        }
        Some(file)
    }
}
