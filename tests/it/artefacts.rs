//! Code tables and extensions as FHIR resources: current, valid, and whole enough for what the mappings
//! say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tombolo::translate::artefacts::{codes, concepts, extensions, file_name, printed};
use tombolo::translate::plan::{Codec, Object, Table, Value as Part};
use tombolo::translate::{Library, Party, Program};
use tombolo::validate;

fn party() -> Party {
    Party { name: "local".to_owned(), title: "local".to_owned(), uscc: None }
}

fn assert_valid(resource: &Value) {
    let issues = validate::structure(resource);
    assert!(issues.is_empty(), "{}: {issues:#?}", file_name(resource));
    let id = resource["id"].as_str().unwrap();
    assert!(!id.is_empty() && id.len() <= 64, "{id}");
}

/// `profiles/cn` is what `tombolo definitions codes` makes of the tables.
#[test]
fn the_resources_are_made_by_the_command() {
    let library = Library::open(&[]).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/cn");
    let all = [
        ("codes", codes::resources(&library).unwrap()),
        ("extensions", extensions::definitions(&library).unwrap()),
    ];
    for (folder, resources) in all {
        let folder = root.join(folder);
        let mut made = BTreeSet::new();
        for resource in &resources {
            assert_valid(resource);
            let name = file_name(resource);
            let kept = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
            let hint = "run `tombolo definitions codes`";
            assert!(kept == printed(resource), "{name} is not what the tables say: {hint}");
            assert!(made.insert(name.clone()), "{name} is made twice");
        }
        let files = std::fs::read_dir(&folder).unwrap();
        let names: BTreeSet<String> =
            files.map(|f| f.unwrap().file_name().to_string_lossy().into_owned()).collect();
        let stale: Vec<&String> = names.difference(&made).collect();
        assert!(stale.is_empty(), "no table says these any more: {stale:?}");
    }
}

