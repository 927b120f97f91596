//! Clinical documents: namespaces, conditions, where what is new is made, what is claimed.

use proptest::prelude::*;

use super::super::*;
use crate::legacy::record::{Read, Scope, Write};

const V3: &str = "urn:hl7-org:v3";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn schema() -> Arc<Schema> {
    let namespace =
        |(prefix, uri): (&str, &str)| Namespace { prefix: prefix.to_owned(), uri: uri.to_owned() };
    let order = [
        ("ClinicalDocument", "id code title recordTarget author component"),
        ("patientRole", "id addr telecom patient"),
        ("section", "templateId code title text entry"),
        ("observation", "templateId id code statusCode effectiveTime value"),
    ];
    let order = order.map(|(parent, children)| {
        (parent.to_owned(), children.split(' ').map(str::to_owned).collect())
    });
    let repeat = ["templateId", "id", "addr", "telecom", "author", "component", "entry"];
    Arc::new(Schema {
        root: Some("ClinicalDocument".to_owned()),
        line_end: "\n".to_owned(),
        namespaces: [("", V3), ("xsi", XSI), ("sdtc", "urn:hl7-org:sdtc")].map(namespace).into(),
        order: order.into(),
        repeat: Some(repeat.map(str::to_owned).into()),
        ..Schema::default()
    })
}

fn read(text: &str) -> Document {
    document(schema().read(text.as_bytes(), &Charsets::default()).expect("reads"))
}

fn document(file: File) -> Document {
    let Some(Record::Xml(document)) = file.records.into_iter().next() else {
        panic!("no document")
    };
    document
}

fn slot(name: &str) -> Slot {
    schema().slot(&Place::default(), name).expect("path")
}

fn get(document: &Document, name: &str) -> Option<String> {
    match document.read(Scope::default(), &slot(name)) {
        Read::Text(text) => Some(text.into_owned()),
        _ => None,
    }
}

fn edited(document: &Document, writes: &[(&str, &str)]) -> String {
    let mut editor = document.edit();
    for (name, text) in writes {
        let value = if text.is_empty() { Write::Clear } else { Write::Text(text) };
        editor.write(Scope::default(), &slot(name), value).expect(name);
    }
    let edits = editor.finish().expect("edits");
    String::from_utf8(document.text().splice(&edits).expect("splices")).expect("utf-8")
}

/// A document around some content, with the default namespace.
fn around(inside: &str) -> String {
    format!("<ClinicalDocument xmlns=\"{V3}\" xmlns:xsi=\"{XSI}\">{inside}</ClinicalDocument>")
}

fn obs(section: &str, code: &str, value: &str) -> String {
    let path = "component/structuredBody/component/section";
    format!("{path}[code/@code:={section}]/entry/observation[code/@code={code}]/{value}")
}

#[test]
fn names_are_known_by_their_namespace_whatever_the_prefix() {
    let same = [
        around("<title>t</title><value xsi:type=\"CD\" code=\"1\"/>"),
        format!(
            "<h:ClinicalDocument xmlns:h=\"{V3}\" xmlns:i=\"{XSI}\"><h:title>t</h:title>\
             <h:value i:type=\"h:CD\" code=\"1\"/></h:ClinicalDocument>"
        ),
        // No namespace, and a prefix that is not declared: what the mapping says.
        "<ClinicalDocument><title>t</title><value xsi:type=\"CD\" code=\"1\"/></ClinicalDocument>"
            .to_owned(),
    ];
    for text in same {
        let document = read(&text);
        assert_eq!(get(&document, "title").as_deref(), Some("t"), "{text}");
        assert_eq!(get(&document, "value[@xsi:type=CD]/@code").as_deref(), Some("1"), "{text}");
        assert_eq!(get(&document, "value[@xsi:type=ST]"), None);
        assert_eq!(get(&document, "sdtc:title"), None);
    }
    let other =
        around("<x:title xmlns:x=\"urn:other\">t</x:title><title xmlns=\"urn:other\">u</title>");
    assert_eq!(get(&read(&other), "title"), None);
    let mixed = format!(
        "<ClinicalDocument xmlns=\"{V3}\"><raceCode code=\"1\"/><s:raceCode code=\"2\" \
         xmlns:s=\"urn:hl7-org:sdtc\"/></ClinicalDocument>"
    );
    assert_eq!(get(&read(&mixed), "sdtc:raceCode/@code").as_deref(), Some("2"));
    assert!(schema().slot(&Place::default(), "nope:title").is_err());
}

