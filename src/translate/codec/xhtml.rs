//! Narrative: the text of a CDA section ↔ the `div` of a FHIR Narrative.
//!
//! Both are small languages of the same shape
//! (<https://hl7.org/cda/stds/core/2.0.0-sd/StructureDefinition-StrucDoc.Text.html>,
//! <http://hl7.org/fhir/R4/narrative.html#xhtml>): a table says which element of the one is which of
//! the other. What the other does not have becomes a `span` or `content` with its text; nothing that
//! could run (scripts, links into scripts, event handlers) is written.

use std::fmt::Write;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Bad;

const OPEN: &str = "<div xmlns=\"http://www.w3.org/1999/xhtml\">";
const CLOSE: &str = "</div>";

/// A narrative is nested no deeper than this.
const MOST_DEPTH: usize = 64;

/// Element of CDA, element of XHTML. Read from CDA by the first row, written by the first that has
/// the XHTML name.
const ELEMENTS: &[(&str, &str)] = &[
    ("paragraph", "p"),
    ("content", "span"),
    ("item", "li"),
    ("linkHtml", "a"),
    ("caption", "caption"),
    ("br", "br"),
    ("sub", "sub"),
    ("sup", "sup"),
    ("table", "table"),
    ("thead", "thead"),
    ("tbody", "tbody"),
    ("tfoot", "tfoot"),
    ("tr", "tr"),
    ("th", "th"),
    ("td", "td"),
    ("col", "col"),
    ("colgroup", "colgroup"),
    ("paragraph", "div"),
    ("paragraph", "h1"),
    ("paragraph", "h2"),
    ("paragraph", "h3"),
    ("paragraph", "h4"),
    ("content", "b"),
    ("content", "i"),
    ("content", "em"),
    ("content", "strong"),
];

/// Attribute of CDA, attribute of XHTML; of these elements of XHTML only, or of all.
const ATTRIBUTES: &[(&str, &str, &[&str])] = &[
    ("ID", "id", &[]),
    ("styleCode", "class", &[]),
    ("href", "href", &["a"]),
    ("colspan", "colspan", &["td", "th"]),
    ("rowspan", "rowspan", &["td", "th"]),
    ("align", "align", &["td", "th", "tr", "col", "colgroup", "thead", "tbody", "tfoot"]),
    ("valign", "valign", &["td", "th", "tr", "col", "colgroup", "thead", "tbody", "tfoot"]),
    ("border", "border", &["table"]),
    ("width", "width", &["table", "col", "colgroup"]),
    ("cellpadding", "cellpadding", &["table"]),
    ("cellspacing", "cellspacing", &["table"]),
];

/// The inside of a section's text → a `div`.
pub(super) fn get(text: &str) -> Result<String, Bad> {
    let inside = translate(text, Way::Get)?;
    Ok(format!("{OPEN}{inside}{CLOSE}"))
}

/// A `div` → the inside of a section's text.
pub(super) fn put(div: &str) -> Result<String, Bad> {
    let bad = || "is no <div> of XHTML".to_owned();
    let rest = div.trim().strip_prefix("<div").ok_or_else(bad)?;
    let (tag, rest) = rest.split_once('>').ok_or_else(bad)?;
    if tag.ends_with('/') {
        return Ok(String::new());
    }
    translate(rest.strip_suffix(CLOSE).ok_or_else(bad)?, Way::Put)
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Get,
    Put,
}

fn translate(text: &str, way: Way) -> Result<String, Bad> {
    let broken = |why: String| format!("is no well-formed narrative: {why}");
    let mut reader = Reader::from_str(text);
    let mut out = String::with_capacity(text.len() + 64);
    // The elements that are open: what they are called in the text, what closes them.
    let mut open: Vec<(String, &str)> = Vec::new();
    let mut from = 0;
    loop {
        let event = reader.read_event().map_err(|e| broken(e.to_string()))?;
        let to = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        let raw = text.get(from..to).unwrap_or("");
        from = to;
        match event {
            Event::Start(tag) => {
                if open.len() == MOST_DEPTH {
                    return Err(broken(format!("it is nested deeper than {MOST_DEPTH}")));
                }
                let name = local(&tag);
                let (new, attributes) = element(&name, &tag, way)?;
                // String takes any text.
                let _ = write!(out, "<{new}{attributes}>");
                open.push((name, new));
            }
            Event::Empty(tag) => {
                let (new, attributes) = element(&local(&tag), &tag, way)?;
                let _ = write!(out, "<{new}{attributes}/>");
            }
            Event::End(_) => {
                let (_, new) = open.pop().ok_or_else(|| broken("it ends too early".to_owned()))?;
                let _ = write!(out, "</{new}>");
            }
            Event::Text(_) | Event::GeneralRef(_) => out += &reference(raw)?,
            Event::CData(data) => {
                let data = String::from_utf8_lossy(&data).into_owned();
                out += &data.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            }
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::DocType(_) => return Err(broken("it holds a document type".to_owned())),
            Event::Eof => break,
        }
    }
    match open.pop() {
        Some((name, _)) => Err(broken(format!("<{name}> is not closed"))),
        None => Ok(out),
    }
}