#[test]
fn the_command_writes_them() {
    let out = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_tombolo"))
        .args(["definitions", "codes", "--out"])
        .arg(out.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success());
    let name = "codes/CodeSystem-gbt3304-ethnic.json";
    let [made, kept] = [out.path(), &Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/cn")]
        .map(|folder| std::fs::read(folder.join(name)).unwrap());
    assert!(made == kept);
}

#[test]
fn codes_have_names_in_both_languages_and_days() {
    let library = Library::open(&[]).unwrap();
    let all = codes::resources(&library).unwrap();
    let system = |id: &str| {
        all.iter().find(|r| r["resourceType"] == "CodeSystem" && r["id"] == id).unwrap().clone()
    };
    let sex = system("gbt2261-1-sex");
    assert_eq!(sex["url"], "urn:oid:2.16.156.10011.2.3.3.4");
    assert_eq!(sex["concept"][1]["display"], "男性");
    assert_eq!(sex["concept"][1]["designation"][0]["value"], "Male");
    assert_eq!(system("gbt3304-ethnic")["count"], 58);
    let attribution = system("cv02-01-104-attribution");
    assert_eq!(attribution["experimental"], true);
    assert!(attribution["description"].as_str().unwrap().contains("OID inferred"));
    let diseases = system("nndrs-disease");
    let said = |code: &str| -> BTreeMap<String, String> {
        let concepts = diseases["concept"].as_array().unwrap();
        let concept = concepts.iter().find(|c| c["code"] == code).unwrap();
        let properties = concept["property"].as_array().unwrap().iter().map(|p| {
            let p = p.as_object().unwrap();
            let value = p.iter().find(|(k, _)| k.starts_with("value")).unwrap().1;
            (p["code"].as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned())
        });
        properties.collect()
    };
    let cholera = said("0200");
    assert_eq!((&*cholera["effectiveDate"], &*cholera["status"]), ("2025-09-01", "active"));
    let bird_flu = said("9900");
    assert_eq!((&*bird_flu["deprecationDate"], &*bird_flu["status"]), ("2025-08-31", "retired"));
    assert!(!bird_flu.contains_key("effectiveDate"));
    let none = system("icd-10-cn");
    assert_eq!((none["content"].as_str(), &none["concept"]), (Some("not-present"), &Value::Null));
}

/// What a mapping writes as a code, by system.
fn written(program: &Program, found: &mut BTreeMap<String, BTreeSet<String>>) {
    fn walk(object: &Object, tables: &[Table], found: &mut BTreeMap<String, BTreeSet<String>>) {
        let named = |name: &'static str| object.fields.iter().filter(move |f| f.name == name);
        let systems = named("system").filter_map(|f| match &f.value {
            Part::Const(text) => Some((f.branch, text.trim_matches('"').to_owned())),
            _ => None,
        });
        for (branch, system) in systems {
            let codes = found.entry(system).or_default();
            for field in named("code")
                .filter(|f| f.branch == branch || f.branch.is_none() || branch.is_none())
            {
                match &field.value {
                    Part::Const(text) => {
                        codes.insert(text.trim_matches('"').to_owned());
                    }
                    Part::Leaf(leaf) => {
                        if let Some(Codec::Code(table)) = leaf.codecs.last() {
                            // The forms share one table of the numbers 1 to 10.
                            if tables[*table].name != "answer" {
                                codes.extend(tables[*table].get.values().cloned());
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        for field in &object.fields {
            match &field.value {
                Part::Object(inner) => walk(inner, tables, found),
                Part::List(items) => {
                    for item in items {
                        if let Part::Object(inner) = &item.value {
                            walk(inner, tables, found);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    for rule in &program.rules {
        walk(&rule.body, &program.tables, found);
    }
    found.extend(
        program
            .tables
            .iter()
            .filter_map(|t| t.system.clone())
            .filter(|s| !found.contains_key(s))
            .map(|s| (s, BTreeSet::new()))
            .collect::<Vec<_>>(),
    );
}

/// Every system of ours and of the national tables that a mapping writes is there, and if it is
/// complete, so are the codes.
#[test]
fn what_mappings_write_is_defined() {
    let library = Library::open(&[]).unwrap();
    let mut found = BTreeMap::new();
    for name in library.names() {
        written(&library.program(&name, &party()).unwrap(), &mut found);
    }
    let all = codes::resources(&library).unwrap();
    let mut missing = Vec::new();
    let mut looked_at = 0;
    for (system, codes) in found {
        let ours = system.strip_prefix("http://tombolo.example/fhir/CodeSystem/");
        // What has a further part belongs to one party: lab/ORG9.
        let ours = ours.is_some_and(|rest| !rest.contains('/'));
        if !ours && !system.starts_with("urn:oid:2.16.156.10011.2.") {
            continue;
        }
        let defined = all.iter().find(|r| r["resourceType"] == "CodeSystem" && r["url"] == system);
        let Some(defined) = defined else {
            missing.push(system);
            continue;
        };
        looked_at += 1;
        if defined["content"] == "complete" {
            let concepts = defined["concept"].as_array().unwrap();
            let unknown = codes.iter().filter(|c| !concepts.iter().any(|k| k["code"] == **c));
            missing.extend(unknown.map(|code| format!("{system} {code}")));
        }
    }
    assert!(
        missing.is_empty(),
        "add them to mappings/_codes/systems.csv and its tables: {missing:#?}"
    );
    assert!(looked_at > 50, "{looked_at}");
}

#[test]
fn every_code_table_is_a_valid_concept_map() {
    let library = Library::open(&[]).unwrap();
    let mut ids = BTreeSet::new();
    for name in library.names() {
        for map in concepts::maps(&library.program(&name, &party()).unwrap()) {
            assert_valid(&map);
            assert!(ids.insert(map["id"].to_string()), "{} is there twice", map["id"]);
        }
    }
    assert!(ids.len() > 100, "{}", ids.len());
}

const MAPPING: &str = "\
lang: 1
mapping: people
version: 1.2.0
source: csv
schema: schema.yaml
target: fhir@4.0.1
codes:
  sex:
    - 1 <-> male
    - 男 --> male
    - 2 <-> female
    - 9 --> unknown
    - 1 <-- other
    - \"* --> unknown\"
  blood: { file: blood.csv, legacy: code, fhir: fhir, valid_from: from, valid_to: until }
  any: [ A <-> a, \"* <-> urn:x:*\" ]
resources:
  Patient patient:
    key: no(NO)
    identifier[no].value: NO
    gender: SEX | code(sex)
    maritalStatus.coding[0].system: = urn:x:blood
    maritalStatus.coding[0].code: BLOOD | code(blood)
    maritalStatus.coding[0].display: ANY | code(any)
";

#[test]
fn every_loss_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("people");
    std::fs::create_dir_all(&at).unwrap();
    std::fs::write(at.join("mapping.yaml"), MAPPING).unwrap();
    std::fs::write(at.join("schema.yaml"), "schema: csv\nheader: [NO, SEX, BLOOD, ANY]\n").unwrap();
    let blood = "code,fhir,from,until\n1,A,,2001-12-31\n2,A,2002-01-01,\n";
    std::fs::write(at.join("blood.csv"), blood).unwrap();
    let out = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_tombolo"))
        .args(["map", "concepts", "people", "--mappings"])
        .arg(folder.path())
        .arg("--out")
        .arg(out.path())
        .status()
        .unwrap();
    assert!(status.success());
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(out.path().join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let sex = read("ConceptMap-people-sex.json");
    assert_valid(&sex);
    let lines = |map: &Value, group: usize| -> Vec<String> {
        let group = &map["group"][group];
        let elements = group["element"].as_array().unwrap().iter();
        let line = |element: &Value| {
            let target = &element["target"][0];
            let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
            let comment = target["comment"].as_str().map(|c| format!(" ({c})")).unwrap_or_default();
            format!(
                "{} {} {}{comment}",
                text(&element["code"]),
                text(&target["equivalence"]),
                text(&target["code"])
            )
        };
        elements.map(line).collect()
    };
    assert_eq!(
        lines(&sex, 0),
        [
            "1 equivalent male",
            "男 wider male (no way back: put writes 1)",
            "2 equivalent female",
            "9 wider unknown (no way back)",
        ]
    );
    assert_eq!(sex["group"][0]["target"], "http://hl7.org/fhir/administrative-gender");
    assert_eq!(sex["group"][0]["unmapped"]["mode"], "fixed");
    assert_eq!(sex["group"][0]["unmapped"]["code"], "unknown");
    assert_eq!(
        lines(&sex, 1),
        [
            "male equivalent 1",
            "female equivalent 2",
            "unknown unmatched - (no way back: an edit to this code is reported)",
            "other relatedto 1 (not the same: it is read back as male)",
        ]
    );
    let blood = read("ConceptMap-people-blood.json");
    assert_eq!(blood["group"][1]["source"], "urn:x:blood");
    let targets = blood["group"][1]["element"][0]["target"].as_array().unwrap();
    let comments: Vec<&str> = targets.iter().map(|t| t["comment"].as_str().unwrap()).collect();
    assert_eq!(comments, ["written until 2001-12-31", "written from 2002-01-01 on"]);
    let any = read("ConceptMap-people-any.json");
    assert!(any["description"].as_str().unwrap().contains("Any other code X is urn:x:X in FHIR"));
}

#[test]
fn a_mistake_in_a_table_has_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("_codes")).unwrap();
    let table = folder.path().join("_extensions.csv");
    std::fs::write(&table, "url,type,context,title,title_zh\nsize,string,,Size,\n").unwrap();
    let library = Library::open(&[folder.path().to_path_buf()]).unwrap();
    let error = extensions::definitions(&library).unwrap_err();
    assert_eq!(error.what, "an extension has a context and a title");
    assert_eq!(error.place.as_deref(), Some("_extensions.csv:2"));
}
