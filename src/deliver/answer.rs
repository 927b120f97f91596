//! What a target's answer says: a rule over elements of an XML body.
//!
//! ```yaml
//! answer: { ok: Response/code = success, id: Response/CardId, reason: Response/message }
//! ```

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::{Deserializer, Unexpected};
use serde::{Deserialize, de};

use crate::flow::delivery::{Reply, Said};
use crate::legacy::{Charset, Charsets, Text};

/// The most of an answer that is kept for people, in characters.
const KEPT: usize = 4096;

/// The deepest element that is looked at.
const DEEPEST: usize = 64;

/// How a target answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    /// It took the delivery if this element has this text; any other text is a refusal.
    pub ok: Test,
    /// The element with the number it gave.
    pub id: Option<Path>,
    /// The element with its reasons; `;` and `；` stand between two.
    pub reason: Option<Path>,
}

/// An element: names from the root, without prefixes, `a/b/c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// `a/b = text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The element.
    pub path: Path,
    /// Its text.
    pub is: String,
}

impl AnswerRule {
    /// Reads a body; none if the element that decides is not in it, so that it says nothing.
    pub fn read(&self, body: &[u8]) -> Option<Reply> {
        let text = decode(body)?;
        let verdict = self.ok.path.find(&text)?;
        let said = if verdict == self.ok.is { Said::Accepted } else { Said::Rejected };
        let find = |path: &Option<Path>| path.as_ref().and_then(|path| path.find(&text));
        let reasons = find(&self.reason).unwrap_or_default();
        let reasons = reasons.split([';', '；']).map(str::trim).filter(|reason| !reason.is_empty());
        let id = find(&self.id).filter(|id| !id.is_empty());
        Some(Reply { said, id, reasons: reasons.map(str::to_owned).collect(), body: kept(&text) })
    }
}

/// A body for people: decoded if it can be, and cut.
pub fn shown(body: &[u8]) -> String {
    decode(body).map_or_else(|| kept(&String::from_utf8_lossy(body)), |text| kept(&text))
}

fn kept(text: &str) -> String {
    text.chars().take(KEPT).collect()
}

/// Decodes by the XML declaration, else as UTF-8 or GB18030.
fn decode(body: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&body[..body.len().min(200)]);
    let declared = head.split_once("encoding=").and_then(|(_, rest)| {
        let quote = rest.chars().next().filter(|c| *c == '"' || *c == '\'')?;
        Charset::named(rest[1..].split(quote).next()?)
    });
    let text = Text::decode(body, declared, &Charsets::default()).ok()?;
    Some(text.text.clone())
}

impl Path {
    /// The text of the first element at this path, entities resolved, trimmed.
    fn find(&self, xml: &str) -> Option<String> {
        let mut reader = Reader::from_str(xml);
        let mut open: Vec<String> = Vec::new();
        let mut found: Option<String> = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(element) => {
                    if open.len() == DEEPEST {
                        return None;
                    }
                    open.push(String::from_utf8_lossy(element.local_name().as_ref()).into_owned());
                    if open == self.0 {
                        found = Some(String::new());
                    }
                }
                Event::Empty(element) => {
                    let name = String::from_utf8_lossy(element.local_name().as_ref()).into_owned();
                    if self.0.split_last().is_some_and(|(last, up)| *last == name && up == open) {
                        return Some(String::new());
                    }
                }
                Event::End(_) => {
                    if open == self.0 {
                        return found.map(|text| text.trim().to_owned());
                    }
                    open.pop();
                }
                Event::Text(text) if open == self.0 => {
                    found.as_mut()?.push_str(&text.decode().ok()?)
                }
                Event::CData(text) if open == self.0 => {
                    found.as_mut()?.push_str(&text.decode().ok()?)
                }
                Event::GeneralRef(name) if open == self.0 => {
                    let c = match name.resolve_char_ref().ok()? {
                        Some(c) => c,
                        None => match &*name.decode().ok()? {
                            "lt" => '<',
                            "gt" => '>',
                            "amp" => '&',
                            "quot" => '"',
                            "apos" => '\'',
                            _ => return None,
                        },
                    };
                    found.as_mut()?.push(c);
                }
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    fn parse(text: &str) -> Option<Path> {
        let steps: Vec<String> = text.trim().split('/').map(str::to_owned).collect();
        let name = |step: &String| !step.is_empty() && !step.contains(char::is_whitespace);
        steps.iter().all(name).then_some(Path(steps))
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Path, D::Error> {
        let text = String::deserialize(from)?;
        Path::parse(&text)
            .ok_or_else(|| invalid(&text, &"a path of element names such as Response/CardId"))
    }
}

impl<'de> Deserialize<'de> for Test {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Test, D::Error> {
        let text = String::deserialize(from)?;
        let parts =
            text.split_once('=').and_then(|(path, is)| Some((Path::parse(path)?, is.trim())));
        match parts {
            Some((path, is)) if !is.is_empty() => Ok(Test { path, is: is.to_owned() }),
            _ => Err(invalid(&text, &"a test such as Response/code = success")),
        }
    }
}

fn invalid<E: de::Error>(text: &str, expected: &dyn de::Expected) -> E {
    E::invalid_value(Unexpected::Str(text), expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> AnswerRule {
        serde_saphyr::from_str(
            "{ ok: Response/code = success, id: Response/CardId, reason: Response/message }",
        )
        .unwrap()
    }

    #[test]
    fn success_gives_the_number() {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><code>success</code>\
                    <CardId>5399012603050001</CardId><message>上报成功</message></Response>";
        let reply = rule().read(body.as_bytes()).unwrap();
        assert_eq!((reply.said, reply.id.as_deref()), (Said::Accepted, Some("5399012603050001")));
        assert_eq!(reply.reasons, ["上报成功"]);
    }

    #[test]
    fn a_refusal_gives_its_reasons_in_any_charset() {
        let xml = "<?xml version='1.0' encoding='GBK'?><Response><code>fail</code><CardId/>\
                   <message>人群分类不能是幼托儿童;发病日期须&lt;=诊断时间；</message></Response>";
        let body = Charset::Gbk.encode(xml).unwrap();
        let reply = rule().read(&body).unwrap();
        assert_eq!((reply.said, &reply.id), (Said::Rejected, &None));
        assert_eq!(reply.reasons, ["人群分类不能是幼托儿童", "发病日期须<=诊断时间"]);
    }

    #[test]
    fn prefixes_cdata_and_depth() {
        let body = "<s:Envelope xmlns:s='x'><s:Body><Response><code><![CDATA[ success ]]></code></Response></s:Body></s:Envelope>";
        let soap: AnswerRule =
            serde_saphyr::from_str("{ ok: Envelope/Body/Response/code = success }").unwrap();
        assert_eq!(soap.read(body.as_bytes()).unwrap().said, Said::Accepted);
        assert_eq!(rule().read(body.as_bytes()), None);
        assert_eq!(rule().read("<a>".repeat(100_000).as_bytes()), None);
    }

    #[test]
    fn a_body_without_the_element_says_nothing() {
        for body in ["", "<html><body>proxy error</body></html>", "<Response><code>", "\u{0}"] {
            assert_eq!(rule().read(body.as_bytes()), None, "{body}");
        }
    }
}
