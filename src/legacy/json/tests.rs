//! Reading and editing: what users see, what breaks, what must never happen.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::{Read, Scope, Write};

fn field(name: &str, kind: FieldKind) -> Field {
    let facts = Facts { kind, ..Facts::default() };
    Field { name: name.to_owned(), facts, ..Field::default() }
}

fn free() -> Schema {
    Schema { nulls: vec![String::new()], ..Schema::default() }
}

/// `{ id: text required, n: int, ok: boolean, who: { name: text }, items[]: { code, value: decimal } }`
fn known() -> Schema {
    let mut id = field("id", FieldKind::Text);
    id.facts.required = true;
    let mut who = field("who", FieldKind::Text);
    who.children = vec![field("name", FieldKind::Text)];
    let mut items = field("items", FieldKind::Text);
    items.list = true;
    items.children = vec![field("code", FieldKind::Text), field("value", FieldKind::Number)];
    let (n, ok) = (field("n", FieldKind::Int), field("ok", FieldKind::Bool));
    Schema { fields: vec![id, n, ok, who, items], ..free() }
}

fn read(schema: &Schema, text: &str) -> File {
    schema.read(text.as_bytes(), &Charsets::default()).expect("reads")
}

fn object(file: &File, n: usize) -> &Object {
    match &file.records[n] {
        Record::Json(object) => object,
        other => panic!("{other:?}"),
    }
}

fn slot(schema: &Schema, name: &str) -> Slot {
    schema.slot(&schema.root(), name).expect("known")
}

