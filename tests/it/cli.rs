//! The command line, run as its users run it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::fhir::client;

/// The binary, in a folder of its own, in English.
fn tombolo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombolo"));
    command.args(arguments).current_dir(folder).env("LC_ALL", "C").env_remove("TOMBOLO_LOG");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    tombolo(folder, arguments).output().unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

#[test]
fn usage_and_configuration_mistakes_exit_2() {
    let folder = TempDir::new().unwrap();
    ends(&run(folder.path(), &["fly"]), 2);
    ends(&run(folder.path(), &["serve", "--sideways"]), 2);
    let (_, err) = ends(&run(folder.path(), &["-C", "nowhere", "serve"]), 2);
    assert!(err.contains("error: nowhere: there is no such folder"), "{err}");
    let (_, err) = ends(&run(folder.path(), &["serve", "-c", "nowhere.yaml"]), 2);
    assert!(err.contains("nowhere.yaml: the configuration cannot be read"), "{err}");

    let text = "listen: 0.0.0.0:80\nflows: []\nparties: { A: { kind: cdc, name: x } }\n";
    std::fs::write(folder.path().join("tombolo.yaml"), text).unwrap();
    let (out, err) = ends(&run(folder.path(), &["serve"]), 2);
    assert_eq!(out, "");
    for part in [
        "error: tombolo.yaml:1:9: 0.0.0.0:80 is open",
        "help: write `listen: 127.0.0.1:80`",
        "error: tombolo.yaml:3:12: `A`",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let (_, err) = ends(&run(folder.path(), &["--lang", "zh", "serve"]), 2);
    assert!(err.contains("错误：") && err.contains("建议："), "{err}");
}

#[test]
fn a_store_that_cannot_be_reached_exits_3() {
    let folder = TempDir::new().unwrap();
    let (_, err) = ends(&run(folder.path(), &["export", "out"]), 3);
    assert!(err.contains("error: "), "{err}");
}

#[tokio::test]
async fn serve_says_where_it_is_and_ends_with_0_when_it_is_told_to() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("tombolo.yaml"), "listen: 127.0.0.1:0\n").unwrap();
    for signal in ["-TERM", "-INT"] {
        let mut gateway = tombolo(folder.path(), &["serve", "--data", "here"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(gateway.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.find_map(|line| Some(line.trim().strip_prefix("FHIR")?.trim().to_owned()));
        let url = url.expect("the gateway says where its FHIR API is");
        assert!(lines.any(|line| line == "ready"));
        let response = client().get(format!("{url}/metadata")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let killed =
            Command::new("kill").args([signal, &gateway.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(gateway.wait().unwrap().code(), Some(0), "{signal}");
        assert!(folder.path().join("here/tombolo.db").is_file());
    }
}

#[test]
fn validate_tells_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("good.json", &json!({ "resourceType": "Patient", "id": "a" }).to_string());
    write(
        "two.ndjson",
        "{\"resourceType\":\"Patient\"}\n\n{\"resourceType\":\"Patient\",\"birthDate\":\"2024-02-30\"}\n",
    );
    write("broken.json", "{");
    let (out, _) = ends(&run(folder.path(), &["validate", "good.json"]), 0);
    assert_eq!(out, "1 checked, all fine\n");
    let (out, _) = ends(&run(folder.path(), &["validate", "good.json", "two.ndjson"]), 1);
    assert!(out.contains("two.ndjson:3: error: ") && out.contains("Patient.birthDate"), "{out}");
    assert!(out.ends_with("3 checked, 1 with errors\n"), "{out}");
    let (out, _) = ends(&run(folder.path(), &["validate", "--format", "json", "two.ndjson"]), 1);
    let outcomes: Vec<Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(outcomes[1]["issue"][0]["expression"][0], "Patient.birthDate");
    let (out, _) = ends(&run(folder.path(), &["validate", "broken.json"]), 1);
    assert!(out.contains("broken.json: error: not JSON"), "{out}");
    ends(&run(folder.path(), &["validate", "nowhere.json"]), 2);
}

#[test]
fn what_is_imported_comes_out_again() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let mut lines = String::new();
    for n in 0..600 {
        let name = format!("n{n}");
        let patient = json!({ "resourceType": "Patient", "id": format!("p{n}"), "name": [{ "family": name }] });
        lines += &format!("{patient}\n");
    }
    // The same one again, as a later version.
    lines += "{\"resourceType\":\"Patient\",\"id\":\"p0\",\"active\":true}\n";
    std::fs::create_dir(folder.path().join("in")).unwrap();
    write("in/a.ndjson", &lines);
    let urn = "urn:uuid:6f0c8a5e-1f6d-4e54-9d43-3f1f7a3b0001";
    let transaction = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": urn, "resource": { "resourceType": "Organization", "name": "卫生院" }, "request": { "method": "POST", "url": "Organization" } },
        { "resource": { "resourceType": "Patient", "id": "p1", "managingOrganization": { "reference": urn } }, "request": { "method": "PUT", "url": "Patient/p1" } },
    ] });
    write("in/b.json", &transaction.to_string());
    let collection = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "x" }, "valueQuantity": { "value": "@" } } },
    ] });
    write("in/c.json", &collection.to_string().replace("\"@\"", "1.00"));
    let (out, err) = ends(&run(folder.path(), &["import", "in"]), 0);
    assert!(out.starts_with("604 resources imported, 0 refused, "), "{out}{err}");

    let (out, _) = ends(&run(folder.path(), &["export", "out"]), 0);
    assert!(out.contains("600  out/Patient.ndjson"), "{out}");
    let patients = std::fs::read_to_string(folder.path().join("out/Patient.ndjson")).unwrap();
    let patients: Vec<Value> =
        patients.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(patients.len(), 600);
    let of = |id: &str| patients.iter().find(|patient| patient["id"] == id).unwrap();
    assert_eq!((&of("p0")["active"], &of("p0")["meta"]["versionId"]), (&json!(true), &json!("2")));
    let organization = of("p1")["managingOrganization"]["reference"].as_str().unwrap();
    assert!(organization.starts_with("Organization/"), "{organization}");
    let observation =
        std::fs::read_to_string(folder.path().join("out/Observation.ndjson")).unwrap();
    assert!(observation.contains("\"value\":1.00"), "{observation}");

    write(
        "bad.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"ok\"}\nnonsense\n{\"resourceType\":\"Patient\",\"id\":\"bad\",\"birthDate\":\"2024-02-30\"}\n",
    );
    let (out, err) = ends(&run(folder.path(), &["import", "bad.ndjson"]), 1);
    assert!(out.starts_with("1 resources imported, 2 refused"), "{out}");
    assert!(
        err.contains("bad.ndjson:2: ")
            && err.contains("bad.ndjson:3: ")
            && err.contains("birthDate"),
        "{err}"
    );
}

