//! The FHIR API as its users see it, over real sockets.

mod capabilities;
mod http;
mod search;
mod transaction;
mod write;
