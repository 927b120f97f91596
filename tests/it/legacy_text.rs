//! Delimited text and XML as the field sends them: every sample comes back byte for byte, an edit
//! changes its own slot and no other, broken and hostile input is refused with its place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tombolo::legacy::delimited::{self, Dialect};
use tombolo::legacy::row::{self, Column, ColumnKind, Form};
use tombolo::legacy::{
    Charset, Charsets, Editor, File, Read, Record, Schema, Scope, Slot, Span, Text, Write, xml,
};

use crate::support::data;

/// What a text must survive: delimiters of all formats, line ends, ends of CDATA, characters whose
/// GBK bytes hold ASCII.
const HOSTILE: &str = "\"a\",b;'c'|^~\\&d; <e>]]>\r\n葉珅玘誠 &amp;";

/// A character that has four bytes in GB18030, and none in GBK.
const RARE: &str = "𠮷";

fn samples(folders: &[&str], ending: &str) -> Vec<PathBuf> {
    let found = folders.iter().filter_map(|folder| data::shared(folder));
    let files: Vec<PathBuf> = found.flat_map(|f| data::files_below(&f, ending)).collect();
    assert!(files.len() > 1 || data::shared(folders[0]).is_none(), "the samples are there");
    files
}

/// A schema with the columns of a file's own header.
fn schema_of(bytes: &[u8]) -> Schema {
    let text = Text::decode(bytes, None, &Charsets::default()).unwrap();
    let column = |name: &str| Column {
        name: name.to_owned(),
        kind: ColumnKind::Text,
        max: None,
        required: true,
        secret: false,
        nulls: None,
    };
    let dialect = Dialect { separator: ',', quote: '"', header: true, line_end: "\r\n".to_owned() };
    Schema::Row(row::Schema {
        columns: text.text.lines().next().unwrap().split(',').map(column).collect(),
        nulls: vec![String::new(), "-".to_owned(), ".".to_owned()],
        charset: Charset::Utf8,
        form: Form::Delimited(dialect),
    })
}

/// Names and values of a record; of several with one name, the first.
fn values(record: &Record) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    record.each_value(&mut |name, text| {
        values.entry(name.to_owned()).or_insert_with(|| text.to_owned());
    });
    values
}

/// Those that their name alone leads to: of several elements at one path that is the first, and it
/// may be empty.
fn slots(schema: &Schema, record: &Record) -> Vec<(Slot, String, String)> {
    // A place among several of one name (`entry[2]`) is no name of a slot.
    let placed = |name: &str| name.contains("[") && name.contains(|c: char| c.is_ascii_digit());
    let named = values(record).into_iter().filter(|(name, _)| !placed(name));
    let all = named.map(|(name, text)| (slot(schema, &name), name, text));
    let leads = |(slot, _, text): &(Slot, String, String)| {
        record.read(Scope::default(), slot) == Read::Text(text.as_str().into())
    };
    all.filter(leads).collect()
}

fn slot(schema: &Schema, name: &str) -> Slot {
    schema.slot(&schema.root(), if name.is_empty() { "." } else { name }).unwrap()
}

fn edited(record: &Record, write: impl FnOnce(&mut Editor)) -> Result<Vec<u8>, tombolo::Error> {
    let mut editor = record.edit();
    write(&mut editor);
    record.text().splice(&editor.finish()?)
}

