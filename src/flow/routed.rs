//! An outbound channel as the delivery worker wants it: its bytes, and what its answer changes.

use std::sync::Arc;

use super::delivery::{Later, Render, Rendered, Reply, Said, Writeback};
use super::outbound::{Answer, Route};
use crate::error::Result;
use crate::legacy::Schema;
use crate::legacy::row::Form;
use crate::store::{Delivery, Store, Write};

/// A route with the store it reads from.
pub struct Routed {
    /// The channel.
    pub route: Arc<Route>,
    /// Where the resources are.
    pub store: Store,
}

impl Render for Routed {
    fn render<'a>(&'a self, delivery: &'a Delivery) -> Later<'a, Result<Rendered>> {
        Box::pin(async move {
            let output = self.route.render(&self.store, delivery).await?;
            let content_type = media_type(&self.route.mapping.program().schema).to_owned();
            Ok(Rendered { bytes: output.bytes, content_type, issues: output.issues })
        })
    }
}

impl Writeback for Routed {
    fn writes<'a>(
        &'a self,
        delivery: &'a Delivery,
        reply: &'a Reply,
    ) -> Later<'a, Result<Vec<Write>>> {
        Box::pin(async move {
            let answer = match reply.said {
                Said::Accepted => Answer::Accepted(reply.id.clone()),
                Said::Rejected => Answer::Rejected(reply.reasons.join("; ")),
                // Nobody has answered: a person looks at the delivery first.
                Said::Parked => return Ok(Vec::new()),
            };
            let commit = self.route.written_back(&self.store, delivery, &answer).await?;
            Ok(commit.writes)
        })
    }
}

/// The media type of a format; an XML declaration names the charset itself.
fn media_type(schema: &Schema) -> &'static str {
    match schema {
        Schema::Hl7(_) => "application/hl7-v2",
        Schema::Row(rows) => match rows.form {
            Form::Delimited(_) => "text/csv",
            Form::Fixed(_) => "text/plain",
            Form::Dbf(_) => "application/vnd.dbf",
            Form::Xlsx(_) => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        },
        Schema::Xml(_) => "application/xml",
        Schema::Json(_) | Schema::Sql(_) => "application/json",
    }
}
