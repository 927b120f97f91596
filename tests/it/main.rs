//! All integration tests, one binary: each module says what it is about.

mod deliver;
mod store;
mod support;
