//! Names in a mapping → columns of the schema.

use super::{List, Pieces, Place, Schema, Slot};
use crate::error::nearest;
use crate::legacy::pieces;
use crate::legacy::record::Unknown;

/// A numbered group has no more members than this.
const MOST_NUMBERS: u16 = 100;

impl Schema {
    /// The place of a whole row.
    pub fn root(&self) -> Place {
        Place::default()
    }

    /// Resolves a column name, a numbered one, or `.` in a split.
    pub fn slot(&self, at: &Place, name: &str) -> Result<Slot, Unknown> {
        let name = name.trim();
        if name == "." {
            let piece = at.pieces.clone().map(Slot::Piece);
            return piece.ok_or_else(|| Unknown {
                what: "'.' stands for a piece, and there is no split around it".to_owned(),
                hint: None,
            });
        }
        if name.contains("{n}") {
            let columns =
                at.numbers.iter().map(|n| self.column(&name.replace("{n}", &n.to_string())));
            let columns: Vec<u16> = columns.collect::<Result<_, _>>()?;
            if columns.is_empty() {
                return Err(Unknown {
                    what: format!(
                        "'{name}' has a number, and there is no numbered group around it"
                    ),
                    hint: Some("write it inside `each: columns … for n in 1..2`".to_owned()),
                });
            }
            return Ok(Slot::Numbered(columns));
        }
        self.column(name).map(Slot::Column)
    }

    /// Resolves `columns 药物{n} for n in 1..2` and `症状 split "/" or ","`.
    pub fn list(&self, at: &Place, name: &str) -> Result<(List, Place), Unknown> {
        let name = name.trim();
        if let Some(rest) = name.strip_prefix("columns ") {
            return self.numbered(rest);
        }
        let Some((cell, separators)) = name.split_once(" split ") else {
            return Err(Unknown {
                what: format!("'{name}' is no list of a row"),
                hint: Some(
                    "write `COLUMN split \"/\"` or `columns NAME{n} for n in 1..2`".to_owned(),
                ),
            });
        };
        let separators = pieces::separators(separators)?;
        let cell = self.slot(at, cell)?;
        if matches!(cell, Slot::Piece(_)) {
            let what = "a piece is not split again".to_owned();
            return Err(Unknown {
                what,
                hint: Some("name all separators in one split".to_owned()),
            });
        }
        let pieces = Pieces { cell: Box::new(cell), separators };
        let place = Place { numbers: at.numbers.clone(), pieces: Some(pieces.clone()) };
        Ok((List::Split(pieces), place))
    }

    fn numbered(&self, rest: &str) -> Result<(List, Place), Unknown> {
        let bad = || Unknown {
            what: format!("'columns {rest}' is not a numbered group"),
            hint: Some("write `columns 药物{n} for n in 1..2`".to_owned()),
        };
        let (pattern, range) = rest.split_once(" for n in ").ok_or_else(bad)?;
        let (from, to) = range.trim().split_once("..").ok_or_else(bad)?;
        let (from, to): (u16, u16) =
            (from.parse().map_err(|_| bad())?, to.parse().map_err(|_| bad())?);
        if !pattern.contains("{n}") || from > to || to - from >= MOST_NUMBERS {
            return Err(bad());
        }
        let mut groups = Vec::new();
        for n in from..=to {
            let start = pattern.trim().replace("{n}", &n.to_string());
            let columns = self.columns.iter().enumerate();
            let mine = columns.filter(|(_, c)| begins(&c.name, &start)).map(|(i, _)| i as u16);
            let mine: Vec<u16> = mine.collect();
            if mine.is_empty() {
                let what = format!("no column begins with '{start}'");
                return Err(Unknown { what, hint: None });
            }
            groups.push(mine);
        }
        Ok((List::Numbered(groups), Place { numbers: (from..=to).collect(), pieces: None }))
    }

    fn column(&self, name: &str) -> Result<u16, Unknown> {
        let found = self.columns.iter().position(|c| c.name == name);
        found.map(|n| n as u16).ok_or_else(|| Unknown {
            what: format!("the schema has no column '{name}'"),
            hint: nearest(name, self.columns.iter().map(|c| c.name.as_str()))
                .map(|near| format!("did you mean '{near}'?")),
        })
    }

    /// The column's name; `症状[]` for a piece; `药物1名称|药物2名称` for a numbered one.
    pub fn canonical(&self, _at: &Place, slot: &Slot) -> String {
        match slot {
            Slot::Column(column) => self.columns[usize::from(*column)].name.clone(),
            Slot::Numbered(columns) => {
                let names = columns.iter().map(|c| self.columns[usize::from(*c)].name.as_str());
                names.collect::<Vec<_>>().join("|")
            }
            Slot::Piece(pieces) => format!("{}[]", self.canonical(_at, &pieces.cell)),
        }
    }
}

/// `药物1名称` begins with `药物1`, and `药物10名称` does not: the number goes on.
fn begins(name: &str, start: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    name.strip_prefix(start)
        .is_some_and(|rest| !(start.ends_with(digit) && rest.starts_with(digit)))
}
