//! The registry of extensions → StructureDefinition resources.

use serde_json::{Value, json};

use super::{machine_name, text, wrong};
use crate::error::Result;
use crate::translate::compile::FileSource;
use crate::translate::extensions::{BASE, Declared, REGISTRY, registry};

/// A StructureDefinition for every extension of our own, in the order of the registry. A row that
/// cannot be read is an error with its line.
pub fn definitions(files: &dyn FileSource) -> Result<Vec<Value>> {
    let rows =
        registry(&text(files, REGISTRY)?).map_err(|(line, what)| wrong(REGISTRY, line, what))?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.url.strip_prefix(BASE)?, row)))
        .map(definition)
        .collect())
}

fn definition((id, row): (&str, &Declared)) -> Value {
    let contexts = row.contexts.iter().map(|context| {
        let element = if context == "*" { "Element" } else { context };
        json!({ "type": "element", "expression": element })
    });
    let mut root = json!({ "id": "Extension", "path": "Extension", "short": row.title });
    if !row.title_zh.is_empty() {
        root["definition"] = json!(row.title_zh);
    }
    let url = json!({ "id": "Extension.url", "path": "Extension.url", "fixedUri": row.url });
    let none = |element: &str| {
        let path = format!("Extension.{element}");
        json!({ "id": path, "path": path, "max": "0" })
    };
    let elements = if row.types.is_empty() {
        vec![root, url, none("value[x]")]
    } else {
        let types: Vec<Value> = row.types.iter().map(|ty| json!({ "code": ty })).collect();
        let path = "Extension.value[x]";
        let value = json!({ "id": path, "path": path, "min": 1, "type": types });
        vec![root, none("extension"), url, value]
    };
    json!({
        "resourceType": "StructureDefinition",
        "id": id,
        "url": row.url,
        "version": env!("CARGO_PKG_VERSION"),
        "name": machine_name(id),
        "title": row.title,
        "status": "active",
        "publisher": "Tombolo",
        "description": if row.title_zh.is_empty() { &row.title } else { &row.title_zh },
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": false,
        "context": contexts.collect::<Vec<_>>(),
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": { "element": elements },
    })
}
