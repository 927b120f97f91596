//! The CapabilityStatement tells the truth: everything it lists works, and nothing else does.

use serde_json::{Value, json};

use crate::support::fhir::{Server, got};

#[tokio::test]
async fn the_statement_is_valid_and_names_this_server() {
    let server = Server::start().await;
    let statement = server.get("/metadata").await.is(200..=200).json();
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["implementation"]["url"], server.base);
    assert_eq!(statement["software"]["version"], env!("CARGO_PKG_VERSION"));
    let issues = tombolo::validate::structure(&statement);
    assert!(!tombolo::fhir::outcome::has_errors(&issues), "{issues:?}");
}

#[tokio::test]
async fn every_interaction_it_lists_is_there_for_every_type() {
    let server = Server::start().await;
    let statement = server.get("/metadata").await.json();
    for resource in resources(&statement) {
        let kind = resource["type"].as_str().unwrap();
        for interaction in resource["interaction"].as_array().unwrap() {
            let code = interaction["code"].as_str().unwrap();
            let (method, path) = match code {
                "read" => ("GET", format!("/{kind}/x")),
                "vread" => ("GET", format!("/{kind}/x/_history/1")),
                "update" => ("PUT", format!("/{kind}/x")),
                "delete" => ("DELETE", format!("/{kind}/x")),
                "history-instance" => ("GET", format!("/{kind}/x/_history")),
                "create" => ("POST", format!("/{kind}")),
                "search-type" => ("GET", format!("/{kind}")),
                other => panic!("an interaction that this test does not know: {other}"),
            };
            let request = server.request(method.parse().unwrap(), &path);
            let body = json!({ "resourceType": "Nonsense" }).to_string();
            let told = got(request.header("content-type", "application/json").body(body)).await;
            // The interaction answers about the resource, not about itself.
            let expected: &[u16] = match code {
                "read" | "vread" | "history-instance" => &[404],
                "update" | "create" => &[400],
                "delete" => &[204],
                _ => &[200],
            };
            assert!(expected.contains(&told.status.as_u16()), "{code} {kind}: {told:?}");
        }
    }
    for other in ["Account2", "Resource", "DomainResource", "Patient.contact"] {
        server.get(&format!("/{other}/x")).await.is(404..=404);
    }
}

#[tokio::test]
async fn every_search_parameter_it_lists_is_understood_and_no_other() {
    let server = Server::start().await;
    let statement = server.get("/metadata").await.json();
    let mut listed = 0;
    for resource in resources(&statement) {
        let kind = resource["type"].as_str().unwrap();
        let parameters = resource["searchParam"].as_array().cloned().unwrap_or_default();
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap();
            let target = target(kind, name);
            let value = match parameter["type"].as_str().unwrap() {
                "date" => "2024-01-01",
                "number" => "1",
                "quantity" => "1",
                "uri" => "http://example.org/x",
                "reference" => &target,
                _ => "x",
            };
            let told = server.get(&format!("/{kind}?{name}={value}")).await;
            assert_eq!(told.status, 200, "{kind}?{name}={value}: {told:?}");
            listed += 1;
        }
        for include in resource["searchInclude"].as_array().into_iter().flatten() {
            let told = server.get(&format!("/{kind}?_include={}", include.as_str().unwrap())).await;
            assert_eq!(told.status, 200, "{include}: {told:?}");
        }
        let unknown = server.get(&format!("/{kind}?zzz=x")).await;
        unknown.refused(400, "not-supported", "zzz");
        for name in [
            "_text",
            "_content",
            "_list",
            "_has:Observation:patient:code",
            "_filter",
            "_query",
            "_contained",
        ] {
            let bare = name.split(':').next().unwrap();
            if parameters.iter().all(|p| p["name"] != bare) {
                server.get(&format!("/{kind}?{name}=x")).await.is(400..=499);
            }
        }
    }
    assert!(listed > 20, "only {listed} parameters are listed");
}

/// A reference to a type that the parameter may point to.
fn target(kind: &str, name: &str) -> String {
    let supported = tombolo::search::supported(kind);
    let parameter = supported.iter().find(|parameter| parameter.code == name).unwrap();
    format!("{}/x", parameter.targets.first().map_or("Patient", |target| target))
}

fn resources(statement: &Value) -> Vec<Value> {
    let resources = statement["rest"][0]["resource"].as_array().unwrap().clone();
    assert!(resources.len() >= 10);
    resources
}
