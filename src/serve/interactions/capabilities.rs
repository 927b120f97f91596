//! capabilities: what this server does, from the tables it runs by
//! (<https://hl7.org/fhir/R4/http.html#capabilities>).

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::Api;
use super::super::call::Call;
use super::super::reply::{Answer, Reply};
use super::super::respond::instant;
use super::ROWS;
use crate::fhir::definitions::Definitions;
use crate::search::{self, params::Param};

pub(super) fn capabilities(api: &Api, call: &Call) -> Answer {
    call.no_parameters()?;
    let statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(api.started),
        "kind": "instance",
        "software": { "name": "Tombolo", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "A Tombolo gateway", "url": &*call.base },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "interaction": [{ "code": "transaction" }, { "code": "batch" }],
            "resource": resources(Definitions::r4()),
        }],
    });
    Ok(Reply::json(StatusCode::OK, statement.to_string()))
}

/// One row per resource type of the table.
fn resources(r4: &Definitions) -> Vec<Value> {
    let mut kinds: Vec<&str> = r4.types.keys().map(|name| &name[..]).collect();
    kinds.retain(|name| r4.is_resource(name));
    kinds.sort_unstable();
    let mut codes: Vec<&str> =
        ROWS.iter().filter(|row| row.path.contains("{kind}")).map(|row| row.code).collect();
    codes.dedup();
    let codes: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
    kinds
        .into_iter()
        .map(|kind| {
            let mut resource = json!({
                "type": kind,
                "interaction": codes,
                "versioning": "versioned",
                "readHistory": true,
                "updateCreate": true,
                "conditionalCreate": true,
                "conditionalRead": "full-support",
                "conditionalUpdate": false,
                "conditionalDelete": "not-supported",
            });
            // A list must not be empty.
            for (name, list) in
                [("searchInclude", json!(includes(kind))), ("searchParam", json!(parameters(kind)))]
            {
                if list.as_array().is_some_and(|list| !list.is_empty()) {
                    resource[name] = list;
                }
            }
            resource
        })
        .collect()
}

/// The search parameters of a type.
fn parameters(kind: &str) -> Vec<Value> {
    let parameter = |p: &Param| json!({ "name": p.code, "definition": p.url, "type": p.of });
    search::supported(kind).into_iter().map(parameter).collect()
}

/// What `_include` takes: its references.
fn includes(kind: &str) -> Vec<String> {
    let references = search::supported(kind).into_iter().filter(|p| p.of == "reference");
    references.map(|p| format!("{kind}:{}", p.code)).collect()
}
