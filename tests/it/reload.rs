//! A mapping changed while the gateway runs: taken in when it proves right, refused when not.

use std::path::Path;

use tempfile::TempDir;
use tombolo::app::App;
use tombolo::config::Config;
use tombolo::translate::Library;

use crate::support::fhir::client;

const MAPPING: &str = "\
lang: 1
mapping: ward
version: 1.0.0
title: Beds of a ward
source: csv
schema: schema.yaml
target: fhir@4.0.1
codes:
  sex:
    - m <-> male
    - w <-> female
resources:
  Patient patient:
    key: pid(number)
    identifier[0].value: number
    gender: sex | code(sex)
";

const SCHEMA: &str = "schema: csv\nheader: [number, sex]\n";

const CONFIG: &str = "\
listen: 127.0.0.1:0
parties:
  ward-1: { kind: hospital, name: Ward }
inbound:
  beds: { party: ward-1, http: true, mappings: [ward] }
";

struct Ward {
    app: App,
    mappings: TempDir,
    _data: TempDir,
}

impl Ward {
    async fn open() -> Ward {
        let (mappings, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let ward = mappings.path().join("ward");
        std::fs::create_dir_all(ward.join("tests")).unwrap();
        write(&ward.join("mapping.yaml"), MAPPING);
        write(&ward.join("schema.yaml"), SCHEMA);
        write(&ward.join("tests/01.csv"), "number,sex\r\n1,m\r\n");
        let library = Library::open(&[mappings.path().to_owned()]).unwrap();
        let config = Config::parse(CONFIG, "tombolo.yaml", data.path()).unwrap();
        let app = App::start(config, library).await.unwrap();
        Ward { app, mappings, _data: data }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address())
    }

    /// Sends a row; the gender that the patient then has.
    async fn gender(&self, number: &str, sex: &str) -> Option<String> {
        let rows = format!("number,sex\r\n{number},{sex}\r\n");
        client().post(self.url("/in/beds")).body(rows).send().await.unwrap();
        let url = self.url(&format!("/fhir/Patient/ward-1.pid.{number}"));
        let patient: serde_json::Value =
            client().get(url).send().await.unwrap().json().await.unwrap();
        patient["gender"].as_str().map(str::to_owned)
    }

    fn change(&self, from: &str, to: &str) {
        assert!(MAPPING.contains(from));
        write(&self.mappings.path().join("ward/mapping.yaml"), &MAPPING.replace(from, to));
    }

    /// Waits until this many changes of `ward` came to this.
    async fn until(&self, outcome: &str, times: usize) {
        let line = format!(
            "tombolo_mapping_reloads_total{{mapping=\"ward\",outcome=\"{outcome}\"}} {times}"
        );
        for _ in 0..2000 {
            let text = client().get(self.url("/metrics")).send().await.unwrap();
            if text.text().await.unwrap().lines().any(|l| l == line) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("never came: {line}");
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_changed_mapping_is_taken_in_or_refused() {
    let ward = Ward::open().await;
    assert_eq!(ward.gender("1", "m").await.as_deref(), Some("male"));
    ward.change("- m <-> male\n    - w <-> female", "- m <-> female\n    - w <-> male");
    ward.until("done", 1).await;
    assert_eq!(ward.gender("2", "m").await.as_deref(), Some("female"));
    // A mistake that the check finds, and one that only a test of the folder finds.
    ward.change("gender: sex", "gendre: sex");
    ward.until("refused", 1).await;
    assert_eq!(ward.gender("3", "m").await.as_deref(), Some("female"));
    let golden = ward.mappings.path().join("ward/tests/01.fhir.json");
    write(&golden, "{}");
    ward.change("title: Beds", "title: All beds");
    ward.until("refused", 2).await;
    assert_eq!(ward.gender("4", "m").await.as_deref(), Some("female"));
    std::fs::remove_file(golden).unwrap();
    ward.until("done", 2).await;
    assert_eq!(ward.gender("5", "m").await.as_deref(), Some("male"));
    ward.app.stop().await.unwrap();
}
