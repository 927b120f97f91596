//! What a target's answer says: a rule over elements of an XML body.
//!
//! ```yaml
//! answer: { ok: Response/code = success, id: Response/CardId, reason: Response/message }
//! ```

use std::sync::Arc;

use serde::de::{Deserializer, Unexpected};
use serde::{Deserialize, de};

use crate::flow::delivery::{Reply, Said};
use crate::legacy::{Charsets, Read, Record, Schema, Scope, Slot, Text};

/// The most of an answer that is kept for people, in characters.
const KEPT: usize = 4096;

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

/// An element: names from the root, without prefixes, `a/b/c`; an attribute, `a/b/@c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Name of the root element.
    root: String,
    /// What is below it.
    slot: Slot,
}

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
        let file = any_xml().read(body, &Charsets::default()).ok()?;
        let record = file.records.first()?;
        let verdict = self.ok.path.find(record)?;
        let said = if verdict == self.ok.is { Said::Accepted } else { Said::Rejected };
        let find = |path: &Option<Path>| path.as_ref().and_then(|path| path.find(record));
        let reasons = find(&self.reason).unwrap_or_default();
        let reasons = reasons.split([';', '；']).map(str::trim).filter(|reason| !reason.is_empty());
        let reasons = reasons.map(str::to_owned).collect();
        Some(Reply { said, id: find(&self.id), reasons, body: kept(&file.text.text) })
    }
}

/// A body for people: decoded if it can be, and cut.
pub fn shown(body: &[u8]) -> String {
    match any_xml().read(body, &Charsets::default()) {
        Ok(file) => kept(&file.text.text),
        Err(_) => match Text::decode(body, None, &Charsets::default()) {
            Ok(text) => kept(&text.text),
            Err(_) => kept(&String::from_utf8_lossy(body)),
        },
    }
}

fn kept(text: &str) -> String {
    text.chars().take(KEPT).collect()
}

/// Any document.
fn any_xml() -> Schema {
    Schema::Xml(Arc::default())
}

impl Path {
    /// The text there, trimmed, if there is one.
    fn find(&self, record: &Record) -> Option<String> {
        let root = record.about("root")?;
        if root.rsplit(':').next() != Some(&*self.root) {
            return None;
        }
        match record.read(Scope::default(), &self.slot) {
            Read::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Read::Absent | Read::Null => None,
        }
    }

    fn parse(text: &str) -> Option<Path> {
        let (root, below) = text.trim().split_once('/').filter(|(_, b)| !b.starts_with('/'))?;
        let any = any_xml();
        let slot = any.slot(&any.root(), below).ok()?;
        Some(Path { root: root.to_owned(), slot })
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
    use crate::legacy::Charset;

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