#[test]
fn what_is_made_has_the_prefix_of_the_document() {
    let prefixed = format!("<h:ClinicalDocument xmlns:h=\"{V3}\"></h:ClinicalDocument>");
    let text = edited(&read(&prefixed), &[("value[@xsi:type=CD]/@code", "1"), ("title", "t")]);
    assert_eq!(
        text,
        format!(
            "<h:ClinicalDocument xmlns:h=\"{V3}\"><h:title>t</h:title><h:value xmlns:xsi=\"{XSI}\" \
             xsi:type=\"CD\" code=\"1\"/></h:ClinicalDocument>"
        )
    );
    let text = edited(&read(&around("<id root=\"1\"/>")), &[("sdtc:raceCode/@code", "2")]);
    let race = "<sdtc:raceCode xmlns:sdtc=\"urn:hl7-org:sdtc\" code=\"2\"/>";
    assert_eq!(text, around(&format!("<id root=\"1\"/>{race}")));
    assert_eq!(get(&read(&text), "sdtc:raceCode/@code").as_deref(), Some("2"));
    let plain = "<ClinicalDocument></ClinicalDocument>";
    assert_eq!(
        edited(&read(plain), &[("title", "t")]),
        plain.replace("></", "><title>t</title></")
    );
    let blank = document(schema().blank());
    assert!(edited(&blank, &[("title", "t")]).contains("xmlns:xsi="));
}

#[test]
fn an_observation_is_found_in_any_section_and_made_in_its_own() {
    let entry = "<entry><observation><code code=\"A\"/><value xsi:type=\"PQ\" value=\"1\"/></observation></entry>";
    let section = |code: &str, inside: &str| {
        format!("<component><section><code code=\"{code}\"/>{inside}</section></component>")
    };
    let body = |inside: &str| {
        around(&format!("<component><structuredBody>{inside}</structuredBody></component>"))
    };
    let text = body(&format!("{}{}", section("1", entry), section("2", "")));
    let document = read(&text);
    assert_eq!(get(&document, &obs("2", "A", "value/@value")).as_deref(), Some("1"));
    // Changed where it stands.
    let changed = edited(&document, &[(&obs("2", "A", "value/@value"), "7")]);
    assert_eq!(changed, text.replace("value=\"1\"", "value=\"7\""));
    // New: in its own section, each in an entry of its own.
    let made = edited(
        &document,
        &[
            (&obs("2", "B", "value[@xsi:type:=PQ]/@value"), "8"),
            (&obs("2", "C", "value"), "c"),
            (&obs("3", "D", "value"), "d"),
        ],
    );
    let new = "<entry><observation><code code=\"B\"/><value xsi:type=\"PQ\" value=\"8\"/></observation></entry>\
        <entry><observation><code code=\"C\"/><value>c</value></observation></entry>";
    let third = section(
        "3",
        "<entry><observation><code code=\"D\"/><value>d</value></observation></entry>",
    );
    assert_eq!(made, body(&format!("{}{}{third}", section("1", entry), section("2", new))));
    // Cleared: the attribute goes.
    let cleared = edited(&document, &[(&obs("1", "A", "value/@value"), "")]);
    assert_eq!(cleared, text.replace(" value=\"1\"", ""));
}

