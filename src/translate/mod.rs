//! Two-way mappings: legacy record → FHIR Bundle and back, from one file, with laws.
//!
//! * [`plan`]: the compiled form, and the vocabulary of everything below
//! * [`compile`]: mapping files → plan, or located diagnostics
//! * [`library`]: the mappings there are: embedded ones, and folders that lie over them
//! * [`get`], [`put`]: the two directions
//! * [`coverage`], [`compose`], [`diff`], [`explain`], [`show`]: what people ask about mappings
//! * [`spellings`]: which legacy texts a value may come from
//! * [`artefacts`]: code tables and extensions as FHIR resources
//! * [`merge`]: an inbound resource over a stored one
//!
//! The language is described in `docs/mapping-language.md`.

pub mod artefacts;
mod bundle;
mod choose;
mod codec;
pub mod compile;
pub mod compose;
pub mod coverage;
pub mod diff;
mod eval;
pub mod examples;
pub mod explain;
pub mod explain_put;
mod expr;
pub mod extensions;
pub mod get;
pub mod laws;
pub mod library;
mod marks;
pub mod merge;
pub mod plan;
pub mod put;
pub mod reload;
pub mod show;
pub mod spaces;
pub mod spellings;
pub mod v2fhir;

pub use get::Translated;
pub use library::Library;
pub use plan::{Party, Program};
pub use put::Output;
