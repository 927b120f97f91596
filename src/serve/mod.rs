//! The FHIR REST API and the other HTTP doors.
