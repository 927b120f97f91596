//! Which mapping takes a transfer: decided on its first bytes, before anything is read whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::plan::{Accept, Program};
use crate::error::{Error, Kind, Result};
use crate::legacy::row::Form;
use crate::legacy::xml::Namespace;
use crate::legacy::{Charsets, File, Read, Schema, Scope, Text, dbf, fixed, json, xlsx};

/// Bytes that are looked at to find the first line or the root element.
const PREFIX: usize = 64 << 10;

/// What the first bytes say.
enum Looks {
    /// HL7 v2: `ADT^A01`.
    Message(String),
    /// XML: the root element's local name.
    Root(String),
    /// JSON: the keys of the first object.
    Keys(Vec<String>),
    /// Text: the first line.
    Line(String),
    /// A DBF table: the names of its fields.
    Table(Vec<String>),
    /// A workbook.
    Book,
}

/// The one program that takes this transfer. None ([`Kind::NotFound`]) or two that fit are errors.
pub(super) fn choose(programs: &[Arc<Program>], bytes: &[u8]) -> Result<Arc<Program>> {
    let looks = look(bytes)?;
    let mut documents = Documents { bytes, read: Vec::new() };
    let scores: Vec<f32> = programs.iter().map(|p| fit(p, &looks, &mut documents)).collect();
    let best = scores.iter().copied().fold(0.0, f32::max);
    let mut chosen = Vec::new();
    if best > 0.0 {
        let all = programs.iter().zip(&scores);
        chosen.extend(all.filter(|(_, score)| **score >= best).map(|(program, _)| program));
    }
    match chosen.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(nothing_fits(programs, &looks)),
        several => {
            let names: Vec<&str> = several.iter().map(|p| p.name.as_str()).collect();
            let what = format!("{} fits more than one mapping: {}", told(&looks), names.join(", "));
            Err(Error::new(Kind::Usage, what).advise("name the mapping to use"))
        }
    }
}

