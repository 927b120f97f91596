//! The FHIR interactions: one file each, and the table that routes requests to them.
//!
//! [`ROWS`] is the only list: the HTTP routes, the entries of batches and transactions, the
//! CapabilityStatement and the metrics all come from it.

mod batch;
mod capabilities;
mod create;
mod delete;
mod entries;
mod history;
mod read;
mod search;
mod transaction;
mod update;
mod vread;

use std::pin::Pin;

use axum::http::Method;

use super::Api;
use super::call::Call;
use super::reply::Answer;

/// An interaction (<https://hl7.org/fhir/R4/http.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interaction {
    Capabilities,
    Bundle,
    Create,
    Search,
    Read,
    Update,
    Delete,
    History,
    Vread,
}

/// What an interaction reads from the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing.
    Nothing,
    /// A resource.
    Json,
    /// Search parameters.
    Form,
}

/// A row of the table: a method and a path under `/fhir` for an interaction.
pub(super) struct Row {
    pub interaction: Interaction,
    pub method: Method,
    /// In axum's syntax.
    pub path: &'static str,
    /// The code in CapabilityStatements and metrics.
    pub code: &'static str,
    pub input: Input,
}

const fn row(
    interaction: Interaction,
    code: &'static str,
    method: Method,
    path: &'static str,
    input: Input,
) -> Row {
    Row { interaction, method, path, code, input }
}

/// Every interaction that this server has.
#[rustfmt::skip]
pub(super) static ROWS: &[Row] = &[
    row(Interaction::Capabilities, "capabilities",     Method::GET,    "/metadata",                        Input::Nothing),
    row(Interaction::Bundle,       "transaction",      Method::POST,   "/",                                Input::Json),
    row(Interaction::Read,         "read",             Method::GET,    "/{kind}/{id}",                     Input::Nothing),
    row(Interaction::Vread,        "vread",            Method::GET,    "/{kind}/{id}/_history/{version}",  Input::Nothing),
    row(Interaction::Update,       "update",           Method::PUT,    "/{kind}/{id}",                     Input::Json),
    row(Interaction::Delete,       "delete",           Method::DELETE, "/{kind}/{id}",                     Input::Nothing),
    row(Interaction::History,      "history-instance", Method::GET,    "/{kind}/{id}/_history",            Input::Nothing),
    row(Interaction::Create,       "create",           Method::POST,   "/{kind}",                          Input::Json),
    row(Interaction::Search,       "search-type",      Method::GET,    "/{kind}",                          Input::Nothing),
    row(Interaction::Search,       "search-type",      Method::POST,   "/{kind}/_search",                  Input::Form),
];

/// An answer to come.
pub(super) type Later<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

impl Interaction {
    /// Does it. Boxed, because batches are made of interactions.
    pub fn answer(self, api: &Api, call: Call) -> Later<'_> {
        Box::pin(async move {
            match self {
                Interaction::Capabilities => capabilities::capabilities(api, &call),
                Interaction::Bundle => transaction::bundle(api, call).await,
                Interaction::Create => create::create(api, call).await,
                Interaction::Search => search::search(api, &call).await,
                Interaction::Read => read::read(api, &call).await,
                Interaction::Update => update::update(api, call).await,
                Interaction::Delete => delete::delete(api, &call).await,
                Interaction::History => history::history(api, &call).await,
                Interaction::Vread => vread::vread(api, &call).await,
            }
        })
    }
}

impl Row {
    /// Fills a call from a path below the base, `/Patient/1`; `None` if it is not of this row.
    pub fn fit(&self, path: &str, call: &mut Call) -> Option<()> {
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some(()),
                (Some("{kind}"), Some(kind)) => call.kind = kind.to_owned(),
                (Some("{id}"), Some(id)) => call.id = id.to_owned(),
                (Some("{version}"), Some(version)) => call.version = version.to_owned(),
                (Some(word), Some(given)) if word == given => {}
                _ => return None,
            }
        }
    }
}

/// The row for a method and a path below the base, with what the path says.
pub(super) fn find(method: &Method, path: &str) -> Option<(&'static Row, Call)> {
    ROWS.iter().filter(|row| row.method == *method).find_map(|row| {
        let mut call = Call::default();
        row.fit(path, &mut call).map(|()| (row, call))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_its_row() {
        let found = |method, path: &str| {
            find(&method, path).map(|(row, call)| (row.code, call.kind, call.id, call.version))
        };
        let row = |code, kind: &str, id: &str, version: &str| {
            Some((code, kind.to_owned(), id.to_owned(), version.to_owned()))
        };
        assert_eq!(found(Method::GET, "/Patient/1"), row("read", "Patient", "1", ""));
        assert_eq!(found(Method::GET, "/Patient/1/_history/2"), row("vread", "Patient", "1", "2"));
        assert_eq!(found(Method::POST, "/Patient"), row("create", "Patient", "", ""));
        assert_eq!(found(Method::GET, "/metadata"), row("capabilities", "", "", ""));
        assert_eq!(found(Method::POST, "/"), row("transaction", "", "", ""));
        assert_eq!(found(Method::GET, "/Patient/1/x"), None);
        assert_eq!(found(Method::PATCH, "/Patient/1"), None);
    }
}
