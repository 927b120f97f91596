//! search by GET and by POST of a form (<https://hl7.org/fhir/R4/http.html#search>).

use axum::http::StatusCode;
use serde_json::json;

use super::super::Api;
use super::super::bundle::BundleText;
use super::super::call::Call;
use super::super::reply::{Answer, Refusal, Reply};
use crate::error::{Error, Kind};
use crate::fhir::query;
use crate::search::{PAGE, Search};

pub(super) async fn search(api: &Api, call: &Call) -> Answer {
    let search = Search::parse_at(&call.base, &call.kind, &call.pairs).map_err(wrong_query)?;
    let page = api.store.search(&search).await?;
    let base = format!("{}/{}", call.base, call.kind);
    let mut links = vec![("self", link(&base, &call.pairs))];
    if let Some(token) = &page.next {
        let mut pairs = call.pairs.clone();
        pairs.retain(|(name, _)| name != PAGE);
        pairs.push((PAGE.to_owned(), token.clone()));
        links.push(("next", link(&base, &pairs)));
    }
    let mut bundle = BundleText::new("searchset", page.total, &links);
    let modes = [("match", &page.matches), ("include", &page.included)];
    for (mode, found) in modes {
        for stored in found {
            let url = format!("{}/{}/{}", call.base, stored.kind, stored.id);
            bundle.entry(Some(&url), Some(&stored.json), &[("search", json!({ "mode": mode }))]);
        }
    }
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}

/// A condition such as `identifier=system|value`: a search that selects.
pub(super) fn condition(kind: &str, query: &str) -> Result<Search, Refusal> {
    let search = Search::parse_query(kind, query).map_err(wrong_query)?;
    if search.clauses.is_empty() || search.page.is_some() {
        let text = format!("`{query}` is not a condition (write e.g. `identifier=system|value`)");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "value", text));
    }
    Ok(search)
}

/// A value in a URL that is not acceptable is a bad request, other than one in a body.
fn wrong_query(error: Error) -> Refusal {
    let value = error.kind == Kind::Value;
    let refusal = Refusal::from(error);
    Refusal { status: if value { StatusCode::BAD_REQUEST } else { refusal.status }, ..refusal }
}

fn link(base: &str, pairs: &[(String, String)]) -> String {
    if pairs.is_empty() { base.to_owned() } else { format!("{base}?{}", query::write(pairs)) }
}