fn look(bytes: &[u8]) -> Result<Looks> {
    let prefix = &bytes[..bytes.len().min(PREFIX)];
    let plain = prefix.strip_prefix(b"\x0b").unwrap_or(prefix);
    let plain = plain.strip_prefix(b"\xef\xbb\xbf").unwrap_or(plain);
    let plain = plain.trim_ascii_start();
    if [b"MSH", b"FHS", b"BHS"].iter().any(|name| plain.starts_with(*name)) {
        return Ok(Looks::Message(message_of(plain)?));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Ok(Looks::Book);
    }
    if let Some(names) = dbf::names(bytes) {
        return Ok(Looks::Table(names));
    }
    let end = prefix.iter().position(|b| *b == b'\n').map_or(prefix.len(), |n| n + 1);
    let is_wide = prefix.starts_with(b"\xff\xfe") || prefix.starts_with(b"\xfe\xff");
    if plain.starts_with(b"<") || is_wide {
        let text = Text::decode(whole_units(prefix), None, &lenient())?;
        if let Some(root) = root_of(&text.text) {
            return Ok(Looks::Root(root));
        }
        return Ok(Looks::Line(text.text.lines().next().unwrap_or("").to_owned()));
    }
    if plain.starts_with(b"{") || plain.starts_with(b"[") {
        // The last character of the prefix may be cut.
        let text = Text::decode(prefix, None, &lenient())?;
        return Ok(Looks::Keys(json::first_keys(&text.text)));
    }
    let line = Text::decode(&prefix[..end], None, &lenient())?;
    Ok(Looks::Line(line.text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Whole code units of UTF-16, where the prefix was cut.
fn whole_units(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() & !1]
}

fn lenient() -> Charsets {
    Charsets { carry_raw: true, ..Charsets::default() }
}

/// MSH-9 of the first message.
fn message_of(bytes: &[u8]) -> Result<String> {
    let at = bytes.windows(3).position(|w| w == b"MSH").unwrap_or(0);
    let line = &bytes[at..];
    let end = line.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(line.len());
    let text = Text::decode(&line[..end], None, &lenient())?;
    let mut chars = text.text.chars().skip(3);
    let field = chars.next().unwrap_or('|');
    let component = chars.next().unwrap_or('^');
    let kind = text.text.split(field).nth(8).unwrap_or("");
    let parts: Vec<&str> = kind.split(component).take(2).collect();
    Ok(parts.join("^"))
}

/// The local name of the root element.
fn root_of(text: &str) -> Option<String> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        rest = rest.trim_start();
        let end = match rest {
            r if r.starts_with("<?") => "?>",
            r if r.starts_with("<!--") => "-->",
            r if r.starts_with("<!") => ">",
            _ => break,
        };
        rest = &rest[rest.find(end)? + end.len()..];
    }
    let name = rest.strip_prefix('<')?;
    let end = name.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
    let name = name[..end].rsplit(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// How well a program fits: 0 not at all, 1 exactly.
fn fit(program: &Program, looks: &Looks, documents: &mut Documents<'_>) -> f32 {
    let any = |held: bool| if held { 1.0 } else { 0.0 };
    match (&program.schema, looks) {
        (Schema::Hl7(_), Looks::Message(message)) => any(program.accept.iter().any(|a| {
            matches!(a, Accept::Message(m) if m == message || m.split('^').eq(message.split('^').take(2)))
        })),
        (Schema::Xml(xml), Looks::Root(root)) => {
            let other = xml.root.as_deref().is_some_and(|mine| mine != root);
            any(!other && takes_document(program, root, &xml.namespaces, documents))
        }
        (Schema::Json(schema), Looks::Keys(keys)) => {
            takes_object(program, schema, keys, documents.bytes)
        }
        (Schema::Row(rows), Looks::Line(line)) => match rows.form {
            Form::Delimited(_) => headed(program, &cells(line)),
            // Nothing but its length says what a line is.
            Form::Fixed(_) if fixed::line_width(rows) == first_line(documents.bytes) => 0.5,
            _ => 0.0,
        },
        (Schema::Row(rows), Looks::Book) => match &rows.form {
            Form::Xlsx(sheet) => xlsx::names(documents.bytes, sheet).map_or(0.0, |names| {
                headed(program, &names.iter().map(String::as_str).collect())
            }),
            _ => 0.0,
        },
        (Schema::Row(rows), Looks::Table(names)) => match rows.form {
            Form::Dbf(_) => headed(program, &names.iter().map(String::as_str).collect()),
            _ => 0.0,
        },
        _ => 0.0,
    }
}

/// Bytes of the first line.
fn first_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len())
}

/// How well the names of a header fit a mapping.
fn headed(program: &Program, header: &BTreeSet<&str>) -> f32 {
    let fits = program.accept.iter().filter_map(|a| match a {
        Accept::Header(columns) => Some(overlap(columns, header)),
        _ => None,
    });
    fits.fold(0.0, f32::max)
}

/// The cells of a header line.
fn cells(line: &str) -> BTreeSet<&str> {
    let separator = [',', '\t', '|', ';'].into_iter().max_by_key(|c| line.matches(*c).count());
    let cells = line.split(separator.unwrap_or(','));
    cells.map(|cell| cell.trim().trim_matches('"').trim()).collect()
}

/// By the values that `accept` asks for, else by the share of fields in common; 0 where an object has
/// keys that the schema does not know.
fn takes_object(program: &Program, schema: &json::Schema, keys: &[String], bytes: &[u8]) -> f32 {
    let charsets = Charsets { mapping: program.charset, ..lenient() };
    let file = program.schema.read(bytes, &charsets).ok();
    if let Some(holds) = slots_hold(program, file.as_ref()) {
        return if holds { 1.0 } else { 0.0 };
    }
    let known: Vec<&str> = schema.fields.iter().map(|f| f.name.as_str()).collect();
    let all = keys.iter().all(|key| known.contains(&key.as_str()));
    if keys.is_empty() || !all {
        return 0.0;
    }
    #[allow(clippy::cast_precision_loss, reason = "objects are small")]
    let share = keys.len() as f32 / known.len() as f32;
    share
}

