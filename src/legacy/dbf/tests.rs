//! Tables read, edited, appended to and made: what users see, what breaks, what must never happen.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::{Read, Record, Scope, Write};
use crate::legacy::row::{Column, ColumnKind, Editor, Form, Slot};

const FIELDS: &[(&str, u8, usize, u8)] = &[
    ("KPBH", b'C', 6, 0),
    ("HZXM", b'C', 8, 0),
    ("TZ", b'N', 6, 2),
    ("CSRQ", b'D', 8, 0),
    ("HY", b'L', 1, 0),
    ("BZ", b'C', 10, 0),
];

fn schema_in(charset: Charset, driver: u8) -> Schema {
    let field = |(name, kind, width, decimals): &(&str, u8, usize, u8)| {
        Field::new(name, *kind, *width, *decimals, charset).expect("a name")
    };
    let table = Table { version: 3, driver, fields: FIELDS.iter().map(field).collect() };
    let names = FIELDS.iter().map(|(name, ..)| *name).chain([DELETED]);
    let column = |name: &str| Column {
        name: name.to_owned(),
        kind: ColumnKind::Text,
        max: None,
        required: false,
        secret: false,
        nulls: None,
    };
    Schema {
        columns: names.map(column).collect(),
        nulls: vec![String::new(), "-".to_owned()],
        charset,
        form: Form::Dbf(table),
    }
}

fn schema() -> Schema {
    schema_in(Charset::Gbk, 0x4D)
}

/// A table of records given by their bytes.
fn table(records: &[&[u8]]) -> Vec<u8> {
    let Form::Dbf(table) = schema().form else { unreachable!("a table") };
    let mut bytes = header::written(&table, records.len());
    for record in records {
        let from = bytes.len();
        bytes.extend(*record);
        bytes.resize(from + 40, b' ');
    }
    bytes.push(0x1A);
    bytes
}

fn gbk(text: &str) -> Vec<u8> {
    Charset::Gbk.encode(text).expect("has codes").into_owned()
}

/// Two persons, the second deleted.
fn two() -> Vec<u8> {
    let one = gbk(" K1    张三     62.5020260305T甲乙");
    let other = gbk("*K2    欧阳明月      20260306 ");
    table(&[&one, &other])
}

fn read_file(bytes: &[u8]) -> File {
    schema().read(bytes, &Charsets::default()).expect("reads")
}

fn row(file: &File, n: usize) -> &Row {
    match &file.records[n] {
        Record::Row(row) => row,
        other => panic!("{other:?}"),
    }
}

fn slot(name: &str) -> Slot {
    schema().slot(&schema().root(), name).expect("known")
}

