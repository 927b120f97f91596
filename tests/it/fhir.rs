//! FHIR on files: HL7's own examples and the hand-made samples are sound.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use tombolo::fhir::json::{self, Limits};
use tombolo::validate;

use crate::support::data;

/// The examples of HL7 that break R4's own rules, with the number of their mistakes: codes
/// with white space, a long id, references to types that are not allowed, missing elements.
const MISTAKEN: &[(&str, usize)] = &[
    ("Bundle-v2-valuesets", 1),
    ("CodeSystem-v2-0550", 1),
    ("DeviceMetric-example", 1),
    ("DeviceUseStatement-example", 1),
    ("ImplementationGuide-fhir", 3),
    ("MedicationRequest-medrx0301", 1),
    ("Observation-clinical-gender", 1),
    ("Questionnaire-qs1", 32),
    ("SearchParameter-codesystem-extensions-CodeSystem-author", 1),
    ("SearchParameter-codesystem-extensions-CodeSystem-effective", 1),
    ("SearchParameter-codesystem-extensions-CodeSystem-end", 1),
    ("SearchParameter-codesystem-extensions-CodeSystem-keyword", 1),
    ("SearchParameter-codesystem-extensions-CodeSystem-workflow", 1),
    ("SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject", 1),
    ("SearchParameter-valueset-extensions-ValueSet-author", 1),
    ("SearchParameter-valueset-extensions-ValueSet-effective", 1),
    ("SearchParameter-valueset-extensions-ValueSet-end", 1),
    ("SearchParameter-valueset-extensions-ValueSet-keyword", 1),
    ("SearchParameter-valueset-extensions-ValueSet-workflow", 1),
    ("ig-r4", 3),
];

/// `TOMBOLO_R4_EXAMPLES` is the package `hl7.fhir.r4.examples-4.0.1.tgz`.
#[test]
fn the_examples_of_hl7_raise_no_false_alarm() {
    let Some(package) = std::env::var_os("TOMBOLO_R4_EXAMPLES") else {
        eprintln!(
            "SKIPPED: set TOMBOLO_R4_EXAMPLES to the file that \
             `npm pack hl7.fhir.r4.examples@4.0.1` gives"
        );
        return;
    };
    let file = File::open(&package).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let (mut looked_at, mut found) = (0, BTreeMap::new());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let resource = json::parse(&bytes, Limits::default()).unwrap();
        if resource.get("resourceType").is_none() {
            continue;
        }
        looked_at += 1;
        let issues = validate::structure(&resource);
        for issue in &issues {
            println!("{}: {}", path.display(), issue.line());
        }
        if !issues.is_empty() {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            found.insert(name, issues.len());
        }
    }
    println!("{looked_at} examples");
    assert!(looked_at > 5000, "{looked_at}");
    let expected = MISTAKEN.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_expected_resources_of_the_samples_are_sound() {
    let Some(folder) = data::shared("china-samples/fhir-expected") else { return };
    let mut looked_at = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(issues(&path), Vec::<String>::new(), "{}", path.display());
        looked_at += 1;
    }
    assert!(looked_at >= 9, "{looked_at}");
}

/// The embedded table is what the command makes of the packages; that of expansions is looked for
/// beside the one of examples.
#[test]
fn the_table_is_made_by_the_command() {
    let Some(examples) = std::env::var_os("TOMBOLO_R4_EXAMPLES").map(PathBuf::from) else {
        eprintln!("SKIPPED: set TOMBOLO_R4_EXAMPLES as for the examples of HL7");
        return;
    };
    let expansions = examples.with_file_name("hl7.fhir.r4.expansions-4.0.1.tgz");
    if !expansions.exists() {
        eprintln!("SKIPPED: {} is missing", expansions.display());
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_tombolo"))
        .args(["definitions", "make", "--out"])
        .arg(out.path())
        .arg("--package")
        .arg(&examples)
        .arg("--package")
        .arg(&expansions)
        .status()
        .unwrap();
    assert!(status.success());
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/r4");
    for name in ["elements.ndjson", "codes.ndjson", "search.ndjson", "extensions.ndjson"] {
        let [made, kept] = [out.path(), &kept].map(|dir| std::fs::read(dir.join(name)).unwrap());
        assert!(made == kept, "{name} is not what the command makes: make it anew");
    }
}

fn issues(path: &Path) -> Vec<String> {
    let resource = json::resource(&std::fs::read(path).unwrap(), Limits::default()).unwrap();
    validate::structure(&resource).iter().map(tombolo::fhir::Issue::line).collect()
}
