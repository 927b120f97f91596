//! Transactions and batches.

use serde_json::{Value, json};

use crate::support::fhir::{Server, patient};

fn bundle(kind: &str, entries: Value) -> Value {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

fn request(method: &str, url: &str) -> Value {
    json!({ "method": method, "url": url })
}

const URN: &str = "urn:uuid:6f0c8a5e-1f6d-4e54-9d43-3f1f7a3b0001";

fn observation(subject: &str) -> Value {
    json!({
        "resourceType": "Observation", "status": "final", "code": { "text": "体温" },
        "subject": { "reference": subject },
    })
}

#[tokio::test]
async fn entries_find_each_other_and_answers_keep_their_order() {
    let server = Server::start().await;
    server.patient("old", "旧").await;
    let sent = bundle(
        "transaction",
        json!([
            { "request": request("GET", "Patient/p") },
            { "fullUrl": "urn:uuid:o", "resource": observation(URN), "request": request("POST", "Observation") },
            { "fullUrl": URN, "resource": patient("x", "王"), "request": request("POST", "Patient") },
            { "resource": patient("p", "李"), "request": request("PUT", "Patient/p") },
            { "request": request("DELETE", "Patient/old") },
        ]),
    );
    let answer = server.post("", &sent).await.is(200..=200).json();
    assert_eq!(answer["type"], "transaction-response");
    let entries = answer["entry"].as_array().unwrap();
    let statuses: Vec<&str> =
        entries.iter().map(|e| e["response"]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200 OK", "201 Created", "201 Created", "201 Created", "204 No Content"]);
    assert_eq!(entries[0]["resource"]["name"][0]["family"], "李");
    assert_eq!(entries[3]["response"]["etag"], "W/\"1\"");
    assert_eq!(entries[3]["response"]["location"], "Patient/p/_history/1");
    assert!(entries[3]["response"]["lastModified"].is_string());

    let of = |n: usize| {
        let location = entries[n]["response"]["location"].as_str().unwrap();
        location.split("/_history").next().unwrap().to_owned()
    };
    let made = server.get(&format!("/{}", of(1))).await.is(200..=200).json();
    assert_eq!(made["subject"]["reference"], of(2));
    server.get("/Patient/old").await.is(410..=410);
}

#[tokio::test]
async fn one_wrong_entry_keeps_all_from_being_written() {
    let server = Server::start().await;
    server.patient("there", "王").await;
    let good =
        json!({ "resource": patient("new", "李"), "request": request("PUT", "Patient/new") });
    let bad_date = json!({ "resourceType": "Patient", "birthDate": "2024-02-30" });
    let stale = json!({ "method": "PUT", "url": "Patient/there", "ifMatch": "W/\"7\"" });
    for (bad, status, code, part, at) in [
        (
            json!({ "resource": bad_date, "request": request("POST", "Patient") }),
            422,
            "value",
            "",
            "Bundle.entry[1].resource.birthDate",
        ),
        (
            json!({ "resource": patient("there", "李"), "request": stale }),
            412,
            "conflict",
            "version 1",
            "Bundle.entry[1]",
        ),
        (
            json!({ "resource": patient("x", "李"), "request": request("PUT", "Patient/y") }),
            400,
            "structure",
            "`x`",
            "Bundle.entry[1]",
        ),
        (
            json!({ "resource": patient("x", "李"), "request": request("PUT", "Patient?name=x") }),
            400,
            "not-supported",
            "PUT Patient?name=x",
            "Bundle.entry[1]",
        ),
        (
            json!({ "resource": patient("new", "李"), "request": request("PUT", "Patient/new") }),
            400,
            "duplicate",
            "Patient/new",
            "Bundle.entry[1]",
        ),
        (
            json!({ "request": request("GET", "Patient/nobody") }),
            404,
            "not-found",
            "Patient/nobody",
            "Bundle.entry[1]",
        ),
        (
            json!({ "request": request("GET", "Patient?nmae=x") }),
            400,
            "not-supported",
            "nmae",
            "Bundle.entry[1]",
        ),
        (
            json!({ "request": request("POST", "Patient") }),
            422,
            "required",
            "resource",
            "Bundle.entry[1]",
        ),
        (
            json!({ "request": request("DELETE", "Nothing/1") }),
            404,
            "not-supported",
            "Nothing",
            "Bundle.entry[1]",
        ),
        (
            json!({ "resource": observation("Patient?identifier=none|1"), "request": request("POST", "Observation") }),
            412,
            "conflict",
            "Patient?identifier=none|1",
            "Bundle.entry[1]",
        ),
        (json!({ "resource": {} }), 422, "required", "request", "Bundle.entry[1]"),
        (json!(7), 400, "structure", "object", "Bundle.entry[1]"),
    ] {
        let told = server.post("", &bundle("transaction", json!([good, bad]))).await;
        told.refused(status, code, part);
        let expression = &told.json()["issue"][0]["expression"][0];
        assert_eq!(expression, at, "{told:?}");
        server.get("/Patient/new").await.is(404..=404);
    }
    assert_eq!(server.get("/Patient/there").await.header("etag"), "W/\"1\"");
}

#[tokio::test]
async fn bundles_that_are_none_are_told() {
    let server = Server::start().await;
    server.post("", &patient("a", "王")).await.refused(400, "structure", "not a Bundle");
    server.post("", &bundle("collection", json!([]))).await.refused(400, "structure", "collection");
    let no_list = json!({ "resourceType": "Bundle", "type": "batch", "entry": {} });
    server.post("", &no_list).await.refused(400, "structure", "Bundle.entry");
    let empty = server.post("/", &bundle("transaction", json!([]))).await.is(200..=200).json();
    assert_eq!(empty, json!({ "resourceType": "Bundle", "type": "transaction-response" }));

    let config = tombolo::serve::Config { max_entries: 2, ..Default::default() };
    let server = Server::with(config).await;
    let get = json!({ "request": request("GET", "Patient/a") });
    let told = server.post("", &bundle("batch", json!([get, get, get]))).await;
    told.refused(413, "too-costly", "3 entries");
}

#[tokio::test]
async fn conditions_hold_inside_a_transaction() {
    let server = Server::start().await;
    let body = json!({
        "resourceType": "Patient", "identifier": [{ "system": "urn:oid:1.2", "value": "7" }],
    });
    let create =
        json!({ "method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:oid:1.2|7" });
    let sent = bundle(
        "transaction",
        json!([
            { "fullUrl": URN, "resource": body, "request": create },
            { "fullUrl": "urn:uuid:again", "resource": body, "request": create },
            { "resource": observation(URN), "request": request("POST", "Observation") },
            { "resource": observation("urn:uuid:again"), "request": request("POST", "Observation") },
        ]),
    );
    let target = |answer: &Value, n: usize| {
        let location = answer["entry"][n]["response"]["location"].as_str().unwrap();
        location.split("/_history").next().unwrap().to_owned()
    };
    let first = server.post("", &sent).await.is(200..=200).json();
    let second = server.post("", &sent).await.is(200..=200).json();
    assert_eq!(first["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(second["entry"][0]["response"]["status"], "200 OK");
    for (answer, n) in [(&first, 2), (&first, 3), (&second, 2), (&second, 3)] {
        let made = server.get(&format!("/{}", target(answer, n))).await.json();
        assert_eq!(made["subject"]["reference"], target(&first, 0));
    }

    let by_search = bundle(
        "transaction",
        json!([
            { "resource": observation("Patient?identifier=urn:oid:1.2|7"), "request": request("POST", "Observation") },
        ]),
    );
    let answer = server.post("", &by_search).await.is(200..=200).json();
    let made = server.get(&format!("/{}", target(&answer, 0))).await.json();
    assert_eq!(made["subject"]["reference"], target(&first, 0));

    // `mode: create` of a mapping: what is there stays, and the others are written.
    let kept = json!({ "method": "PUT", "url": "Patient/k", "ifNoneMatch": "*" });
    server.patient("k", "王").await;
    let sent = bundle(
        "transaction",
        json!([
            { "resource": patient("k", "李"), "request": kept },
            { "resource": patient("l", "李"), "request": request("PUT", "Patient/l") },
        ]),
    );
    server.post("", &sent).await.is(200..=200);
    assert_eq!(server.get("/Patient/k").await.json()["name"][0]["family"], "王");
    server.get("/Patient/l").await.is(200..=200);
}

#[tokio::test]
async fn prefer_representation_gives_what_was_written() {
    let server = Server::start().await;
    let sent = bundle(
        "transaction",
        json!([
            { "resource": patient("a", "王"), "request": request("PUT", "Patient/a") },
        ]),
    );
    let minimal = server.post("", &sent).await.is(200..=200).json();
    assert!(minimal["entry"][0].get("resource").is_none());
    let asked = server.request(reqwest::Method::POST, "").header("prefer", "return=representation");
    let full = crate::support::fhir::got(crate::support::fhir::fhir(asked, &sent)).await.json();
    assert_eq!(full["entry"][0]["resource"]["meta"]["versionId"], "1");
}

#[tokio::test]
async fn a_batch_does_what_it_can() {
    let server = Server::start().await;
    server.patient("old", "王").await;
    let sent = bundle(
        "batch",
        json!([
            { "request": request("GET", "Patient/a") },
            { "resource": patient("a", "李"), "request": request("PUT", "Patient/a") },
            { "request": request("GET", "Patient/nobody") },
            { "resource": { "resourceType": "Patient", "birthDate": "no" }, "request": request("POST", "Patient") },
            { "request": request("DELETE", "Patient/old") },
            { "request": request("PATCH", "Patient/a") },
            { "resource": {}, "request": request("POST", "") },
        ]),
    );
    let answer = server.post("", &sent).await.is(200..=200).json();
    assert_eq!(answer["type"], "batch-response");
    let entries = answer["entry"].as_array().unwrap();
    let statuses: Vec<&str> =
        entries.iter().map(|e| &e["response"]["status"].as_str().unwrap()[..3]).collect();
    assert_eq!(statuses, ["200", "201", "404", "422", "204", "400", "400"]);
    for n in [2, 3, 5, 6] {
        let outcome = &entries[n]["response"]["outcome"];
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{n}");
        let at = outcome["issue"][0]["expression"][0].as_str().unwrap();
        assert!(at.starts_with(&format!("Bundle.entry[{n}]")), "{at}");
    }
}

#[tokio::test]
async fn of_many_transactions_with_one_condition_none_points_to_nowhere() {
    let server = std::sync::Arc::new(Server::start().await);
    let body = json!({
        "resourceType": "Patient", "identifier": [{ "system": "urn:oid:1.2", "value": "7" }],
    });
    let create =
        json!({ "method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:oid:1.2|7" });
    let sent = bundle(
        "transaction",
        json!([
            { "fullUrl": URN, "resource": body, "request": create },
            { "resource": observation(URN), "request": request("POST", "Observation") },
        ]),
    );
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (server, sent) = (server.clone(), sent.clone());
        tasks.spawn(async move { server.post("", &sent).await.status.as_u16() });
    }
    let statuses = tasks.join_all().await;
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    let patients = server.get("/Patient").await.json();
    assert_eq!(patients["entry"].as_array().unwrap().len(), 1);
    let patient = format!("Patient/{}", patients["entry"][0]["resource"]["id"].as_str().unwrap());
    let observations = server.get("/Observation").await.json();
    let observations = observations["entry"].as_array().unwrap();
    assert_eq!(observations.len(), statuses.iter().filter(|status| **status == 200).count());
    for entry in observations {
        assert_eq!(entry["resource"]["subject"]["reference"], patient);
    }
}
