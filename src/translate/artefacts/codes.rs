//! Code tables → CodeSystem and ValueSet resources.
//!
//! `_codes/systems.csv` lists the code systems: url, titles, version, how much of them we have, and the
//! table with its columns. Two rows of one id are one code system of two tables.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::{CANONICAL, machine_name, text, wrong};
use crate::error::Result;
use crate::translate::compile::{FileSource, csv};

/// The list of code systems.
const SYSTEMS: &str = "_codes/systems.csv";

/// Its columns.
const COLUMNS: [&str; 15] = [
    "id",
    "url",
    "title",
    "title_zh",
    "version",
    "date",
    "content",
    "experimental",
    "file",
    "where",
    "code",
    "properties",
    "valid_from",
    "valid_to",
    "note",
];

/// A row of the list: its line, and its cells by column.
struct Row {
    line: u32,
    cells: BTreeMap<&'static str, String>,
}

impl Row {
    fn cell(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

/// CodeSystems, and a ValueSet of all codes for each whose codes are there, in the order of the list.
pub fn resources(files: &dyn FileSource) -> Result<Vec<Value>> {
    let list = text(files, SYSTEMS)?;
    let mut lines = csv(&list);
    let header = lines.next().map(|(_, cells)| cells).unwrap_or_default();
    if header != COLUMNS {
        return Err(wrong(SYSTEMS, 1, format!("the columns are: {}", COLUMNS.join(","))));
    }
    let mut rows: Vec<Row> = Vec::new();
    for (line, cells) in lines {
        if cells.len() != COLUMNS.len() {
            return Err(wrong(SYSTEMS, line, format!("a row has {} cells", COLUMNS.len())));
        }
        rows.push(Row { line, cells: COLUMNS.into_iter().zip(cells).collect() });
    }
    let mut all = Vec::new();
    let mut done = HashSet::new();
    for row in &rows {
        if !done.insert(row.cell("id")) {
            continue;
        }
        let mut concepts = Concepts::default();
        for part in rows.iter().filter(|part| part.cell("id") == row.cell("id")) {
            concepts.read(part, files)?;
        }
        let present = row.cell("content") != "not-present";
        if present == concepts.list.is_empty() {
            let what = if present {
                "its table has no codes"
            } else {
                "it is not-present, yet has a table"
            };
            return Err(wrong(SYSTEMS, row.line, what));
        }
        all.push(code_system(row, concepts));
        if present {
            all.push(value_set(row));
        }
    }
    Ok(all)
}

/// The concepts of a code system.
#[derive(Default)]
struct Concepts {
    codes: HashSet<String>,
    list: Vec<Value>,
    /// Code and type of the properties that some concept has.
    properties: BTreeMap<String, &'static str>,
}

impl Concepts {
    /// Adds the codes of a table. Rows without a code are skipped, a code that is there already
    /// keeps its first row.
    fn read(&mut self, row: &Row, files: &dyn FileSource) -> Result<()> {
        if row.cell("file").is_empty() {
            return Ok(());
        }
        let path = format!("_codes/{}", row.cell("file"));
        let table = text(files, &path)?;
        let mut lines = csv(&table);
        let header = lines.next().map(|(_, cells)| cells).unwrap_or_default();
        let column = |name: &str| {
            header
                .iter()
                .position(|h| h == name)
                .ok_or_else(|| wrong(SYSTEMS, row.line, format!("{path} has no column '{name}'")))
        };
        let (code, zh) = (column(row.cell("code"))?, column("zh")?);
        let en = header.iter().position(|h| h == "en");
        let filter = match row.cell("where").split_once('=') {
            Some((name, value)) => Some((column(name)?, value)),
            None => None,
        };
        let mut properties = Vec::new();
        for property in row.cell("properties").split_whitespace() {
            let (property, name) = property.split_once(':').unwrap_or((property, property));
            properties.push((property, column(name)?));
        }
        let day = |name: &str| -> Result<Option<usize>> {
            if name.is_empty() { Ok(None) } else { column(name).map(Some) }
        };
        let (from, to) = (day(row.cell("valid_from"))?, day(row.cell("valid_to"))?);
        for (line, cells) in lines {
            let cell = |n: usize| cells.get(n).map_or("", |c| c.trim());
            let kept = filter.is_none_or(|(n, value)| cell(n) == value);
            if !kept || cell(code).is_empty() || !self.codes.insert(cell(code).to_owned()) {
                continue;
            }
            if cell(zh).is_empty() {
                return Err(wrong(&path, line, "a code has no name in column zh"));
            }
            let mut concept = json!({ "code": cell(code), "display": cell(zh) });
            if let Some(en) = en.map(cell).filter(|en| !en.is_empty()) {
                concept["designation"] = json!([{ "language": "en", "value": en }]);
            }
            let mut said = Vec::new();
            for (property, n) in &properties {
                if !cell(*n).is_empty() {
                    self.properties.insert((*property).to_owned(), "string");
                    said.push(json!({ "code": property, "valueString": cell(*n) }));
                }
            }
            self.validity(from.map_or("", cell), to.map_or("", cell), row.cell("date"), &mut said);
            if !said.is_empty() {
                concept["property"] = Value::Array(said);
            }
            self.list.push(concept);
        }
        Ok(())
    }

    /// When a concept is valid, and where that leaves it on the date of the resource.
    fn validity(&mut self, from: &str, to: &str, date: &str, said: &mut Vec<Value>) {
        for (property, day) in [("effectiveDate", from), ("deprecationDate", to)] {
            if !day.is_empty() {
                self.properties.insert(property.to_owned(), "dateTime");
                said.push(json!({ "code": property, "valueDateTime": day }));
            }
        }
        if !from.is_empty() || !to.is_empty() {
            // Days as yyyy-MM-dd compare as texts.
            let status = match () {
                () if !to.is_empty() && to < date => "retired",
                () if from > date => "draft",
                () => "active",
            };
            self.properties.insert("status".to_owned(), "code");
            said.push(json!({ "code": "status", "valueCode": status }));
        }
    }
}

fn code_system(row: &Row, concepts: Concepts) -> Value {
    let mut system = head("CodeSystem", row, row.cell("url"));
    system.insert("caseSensitive".to_owned(), json!(true));
    if row.cell("content") != "not-present" {
        system.insert("valueSet".to_owned(), json!(value_set_url(row)));
    }
    system.insert("content".to_owned(), json!(row.cell("content")));
    if row.cell("content") == "complete" {
        system.insert("count".to_owned(), json!(concepts.list.len()));
    }
    let property = |(code, ty): (&String, &&str)| {
        let mut property = json!({ "code": code, "type": ty });
        if matches!(code.as_str(), "effectiveDate" | "deprecationDate" | "status") {
            property["uri"] = json!(format!("http://hl7.org/fhir/concept-properties#{code}"));
        }
        property
    };
    let properties: Vec<Value> = concepts.properties.iter().map(property).collect();
    if !properties.is_empty() {
        system.insert("property".to_owned(), Value::Array(properties));
    }
    if !concepts.list.is_empty() {
        system.insert("concept".to_owned(), Value::Array(concepts.list));
    }
    Value::Object(system)
}

fn value_set(row: &Row) -> Value {
    let mut set = head("ValueSet", row, &value_set_url(row));
    set.insert("compose".to_owned(), json!({ "include": [{ "system": row.cell("url") }] }));
    Value::Object(set)
}

fn value_set_url(row: &Row) -> String {
    format!("{CANONICAL}/ValueSet/{}", row.cell("id"))
}

/// What both kinds of resource say of themselves.
fn head(kind: &str, row: &Row, url: &str) -> Map<String, Value> {
    let mut head = Map::new();
    let mut set = |key: &str, value: Value| {
        if value != json!("") {
            head.insert(key.to_owned(), value);
        }
    };
    let (title_zh, note) = (row.cell("title_zh"), row.cell("note"));
    set("resourceType", json!(kind));
    set("id", json!(row.cell("id")));
    set("language", json!("zh-CN"));
    set("url", json!(url));
    set("version", json!(row.cell("version")));
    set("name", json!(machine_name(row.cell("id"))));
    set("title", json!(title_zh));
    set("status", json!("active"));
    set("experimental", json!(row.cell("experimental") == "true"));
    set("date", json!(row.cell("date")));
    set("publisher", json!("Tombolo"));
    let description = match note {
        "" => row.cell("title").to_owned(),
        note => format!("{}. Note: {note}.", row.cell("title")),
    };
    set("description", json!(description));
    head
}