/// A text as it stands; of entities only XML's own.
fn reference(raw: &str) -> Result<String, Bad> {
    let Some(name) = raw.strip_prefix('&').and_then(|r| r.strip_suffix(';')) else {
        return Ok(raw.to_owned());
    };
    match name {
        "amp" | "lt" | "gt" | "quot" | "apos" => Ok(raw.to_owned()),
        "nbsp" => Ok("\u{a0}".to_owned()),
        number if number.starts_with('#') => Ok(raw.to_owned()),
        other => Err(format!("names the entity '{other}', which XML does not know")),
    }
}

fn local(tag: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(tag.local_name().into_inner()).into_owned()
}

/// The element of the other language, and its attributes.
fn element(name: &str, tag: &BytesStart<'_>, way: Way) -> Result<(&'static str, String), Bad> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|e| format!("is no well-formed narrative: {e}"))?;
        let key = String::from_utf8_lossy(attribute.key.into_inner()).into_owned();
        attributes.push((key, String::from_utf8_lossy(&attribute.value).into_owned()));
    }
    let said = |key: &str| attributes.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let row = match way {
        Way::Get => ELEMENTS.iter().find(|(cda, _)| *cda == name).map(|(_, html)| *html),
        Way::Put => ELEMENTS.iter().find(|(_, html)| *html == name).map(|(cda, _)| *cda),
    };
    let new = match (way, name) {
        (Way::Get, "list") if said("listType") == Some("ordered") => "ol",
        (Way::Get, "list") => "ul",
        (Way::Put, "ul" | "ol") => "list",
        (Way::Get, _) => row.unwrap_or("span"),
        (Way::Put, "script" | "style" | "iframe" | "object" | "form") => {
            return Err(format!("holds <{name}>, which a narrative must not"));
        }
        (Way::Put, _) => row.unwrap_or("content"),
    };
    let html = if way == Way::Get { new } else { name };
    let mut text = String::new();
    if (way, name) == (Way::Put, "ol") {
        text += " listType=\"ordered\"";
    }
    match (way, name) {
        (Way::Put, "b" | "strong") => text += " styleCode=\"Bold\"",
        (Way::Put, "i" | "em") => text += " styleCode=\"Italics\"",
        _ => {}
    }
    for (cda, there, of) in ATTRIBUTES {
        let (from, to) = if way == Way::Get { (cda, there) } else { (there, cda) };
        let taken = of.is_empty() || of.contains(&html);
        let Some(value) = said(from).filter(|_| taken) else { continue };
        let value = value.trim();
        if value.is_empty() || (*there == "href" && !is_harmless(value)) || text.contains(to) {
            continue;
        }
        // The quotes of the value may have been apostrophes.
        let _ = write!(text, " {to}=\"{}\"", value.replace('"', "&quot;").replace('<', "&lt;"));
    }
    Ok((new, text))
}

/// A link to a place of the document, to a page, or to mail.
fn is_harmless(link: &str) -> bool {
    ["#", "http://", "https://", "mailto:"].iter().any(|start| link.starts_with(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_section_becomes_a_div_and_comes_back() {
        let text = "\n<paragraph styleCode=\"Bold\">咳嗽 &amp; 咳痰<br/></paragraph>\
            <list listType=\"ordered\"><item ID=\"i1\">3<sup>2</sup></item></list>\
            <table border=\"1\"><tbody><tr><td colspan=\"2\">x</td></tr></tbody></table>";
        let div = get(text).unwrap();
        assert_eq!(
            div,
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">\n<p class=\"Bold\">咳嗽 &amp; 咳痰<br/></p>\
             <ol><li id=\"i1\">3<sup>2</sup></li></ol>\
             <table border=\"1\"><tbody><tr><td colspan=\"2\">x</td></tr></tbody></table></div>"
        );
        assert_eq!(put(&div).unwrap(), text);
    }

    #[test]
    fn what_could_run_is_not_written() {
        let bad = "<content onclick=\"x()\" href=\"y\">a</content><linkHtml href=\"javascript:x\">b</linkHtml>";
        assert_eq!(get(bad).unwrap(), format!("{OPEN}<span>a</span><a>b</a>{CLOSE}"));
        assert!(put("<div><script>x</script></div>").is_err());
        assert!(get("<!DOCTYPE x []>&x;").is_err());
        assert!(get("&bomb;").unwrap_err().contains("bomb"));
        assert!(get(&"<content>".repeat(100)).unwrap_err().contains("deeper"));
    }

    #[test]
    fn other_elements_keep_their_text() {
        assert_eq!(
            get("<renderMultiMedia referencedObject=\"m\"/><footnote>f</footnote>").unwrap(),
            format!("{OPEN}<span/><span>f</span>{CLOSE}")
        );
        assert_eq!(
            put("<div><h2>t</h2><b>x</b></div>").unwrap(),
            "<paragraph>t</paragraph><content styleCode=\"Bold\">x</content>"
        );
        for bad in ["x", "<div>", "<div><p></div>", "<div></p></div>"] {
            assert!(put(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_comes_back(text in "(<paragraph>|</paragraph>|<list>|</list>|<item/>|<td>|</td>|a|&amp;|&lt;| |\\PC){0,20}") {
            if let Ok(div) = get(&text) {
                let back = put(&div).expect("what was read can be written");
                prop_assert_eq!(get(&back), Ok(div));
            }
        }
    }
}
