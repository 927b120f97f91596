//! Reading and editing: what users see, what breaks, what must never happen.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::{Read, Scope, Write};
use crate::legacy::row::{Column, ColumnKind, Editor, Form, Slot};

fn schema(names: &[&str]) -> Schema {
    let column = |name: &&str| Column {
        name: (*name).to_owned(),
        kind: ColumnKind::Text,
        max: None,
        required: false,
        secret: false,
        nulls: None,
    };
    let dialect = Dialect { separator: ',', quote: '"', header: true, line_end: "\r\n".to_owned() };
    Schema {
        columns: names.iter().map(column).collect(),
        nulls: vec![String::new(), "-".to_owned()],
        charset: Charset::Utf8,
        form: Form::Delimited(dialect),
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

#[test]
fn every_unclosed_quote_is_broken_and_the_next_lines_are_read() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a,b\n\"x,1\n2,3\n\"y,4\n5,6\n");
    let lines: Vec<String> = file.broken.iter().map(|(_, e)| e.to_string()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("line 2") && lines[0].contains("not closed"), "{lines:?}");
    assert!(lines[1].contains("line 4") && lines[1].contains("not closed"), "{lines:?}");
    assert_eq!(file.records.len(), 2);
}

#[test]
fn a_quote_inside_a_cell_is_a_character() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a,b\n\"5\" disk,1\n3.5\",2\n");
    assert!(file.broken.is_empty(), "{:?}", file.broken);
    let get = |n| row(&file, n).read(Scope::default(), &cell(&schema, "a"));
    assert_eq!(get(0), Read::Text("\"5\" disk".into()));
    assert_eq!(get(1), Read::Text("3.5\"".into()));
}

#[test]
fn group_one_is_not_group_ten() {
    let names: Vec<String> = (1..=10).map(|n| format!("药物{n}名称")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let schema = schema(&names);
    let (list, _) = schema.list(&schema.root(), "columns 药物{n} for n in 1..10").expect("list");
    let file = read(&schema, &format!("{}\n,,,,,,,,,X\n", names.join(",")));
    let mut scopes = Vec::new();
    row(&file, 0).list(Scope::default(), &list, &mut scopes);
    assert_eq!(scopes.iter().map(|s| s.item).collect::<Vec<_>>(), [10]);
}

#[test]
fn a_piece_with_a_separator_is_refused() {
    let schema = schema(&["症状", "b"]);
    let (list, inside) = schema.list(&schema.root(), "症状 split \"/\"").expect("list");
    let piece = schema.slot(&inside, ".").expect("piece");
    let file = read(&schema, "症状,b\n2/6,1\n");
    let mut scopes = Vec::new();
    row(&file, 0).list(Scope::default(), &list, &mut scopes);
    let mut editor = row(&file, 0).edit();
    let error = editor.write(scopes[0], &piece, Write::Text("1/2")).expect_err("refused");
    assert!(error.to_string().contains("'/'"), "{error}");
}

#[test]
fn a_text_that_would_be_read_as_nothing_is_refused() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a,b\n1,2\n");
    let mut editor = row(&file, 0).edit();
    let slot = cell(&schema, "a");
    assert!(editor.write(Scope::default(), &slot, Write::Text("-")).is_err());
    assert!(editor.write(Scope::default(), &slot, Write::Text(" ")).is_err());
}

#[test]
fn a_cleared_piece_is_taken_out_and_the_last_leaves_the_null_marker() {
    let mut schema = schema(&["症状", "b"]);
    schema.nulls = vec![".".to_owned()];
    let (list, inside) = schema.list(&schema.root(), "症状 split \"/\"").expect("list");
    let piece = schema.slot(&inside, ".").expect("piece");
    let file = read(&schema, "症状,b\n2/6,1\n");
    let mut scopes = Vec::new();
    row(&file, 0).list(Scope::default(), &list, &mut scopes);
    let text = edited(row(&file, 0), |e| e.write(scopes[0], &piece, Write::Clear).expect("w"));
    assert_eq!(text, "症状,b\n6,1\n");
    let text = edited(row(&file, 0), |e| {
        scopes.iter().for_each(|s| e.remove(&list, *s).expect("removes"));
    });
    assert_eq!(text, "症状,b\n.,1\n");
}

