//! The gateway as a whole: what it starts with, what keeps it from starting, how it stops.

use std::path::Path;

use tempfile::TempDir;
use tombolo::app::App;
use tombolo::config::Config;
use tombolo::translate::Library;

use crate::support::fhir::client;

fn config(text: &str, folder: &Path) -> Config {
    Config::parse(text, "tombolo.yaml", folder).unwrap()
}

fn library() -> Library {
    Library::open(&[]).unwrap()
}

#[tokio::test]
async fn an_empty_configuration_is_a_fhir_server() {
    let folder = TempDir::new().unwrap();
    let app = App::start(config("listen: 127.0.0.1:0", folder.path()), library()).await.unwrap();
    let url = format!("http://{}", app.address());
    let get =
        async |path: &str| client().get(format!("{url}{path}")).send().await.unwrap().status();
    assert_eq!(get("/health/ready").await, 200);
    assert_eq!(get("/fhir/metadata").await, 200);
    assert_eq!(get("/in/nothing").await, 405);
    assert!(folder.path().join("data/tombolo.db").is_file());
    app.stop().await.unwrap();
    assert!(client().get(format!("{url}/health/live")).send().await.is_err());
}

#[tokio::test]
async fn every_channel_has_its_door() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("drop")).unwrap();
    let text = "\
listen: 127.0.0.1:0
parties:
  hospital-1: { kind: hospital, name: 示例市第一人民医院 }
  clinic-1: { kind: community, name: 示例社区卫生服务中心 }
  cdc: { kind: cdc, name: 示例市疾病预防控制中心 }
inbound:
  adt: { party: hospital-1, mllp: 127.0.0.1:0, mappings: [hospital-adt] }
  reports: { party: hospital-1, http: true, mappings: [hospital-oru] }
  drop: { party: clinic-1, files: { folder: drop, pattern: '*.csv' }, mappings: [htn-followup] }
outbound:
  cdc-card: { party: cdc, when: 'Composition?status=final', mapping: cdc-card, http: { url: 'http://127.0.0.1:1/' } }
flows: [report-card]
";
    let app = App::start(config(text, folder.path()), library()).await.unwrap();
    let mllp = app.channel("adt").unwrap();
    tokio::net::TcpStream::connect(mllp).await.unwrap();
    assert_eq!(app.channel("reports"), None);
    let get = client().get(format!("http://{}/in/reports", app.address())).send().await.unwrap();
    assert_eq!(get.status(), 405);
    app.stop().await.unwrap();
    assert!(tokio::net::TcpStream::connect(mllp).await.is_err());
}

#[tokio::test]
async fn what_does_not_fit_together_keeps_it_from_starting() {
    let folder = TempDir::new().unwrap();
    let parties = "parties: { h: { kind: hospital, name: x } }\n";
    for (text, place, what, advice) in [
        ("listen: 0.0.0.0:0", "1:9", "open to the network", "127.0.0.1:0"),
        ("parties: { Big: { kind: cdc, name: x } }", "1:12", "`Big` cannot name a party", "a-z"),
        (
            "parties: { h: { kind: cdc, name: x, uscc: '123' } }",
            "1:43",
            "`123` is not a unified",
            "18 characters",
        ),
        (
            "inbound: { a: { party: g, http: true, mappings: [hospital-adt] } }",
            "2:24",
            "no party `g`",
            "did you mean `h`?",
        ),
        (
            "inbound: { a: { party: h, http: true, mappings: [hospital-atd] } }",
            "2:39",
            "no mapping `hospital-atd`",
            "did you mean `hospital-adt`?",
        ),
        (
            "inbound: { a: { party: h, http: true, mappings: [] } }",
            "2:12",
            "names no mapping",
            "mappings:",
        ),
        ("inbound: { a: { party: h, mappings: [hospital-adt] } }", "2:12", "no door", "mllp"),
        (
            "inbound: { a: { party: h, http: true, mllp: '127.0.0.1:1', mappings: [hospital-adt] } }",
            "2:12",
            "2 doors",
            "one channel for each",
        ),
        (
            "inbound:\n  a: { party: h, mllp: 127.0.0.1:9, mappings: [hospital-adt] }\n  b: { party: h, mllp: 127.0.0.1:9, mappings: [hospital-adt] }",
            "4:24",
            "taken by `inbound.a`",
            "a port of its own",
        ),
        (
            "inbound: { a: { party: h, files: { folder: nowhere }, mappings: [htn-followup] } }",
            "2:44",
            "nowhere cannot be read",
            "make it",
        ),
        (
            "outbound: { o: { party: h, when: 'Composition?nonsense=1', mapping: cdc-card, http: { url: 'http://h/' } } }",
            "2:34",
            "nonsense",
            "",
        ),
        (
            "outbound: { o: { party: h, when: 'Composition?status=final', mapping: cdc-card, http: { url: 'ftp://u:secret@h/' } } }",
            "2:94",
            "ftp://…@h/",
            "https://",
        ),
        (
            "outbound: { o: { party: h, mapping: cdc-card, http: { url: 'http://h/' } } }",
            "2:13",
            "nothing says when",
            "when:",
        ),
        (
            "parties: { h: { kind: cdc, name: x, unit: '12' } }",
            "1:43",
            "`12` is not a reporting unit",
            "9 digits",
        ),
        (
            "flows: [nonsense]\nparties: { c: { kind: cdc, name: x } }",
            "1:1",
            "no flow `nonsense`",
            "_flows/",
        ),
        ("flows: [report-card]", "1:1", "not exactly one", "kind: cdc"),
    ] {
        let text = if text.starts_with("inbound") || text.starts_with("outbound") {
            format!("{parties}{text}")
        } else {
            text.to_owned()
        };
        let config = config(&format!("{text}\nstore: sqlite:none/x.db"), folder.path());
        let told = config.check(&library());
        let error = told.first().unwrap_or_else(|| panic!("nothing is wrong with {text}"));
        let line = error.to_string();
        assert!(line.starts_with(&format!("tombolo.yaml:{place}: ")), "{text}: {line}");
        assert!(line.contains(what) && line.contains(advice), "{text}: {line}");
        assert_eq!(error.kind.facts().exit, 2);
        let started = App::start(config, library()).await;
        assert_eq!(started.err().map(|error| error.to_string()), Some(line));
    }
    assert!(!folder.path().join("none").exists(), "nothing is made by a start that is refused");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!("listen: {}", taken.local_addr().unwrap());
    let error = App::start(config(&text, folder.path()), library()).await.err().unwrap();
    assert!(error.to_string().contains("cannot listen on 127.0.0.1"), "{error}");
}
