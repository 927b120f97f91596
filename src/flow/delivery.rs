//! What the delivery worker asks for: the bytes to send, and what to do about the answer.

use std::future::Future;
use std::pin::Pin;

use crate::error::Result;
use crate::fhir::Issue;
use crate::store::{Delivery, Write};

/// A future of a trait object.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes the bytes of a delivery.
pub trait Render: Send + Sync {
    /// What to send. An error of kind `Unreachable` is tried again later, any other parks the
    /// delivery: it needs a person.
    fn render<'a>(&'a self, delivery: &'a Delivery) -> Later<'a, Result<Rendered>>;
}

/// Says what a delivery's answer changes on our side.
pub trait Writeback: Send + Sync {
    /// Resources to write in the same commit as the settlement. It is asked again when one of the
    /// writes lost a race.
    fn writes<'a>(
        &'a self,
        delivery: &'a Delivery,
        reply: &'a Reply,
    ) -> Later<'a, Result<Vec<Write>>>;
}

/// A delivery's bytes.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// In the target's format and charset.
    pub bytes: Vec<u8>,
    /// For HTTP, e.g. `application/xml; charset=utf-8`.
    pub content_type: String,
    /// What the target's format cannot say.
    pub issues: Vec<Issue>,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What the target said.
    pub said: Said,
    /// Its number or text for what it took (`CardId`).
    pub id: Option<String>,
    /// Its reasons, one each, in its own words.
    pub reasons: Vec<String>,
    /// The answer's text, cut to a few kilobytes.
    pub body: String,
}

/// What a target said in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It took it.
    Accepted,
    /// It refuses the content: sending it again would not help.
    Rejected,
    /// Nothing usable, until we gave up: a person has to look.
    Parked,
}