#[test]
fn joined_pieces_keep_within_the_width_of_the_column() {
    let mut schema = schema(&["症状", "b"]);
    schema.columns[0].max = Some(3);
    let (list, inside) = schema.list(&schema.root(), "症状 split \"/\"").expect("list");
    let piece = schema.slot(&inside, ".").expect("piece");
    let file = read(&schema, "症状,b\n2/6,1\n");
    let mut editor = row(&file, 0).edit();
    let at = editor.insert(Scope::default(), &list).expect("inserts");
    let error = editor.write(at, &piece, Write::Text("9")).expect_err("too long");
    assert!(error.to_string().contains("'2/6/9' is longer than the 3 characters"), "{error}");
    assert_eq!(editor.finish().expect("the rest stays"), []);
}

#[test]
fn a_cell_that_is_too_long_already_can_lose_a_piece() {
    let mut schema = schema(&["症状", "b"]);
    schema.columns[0].max = Some(3);
    let (list, _) = schema.list(&schema.root(), "症状 split \"/\"").expect("list");
    let file = read(&schema, "症状,b\n2/6/8/9,1\n");
    let text = edited(row(&file, 0), |e| {
        e.remove(&list, Scope { piece: 2, ..Scope::default() }).expect("removes");
    });
    assert_eq!(text, "症状,b\n2/8/9,1\n");
}

#[test]
fn a_row_of_one_empty_cell_stays_a_row() {
    let schema = schema(&["a"]);
    let file = read(&schema, "a\n1\n2\n");
    let text = edited(row(&file, 0), |e| {
        e.write(Scope::default(), &cell(&schema, "a"), Write::Clear).expect("writes");
    });
    assert_eq!(read(&schema, &text).records.len(), 2, "{text}");
}

#[test]
fn a_column_named_twice_is_an_error() {
    let schema = schema(&["a", "b"]);
    let error = schema.read(b"a,b,a\n1,2,3\n", &Charsets::default()).expect_err("twice");
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn null_markers_are_no_data() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a,b,x\n-, ,-\n");
    let mut seen = Vec::new();
    row(&file, 0).each_value(&mut |name, text| seen.push(format!("{name}={text}")));
    assert!(seen.is_empty(), "{seen:?}");
}

#[test]
fn lines_are_counted_in_every_line_end() {
    let schema = schema(&["a", "b"]);
    for end in ["\n", "\r", "\r\n"] {
        let text = "a,b|\"1|1\",2|3,4|".replace('|', end);
        let file = read(&schema, &text);
        assert_eq!(row(&file, 1).about("line").as_deref(), Some("4"), "{end:?}");
    }
}

#[test]
fn many_open_quotes_are_read_in_linear_time() {
    let schema = schema(&["a", "b"]);
    let text = format!("a,b\n{}", "\"x,\n".repeat(200_000));
    let file = read(&schema, &text);
    assert_eq!(file.records.len() + file.broken.len(), 200_000);
}

#[test]
fn a_split_without_separators_is_unknown() {
    let schema = schema(&["a"]);
    assert!(schema.list(&schema.root(), "a split \"\"").is_err());
}

#[test]
fn a_cleared_column_that_the_file_does_not_have_is_fine() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a\n1\n");
    let same = edited(row(&file, 0), |e| {
        e.write(Scope::default(), &cell(&schema, "b"), Write::Clear).expect("nothing to do");
    });
    assert_eq!(same, file.text.text);
    let error = row(&file, 0).edit().write(Scope::default(), &cell(&schema, "b"), Write::Text("1"));
    assert!(error.expect_err("no column").to_string().contains("no column 'b'"));
}

#[test]
fn a_removed_group_is_free_again() {
    let schema = schema(&["药物1名称", "药物2名称"]);
    let (list, inside) =
        schema.list(&schema.root(), "columns 药物{n} for n in 1..2").expect("list");
    let name = schema.slot(&inside, "药物{n}名称").expect("slot");
    let file = read(&schema, "药物1名称,药物2名称\nA,B\n");
    let text = edited(row(&file, 0), |e| {
        e.remove(&list, Scope { item: 1, ..Scope::default() }).expect("removes");
        let at = e.insert(Scope::default(), &list).expect("one is free");
        e.write(at, &name, Write::Text("C")).expect("writes");
    });
    assert_eq!(text, "药物1名称,药物2名称\nC,B\n");
}

