//! Search: a URL's parameters → [`Search`] → plan; a resource → the terms it is found by.
//!
//! Pure: the store compiles the plan to SQL. (<https://hl7.org/fhir/R4/search.html>)

use crate::error::Result;

/// A parsed search.
#[derive(Debug, Clone)]
pub struct Search {
    /// Resource type.
    pub kind: String,
}

impl Search {
    /// Parses the decoded query pairs of `GET /fhir/KIND?…`. Unknown parameters are errors.
    pub fn parse(kind: &str, pairs: &[(String, String)]) -> Result<Search> {
        let _ = (kind, pairs);
        todo!("helper store")
    }
}
