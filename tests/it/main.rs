//! All integration tests, one binary: each module says what it is about.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod app;
mod deliver;
mod fhir;
mod house;
mod report;
mod search;
mod store;
mod support;
mod translate;
