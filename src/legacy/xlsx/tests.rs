//! Workbooks read, edited, appended to and made: what users see, what breaks, what must never happen.

use proptest::prelude::*;

use super::archive::{Part, archive};
use super::*;
use crate::legacy::charset::Charsets;
use crate::legacy::record::{Read, Record, Scope, Write};
use crate::legacy::row::{Column, Editor, Form, Slot};

const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<numFmts count="1"><numFmt numFmtId="200" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/></numFmts>
<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>
<cellXfs><xf numFmtId="0"/><xf numFmtId="200"/><xf numFmtId="22"/><xf numFmtId="49"/></cellXfs></styleSheet>"#;

const STRINGS: &str = r#"<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<si><t>姓名</t></si><si><t>生日</t></si><si><t xml:space="preserve"> 体重 </t></si><si><t>电话</t></si>
<si><r><rPr><b/></rPr><t>欧阳</t></r><r><t>明月 &amp; Co</t></r><rPh sb="0" eb="1"><t>ouyang</t></rPh></si>
<si><t>a_x000D_b_x005F_x0041_</t></si><si/></sst>"#;

const ROWS: &str = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>报表</t></is></c></row>
<row r="3" spans="1:5"><c r="A3" t="s"><v>0</v></c><c r="B3" t="s"><v>1</v></c><c r="C3" t="s"><v>2</v></c><c r="E3" t="s"><v>3</v></c></row>
<row r="4" ht="20"><c r="A4" s="3" t="s"><v>4</v></c><c r="B4" s="1"><v>46086</v></c><c r="C4"><v>62.299999999999997</v></c><c r="D4"><v>7</v></c><c r="E4" s="3" t="s"><v>5</v></c></row>
<row r="5"/>
<row r="6"><c r="A6" t="str"><f>"李"&amp;"四"</f><v>李四</v></c><c r="C6" t="b"><v>1</v></c></row>
<row r="7"><c r="A7" s="3"/></row>
"#;

fn book(rows: &str) -> Vec<u8> {
    book_of(rows, STRINGS)
}

fn book_of(rows: &str, strings: &str) -> Vec<u8> {
    let sheet = format!(
        "<?xml version=\"1.0\"?>\n<worksheet xmlns=\"m\"><dimension ref=\"A1:E7\"/><cols/>\
         <sheetData>{rows}</sheetData><pageMargins left=\"1\"/></worksheet>"
    );
    let workbook = "<workbook xmlns=\"m\" xmlns:r=\"r\"><sheets><sheet name=\"说明\" sheetId=\"1\" \
        r:id=\"a\"/><sheet name=\"随访\" sheetId=\"2\" r:id=\"b\"/></sheets></workbook>";
    let relation = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"http://x/{kind}\" Target=\"{target}\"/>")
    };
    let relations = [
        relation("a", "worksheet", "worksheets/sheet1.xml"),
        relation("b", "worksheet", "/xl/worksheets/sheet2.xml"),
        relation("c", "sharedStrings", "sharedStrings.xml"),
        relation("d", "styles", "./styles.xml"),
    ];
    let parts = [
        ("_rels/.rels", format!("<R>{}</R>", relation("z", "officeDocument", "xl/workbook.xml"))),
        ("xl/workbook.xml", workbook.to_owned()),
        ("xl/_rels/workbook.xml.rels", format!("<R>{}</R>", relations.concat())),
        ("xl/sharedStrings.xml", strings.to_owned()),
        ("xl/worksheets/sheet2.xml", sheet),
        ("xl/worksheets/sheet1.xml", "<worksheet><sheetData/></worksheet>".to_owned()),
        ("xl/styles.xml", STYLES.to_owned()),
    ];
    let parts: Vec<Part> =
        parts.iter().map(|(name, content)| Part::new(name, content.as_bytes())).collect();
    archive(&parts.iter().collect::<Vec<_>>())
}

