//! What is HTTP about it: forms, limits, unknown paths, HEAD, drain.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tombolo::serve::Config;

use crate::support::fhir::{Server, got, patient};

#[tokio::test]
async fn unknown_paths_types_and_methods_are_told() {
    let server = Server::start().await;
    server.get("/Nothing").await.refused(404, "not-supported", "`Nothing` is not a resource type");
    server.get("/Patient/1/$everything").await.refused(
        404,
        "not-found",
        "/fhir/Patient/1/$everything",
    );
    let root = server.base.trim_end_matches("/fhir");
    server.get(&format!("{root}/elsewhere")).await.refused(404, "not-found", "/elsewhere");

    for (method, path, allowed) in [
        (Method::PATCH, "/Patient/1", "GET,HEAD,PUT,DELETE"),
        (Method::DELETE, "/Patient", "POST,GET,HEAD"),
        (Method::POST, "/metadata", "GET,HEAD"),
        (Method::GET, "", "POST"),
    ] {
        let told = got(server.request(method.clone(), path)).await;
        told.refused(405, "not-supported", method.as_str());
        let mut told: Vec<&str> = told.header("allow").split(',').collect();
        let mut allowed: Vec<&str> = allowed.split(',').collect();
        told.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(told, allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn only_json_is_spoken_and_this_is_said() {
    let server = Server::start().await;
    server.patient("1", "王").await;
    let accept = |value: &str| {
        got(server.request(Method::GET, "/Patient/1").header("accept", value.to_owned()))
    };
    accept("application/fhir+xml").await.refused(406, "not-supported", "application/fhir+xml");
    accept("application/fhir+xml, */*;q=0.1").await.is(200..=200);
    server.get("/Patient/1?_format=xml").await.refused(406, "not-supported", "_format=xml");
    server.get("/Patient/1?_format=json").await.is(200..=200);
    let pretty = server.get("/Patient/1?_pretty=true").await.is(200..=200);
    assert!(pretty.text.contains("\n  \"id\": \"1\""), "{}", pretty.text);

    let body = patient("2", "李").to_string();
    let send = |media: Option<&'static str>| {
        let request = server.request(Method::PUT, "/Patient/2").body(body.clone());
        got(media.into_iter().fold(request, |request, media| request.header("content-type", media)))
    };
    send(Some("application/fhir+xml")).await.refused(415, "not-supported", "application/fhir+xml");
    send(Some("application/fhir+json; charset=GBK")).await.refused(415, "not-supported", "GBK");
    send(None).await.refused(415, "not-supported", "Content-Type is missing");
    send(Some("application/json")).await.is(201..=201);
    let gzip = server.request(Method::PUT, "/Patient/2").header("content-encoding", "gzip");
    got(gzip.header("content-type", "application/json").body(body.clone())).await.refused(
        415,
        "not-supported",
        "compressed",
    );
}

#[tokio::test]
async fn bodies_that_are_no_resources_are_told() {
    let server = Server::start().await;
    let send = |body: &str| {
        let request = server.request(Method::POST, "/Patient");
        got(request.header("content-type", "application/fhir+json").body(body.to_owned()))
    };
    send("").await.refused(400, "structure", "empty");
    send("{\"resourceType\":").await.refused(400, "structure", "body:1:17");
    send("[]").await.refused(400, "structure", "resourceType");
    send("\"Patient\"").await.refused(400, "structure", "resourceType");
    send("{\"resourceType\":\"Observation\"}").await.refused(400, "structure", "is a Observation");
    send("\u{1}").await.refused(400, "structure", "");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    send(&deep).await.refused(413, "too-long", "inside of each other");
    let twice = "{\"resourceType\":\"Patient\",\"active\":true,\"active\":false}";
    send(twice).await.refused(400, "structure", "active");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_its_sender_hears_it() {
    let server = Server::with(Config { max_body: 1000, ..Config::default() }).await;
    let body = json!({ "resourceType": "Patient", "name": [{ "text": "x".repeat(3000) }] });
    server.post("/Patient", &body).await.refused(413, "too-long", "1000 bytes");
    let fits = json!({ "resourceType": "Patient", "name": [{ "text": "x".repeat(900) }] });
    server.post("/Patient", &fits).await.is(201..=201);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let body_timeout = Duration::from_millis(50);
    let server = Server::with(Config { body_timeout, ..Config::default() }).await;
    let mut socket = TcpStream::connect(host(&server)).await.unwrap();
    let head = "POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("OperationOutcome"), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_given_up() {
    let server =
        Server::with(Config { idle: Duration::from_millis(50), ..Config::default() }).await;
    let mut socket = TcpStream::connect(host(&server)).await.unwrap();
    socket.write_all(b"GET /fhir/Patient/1 HTTP/1.1\r\nHost: ").await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let server = Server::start().await;
    server.patient("1", "王").await;
    let full = server.get("/Patient/1").await;
    let head = got(server.request(Method::HEAD, "/Patient/1")).await.is(200..=200);
    assert_eq!(head.text, "");
    for name in ["etag", "last-modified", "content-type", "content-length"] {
        assert_eq!(head.header(name), full.header(name), "{name}");
    }
    got(server.request(Method::HEAD, "/Patient/2")).await.is(404..=404);
}

#[tokio::test]
async fn parameters_that_an_interaction_does_not_have_are_refused() {
    let server = Server::start().await;
    server.patient("1", "王").await;
    server.get("/Patient/1?name=x").await.refused(400, "not-supported", "`name`");
    server.get("/metadata?mode=full").await.refused(400, "not-supported", "`mode`");
    server.get("/Patient/1?_format=%zz").await.refused(400, "invalid", "%zz");
}

#[tokio::test]
async fn links_name_the_host_that_was_asked() {
    let server = Server::start().await;
    let body = patient("1", "王");
    let request = server.request(Method::PUT, "/Patient/1").header("host", "fhir.example.org:8443");
    let made = got(crate::support::fhir::fhir(request, &body)).await.is(201..=201);
    assert_eq!(made.header("location"), "http://fhir.example.org:8443/fhir/Patient/1/_history/1");

    let base = Some("https://gateway.example/fhir".to_owned());
    let server = Server::with(Config { base, ..Config::default() }).await;
    let made = server.patient("1", "王").await;
    assert_eq!(made.header("location"), "https://gateway.example/fhir/Patient/1/_history/1");
}

#[tokio::test]
async fn pages_beside_the_api_answer() {
    let server = Server::start().await;
    server.patient("1", "王").await;
    let root = server.base.trim_end_matches("/fhir").to_owned();
    let page = async |path: &str| server.get(&format!("{root}{path}")).await;
    assert!(page("/").await.is(200..=200).text.contains("/fhir/metadata"));
    page("/health/live").await.is(200..=200);
    page("/health/ready").await.is(200..=200);
    let metrics = page("/metrics").await.is(200..=200).text;
    assert!(
        metrics.contains("tombolo_http_requests_total{interaction=\"update\",status=\"2xx\"}"),
        "{metrics}"
    );
    assert!(metrics.contains("tombolo_resources_written_total{origin=\"fhir\"}"), "{metrics}");
}

#[tokio::test]
async fn a_request_in_progress_is_finished_before_the_server_ends() {
    let server = Server::start().await;
    let body = patient("1", "王").to_string();
    let (first, rest) = body.split_at(10);
    let mut socket = TcpStream::connect(host(&server)).await.unwrap();
    let head = format!(
        "PUT /fhir/Patient/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // The interim answer shows that the request has begun.
    let mut interim = [0; 25];
    socket.read_exact(&mut interim).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 "));
    server.stop.cancel();
    socket.write_all(first.as_bytes()).await.unwrap();
    socket.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    server.task.await.unwrap();
    assert!(TcpStream::connect(host_of(&server.base)).await.is_err());
}

#[tokio::test]
async fn bodies_keep_the_text_of_decimals() {
    let server = Server::start().await;
    let text = r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"K"},"valueQuantity":{"value":4.10}}"#;
    let request =
        server.request(Method::PUT, "/Observation/o").header("content-type", "application/json");
    got(request.body(text)).await.is(201..=201);
    for path in ["/Observation/o", "/Observation/o?_pretty=true", "/Observation/o/_history"] {
        assert!(server.get(path).await.text.contains("4.10"), "{path}");
    }
    let read: Value = server.get("/Observation/o").await.json();
    assert_eq!(read["valueQuantity"]["value"].to_string(), "4.10");
}

fn host(server: &Server) -> &str {
    host_of(&server.base)
}

fn host_of(base: &str) -> &str {
    base.trim_start_matches("http://").trim_end_matches("/fhir")
}
