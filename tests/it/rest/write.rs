//! read, vread, history, create, update, delete, with their conditions.

use reqwest::Method;
use serde_json::json;

use crate::support::fhir::{Server, fhir, got, patient};

#[tokio::test]
async fn create_gives_an_id_and_says_where() {
    let server = Server::start().await;
    let sent = json!({ "resourceType": "Patient", "id": "mine", "name": [{ "family": "王" }] });
    let made = server.post("/Patient", &sent).await.is(201..=201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "mine");
    assert_eq!(made.header("location"), format!("{}/Patient/{id}/_history/1", server.base));
    assert_eq!(made.header("etag"), "W/\"1\"");
    assert!(made.header("last-modified").ends_with(" GMT"));
    assert_eq!(made.json()["meta"]["versionId"], "1");
    let read = server.get(&format!("/Patient/{id}")).await.is(200..=200);
    assert_eq!(read.text, made.text);
    assert_eq!(read.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn prefer_chooses_the_body() {
    let server = Server::start().await;
    let make = |prefer: &'static str| {
        let request = server.request(Method::POST, "/Patient").header("prefer", prefer);
        got(fhir(request, &patient("x", "王")))
    };
    let minimal = make("return=minimal").await.is(201..=201);
    assert_eq!((&minimal.text[..], minimal.header("etag")), ("", "W/\"1\""));
    let outcome = make("return=OperationOutcome").await.is(201..=201).json();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(make("return=representation").await.json()["resourceType"], "Patient");
}

#[tokio::test]
async fn a_resource_that_is_not_as_r4_says_is_refused_with_its_path() {
    let server = Server::start().await;
    let bad = json!({ "resourceType": "Patient", "birthDate": "2024-02-30", "nmae": [] });
    let told = server.post("/Patient", &bad).await;
    assert_eq!(told.status, 422, "{told:?}");
    let told = told.json();
    let paths: Vec<&str> = told["issue"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|i| i["expression"][0].as_str())
        .collect();
    assert!(paths.contains(&"Patient.birthDate"), "{told}");
    assert!(paths.iter().any(|path| path.contains("nmae")), "{told}");
    assert_eq!(server.store.store.counts().await.unwrap().resources.len(), 0);
}

#[tokio::test]
async fn an_update_makes_versions_that_all_can_be_read() {
    let server = Server::start().await;
    let made = server.patient("a", "王").await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (201, "W/\"1\""));
    let again = server.patient("a", "李").await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (200, "W/\"2\""));
    let same = server.patient("a", "李").await;
    assert_eq!(same.header("etag"), "W/\"2\"", "nothing changed, so there is no new version");

    let first = server.get("/Patient/a/_history/1").await.is(200..=200);
    assert_eq!(first.json()["name"][0]["family"], "王");
    assert_eq!(first.header("etag"), "W/\"1\"");
    for missing in ["3", "0", "01", "x", "+1"] {
        let path = format!("/Patient/a/_history/{missing}");
        server.get(&path).await.refused(404, "not-found", missing);
    }

    server.put("/Patient/a", &patient("b", "王")).await.refused(400, "structure", "`b`");
    server.put("/Patient/a", &json!({ "resourceType": "Patient" })).await.refused(
        400,
        "structure",
        "no `id`",
    );
    server.put("/Patient/a_b", &patient("a_b", "王")).await.refused(400, "value", "a_b");
}

#[tokio::test]
async fn deleted_is_gone_and_can_come_back() {
    let server = Server::start().await;
    server.patient("a", "王").await;
    let gone = server.delete("/Patient/a").await.is(204..=204);
    assert_eq!(gone.text, "");
    server.get("/Patient/a").await.refused(410, "deleted", "Patient/a");
    server.get("/Patient/a/_history/2").await.refused(410, "deleted", "deletion");
    server.get("/Patient/a/_history/1").await.is(200..=200);
    server.delete("/Patient/a").await.is(204..=204);
    server.delete("/Patient/never").await.is(204..=204);
    server.get("/Patient/never").await.refused(404, "not-found", "Patient/never");
    let back = server.patient("a", "王").await;
    assert_eq!((back.status.as_u16(), back.header("etag")), (201, "W/\"3\""));
}

#[tokio::test]
async fn history_is_newest_first_and_paged_to_the_end() {
    let server = Server::start().await;
    for family in ["一", "二", "三", "四"] {
        server.patient("a", family).await;
    }
    server.delete("/Patient/a").await.is(204..=204);
    let mut url = "/Patient/a/_history?_count=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&url).await.is(200..=200).json();
        assert_eq!((&page["type"], &page["total"]), (&json!("history"), &json!(5)));
        for entry in page["entry"].as_array().unwrap() {
            let method = entry["request"]["method"].as_str().unwrap().to_owned();
            seen.push((entry["response"]["etag"].as_str().unwrap().to_owned(), method));
            assert_eq!(entry.get("resource").is_some(), entry["request"]["method"] != "DELETE");
            assert_eq!(entry["fullUrl"], format!("{}/Patient/a", server.base));
        }
        match next(&page) {
            Some(next) => url = next,
            None => break,
        }
    }
    let expected = [
        ("W/\"5\"", "DELETE"),
        ("W/\"4\"", "PUT"),
        ("W/\"3\"", "PUT"),
        ("W/\"2\"", "PUT"),
        ("W/\"1\"", "PUT"),
    ];
    let seen: Vec<(&str, &str)> = seen.iter().map(|(a, b)| (&a[..], &b[..])).collect();
    assert_eq!(seen, expected);
    server.get("/Patient/b/_history").await.refused(404, "not-found", "Patient/b");
    server.get("/Patient/a/_history?_count=0").await.refused(400, "invalid", "_count");
    server.get("/Patient/a/_history?name=x").await.refused(400, "not-supported", "`name`");
}

