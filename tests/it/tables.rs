//! Tables of other kinds than CSV, through the whole engine: read, edited, appended to, made; and what
//! readers and writers by other hands make of them.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use calamine::{Data, Reader as _, Xlsx};
use dbase::{FieldValue, Reader, ReaderBuilder, Record as Foreign, TableWriterBuilder};
use rust_xlsxwriter::{Color, Format, Formula, Workbook};
use serde_json::{Value, json};
use tombolo::legacy::{Charsets, File};
use tombolo::translate::{Library, Party, Program, compile, get, laws, put};

use crate::support::data;

const MAPPING: &str = "\
lang: 1
mapping: NAME
version: 1.0.0
source: SOURCE
schema: schema.yaml
target: fhir@4.0.1
charset: GBK
timezone: Asia/Shanghai
codes:
  sex: [1 <-> male, 2 <-> female]
resources:
  Patient patient:
    key: pid(KH)
    identifier[pi].system: = urn:x-cards
    identifier[pi].value: KH
    name[0].text: XM | name
    gender: XB | code(sex)
    birthDate: CSRQ | date(yyyyMMdd)
  Observation weight:
    key: weight(patient)
    status: = final
    code.text: = weight
    subject: -> patient
    valueQuantity: TZ | quantity(kg)
  Observation symptom[]:
    each: ZZ split \"/\"
    key: symptom(patient, n)
    status: = final
    code.text: = symptom
    subject: -> patient
    valueString: .
";

const DBF: &str = "\
schema: dbf
fields:
  KH: C(8) required
  XM: C(12)
  XB: C(1)
  CSRQ: D(8)
  TZ: N(6,2)
  ZZ: C(20)
";

const FIXED: &str = "\
schema: fixed
widths: bytes
columns:
  KH: text(8) required
  XM: text(12)
  XB: code(1)
  CSRQ: date(8)
  TZ: decimal(6)
  ZZ: text(20)
";

const XLSX: &str = "\
schema: xlsx
sheet: 随访
header: [KH, XM, XB, CSRQ, TZ, ZZ]
columns:
  KH: text(8) required
  CSRQ: date
  TZ: decimal
";

/// A mapping of a folder of its own.
fn program(source: &str, schema: &str) -> (tempfile::TempDir, Library, Arc<Program>) {
    program_of(source, schema, MAPPING)
}

fn program_of(
    source: &str,
    schema: &str,
    mapping: &str,
) -> (tempfile::TempDir, Library, Arc<Program>) {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("cards-{source}");
    std::fs::create_dir(folder.path().join(&name)).unwrap();
    let text = mapping.replace("NAME", &name).replace("SOURCE", source);
    std::fs::write(folder.path().join(&name).join("mapping.yaml"), text).unwrap();
    std::fs::write(folder.path().join(&name).join("schema.yaml"), schema).unwrap();
    let library = Library::open(&[folder.path().to_path_buf()]).unwrap();
    let party = Party { name: "clinic-1".into(), title: "clinic".into(), uscc: None };
    let program =
        library.program(&name, &party).unwrap_or_else(|d| panic!("{}", compile::render(&d)));
    (folder, library, program)
}

fn read(program: &Program, bytes: &[u8]) -> File {
    let charsets = Charsets { mapping: program.charset, ..Charsets::default() };
    program.schema.read(bytes, &charsets).unwrap()
}

fn bundles(program: &Program, file: &File) -> Vec<Value> {
    let read = |r| serde_json::from_str(&get::get(program, r).bundle).unwrap();
    file.records.iter().map(read).collect()
}

