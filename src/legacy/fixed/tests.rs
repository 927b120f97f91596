//! Lines read and edited: what users see, what breaks, what must never happen.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::{Read, Record, Scope, Write};
use crate::legacy::row::{Editor, Form, Slot};

fn schema(unit: Unit, charset: Charset) -> Schema {
    let column = |(name, width, kind): &(&str, usize, ColumnKind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
        max: Some(*width),
        required: false,
        secret: false,
        nulls: None,
    };
    let columns = [
        ("卡号", 4, ColumnKind::Text),
        ("姓名", 6, ColumnKind::Text),
        ("体重", 5, ColumnKind::Decimal),
        ("备注", 4, ColumnKind::Text),
    ];
    Schema {
        columns: columns.iter().map(column).collect(),
        nulls: vec![String::new(), "-".to_owned()],
        charset,
        form: Form::Fixed(Layout { unit, line_end: "\r\n".to_owned() }),
    }
}

fn gbk() -> Charsets {
    Charsets { mapping: Some(Charset::Gbk), ..Charsets::default() }
}

fn encoded(text: &str) -> Vec<u8> {
    Charset::Gbk.encode(text).expect("has codes").into_owned()
}

fn by_bytes(text: &str) -> File {
    schema(Unit::Bytes, Charset::Gbk).read(&encoded(text), &gbk()).expect("reads")
}

fn row(file: &File, n: usize) -> &Row {
    match &file.records[n] {
        Record::Row(row) => row,
        other => panic!("{other:?}"),
    }
}

fn slot(name: &str) -> Slot {
    let schema = schema(Unit::Bytes, Charset::Gbk);
    schema.slot(&schema.root(), name).expect("known")
}

fn get(file: &File, n: usize) -> Vec<String> {
    let read = |name| match row(file, n).read(Scope::default(), &slot(name)) {
        Read::Text(text) => text.into_owned(),
        _ => String::new(),
    };
    ["卡号", "姓名", "体重", "备注"].map(read).to_vec()
}

fn edited(file: &File, n: usize, write: impl FnOnce(&mut Editor)) -> String {
    let mut editor = row(file, n).edit();
    write(&mut editor);
    let bytes = file.text.splice(&editor.finish().expect("edits")).expect("splices");
    Text::decode(&bytes, Some(file.text.charset), &Charsets::default())
        .expect("decodes")
        .text
        .clone()
}

fn set(editor: &mut Editor, name: &str, text: &str) -> Result<()> {
    editor.write(Scope::default(), &slot(name), Write::Text(text))
}

const LINES: &str = "K1  张三丰 62.5甲  \r\nK2  李四   \r\n\r\nK3";

#[test]
fn lines_are_cut_by_bytes_or_by_characters() {
    let file = by_bytes(LINES);
    assert_eq!((file.records.len(), file.broken.len()), (3, 0), "{:?}", file.broken);
    assert_eq!(get(&file, 0), ["K1", "张三丰", "62.5", "甲"]);
    assert_eq!(get(&file, 1), ["K2", "李四", "", ""]);
    assert_eq!(get(&file, 2), ["K3", "", "", ""]);
    assert_eq!(row(&file, 2).about("line").as_deref(), Some("4"));
    let schema = schema(Unit::Characters, Charset::Utf8);
    let text = "K1  欧阳明月光上 62.5甲   \nK2  李四\n";
    let file = schema.read(text.as_bytes(), &Charsets::default()).expect("reads");
    assert_eq!(get(&file, 0), ["K1", "欧阳明月光上", "62.5", "甲"]);
    assert_eq!(get(&file, 1), ["K2", "李四", "", ""]);
}

#[test]
fn an_edit_fills_its_cell() {
    let file = by_bytes(LINES);
    let text = edited(&file, 0, |e| {
        set(e, "姓名", "李四").expect("fits");
        set(e, "体重", "7").expect("fits");
    });
    assert_eq!(text, LINES.replace("张三丰 62.5", "李四      7"));
    assert_eq!(edited(&file, 0, |e| set(e, "姓名", "张三丰").expect("fits")), LINES);
}

