//! Reading and editing: what users see, what breaks, what must never happen.

use proptest::prelude::*;

use super::*;
use crate::legacy::record::Write;

fn card() -> Schema {
    let leaf = |name: &str| ElementDef { name: name.to_owned(), children: Vec::new() };
    Schema {
        root: Some("R".to_owned()),
        declaration: None,
        line_end: "\n".to_owned(),
        elements: vec![
            ElementDef { name: "h".to_owned(), children: vec![leaf("a"), leaf("b"), leaf("c")] },
            leaf("z"),
        ],
    }
}

fn read(text: &str) -> Document {
    let file = card().read(text.as_bytes(), &Charsets::default()).expect("reads");
    match &file.records[0] {
        Record::Xml(document) => document.clone(),
        other => panic!("{other:?}"),
    }
}

fn slot(name: &str) -> Slot {
    let schema = Schema::default();
    schema.slot(&schema.root(), name).expect("path")
}

fn get(document: &Document, name: &str) -> Option<String> {
    match document.read(Scope::default(), &slot(name)) {
        Read::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn edited(document: &Document, writes: &[(&str, Option<&str>)]) -> String {
    let mut editor = document.edit();
    for (name, text) in writes {
        let value = text.map_or(Write::Clear, Write::Text);
        editor.write(Scope::default(), &slot(name), value).expect("writes");
    }
    let edits = editor.finish().expect("edits");
    String::from_utf8(document.text().splice(&edits).expect("splices")).expect("utf-8")
}

#[test]
fn texts_attributes_and_predicates_are_read() {
    let document =
        read("<R><h x='1 &amp; 2'><a>1&lt;2</a><b/></h><h x=\"k\"><a><![CDATA[<3>]]></a></h></R>");
    assert_eq!(get(&document, "h/a").as_deref(), Some("1<2"));
    assert_eq!(get(&document, "h/@x").as_deref(), Some("1 & 2"));
    assert_eq!(get(&document, "h[@x=k]/a").as_deref(), Some("<3>"));
    assert_eq!(get(&document, "h[@x in (q, k)]/a").as_deref(), Some("<3>"));
    assert_eq!(get(&document, "h/b"), None);
}

#[test]
fn an_edit_touches_one_text() {
    let text = "<?xml version=\"1.0\"?>\n<R>\n <!-- c -->\n <h x='1'><a>1</a><b/></h>\n</R>\n";
    let document = read(text);
    assert_eq!(edited(&document, &[("h/a", Some("1"))]), text);
    assert_eq!(edited(&document, &[("h/b", None)]), text);
    assert_eq!(edited(&document, &[("h/a", Some("<&>"))]), text.replace(">1<", ">&lt;&amp;&gt;<"));
    assert_eq!(edited(&document, &[("h/b", Some("2"))]), text.replace("<b/>", "<b>2</b>"));
    assert_eq!(edited(&document, &[("h/@x", Some("'"))]), text.replace("'1'", "'&apos;'"));
}

#[test]
fn missing_elements_are_made_in_schema_order() {
    let document = read("<R>\n<h>\n<a>1</a>\n<c>3</c>\n</h>\n</R>\n");
    let text = edited(&document, &[("h/b", Some("2")), ("z", Some("9"))]);
    assert_eq!(text, "<R>\n<h>\n<a>1</a>\n<b>2</b>\n<c>3</c>\n</h>\n<z>9</z>\n</R>\n");
    let empty = read("<R><h/></R>");
    assert_eq!(edited(&empty, &[("h/a", Some("1"))]), "<R><h><a>1</a></h></R>");
}

#[test]
fn the_blank_document_has_every_element() {
    let file = card().blank();
    assert_eq!(file.text.text, "<R>\n<h>\n<a></a>\n<b></b>\n<c></c>\n</h>\n<z></z>\n</R>\n");
}

#[test]
fn unknown_elements_get_a_hint() {
    let schema = card();
    let error = schema.slot(&schema.root(), "h/aa").expect_err("unknown");
    assert_eq!(error.hint.as_deref(), Some("did you mean 'a'?"));
}

#[test]
fn hostile_documents_meet_limits() {
    let read = |text: &str| card().read(text.as_bytes(), &Charsets::default());
    let deep = "<a>".repeat(MOST_DEPTH + 2);
    assert_eq!(read(&deep).map(|_| ()).expect_err("deep").kind, Kind::TooLarge);
    let bomb = "<!DOCTYPE a [<!ENTITY x 'xxxx'>]><a>&x;</a>";
    assert!(read(bomb).map(|_| ()).expect_err("bomb").to_string().contains("document type"));
    for broken in ["", "<a>", "<a></b>", "text", "<a/><b/>", "<a", "</a>"] {
        let error = read(broken).map(|_| ()).expect_err(broken);
        assert!(error.to_string().contains("line 1"), "{broken}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "[<>/a\"'=&;!\\[\\]\\-? \\PC]{0,60}") {
        let _ = card().read(text.as_bytes(), &Charsets::default());
        let _ = card().read(format!("<R>{text}</R>").as_bytes(), &Charsets::default());
    }

    #[test]
    fn what_is_written_is_read(value in "[<>&\"'\\]\\PC]{1,12}") {
        prop_assume!(!value.trim().is_empty());
        let document = read("<R><h x='1'><a>1</a></h></R>");
        for path in ["h/a", "h/@x", "h/b", "z"] {
            let again = read(&edited(&document, &[(path, Some(&value))]));
            prop_assert_eq!(get(&again, path), Some(value.clone()));
        }
    }
}