#[test]
fn a_blank_row_is_spelt_as_the_format_spells_nothing() {
    let mut schema = schema(&["a", "b,c"]);
    schema.nulls = vec![".".to_owned()];
    schema.columns[1].nulls = Some(Vec::new());
    let blank = schema.blank();
    assert_eq!(blank.text.text, "a,\"b,c\"\r\n.,\r\n");
    let text = edited(row(&blank, 0), |e| {
        e.write(Scope::default(), &cell(&schema, "b,c"), Write::Text("1")).expect("writes");
    });
    assert_eq!(text, "a,\"b,c\"\r\n.,1\r\n");
}

#[test]
fn a_blank_row_of_one_column_is_a_row() {
    let schema = schema(&["a"]);
    let blank = schema.blank();
    assert_eq!(blank.records.len(), 1);
    let text = edited(row(&blank, 0), |e| {
        e.write(Scope::default(), &cell(&schema, "a"), Write::Text("1")).expect("writes");
    });
    assert_eq!(text, "a\r\n\"1\"\r\n");
}

#[test]
fn a_subset_keeps_the_order_and_line_ends_of_the_file() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "\u{FEFF}a,b\r\n\r\n1,\"x\ny\"\r\n3\n5,6");
    assert_eq!((file.records.len(), file.broken.len()), (2, 1));
    let spans = [row(&file, 1).span(), file.broken[0].0, file.broken[0].0];
    let bytes = subset(&file, &spans);
    assert_eq!(String::from_utf8_lossy(&bytes), "\u{FEFF}a,b\r\n\r\n3\n5,6");
    assert_eq!(subset(&read(&schema, "a,b\n"), &[]), b"a,b\n");
}

