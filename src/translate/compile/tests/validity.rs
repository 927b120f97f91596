//! Code tables whose rows have dates.

use super::models::{MAPPING, MODEL, SCHEMA};
use super::{Files, compile, hospital};
use crate::translate::compile::Diagnostic;
use crate::translate::plan::{Program, Validity, Way};

/// The sexes of `csv`, read by the columns `n`, `to`, `from`, `until`.
fn compiled(csv: &str) -> Result<(Program, Vec<Diagnostic>), Vec<Diagnostic>> {
    let model = MODEL.replace(
        "  sex:\n    - 1 <-> male\n    - 2 <-> female\n",
        "  sex: { file: sex.csv, legacy: n, fhir: to, valid_from: from, valid_to: until }\n",
    );
    assert_ne!(model, MODEL);
    let files = [
        ("m/mapping.yaml", MAPPING),
        ("m/schema.yaml", SCHEMA),
        ("_models/visit.yaml", &model),
        ("_models/sex.csv", csv),
    ];
    let files = files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    compile("m", &hospital(), &Files(files))
}

fn days(from: &str, to: &str) -> Validity {
    Validity { from: from.parse().ok(), to: to.parse().ok() }
}

#[test]
fn an_ended_code_is_read_and_not_written() {
    let csv = "n,to,from,until\n1,male,,\n8,female,1990-01-01,2019-12-31\n2,female,2020-01-01,\n7,other,,2019-12-31\n";
    let (program, _) = compiled(csv).unwrap();
    let table = program.tables.iter().find(|t| t.name == "sex").unwrap();
    for (legacy, fhir) in [("1", "male"), ("8", "female"), ("2", "female"), ("7", "other")] {
        assert_eq!(table.get[legacy], fhir);
    }
    let female = [(days("1990-01-01", "2019-12-31"), "8"), (days("2020-01-01", ""), "2")];
    assert_eq!(table.dated["female"], female.map(|(valid, code)| (valid, code.to_owned())));
    assert_eq!(table.dated["other"], [(days("", "2019-12-31"), "7".to_owned())]);
    assert!(!table.dated.contains_key("male"));
    assert_eq!((&*table.put["female"], &*table.put["male"]), ("2", "1"), "what lasts longest");
    assert!(table.rows.iter().all(|row| row.way == Way::Both));
}

#[test]
fn a_code_means_what_it_means_last() {
    let csv = "n,to,from,until\n1,female,,2019-12-31\n1,male,2020-01-01,\n2,female,2020-01-01,\n";
    let (program, _) = compiled(csv).unwrap();
    let table = program.tables.iter().find(|t| t.name == "sex").unwrap();
    assert_eq!((&*table.get["1"], &*table.get["2"]), ("male", "female"));
    assert_eq!(table.dated["female"], [(days("2020-01-01", ""), "2".to_owned())]);
}

#[test]
fn rows_of_one_day_contradict_each_other() {
    let told = |csv: &str| {
        let found = compiled(csv).expect_err("a mistake");
        let one = &found[0];
        format!("{} {}:{}:{} {}", one.code, one.file, one.line, one.column, one.message)
    };
    assert_eq!(
        told("n,to,from,until\n1,male,,2020-06-30\n1,female,2020-01-01,\n"),
        "M009 _models/sex.csv:3:1 '1' has two rows that read it"
    );
    assert_eq!(
        told("n,to,from,until\n1,male,,2020-02-30\n2,female,,\n"),
        "M000 _models/sex.csv:2:9 '2020-02-30' is no day"
    );
}
