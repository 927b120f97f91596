//! Which parts a workbook has: the sheet, its texts and its styles.

use super::archive::Archive;
use super::tokens::{Token, attribute, broken, is, tokens};
use super::{MOST_BYTES, Sheet};
use crate::error::{Error, Kind, Result, nearest};

/// What is read of a workbook.
#[derive(Debug)]
pub(super) struct Parts {
    /// The entry of the sheet.
    pub sheet: usize,
    /// Its name.
    pub name: String,
    /// The XML of the sheet.
    pub xml: String,
    /// The XML of the shared strings; empty if there are none.
    pub strings: String,
    /// The XML of the styles; empty if there are none.
    pub styles: String,
    /// Days are counted from 1904.
    pub from_1904: bool,
}

/// A relation of a part: its id, its type, and the part.
struct Relation {
    id: String,
    kind: String,
    target: String,
}

impl Parts {
    pub fn find(bytes: &[u8], archive: &Archive, wanted: &Sheet) -> Result<Parts> {
        let read = |name: &str| -> Result<Option<String>> {
            let Some(entry) = archive.find(name) else { return Ok(None) };
            let content = archive.unpack(bytes, entry, MOST_BYTES)?;
            let text = String::from_utf8(content);
            text.map(Some).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                broken(name, "it is not UTF-8", at)
            })
        };
        let root = relations("_rels/.rels", &read("_rels/.rels")?.unwrap_or_default(), "")?;
        let office = root.iter().find(|r| r.kind.ends_with("/officeDocument"));
        let workbook = office.map_or("xl/workbook.xml", |r| &r.target);
        let Some(text) = read(workbook)? else {
            let what = "the archive is no workbook: it has no xl/workbook.xml";
            return Err(Error::new(Kind::Structure, what));
        };
        let (folder, file) = workbook.rsplit_once('/').unwrap_or(("", workbook));
        let rels = format!("{folder}/_rels/{file}.rels");
        let rels = rels.trim_start_matches('/');
        let relations = relations(rels, &read(rels)?.unwrap_or_default(), folder)?;
        let (sheets, from_1904) = sheets(workbook, &text)?;
        let (name, id) = choose(&sheets, wanted)?;
        let part = relations.iter().find(|r| r.id == *id && r.kind.ends_with("/worksheet"));
        let missing =
            || Error::new(Kind::Structure, format!("the sheet '{name}' is not in the workbook"));
        let part = part.ok_or_else(missing)?;
        let sheet = archive.find(&part.target).ok_or_else(missing)?;
        let other = |kind: &str| -> Result<String> {
            let part = relations.iter().find(|r| r.kind.ends_with(kind));
            Ok(part.map(|part| read(&part.target)).transpose()?.flatten().unwrap_or_default())
        };
        Ok(Parts {
            sheet,
            name: name.clone(),
            xml: read(&part.target)?.unwrap_or_default(),
            strings: other("/sharedStrings")?,
            styles: other("/styles")?,
            from_1904,
        })
    }
}

/// The sheet that is wanted, else the first: its name and the id of its relation.
fn choose<'s>(sheets: &'s [(String, String)], wanted: &Sheet) -> Result<&'s (String, String)> {
    let Some(name) = &wanted.name else {
        let none = || Error::new(Kind::Structure, "the workbook has no sheet");
        return sheets.first().ok_or_else(none);
    };
    sheets.iter().find(|(n, _)| n == name).ok_or_else(|| {
        let names = || sheets.iter().map(|(name, _)| name.as_str());
        let advice = nearest(name, names()).map_or_else(
            || format!("it has: {}", names().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean '{near}'?"),
        );
        Error::new(Kind::Structure, format!("the workbook has no sheet '{name}'")).advise(advice)
    })
}

/// The sheets in order, and whether days are counted from 1904.
fn sheets(part: &str, text: &str) -> Result<(Vec<(String, String)>, bool)> {
    let (mut sheets, mut from_1904) = (Vec::new(), false);
    for token in tokens(part, text) {
        let Token::Start { tag, .. } = token? else { continue };
        if is(&tag, "sheet") {
            let attributes = (attribute(&tag, "name"), attribute(&tag, "id"));
            if let (Some(name), Some(id)) = attributes {
                sheets.push((name, id));
            }
        } else if is(&tag, "workbookPr") {
            let said = attribute(&tag, "date1904");
            from_1904 = said.is_some_and(|said| matches!(said.trim(), "1" | "true"));
        }
    }
    Ok((sheets, from_1904))
}

fn relations(part: &str, text: &str, folder: &str) -> Result<Vec<Relation>> {
    let mut relations = Vec::new();
    for token in tokens(part, text) {
        let Token::Start { tag, .. } = token? else { continue };
        let attributes = ["Id", "Type", "Target"].map(|name| attribute(&tag, name));
        if let [Some(id), Some(kind), Some(target)] = attributes {
            relations.push(Relation { id, kind, target: resolved(folder, &target) });
        }
    }
    Ok(relations)
}

/// A target relative to the folder of the part that names it.
fn resolved(folder: &str, target: &str) -> String {
    let mut path: Vec<&str> = if target.starts_with('/') { Vec::new() } else { vec![folder] };
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.retain(|step| !step.is_empty());
    path.join("/")
}