#[test]
fn records_are_numbered_without_broken_rows() {
    let schema = schema(&["a", "b"]);
    let file = read(&schema, "a,b\n1\n2,3\n");
    assert_eq!(row(&file, 0).about("index").as_deref(), Some("0"));
    assert_eq!(row(&file, 0).about("line").as_deref(), Some("3"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*[\",\r\n]*\\PC*") {
        let schema = schema(&["a", "b"]);
        let _ = schema.read(text.as_bytes(), &Charsets::default());
        let _ = schema.read(format!("a,b\n{text}").as_bytes(), &Charsets::default());
        let _ = schema.list(&schema.root(), &text);
        let _ = schema.list(&schema.root(), &format!("a split {text}"));
        let _ = schema.list(&schema.root(), &format!("columns {text}"));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let file = [b"a,b\n", &bytes[..]].concat();
        let charsets = Charsets { carry_raw: true, ..Charsets::default() };
        let _ = schema(&["a", "b"]).read(&file, &charsets);
    }

    /// Every byte behind the header is in a record, a broken row or a line end: nothing is skipped.
    #[test]
    fn every_line_is_a_record_or_broken(text in "[ab\",\r\n]{0,40}") {
        let schema = schema(&["a", "b"]);
        let text = format!("a,b\n{text}");
        let file = read(&schema, &text);
        let records = file.records.iter().map(Record::span);
        let mut spans: Vec<Span> = records.chain(file.broken.iter().map(|(s, _)| *s)).collect();
        spans.sort();
        let mut at = 4;
        for span in &spans {
            prop_assert_eq!(text[at..span.start as usize].trim(), "");
            at = span.end as usize;
        }
        prop_assert_eq!(text[at..].trim(), "");
        prop_assert_eq!(subset(&file, &spans).len() + blank_lines(&text, &spans), text.len());
    }

    #[test]
    fn what_is_written_is_read(
        value in "([\",;'\n\r\t]|\\PC|[\u{4E00}-\u{9FFF}]|[\u{20000}-\u{2A6DF}]){1,12}",
        old in prop::sample::select(vec!["x", "\"x\"", "", "\"\"", "\"a\"b", " x ", "\"x\ny\""]),
        charset in prop::sample::select(vec![
            Charset::Utf8,
            Charset::Gb18030,
            Charset::Utf16Be,
        ]),
    ) {
        prop_assume!(!value.trim().is_empty() && value.trim() != "-");
        let schema = schema(&["a", "b", "c"]);
        let text = format!("a,b,c\n1,{old},3\n\n\"4\",5,6");
        let charsets = Charsets { channel: Some(charset), ..Charsets::default() };
        let file = schema.read(&charset.encode(&text).expect("encodes"), &charsets).expect("reads");
        let slot = cell(&schema, "b");
        let mut editor = row(&file, 0).edit();
        editor.write(Scope::default(), &slot, Write::Text(&value)).expect("writes");
        let bytes = file.text.splice(&editor.finish().expect("edits")).expect("splices");
        let again = schema.read(&bytes, &charsets).expect("reads again");
        prop_assert_eq!((again.records.len(), again.broken.len()), (2, 0));
        let get = |n, name| row(&again, n).read(Scope::default(), &cell(&schema, name));
        prop_assert_eq!(get(0, "b"), Read::Text(value.into()));
        prop_assert_eq!(get(0, "a"), Read::Text("1".into()));
        prop_assert_eq!(get(0, "c"), Read::Text("3".into()));
        prop_assert!(again.text.text.ends_with("\n\n\"4\",5,6"));
    }

    /// Pieces that are written, added and removed are read as such, or refused.
    #[test]
    fn pieces_are_read_as_they_were_written(
        old in "[a2 /,、]{0,8}",
        edits in prop::collection::vec(prop::option::of("[b7 /,、]{1,3}"), 0..4),
    ) {
        let schema = schema(&["a", "b"]);
        let (list, inside) = schema.list(&schema.root(), "a split \"/\" or \"、\"").expect("list");
        let piece = schema.slot(&inside, ".").expect("piece");
        let file = read(&schema, &format!("a,b\n\"{old}\",1\n"));
        let pieces = |row: &Row| {
            let mut scopes = Vec::new();
            row.list(Scope::default(), &list, &mut scopes);
            let read = |at: &Scope| match row.read(*at, &piece) {
                Read::Text(text) => text.into_owned(),
                other => panic!("{other:?}"),
            };
            (scopes.iter().map(read).collect::<Vec<_>>(), scopes)
        };
        let (mut want, scopes) = pieces(row(&file, 0));
        let mut editor = row(&file, 0).edit();
        let mut gone = Vec::new();
        for (n, edit) in edits.iter().enumerate() {
            let at = match scopes.get(n) {
                Some(at) => *at,
                None => editor.insert(Scope::default(), &list).expect("inserts"),
            };
            let value = edit.as_deref().map_or(Write::Clear, Write::Text);
            let written = editor.write(at, &piece, value);
            let plain = edit.as_ref().is_none_or(|t| t.trim() == t && !t.contains(['/', '、']));
            prop_assert_eq!(written.is_ok(), plain, "{:?}", edit);
            match (edit, n < want.len()) {
                (Some(text), true) if plain => want[n] = text.clone(),
                (Some(text), false) if plain => want.push(text.clone()),
                (None, true) => gone.push(n),
                // Keeps the place of a piece that was made and not written.
                (_, false) => { want.push(String::new()); gone.push(n); }
                (Some(_), true) => {}
            }
        }
        let want: Vec<String> =
            want.into_iter().enumerate().filter(|(n, _)| !gone.contains(n)).map(|(_, t)| t).collect();
        let bytes = file.text.splice(&editor.finish().expect("edits")).expect("splices");
        let again = schema.read(&bytes, &Charsets::default()).expect("reads");
        prop_assert_eq!(pieces(row(&again, 0)).0, want);
    }
}

/// Bytes of the lines that hold nothing, and of the line ends before the first row.
fn blank_lines(text: &str, spans: &[Span]) -> usize {
    let mut bytes = 0;
    let mut at = spans.first().map_or(text.len(), |s| s.start as usize);
    for span in spans {
        bytes += span.start as usize - at;
        let rest = &text[span.end as usize..];
        at =
            text.len() - rest.strip_prefix("\r\n").map_or(rest.len() - rest.len().min(1), str::len);
    }
    bytes + text.len() - at
}