fn person(number: &str, name: &str, weight: &str) -> Value {
    let weight: Value = serde_json::from_str(weight).unwrap();
    let subject = json!({ "reference": format!("Patient/clinic-1.pid.{number}") });
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": { "resourceType": "Patient", "id": format!("clinic-1.pid.{number}"),
            "identifier": [{ "system": "urn:x-cards", "value": number }],
            "name": [{ "text": name }], "gender": "female", "birthDate": "1990-02-03" } },
        { "resource": { "resourceType": "Observation", "id": format!("clinic-1.weight.pid.{number}"),
            "status": "final", "code": { "text": "weight" }, "subject": subject,
            "valueQuantity": { "value": weight, "unit": "kg", "code": "kg",
                "system": "http://unitsofmeasure.org" } } }
    ] })
}

/// New files of two persons, joined.
fn made(program: &Program) -> Vec<u8> {
    let people = [person("K1", "张三", "62.5"), person("K2", "欧阳明月", "7")];
    let made: Vec<Vec<u8>> = people
        .iter()
        .flat_map(|bundle| put::create(program, bundle))
        .map(|output| {
            assert!(output.issues.is_empty(), "{:?}", output.issues);
            output.bytes
        })
        .collect();
    put::joined(program, &made.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
}

/// Made, read, edited, and the laws.
fn all_ways(program: &Program, library: &Library, name: &str) -> Vec<u8> {
    let bytes = made(program);
    let party = &program.party;
    assert_eq!(library.choose(&[name.to_owned()], party, &bytes).unwrap().name, name);
    let file = read(program, &bytes);
    let mut all = bundles(program, &file);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1]["entry"][0]["resource"]["name"][0]["text"], "欧阳明月");
    assert_eq!(put::put_file(program, &all, &file).unwrap().bytes, bytes);
    all[0]["entry"][0]["resource"]["name"][0]["text"] = json!("李四");
    let symptom = json!({ "resource": { "resourceType": "Observation", "id": "x", "status": "final",
        "code": { "text": "symptom" }, "valueString": "头痛",
        "subject": { "reference": "Patient/clinic-1.pid.K1" } } });
    all[0]["entry"].as_array_mut().unwrap().push(symptom);
    let edited = put::put_file(program, &all, &file).unwrap();
    let again = bundles(program, &read(program, &edited.bytes));
    assert_eq!(again[0]["entry"][0]["resource"]["name"][0]["text"], "李四");
    assert_eq!(again[0]["entry"][2]["resource"]["valueString"], "头痛");
    assert_eq!(again[1], all[1]);
    let report = laws::laws(program, &[("made".to_owned(), edited.bytes.clone())], 300, 7);
    assert_eq!(report.failed, 0, "{:#?}", report.failures);
    edited.bytes
}

/// A name that is too long is refused aloud, and its record stays as it is.
fn nothing_is_cut(program: &Program) {
    let bytes = made(program);
    let file = read(program, &bytes);
    let mut all = bundles(program, &file);
    all[0]["entry"][0]["resource"]["name"][0]["text"] = json!("阿卜杜拉·买买提");
    let output = put::put_file(program, &all, &file).unwrap();
    assert_eq!(output.bytes, bytes);
    let said = format!("{:?}", output.issues);
    assert!(said.contains("15 bytes") || said.contains("16 bytes"), "{said}");
}

#[test]
fn a_dbf_table_goes_all_ways() {
    let (_folder, library, program) = program("dbf", DBF);
    let bytes = all_ways(&program, &library, "cards-dbf");
    nothing_is_cut(&program);
    let people = foreign(&bytes);
    assert_eq!(people.len(), 2);
    assert_eq!(people[0].get("XM"), Some(&FieldValue::Character(Some("李四".into()))));
    assert_eq!(people[0].get("TZ"), Some(&FieldValue::Numeric(Some(62.5))));
    assert_eq!(people[0].get("ZZ"), Some(&FieldValue::Character(Some("头痛".into()))));
    let born = dbase::Date::new(3, 2, 1990).unwrap();
    assert_eq!(people[1].get("CSRQ"), Some(&FieldValue::Date(Some(born))));
}

