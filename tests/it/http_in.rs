//! `POST /in/NAME` over a real socket.

use std::net::SocketAddr;

use axum::extract::Request;
use serde_json::Value;
use tombolo::flow::{Inbound, Invalid};
use tombolo::listen::config::Http;
use tombolo::listen::http::router;
use tombolo::store::Status;

use crate::support::TestStore;
use crate::support::inbound::{a04, channel, clinic, hospital, journal, kept, msa, resource};

/// Serves these channels and gives the base URL.
async fn serve(channels: Vec<Inbound>, limit: usize) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let channels = channels.into_iter().map(|inbound| (Http { limit }, inbound)).collect();
    let service = router(channels);
    let service =
        axum::ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    tokio::spawn(async move { axum::serve(listener, service).await });
    base
}

async fn post(url: &str, accept: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let request = reqwest::Client::new().post(url).header("accept", accept).body(body);
    let response = request.send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.bytes().await.unwrap().to_vec())
}

async fn outcome(url: &str, body: Vec<u8>) -> (u16, Vec<String>) {
    let (status, kind, body) = post(url, "*/*", body).await;
    assert_eq!(kind, "application/fhir+json");
    let outcome: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    let issues = outcome["issue"].as_array().unwrap();
    let text = |issue: &Value| {
        format!("{} {}", issue["details"]["text"].as_str().unwrap(), issue["location"])
    };
    (status, issues.iter().map(text).collect())
}

#[tokio::test]
async fn a_record_is_stored_and_answered_with_an_outcome() {
    let at = TestStore::new();
    let base = serve(vec![hospital(&at.store)], 1 << 20).await;
    let (status, texts) = outcome(&format!("{base}/in/adt"), a04("H1", &[])).await;
    assert_eq!(status, 200, "{texts:?}");
    assert!(texts[0].contains("1 of 1 records stored"), "{texts:?}");
    assert!(resource(&at.store, "Patient", "hospital-1.pid.0000001001").await.is_some());
    let (status, texts) = outcome(&format!("{base}/in/adt"), a04("H1", &[])).await;
    assert_eq!((status, texts[0].contains("first answer again")), (200, true), "{texts:?}");
    assert_eq!(journal(&at.store).await.len(), 1);
}

#[tokio::test]
async fn hl7_is_answered_in_hl7_where_that_is_asked_for() {
    let at = TestStore::new();
    let base = serve(vec![hospital(&at.store)], 1 << 20).await;
    let url = format!("{base}/in/adt");
    let accept = "application/json, application/hl7-v2; charset=utf-8";
    let (status, kind, body) = post(&url, accept, a04("A1", &[])).await;
    assert_eq!(
        (status, &*kind, msa(&body)),
        (200, "application/hl7-v2", ("AA".into(), "A1".into()))
    );
    let (status, _, body) = post(&url, accept, a04("A2", &[("19650315", "20240230")])).await;
    assert_eq!((status, msa(&body).0), (422, "AE".into()));
}

#[tokio::test]
async fn what_is_refused_says_where_and_is_kept() {
    let at = TestStore::new();
    let base = serve(vec![hospital(&at.store)], 1 << 20).await;
    let bad = a04("B1", &[("19650315", "20240230")]);
    let (status, texts) = outcome(&format!("{base}/in/adt"), bad.clone()).await;
    assert_eq!(status, 422);
    assert!(texts.iter().any(|t| t.contains("20240230") && t.contains("PID-7")), "{texts:?}");
    assert_eq!(kept(&at.store).await.arrival.bytes.as_ref(), bad);
    let (status, texts) = outcome(&format!("{base}/in/adt"), b"<a/>".to_vec()).await;
    assert_eq!(status, 422, "{texts:?}");
    assert_eq!(at.store.counts().await.unwrap().journal, [0, 2, 0]);
}

#[tokio::test]
async fn a_quarantined_record_is_accepted() {
    let at = TestStore::new();
    let inbound = channel(&at.store, "aside", "hospital-1", &["hospital-adt"], Invalid::Quarantine);
    let base = serve(vec![inbound], 1 << 20).await;
    let bad = a04("Q1", &[("19650315", "20240230")]);
    let (status, _) = outcome(&format!("{base}/in/aside"), bad).await;
    assert_eq!(status, 202);
    assert_eq!(journal(&at.store).await[0].arrival.outcome.status, Status::Quarantined);
}

#[tokio::test]
async fn unknown_channels_long_bodies_and_a_lost_store_have_their_own_status() {
    let at = TestStore::new();
    let base = serve(vec![hospital(&at.store)], 1000).await;
    let (status, texts) = outcome(&format!("{base}/in/nobody"), a04("X1", &[])).await;
    assert_eq!((status, texts[0].contains("`nobody`")), (404, true));
    let mut long = a04("X2", &[]);
    long.resize(5000, b'x');
    let (status, texts) = outcome(&format!("{base}/in/adt"), long.clone()).await;
    assert_eq!((status, texts[1].contains("1000 bytes")), (413, true), "{texts:?}");
    assert!(long.starts_with(&kept(&at.store).await.arrival.bytes));
    at.store.close().await.unwrap();
    let (status, texts) = outcome(&format!("{base}/in/adt"), a04("X3", &[])).await;
    assert_eq!((status, texts[1].contains("again")), (503, true), "{texts:?}");
}

#[tokio::test]
async fn a_file_of_rows_may_come_by_http_too() {
    let at = TestStore::new();
    let base = serve(vec![clinic(&at.store)], 1 << 20).await;
    let rows = crate::files::rows(&[("SF1", "2026-02-16"), ("SF2", "2024-02-30")]);
    let (status, texts) = outcome(&format!("{base}/in/drop"), rows).await;
    assert_eq!((status, texts[0].contains("1 of 2 records stored")), (422, true), "{texts:?}");
    assert!(texts.iter().any(|t| t.contains("line 3") && t.contains("随访日期")), "{texts:?}");
}