/// Nothing changes while nothing new is written; one edit changes one value, and no other.
fn edits_touch_one_slot(path: &Path, schema: &Schema, file: &File, charsets: &Charsets) {
    let at = Scope::default();
    let charset = file.text.charset;
    for (n, record) in file.records.iter().enumerate() {
        let before = values(record);
        let slots = slots(schema, record);
        assert!(!slots.is_empty(), "{}", path.display());
        let same = edited(record, |editor| {
            for (slot, _, text) in &slots {
                editor.write(at, slot, Write::Text(text)).unwrap();
            }
        });
        assert_eq!(same.unwrap(), file.text.bytes[..], "{}", path.display());
        for (slot, name, _) in &slots {
            let write =
                |text: &str| edited(record, |e| e.write(at, slot, Write::Text(text)).unwrap());
            let again = schema.read(&write(HOSTILE).unwrap(), charsets).unwrap();
            let mut wanted = before.clone();
            wanted.insert(name.clone(), HOSTILE.to_owned());
            assert_eq!(values(&again.records[n]), wanted, "{}: {name}", path.display());
            for (other, record) in again.records.iter().enumerate().filter(|(o, _)| *o != n) {
                assert_eq!(values(record), values(&file.records[other]), "{name} of another");
            }
            match (charset, write(RARE)) {
                (Charset::Gbk, rare) => {
                    let error = rare.unwrap_err().to_string();
                    assert!(error.contains(RARE) && error.contains("GBK"), "{error}");
                }
                (_, rare) => {
                    let again = schema.read(&rare.unwrap(), charsets).unwrap();
                    assert_eq!(again.records[n].read(at, slot), Read::Text(RARE.into()));
                }
            }
        }
    }
}

#[test]
fn every_table_comes_back_byte_for_byte() {
    let folders = ["china-samples/community", "china-samples/immunisation", "china-samples/cdc"];
    let mut rows = 0;
    for path in samples(&folders, "csv") {
        let bytes = std::fs::read(&path).unwrap();
        let schema = schema_of(&bytes);
        let charsets = Charsets::default();
        let file = schema.read(&bytes, &charsets).unwrap();
        assert!(!file.records.is_empty(), "{}", path.display());
        rows += file.records.len();
        assert_eq!(file.text.splice(&[]).unwrap(), bytes, "{}", path.display());
        // The parts make up the whole, broken rows too.
        let rows = file.records.iter().map(Record::span);
        let spans: Vec<Span> = rows.chain(file.broken.iter().map(|(s, _)| *s)).collect();
        assert_eq!(delimited::subset(&file, &spans), bytes, "{}", path.display());
        edits_touch_one_slot(&path, &schema, &file, &charsets);
    }
    println!("{rows} rows");
}

#[test]
fn every_document_comes_back_byte_for_byte() {
    let folders = ["china-samples/cdc", "china-samples/cda", "cda"];
    let mut files = samples(&folders[..2], "xml");
    files.extend(samples(&folders[2..], "ccda"));
    let mut elements = 0;
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let schema = Schema::Xml(Arc::default());
        let charsets = Charsets { carry_raw: true, ..Charsets::default() };
        let file = schema.read(&bytes, &charsets).unwrap();
        assert_eq!(file.text.splice(&[]).unwrap(), bytes, "{}", path.display());
        elements += values(&file.records[0]).len();
        // Large documents have thousands of slots, each written and read again.
        if bytes.len() < 10_000 {
            edits_touch_one_slot(&path, &schema, &file, &charsets);
        } else {
            let record = &file.records[0];
            let same = edited(record, |editor| {
                for (slot, _, text) in slots(&schema, record) {
                    editor.write(Scope::default(), &slot, Write::Text(&text)).unwrap();
                }
            });
            assert_eq!(same.unwrap(), bytes, "{}", path.display());
        }
    }
    println!("{elements} slots with a value");
}

#[test]
fn a_row_with_too_few_cells_is_told_and_the_others_are_read() {
    let Some(path) = data::shared("china-samples/community/gxy_高血压随访_gbk.csv") else {
        return;
    };
    let mut bytes = std::fs::read(path).unwrap();
    let schema = schema_of(&bytes);
    let whole = schema.read(&bytes, &Charsets::default()).unwrap().records.len();
    let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    let comma = second + bytes[second..].iter().position(|b| *b == b',').unwrap();
    bytes.remove(comma);
    let file = schema.read(&bytes, &Charsets::default()).unwrap();
    assert_eq!((file.records.len(), file.broken.len()), (whole - 1, 1));
    let (span, error) = &file.broken[0];
    let told = error.to_string();
    assert!(told.contains("line 2") && told.contains("43 cells, the header 44"), "{told}");
    let rejected = delimited::subset(&file, &[*span]);
    assert_eq!(
        rejected,
        bytes[..second + bytes[second..].iter().position(|b| *b == b'\n').unwrap() + 1]
    );
}

