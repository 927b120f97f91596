//! A skeleton of a mapping from the HL7 v2-to-FHIR tables
//! (<https://github.com/HL7/v2-to-fhir>, `mappings/…/*.csv`, Apache-2.0). The tables say one
//! direction, in part in words; what the language cannot take as they say it stands in the skeleton
//! as a comment with the reason.
//!
//! * [`tables`]: the CSV files
//! * [`lines`]: their rows → lines of a mapping
//! * [`node`]: those lines, live and commented out
//! * [`mend`]: the compiler's word on them: what it refuses is commented out, what FHIR requires is
//!   added

mod lines;
mod mend;
mod node;
mod tables;

use crate::error::{Error, Kind, Result};
use crate::legacy::hl7v2;
use lines::Lines;
use node::Node;
pub use tables::Tables;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// `PID`.
    pub segment: &'a str,
    /// `ADT_A01`; the first message of the tables that has the segment otherwise.
    pub message: Option<&'a str>,
    /// The resource; what the message table names first otherwise.
    pub resource: Option<&'a str>,
    /// Name of the mapping, which is that of its folder.
    pub name: &'a str,
}

/// A skeleton that `map check` accepts.
pub fn skeleton(tables: &Tables, wanted: &Wanted) -> Result<String> {
    let found = tables.messages_of(wanted.segment);
    let usage = match wanted.message {
        Some(message) => found.iter().find(|usage| usage.message == message),
        None => found.iter().find(|usage| usage.target.is_some()).or(found.first()),
    };
    let targets = tables.targets(wanted.segment);
    let named = usage.and_then(|usage| usage.target.clone());
    let kind = match (wanted.resource, named) {
        (Some(kind), _) => kind.to_owned(),
        (None, Some(kind)) if targets.contains(&kind) => kind,
        _ => targets.first().cloned().ok_or_else(|| nothing(tables, wanted.segment))?,
    };
    if !targets.contains(&kind) {
        let what = format!("the tables do not map {} to {kind}", wanted.segment);
        return Err(
            Error::new(Kind::Usage, what).advise(format!("there are: {}", targets.join(", ")))
        );
    }
    let message = match (wanted.message, usage) {
        (Some(message), _) => message.to_owned(),
        (None, Some(usage)) => usage.message.clone(),
        (None, None) => "ADT_A01".to_owned(),
    };
    let event = message.replacen('_', "^", 1);
    let schema =
        hl7v2::Schema::new(std::slice::from_ref(&event), "2.1..2.8").map_err(|unknown| {
            Error::new(Kind::Usage, unknown.what).advise("name a message like ADT_A01")
        })?;
    let repeats = usage.is_some_and(|usage| usage.repeats);
    let each = schema.each_of(wanted.segment, repeats);
    let others: Vec<String> = targets.into_iter().filter(|other| *other != kind).collect();
    let mut lines = Lines::new(tables, wanted.segment);
    let resource = lines.resource(&kind, each.as_deref());
    let mut nodes = head(wanted, &event, &kind, &others);
    nodes.extend(lines.codes());
    nodes.push(Node::new("resources:").with(vec![resource]));
    Ok(mend::mend(wanted.name, &kind, nodes))
}

fn nothing(tables: &Tables, segment: &str) -> Error {
    let what = format!("the tables have no map of {segment}");
    Error::new(Kind::NotFound, what).advise(format!("there are: {}", tables.segments().join(", ")))
}

