//! What users see of a configuration: what is read, and how mistakes are told.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::*;

/// The example of the documentation.
const EXAMPLE: &str = r#"
listen: 127.0.0.1:8080
store: sqlite:data/tombolo.db
parties:
  hospital-1: { kind: hospital, name: 示例市第一人民医院, uscc: 12539901400000018A }
  clinic-1:   { kind: community, name: 示例社区卫生服务中心 }
  cdc:        { kind: cdc, name: 示例市疾病预防控制中心 }
inbound:
  adt:     { party: hospital-1, mllp: 127.0.0.1:2575, mappings: [hospital-adt, hospital-oru] }
  reports: { party: hospital-1, http: true, mappings: [hospital-oru] }
  drop:    { party: clinic-1, files: { folder: drop/clinic, pattern: "*.csv" }, mappings: [htn-followup] }
outbound:
  cdc-card: { party: cdc, when: "Composition?type=HSDB03.02&status=final,amended", mapping: cdc-card, http: { url: "https://cdc.example/cards" } }
"#;

fn parse(text: &str) -> Result<Config> {
    let environment = HashMap::from([("TOKEN".to_owned(), "s3cret".to_owned())]);
    file::parse(text, "tombolo.yaml", Path::new("/srv"), environment)
}

fn refused(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.kind.facts().exit, 2);
    error.to_string()
}

#[test]
fn the_example_is_read() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.store.reveal(), "sqlite:/srv/data/tombolo.db");
    assert_eq!(
        config.inbound["drop"].files.as_ref().unwrap().folder,
        Path::new("/srv/drop/clinic")
    );
    let party = config.party("hospital-1").unwrap();
    assert_eq!(party.title, "示例市第一人民医院");
    assert_eq!(party.uscc.as_deref(), Some("12539901400000018A"));
    assert_eq!(config.outbound["cdc-card"].http.url.reveal(), "https://cdc.example/cards");
}

#[test]
fn nothing_is_needed() {
    for empty in ["", "\n# only a comment\n"] {
        let config = parse(empty).unwrap();
        assert_eq!(config.listen, Config::default().listen);
        assert_eq!(config.store.reveal(), "sqlite:/srv/data/tombolo.db");
    }
    assert!(parse("listen: 127.0.0.1:0").unwrap().parties.is_empty());
}

#[test]
fn the_environment_is_expanded_and_not_shown() {
    let outbound = |url: &str| {
        format!("outbound:\n  x:\n    party: cdc\n    mapping: m\n    http: {{ url: \"{url}\" }}\n")
    };
    let config = parse(&outbound("https://u:${TOKEN}@${HOST:-cdc.example}/x")).unwrap();
    let url = &config.outbound["x"].http.url;
    assert_eq!(url.reveal(), "https://u:s3cret@cdc.example/x");
    assert!(!format!("{config:?}").contains("s3cret"));

    for name in ["${NOWHERE}", "$NOWHERE"] {
        let told = refused(&outbound(&format!("https://{name}/x")));
        assert!(told.starts_with("tombolo.yaml:5:"), "{told}");
        assert!(told.contains("NOWHERE is not set"), "{told}");
    }
    assert_eq!(
        parse(&outbound("https://h/$$x")).unwrap().outbound["x"].http.url.reveal(),
        "https://h/$x"
    );
}

#[test]
fn mistakes_are_told_with_their_place_and_advice() {
    for (text, place, what, advice) in [
        ("listne: 127.0.0.1:1", "1:1", "`listne` is not known", "did you mean `listen`?"),
        (
            "inbound:\n  a: { party: p, mlpp: 127.0.0.1:1, mappings: [] }",
            "2:18",
            "`mlpp`",
            "`mllp`",
        ),
        (
            "parties: { a: { kind: clinic, name: x } }",
            "1:23",
            "`clinic`",
            "hospital, community, cdc",
        ),
        ("parties: { a: { name: x } }", "1:17", "`kind` is missing", "add `kind: …`"),
        ("listen: here", "1:9", "socket address", "127.0.0.1:8080"),
        ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", "2:1", "twice", ""),
        ("flows: &a [x]", "1:8", "anchors", ""),
        ("http:\n  idle: 5s\n  max_body: 10 furlongs", "3:13", "10 furlongs", "16MiB"),
        ("a: [", "2:1", "", ""),
    ] {
        let told = refused(text);
        assert!(told.starts_with(&format!("tombolo.yaml:{place}")), "{text}: {told}");
        assert!(told.contains(what) && told.contains(advice), "{text}: {told}");
        assert!(!told.contains('\n'), "{told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let error = Config::read(&PathBuf::from("/nowhere/tombolo.yaml")).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/tombolo.yaml: "), "{error}");
}