#[test]
fn a_short_line_is_filled_up_to_what_is_written() {
    let file = by_bytes(LINES);
    let text = edited(&file, 1, |e| set(e, "备注", "乙").expect("fits"));
    assert_eq!(text, LINES.replace("李四   \r", "李四       乙  \r"));
    let text = edited(&file, 2, |e| {
        set(e, "卡号", "K9").expect("fits");
        set(e, "姓名", "王五").expect("fits");
    });
    assert!(text.ends_with("\nK9  王五  "), "{text:?}");
    let text = edited(&file, 2, |e| {
        e.write(Scope::default(), &slot("备注"), Write::Clear).expect("nothing to do");
    });
    assert_eq!(text, LINES);
    let text = edited(&file, 2, |e| {
        e.write(Scope::default(), &slot("卡号"), Write::Clear).expect("clears");
    });
    assert_eq!(text, LINES.replace("K3", ""));
}

#[test]
fn what_does_not_fit_is_refused() {
    let file = by_bytes(LINES);
    let refused = |name: &str, text: &str| {
        set(&mut row(&file, 0).edit(), name, text).expect_err("refused").to_string()
    };
    assert!(refused("姓名", "欧阳明月").contains("takes 8 bytes in GBK, and there is room for 6"));
    assert!(refused("卡号", "a\nb").contains("would end its line"));
    assert!(refused("卡号", "a ").contains("blanks at its end"));
    assert!(refused("姓名", "𠮷").contains("no code in GBK"));
}

#[test]
fn lines_with_other_borders_are_broken() {
    let file =
        by_bytes("K1  张三丰 62.5甲  \nK2 张三丰\nK3  张三   62.5甲  x\nK4  张三   62.5甲    \n");
    assert_eq!((file.records.len(), file.broken.len()), (2, 2));
    let said: Vec<String> = file.broken.iter().map(|(_, error)| error.to_string()).collect();
    assert!(said[0].contains("'卡号' ends inside of the character 张"), "{said:?}");
    assert!(said[0].contains("line 2"), "{said:?}");
    assert!(said[1].contains("longer than its columns, 19 bytes"), "{said:?}");
    let wide = schema(Unit::Bytes, Charset::Utf8).read(b"\xFF\xFEa\0", &Charsets::default());
    assert!(wide.expect_err("wide").to_string().contains("UTF-16LE"));
}

#[test]
fn a_new_file_is_made_and_appended_to() {
    let schema = schema(Unit::Bytes, Charset::Gbk);
    let blank = schema.blank();
    let mut editor = row(&blank, 0).edit();
    set(&mut editor, "姓名", "王五").expect("fits");
    set(&mut editor, "备注", "甲").expect("fits");
    let made = blank.text.splice(&editor.finish().expect("edits")).expect("splices");
    assert_eq!(made, encoded("    王五       甲  \r\n"));
    let joined = schema.join(&[&encoded(LINES), &made], &gbk()).expect("joins");
    assert_eq!(joined, [encoded(LINES), encoded("\r\n"), made].concat());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        text in "[a甲\r\n ]{0,60}",
    ) {
        for unit in [Unit::Bytes, Unit::Characters] {
            let schema = schema(unit, Charset::Gbk);
            let charsets = Charsets { carry_raw: true, ..Charsets::default() };
            for bytes in [&bytes[..], text.as_bytes()] {
                let Ok(file) = schema.read(bytes, &charsets) else { continue };
                let lines = file.records.len() + file.broken.len();
                prop_assert!(lines <= bytes.len());
                prop_assert_eq!(file.text.splice(&[]).expect("nothing to do"), bytes);
            }
        }
    }

    #[test]
    fn what_is_written_is_read(
        text in "[a-z\\u{4E00}-\\u{4E60} ]{1,6}",
        name in prop::sample::select(vec!["卡号", "姓名", "备注"]),
        line in "[a-z ]{2,19}",
    ) {
        prop_assume!(!text.trim().is_empty() && !line.trim().is_empty());
        let file = by_bytes(&line);
        let before = get(&file, 0);
        let mut editor = row(&file, 0).edit();
        let written = set(&mut editor, name, &text).is_ok();
        let bytes = file.text.splice(&editor.finish().expect("edits")).expect("splices");
        let again = schema(Unit::Bytes, Charset::Gbk).read(&bytes, &gbk()).expect("reads");
        prop_assert_eq!((again.records.len(), again.broken.len()), (1, 0));
        for (n, column) in ["卡号", "姓名", "体重", "备注"].iter().enumerate() {
            let mine = *column == name && written;
            prop_assert_eq!(&get(&again, 0)[n], if mine { &text } else { &before[n] });
        }
    }
}
