//! Reading in parts is reading the whole.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::Record;
use crate::legacy::row::{Column, ColumnKind, Form};

fn schema(header: bool) -> Schema {
    let column = |name: &&str| Column {
        name: (*name).to_owned(),
        kind: ColumnKind::Text,
        max: None,
        required: false,
        secret: false,
        nulls: None,
    };
    let dialect = Dialect { separator: '|', quote: '"', header, line_end: "\n".to_owned() };
    Schema {
        columns: ["a", "乙"].iter().map(column).collect(),
        nulls: vec![String::new()],
        charset: Charset::Utf8,
        form: Form::Delimited(dialect),
    }
}

fn chunks<'s>(
    schema: &'s Schema,
    bytes: &'s [u8],
    charsets: Charsets,
    (part, most_row): (usize, usize),
) -> Chunks<'s, &'s [u8]> {
    let Form::Delimited(dialect) = &schema.form else { unreachable!("delimited") };
    Chunks::new(schema, dialect, bytes, charsets).sized(part, most_row)
}

/// What people are told of a file: of every record its line, number, bytes and values with theirs; of
/// every broken row its bytes and error.
fn told(file: &File) -> (Vec<String>, Vec<String>) {
    let record = |record: &Record| {
        let Record::Row(row) = record else { unreachable!("a row") };
        let mut told = format!(
            "{:?} {:?} {:?}",
            row.about("line"),
            row.about("index"),
            file.text.byte_place(row.span())
        );
        record.each_value(&mut |name, text| told += &format!(" {name}={text:?}"));
        for cell in row.cells() {
            told += &format!(" {:?}", file.text.byte_place(cell.span));
        }
        told
    };
    let broken = |(span, error): &(_, Error)| format!("{:?} {error}", file.text.byte_place(*span));
    (file.records.iter().map(record).collect(), file.broken.iter().map(broken).collect())
}

fn told_in_parts(parts: Chunks<'_, &[u8]>) -> Result<(Vec<String>, Vec<String>)> {
    let mut all = (Vec::new(), Vec::new());
    for part in parts {
        let (records, broken) = told(&part?);
        all.0.extend(records);
        all.1.extend(broken);
    }
    Ok(all)
}

fn of(charset: Charset) -> Charsets {
    Charsets { channel: Some(charset), carry_raw: true, ..Charsets::default() }
}

#[test]
fn a_part_is_the_header_and_whole_rows() {
    let schema = schema(true);
    let text = "\u{feff}a|乙\r\n1|\"x\ny\"\r\n\r\n3|4\r\n5\r\n6|7";
    let parts = chunks(&schema, text.as_bytes(), Charsets::default(), (20, 100));
    let parts: Vec<File> = parts.map(|part| part.expect("reads")).collect();
    assert!(parts.len() > 1);
    assert!(parts.iter().all(|part| part.text.text.starts_with("a|乙\r\n")));
    let whole = schema.read(text.as_bytes(), &Charsets::default()).expect("reads");
    let again = chunks(&schema, text.as_bytes(), Charsets::default(), (20, 100));
    assert_eq!(told_in_parts(again).expect("reads"), told(&whole));
}

