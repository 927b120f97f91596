//! Database files on the command line: read as records, and what a put would tell the database.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Map, Value};
use tempfile::TempDir;

/// The intermediate database of the sample hospital, in its interchange form.
const RECORDS: &str = include_str!("../../mappings/his-zjk/tests/01-whole-database.json");
const BUNDLES: &str = include_str!("../../mappings/his-zjk/tests/01-whole-database.fhir.json");

fn tombolo(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombolo"));
    command.args(arguments).current_dir(folder).env("LC_ALL", "C").output().unwrap()
}

#[track_caller]
fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// The records' own rows as an SQLite file.
fn database(path: &Path) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(path).unwrap();
    for line in RECORDS.lines() {
        let record: Map<String, Value> = serde_json::from_str(line).unwrap();
        for (table, rows) in record.iter().filter(|(name, _)| *name != "lookup") {
            for row in rows.as_array().unwrap() {
                let row = row.as_object().unwrap();
                let names: Vec<&str> = row.keys().map(String::as_str).collect();
                let columns = names.join(", ");
                database
                    .execute_batch(&format!("CREATE TABLE IF NOT EXISTS {table} ({columns})"))
                    .unwrap();
                let marks = vec!["?"; names.len()].join(", ");
                let values = row.values().map(|value| match value {
                    Value::Null => rusqlite::types::Value::Null,
                    Value::Number(n) => rusqlite::types::Value::Integer(n.as_i64().unwrap()),
                    other => rusqlite::types::Value::Text(other.as_str().unwrap().to_owned()),
                });
                database
                    .execute(
                        &format!("INSERT INTO {table} ({columns}) VALUES ({marks})"),
                        rusqlite::params_from_iter(values),
                    )
                    .unwrap();
            }
        }
    }
    database
}

fn bundles(folder: &Path) -> Vec<Value> {
    let output = tombolo(folder, &["translate", "--from", "his-zjk", "zjk.sqlite"]);
    text(&output).0.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_sqlite_file_is_read_as_its_interchange_form() {
    let folder = TempDir::new().unwrap();
    database(&folder.path().join("zjk.sqlite"));
    let wanted: Vec<Value> = serde_json::from_str(BUNDLES).unwrap();
    assert_eq!(bundles(folder.path()), wanted);
}

#[test]
fn a_put_is_told_as_statements_that_know_the_old_value() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("zjk.sqlite");
    let database = database(&path);
    let mut all = bundles(folder.path());
    // The first diagnosis of the first visit gets another name, the second is deleted.
    for bundle in &mut all {
        for entry in bundle["entry"].as_array_mut().unwrap() {
            let url = entry["request"]["url"].as_str().unwrap_or("").to_owned();
            if url.ends_with("dx.ZD001") {
                entry["resource"]["code"]["text"] = "高血压3级".into();
            }
            if url.ends_with("dx.ZD002") {
                *entry = serde_json::json!({ "request": { "method": "DELETE", "url": url } });
            }
        }
    }
    let text_of = |bundle: &Value| bundle.to_string() + "\n";
    std::fs::write(folder.path().join("new.json"), all.iter().map(text_of).collect::<String>())
        .unwrap();
    let arguments = [
        "translate",
        "--from",
        "fhir",
        "--to",
        "his-zjk",
        "--over",
        "zjk.sqlite",
        "--statements",
        "new.json",
    ];
    let (out, err) = text(&tombolo(folder.path(), &arguments));
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            "UPDATE V_MZZD SET ZDMC = ? WHERE ZDLSH = ? AND ZDMC = ?  -- '高血压3级', 'ZD001', '原发性高血压'",
            "UPDATE V_MZZD SET ZFBZ = ? WHERE ZDLSH = ? AND ZFBZ = ?  -- '1', 'ZD002', '0'",
        ],
        "{err}"
    );
    // Nobody wrote to the file.
    let name: String = database
        .query_row("SELECT ZDMC FROM V_MZZD WHERE ZDLSH = 'ZD001'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "原发性高血压");
}

#[test]
fn a_table_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("zjk.sqlite");
    let database = database(&path);
    database.execute_batch("ALTER TABLE V_ZYJL DROP COLUMN CYXJ").unwrap();
    let output = tombolo(folder.path(), &["translate", "--from", "his-zjk", "zjk.sqlite"]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("zjk.sqlite: V_ZYJL has no column CYXJ"), "{err}");
    database.execute_batch("DROP TABLE V_ZYJL").unwrap();
    let output = tombolo(folder.path(), &["translate", "--from", "his-zjk", "zjk.sqlite"]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("the table V_ZYJL cannot be read"), "{err}");
}