/// The document, read once for all programs that name the same namespaces.
struct Documents<'b> {
    bytes: &'b [u8],
    read: Vec<(Vec<Namespace>, Option<File>)>,
}

impl Documents<'_> {
    fn file(&mut self, program: &Program, namespaces: &[Namespace]) -> Option<&File> {
        let known = self.read.iter().position(|(known, _)| known == namespaces);
        let at = known.unwrap_or_else(|| {
            let charsets = Charsets { mapping: program.charset, ..lenient() };
            let file = program.schema.read(self.bytes, &charsets).ok();
            self.read.push((namespaces.to_vec(), file));
            self.read.len() - 1
        });
        self.read[at].1.as_ref()
    }
}

fn takes_document(
    program: &Program,
    root: &str,
    namespaces: &[Namespace],
    documents: &mut Documents<'_>,
) -> bool {
    let named = program.accept.iter().any(|a| matches!(a, Accept::Root(name) if name == root));
    slots_hold(program, documents.file(program, namespaces)).unwrap_or(named)
}

/// Whether one of the values that `accept` asks for is there, if it asks for some and the file can be
/// read.
fn slots_hold(program: &Program, file: Option<&File>) -> Option<bool> {
    let slots: Vec<_> = program
        .accept
        .iter()
        .filter_map(|a| match a {
            Accept::Slot(input, value) => Some((input, value)),
            _ => None,
        })
        .collect();
    if slots.is_empty() {
        return None;
    }
    let Some(record) = file?.records.first() else { return Some(false) };
    let holds = slots.iter().any(|(input, value)| {
        let super::plan::Input::Slots(all) = input else { return false };
        all.iter().flatten().any(|slot| {
            matches!(record.read(Scope::default(), slot), Read::Text(text) if text == value.as_str())
        })
    });
    Some(holds)
}

/// The share of columns that a header and a mapping have in common; 0 where each has some that the
/// other lacks.
fn overlap(columns: &[String], header: &BTreeSet<&str>) -> f32 {
    let columns: BTreeSet<&str> = columns.iter().map(String::as_str).collect();
    if !columns.is_subset(header) && !header.is_subset(&columns) {
        return 0.0;
    }
    let common = columns.intersection(header).count();
    #[allow(clippy::cast_precision_loss, reason = "headers are short")]
    let share = common as f32 / columns.union(header).count() as f32;
    share
}

fn told(looks: &Looks) -> String {
    match looks {
        Looks::Message(message) => format!("the message {message}"),
        Looks::Root(root) => format!("the XML document <{root}>"),
        Looks::Keys(_) => "the JSON body".to_owned(),
        Looks::Line(_) => "the text file".to_owned(),
        Looks::Table(_) => "the DBF table".to_owned(),
        Looks::Book => "the workbook".to_owned(),
    }
}

fn nothing_fits(programs: &[Arc<Program>], looks: &Looks) -> Error {
    let mut what = format!("no mapping takes {}", told(looks));
    if let Looks::Line(line) = looks {
        let shown: String = line.chars().take(60).collect();
        what += &format!(" with the header '{shown}'");
    }
    if let Looks::Table(names) = looks {
        what += &format!(" with the fields {}", names.join(", "));
    }
    let takes: Vec<String> = programs.iter().map(|p| takes(p)).collect();
    Error::new(Kind::NotFound, what).advise(format!("there are: {}", takes.join("; ")))
}

