//! The language we speak: FHIR R4 JSON, its primitive types, and the table of its elements.
//!
//! Resources are [`serde_json::Value`] trees that keep key order and decimal text; there is no
//! typed model. What an element may hold is asked of [`definitions`].

pub mod bundle;
pub mod decimal;
pub mod definitions;
pub mod id;
pub mod identifier;
pub mod json;
pub mod outcome;
pub mod query;
pub mod reference;
pub mod time;

pub use outcome::{Issue, Severity};

/// Canonical base of Tombolo's own artefacts until they have a real home.
pub const BASE: &str = "http://tombolo.example/fhir";

/// Lays an incoming resource over a stored one: how two writers share one resource.
pub trait Merge: Send + Sync {
    /// The resource to store.
    fn merge(&self, stored: &serde_json::Value, incoming: serde_json::Value) -> serde_json::Value;
}