fn get(file: &File, n: usize, name: &str) -> String {
    match row(file, n).read(Scope::default(), &slot(name)) {
        Read::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}

fn edited(file: &File, n: usize, write: impl FnOnce(&mut Editor)) -> Vec<u8> {
    let mut editor = row(file, n).edit();
    write(&mut editor);
    file.text.splice(&editor.finish().expect("edits")).expect("splices")
}

fn set(editor: &mut Editor, name: &str, text: &str) -> Result<()> {
    editor.write(Scope::default(), &slot(name), Write::Text(text))
}

#[test]
fn cells_are_decoded_and_unpadded() {
    let file = read_file(&two());
    assert!(file.broken.is_empty(), "{:?}", file.broken);
    let all = |n| FIELDS.iter().map(|(name, ..)| get(&file, n, name)).collect::<Vec<_>>();
    assert_eq!(all(0), ["K1", "张三", "62.50", "20260305", "T", "甲乙"]);
    assert_eq!(all(1), ["K2", "欧阳明月", "", "20260306", "", ""]);
    assert_eq!((get(&file, 0, DELETED), get(&file, 1, DELETED)), ("false".into(), "true".into()));
    assert_eq!(row(&file, 1).about("line").as_deref(), Some("2"));
}

#[test]
fn an_edit_touches_the_bytes_of_its_cell() {
    let bytes = two();
    let file = read_file(&bytes);
    let new = edited(&file, 0, |e| set(e, "HZXM", "李四").expect("fits"));
    let at = bytes.len() - 81 + 7;
    assert_eq!(new[..at], bytes[..at]);
    assert_eq!(new[at..at + 8], gbk("李四    "));
    assert_eq!(new[at + 8..], bytes[at + 8..]);
    let same = edited(&file, 0, |e| set(e, "TZ", "62.50").expect("fits"));
    assert_eq!(same, bytes);
    let number = edited(&file, 0, |e| set(e, "TZ", "7.5").expect("fits"));
    assert_eq!(number[at + 8..at + 14], *b"   7.5");
    let none = edited(&file, 0, |e| {
        e.write(Scope::default(), &slot("CSRQ"), Write::Clear).expect("clears");
    });
    assert_eq!(none[at + 14..at + 22], *b"        ");
}

#[test]
fn the_deletion_mark_is_a_slot() {
    let file = read_file(&two());
    let bytes = edited(&file, 0, |e| set(e, DELETED, "true").expect("a mark"));
    assert_eq!(get(&read_file(&bytes), 0, DELETED), "true");
    let bytes = edited(&file, 1, |e| {
        e.write(Scope::default(), &slot(DELETED), Write::Clear).expect("a mark");
    });
    assert_eq!(get(&read_file(&bytes), 1, DELETED), "false");
    assert!(set(&mut row(&file, 0).edit(), DELETED, "yes").is_err());
    let mut seen = Vec::new();
    file.records.iter().for_each(|r| r.each_value(&mut |name, _| seen.push(name.to_owned())));
    assert_eq!(seen.iter().filter(|name| *name == DELETED).count(), 1, "only where it says so");
}

#[test]
fn nothing_is_ever_cut() {
    let file = read_file(&two());
    let refused = |name: &str, text: &str| {
        set(&mut row(&file, 0).edit(), name, text).expect_err("refused").to_string()
    };
    let error = refused("HZXM", "欧阳明月光");
    assert!(error.contains("takes 10 bytes in GBK, and there is room for 8"), "{error}");
    assert!(error.contains("HZXM"), "{error}");
    assert!(refused("HZXM", "𠮷").contains("has no code in GBK"));
    assert!(refused("TZ", "1234.567").contains("digits behind the point"));
    assert!(refused("TZ", "1234567").contains("room for 6"));
    assert!(refused("TZ", "1e3").contains("is no number"));
    assert!(refused("CSRQ", "2026").contains("is no day"));
    assert!(refused("HY", "X").contains("neither T nor F"));
    assert!(refused("BZ", "a ").contains("blanks at its end"));
    assert!(refused("BZ", "-").contains("read as nothing"));
}

#[test]
fn half_a_character_breaks_its_record_only() {
    let one = gbk(" K1    张三丰甲");
    let mut cut = gbk(" K2    ");
    cut.extend(&gbk("张三丰甲")[..7]);
    let bytes = table(&[&one, &cut, &one]);
    let at = bytes.len() - 81 + 14;
    let file = read_file(&bytes);
    assert_eq!((file.records.len(), file.broken.len()), (2, 1));
    let error = file.broken[0].1.to_string();
    assert!(
        error.contains("record 2") && error.contains("'HZXM'") && error.contains("0xBC"),
        "{error}"
    );
    let raw = Charsets { carry_raw: true, ..Charsets::default() };
    let file = schema().read(&bytes, &raw).expect("reads");
    assert_eq!(file.records.len(), 3);
    let new = edited(&file, 1, |e| set(e, "KPBH", "K9").expect("fits"));
    assert_eq!(new[at - 7..], bytes[at - 7..], "the raw byte stays");
    let span = row(&file, 1).slot_span(Scope::default(), &slot("HZXM"));
    assert_eq!(file.text.byte_range(span), at - 7..at);
}

#[test]
fn places_are_those_of_the_bytes() {
    let bytes = two();
    let file = read_file(&bytes);
    let base = bytes.len() - 81;
    let place =
        |n, name| file.text.byte_range(row(&file, n).slot_span(Scope::default(), &slot(name)));
    assert_eq!(place(0, "HZXM"), base + 7..base + 11);
    assert_eq!(place(0, "TZ"), base + 16..base + 21);
    assert_eq!(place(1, "HZXM"), base + 47..base + 55);
    assert_eq!(file.text.byte_range(row(&file, 1).span()), base + 40..base + 80);
}

#[test]
fn the_language_driver_says_the_charset_unless_the_channel_does() {
    let Form::Dbf(mut table) = schema().form else { unreachable!("a table") };
    table.driver = 0x4F;
    let mut bytes = header::written(&table, 1);
    let mut record = b" K1    ".to_vec();
    record.extend(Charset::Big5.encode("張三").expect("has codes").iter());
    record.resize(40, b' ');
    bytes.extend(&record);
    let file = read_file(&bytes);
    assert_eq!((file.text.charset, file.text.chosen_by), (Charset::Big5, "declared"));
    assert_eq!(get(&file, 0, "HZXM"), "張三");
    bytes[29] = 0;
    let gbk = Charsets { mapping: Some(Charset::Gbk), ..Charsets::default() };
    let file = schema().read(&bytes, &gbk).expect("reads");
    assert_eq!(file.text.chosen_by, "mapping");
    let channel = Charsets { channel: Some(Charset::Big5), ..gbk };
    assert_eq!(get(&schema().read(&bytes, &channel).expect("reads"), 0, "HZXM"), "張三");
}

#[test]
fn what_the_header_counts_must_be_there() {
    let mut bytes = two();
    bytes.truncate(bytes.len() - 20);
    let file = read_file(&bytes);
    assert_eq!((file.records.len(), file.broken.len()), (1, 1));
    assert!(file.broken[0].1.to_string().contains("counts 2 records, the file holds 1"));
    let mut bytes = two();
    header::count(&mut bytes, 1);
    let file = read_file(&bytes);
    assert!(file.broken[0].1.to_string().contains("more bytes follow"), "{:?}", file.broken);
    let mut bytes = two();
    bytes.truncate(bytes.len() - 1);
    assert!(read_file(&bytes).broken.is_empty(), "some writers leave the end mark out");
    let at = bytes.len() - 40;
    bytes[at] = b'x';
    let file = read_file(&bytes);
    assert!(file.broken[0].1.to_string().contains("no deletion mark"), "{:?}", file.broken);
}

#[test]
fn headers_that_are_none_are_refused() {
    let refused =
        |bytes: &[u8]| schema().read(bytes, &Charsets::default()).expect_err("refused").to_string();
    assert!(refused(b"").contains("too short"));
    assert!(refused(&[b'a'; 99]).contains("0x61"));
    let mut bytes = two();
    bytes[10] += 1;
    assert!(refused(&bytes).contains("take 40 bytes, the records 41"), "{}", refused(&bytes));
    let mut bytes = two();
    bytes[32 + 11] = b'M';
    assert!(refused(&bytes).contains("type M"), "{}", refused(&bytes));
    assert!(names(b"0,a,b\n1,2,3").is_none(), "a text is no table");
}

#[test]
fn fields_that_are_not_read_are_carried() {
    let mut bytes = two();
    bytes[32 + 32 * 2 + 11] = b'B';
    let mut schema = schema();
    schema.columns.retain(|c| c.name != "TZ");
    let file = schema.read(&bytes, &Charsets::default()).expect("reads");
    let slot = |name| schema.slot(&schema.root(), name).expect("known");
    let mut editor = row(&file, 0).edit();
    editor.write(Scope::default(), &slot("CSRQ"), Write::Text("20270101")).expect("fits");
    let new = file.text.splice(&editor.finish().expect("edits")).expect("splices");
    let at = bytes.len() - 81 + 21;
    assert_eq!(new[at..at + 8], *b"20270101");
    assert_eq!((&new[..at], &new[at + 8..]), (&bytes[..at], &bytes[at + 8..]));
    let span = row(&file, 0).slot_span(Scope::default(), &slot("HZXM"));
    assert_eq!(file.text.byte_range(span).end, at - 10);
}

#[test]
fn a_subset_counts_its_records() {
    let bytes = two();
    let file = read_file(&bytes);
    let one = file.alone(row(&file, 1).span());
    let again = read_file(&one);
    assert_eq!((again.records.len(), again.broken.len()), (1, 0));
    assert_eq!(get(&again, 0, "HZXM"), "欧阳明月");
    assert_eq!(one.last(), Some(&0x1A));
    assert_eq!(one.len(), bytes.len() - 40);
    let both = file.only(&[row(&file, 1).span(), row(&file, 0).span()]);
    assert_eq!(both, bytes);
}

#[test]
fn a_new_table_is_made_and_appended_to() {
    let schema = schema();
    let blank = schema.blank();
    assert_eq!((blank.records.len(), blank.text.charset), (1, Charset::Gbk));
    let made = |name: &str| {
        edited(&blank, 0, |e| {
            set(e, "HZXM", name).expect("fits");
            set(e, "CSRQ", "2026-03-05").expect("fits");
        })
    };
    let mut bytes =
        schema.join(&[&two(), &made("王五"), &made("赵六")], &Charsets::default()).expect("joins");
    date(&mut bytes, jiff::civil::date(2026, 3, 7));
    assert_eq!(bytes[1..4], [126, 3, 7]);
    assert_eq!(bytes[4..8], [4, 0, 0, 0]);
    assert_eq!(bytes.last(), Some(&0x1A));
    let file = read_file(&bytes);
    assert_eq!((file.records.len(), file.broken.len()), (4, 0));
    assert_eq!((get(&file, 2, "HZXM"), get(&file, 3, "HZXM")), ("王五".into(), "赵六".into()));
    assert_eq!(get(&file, 3, "CSRQ"), "20260305");
    let old = two();
    assert_eq!(bytes[8..old.len() - 1], old[8..old.len() - 1], "what was there stays");
}

#[test]
fn many_records_are_too_many() {
    let Form::Dbf(table) = schema().form else { unreachable!("a table") };
    let mut bytes = header::written(&table, MOST_RECORDS + 1);
    bytes.resize(bytes.len() + 40 * (MOST_RECORDS + 1), b' ');
    let error = schema().read(&bytes, &Charsets::default()).expect_err("too many");
    assert_eq!(error.kind, Kind::TooLarge);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in 0usize..300,
        carry_raw: bool,
    ) {
        let say = Charsets { carry_raw, ..Charsets::default() };
        let _ = schema().read(&bytes, &say);
        let mut table = two();
        let at = at.min(table.len());
        let end = (at + bytes.len()).min(table.len());
        table[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = names(&table);
        if let Ok(file) = schema().read(&table, &say) {
            for record in &file.records {
                record.each_value(&mut |_, _| {});
                let range = file.text.byte_range(record.span());
                prop_assert!(range.start <= range.end && range.end <= table.len());
                let _ = file.alone(record.span());
            }
            let spans: Vec<Span> = file.broken.iter().map(|(span, _)| *span).collect();
            let _ = file.only(&spans);
            prop_assert_eq!(file.text.splice(&[]).expect("nothing to do"), table);
        }
    }

    /// What is written is read, everything else stays, or it is refused.
    #[test]
    fn what_is_written_is_read(
        text in "[a-z0-9 \u{4E00}-\u{4EFF}𠮷]{1,6}",
        number in "-?[0-9]{0,4}(\\.[0-9]{0,3})?",
        name in prop::sample::select(vec!["KPBH", "HZXM", "TZ", "BZ"]),
    ) {
        let bytes = two();
        let file = read_file(&bytes);
        let value = if name == "TZ" { number } else { text };
        prop_assume!(!value.trim().is_empty() && value != "-");
        let mut editor = row(&file, 1).edit();
        let written = set(&mut editor, name, &value);
        let new = file.text.splice(&editor.finish().expect("edits")).expect("splices");
        prop_assert_eq!(new.len(), bytes.len());
        let again = read_file(&new);
        if written.is_ok() {
            prop_assert_eq!(get(&again, 1, name), value);
        } else {
            prop_assert_eq!(&new, &bytes);
        }
        for (other, ..) in FIELDS.iter().filter(|(other, ..)| *other != name) {
            prop_assert_eq!(get(&again, 1, other), get(&file, 1, other));
        }
        let first = bytes.len() - 41;
        prop_assert_eq!(&new[..first], &bytes[..first]);
    }
}