#[test]
fn an_empty_text_and_a_lone_header_are_one_part() {
    let schema = schema(true);
    let mut parts = chunks(&schema, b"", Charsets::default(), (8, 100));
    assert!(parts.next().expect("one").is_err());
    assert!(parts.next().is_none());
    let parts = chunks(&schema, b"a|b", Charsets::default(), (1, 100));
    assert_eq!(parts.map(|part| part.expect("reads").records.len()).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_row_that_does_not_end_is_an_error_with_its_line() {
    let schema = schema(true);
    let text = format!("a|乙\n1|2\n\n3|{}", "x".repeat(1000));
    let parts: Vec<_> = chunks(&schema, text.as_bytes(), Charsets::default(), (8, 100)).collect();
    let (last, before) = parts.split_last().expect("some");
    let records: usize =
        before.iter().map(|part| part.as_ref().expect("reads").records.len()).sum();
    assert_eq!(records, 1);
    let error = last.as_ref().expect_err("too long");
    assert_eq!(error.kind, Kind::TooLarge);
    assert_eq!(error.what_and_where(), "line 4: the row is longer than 100 bytes");
}

#[test]
fn a_quote_that_is_not_closed_in_time_breaks_its_line_only() {
    let schema = schema(true);
    let rows = "5|6\n".repeat(100);
    let text = format!("a|乙\n1|2\n\"x|4\n{rows}");
    let parts = chunks(&schema, text.as_bytes(), Charsets::default(), (8, 100));
    let (records, broken) = told_in_parts(parts).expect("reads");
    assert_eq!((records.len(), broken.len()), (101, 1));
    assert!(broken[0].contains("line 3, bytes 10..14: a quoted cell is not closed"), "{broken:?}");
}

#[test]
fn a_byte_that_cannot_be_decoded_is_told_with_its_place_in_the_whole() {
    let schema = schema(true);
    let mut bytes = "a|乙\n".as_bytes().to_vec();
    bytes.extend("1|二\n".repeat(10).bytes());
    let at = bytes.len() + 2;
    bytes.extend(b"3|\xff\n");
    bytes.extend("1|二\n".repeat(10).bytes());
    let parts: Vec<_> = chunks(&schema, &bytes, Charsets::default(), (16, 100)).collect();
    let (last, before) = parts.split_last().expect("some");
    assert!(before.len() > 2 && before.iter().all(Result::is_ok));
    let error = last.as_ref().expect_err("bad").to_string();
    assert!(error.contains(&format!("byte {at}, line 12")), "{error}");
}

#[test]
fn the_first_part_that_is_more_than_ascii_says_the_charset() {
    let schema = schema(true);
    let text = format!("a|b\n{}1|测\n{}2|体温\n", "1|2\n".repeat(20), "1|2\n".repeat(20));
    let bytes = Charset::Gbk.encode(&text).expect("encodes");
    let parts = chunks(&schema, &bytes, Charsets::default(), (16, 100));
    let whole = schema.read(&bytes, &Charsets::default()).expect("reads");
    assert_eq!(told_in_parts(parts).expect("reads"), told(&whole));
}

#[test]
fn what_cannot_be_cut_is_one_part() {
    let schema = schema(true);
    let bytes = Charset::Utf16Le.encode("a|乙\n1|2\n3|4\n").expect("encodes");
    let parts = chunks(&schema, &bytes, of(Charset::Utf16Le), (2, 4));
    assert_eq!(parts.map(|part| part.expect("reads").records.len()).collect::<Vec<_>>(), [2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The same records, lines, bytes and broken rows, whatever the size of the parts.
    #[test]
    fn reading_in_parts_is_reading_the_whole(
        // In GBK the second byte of 亅 is `|`, that of 乗 is `\`.
        rows in "([x\"|\r\n ]|\"\"|\"\\||\r\n|甲|亅|乗|\u{E000}){0,60}",
        header in prop::option::of(prop::sample::select(vec!["\n", "\r", "\r\n"])),
        bom in any::<bool>(),
        charset in prop::sample::select(vec![
            Charset::Utf8, Charset::Gb18030, Charset::Gbk, Charset::Big5, Charset::Latin1,
        ]),
        part in 1..60_usize,
    ) {
        let schema = schema(header.is_some());
        let head = header.map_or(String::new(), |end| format!("\n\r\na|\"乙\"{end}"));
        let mut bytes = Vec::new();
        if bom && charset == Charset::Utf8 {
            bytes.extend("\u{feff}".bytes());
        }
        for c in format!("{head}{rows}").chars() {
            let code = charset.encode(c.encode_utf8(&mut [0; 4])).map(|code| code.into_owned());
            // A byte that is no character, or half of one.
            bytes.extend(code.unwrap_or_else(|_| vec![0xA4]));
        }
        let charsets = of(charset);
        let whole = schema.read(&bytes, &charsets);
        let parts = told_in_parts(chunks(&schema, &bytes, charsets, (part, 10_000)));
        match (whole, parts) {
            (Ok(whole), Ok(parts)) => prop_assert_eq!(told(&whole), parts),
            (Err(whole), Err(parts)) => prop_assert_eq!(whole.to_string(), parts.to_string()),
            (whole, parts) => prop_assert!(false, "{:?} {:?}", whole, parts),
        }
    }

    /// Rows over the limit too: it ends, and takes no more than the limit.
    #[test]
    fn any_bytes_are_read_in_parts_within_the_limit(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\"|\n".to_vec())], 0..300),
        part in 1..20_usize,
        most in 1..60_usize,
        carry_raw in any::<bool>(),
    ) {
        let charsets = Charsets { carry_raw, ..Charsets::default() };
        let text = [b"a|b\n", &bytes[..]].concat();
        let (mut records, mut largest) = (0, 0);
        for part in chunks(&schema(true), &text, charsets, (part, most)) {
            let Ok(part) = part else { break };
            records += part.records.len() + part.broken.len();
            largest = largest.max(part.text.bytes.len());
        }
        prop_assert!(records <= bytes.len());
        prop_assert!(largest <= most + 4, "{}", largest);
    }
}
