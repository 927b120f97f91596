//! Search as its users see it: links, paging, refusals. What each parameter finds is tested with
//! the store.

use serde_json::{Value, json};

use crate::support::fhir::{Server, got, patient};

fn ids(page: &Value) -> Vec<String> {
    let entries = page["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

fn link(page: &Value, relation: &str) -> Option<String> {
    let link = page["link"].as_array()?.iter().find(|link| link["relation"] == relation)?;
    Some(link["url"].as_str()?.to_owned())
}

#[tokio::test]
async fn a_search_gives_a_searchset() {
    let server = Server::start().await;
    server.patient("a", "Wang").await;
    server.patient("b", "Li").await;
    let page = server.get("/Patient?name=wang").await.is(200..=200).json();
    assert_eq!((&page["resourceType"], &page["type"]), (&json!("Bundle"), &json!("searchset")));
    assert_eq!(ids(&page), ["a"]);
    assert_eq!(page["entry"][0]["fullUrl"], format!("{}/Patient/a", server.base));
    assert_eq!(page["entry"][0]["search"]["mode"], "match");
    assert_eq!(page["entry"][0]["resource"]["meta"]["versionId"], "1");
    assert_eq!(link(&page, "self").unwrap(), format!("{}/Patient?name=wang", server.base));
    assert_eq!(link(&page, "next"), None);
    let none = server.get("/Patient?name=zhao").await.is(200..=200).json();
    assert!(none.get("entry").is_none());
    server.delete("/Patient/a").await;
    assert_eq!(ids(&server.get("/Patient?name=wang").await.json()), Vec::<String>::new());
}

#[tokio::test]
async fn a_form_by_post_is_the_same_search() {
    let server = Server::start().await;
    server.patient("a", "王").await;
    let post = |media: &'static str, body: &'static str| {
        let request = server.request(reqwest::Method::POST, "/Patient/_search");
        got(request.header("content-type", media).body(body))
    };
    let form = "application/x-www-form-urlencoded";
    let page = post(form, "name=%E7%8E%8B&_pretty=true").await.is(200..=200);
    assert!(page.text.contains('\n'));
    assert_eq!(ids(&page.json()), ["a"]);
    post("application/json", "{}").await.refused(415, "not-supported", "application/json");
    post(form, "nmae=x").await.refused(400, "not-supported", "nmae");
}

#[tokio::test]
async fn next_links_lead_to_the_end_while_others_write() {
    let server = Server::start().await;
    let all: Vec<String> = (0..25).map(|n| format!("p{n:02}")).collect();
    for id in &all {
        server.put(&format!("/Patient/{id}"), &patient(id, "Wang")).await.is(201..=201);
    }
    let mut url = "/Patient?name=wang&_count=4".to_owned();
    let mut seen = Vec::new();
    for round in 0.. {
        let page = server.get(&url).await.is(200..=200).json();
        seen.extend(ids(&page));
        server.put(&format!("/Patient/new{round}"), &patient(&format!("new{round}"), "Wang")).await;
        server.delete(&format!("/Patient/p{:02}", 24 - round)).await;
        server.put("/Patient/p10", &patient("p10", "Li")).await;
        match link(&page, "next") {
            Some(next) => url = next,
            None => break,
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, all, "a page is of the moment of the first one: none twice, none missing");
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let server = Server::start().await;
    for (query, code, part) in [
        ("nmae=x", "not-supported", "nmae"),
        ("name:sounds=x", "not-supported", "sounds"),
        ("birthdate=yesterday", "", "yesterday"),
        ("_count=many", "", "many"),
        ("_page=broken", "", ""),
    ] {
        let told = server.get(&format!("/Patient?{query}")).await;
        assert!(matches!(told.status.as_u16(), 400 | 422), "{query}: {told:?}");
        let issue = &told.json()["issue"][0];
        assert!(code.is_empty() || issue["code"] == code, "{query}: {issue}");
        assert!(issue["details"]["text"].as_str().unwrap().contains(part), "{query}: {issue}");
    }
}
