//! All integration tests, one binary: each module says what it is about.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::type_complexity,
    reason = "a test fails by panicking, says what it skips, and spells its tables out"
)]

mod app;
mod artefacts;
mod cli;
mod codes;
mod crash;
mod database;
mod deliver;
mod fhir;
mod files;
mod foreign;
mod guide;
mod hostile;
mod house;
mod http_in;
mod legacy_text;
mod map;
mod mllp;
mod readme;
mod reload;
mod report;
mod rest;
mod search;
mod store;
mod support;
mod tables;
mod translate;
