//! Edits of a row: one text edit per changed cell.

use std::collections::BTreeMap;

use super::{List, Pieces, Row, Slot, cells};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::TextEdit;
use crate::legacy::record::{Scope, Write};

/// Writes to one row.
#[derive(Debug)]
pub struct Editor<'r> {
    row: &'r Row,
    /// Cell → its new text, unquoted.
    cells: BTreeMap<usize, String>,
    /// Cell → its pieces; a removed one is `None`.
    pieces: BTreeMap<usize, (Vec<Option<String>>, Vec<String>)>,
    /// Numbered groups that were given out by `insert`.
    given: Vec<u16>,
}

impl<'r> Editor<'r> {
    pub(super) fn new(row: &'r Row) -> Self {
        Editor { row, cells: BTreeMap::new(), pieces: BTreeMap::new(), given: Vec::new() }
    }

    /// Writes a cell or a piece of one.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        let cell = self.row.cell(at, slot).ok_or_else(|| self.no_column(at, slot))?;
        let column = self.row.column(at, slot);
        let text = match value {
            Write::Text(text) => {
                if let Some(max) = column.and_then(|c| c.max).filter(|m| text.chars().count() > *m)
                {
                    let name = column.map_or("", |c| c.name.as_str());
                    let what = format!("'{text}' is longer than the {max} characters of '{name}'");
                    return Err(Error::new(Kind::Value, what).at(name));
                }
                text.to_owned()
            }
            Write::Null | Write::Clear => {
                // Nothing there already: whatever spells it stays.
                if !matches!(slot, Slot::Piece(_)) && self.row.value(at, slot).is_none() {
                    self.cells.remove(&cell);
                    return Ok(());
                }
                let nulls = column.and_then(|c| c.nulls.as_ref());
                let nulls = nulls.unwrap_or(&self.row.shared.schema.nulls);
                nulls.first().cloned().unwrap_or_default()
            }
        };
        if let Slot::Piece(pieces) = slot {
            let index = usize::from(at.piece).wrapping_sub(1);
            if let Some(piece) = self.pieces_of(cell, at, pieces).get_mut(index) {
                *piece = Some(text);
            }
            return Ok(());
        }
        self.cells.insert(cell, text);
        Ok(())
    }

    /// A new piece at the end, or the first numbered group that is empty.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        match list {
            List::Split(pieces) => {
                let cell = self.row.cell(at, &pieces.cell);
                let cell = cell.ok_or_else(|| self.no_column(at, &pieces.cell))?;
                let list = self.pieces_of(cell, at, pieces);
                list.push(Some(String::new()));
                Ok(Scope { piece: list.len() as u16, ..at })
            }
            List::Numbered(groups) => {
                let free = groups.iter().enumerate().find(|(n, columns)| {
                    !self.given.contains(&(*n as u16))
                        && columns.iter().all(|c| self.row.value(at, &Slot::Column(*c)).is_none())
                });
                let Some((n, _)) = free else {
                    let what = format!("all {} numbered groups of the row are taken", groups.len());
                    return Err(Error::new(Kind::Value, what));
                };
                self.given.push(n as u16);
                Ok(Scope { item: n as u16 + 1, ..at })
            }
        }
    }

    /// Takes a piece out, or empties a numbered group.
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        match list {
            List::Split(pieces) => {
                let Some(cell) = self.row.cell(item, &pieces.cell) else { return Ok(()) };
                let index = usize::from(item.piece).wrapping_sub(1);
                if let Some(piece) = self.pieces_of(cell, item, pieces).get_mut(index) {
                    *piece = None;
                }
                Ok(())
            }
            List::Numbered(groups) => {
                let group = groups.get(usize::from(item.item).wrapping_sub(1));
                for column in group.into_iter().flatten() {
                    self.write(item, &Slot::Column(*column), Write::Clear)?;
                }
                Ok(())
            }
        }
    }

    fn pieces_of(&mut self, cell: usize, at: Scope, pieces: &Pieces) -> &mut Vec<Option<String>> {
        let row = self.row;
        let entry = self.pieces.entry(cell).or_insert_with(|| {
            let text = row.value(at, &pieces.cell).unwrap_or_default();
            let list =
                cells::split(&text, &pieces.separators).map(|(a, b)| Some(text[a..b].to_owned()));
            (list.collect(), pieces.separators.clone())
        });
        &mut entry.0
    }

    /// One edit per cell that changed.
    pub fn finish(mut self) -> Result<Vec<TextEdit>> {
        for (cell, (pieces, separators)) in std::mem::take(&mut self.pieces) {
            let text = self.joined(cell, &pieces, &separators);
            self.cells.insert(cell, text);
        }
        let (schema, text) = (&self.row.shared.schema, &self.row.shared.text.text);
        let mut edits = Vec::new();
        for (cell, new) in self.cells {
            let old = &self.row.cells[cell];
            if old.value(text, schema.quote) == new.as_str() {
                continue;
            }
            let special =
                |c: char| c == schema.separator || c == schema.quote || c == '\r' || c == '\n';
            let twice = format!("{0}{0}", schema.quote);
            let must_quote = new.contains(special)
                || new.trim().len() != new.len()
                || (new.is_empty() && self.row.cells.len() == 1 && old.quoted);
            let new = if must_quote || old.quoted {
                let quote = schema.quote.to_string();
                format!("{quote}{}{quote}", new.replace(&quote, &twice))
            } else {
                new
            };
            edits.push(TextEdit { span: old.span, text: new });
        }
        Ok(edits)
    }

    /// The pieces in the cell's own spelling where their number is the same, else joined anew.
    fn joined(&self, cell: usize, pieces: &[Option<String>], separators: &[String]) -> String {
        let schema = &self.row.shared.schema;
        let old = self.row.cells[cell].value(&self.row.shared.text.text, schema.quote);
        let ranges: Vec<(usize, usize)> = cells::split(&old, separators).collect();
        let left: Vec<&str> = pieces.iter().flatten().map(String::as_str).collect();
        if left.len() == ranges.len() && pieces.iter().all(Option::is_some) {
            let mut text = String::new();
            let mut at = 0;
            for ((from, to), piece) in ranges.iter().zip(&left) {
                text += &old[at..*from];
                text += piece;
                at = *to;
            }
            text += &old[at..];
            return text;
        }
        let used = separators.iter().find(|s| old.contains(s.as_str())).or(separators.first());
        left.join(used.map_or("", String::as_str))
    }

    fn no_column(&self, at: Scope, slot: &Slot) -> Error {
        let name = self.row.column(at, slot).map_or("?", |c| c.name.as_str());
        Error::new(Kind::Value, format!("the file has no column '{name}'")).at(name)
    }
}
