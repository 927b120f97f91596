//! Artefacts: what the mappings and their code tables say, as FHIR resources for others.
//!
//! * [`codes`]: code tables → CodeSystem and ValueSet
//! * [`extensions`]: the registry of extensions → StructureDefinition
//! * [`concepts`]: the code tables of a mapping → ConceptMap

pub mod codes;
pub mod concepts;
pub mod extensions;

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::translate::compile::FileSource;

/// Where our canonical urls begin.
const CANONICAL: &str = "http://tombolo.example/fhir";

/// A file of the library as text.
fn text(files: &dyn FileSource, path: &str) -> Result<std::sync::Arc<str>> {
    let file = files
        .file(path)
        .ok_or_else(|| Error::new(Kind::Usage, "there is no such file").at(path))?;
    Ok(file.text)
}

/// What is wrong with a line of a table.
fn wrong(path: &str, line: u32, what: impl Into<String>) -> Error {
    Error::new(Kind::Structure, what.into()).at(format!("{path}:{line}"))
}

/// A resource as it stands in a file.
pub fn printed(resource: &Value) -> String {
    format!("{resource:#}\n")
}

/// `CodeSystem-gbt2261-1-sex.json`.
pub fn file_name(resource: &Value) -> String {
    let part = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
    format!("{}-{}.json", part("resourceType"), part("id"))
}

/// `onset-to-death` → `OnsetToDeath`: the `name` of a definition.
fn machine_name(id: &str) -> String {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let name: String = words.map(capital).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("C{name}") } else { name }
}
