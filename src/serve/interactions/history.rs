//! history of one resource, newest first (<https://hl7.org/fhir/R4/http.html#history>).

use axum::http::StatusCode;
use serde_json::json;

use super::super::Api;
use super::super::bundle::{BundleText, status_line};
use super::super::call::{Call, not_found, unknown_parameter};
use super::super::condition::etag;
use super::super::reply::{Answer, Refusal, Reply};
use super::super::respond::instant;
use crate::error::Kind;
use crate::store::Stored;

/// Versions on a page, unless `_count` says otherwise, and at most.
const PAGE: usize = 100;
const MOST: usize = 1000;

pub(super) async fn history(api: &Api, call: &Call) -> Answer {
    let (count, before) = parameters(&call.pairs)?;
    let versions = api.store.history(&call.kind, &call.id).await?;
    if versions.is_empty() {
        return Err(not_found(&call.kind, &call.id));
    }
    let total = versions.len() as u64;
    let rest = versions.iter().filter(|stored| before.is_none_or(|before| stored.version < before));
    let page: Vec<&Stored> = rest.take(count + 1).collect();
    let base = format!("{}/{}/{}/_history", call.base, call.kind, call.id);
    let url = |before: Option<u64>| {
        let before = before.map_or(String::new(), |before| format!("&_page={before}"));
        format!("{base}?_count={count}{before}")
    };
    let mut links = vec![("self", url(before))];
    if page.len() > count
        && let Some(last) = page.get(count.wrapping_sub(1))
    {
        links.push(("next", url(Some(last.version))));
    }
    let mut bundle = BundleText::new("history", Some(total), &links);
    for stored in page.into_iter().take(count) {
        entry(&mut bundle, call, stored);
    }
    Ok(Reply::json(StatusCode::OK, bundle.finish()))
}

/// `_count`, and `_page` of the next link: the version before which a page begins.
fn parameters(pairs: &[(String, String)]) -> Result<(usize, Option<u64>), Refusal> {
    let (mut count, mut before) = (PAGE, None);
    for (name, value) in pairs {
        let wrong = || Refusal::of(Kind::Usage, format!("`{name}={value}` is not a number from 1"));
        let number: Option<u64> = value.parse().ok().filter(|n| *n > 0);
        match &name[..] {
            "_count" => {
                let asked = number.ok_or_else(wrong)?;
                count = usize::try_from(asked).unwrap_or(MOST).min(MOST);
            }
            "_page" => before = Some(number.ok_or_else(wrong)?),
            _ => return Err(unknown_parameter(name, &["_count", "_format", "_pretty"])),
        }
    }
    Ok((count, before))
}

/// One version. Whether it came by POST or by PUT is not kept; PUT says the same.
fn entry(bundle: &mut BundleText, call: &Call, stored: &Stored) {
    let (method, status) = match (stored.deleted, stored.version) {
        (true, _) => ("DELETE", StatusCode::NO_CONTENT),
        (false, 1) => ("PUT", StatusCode::CREATED),
        (false, _) => ("PUT", StatusCode::OK),
    };
    let target = format!("{}/{}", stored.kind, stored.id);
    let request = json!({ "method": method, "url": target });
    let response = json!({
        "status": status_line(status),
        "etag": etag(stored.version),
        "lastModified": instant(stored.updated),
    });
    let url = format!("{}/{target}", call.base);
    let body = (!stored.deleted).then_some(&stored.json[..]);
    bundle.entry(Some(&url), body, &[("request", request), ("response", response)]);
}
