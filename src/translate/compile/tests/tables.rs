//! Schemas of fixed-width files and of tables, and what is wrong with them.

use super::compile_texts;
use crate::legacy::Charset;
use crate::legacy::Schema;
use crate::legacy::row::Form;
use crate::translate::compile::Diagnostic;
use crate::translate::plan::{Accept, Program};

const MAPPING: &str = "lang: 1\nmapping: m\nversion: 1.0.0\nsource: SOURCE\nschema: schema.yaml\n\
    target: fhir@4.0.1\ncharset: dbf-language-driver else GBK\nresources:\n  Patient p:\n    \
    key: pid(KH)\n    identifier[0].value: KH\n    name[0].text: XM\n";

fn compiled(source: &str, schema: &str) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mapping = MAPPING.replace("SOURCE", source);
    compile_texts(&[("m/mapping.yaml", &mapping), ("m/schema.yaml", schema)])
}

fn says(source: &str, schema: &str) -> Vec<String> {
    compiled(source, schema).expect_err("mistakes").iter().map(shown).collect()
}

fn shown(d: &Diagnostic) -> String {
    format!("{}:{}:{} {}", d.file, d.line, d.column, d.message)
}

#[test]
fn a_table_says_its_fields() {
    let schema = "schema: dbf\nversion: \"3\"\nlanguage_driver: \"4D\"\npad: right \" \"\n\
        overflow: error\nfields:\n  KH: C(8) required\n  XM: C(12) secret\n  TZ: N(6,2)\n  SR: D\n";
    let (program, _) = compiled("dbf", schema).unwrap();
    let Schema::Row(rows) = &program.schema else { panic!("rows") };
    assert_eq!((rows.charset, rows.length("张三")), (Charset::Gbk, (4, "bytes")));
    assert_eq!(program.secret, ["XM"]);
    let names = ["KH", "XM", "TZ", "SR"].map(str::to_owned).to_vec();
    assert!(program.accept.contains(&Accept::Header(names)), "{:?}", program.accept);
    assert!(program.schema.slot(&program.schema.root(), "$deleted").is_ok());
}

#[test]
fn fields_that_no_table_has_are_mistakes() {
    let found = says(
        "dbf",
        "schema: dbf\nversion: 7\nlanguage_driver: ZZ\noverflow: cut\nfields:\n  KH: C(8)\n  \
         XM: X(3)\n  太长的名字啊: C(4)\n  N1: N(3,3)\n",
    );
    for (n, wanted) in [
        "m/schema.yaml:2:10 unknown version of DBF",
        "m/schema.yaml:3:18 unknown language driver",
        "m/schema.yaml:7:7 'X(3)' is no field type",
        "m/schema.yaml:8:3 '太长的名字啊' is no name of a field",
        "m/schema.yaml:9:7 'N(3,3)' is no field type",
        "m/schema.yaml:4:11 `overflow` is error",
    ]
    .iter()
    .enumerate()
    {
        assert!(found[n].contains(wanted), "{wanted}: {found:#?}");
    }
}

#[test]
fn fixed_columns_need_widths() {
    let found = says("fixed", "schema: fixed\nwidths: feet\ncolumns:\n  KH: text(8)\n  XM: text\n");
    assert!(found[0].contains("m/schema.yaml:5:7 the column 'XM' has no width"), "{found:#?}");
    assert!(found[1].contains("m/schema.yaml:2:9 `widths` are bytes or characters"), "{found:#?}");
}

#[test]
fn what_is_always_too_wide_is_a_mistake() {
    let schema = "schema: fixed\ncolumns:\n  KH: text(8)\n  XM: text(3)\n";
    let mapping =
        MAPPING.replace("SOURCE", "fixed").replace("name[0].text: XM", "gender: XM | code(s)")
            + "codes:\n  s: [男性 <-> male]\n";
    let found = compile_texts(&[("m/mapping.yaml", &mapping), ("m/schema.yaml", schema)]);
    let found: Vec<String> = match found {
        Ok((_, found)) | Err(found) => found.iter().map(shown).collect(),
    };
    let wanted = "XM takes 3 bytes, '男性' has 4";
    assert!(found.iter().any(|text| text.contains(wanted)), "{found:#?}");
}

#[test]
fn a_sheet_says_its_header() {
    let schema =
        "schema: xlsx\nsheet: 随访\nheader_row: 3\nheader: [KH, XM]\ncolumns: { KH: decimal }\n";
    let (program, _) = compiled("xlsx", schema).unwrap();
    let Schema::Row(rows) = &program.schema else { panic!("rows") };
    let Form::Xlsx(sheet) = &rows.form else { panic!("a sheet") };
    assert_eq!((sheet.name.as_deref(), sheet.header), (Some("随访"), Some(3)));
    let names = ["KH", "XM"].map(str::to_owned).to_vec();
    assert!(program.accept.contains(&Accept::Header(names)), "{:?}", program.accept);
    let found = says("xlsx", "schema: xlsx\nheader_row: 0\nheader: [KH, XM]\n");
    assert!(found[0].contains("m/schema.yaml:2:13 `header_row` is the number"), "{found:#?}");
}
