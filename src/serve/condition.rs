//! Conditional requests: `If-Match`, `If-None-Match`, `If-Modified-Since`, `If-None-Exist`
//! (<https://hl7.org/fhir/R4/http.html#concurrency>, RFC 9110 §13).

use axum::http::{HeaderMap, StatusCode, header};

use super::reply::Refusal;
use crate::store::{Millis, Stored, When};

/// The conditions of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    /// Write only if this is the current version.
    pub if_match: Option<u64>,
    /// Read only if the current version is none of these; `*` is any version.
    pub if_none_match: Option<Vec<String>>,
    /// Read only if it changed after this time, in seconds since 1970.
    pub if_modified_since: Option<i64>,
    /// Create only if nothing matches this search.
    pub if_none_exist: Option<String>,
}

impl Conditions {
    /// Reads the headers.
    pub fn of(headers: &HeaderMap) -> Result<Conditions, Refusal> {
        let text = |name: &str| -> Result<Option<&str>, Refusal> {
            let Some(value) = headers.get(name) else { return Ok(None) };
            value.to_str().map(Some).map_err(|_| wrong(name, "is not text"))
        };
        Conditions::read(
            text(header::IF_MATCH.as_str())?,
            text(header::IF_NONE_MATCH.as_str())?,
            text(header::IF_MODIFIED_SINCE.as_str())?,
            text("if-none-exist")?,
        )
    }

    /// Reads the values, from headers or from `Bundle.entry.request`.
    pub fn read(
        if_match: Option<&str>,
        if_none_match: Option<&str>,
        if_modified_since: Option<&str>,
        if_none_exist: Option<&str>,
    ) -> Result<Conditions, Refusal> {
        let if_match = match if_match {
            None => None,
            Some(value) => Some(version_of(value)?),
        };
        let tags = |value: &str| value.split(',').map(|tag| tag_of(tag).to_owned()).collect();
        Ok(Conditions {
            if_match,
            if_none_match: if_none_match.map(tags),
            // A date that cannot be read is ignored, as RFC 9110 says.
            if_modified_since: if_modified_since.and_then(seconds),
            if_none_exist: if_none_exist.map(str::to_owned),
        })
    }

    /// Whether the client already has this version.
    pub fn has(&self, stored: &Stored) -> bool {
        match (&self.if_none_match, self.if_modified_since) {
            (Some(tags), _) => {
                let version = stored.version.to_string();
                tags.iter().any(|tag| *tag == version || tag == "*")
            }
            (None, Some(since)) => stored.updated.div_euclid(1000) <= since,
            (None, None) => false,
        }
    }

    /// The condition of an update.
    pub fn for_update(&self) -> Result<When, Refusal> {
        match (self.if_match, self.if_none_match.as_deref()) {
            (None, None) => Ok(When::Always),
            (Some(version), None) => Ok(When::Version(version)),
            (None, Some([star])) if star == "*" => Ok(When::Missing),
            _ => Err(wrong(
                "If-None-Match",
                "stands beside If-Match or is not `*` (on a write, use `If-Match: W/\"version\"` or `If-None-Match: *`)",
            )),
        }
    }

    /// The condition of a deletion.
    pub fn for_delete(&self) -> When {
        self.if_match.map_or(When::Always, When::Version)
    }

    /// The condition of a create.
    pub fn for_create(&self) -> When {
        self.if_none_exist.clone().map_or(When::Always, When::NoneMatch)
    }

    /// The condition of a create in a transaction, which was looked up before: other entries may
    /// point to what it is to make.
    pub fn for_create_in_transaction(&self) -> When {
        self.if_none_exist.clone().map_or(When::Always, When::StillNoneMatch)
    }
}

/// The version of an ETag such as `W/"3"`; `"3"` and `3` are understood as well.
fn version_of(tag: &str) -> Result<u64, Refusal> {
    tag_of(tag).parse().map_err(|_| {
        let text = format!("If-Match is `{tag}`, which is no version of this server");
        Refusal::new(StatusCode::PRECONDITION_FAILED, "conflict", text)
    })
}

fn tag_of(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

/// The `ETag` of a version.
pub(super) fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// `Last-Modified` of a time.
pub(super) fn http_date(at: Millis) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

/// Seconds since 1970 of an HTTP date, or of an instant as Bundles have it.
fn seconds(date: &str) -> Option<i64> {
    let http = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date);
    http.or_else(|_| date.parse()).ok().map(jiff::Timestamp::as_second)
}

fn wrong(name: &str, what: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid", format!("{name} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(version: u64, updated: Millis) -> Stored {
        let (kind, id) = ("Patient".to_owned(), "a".to_owned());
        Stored { kind, id, version, updated, json: [].into(), deleted: false }
    }

    fn none_match(value: &str) -> Conditions {
        Conditions::read(None, Some(value), None, None).unwrap()
    }

    #[test]
    fn etags_are_compared_weakly() {
        assert!(none_match("W/\"3\"").has(&stored(3, 0)));
        assert!(none_match("\"1\", W/\"3\"").has(&stored(3, 0)));
        assert!(none_match("*").has(&stored(3, 0)));
        assert!(!none_match("W/\"2\"").has(&stored(3, 0)));
    }

    #[test]
    fn dates_count_by_the_second() {
        let at = 1_700_000_000_900;
        let date = http_date(at).unwrap();
        assert_eq!(date, "Tue, 14 Nov 2023 22:13:20 GMT");
        let since = |date| Conditions::read(None, None, Some(date), None).unwrap();
        assert!(since(&date).has(&stored(1, at)));
        assert!(!since(&date).has(&stored(1, at + 1000)));
        assert!(!since("yesterday").has(&stored(1, at)));
        assert!(since("2023-11-14T22:13:20Z").has(&stored(1, at)));
    }

    #[test]
    fn a_write_has_one_condition() {
        let of = |m, n| Conditions::read(m, n, None, None).unwrap().for_update();
        assert_eq!(of(Some("W/\"7\""), None).unwrap(), When::Version(7));
        assert_eq!(of(None, Some("*")).unwrap(), When::Missing);
        assert_eq!(of(None, Some("W/\"1\"")).unwrap_err().status, 400);
        assert_eq!(of(Some("1"), Some("*")).unwrap_err().status, 400);
        assert_eq!(Conditions::read(Some("abc"), None, None, None).unwrap_err().status, 412);
    }
}
