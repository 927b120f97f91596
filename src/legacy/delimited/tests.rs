//! Reading and editing: what users see, what breaks, what must never happen.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::Write;

fn schema(names: &[&str]) -> Schema {
    let column = |name: &&str| Column {
        name: (*name).to_owned(),
        kind: ColumnKind::Text,
        max: None,
        required: false,
        secret: false,
        nulls: None,
    };
    Schema {
        separator: ',',
        quote: '"',
        header: true,
        columns: names.iter().map(column).collect(),
        line_end: "\r\n".to_owned(),
        nulls: vec![String::new(), "-".to_owned()],
    }
}

fn read(schema: &Schema, text: &str) -> File {
    schema.read(text.as_bytes(), &Charsets::default()).expect("reads")
}

fn row(file: &File, n: usize) -> &Row {
    match &file.records[n] {
        Record::Row(row) => row,
        other => panic!("{other:?}"),
    }
}

fn cell(schema: &Schema, name: &str) -> Slot {
    schema.slot(&schema.root(), name).expect("known")
}

fn edited(row: &Row, write: impl FnOnce(&mut Editor)) -> String {
    let mut editor = row.edit();
    write(&mut editor);
    let edits = editor.finish().expect("edits");
    String::from_utf8(row.text().splice(&edits).expect("splices")).expect("utf-8")
}

#[test]
fn columns_are_found_in_any_order_and_null_markers_are_nothing() {
    let schema = schema(&["甲", "乙", "丙"]);
    let file = read(&schema, "丙,甲,多\r\n1,-,x\r\n\r\n\"a,\"\"b\",2,y");
    assert_eq!(file.records.len(), 2);
    let get = |n, name| row(&file, n).read(Scope::default(), &cell(&schema, name));
    assert_eq!(get(0, "丙"), Read::Text("1".into()));
    assert_eq!(get(0, "甲"), Read::Absent);
    assert_eq!(get(0, "乙"), Read::Absent);
    assert_eq!(get(1, "丙"), Read::Text("a,\"b".into()));
}

#[test]
fn a_broken_row_is_reported_and_the_others_stay() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a,b\n1,2\n3\n4,5,6\n7,8\n");
    assert_eq!(file.records.len(), 2);
    let lines: Vec<String> = file.broken.iter().map(|(_, e)| e.to_string()).collect();
    assert!(lines[0].contains("line 3") && lines[0].contains("1 cells, the header 2"), "{lines:?}");
    assert!(lines[1].contains("line 4"), "{lines:?}");
    let rejected = subset(&file, &file.broken.iter().map(|(s, _)| *s).collect::<Vec<_>>());
    assert_eq!(String::from_utf8_lossy(&rejected), "a,b\n3\n4,5,6\n");
}

#[test]
fn an_unclosed_quote_is_located() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a,b\n1,2\n\"3,4\n");
    assert_eq!(file.records.len(), 1);
    assert!(file.broken[0].1.to_string().contains("line 3"), "{:?}", file.broken);
}

#[test]
fn an_edit_touches_one_cell() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "b,a,z\r\n\"1\", 2 ,x\r\n3,4,y\r\n");
    let (a, b) = (cell(&schema, "a"), cell(&schema, "b"));
    let at = Scope::default();
    let text = edited(row(&file, 0), |e| {
        e.write(at, &a, Write::Text("n,m")).expect("writes");
        e.write(at, &b, Write::Text("q")).expect("writes");
    });
    assert_eq!(text, "b,a,z\r\n\"q\",\"n,m\",x\r\n3,4,y\r\n");
    let same = edited(row(&file, 0), |e| e.write(at, &a, Write::Text(" 2 ")).expect("writes"));
    assert_eq!(same, file.text.text);
}

#[test]
fn pieces_keep_the_separator_that_is_there() {
    let schema = schema(&["症状"]);
    let root = schema.root();
    let (list, inside) = schema.list(&root, "症状 split \"/\" or \",\"").expect("list");
    let piece = schema.slot(&inside, ".").expect("piece");
    let file = read(&schema, "症状,x\n2 / 6,1\n3,2\n");
    let mut scopes = Vec::new();
    row(&file, 0).list(Scope::default(), &list, &mut scopes);
    let read: Vec<_> = scopes.iter().map(|s| row(&file, 0).read(*s, &piece)).collect();
    assert_eq!(read, [Read::Text("2".into()), Read::Text("6".into())]);
    let changed =
        edited(row(&file, 0), |e| e.write(scopes[1], &piece, Write::Text("7")).expect("w"));
    assert!(changed.contains("\n2 / 7,1\n"), "{changed}");
    let removed = edited(row(&file, 0), |e| e.remove(&list, scopes[0]).expect("removes"));
    assert!(removed.contains("\n6,1\n"), "{removed}");
    let added = edited(row(&file, 1), |e| {
        let at = e.insert(Scope::default(), &list).expect("inserts");
        e.write(at, &piece, Write::Text("9")).expect("writes");
    });
    assert!(added.contains("\n3/9,2\n"), "{added}");
}

#[test]
fn numbered_groups_are_filled_in_order_and_run_out() {
    let schema = schema(&["药物1名称", "药物1用量", "药物2名称", "药物2用量"]);
    let (list, inside) =
        schema.list(&schema.root(), "columns 药物{n} for n in 1..2").expect("list");
    let name = schema.slot(&inside, "药物{n}名称").expect("slot");
    let file = read(&schema, "药物1名称,药物1用量,药物2名称,药物2用量\nA,1,,\n");
    let text = edited(row(&file, 0), |e| {
        let at = e.insert(Scope::default(), &list).expect("second is free");
        e.write(at, &name, Write::Text("B")).expect("writes");
        assert!(e.insert(Scope::default(), &list).is_err());
    });
    assert!(text.ends_with("\nA,1,B,\n"), "{text}");
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*[\",\r\n]*\\PC*") {
        let schema = schema(&["a", "b"]);
        let _ = schema.read(text.as_bytes(), &Charsets::default());
        let _ = schema.read(format!("a,b\n{text}").as_bytes(), &Charsets::default());
    }

    #[test]
    fn what_is_written_is_read(value in "[\\PC\",;'\n\r]{1,12}", quoted in any::<bool>()) {
        prop_assume!(!value.trim().is_empty() && value.trim() != "-");
        let schema = schema(&["a", "b", "c"]);
        let text = if quoted { "a,b,c\n1,\"x\",3\n" } else { "a,b,c\n1,x,3\n" };
        let file = read(&schema, text);
        let slot = cell(&schema, "b");
        let text = edited(row(&file, 0), |e| {
            e.write(Scope::default(), &slot, Write::Text(&value)).expect("writes");
        });
        let again = read(&schema, &text);
        prop_assert_eq!(again.records.len(), 1);
        prop_assert_eq!(row(&again, 0).read(Scope::default(), &slot), Read::Text(value.into()));
        prop_assert_eq!(
            row(&again, 0).read(Scope::default(), &cell(&schema, "c")),
            Read::Text("3".into())
        );
    }
}