#[test]
fn lines_of_fixed_widths_go_all_ways() {
    let (_folder, library, program) = program("fixed", FIXED);
    let bytes = all_ways(&program, &library, "cards-fixed");
    nothing_is_cut(&program);
    let lines: Vec<usize> = bytes.split(|b| *b == b'\n').map(<[u8]>::len).collect();
    assert_eq!(lines, [56, 56, 0], "55 bytes and CR LF each");
}

/// What the `calamine` crate reads of a sheet, row by row.
fn cells(bytes: &[u8]) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes.to_vec())).unwrap();
    let range = book.worksheet_range("随访").unwrap();
    range.rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn a_workbook_goes_all_ways() {
    let (_folder, library, program) = xlsx_program();
    let bytes = all_ways(&program, &library, "cards-xlsx");
    let rows = cells(&bytes);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0][1], Data::String("XM".into()));
    assert_eq!(rows[1][1], Data::String("李四".into()));
    assert_eq!(rows[2][0], Data::String("K2".into()));
    let Data::DateTime(born) = &rows[2][3] else { panic!("{:?}", rows[2][3]) };
    assert_eq!((born.is_datetime(), born.as_f64()), (true, 32_907.0), "1990-02-03");
    assert_eq!(rows[2][4], Data::Float(7.0));
}

/// Days of a workbook are numbers of its own: the codec has no pattern.
fn xlsx_program() -> (tempfile::TempDir, Library, Arc<Program>) {
    program_of("xlsx", XLSX, &MAPPING.replace("date(yyyyMMdd)", "date"))
}

#[test]
fn a_workbook_by_other_hands_is_edited_by_the_cell() {
    let (_folder, library, program) = xlsx_program();
    let day = Format::new().set_num_format("yyyy\"年\"m\"月\"d\"日\"").set_font_color(Color::Red);
    let mut book = Workbook::new();
    book.add_worksheet().set_name("说明").unwrap().write_string(0, 0, "填表说明").unwrap();
    let sheet = book.add_worksheet().set_name("随访").unwrap();
    for (n, name) in ["XM", "备注", "KH", "CSRQ", "TZ", "XB", "ZZ"].iter().enumerate() {
        sheet.write_string(0, u16::try_from(n).unwrap(), *name).unwrap();
    }
    for (row, name, number) in [(1, "张三", "K1"), (2, "欧阳明月", "K2")] {
        sheet.write_string(row, 0, name).unwrap();
        sheet.write_formula(row, 1, Formula::new("=A2&\"!\"").set_result("张三!")).unwrap();
        sheet.write_string(row, 2, number).unwrap();
        sheet.write_number_with_format(row, 3, 32_907, &day).unwrap();
        sheet.write_number(row, 4, 62.3).unwrap();
        sheet.write_number(row, 5, 2).unwrap();
    }
    sheet.set_column_width(0, 30).unwrap();
    sheet.autofilter(0, 0, 2, 5).unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let party = &program.party;
    let names = ["cards-xlsx".to_owned()];
    assert_eq!(library.choose(&names, party, &bytes).unwrap().name, "cards-xlsx");
    let file = read(&program, &bytes);
    assert!(file.broken.is_empty(), "{:?}", file.broken);
    let mut all = bundles(&program, &file);
    let patient = &all[1]["entry"][0]["resource"];
    assert_eq!(patient["name"][0]["text"], "欧阳明月");
    assert_eq!(
        (&patient["birthDate"], &patient["gender"]),
        (&json!("1990-02-03"), &json!("female"))
    );
    assert_eq!(all[0]["entry"][1]["resource"]["valueQuantity"]["value"].to_string(), "62.3");
    assert_eq!(put::put_file(&program, &all, &file).unwrap().bytes, bytes);
    all[1]["entry"][0]["resource"]["birthDate"] = json!("1991-12-31");
    all[1]["entry"][0]["resource"]["name"][0]["text"] = json!("李四");
    let edited = put::put_file(&program, &all, &file).unwrap();
    assert!(edited.issues.is_empty(), "{:?}", edited.issues);
    let (before, after) = (cells(&bytes), cells(&edited.bytes));
    assert_eq!(before[..2], after[..2]);
    assert_eq!(after[2][0], Data::String("李四".into()));
    assert_eq!(after[2][1], before[2][1], "a formula stays");
    let Data::DateTime(born) = &after[2][3] else { panic!("the style stays: {:?}", after[2][3]) };
    assert_eq!(born.as_f64(), 33_603.0);
    assert_eq!(after[2][4..], before[2][4..]);
    let report = laws::laws(&program, &[("foreign".to_owned(), bytes)], 300, 11);
    assert_eq!(report.failed, 0, "{:#?}", report.failures);
}

