//! What an integrator asks about mappings: `tombolo map coverage|show|diff|explain|compose`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::data::shared;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// Runs `tombolo …` in a folder, in English.
fn tombolo(folder: &Path, line: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombolo"));
    command.args(line).current_dir(folder).env("LC_ALL", "C").output().unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

#[track_caller]
fn shows(folder: &Path, line: &[&str], code: i32) -> String {
    ends(&tombolo(folder, line), code).0
}

/// A mapping of two columns out of four, with a sample.
fn visits() -> TempDir {
    let at = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = at.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let mapping = "lang: 1\nmapping: visits\nversion: 1.0.0\ntitle: Visits\nsource: csv\n\
        schema: schema.yaml\ntarget: fhir@4.0.1\ncodes:\n  sex:\n    - 1 <-> male\n    - 2 <-> female\n    - 9 --> female\n\
        resources:\n  Patient patient:\n    key: pid(id)\n    gender: sex | code(sex)\nignore:\n  spare*: never filled\n";
    for side in ["old", "new"] {
        write(&format!("{side}/visits/mapping.yaml"), mapping);
        write(
            &format!("{side}/visits/schema.yaml"),
            "schema: csv\nheader: [id, sex, note, spare1]\n",
        );
        write(
            &format!("{side}/visits/tests/01.csv"),
            "id,sex,note,spare1\n1,1,secret words,\n2,2,,x\n",
        );
    }
    at
}

#[test]
fn coverage_accounts_for_every_slot_and_shows_no_value() {
    let at = visits();
    let line = ["-C", "new", "map", "coverage", "visits", "--all"];
    let out = shows(at.path(), &line, 0);
    assert!(!out.contains("secret"), "{out}");
    let counts =
        "visits 1.0.0  2 records: 2 mapped, 0 put only, 0 of the format, 1 ignored, 1 carried\n";
    assert!(out.starts_with(counts), "{out}");
    for part in [
        "carried note    in 1 of 2",
        "ignored spare1  in 1 of 2  never filled",
        "mapped id      in 2 of 2",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    shows(at.path(), &["-C", "new", "map", "coverage", "visits", "--strict"], 1);
    std::fs::create_dir(at.path().join("feed")).unwrap();
    std::fs::write(at.path().join("feed/a.csv"), "id,sex,note,spare1\n3,,y,\n").unwrap();
    let line = ["-C", "new", "map", "coverage", "visits", "--json", "--corpus", "feed"];
    let coverage: Value = serde_json::from_str(&shows(at.path(), &line, 0)).unwrap();
    assert_eq!((&coverage["records"], &coverage["unaccounted"]), (&3.into(), &1.into()));
    let note = &coverage["slots"][0];
    assert_eq!((note["slot"].as_str(), note["class"].as_str()), (Some("note"), Some("carried")));
    assert_eq!(note["records"], 2);
}

#[test]
fn a_mapping_is_shown_from_both_sides() {
    let at = visits();
    let by =
        |side: &str| shows(at.path(), &["-C", "new", "map", "show", "visits", "--by", side], 0);
    assert!(
        by("target").contains("Patient.gender  sex  code(sex)  new/visits/mapping.yaml:16:13\n")
    );
    let source = by("source");
    assert!(source.contains("sex  Patient.gender  code(sex)  new/visits/mapping.yaml:16:13\n"));
    let codes = "code(sex)  3 rows, 1 do not lead back  new/visits/mapping.yaml:9:3\n  9 --> female  comes back as 2\n";
    assert!(source.ends_with(codes), "{source}");
    let json = shows(at.path(), &["-C", "new", "map", "show", "visits", "--json"], 0);
    let shown: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["tables"][0]["losses"][0]["back"], "2");
}

#[test]
fn a_new_version_shows_what_it_changes_and_what_number_it_needs() {
    let at = visits();
    let new = at.path().join("new/visits/mapping.yaml");
    let text = std::fs::read_to_string(&new).unwrap();
    let text = text.replace("2 <-> female", "2 <-> other").replace("1.0.0", "1.1.0");
    std::fs::write(&new, text.replace("gender:", "birthDate: note | date\n    gender:")).unwrap();
    let out = shows(at.path(), &["map", "diff", "old/visits", "visits@new"], 0);
    for line in [
        "01.csv record 2\n  Patient/local.pid.2  Patient.gender: \"female\" → \"other\"\n",
        "1 of 2 records differ, in 1 values\n",
        "major changed code: sex 2 --> female → other\n",
        "minor new path: patient Patient.birthDate\n",
        "version 1.0.0 → 1.1.0; due: major, 2.0.0 or higher\n",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    shows(at.path(), &["map", "diff", "old/visits", "new/visits", "--strict"], 1);
    let json = shows(at.path(), &["map", "diff", "old/visits", "new/visits", "--json"], 0);
    let diff: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&diff["due"], &diff["enough"]), (&"major".into(), &false.into()));
    assert_eq!(diff["changed"][0]["changes"][0]["path"], "Patient.gender");
    let out = shows(at.path(), &["map", "diff", "old/visits", "old/visits"], 0);
    assert!(out.ends_with("no new version is due\n"), "{out}");
}