fn value(schema: &Schema, text: &str, name: &str) -> Option<String> {
    let file = read(schema, text);
    match object(&file, 0).read(Scope::default(), &slot(schema, name)) {
        Read::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn edited(schema: &Schema, text: &str, write: impl FnOnce(&mut Editor)) -> String {
    let file = read(schema, text);
    let object = object(&file, 0);
    let mut editor = object.edit();
    write(&mut editor);
    let edits = editor.finish().expect("edits");
    String::from_utf8(object.text().splice(&edits).expect("splices")).expect("utf-8")
}

fn written(schema: &Schema, text: &str, name: &str, new: Write<'_>) -> String {
    let slot = slot(schema, name);
    edited(schema, text, |e| e.write(Scope::default(), &slot, new).expect("writes"))
}

fn refused(schema: &Schema, text: &str) -> String {
    let error = schema.read(text.as_bytes(), &Charsets::default()).expect_err(text);
    format!("{}: {}", error.place.unwrap_or_default(), error.what)
}

#[test]
fn values_are_read_with_their_types_and_escapes() {
    let text =
        r#"{"a": {"b/c": "x\n\u4e2d\ud83d\ude00", "n": 1.50, "t": true, "z": null, "e": " "}}"#;
    let get = |name| value(&free(), text, name);
    assert_eq!(get("a/b~1c").as_deref(), Some("x\n中😀"));
    assert_eq!(get("a/n").as_deref(), Some("1.50"));
    assert_eq!(get("a/t").as_deref(), Some("true"));
    assert_eq!((get("a/z"), get("a/e"), get("a"), get("a/n/x")), (None, None, None, None));
}

#[test]
fn objects_arrays_and_lines_are_records() {
    let schema = free();
    assert_eq!(read(&schema, "{}").records.len(), 1);
    assert_eq!(read(&schema, "[{\"a\":1}, {\"a\":2}]").records.len(), 2);
    let file = read(&schema, "{\"a\":1}\n\n{\"a\":}\n{\"a\":3}\r\n{\"a\":4} x");
    assert_eq!(file.records.len(), 2);
    let line = |n: usize| object(&file, n).about("line").map(std::borrow::Cow::into_owned);
    assert_eq!((line(0).as_deref(), line(1).as_deref()), (Some("1"), Some("4")));
    let broken: Vec<String> = file.broken.iter().map(|(_, e)| e.what_and_where()).collect();
    assert_eq!(
        broken,
        [
            "line 3, column 6: a value was expected here",
            "line 5, column 9: the line goes on behind its object",
        ]
    );
    let whole = "{\"a\": [{\"b\": 1},\n{\"b\": 2}]}";
    assert_eq!(read(&schema, whole).records.len(), 1, "lines of one object are no records");
    let file = read(&schema, "[1, {\"a\":1}]");
    assert_eq!(
        file.broken[0].1.what_and_where(),
        "line 1, column 2: a record is a JSON object, this is none"
    );
    assert_eq!(file.records.len(), 1);
}

#[test]
fn what_two_readers_could_read_differently_is_refused_with_its_place() {
    let schema = free();
    for (text, wanted) in [
        ("", "the body is empty"),
        (
            "{\n \"a\": 1,\n \"b\": {\"x\": 1, \"x\": 2}\n}",
            "line 3, column 16: the key 'x' stands twice in one object",
        ),
        ("{\"a\": 1, \"\\u0061\": 2}", "line 1, column 10: the key 'a' stands twice in one object"),
        ("{\"a\": 01}", "line 1, column 8: this is no JSON number"),
        ("{\"a\": NaN}", "line 1, column 7: a value was expected here"),
        ("{\"a\": \"\\ud800\"}", "line 1, column 8: this escape is no character"),
        ("{\"a\": \"\n\"}", "line 1, column 8: a control character in a string must be escaped"),
        ("{\"a\": \"x", "line 1, column 7: the string is not closed"),
        ("{\"a\": 1,}", "line 1, column 9: a key in double quotes was expected here"),
        ("{\"a\" 1}", "line 1, column 6: ':' was expected here"),
        ("{\"a\": [1 2]}", "line 1, column 10: ',' or ']' was expected here"),
        ("{\"a\": truex}", "line 1, column 7: a value was expected here"),
    ] {
        assert!(refused(&schema, text).ends_with(wanted), "{text}: {}", refused(&schema, text));
    }
    let deep = "[".repeat(MOST_DEPTH + 2);
    assert_eq!(refused(&schema, &deep), "line 1, column 102: values are nested deeper than 100");
    let many = format!("[{}]", vec!["1"; MOST_VALUES + 1].join(","));
    assert!(refused(&schema, &many).ends_with("there are more than 2000000 values"));
}

#[test]
fn a_value_keeps_its_type_and_all_else_its_bytes() {
    let schema = free();
    let text = "{ \"s\" : \"a\",\t\"n\":1.0 , \"t\":true,\n\"z\":null }\n";
    let put = |name, new| written(&schema, text, name, Write::Text(new));
    assert_eq!(put("s", "b\"c"), "{ \"s\" : \"b\\\"c\",\t\"n\":1.0 , \"t\":true,\n\"z\":null }\n");
    assert_eq!(put("n", "-2.50"), "{ \"s\" : \"a\",\t\"n\":-2.50 , \"t\":true,\n\"z\":null }\n");
    assert_eq!(put("t", "false"), "{ \"s\" : \"a\",\t\"n\":1.0 , \"t\":false,\n\"z\":null }\n");
    assert_eq!(put("z", "x"), "{ \"s\" : \"a\",\t\"n\":1.0 , \"t\":true,\n\"z\":\"x\" }\n");
    assert_eq!(put("n", "1.0"), text);
    assert_eq!(written(&schema, text, "s", Write::Clear), text.replace("\"a\"", "\"\""));
    assert_eq!(written(&schema, text, "n", Write::Clear), text.replace("1.0", "null"));
    assert_eq!(written(&schema, text, "z", Write::Clear), text);
    let file = read(&schema, text);
    let mut editor = object(&file, 0).edit();
    for (name, new) in [("n", "x"), ("n", "01"), ("t", "yes"), ("s", " ")] {
        let result = editor.write(Scope::default(), &slot(&schema, name), Write::Text(new));
        assert_eq!(result.expect_err(new).kind, Kind::Value, "{name}");
    }
}

#[test]
fn new_members_stand_where_the_schema_has_them() {
    let schema = known();
    let text = "{\n  \"id\": \"1\",\n  \"extra\": 0,\n  \"ok\": true\n}";
    assert_eq!(
        written(&schema, text, "n", Write::Text("5")),
        "{\n  \"id\": \"1\",\n  \"n\": 5,\n  \"extra\": 0,\n  \"ok\": true\n}"
    );
    assert_eq!(
        written(&schema, text, "who/name", Write::Text("张")),
        "{\n  \"id\": \"1\",\n  \"extra\": 0,\n  \"ok\": true,\n  \"who\": {\"name\": \"张\"}\n}"
    );
    assert_eq!(
        written(&schema, "{\"id\":\"1\",\"who\":null}", "who/name", Write::Text("x")),
        "{\"id\":\"1\",\"who\":{\"name\": \"x\"}}"
    );
    assert_eq!(written(&free(), "{}", "a/b", Write::Text("x")), "{\"a\": {\"b\": \"x\"}}");
    assert_eq!(written(&free(), "{}", "a/b", Write::Clear), "{}");
}

#[test]
fn items_are_added_edited_and_removed() {
    let schema = known();
    let text = "{\"id\":\"1\",\"items\":[{\"code\":\"a\"}, {\"code\":\"b\"}, {\"code\":\"c\"}]}";
    let (list, place) = schema.list(&schema.root(), "items").expect("a list");
    let code = schema.slot(&place, "code").expect("known");
    let number = schema.slot(&place, "value").expect("known");
    assert_eq!(schema.canonical(&place, &code), "items/code");
    let file = read(&schema, text);
    let mut items = Vec::new();
    object(&file, 0).list(Scope::default(), &list, &mut items);
    assert_eq!(items.len(), 3);
    assert!(object(&file, 0).within(items[0], Scope::default()));
    assert!(!object(&file, 0).within(items[0], items[1]));
    let change = |remove: &[usize], add: &[&str]| {
        edited(&schema, text, |editor| {
            for n in remove {
                editor.remove(&list, items[*n]).expect("removes");
            }
            for new in add {
                let at = editor.insert(Scope::default(), &list).expect("inserts");
                editor.write(at, &code, Write::Text(new)).expect("writes");
                editor.write(at, &number, Write::Text("1.5")).expect("writes");
            }
        })
    };
    let with = |items: &str| format!("{{\"id\":\"1\",\"items\":[{items}]}}");
    assert_eq!(change(&[0], &[]), with("{\"code\":\"b\"}, {\"code\":\"c\"}"));
    assert_eq!(change(&[1], &[]), with("{\"code\":\"a\"}, {\"code\":\"c\"}"));
    assert_eq!(
        change(&[1, 2], &["d"]),
        with("{\"code\":\"a\"}, {\"code\": \"d\", \"value\": 1.5}")
    );
    assert_eq!(change(&[0, 1, 2], &["d"]), with("{\"code\": \"d\", \"value\": 1.5}"));
    assert_eq!(change(&[0, 1, 2], &[]), with(""));
    let made = edited(&schema, "{\"id\":\"1\"}", |editor| {
        let at = editor.insert(Scope::default(), &list).expect("inserts");
        editor.write(at, &code, Write::Text("x")).expect("writes");
        editor.insert(Scope::default(), &list).expect("an item that says nothing is not written");
    });
    assert_eq!(made, "{\"id\":\"1\",\"items\": [{\"code\": \"x\"}]}");
}

#[test]
fn plain_items_and_pieces() {
    let schema = free();
    let text = "{\"tags\": [\"a\", \"b\"], \"all\": \"2/6\"}";
    let (list, place) = schema.list(&schema.root(), "tags").expect("a list");
    let item = schema.slot(&place, ".").expect("the item");
    let added = edited(&schema, text, |editor| {
        let at = editor.insert(Scope::default(), &list).expect("inserts");
        editor.write(at, &item, Write::Text("c")).expect("writes");
    });
    assert_eq!(added, "{\"tags\": [\"a\", \"b\", \"c\"], \"all\": \"2/6\"}");
    let (list, place) = schema.list(&schema.root(), "all split \"/\"").expect("a list");
    let piece = schema.slot(&place, ".").expect("a piece");
    assert_eq!(schema.canonical(&place, &piece), "all[]");
    let split = edited(&schema, text, |editor| {
        let at = editor.insert(Scope::default(), &list).expect("inserts");
        editor.write(at, &piece, Write::Text("7")).expect("writes");
        editor.remove(&list, Scope { piece: 1, ..Scope::default() }).expect("removes");
    });
    assert_eq!(split, "{\"tags\": [\"a\", \"b\"], \"all\": \"6/7\"}");
}

#[test]
fn unknown_names_have_hints() {
    let schema = known();
    let unknown = |name: &str| {
        let unknown = schema.slot(&schema.root(), name).expect_err(name);
        format!("{} ({})", unknown.what, unknown.hint.unwrap_or_default())
    };
    assert_eq!(unknown("idd"), "the schema has no field 'idd' (did you mean 'id'?)");
    assert_eq!(unknown("who/nam"), "the schema has no field 'nam' in 'who' (did you mean 'name'?)");
    assert_eq!(unknown("who"), "'who' is an object, no value (name a value in it: who/…)");
    assert_eq!(unknown("items"), "'items' is a list, no value (write it inside `each: items`)");
    assert_eq!(unknown("items/code"), "'items' is a list (write it inside `each: items`)");
    assert_eq!(unknown("a//b"), "'a//b' is no path (write keys: a/b/c)");
    assert!(schema.list(&schema.root(), "id").is_err());
}

#[test]
fn a_body_that_breaks_the_contract_is_refused_with_its_place() {
    let schema = known();
    let broken = |schema: &Schema, text: &str| {
        let file = read(schema, text);
        assert!(file.records.is_empty(), "{text}");
        file.broken[0].1.what_and_where()
    };
    assert_eq!(broken(&schema, "{\"n\": 1}"), "line 1, column 1: the field 'id' is required");
    assert_eq!(broken(&schema, "{\"id\": \" \"}"), "line 1, column 8: the field 'id' is required");
    assert_eq!(
        broken(&schema, "{\"id\": \"1\",\n \"n\": \"5\"}"),
        "n, line 2, column 7: a whole number was expected here"
    );
    assert_eq!(
        broken(&schema, "{\"id\": \"1\", \"items\": [{\"value\": \"x\"}]}"),
        "items/value, line 1, column 33: a number was expected here"
    );
    assert_eq!(
        broken(&schema, "{\"id\": \"1\", \"items\": {}}"),
        "items, line 1, column 22: an array was expected here"
    );
    let text = r#"{"type": "object", "required": ["id"], "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "items": {"type": "array", "items": {"required": ["code"]}}}}"#;
    let contract = Contract::new("x.schema.json", text).expect("a schema");
    let schema = Schema { contract: Some(Arc::new(contract)), ..free() };
    assert_eq!(
        broken(&schema, "{\n \"id\": \"x1\"}"),
        "id, line 2, column 8: \"x1\" does not match \"^[0-9]+$\""
    );
    assert_eq!(
        broken(&schema, "{\"id\": \"1\", \"items\": [{\"code\": 1}, {}]}"),
        "items/1, line 1, column 36: \"code\" is a required property"
    );
    assert!(Contract::new("x", "{\"type\": 5}").is_err());
    assert!(Contract::new("x", "{\"$ref\": \"http://tombolo.example/other.json\"}").is_err());
}

#[test]
fn new_records_are_empty_or_have_all_fields() {
    let text = |schema: Schema| schema.blank().text.text.clone();
    assert_eq!(text(known()), "{}\n");
    let whole = Schema { skeleton: true, lines: true, ..known() };
    assert_eq!(
        text(whole.clone()),
        "{\"id\": \"\", \"n\": null, \"ok\": null, \"who\": {\"name\": \"\"}, \"items\": []}\n"
    );
    assert_eq!(whole.blank().records.len(), 1);
    assert!(text(Schema { lines: false, ..whole }).starts_with("{\n  \"id\": \"\",\n"));
}

#[test]
fn the_keys_of_the_first_object_are_seen_in_a_part_of_it() {
    let keys = |text| first_keys(text).join(" ");
    assert_eq!(keys("[{\"a\": {\"x\": [1]}, \"b\\\"\": \"c\", \"d\": \"cut"), "a b\" d");
    assert_eq!(keys("{\"a\": 1} {\"z\": 1}"), "a");
    assert_eq!(keys("x"), "");
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof!["[a-c/~\"\\\\]{0,4}", "\\PC{0,6}"];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(text.clone(), inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn no_input_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = known().read(&bytes, &Charsets::default());
        first_keys(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn nor_does_almost_json(text in "[\\[\\]{}:,\"\\\\u0-9a-fntrEe+. \n-]{0,80}") {
        let ours = free().read(text.as_bytes(), &Charsets::default());
        let one = serde_json::from_str::<serde_json::Value>(&text);
        // What we take as one record, others take too.
        if let (Ok(file), Err(_)) = (ours, one) {
            prop_assert!(file.records.len() != 1 || !file.broken.is_empty() || lines(&text).is_some()
                || serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>().all(|v| v.is_ok()));
        }
    }

    #[test]
    fn every_json_is_read_as_others_read_it(json in any_json()) {
        let pretty = serde_json::to_string_pretty(&serde_json::json!({ "r": json })).expect("json");
        let file = read(&free(), &pretty);
        let object = object(&file, 0);
        let mut ours = Vec::new();
        object.each_value(&mut |_, text| ours.push(text.to_owned()));
        let mut theirs = Vec::new();
        collect(&json, &mut theirs);
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn what_is_written_is_read_and_the_rest_stays(json in any_json(), new in "\\PC{1,8}") {
        prop_assume!(!new.trim().is_empty());
        let text = serde_json::json!({ "a": json, "s": "old", "b": json }).to_string();
        let after = written(&free(), &text, "s", Write::Text(&new));
        prop_assert_eq!(value(&free(), &after, "s"), Some(new.clone()));
        let quoted = serde_json::Value::from(new).to_string();
        prop_assert_eq!(after, text.replacen("\"s\":\"old\"", &format!("\"s\":{quoted}"), 1));
    }

    #[test]
    fn items_removed_and_added_leave_json(keep in prop::collection::vec(any::<bool>(), 0..6), add in 0..3usize) {
        let items: Vec<String> = (0..keep.len()).map(|n| format!(" {{\"code\": \"{n}\"}}")).collect();
        let text = format!("{{\"id\": \"1\", \"items\": [{} ]}}", items.join(" ,"));
        let schema = known();
        let (list, place) = schema.list(&schema.root(), "items").expect("a list");
        let code = schema.slot(&place, "code").expect("known");
        let file = read(&schema, &text);
        let mut scopes = Vec::new();
        object(&file, 0).list(Scope::default(), &list, &mut scopes);
        let after = edited(&schema, &text, |editor| {
            for (scope, keep) in scopes.iter().zip(&keep) {
                if !keep {
                    editor.remove(&list, *scope).expect("removes");
                }
            }
            for _ in 0..add {
                let at = editor.insert(Scope::default(), &list).expect("inserts");
                editor.write(at, &code, Write::Text("new")).expect("writes");
            }
        });
        let json: serde_json::Value = serde_json::from_str(&after).expect("json");
        let codes: Vec<&str> =
            json["items"].as_array().expect("items").iter().filter_map(|i| i["code"].as_str()).collect();
        let kept = keep.iter().enumerate().filter(|(_, k)| **k).map(|(n, _)| n.to_string());
        let wanted: Vec<String> = kept.chain((0..add).map(|_| "new".to_owned())).collect();
        prop_assert_eq!(codes, wanted);
    }
}

fn collect(json: &serde_json::Value, out: &mut Vec<String>) {
    match json {
        serde_json::Value::Null => {}
        serde_json::Value::String(text) if text.trim().is_empty() => {}
        serde_json::Value::String(text) => out.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
        serde_json::Value::Object(map) => map.values().for_each(|value| collect(value, out)),
        other => out.push(other.to_string()),
    }
}