/// A file of many parts is translated as one: nothing is lost between the parts, and places are those of
/// the file.
#[test]
fn a_long_csv_is_translated_in_parts() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let mapping = "lang: 1\nmapping: visits\nversion: 1.0.0\ntitle: Visits\nsource: csv\n\
        schema: schema.yaml\ntarget: fhir@4.0.1\ncodes:\n  sex: [1 <-> male, 2 <-> female]\n\
        resources:\n  Patient patient:\n    key: pid(id)\n    identifier[0].value: id\n\
        \x20   gender: sex | code(sex)\nignore:\n  note: too long\n";
    write("maps/visits/mapping.yaml", mapping.as_bytes());
    write("maps/visits/schema.yaml", b"schema: csv\nheader: [id, sex, note]\n");
    let note = "\u{6d4b}\r\n".repeat(180);
    let mut text = "\u{feff}id,sex,note\r\n".to_owned();
    for n in 0..4000 {
        text += &format!("{n},1,\"{note}\"\r\n");
    }
    let lines = text.matches('\n').count();
    text += "4000,7,x\r\n4001,1\r\n";
    assert!(text.len() > 3 << 20);
    write("long.csv", text.as_bytes());
    let line = ["-C", "maps", "translate", "--issues", "issues.json", "long.csv"];
    let (out, err) = ends(&run(folder.path(), &line), 1);
    let bundles: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(bundles.len(), 4001);
    let number = |n: usize| &bundles[n]["entry"][0]["resource"]["identifier"][0]["value"];
    assert!((0..4001).all(|n| number(n) == &json!(n.to_string())), "each once and in order");
    let at = text.rfind("7,x").unwrap();
    assert!(err.contains(&format!("sex bytes {at}..{}: ", at + 1)), "{err}");
    let at = text.rfind("4001").unwrap();
    let said = format!("line {}, bytes {at}..{}: the row has 2 cells", lines + 2, at + 6);
    assert!(err.contains(&said), "{said}: {err}");
    let issues = std::fs::read(folder.path().join("issues.json")).unwrap();
    let issues: Value = serde_json::from_slice(&issues).unwrap();
    assert_eq!(issues["issue"].as_array().unwrap().len(), 2, "{issues}");
}
