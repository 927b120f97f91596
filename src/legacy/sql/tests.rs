//! Reading, editing and statements: what users see, what breaks, what must never happen.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::error::Kind;
use crate::legacy::record::{Read, Scope, Write};

fn column(name: &str, kind: TypeKind) -> Column {
    let kind = Arc::new(Type { name: "t".to_owned(), kind, ..Type::default() });
    Column { name: name.to_owned(), kind, ..Column::default() }
}

/// `P(ID, NAME)`, `V(NO -> , PID -> P, AT, BY, N)`, `D(ID, NO part of V, CODE, VOID)`.
fn schema() -> Schema {
    let mut person = Table { name: "P".to_owned(), key: vec![0], ..Table::default() };
    person.columns = vec![column("ID", TypeKind::Text), column("NAME", TypeKind::Text)];
    let mut visit = Table { name: "V".to_owned(), key: vec![0], ..Table::default() };
    let mut to = column("PID", TypeKind::Text);
    to.to = Some(0);
    let mut by = column("BY", TypeKind::Text);
    by.nulls = vec!["-".to_owned()];
    let number = column("N", TypeKind::Int);
    visit.columns =
        vec![column("NO", TypeKind::Text), to, column("AT", TypeKind::Text), by, number];
    visit.rights = Rights { update: true, ..Rights::default() };
    let mut dx = Table { name: "D".to_owned(), key: vec![0], ..Table::default() };
    let flag =
        Type { name: "flag".to_owned(), values: vec!["0".into(), "1".into()], ..Type::default() };
    let mut void = column("VOID", TypeKind::Text);
    void.kind = Arc::new(flag);
    let mut code = column("CODE", TypeKind::Text);
    code.width = Some(5);
    dx.columns = vec![column("ID", TypeKind::Text), column("NO", TypeKind::Text), code, void];
    dx.part_of = Some(Part { table: 1, by: 1 });
    dx.void = Some((3, "1".to_owned()));
    dx.rights = Rights { insert: true, update: true, void: true };
    Schema::new(vec![person, visit, dx], Policy::default())
}

const TEXT: &str = r#"{"V": [{"NO": "v1", "PID": "p1", "AT": "2026/3/1 10:02", "BY": "-", "N": 1}], "D": [{"ID": "d1", "NO": "v1", "CODE": "I10", "VOID": "0"}, {"ID": "d2", "NO": "v1", "CODE": null, "VOID": "0"}], "lookup": {"P": [{"ID": "p1", "NAME": "张测试"}]}}
"#;

fn read(schema: &Schema, text: &str) -> Rows {
    let file = schema.read(text.as_bytes(), &Charsets::default()).expect("reads");
    match file.records.into_iter().next() {
        Some(Record::Sql(rows)) => rows,
        other => panic!("{other:?} {:?}", file.broken),
    }
}

fn place(schema: &Schema, table: &str) -> Place {
    schema.list(&schema.root(), table).expect("a table").1
}

fn slot(schema: &Schema, table: &str, name: &str) -> Slot {
    schema.slot(&place(schema, table), name).expect("a column")
}

fn rows_of(schema: &Schema, rows: &Rows, list: &str) -> Vec<Scope> {
    let (list, _) = schema.list(&schema.root(), list).expect("a list");
    let mut out = Vec::new();
    rows.list(Scope::default(), &list, &mut out);
    out
}