/// The comment and the keys of the head.
fn head(wanted: &Wanted, event: &str, kind: &str, others: &[String]) -> Vec<Node> {
    let segment = wanted.segment;
    let mut nodes = vec![
        Node::comment(format!(
            "A skeleton of {segment} -> {kind}, made from the HL7 v2-to-FHIR tables"
        )),
        Node::comment(
            "(https://github.com/HL7/v2-to-fhir, Apache-2.0). Lines that begin with # could not be",
        ),
        Node::comment("taken as the tables say them; the reason stands behind the dash."),
    ];
    if !others.is_empty() {
        let list = others.join(", ");
        nodes.push(Node::comment(format!(
            "The tables map {segment} also to: {list} (--resource TYPE)."
        )));
    }
    for line in [
        "lang: 1".to_owned(),
        format!("mapping: {}", wanted.name),
        "version: 0.1.0".to_owned(),
        format!("title: HL7 v2 {segment} <-> {kind}"),
        "source: hl7v2@2.1..2.8".to_owned(),
        "target: fhir@4.0.1".to_owned(),
        format!("accept: [{event}]"),
    ] {
        nodes.push(Node::new(line));
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: &str = "v2\nOrder,Id,Name,Type,Min,Max,ANTLR,FHIRPath,Words,Attribute,,Type,Min,Max,Map,Codes,Assigned,,\n\
        1,DG1-3,Code,CWE,0,1,,,,code,,CodeableConcept,0,1,CWE[CodeableConcept],,,,\n\
        2,DG1-5,When,DTM,0,1,,,,onsetDateTime,,,0,1,,,,,\n\
        3,DG1-6,Which,ID,0,1,,,,verificationStatus.coding.code,,code,0,1,,Status,,,\n\
        4,DG1-16,Who,XCN,0,-1,,,,asserter(Practitioner),,Reference,0,1,XCN[Practitioner],,,,\n\
        5,DG1-20,Id,EI,0,-1,,,,identifier,,Identifier,0,-1,EI[Identifier],,,,\n\
        6,DG1-21,Action,ID,0,1,,,,clinicalStatus.coding.code,,code,0,1,,,\"\"\"active\"\"\",,\n";

    fn tables() -> Tables {
        let types = "v2\nhead\n1,CWE.1,Id,ST,0,1,,,,coding[1].code,,code,0,1,,,,,\n2,CWE.9,Text,ST,0,1,,,,text,,string,0,1,,,,,\n";
        let ids = "v2\nhead\n1,EI.1,Id,ST,0,1,,,,value,,string,0,1,,,,,\n";
        let codes = "v2\nhead\nW,Working,,,,,provisional,,,,,\nF,Final,,,,,confirmed,,,,,\nA,Final,,,,,confirmed,,,,,\n";
        let message =
            "v2\nhead\n1,ADT_A01.DG1,[{ DG1 }],Diagnosis,0,-1,,,,Condition[1],DG1[Condition],,,\n";
        let files = [
            ("HL7 Segment - FHIR R4_ DG1[Condition] - Sheet1.csv", SEGMENT),
            ("HL7 Data Type - FHIR R4_ CWE[CodeableConcept] - Sheet1.csv", types),
            ("HL7 Data Type - FHIR R4_ EI[Identifier] - Sheet1.csv", ids),
            ("HL7 Concept Map_ Status - Sheet1.csv", codes),
            ("HL7 Message - FHIR R4_ ADT_A01 - Sheet1.csv", message),
            ("README.csv", ""),
        ];
        Tables::read(&files.map(|(name, text)| (name.to_owned(), text.to_owned())))
    }

    #[test]
    fn rows_become_lines_and_what_cannot_be_said_a_comment() {
        let wanted = Wanted { segment: "DG1", message: None, resource: None, name: "dg1" };
        let text = skeleton(&tables(), &wanted).unwrap();
        for line in [
            "mapping: dg1\n",
            "accept: [ADT^A01]\n",
            "  Status:\n    - W <-> provisional\n    - F <-> confirmed\n    - A --> confirmed\n",
            "  Condition condition[]:\n    each: DG1\n    key: condition(MSH-10, n)   # choose what names the thing\n",
            "    code.coding[0].code: DG1-3.1\n    code.text: DG1-3.9\n",
            "    onsetDateTime: DG1-5 | datetime\n",
            "    verificationStatus.coding[0].code: DG1-6 | code(Status)\n",
            "    # asserter(Practitioner): DG1-16  - it needs a resource or condition of its own\n",
            "    identifier[dg120][]:\n      each: DG1-20\n      by: position\n      value: .1\n",
            "    # clinicalStatus.coding[0].code: = active  - nothing of the field stands beside it\n",
            "    subject: -> patient   # FHIR requires it: choose\n",
            "  Patient patient:   # what the references mean",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_is_not_in_the_tables_is_said() {
        let wanted = Wanted { segment: "PID", message: None, resource: None, name: "pid" };
        let error = skeleton(&tables(), &wanted).unwrap_err();
        assert_eq!(error.what, "the tables have no map of PID");
        let wanted = Wanted { segment: "DG1", resource: Some("Encounter"), ..wanted };
        let error = skeleton(&tables(), &wanted).unwrap_err();
        assert_eq!(error.what, "the tables do not map DG1 to Encounter");
        assert_eq!(error.advice.as_deref(), Some("there are: Condition"));
    }
}