#[test]
fn bad_gbk_in_a_document_is_located_or_carried() {
    let Some(path) = data::shared("china-samples/cda/C0002_outpatient_record_P03_GBK.xml") else {
        return;
    };
    let mut bytes = std::fs::read(path).unwrap();
    let schema = Schema::Xml(Arc::default());
    assert_eq!(schema.read(&bytes, &Charsets::default()).unwrap().text.charset, Charset::Gbk);
    let name = bytes.windows(6).position(|w| w == b"<name>").unwrap() + 6;
    bytes[name] = 0xFF;
    let error = schema.read(&bytes, &Charsets::default()).unwrap_err().to_string();
    assert!(error.contains(&format!("byte {name}")), "{error}");
    let carried = Charsets { carry_raw: true, ..Charsets::default() };
    let file = schema.read(&bytes, &carried).unwrap();
    let title = slot(&schema, "title");
    let again = edited(&file.records[0], |editor| {
        editor.write(Scope::default(), &title, Write::Text("新")).unwrap();
    });
    let again = again.unwrap();
    assert!(again.windows(7).any(|w| w == &bytes[name - 6..=name]), "the byte stays");
    let read = schema.read(&again, &carried).unwrap();
    assert_eq!(read.records[0].read(Scope::default(), &title), Read::Text("新".into()));
}

#[test]
fn a_new_card_looks_like_those_of_the_field() {
    let Some(path) = data::shared("china-samples/cdc/card_add_P08_cholera.xml") else { return };
    let sample = std::fs::read(path).unwrap();
    let local =
        tombolo::translate::Party { name: "local".into(), title: "local".into(), uscc: None };
    let library = tombolo::translate::Library::open(&[]).unwrap();
    let schema = library.program("cdc-card", &local).unwrap().schema.clone();
    let card = schema.read(&sample, &Charsets::default()).unwrap();
    let blank = schema.blank();
    // Written last to first: the schema knows the order.
    let made = edited(&blank.records[0], |editor| {
        for (name, text) in values(&card.records[0]).iter().rev() {
            editor.write(Scope::default(), &slot(&schema, name), Write::Text(text)).unwrap();
        }
    });
    assert_eq!(String::from_utf8(made.unwrap()).unwrap(), String::from_utf8(sample).unwrap());
}

#[test]
fn hostile_input_meets_limits_with_its_place() {
    let refused = |schema: &Schema, bytes: &[u8], says: &str| {
        let error = schema.read(bytes, &Charsets::default()).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("line "), "{error}");
    };
    let schema = Schema::Xml(Arc::default());
    refused(&schema, "<a>".repeat(100_000).as_bytes(), "deeper than 128");
    let many: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    refused(&schema, format!("<a>\n<b{many}/></a>").as_bytes(), "more than 256 attributes");
    let bomb = "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY b '&c;&c;'>]><a>&b;</a>";
    refused(&schema, bomb.as_bytes(), "document type");
    refused(&schema, format!("<a>{}</a>", "<b/>".repeat(1_000_001)).as_bytes(), "1000000 elements");
    let large = vec![b' '; xml::MOST_BYTES + 1];
    let error = schema.read(&large, &Charsets::default()).unwrap_err();
    assert_eq!(error.kind, tombolo::Kind::TooLarge);

    let schema = schema_of(b"a,b\n");
    refused(&schema, b"\nb\n1\n", "no column 'a'");
    let file =
        schema.read(format!("a,b\n{}", ",".repeat(1 << 20)).as_bytes(), &Charsets::default());
    assert!(file.unwrap().broken[0].1.to_string().contains("line 2"));
}