#[test]
fn what_is_written_is_explained() {
    let at = visits();
    let line = ["-C", "new", "translate", "--from", "visits", "new/visits/tests/01.csv"];
    let bundles = shows(at.path(), &line, 0).replacen("\"male\"", "\"female\"", 1);
    std::fs::write(at.path().join("b.ndjson"), bundles).unwrap();
    let over = "new/visits/tests/01.csv";
    let line = ["-C", "new", "map", "explain", "visits", "--put", "b.ndjson", "--original", over];
    let out = shows(at.path(), &line, 0);
    let wanted = "sex '1' -> '2' bytes 21..22  <- Patient.gender = \"female\"  code(sex)  new/visits/mapping.yaml:16:13\n";
    assert_eq!(out, wanted);
    let line = ["-C", "new", "map", "explain", "visits", "--put", "b.ndjson", "--json"];
    let out = shows(at.path(), &line, 0);
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((&first["slot"], &first["new"]), (&"sex".into(), &"2".into()));
}

#[test]
fn a_composition_lists_what_is_required_and_missing() {
    let at = Path::new(REPOSITORY);
    let out = shows(at, &["map", "compose", "hospital-adt", "cdc-card", "--json"], 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    let missing = report["missing"].as_array().unwrap();
    assert!(
        missing.iter().any(|m| m["slot"] == "人群分类" && !m["by"].as_array().unwrap().is_empty())
    );
    let filled = report["filled"].as_array().unwrap();
    assert!(filled.iter().any(|f| f["slot"] == "出生日期" && f["by"][0] == "Patient.birthDate"));
}

#[test]
fn skeletons_of_segments_are_sound() {
    let Some(tables) = shared("v2-to-fhir-tables") else { return };
    let at = TempDir::new().unwrap();
    let tables = tables.display().to_string();
    for (segment, line) in [
        ("PID", "    gender: PID-8 | code(AdministrativeSex)\n"),
        ("PV1", "    period.start: PV1-44 | datetime\n"),
        ("OBX", "      - when: OBX-2 = NM\n        valueQuantity.value: OBX-5 | decimal\n"),
        ("OBR", "    code.coding[0].code: OBR-4.1"),
        ("DG1", "    onsetDateTime: DG1-5 | datetime\n"),
        ("NK1", "    name[nk12][]:\n      each: NK1-2\n      by: position\n      family: .1.1\n"),
        ("RXA", "    occurrenceDateTime: RXA-3 | datetime\n"),
    ] {
        let out = shows(at.path(), &["map", "import-v2fhir", segment, "--tables", &tables], 0);
        assert!(out.contains(line), "{line}: {out}");
        let name = segment.to_lowercase();
        let folder = at.path().join("mappings").join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("mapping.yaml"), &out).unwrap();
        let checked = shows(at.path(), &["-C", "mappings", "map", "check", &name], 0);
        assert!(checked.starts_with(&format!("ok {name}: 0 errors")), "{checked}");
    }
    let (_, err) =
        ends(&tombolo(at.path(), &["map", "import-v2fhir", "PID", "--tables", "mappings"]), 2);
    assert!(err.contains("there are no v2-to-FHIR tables in this folder"), "{err}");
}