/// What the `dbase` crate reads.
fn foreign(bytes: &[u8]) -> Vec<Foreign> {
    let encoding = dbase::encoding::EncodingRs::from(encoding_rs::GBK);
    let reader = ReaderBuilder::new().with_encoding(encoding);
    let mut reader: Reader<_> = reader.build(Cursor::new(bytes.to_vec())).unwrap();
    reader.read().unwrap()
}

#[test]
fn a_table_by_other_hands_is_read() {
    let (_folder, _, program) = program("dbf", DBF);
    let name = |name: &str| name.try_into().unwrap();
    let encoding = dbase::encoding::EncodingRs::from(encoding_rs::GBK);
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = TableWriterBuilder::with_encoding(encoding)
        .add_character_field(name("KH"), 8)
        .add_character_field(name("XM"), 12)
        .add_date_field(name("CSRQ"))
        .add_numeric_field(name("TZ"), 6, 2)
        .add_logical_field(name("YX"))
        .build_with_dest(&mut bytes);
    let mut record = Foreign::default();
    record.insert("KH".into(), FieldValue::Character(Some("K7".into())));
    record.insert("XM".into(), FieldValue::Character(Some("欧阳明月".into())));
    record.insert("CSRQ".into(), FieldValue::Date(Some(dbase::Date::new(3, 2, 1990).unwrap())));
    record.insert("TZ".into(), FieldValue::Numeric(Some(62.5)));
    record.insert("YX".into(), FieldValue::Logical(Some(true)));
    writer.write_record(&record).unwrap();
    writer.finalize().unwrap();
    drop(writer);
    let bytes = bytes.into_inner();
    let file = read(&program, &bytes);
    assert!(file.broken.is_empty(), "{:?}", file.broken);
    let all = bundles(&program, &file);
    let patient = &all[0]["entry"][0]["resource"];
    assert_eq!(patient["name"][0]["text"], "欧阳明月");
    assert_eq!(patient["birthDate"], "1990-02-03");
    assert_eq!(all[0]["entry"][1]["resource"]["valueQuantity"]["value"].to_string(), "62.50");
    assert_eq!(put::put_file(&program, &all, &file).unwrap().bytes, bytes);
}

#[test]
fn the_sample_of_report_cards_comes_back_byte_for_byte() {
    let Some(path) = data::shared("china-samples/cdc/crb_cards.dbf") else { return };
    let bytes = std::fs::read(Path::new(&path)).unwrap();
    let schema = DBF.replace(" required", "") + "  HZXM: C(20)\n";
    let (_folder, _, program) = program("dbf", &schema);
    let file = read(&program, &bytes);
    assert_eq!((file.records.len(), file.broken.len()), (3, 0), "{:?}", file.broken);
    assert_eq!(file.text.splice(&[]).unwrap(), bytes);
    let mut slots = Vec::new();
    file.records[1].each_value(&mut |name, text| slots.push(format!("{name}={text}")));
    assert!(slots.contains(&"HZXM=李示例".to_owned()) && slots.len() > 10, "{slots:?}");
    assert_eq!(foreign(&bytes).len(), 3);
}
