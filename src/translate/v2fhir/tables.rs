//! The CSV files of the tables, by what their names say: `… PID[Patient] - Sheet1.csv`,
//! `… CX[Identifier] - …`, `HL7 Concept Map_ AdministrativeSex - …`, `HL7 Message - … ADT_A01 - …`.

use std::collections::BTreeMap;

use crate::fhir::definitions::Definitions;
use crate::translate::compile::csv;

/// All tables.
#[derive(Debug, Default)]
pub struct Tables {
    /// `PID[Patient]` → its rows.
    segments: BTreeMap<String, Vec<Row>>,
    /// `CX[Identifier]`, in lower case → its rows.
    datatypes: BTreeMap<String, Vec<Row>>,
    /// `AdministrativeSex` → v2 code, FHIR code.
    codes: BTreeMap<String, Vec<(String, String)>>,
    /// `ADT_A01` → where its segments go.
    messages: BTreeMap<String, Vec<Usage>>,
}

/// A row of a segment or data type table.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// `PID-3`, `CX.4`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// It repeats.
    pub repeats: bool,
    /// The condition, computable or in words.
    pub condition: String,
    /// `identifier[2]`.
    pub attribute: String,
    /// `CX[Identifier]`.
    pub map: String,
    /// `AdministrativeSex`.
    pub vocabulary: String,
    /// A constant in quotes, or words.
    pub assignment: String,
}

/// Where a message uses a segment.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    pub message: String,
    segment: String,
    /// A resource type.
    pub target: Option<String>,
    pub repeats: bool,
}

/// The messages that are looked at first.
const FIRST: &[&str] = &["ADT_A01", "ORU_R01", "VXU_V04", "OML_O21", "SIU_S12", "MDM_T02"];

impl Tables {
    /// Reads the files: name and text. Others are left alone.
    pub fn read(files: &[(String, String)]) -> Tables {
        let mut tables = Tables::default();
        for (name, text) in files {
            let Some(title) = title(name) else { continue };
            let rows = csv(text).map(|(_, cells)| cells).skip(2);
            if name.starts_with("HL7 Segment") {
                tables.segments.insert(title.to_owned(), rows.filter_map(Row::read).collect());
            } else if name.starts_with("HL7 Data Type") {
                let rows = rows.filter_map(Row::read).collect();
                tables.datatypes.insert(title.to_lowercase(), rows);
            } else if name.starts_with("HL7 Concept Map") {
                tables.codes.insert(title.to_owned(), rows.filter_map(|r| code(&r)).collect());
            } else if name.starts_with("HL7 Message") {
                let usages = rows.filter_map(|cells| Usage::read(title, &cells)).collect();
                tables.messages.insert(title.to_owned(), usages);
            }
        }
        tables
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The segments there are maps of.
    pub fn segments(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .segments
            .keys()
            .filter_map(|key| Some(key.split_once('[')?.0.to_owned()))
            .collect();
        all.dedup();
        all
    }

    /// The resource types that a segment is mapped to.
    pub fn targets(&self, segment: &str) -> Vec<String> {
        let definitions = Definitions::r4();
        let target = |key: &String| {
            let (name, rest) = key.split_once('[')?;
            let target = rest.strip_suffix(']')?;
            (name == segment && definitions.is_resource(target)).then(|| target.to_owned())
        };
        self.segments.keys().filter_map(target).collect()
    }

    pub(super) fn segment(&self, segment: &str, target: &str) -> &[Row] {
        self.segments.get(&format!("{segment}[{target}]")).map_or(&[], Vec::as_slice)
    }

    pub(super) fn datatype(&self, name: &str) -> Option<&[Row]> {
        self.datatypes.get(&name.trim().to_lowercase()).map(Vec::as_slice)
    }

    pub(super) fn codes(&self, name: &str) -> Option<&[(String, String)]> {
        self.codes.get(name.trim()).map(Vec::as_slice).filter(|rows| !rows.is_empty())
    }

    /// Where messages use a segment, the best known messages first.
    pub(super) fn messages_of(&self, segment: &str) -> Vec<&Usage> {
        let rest = self.messages.keys().map(String::as_str).filter(|m| !FIRST.contains(m));
        let all = FIRST.iter().copied().chain(rest);
        let usages = all.filter_map(|message| self.messages.get(message)).flatten();
        usages.filter(|usage| usage.segment == segment).collect()
    }
}

/// `HL7 Segment - FHIR R4_ PID[Patient] - Sheet1.csv` → `PID[Patient]`.
fn title(name: &str) -> Option<&str> {
    let rest = name.split_once("_ ")?.1;
    Some(rest.rsplit_once(" - ").map_or(rest, |(title, _)| title).trim())
}

fn cell(cells: &[String], n: usize) -> &str {
    cells.get(n).map_or("", |cell| cell.trim())
}

fn code(cells: &[String]) -> Option<(String, String)> {
    let (legacy, fhir) = (cell(cells, 0), cell(cells, 6));
    (!legacy.is_empty() && !fhir.is_empty()).then(|| (legacy.to_owned(), fhir.to_owned()))
}

impl Row {
    fn read(cells: Vec<String>) -> Option<Row> {
        let text = |n| cell(&cells, n).to_owned();
        if cell(&cells, 9).is_empty() {
            return None;
        }
        let conditions = [6, 7, 8].map(text);
        Some(Row {
            id: text(1),
            name: text(2),
            repeats: cell(&cells, 5) == "-1",
            condition: conditions.into_iter().find(|c| !c.is_empty()).unwrap_or_default(),
            attribute: text(9),
            map: text(14),
            vocabulary: text(15),
            assignment: text(16),
        })
    }
}

impl Usage {
    fn read(message: &str, cells: &[String]) -> Option<Usage> {
        let segment = cell(cells, 1).rsplit('.').next()?.to_owned();
        let map = cell(cells, 10);
        let target = map.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
        let target = target.filter(|target| Definitions::r4().is_resource(target));
        let repeats = cell(cells, 5) == "-1"
            || cell(cells, 2).contains('{')
            || cell(cells, 1).matches('.').count() > 1;
        Some(Usage {
            message: message.to_owned(),
            segment,
            target: target.map(str::to_owned),
            repeats,
        })
    }
}