fn schema() -> Schema {
    let column = |(name, kind): &(&str, ColumnKind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
        max: None,
        required: false,
        secret: false,
        nulls: None,
    };
    let columns = [
        ("姓名", ColumnKind::Text),
        ("生日", ColumnKind::Date),
        ("体重", ColumnKind::Decimal),
        ("电话", ColumnKind::Text),
    ];
    Schema {
        columns: columns.iter().map(column).collect(),
        nulls: vec![String::new(), "-".to_owned()],
        charset: Charset::Utf8,
        form: Form::Xlsx(Sheet { name: Some("随访".to_owned()), header: Some(3) }),
    }
}

fn read_book(bytes: &[u8]) -> File {
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

fn get(file: &File, n: usize) -> Vec<String> {
    let read = |name| match row(file, n).read(Scope::default(), &slot(name)) {
        Read::Text(text) => text.into_owned(),
        _ => String::new(),
    };
    ["姓名", "生日", "体重", "电话"].map(read).to_vec()
}

fn edited(file: &File, n: usize, write: impl FnOnce(&mut Editor)) -> Vec<u8> {
    let mut editor = row(file, n).edit();
    write(&mut editor);
    file.text.splice(&editor.finish().expect("edits")).expect("splices")
}

fn set(editor: &mut Editor, name: &str, text: &str) -> Result<()> {
    editor.write(Scope::default(), &slot(name), Write::Text(text))
}

fn part(bytes: &[u8], name: &str) -> String {
    let archive = Archive::read(bytes).expect("an archive");
    let entry = archive.find(name).unwrap_or_else(|| panic!("has {name}"));
    String::from_utf8(archive.unpack(bytes, entry, MOST_BYTES).expect("unpacks")).expect("UTF-8")
}

fn sheet_of(bytes: &[u8]) -> String {
    part(bytes, "xl/worksheets/sheet2.xml")
}

#[test]
fn cells_say_what_people_see() {
    let file = read_book(&book(ROWS));
    assert!(file.broken.is_empty(), "{:?}", file.broken);
    assert_eq!(file.records.len(), 2, "rows that say nothing are none");
    assert_eq!(get(&file, 0), ["欧阳明月 & Co", "2026-03-05", "62.3", "a\rb_x0041_"]);
    assert_eq!(get(&file, 1), ["李四", "", "true", ""]);
    assert_eq!(row(&file, 1).about("line").as_deref(), Some("6"));
    assert!(names(&book(ROWS), &Sheet { name: None, header: Some(0) }).is_none(), "an empty sheet");
    let sheet = Sheet { name: Some("随访".to_owned()), header: Some(3) };
    assert_eq!(names(&book(ROWS), &sheet).expect("named"), ["姓名", "生日", "体重", "电话"]);
}

#[test]
fn an_edit_changes_its_cell_and_nothing_else() {
    let bytes = book(ROWS);
    let file = read_book(&bytes);
    let one = |name: &str, text: &str, old: &str, new: &str| {
        let made = edited(&file, 0, |e| set(e, name, text).expect("fits"));
        assert_eq!(sheet_of(&made), sheet_of(&bytes).replace(old, new), "{name} {text}");
        for other in ["xl/styles.xml", "xl/sharedStrings.xml", "xl/workbook.xml"] {
            assert_eq!(part(&made, other), part(&bytes, other));
        }
        let again = read_book(&made);
        let n = ["姓名", "生日", "体重", "电话"].iter().position(|c| *c == name).expect("known");
        assert_eq!(get(&again, 0)[n], text);
        assert_eq!(get(&again, 1), get(&file, 1));
    };
    let name = "<c r=\"A4\" s=\"3\" t=\"s\"><v>4</v></c>";
    let text = |text: &str| {
        format!(
            "<c r=\"A4\" s=\"3\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>"
        )
    };
    one("姓名", "张三 <&>", name, &text("张三 &lt;&amp;&gt;"));
    one("姓名", "007", name, &text("007"));
    one("姓名", "62", name, &text("62"));
    one("姓名", "a\r\u{1}_x0041_", name, &text("a_x000D__x0001__x005F_x0041_"));
    let day = "<c r=\"B4\" s=\"1\"><v>46086</v></c>";
    one("生日", "2026-03-06", day, &day.replace("86", "87"));
    let inline =
        "<c r=\"B4\" s=\"1\" t=\"inlineStr\"><is><t xml:space=\"preserve\">20260306</t></is></c>";
    one("生日", "20260306", day, inline);
    let weight = "<c r=\"C4\"><v>62.299999999999997</v></c>";
    one("体重", "63.5", weight, "<c r=\"C4\"><v>63.5</v></c>");
    let same = edited(&file, 0, |e| set(e, "体重", "62.3").expect("fits"));
    assert_eq!(same, bytes, "what is there already changes nothing");
    let none = edited(&file, 0, |e| {
        e.write(Scope::default(), &slot("姓名"), Write::Clear).expect("clears");
    });
    assert_eq!(sheet_of(&none), sheet_of(&bytes).replace(name, "<c r=\"A4\" s=\"3\"/>"));
}

#[test]
fn cells_that_are_not_there_are_made_in_their_order() {
    let bytes = book(ROWS);
    let made = edited(&read_book(&bytes), 1, |e| {
        set(e, "电话", "010-1").expect("fits");
        set(e, "生日", "2026-03-05").expect("fits");
        set(e, "体重", "false").expect("fits");
    });
    let row = "<c r=\"C6\" t=\"b\"><v>1</v></c></row>";
    let new = "<c r=\"B6\" s=\"1\"><v>46086</v></c><c r=\"C6\" t=\"b\"><v>0</v></c><c r=\"E6\" s=\"3\" \
        t=\"inlineStr\"><is><t xml:space=\"preserve\">010-1</t></is></c></row>";
    assert_eq!(sheet_of(&made), sheet_of(&bytes).replace(row, new), "styled as those above");
}

#[test]
fn a_formula_is_not_written_over() {
    let file = read_book(&book(ROWS));
    let error = set(&mut row(&file, 1).edit(), "姓名", "王五").expect_err("refused").to_string();
    assert!(error.contains("computed by a formula") && error.contains("姓名"), "{error}");
    let long = "长".repeat(32_768);
    let error = set(&mut row(&file, 0).edit(), "姓名", &long).expect_err("refused").to_string();
    assert!(error.contains("no more than 32767 characters"), "{error}");
}

#[test]
fn a_row_that_cannot_be_read_refuses_no_other() {
    let rows = ROWS.replace("<v>5</v>", "<v>99</v>");
    let file = read_book(&book(&rows));
    assert_eq!((file.records.len(), file.broken.len()), (1, 1));
    let error = file.broken[0].1.to_string();
    assert!(error.contains("column E: there is no shared string 99"), "{error}");
    assert!(error.contains("sheet '随访', row 4"), "{error}");
    let rejected = file.only(&[file.broken[0].0]);
    assert!(!sheet_of(&rejected).contains("李四") && sheet_of(&rejected).contains("<v>99</v>"));
    let order = ROWS.replace("r=\"C6\"", "r=\"A6\"");
    assert!(read_book(&book(&order)).broken[0].1.to_string().contains("out of order"));
}

#[test]
fn a_row_alone_is_a_small_workbook() {
    let bytes = book(ROWS);
    let file = read_book(&bytes);
    let small = file.alone(row(&file, 0).span());
    let again = read_book(&small);
    assert_eq!((again.records.len(), again.broken.len()), (1, 0), "{:?}", again.broken);
    assert_eq!(get(&again, 0), get(&file, 0));
    assert_eq!(row(&again, 0).about("line").as_deref(), Some("4"));
    assert!(part(&small, blank::SHEET).contains("<b/>"), "rich text stays");
    let other = file.alone(row(&file, 1).span());
    assert_eq!(get(&read_book(&other), 0), get(&file, 1));
    let only = file.only(&[row(&file, 1).span()]);
    assert_eq!(get(&read_book(&only), 0), get(&file, 1));
    assert!(!sheet_of(&only).contains("r=\"4\"") && sheet_of(&only).contains("报表"));
}

#[test]
fn a_new_workbook_is_made_and_appended_to() {
    let schema = schema();
    let blank = schema.blank();
    assert_eq!(blank.records.len(), 1);
    let made = |name: &str| {
        edited(&blank, 0, |e| {
            set(e, "姓名", name).expect("fits");
            set(e, "生日", "2026-03-05").expect("fits");
            set(e, "体重", "62.5").expect("fits");
        })
    };
    let file = read_book(&made("王五"));
    assert_eq!(get(&file, 0), ["王五", "2026-03-05", "62.5", ""]);
    assert!(part(&file.text.bytes, blank::SHEET).contains("<v>46086</v>"), "days are numbers");
    let bytes = book(ROWS);
    let joined = schema.join(&[&bytes, &made("王五"), &made("赵六")], &Charsets::default());
    let joined = joined.expect("joins");
    let file = read_book(&joined);
    assert_eq!(file.records.len(), 4);
    assert_eq!(get(&file, 3), ["赵六", "2026-03-05", "62.5", ""]);
    let sheet = sheet_of(&joined);
    assert!(sheet.contains("<dimension ref=\"A1:E9\"/>"), "{sheet}");
    assert!(sheet.contains("<row r=\"9\"><c r=\"A9\" t=\"inlineStr\">"), "{sheet}");
    assert!(sheet.contains("<c r=\"B9\" s=\"1\"><v>46086</v></c>"), "{sheet}");
    let (before, after) = (sheet_of(&bytes), sheet);
    assert_eq!(
        after.split("<row r=\"8\">").next().map(|s| s.replace("E9", "E7")).as_deref(),
        before.split("</sheetData>").next()
    );
    let twice = schema.join(&[&made("王五"), &made("赵六")], &Charsets::default()).expect("joins");
    assert_eq!(read_book(&twice).records.len(), 2);
}

#[test]
fn what_is_no_workbook_is_refused() {
    let refused = |bytes: &[u8]| {
        let error = schema().read(bytes, &Charsets::default()).err();
        error.map_or_else(|| "it is read".to_owned(), |error| error.to_string())
    };
    assert!(refused(b"").contains("no whole ZIP archive"));
    assert!(refused(b"\xD0\xCF\x11\xE0rest").contains(".xls"));
    assert!(refused(b"PK\x03\x04").contains("its end is missing"));
    let bytes = book(ROWS);
    assert!(refused(&bytes[..bytes.len() - 30]).contains("end"));
    let mut other = schema();
    other.form = Form::Xlsx(Sheet { name: Some("随方".to_owned()), header: Some(3) });
    let error = other.read(&bytes, &Charsets::default()).expect_err("no such sheet").to_string();
    assert!(error.contains("no sheet '随方'") && error.contains("随访"), "{error}");
    other.form = Form::Xlsx(Sheet { name: Some("随访".to_owned()), header: Some(2) });
    let error = other.read(&bytes, &Charsets::default()).expect_err("no header").to_string();
    assert!(error.contains("has no header row"), "{error}");
    let doctype = book("<!DOCTYPE a [<!ENTITY b 'c'>]>");
    assert!(refused(&doctype).contains("DTD"), "{}", refused(&doctype));
    let mut damaged = bytes.clone();
    let at = Archive::read(&bytes)
        .map(|a| a.place(a.find("xl/styles.xml").expect("there")))
        .expect("read");
    damaged[at.start + 20] ^= 0xFF;
    assert!(refused(&damaged).contains("xl/styles.xml"), "{}", refused(&damaged));
}

#[test]
fn archives_that_explode_are_refused() {
    let refused = |bytes: &[u8]| schema().read(bytes, &Charsets::default()).expect_err("too large");
    let bytes = book(&" ".repeat(MOST_BYTES + 1));
    assert!(bytes.len() < MOST_BYTES / 100);
    assert_eq!(refused(&bytes).kind, Kind::TooLarge);
    let long = format!("<sst><si><t>{}</t></si></sst>", "长".repeat(1 << 20));
    let many: String = (4..200)
        .map(|n| format!("<row r=\"{n}\"><c r=\"A{n}\" t=\"s\"><v>0</v></c></row>"))
        .collect();
    let head = "<row r=\"3\"><c r=\"A3\" t=\"inlineStr\"><is><t>姓名</t></is></c></row>";
    let error = refused(&book_of(&format!("{head}{many}"), &long));
    assert!(error.kind == Kind::TooLarge && error.what.contains("128 MiB"), "{error}");
    let cells: String =
        (4..=200_000).map(|n| format!("<row r=\"{n}\"><c><v>1</v></c></row>")).collect();
    let names: String =
        (0..11).map(|n| format!("<c t=\"inlineStr\"><is><t>n{n}</t></is></c>")).collect();
    let head = format!("<row r=\"3\">{names}<c t=\"inlineStr\"><is><t>姓名</t></is></c></row>");
    let error = refused(&book(&format!("{head}{cells}")));
    assert!(error.what.contains("more than 2000000 cells"), "{error}");
}

#[test]
fn entries_that_overlap_are_refused() {
    let mut bytes = book(ROWS);
    let text = "PK\x01\x02".as_bytes();
    let records: Vec<usize> =
        (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(text)).collect();
    let first: [u8; 4] = bytes[records[0] + 42..records[0] + 46].try_into().expect("four");
    bytes[records[1] + 42..records[1] + 46].copy_from_slice(&first);
    let error = schema().read(&bytes, &Charsets::default()).expect_err("overlaps").to_string();
    assert!(error.contains("overlap"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        at in 0.0..1.0f64,
    ) {
        let _ = schema().read(&[b"PK\x03\x04", &bytes[..]].concat(), &Charsets::default());
        let mut changed = book(ROWS);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small file")]
        let at = (at * changed.len() as f64) as usize;
        let end = (at + bytes.len()).min(changed.len());
        changed[at..end].copy_from_slice(&bytes[..end - at]);
        if let Ok(file) = schema().read(&changed, &Charsets::default()) {
            for record in &file.records {
                let _ = file.alone(record.span());
            }
        }
    }

    /// A sheet with something cut out, doubled or put in is read, or refused, and rows survive alone.
    #[test]
    fn any_sheet_is_read_without_panic(
        at in 0usize..900,
        length in 0usize..40,
        put in "[<>/\"a-cr0-9=! ]{0,12}",
    ) {
        let chars: Vec<char> = ROWS.chars().collect();
        let from = at.min(chars.len());
        let to = (from + length).min(chars.len());
        let rows: String = chars[..from].iter().copied().chain(put.chars())
            .chain(chars[to..].iter().copied()).collect();
        let bytes = book(&rows);
        if let Ok(file) = schema().read(&bytes, &Charsets::default()) {
            prop_assert_eq!(file.text.splice(&[]).expect("nothing to do"), bytes);
            for (n, record) in file.records.iter().enumerate() {
                record.each_value(&mut |_, _| {});
                let mut editor = row(&file, n).edit();
                let written = set(&mut editor, "姓名", "新名").is_ok();
                let edits = editor.finish().expect("edits");
                let new = file.text.splice(&edits).expect("splices");
                let again = read_book(&new);
                prop_assert_eq!(again.records.len(), file.records.len());
                if written {
                    prop_assert_eq!(&get(&again, n)[0], "新名");
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read(
        text in "([<>&\"'_x0-9A-F\t\n\r\u{1}\u{7f}]|\\PC){1,8}",
        name in prop::sample::select(vec!["姓名", "生日", "体重", "电话"]),
        n in 0usize..2,
    ) {
        prop_assume!(!text.trim().is_empty() && text.trim() != "-");
        let bytes = book(ROWS);
        let file = read_book(&bytes);
        let mut editor = row(&file, n).edit();
        let written = set(&mut editor, name, &text).is_ok();
        prop_assert_eq!(written, !(n == 1 && name == "姓名"), "only a formula is not written over");
        let new = file.text.splice(&editor.finish().expect("edits")).expect("splices");
        let again = read_book(&new);
        prop_assert_eq!((again.records.len(), again.broken.len()), (2, 0));
        for (m, column) in ["姓名", "生日", "体重", "电话"].iter().enumerate() {
            let mine = *column == name && written;
            prop_assert_eq!(&get(&again, n)[m], if mine { &text } else { &get(&file, n)[m] });
        }
        prop_assert_eq!(get(&again, 1 - n), get(&file, 1 - n));
    }
}