#[tokio::test]
async fn a_client_that_has_the_version_gets_304() {
    let server = Server::start().await;
    let made = server.patient("a", "王").await;
    let ask = |name: &'static str, value: String| {
        got(server.request(Method::GET, "/Patient/a").header(name, value))
    };
    for (name, value) in [
        ("if-none-match", "W/\"1\"".to_owned()),
        ("if-none-match", "W/\"7\", W/\"1\"".to_owned()),
        ("if-modified-since", made.header("last-modified").to_owned()),
    ] {
        let same = ask(name, value).await.is(304..=304);
        assert_eq!((&same.text[..], same.header("etag")), ("", "W/\"1\""));
    }
    ask("if-none-match", "W/\"2\"".into()).await.is(200..=200);
    ask("if-modified-since", "Sat, 01 Jan 2000 00:00:00 GMT".into()).await.is(200..=200);
}

#[tokio::test]
async fn an_update_of_an_old_version_is_refused() {
    let server = Server::start().await;
    server.patient("a", "王").await;
    let update = |id: &'static str, name: &'static str, value: &'static str| {
        let request = server.request(Method::PUT, &format!("/Patient/{id}")).header(name, value);
        got(fhir(request, &patient(id, "李")))
    };
    update("a", "if-match", "W/\"1\"").await.is(200..=200);
    update("a", "if-match", "W/\"1\"").await.refused(412, "conflict", "version 2");
    update("a", "if-match", "W/\"x\"").await.refused(412, "conflict", "W/\"x\"");
    update("new", "if-match", "W/\"1\"").await.refused(412, "conflict", "not there");
    update("a", "if-none-match", "*").await.refused(412, "conflict", "there already");
    update("new", "if-none-match", "*").await.is(201..=201);
    let delete = |value: &'static str| {
        got(server.request(Method::DELETE, "/Patient/a").header("if-match", value))
    };
    delete("W/\"1\"").await.refused(412, "conflict", "version 2");
    delete("W/\"2\"").await.is(204..=204);
}

#[tokio::test]
async fn of_many_updates_of_one_version_one_wins() {
    let server = std::sync::Arc::new(Server::start().await);
    server.patient("a", "王").await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let server = server.clone();
        tasks.spawn(async move {
            let request = server.request(Method::PUT, "/Patient/a").header("if-match", "W/\"1\"");
            got(fhir(request, &patient("a", &format!("n{n}")))).await.status.as_u16()
        });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 412), "{statuses:?}");
}

#[tokio::test]
async fn a_conditional_create_makes_one_however_often_it_is_sent() {
    let server = std::sync::Arc::new(Server::start().await);
    let body = json!({
        "resourceType": "Patient",
        "identifier": [{ "system": "urn:oid:1.2", "value": "7" }],
    });
    let create = |condition: &'static str| {
        let (server, body) = (server.clone(), body.clone());
        async move {
            let request =
                server.request(Method::POST, "/Patient").header("if-none-exist", condition);
            got(fhir(request, &body)).await
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        tasks.spawn(create("identifier=urn:oid:1.2|7"));
    }
    let answers = tasks.join_all().await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    for answer in &answers {
        assert!(matches!(answer.status.as_u16(), 200 | 201), "{answer:?}");
        assert_eq!(answer.header("location"), made[0].header("location"));
        assert_eq!(answer.json()["id"], made[0].json()["id"]);
    }
    server.post("/Patient", &body).await.is(201..=201);
    create("identifier=urn:oid:1.2|7").await.refused(412, "conflict", "");
    create("nmae=x").await.refused(400, "not-supported", "nmae");
}

#[tokio::test]
async fn a_write_leaves_an_audit_event() {
    let server = Server::start().await;
    server.patient("a", "王").await;
    server.delete("/Patient/a").await.is(204..=204);
    let rows = server.store.store.audit(None, 10).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|(_, event)| {
            (event["action"].clone(), event["entity"][0]["what"]["reference"].clone())
        })
        .collect();
    assert_eq!(told, [(json!("D"), json!("Patient/a")), (json!("U"), json!("Patient/a"))]);
    assert_eq!(rows[0].1["agent"][0]["network"]["address"], "127.0.0.1");
    let issues = tombolo::validate::structure(&rows[0].1);
    assert!(!tombolo::fhir::outcome::has_errors(&issues), "{issues:?}");
}

fn next(page: &serde_json::Value) -> Option<String> {
    let links = page["link"].as_array()?;
    let next = links.iter().find(|link| link["relation"] == "next")?;
    Some(next["url"].as_str()?.to_owned())
}