fn takes(program: &Program) -> String {
    let all: Vec<String> = program
        .accept
        .iter()
        .map(|accept| match accept {
            Accept::Message(message) => message.clone(),
            Accept::Root(root) => format!("<{root}>"),
            Accept::Slot(_, value) => format!("documents with {value}"),
            Accept::Header(columns) => {
                let first: Vec<&str> = columns.iter().take(3).map(String::as_str).collect();
                format!("columns {} …", first.join(", "))
            }
        })
        .collect();
    format!("{} ({})", program.name, all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Library;
    use crate::translate::plan::Party;

    fn chosen(bytes: &[u8]) -> Result<String> {
        let library = Library::open(&[]).unwrap();
        let party = Party { name: "p".into(), title: "p".into(), uscc: None };
        library.choose(&library.names(), &party, bytes).map(|program| program.name.clone())
    }

    const HEADER: &str = "随访流水号,健康档案编号,姓名,身份证号,随访日期,随访方式,症状,其他症状,收缩压,\
        舒张压,体重,目标体重,身高,体质指数,目标体质指数,心率,其他体征,日吸烟量,目标日吸烟量,日饮酒量,\
        目标日饮酒量,运动次数,运动时长,目标运动次数,目标运动时长,摄盐,目标摄盐,心理调整,遵医行为,\
        辅助检查,服药依从性,药物不良反应,不良反应描述,随访分类,药物1名称,药物1用法,药物1用量,\
        药物2名称,药物2用法,药物2用量,转诊原因,转诊机构及科别,下次随访日期,随访医生";

    #[test]
    fn messages_by_msh_9() {
        let adt = b"MSH|^~\\&|A|B|C|D|20260302||ADT^A08^ADT_A01|1|P|2.5.1\rPID|1\r";
        assert_eq!(chosen(adt).unwrap(), "hospital-adt");
        let framed = b"\x0bMSH$%~!@$A$B$C$D$20260302$$ORU%R01$1$P$2.3\r";
        assert_eq!(chosen(framed).unwrap(), "hospital-oru");
        let error = chosen(b"MSH|^~\\&|A|B|C|D|20260302||BAR^P01|1|P|2.5.1\r").unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
        assert_eq!(error.what, "no mapping takes the message BAR^P01");
        assert!(error.advice.unwrap().contains("hospital-adt (ADT^A01, ADT^A04, ADT^A08)"));
    }

    #[test]
    fn a_gbk_sender_does_not_hide_the_message_type() {
        // The second byte of this character is '|' in GBK.
        let mut message = b"MSH|^~\\&|".to_vec();
        message.extend(encoding_rs::GBK.encode("\u{4e31}").0.iter());
        message.extend(b"|B|C|D|20260302||ADT^A01|1|P|2.5.1\r");
        assert_eq!(chosen(&message).unwrap(), "hospital-adt");
    }

    #[test]
    fn rows_by_header() {
        let text = format!("\u{feff}{HEADER}\r\n1,2\r\n");
        assert_eq!(chosen(text.as_bytes()).unwrap(), "htn-followup");
        let gbk = encoding_rs::GBK.encode(HEADER).0.into_owned();
        assert_eq!(chosen(&gbk).unwrap(), "htn-followup");
        let fewer = HEADER.replace(",其他症状", "");
        assert_eq!(chosen(fewer.as_bytes()).unwrap(), "htn-followup");
        let error = chosen(b"a,b\n1,2\n").unwrap_err();
        assert_eq!(error.what, "no mapping takes the text file with the header 'a,b'");
    }

    #[test]
    fn documents_by_root_and_slot() {
        let card = |name: &str| {
            format!(
                "<?xml version=\"1.0\"?><!-- x --><DataExchange><eventHead><entityName>{name}\
                 </entityName></eventHead></DataExchange>"
            )
        };
        assert_eq!(chosen(card("IDR_NCD_CODRIS").as_bytes()).unwrap(), "cdc-card");
        let error = chosen(card("OTHER").as_bytes()).unwrap_err();
        assert_eq!(error.what, "no mapping takes the XML document <DataExchange>");
        assert!(chosen(b"<Response/>").is_err());
    }

    #[test]
    fn two_that_fit_are_an_error() {
        let library = Library::open(&[]).unwrap();
        let party = Party { name: "p".into(), title: "p".into(), uscc: None };
        let one = library.program("hospital-adt", &party).unwrap();
        let mut other = (*one).clone();
        other.name = "other".into();
        let message = b"MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1\r";
        let error = choose(&[one, Arc::new(other)], message).unwrap_err();
        assert_eq!(
            error.what,
            "the message ADT^A01 fits more than one mapping: hospital-adt, other"
        );
    }
}
