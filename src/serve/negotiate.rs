//! Which form the client sends and wants: `Content-Type`, `Accept`, `_format`, `Prefer`
//! (<https://hl7.org/fhir/R4/http.html#mime-type>, <https://hl7.org/fhir/R4/http.html#ops>).
//!
//! Tombolo speaks JSON. A client that asks for XML is told so instead of being given JSON.

use axum::http::{HeaderMap, StatusCode, header};

use super::reply::Refusal;

/// The media type of what Tombolo sends.
pub(super) const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// The form of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Indented for people (`_pretty=true`).
    pub pretty: bool,
    /// What a write answers with, if the client says so.
    pub prefer: Option<Return>,
}

/// `Prefer: return=…` (<https://hl7.org/fhir/R4/http.html#ops>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    /// The resource as it is stored now.
    Representation,
    /// No body.
    Minimal,
    /// An OperationOutcome with what was noticed.
    Outcome,
}

/// Takes the general parameters out of the query and reads the headers.
///
/// The form is given even with a refusal, for the refusal itself.
pub(super) fn form(
    headers: &HeaderMap,
    pairs: &mut Vec<(String, String)>,
) -> (Form, Result<(), Refusal>) {
    let mut form = Form { pretty: false, prefer: prefer(headers) };
    let mut result = accept(headers);
    pairs.retain(|(name, value)| {
        match &name[..] {
            "_format" => result = format(value),
            "_pretty" => form.pretty = value == "true",
            _ => return true,
        }
        false
    });
    (form, result)
}

/// Checks `_format`, which goes before `Accept`.
fn format(value: &str) -> Result<(), Refusal> {
    // `application/fhir+json` in a URL is often written with a bare `+`, which means a space.
    let value = value.replace(' ', "+");
    if value.eq_ignore_ascii_case("json") || is_json(&value) {
        return Ok(());
    }
    Err(not_acceptable(&format!("`_format={value}`")))
}

/// Checks that one of the accepted media types is JSON.
fn accept(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut asked = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        asked.extend(value.to_str().unwrap_or("").split(',').map(str::trim));
    }
    asked.retain(|media| !media.is_empty());
    let json = |media: &&str| {
        let refused = parameters(media).any(|(name, value)| {
            name.eq_ignore_ascii_case("q") && value.parse::<f32>().is_ok_and(|q| q <= 0.0)
        });
        !refused && (matches!(essence(media), "*/*" | "application/*" | "json") || is_json(media))
    };
    if asked.is_empty() || asked.iter().any(json) {
        return Ok(());
    }
    Err(not_acceptable(&format!("`Accept: {}`", asked.join(", "))))
}

fn not_acceptable(asked: &str) -> Refusal {
    let text = format!(
        "{asked} asks for a form that this server does not have (ask for application/fhir+json, FHIR version 4.0)"
    );
    Refusal::new(StatusCode::NOT_ACCEPTABLE, "not-supported", text)
}

/// Checks that the body of a write is JSON.
pub(super) fn content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    content(headers, "application/fhir+json", is_json)
}

/// Checks that the body of a search is a form (<https://hl7.org/fhir/R4/http.html#search>).
pub(super) fn form_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let form = "application/x-www-form-urlencoded";
    content(headers, form, |media| essence(media).eq_ignore_ascii_case(form))
}

fn content(headers: &HeaderMap, wanted: &str, fits: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let refused =
        |text: String| Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text));
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return refused(
            "a compressed body is not supported (send it without Content-Encoding)".into(),
        );
    }
    let Some(media) = headers.get(header::CONTENT_TYPE) else {
        return refused(format!("the Content-Type is missing (send {wanted})"));
    };
    match media.to_str() {
        Ok(media) if fits(media) => Ok(()),
        media => {
            let media = media.unwrap_or("of this kind");
            refused(format!("a body `{media}` is not supported (send {wanted} in UTF-8)"))
        }
    }
}

/// Whether a media type is FHIR's JSON in UTF-8 and of version 4.0.
fn is_json(media: &str) -> bool {
    let essence = essence(media).to_ascii_lowercase();
    let known = ["application/fhir+json", "application/json", "application/json+fhir", "text/json"];
    known.contains(&&essence[..])
        && parameters(media).all(|(name, value)| match &name.to_ascii_lowercase()[..] {
            "charset" => value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8"),
            "fhirversion" => value == "4.0" || value.starts_with("4.0."),
            _ => true,
        })
}

/// `type/subtype` without parameters.
fn essence(media: &str) -> &str {
    media.split(';').next().unwrap_or("").trim()
}

fn parameters(media: &str) -> impl Iterator<Item = (&str, &str)> {
    media.split(';').skip(1).filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    })
}

/// Reads `Prefer`; a preference that is not known is ignored, as RFC 7240 says.
fn prefer(headers: &HeaderMap) -> Option<Return> {
    let all = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    for preference in all.flat_map(|value| value.split([',', ';'])) {
        match &preference.trim().to_ascii_lowercase()[..] {
            "return=minimal" => return Some(Return::Minimal),
            "return=representation" => return Some(Return::Representation),
            "return=operationoutcome" => return Some(Return::Outcome),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    fn asks(accept: &'static str) -> bool {
        form(&headers("accept", accept), &mut Vec::new()).1.is_ok()
    }

    #[test]
    fn json_in_any_of_its_names_is_acceptable() {
        for good in [
            "*/*",
            "application/fhir+json",
            "application/fhir+json; fhirVersion=4.0",
            "application/fhir+xml;q=0.5, application/json;q=0.1",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "APPLICATION/FHIR+JSON;charset=UTF-8",
        ] {
            assert!(asks(good), "{good}");
        }
        for bad in [
            "application/fhir+xml",
            "text/turtle",
            "application/fhir+json;q=0",
            "application/fhir+json; fhirVersion=3.0",
            "image/png, text/html",
        ] {
            assert!(!asks(bad), "{bad}");
        }
    }

    #[test]
    fn format_goes_before_accept() {
        let mut pairs = vec![
            ("_format".into(), "application/fhir json".into()),
            ("name".into(), "x".into()),
            ("_pretty".into(), "true".into()),
        ];
        let (form_, result) = form(&headers("accept", "application/fhir+xml"), &mut pairs);
        assert!(result.is_ok() && form_.pretty);
        assert_eq!(pairs, [("name".to_owned(), "x".to_owned())]);
        let mut pairs = vec![("_format".into(), "xml".into())];
        let refusal = form(&HeaderMap::new(), &mut pairs).1.unwrap_err();
        assert_eq!(refusal.status, 406);
    }

    #[test]
    fn bodies_are_json_in_utf_8() {
        for (media, ok) in [
            ("application/fhir+json", true),
            ("application/json; charset=utf-8", true),
            ("application/fhir+json; charset=GBK", false),
            ("application/fhir+xml", false),
            ("application/json-patch+json", false),
        ] {
            assert_eq!(content_type(&headers("content-type", media)).is_ok(), ok, "{media}");
        }
        assert_eq!(content_type(&HeaderMap::new()).unwrap_err().status, 415);
    }

    #[test]
    fn preferences_are_read() {
        assert_eq!(
            prefer(&headers("prefer", "handling=strict; return=minimal")),
            Some(Return::Minimal)
        );
        assert_eq!(prefer(&headers("prefer", "return=OperationOutcome")), Some(Return::Outcome));
        assert_eq!(prefer(&headers("prefer", "return=x, wait=3")), None);
    }
}