#[test]
fn a_new_document_is_built_once_whatever_the_order_of_writes() {
    let blank = document(schema().blank());
    let text = edited(
        &blank,
        &[
            ("recordTarget/patientRole/patient/name", "n"),
            ("author/assignedAuthor/id[@root:=7]/@extension", "d"),
            ("author/time/@value", "2026"),
            ("recordTarget/patientRole/id[@root=1]/@extension", "A"),
            ("recordTarget/patientRole/id[@root=2]/@extension", "B"),
            ("recordTarget/patientRole/telecom/@value", "1"),
            ("section[templateId/@root=x][templateId/@root:=y]/title", "t"),
            ("id[@root:=0]/@extension", "0"),
        ],
    );
    let wanted = "<id root=\"0\" extension=\"0\"/><recordTarget><patientRole>\
        <id root=\"1\" extension=\"A\"/><id root=\"2\" extension=\"B\"/><telecom value=\"1\"/>\
        <patient><name>n</name></patient></patientRole></recordTarget>\
        <author><assignedAuthor><id root=\"7\" extension=\"d\"/></assignedAuthor><time value=\"2026\"/></author>\
        <section><templateId root=\"x\"/><templateId root=\"y\"/><title>t</title></section>";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn an_element_that_does_not_repeat_is_used_as_it_is() {
    let text = around(
        "<recordTarget><patientRole><patient><genderCode nullFlavor=\"UNK\"/></patient></patientRole></recordTarget>",
    );
    let path = "recordTarget/patientRole/patient/genderCode[@codeSystem:=s]/@code";
    let changed = edited(&read(&text), &[(path, "1")]);
    let wanted = "<genderCode nullFlavor=\"UNK\" codeSystem=\"s\" code=\"1\"/>";
    assert_eq!(changed, text.replace("<genderCode nullFlavor=\"UNK\"/>", wanted));
}

#[test]
fn an_instance_of_a_list_comes_and_goes_with_its_entry() {
    let path = "section[code/@code:=1]/entry/observation[code/@code=M]";
    let (list, _) = schema().list(&Place::default(), path).expect("list");
    let entry = |value: &str| {
        format!(
            "<entry><observation><code code=\"M\"/><value>{value}</value></observation></entry>"
        )
    };
    let text =
        around(&format!("<section><code code=\"1\"/>{}{}</section>", entry("a"), entry("b")));
    let document = read(&text);
    let mut scopes = Vec::new();
    document.list(Scope::default(), &list, &mut scopes);
    assert_eq!(scopes.len(), 2);
    let mut editor = document.edit();
    editor.remove(&list, scopes[0]).expect("removes");
    let at = editor.insert(Scope::default(), &list).expect("inserts");
    editor.write(at, &slot("value"), Write::Text("c")).expect("writes");
    let bytes = document.text().splice(&editor.finish().expect("edits")).expect("splices");
    let wanted = text.replace(&entry("a"), "").replace(&entry("b"), &(entry("b") + &entry("c")));
    assert_eq!(String::from_utf8_lossy(&bytes), wanted);
}

#[test]
fn a_path_from_the_root_means_the_same_in_every_scope() {
    let document = read(&around("<title>t</title><entry><a/></entry><entry><a/></entry>"));
    let (list, inside) = schema().list(&Place::default(), "entry").expect("list");
    let title = schema().slot(&inside, "/title").expect("path");
    assert_eq!(schema().canonical(&inside, &title), "title");
    let mut scopes = Vec::new();
    document.list(Scope::default(), &list, &mut scopes);
    for at in scopes {
        assert_eq!(document.read(at, &title), Read::Text("t".into()));
        assert_eq!(
            document.slot_span(at, &title),
            document.slot_span(Scope::default(), &slot("title"))
        );
    }
}

#[test]
fn narrative_is_read_and_written_with_its_tags() {
    let text =
        around("<section><text>\n<paragraph ID=\"a\">x &amp; y</paragraph></text></section>");
    let document = read(&text);
    let inside = slot("section/text").whole();
    let old = "\n<paragraph ID=\"a\">x &amp; y</paragraph>";
    assert_eq!(document.read(Scope::default(), &inside), Read::Text(old.into()));
    let written = |new: &str| {
        let mut editor = document.edit();
        editor.write(Scope::default(), &slot("section/text/paragraph"), Write::Text("z"))?;
        editor.write(Scope::default(), &inside, Write::Text(new))?;
        let bytes = document.text().splice(&editor.finish()?)?;
        Ok::<_, Error>(String::from_utf8(bytes).expect("utf-8"))
    };
    assert_eq!(
        written("<list><item>1</item></list>").expect("writes"),
        text.replace(old, "<list><item>1</item></list>")
    );
    for bad in ["<list>", "</text>", "a & <b", "<a></a></section>"] {
        assert!(written(bad).is_err(), "{bad}");
    }
    let empty = read(&around("<section><text/></section>"));
    assert_eq!(empty.read(Scope::default(), &inside), Read::Absent);
    let mut editor = empty.edit();
    editor.write(Scope::default(), &inside, Write::Text("<br/>")).expect("writes");
    let bytes = empty.text().splice(&editor.finish().expect("edits")).expect("splices");
    assert_eq!(String::from_utf8_lossy(&bytes), around("<section><text><br/></text></section>"));
}

#[test]
fn what_no_path_leads_to_is_not_claimed() {
    let text = around(
        "<entry><observation classCode=\"OBS\"><code code=\"A\" displayName=\"a\"/><value value=\"1\" unit=\"m\"/></observation></entry>\
         <entry><observation><code code=\"B\"/><value value=\"2\"/></observation></entry>",
    );
    let claims = [
        "entry/observation[code/@code=A][code/@displayName:=x]/value/@value",
        "entry/observation/@classCode",
    ];
    let claims = claims.map(|name| schema().absolute(&Place::default(), &slot(name)));
    let mut left = Vec::new();
    read(&text).each_claim(&claims, &mut |name, text, claimed| {
        if !claimed {
            left.push(format!("{name} {text}"));
        }
    });
    let wanted = [
        "entry/observation/value/@unit m",
        "entry[2]/observation/code/@code B",
        "entry[2]/observation/value/@value 2",
    ];
    assert_eq!(left, wanted);
}

#[test]
fn canonical_names_are_paths_again() {
    let (_, inside) =
        schema().list(&Place::default(), "section[code/@code:=1]/entry").expect("list");
    for name in [
        "observation[code/@code in (A, 'b c')]/value[@unit='mm[Hg]']/@value",
        "observation/value[@xsi:type=CD]/@code",
        "sdtc:x[@a=\"it's\"]",
    ] {
        let slot = schema().slot(&inside, name).expect("path");
        let shown = schema().canonical(&inside, &slot);
        let again = schema().slot(&Place::default(), &shown).expect("path");
        assert_eq!(schema().canonical(&Place::default(), &again), shown);
    }
}

#[test]
fn namespaces_are_limited() {
    let many: String = (0..=MOST_NAMESPACES).map(|n| format!("<a xmlns=\"urn:{n}\"/>")).collect();
    let error = schema().read(around(&many).as_bytes(), &Charsets::default()).map(|_| ());
    assert_eq!(error.expect_err("many").kind, Kind::TooLarge);
    // The same ones again and again are no more.
    let same = "<a xmlns:x=\"urn:1\" xmlns:y=\"urn:2\"/>".repeat(5000);
    assert!(schema().read(around(&same).as_bytes(), &Charsets::default()).is_ok());
}

#[test]
fn a_field_of_the_header_is_looked_up_once_for_all_items() {
    // 40,000 items that each read a path behind all of them: quadratic, this would take minutes.
    let entries = "<entry><observation><code code=\"B\"/><value>1</value></observation></entry>"
        .repeat(40_000);
    let document = read(&around(&format!("{entries}<title>t</title>")));
    let (list, inside) = schema().list(&Place::default(), "entry/observation").expect("list");
    let outside = schema().slot(&inside, "/entry/observation[code/@code=A]/value").expect("path");
    let mut scopes = Vec::new();
    document.list(Scope::default(), &list, &mut scopes);
    assert_eq!(scopes.len(), 40_000);
    assert!(scopes.iter().all(|at| document.read(*at, &outside) == Read::Absent));
}

proptest! {
    /// Whatever the document is, what is written at CDA paths is read there again, and written to no
    /// other of them.
    #[test]
    fn what_is_written_is_read(
        parts in prop::collection::vec(prop::sample::select(vec![
            "<title>x</title>",
            "<title/>",
            "<section><code code='1'/><entry/></section>",
            "<section><code code='2'/><entry><observation><code code='A'/><value value='1'/></observation></entry></section>",
            "<section/>",
            "<id root='1'/>",
            "<id root='2' extension='e'/>",
            "<id/>",
            "<p:section xmlns:p='urn:hl7-org:v3'><p:entry><p:act/></p:entry></p:section>",
            "<section xmlns='urn:other'/>",
        ]), 0..6),
        writes in prop::collection::vec((0_usize..7, "[a-z<&]{1,4}"), 1..6),
    ) {
        let paths = [
            "title",
            "id[@root=1]/@extension",
            "id[@root=2]/@extension",
            "section[code/@code:=1]/entry/observation[code/@code=A]/value[@xsi:type:=PQ]/@value",
            "section[code/@code:=1]/entry/observation[code/@code=B]/value",
            "section[code/@code:=3]/entry/observation[code/@code=C]/value/@unit",
            "author/time/@value",
        ];
        let document = read(&around(&parts.concat()));
        let mut last = std::collections::BTreeMap::new();
        let mut editor = document.edit();
        for (n, text) in &writes {
            editor.write(Scope::default(), &slot(paths[*n]), Write::Text(text)).expect("writes");
            last.insert(paths[*n], text.clone());
        }
        let bytes = document.text().splice(&editor.finish().expect("edits")).expect("splices");
        let again = self::document(schema().read(&bytes, &Charsets::default()).expect("reads"));
        for path in paths {
            let wanted = last.get(path).cloned().or_else(|| get(&document, path));
            prop_assert_eq!(get(&again, path), wanted, "{} in {}", path, again.text().text);
        }
    }

    #[test]
    fn any_names_and_namespaces_are_read_without_panic(text in "(<|>|/|a|:|xmlns|=|'|\"| |&|urn:hl7-org:v3|\\PC){0,40}") {
        let _ = schema().read(text.as_bytes(), &Charsets::default());
        let _ = schema().read(around(&text).as_bytes(), &Charsets::default());
        let _ = schema().read(format!("<a {text}/>").as_bytes(), &Charsets::default());
        let _ = schema().slot(&Place::default(), &text);
    }
}
