//! search by GET and by POST of a form (<https://hl7.org/fhir/R4/http.html#search>).

use axum::http::StatusCode;
use serde_json::json;

use super::super::Api;
use super::super::bundle::BundleText;
use super::super::call::Call;
use super::super::reply::{Answer, Reply};
use crate::fhir::query;
use crate::search::Search;

/// The parameter that carries a page's token in next links.
const PAGE: &str = "_page";

pub(super) async fn search(api: &Api, call: &Call) -> Answer {
    let search = Search::parse(&call.kind, &call.pairs)?;
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

fn link(base: &str, pairs: &[(String, String)]) -> String {
    if pairs.is_empty() { base.to_owned() } else { format!("{base}?{}", query::write(pairs)) }
}
