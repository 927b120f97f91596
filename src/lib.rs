//! Tombolo: an HL7 FHIR R4 gateway that ties the information islands of hospitals, community
//! clinics and CDCs together without changing any of their systems.
//!
//! The rooms, in reading order. A room imports only from the layers above its own line; the doors
//! of layer 4 never import each other. `tests/it/house.rs` keeps both rules.
//!
//! | layer | rooms | what they are |
//! |---|---|---|
//! | 0 | [`error`] [`observe`] [`yaml`] [`fhir`] [`legacy`] | words: no I/O, no async |
//! | 1 | [`translate`] [`validate`] [`search`] | thinking: pure functions that return `(value, issues)` |
//! | 2 | [`store`] | memory |
//! | 3 | [`flow`] | how a message travels |
//! | 4 | [`listen`] [`deliver`] [`serve`] | doors |
//! | 5 | [`config`] [`app`] [`demo`] [`cli`] | the key ring: builds everything, knows everything |

pub mod error;
pub mod observe;
pub mod yaml;

pub mod fhir;
pub mod legacy;

pub mod search;
pub mod translate;
pub mod validate;

pub mod store;

pub mod flow;

pub mod deliver;
pub mod listen;
pub mod serve;

pub mod app;
pub mod cli;
pub mod config;
pub mod demo;

pub use error::{Error, Kind, Result};