fn text(rows: &Rows, at: Scope, slot: &Slot) -> Option<String> {
    match rows.read(at, slot) {
        Read::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn edited(schema: &Schema, write: impl FnOnce(&mut Editor, &Rows)) -> (String, Vec<String>) {
    let rows = read(schema, TEXT);
    let mut editor = rows.edit();
    write(&mut editor, &rows);
    let edits = editor.finish().expect("edits");
    let bytes = rows.text().splice(&edits).expect("splices");
    let after = read(schema, std::str::from_utf8(&bytes).expect("utf-8"));
    let said = statements(&rows, &after).expect("statements");
    (String::from_utf8(bytes).expect("utf-8"), said.iter().map(ToString::to_string).collect())
}

#[test]
fn columns_are_read_along_foreign_keys() {
    let schema = schema();
    let rows = read(&schema, TEXT);
    let [first, second] = rows_of(&schema, &rows, "D")[..] else { panic!() };
    assert_eq!(text(&rows, first, &slot(&schema, "D", "CODE")).as_deref(), Some("I10"));
    assert_eq!(text(&rows, second, &slot(&schema, "D", "CODE")), None);
    let name = slot(&schema, "D", "NO.PID.NAME");
    assert_eq!(text(&rows, second, &name).as_deref(), Some("张测试"));
    assert_eq!(schema.canonical(&schema.root(), &name), "P.NAME");
    let visit = rows_of(&schema, &rows, "V")[0];
    assert_eq!(text(&rows, visit, &slot(&schema, "V", "BY")), None);
    assert!(rows.within(second, visit) && !rows.within(visit, second));
    assert!(rows_of(&schema, &rows, "P").is_empty(), "rows of other records are not walked");
    let mut said = Vec::new();
    rows.each_value(&mut |name, text| said.push(format!("{name}={text}")));
    assert!(said.contains(&"D.CODE=I10".to_owned()), "{said:?}");
    assert!(!said.iter().any(|s| s.contains("张测试")), "{said:?}");
}

#[test]
fn the_newest_row_speaks_for_a_value_whatever_its_spelling() {
    let schema = schema();
    let row =
        |no: &str, at: &str, by: &str| format!(r#"{{"NO": "{no}", "AT": "{at}", "BY": "{by}"}}"#);
    let all = [
        row("1", "20260303093000", "a"),
        row("2", "2026/3/4 9:00", "a"),
        row("3", "2026-03-02", "a"),
        row("4", "2026-03-02", "b"),
        row("5", "2026-03-02", "-"),
    ];
    let rows = read(&schema, &format!("{{\"V\": [{}]}}", all.join(",")));
    let found = rows_of(&schema, &rows, "V distinct BY latest AT");
    let numbers: Vec<_> =
        found.iter().map(|at| text(&rows, *at, &slot(&schema, "V", "NO"))).collect();
    assert_eq!(numbers, [Some("2".to_owned()), Some("4".to_owned())]);
}

#[test]
fn a_changed_column_is_one_update_that_knows_the_old_value() {
    let schema = schema();
    let (text, said) = edited(&schema, |editor, rows| {
        let [first, second] = rows_of(&schema, rows, "D")[..] else { panic!() };
        let code = slot(&schema, "D", "CODE");
        editor.write(first, &code, Write::Text("O'x")).expect("writes");
        editor.write(second, &code, Write::Text("B01")).expect("writes");
        let visit = rows_of(&schema, rows, "V")[0];
        editor.write(visit, &slot(&schema, "V", "N"), Write::Text("2")).expect("writes");
        editor.write(visit, &slot(&schema, "V", "AT"), Write::Clear).expect("writes");
    });
    assert_eq!(
        said,
        [
            "UPDATE V SET AT = ? WHERE NO = ? AND AT = ?  -- NULL, 'v1', '2026/3/1 10:02'",
            "UPDATE V SET N = ? WHERE NO = ? AND N = ?  -- 2, 'v1', 1",
            "UPDATE D SET CODE = ? WHERE ID = ? AND CODE = ?  -- 'O''x', 'd1', 'I10'",
            "UPDATE D SET CODE = ? WHERE ID = ? AND CODE IS NULL  -- 'B01', 'd2'",
        ]
    );
    let wanted = TEXT
        .replace("\"CODE\": \"I10\"", "\"CODE\": \"O'x\"")
        .replace("\"CODE\": null", "\"CODE\": \"B01\"")
        .replace("\"N\": 1", "\"N\": 2")
        .replace("\"AT\": \"2026/3/1 10:02\"", "\"AT\": null");
    assert_eq!(text, wanted);
}

#[test]
fn new_rows_are_inserted_and_old_ones_declared_void() {
    let schema = schema();
    let (_, said) = edited(&schema, |editor, rows| {
        let visit = rows_of(&schema, rows, "V")[0];
        let (list, _) = schema.list(&schema.root(), "D").expect("a list");
        let new = editor.insert(visit, &list).expect("inserts");
        assert!(editor.is_new(new) && editor.touched(new) && !editor.touched(visit));
        editor.write(new, &slot(&schema, "D", "CODE"), Write::Text("E11")).expect("writes");
        editor.write(new, &slot(&schema, "D", "ID"), Write::Text("d3")).expect("writes");
        let old = rows_of(&schema, rows, "D")[1];
        editor.remove(&list, old).expect("void");
        let back = editor.insert(visit, &list).expect("inserts");
        editor.remove(&list, back).expect("taken back");
    });
    assert_eq!(
        said,
        [
            "UPDATE D SET VOID = ? WHERE ID = ? AND VOID = ?  -- '1', 'd2', '0'",
            "INSERT INTO D (ID, NO, CODE) VALUES (?, ?, ?)  -- 'd3', 'v1', 'E11'",
        ]
    );
}

#[test]
fn what_was_not_granted_or_cannot_be_said_is_refused() {
    let schema = schema();
    let rows = read(&schema, TEXT);
    let mut editor = rows.edit();
    let (visit, dx) = (rows_of(&schema, &rows, "V")[0], rows_of(&schema, &rows, "D")[0]);
    let mut refused = |at, table: &str, name: &str, text: &str| {
        let error =
            editor.write(at, &slot(&schema, table, name), Write::Text(text)).expect_err(name);
        error.what_and_where()
    };
    assert_eq!(refused(dx, "D", "NO.PID.NAME", "x"), "P.NAME: the row belongs to another record");
    assert_eq!(refused(dx, "D", "ID", "x"), "D.ID: a key does not change");
    assert_eq!(refused(dx, "D", "VOID", "2"), "D.VOID: '2' is none of 0, 1");
    assert_eq!(
        refused(dx, "D", "CODE", "123456"),
        "CODE: '123456' is longer than the 5 characters of 'CODE'"
    );
    assert_eq!(refused(visit, "V", "BY", "-"), "BY: '-' would be read as nothing");
    assert_eq!(refused(visit, "V", "N", "x"), "N: 'x' is no whole JSON number");
    let (list, _) = schema.list(&schema.root(), "V").expect("a list");
    let error = editor.insert(Scope::default(), &list).expect_err("no right");
    assert_eq!(error.kind, Kind::Forbidden);
    assert_eq!(error.what, "the mapping may not add rows to V");
    let error = editor.remove(&list, visit).expect_err("no right");
    assert_eq!(error.what, "rows of V are not deleted, and may not be declared void");
}

#[test]
fn rows_that_share_a_column_say_it_together() {
    let schema = schema();
    let rows = read(&schema, TEXT);
    let [first, second] = rows_of(&schema, &rows, "D")[..] else { panic!() };
    let shared = slot(&schema, "D", "NO.AT");
    let mut editor = rows.edit();
    editor.write(first, &shared, Write::Text("2026-03-02")).expect("writes");
    editor.write(second, &shared, Write::Text("2026-03-02")).expect("writes");
    let mut editor = rows.edit();
    editor.write(first, &shared, Write::Text("2026-03-02")).expect("writes");
    let error = editor.write(second, &shared, Write::Text("2026-03-03")).expect_err("a conflict");
    assert_eq!(error.what_and_where(), "V.AT: the rows that share it say different things");
}

#[test]
fn records_that_are_no_rows_are_broken_with_their_place() {
    let schema = schema();
    let broken = |text: &str| {
        let file = schema.read(text.as_bytes(), &Charsets::default()).expect("reads");
        assert!(file.records.is_empty(), "{text}");
        file.broken[0].1.what_and_where()
    };
    assert_eq!(broken("{\"V\": {}}"), "line 1, column 7: V is no array of rows");
    assert_eq!(broken("{\"V\": [1]}"), "line 1, column 8: a row of V is no object");
    assert_eq!(broken("{\"V\": [{}]}"), "line 1, column 8: a row of V has no key");
    assert_eq!(
        broken("{\"V\": [{\"NO\": \"1\"},\n {\"NO\": \"1\"}]}"),
        "line 2, column 2: two rows of V have the key 1"
    );
}

#[test]
fn unknown_names_have_hints() {
    let schema = schema();
    let unknown = |at: &Place, name: &str| {
        let unknown = schema.slot(at, name).expect_err(name);
        format!("{} ({})", unknown.what, unknown.hint.unwrap_or_default())
    };
    let dx = place(&schema, "D");
    assert_eq!(unknown(&dx, "CODES"), "D has no column 'CODES' (did you mean 'CODE'?)");
    assert_eq!(
        unknown(&dx, "CODE.X"),
        "'CODE' of D leads to no table (write `-> TABLE` behind CODE in the schema if it is a foreign key)"
    );
    assert_eq!(unknown(&schema.root(), "V"), "'V' is a table (name a column: V.COLUMN)");
    assert!(schema.list(&schema.root(), "X").is_err());
    assert!(schema.list(&schema.root(), "V distinct").is_err());
}

proptest! {
    #[test]
    fn no_input_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = schema().read(&bytes, &Charsets::default());
    }

    #[test]
    fn nor_do_rows_of_any_shape(json in "\\{\"(V|D|P|lookup)\": (\\[(\\{(\"(NO|ID|PID)\": (\"[a-c]{0,2}\"|1|null|\\[\\]))?\\}(, \\{\\})?)?\\]|\\{\"P\": \\[\\]\\}|null)\\}") {
        let schema = schema();
        let file = schema.read(json.as_bytes(), &Charsets::default()).expect("is json");
        for record in &file.records {
            let Record::Sql(rows) = record else { panic!() };
            for table in ["V", "D", "V distinct BY latest AT"] {
                for at in rows_of(&schema, rows, table) {
                    prop_assert!(rows.within(at, Scope::default()));
                    text(rows, at, &slot(&schema, table.split(' ').next().unwrap_or(""), "NO"));
                }
            }
            prop_assert!(statements(rows, rows).expect("nothing changed").is_empty());
        }
    }

    #[test]
    fn statements_say_what_was_written(code in "[A-Z0-9']{1,5}", at in "\\PC{1,10}") {
        prop_assume!(!at.trim().is_empty());
        let schema = schema();
        let (_, said) = edited(&schema, |editor, rows| {
            let dx = rows_of(&schema, rows, "D")[0];
            editor.write(dx, &slot(&schema, "D", "CODE"), Write::Text(&code)).expect("writes");
            let visit = rows_of(&schema, rows, "V")[0];
            editor.write(visit, &slot(&schema, "V", "AT"), Write::Text(&at)).expect("writes");
        });
        let changed = usize::from(code != "I10") + usize::from(at != "2026/3/1 10:02");
        prop_assert_eq!(said.len(), changed);
    }
}
