//! Reading and editing: what users see, what breaks, what must never happen.

mod cda;

use proptest::prelude::*;

use super::*;
use crate::legacy::record::{Read, Scope, Write};

fn card() -> Arc<Schema> {
    let leaf = |name: &str| ElementDef { name: name.to_owned(), children: Vec::new() };
    Arc::new(Schema {
        root: Some("R".to_owned()),
        declaration: None,
        line_end: "\n".to_owned(),
        elements: vec![
            ElementDef { name: "h".to_owned(), children: vec![leaf("a"), leaf("b"), leaf("c")] },
            leaf("z"),
        ],
        ..Schema::default()
    })
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
fn texts_that_mean_nothing() {
    let schema = Arc::new(Schema { nulls: vec![".".to_owned()], ..Schema::default() });
    let text = "<R><h x='.'><a> . </a><b>1.</b></h></R>";
    let file = schema.read(text.as_bytes(), &Charsets::default()).expect("reads");
    let Record::Xml(document) = &file.records[0] else { panic!("{file:?}") };
    assert_eq!(get(document, "h/a"), None);
    assert_eq!(get(document, "h/@x"), None);
    assert_eq!(get(document, "h/b").as_deref(), Some("1."));
    assert_eq!(edited(document, &[("h/a", None), ("h/@x", None)]), text);
    assert_eq!(edited(document, &[("h/a", Some("2"))]), text.replace(" . ", "2"));
    let mut editor = document.edit();
    assert!(editor.write(Scope::default(), &slot("h/b"), Write::Text(".")).is_err());
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

/// Reads, edits, and reads again.
fn rewritten(text: &str, writes: &[(&str, Option<&str>)]) -> (String, Document) {
    let text = edited(&read(text), writes);
    let again = read(&text);
    (text, again)
}

#[test]
fn mixed_content_is_read_as_it_was_written() {
    for text in [
        "<R><h>x<a/>y</h></R>",
        "<R>\n<h>\n <a/>\n</h>\n</R>",
        "<R><h>x<!-- c -->y</h></R>",
        "<R><h>1 &amp; 2<a/></h></R>",
        "<R><h><![CDATA[x]]>y<a/></h></R>",
    ] {
        let (changed, again) = rewritten(text, &[("h", Some("z & <"))]);
        assert_eq!(get(&again, "h").as_deref(), Some("z & <"), "{changed}");
        assert_eq!(changed.contains("<a/>"), text.contains("<a/>"), "{changed}");
        assert_eq!(changed.contains("<!-- c -->"), text.contains("<!-- c -->"), "{changed}");
        let (changed, again) = rewritten(text, &[("h", None)]);
        assert_eq!(get(&again, "h"), None, "{changed}");
    }
}

#[test]
fn new_siblings_come_in_schema_order_whatever_order_they_are_written_in() {
    let (text, _) =
        rewritten("<R><h/></R>", &[("z", Some("9")), ("h/c", Some("3")), ("h/a", Some("1"))]);
    assert_eq!(text, "<R><h><a>1</a><c>3</c></h><z>9</z></R>");
    let (text, _) =
        rewritten("<R></R>", &[("z", Some("9")), ("h/b", Some("2")), ("h/a", Some("1"))]);
    assert_eq!(text, "<R><h><a>1</a><b>2</b></h><z>9</z></R>");
}

#[test]
fn a_new_element_is_told_by_its_predicates() {
    let (text, again) = rewritten(
        "<R></R>",
        &[("id[@root=1]/@extension", Some("A")), ("id[@root=2]/@extension", Some("B"))],
    );
    assert_eq!(get(&again, "id[@root=1]/@extension").as_deref(), Some("A"), "{text}");
    assert_eq!(get(&again, "id[@root=2]/@extension").as_deref(), Some("B"), "{text}");
}

#[test]
fn a_steering_predicate_prefers_the_element_that_has_it() {
    let text = "<R><s><c k=\"1\"/><o><n>q</n></o></s><s><c k=\"2\"/></s></R>";
    let path = |k: &str, n: &str| format!("s[c/@k:={k}]/o[n={n}]/v");
    let (changed, again) = rewritten(text, &[(&path("2", "m"), Some("7"))]);
    assert_eq!(get(&again, &path("2", "m")).as_deref(), Some("7"), "{changed}");
    assert!(changed.contains("<s><c k=\"2\"/><o><n>m</n><v>7</v></o></s>"), "{changed}");
    let (changed, _) =
        rewritten(text, &[(&path("3", "m"), Some("7")), (&path("3", "l"), Some("8"))]);
    let wanted = "<s><c k=\"3\"/><o><n>m</n><v>7</v></o><o><n>l</n><v>8</v></o></s>";
    assert!(changed.contains(wanted), "{changed}");
}

#[test]
fn attributes_that_cannot_be_told_are_errors() {
    for broken in ["<R b=c d=\"x\"/>", "<R b/>", "<R a=\"1\" a=\"2\"/>", "< R/>", "<1/>"] {
        let error = card().read(broken.as_bytes(), &Charsets::default()).map(|_| ());
        assert!(error.expect_err(broken).to_string().contains("line 1"), "{broken}");
    }
}

#[test]
fn attributes_without_space_between_them_are_let_pass() {
    let document = read("<R a='1'b = \"2\"\n/>");
    assert_eq!(get(&document, "@a").as_deref(), Some("1"));
    assert_eq!(get(&document, "@b").as_deref(), Some("2"));
}

#[test]
fn the_first_full_match_is_read() {
    let document = read("<R><t/><t v='1'/><i><k c='a'/><k c='b'/>2</i></R>");
    assert_eq!(get(&document, "t/@v").as_deref(), Some("1"));
    assert_eq!(get(&document, "i[k/@c=b]").as_deref(), Some("2"));
}

#[test]
fn a_bare_element_is_filled_before_another_is_made() {
    let (text, _) = rewritten(
        "<R><id></id></R>",
        &[("id[@root=1]/@extension", Some("A")), ("id[@root=2]/@extension", Some("B"))],
    );
    let wanted = "<id root=\"1\" extension=\"A\"></id><id root=\"2\" extension=\"B\"/>";
    assert_eq!(text, format!("<R>{wanted}</R>"));
}

#[test]
fn a_new_first_child_stands_on_a_line_of_its_own() {
    let (text, _) = rewritten(
        "<R>\n <h>\n  <b/>\n </h>\n <!-- c -->\n</R>",
        &[("h/a", Some("1")), ("h/c", Some("3")), ("z", Some("9"))],
    );
    let wanted = "<R>\n <h>\n  <a>1</a>\n  <b/>\n  <c>3</c>\n </h>\n <z>9</z>\n <!-- c -->\n</R>";
    assert_eq!(text, wanted);
}

#[test]
fn a_second_byte_order_mark_moves_nothing() {
    for text in ["\u{FEFF}<R><z>1</z></R>", "<R>\u{FEFF}<z>1</z></R>", "<R><z>\u{FEFF}1</z></R>"] {
        let bytes = format!("\u{FEFF}{text}");
        let Ok(file) = card().read(bytes.as_bytes(), &Charsets::default()) else { continue };
        let Record::Xml(document) = &file.records[0] else { panic!("{file:?}") };
        assert!(edited(document, &[("z", Some("2"))]).contains("2</z>"), "{text}");
    }
}

#[test]
fn attributes_are_limited() {
    let many: String = (0..300).map(|n| format!(" a{n}=\"1\"")).collect();
    let error = card().read(format!("<R{many}/>").as_bytes(), &Charsets::default()).map(|_| ());
    assert_eq!(error.expect_err("many").kind, Kind::TooLarge);
}

#[test]
fn an_exact_attribute_name_wins_over_one_with_a_prefix() {
    let document = read("<R xsi:type=\"ST\" type=\"plain\"/>");
    assert_eq!(get(&document, "@type").as_deref(), Some("plain"));
    assert_eq!(get(&document, "@xsi:type").as_deref(), Some("ST"));
}

#[test]
fn pieces_keep_their_separators_and_may_stand_in_an_attribute() {
    let schema = Schema::default();
    for (name, text) in [("h/@x", "<R><h x=\"1 , 2\">t</h></R>"), ("h", "<R><h>1 , 2</h></R>")] {
        let (list, inside) =
            schema.list(&schema.root(), &format!("{name} split \",\"")).expect("list");
        let piece = schema.slot(&inside, ".").expect("piece");
        let document = read(text);
        let mut scopes = Vec::new();
        document.list(Scope::default(), &list, &mut scopes);
        assert_eq!(scopes.len(), 2);
        let with = |write: &mut dyn FnMut(&mut Editor)| {
            let mut editor = document.edit();
            write(&mut editor);
            let edits = editor.finish().expect("edits");
            String::from_utf8(document.text().splice(&edits).expect("splices")).expect("utf-8")
        };
        let same = with(&mut |e| e.write(scopes[0], &piece, Write::Text("1")).expect("w"));
        assert_eq!(same, text);
        let other = with(&mut |e| e.write(scopes[0], &piece, Write::Text("7")).expect("w"));
        assert_eq!(other, text.replace("1 ,", "7 ,"));
        let mut editor = document.edit();
        assert!(editor.write(scopes[0], &piece, Write::Text("7,8")).is_err());
    }
}

#[test]
fn removing_takes_what_is_inside_along() {
    let text = "<R>\n<h>\n<a k=\"1\">1</a>\n<b/>\n</h>\n<z/>\n</R>";
    let document = read(text);
    let schema = Schema::default();
    let (outer, _) = schema.list(&schema.root(), "h").expect("list");
    let (inner, _) = schema.list(&schema.root(), "h/a").expect("list");
    let mut editor = document.edit();
    let at = |list: &List| {
        let mut scopes = Vec::new();
        document.list(Scope::default(), list, &mut scopes);
        scopes[0]
    };
    for name in ["h/a", "h/a/@k", "h/b", "h/c"] {
        editor.write(Scope::default(), &slot(name), Write::Text("2")).expect("writes");
    }
    editor.remove(&inner, at(&inner)).expect("removes");
    editor.remove(&outer, at(&outer)).expect("removes");
    let edits = editor.finish().expect("edits");
    let bytes = document.text().splice(&edits).expect("splices");
    assert_eq!(String::from_utf8_lossy(&bytes), "<R>\n<z/>\n</R>");
}

#[test]
fn an_empty_tag_takes_text_and_elements_at_once() {
    let (text, again) = rewritten("<R><h/></R>", &[("h", Some("t")), ("h/a", Some("1"))]);
    assert_eq!(
        (get(&again, "h"), get(&again, "h/a")),
        (Some("t".into()), Some("1".into())),
        "{text}"
    );
}

#[test]
fn a_character_that_xml_cannot_hold_is_refused() {
    let document = read("<R><h x=\"1\"/></R>");
    for name in ["h", "h/@x", "h/a"] {
        let mut editor = document.edit();
        let written = editor.write(Scope::default(), &slot(name), Write::Text("a\u{1}b"));
        assert!(written.expect_err(name).to_string().contains("U+0001"));
    }
}

#[test]
fn line_ends_in_attributes_survive_other_readers() {
    let (text, again) = rewritten("<R><h x='1'/></R>", &[("h/@x", Some("a\nb\t'\""))]);
    assert!(text.contains("x='a&#10;b&#9;&apos;\"'"), "{text}");
    assert_eq!(get(&again, "h/@x").as_deref(), Some("a\nb\t'\""));
}

#[test]
fn a_new_attribute_comes_last() {
    let (text, _) = rewritten("<R><h x='1'/></R>", &[("h/@y", Some("2"))]);
    assert_eq!(text, "<R><h x='1' y=\"2\"/></R>");
}

#[test]
fn a_declared_charset_that_nobody_knows_is_an_error_unless_the_channel_knows() {
    let text = b"<?xml version=\"1.0\" encoding=\"EBCDIC-9\"?><R/>";
    let error = card().read(text, &Charsets::default()).map(|_| ()).expect_err("unknown");
    assert!(error.to_string().contains("EBCDIC-9"), "{error}");
    let channel = Charsets { channel: Some(Charset::Utf8), ..Charsets::default() };
    assert!(card().read(text, &channel).is_ok());
}

#[test]
fn utf_16_without_a_mark_is_told_by_its_first_bytes() {
    for little in [true, false] {
        let unit = |u: u16| if little { u.to_le_bytes() } else { u.to_be_bytes() };
        let bytes: Vec<u8> =
            "<?xml version=\"1.0\"?><R><z>乙</z></R>".encode_utf16().flat_map(unit).collect();
        let file = card().read(&bytes, &Charsets::default()).expect("reads");
        let Record::Xml(document) = &file.records[0] else { panic!("{file:?}") };
        assert_eq!(get(document, "z").as_deref(), Some("乙"));
    }
}

#[test]
fn many_ampersands_are_read_in_linear_time() {
    let text = format!("<R><h x=\"{}\"/></R>", "&".repeat(900_000));
    let document = read(&text);
    assert_eq!(get(&document, "h/@x").map(|t| t.len()), Some(900_000));
}

#[test]
fn paths_are_read_with_their_quotes() {
    let document =
        read("<R><h u='mm[Hg]'>1</h><h u='a, b'>2</h><h u='x in y=z'>3</h><h u='][/'>4</h></R>");
    assert_eq!(get(&document, "h[@u in (mmHg, 'mm[Hg]')]").as_deref(), Some("1"));
    assert_eq!(get(&document, "h[@u in ('c', 'a, b')]").as_deref(), Some("2"));
    assert_eq!(get(&document, "h[@u='x in y=z']/.").as_deref(), Some("3"));
    assert_eq!(get(&document, "h[@u='][/']").as_deref(), Some("4"));
    let schema = Schema::default();
    for wrong in
        ["a[b=c", "a]b", "a[b=c]d", "a//b", "a/", "a/@", "a/@b c", "1a", "a[]", "a[b in c]", "@x/a"]
    {
        assert!(schema.slot(&schema.root(), wrong).is_err(), "{wrong}");
    }
    assert!(schema.list(&schema.root(), "a/@b").is_err());
    assert!(schema.list(&schema.root(), "a split \"\"").is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "[<>/a\"'=&;!\\[\\]\\-? \\PC]{0,60}") {
        let _ = card().read(text.as_bytes(), &Charsets::default());
        let _ = card().read(format!("<R>{text}</R>").as_bytes(), &Charsets::default());
        let _ = card().read(format!("<R {text}/>").as_bytes(), &Charsets::default());
        let _ = Schema::default().slot(&Place::default(), &text);
        let _ = Schema::default().list(&Place::default(), &text);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = card().read(&bytes, &Charsets::default());
        let mut document = b"<?xml version='1.0' encoding='GBK'?><R>".to_vec();
        document.extend(&bytes);
        document.extend(b"</R>");
        let _ = card().read(&document, &Charsets { carry_raw: true, ..Charsets::default() });
    }

    /// Texts, comments, CDATA and elements in any order; in every charset.
    #[test]
    fn what_is_written_is_read(
        value in "([<>&\"'\\]\n\r\t;#]|\\PC|[\u{4E00}-\u{9FFF}]|[\u{20000}-\u{2A6DF}]|]]>){1,12}",
        inside in prop::collection::vec(
            prop::sample::select(vec![
                " ", "\n", "x", "&amp;", "<!-- c -->", "<![CDATA[ y ]]>", "<![CDATA[]]>", "<b/>", "<?p?>",
            ]),
            0..7,
        ),
        charset in prop::sample::select(vec![Charset::Utf8, Charset::Gb18030, Charset::Utf16Le]),
    ) {
        prop_assume!(!value.trim().is_empty());
        let text = format!("<R><h x='1'>{}</h>\n<e/></R>", inside.concat());
        let charsets = Charsets { channel: Some(charset), ..Charsets::default() };
        let read = |bytes: &[u8]| {
            let file = card().read(bytes, &charsets).expect("reads");
            let Record::Xml(document) = &file.records[0] else { panic!("{file:?}") };
            document.clone()
        };
        let document = read(&charset.encode(&text).expect("encodes"));
        for path in ["h", "h/@x", "h/@y", "h/a", "h/b", "e", "e/@x", "z", "n/m[k=v]/@o"] {
            let mut editor = document.edit();
            let wrote = editor.write(Scope::default(), &slot(path), Write::Text(&value));
            if escape::check(&value).is_err() {
                prop_assert!(wrote.is_err());
                continue;
            }
            prop_assert!(wrote.is_ok());
            let bytes = document.text().splice(&editor.finish().expect("edits")).expect("splices");
            let again = read(&bytes);
            prop_assert_eq!(get(&again, path), Some(value.clone()), "{} in {}", path, again.text().text);
            for other in ["h", "h/@x", "h/b", "e"].iter().filter(|other| **other != path) {
                prop_assert_eq!(get(&again, other), get(&document, other), "{} by {}", other, path);
            }
            let comments = |d: &Document| d.text().text.matches("<!-- c -->").count();
            prop_assert_eq!(comments(&again), comments(&document));
            // And taken away again.
            let mut editor = again.edit();
            editor.write(Scope::default(), &slot(path), Write::Clear).expect("clears");
            let bytes = again.text().splice(&editor.finish().expect("edits")).expect("splices");
            prop_assert_eq!(get(&read(&bytes), path), None);
        }
    }

    /// Any mixture of writes, inserts and removals gives edits that can be applied.
    #[test]
    fn edits_never_overlap(
        steps in prop::collection::vec((0_u8..4, 0_usize..6, "[a-z<]{0,3}"), 1..10),
    ) {
        let document = read("<R>\n <h k='1'>t<a>1</a> <a/>\n <b>2</b></h>\n <h/>\n <z>9<c/></z>\n</R>");
        let paths = ["h", "h/a", "h/b", "h/@k", "z/c", "z"];
        let lists = ["h", "h/a", "h/b", "z", "z/c", "q/r"];
        let mut editor = document.edit();
        let mut made = Vec::new();
        for (what, n, text) in &steps {
            let (list, _) = Schema::default().list(&Place::default(), lists[*n]).expect("list");
            let mut scopes = Vec::new();
            document.list(Scope::default(), &list, &mut scopes);
            let value = if text.is_empty() { Write::Clear } else { Write::Text(text) };
            match what {
                0 => editor.write(Scope::default(), &slot(paths[*n]), value).expect("writes"),
                1 => made.push(editor.insert(Scope::default(), &list).expect("inserts")),
                2 => scopes.first().map_or(Ok(()), |s| editor.remove(&list, *s)).expect("removes"),
                _ => {
                    let at = made.get(*n).or(scopes.last()).copied().unwrap_or_default();
                    editor.write(at, &slot("a/@k"), value).expect("writes");
                    editor.write(at, &slot("."), value).expect("writes");
                }
            }
        }
        let bytes = document.text().splice(&editor.finish().expect("edits"));
        let bytes = bytes.map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(card().read(&bytes, &Charsets::default()).is_ok(), "{:?}", String::from_utf8(bytes));
    }
}
