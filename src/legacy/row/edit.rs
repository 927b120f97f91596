//! Edits of a row: one text edit per changed cell.

use std::collections::{BTreeMap, HashSet};

use super::{Column, How, List, Pieces, Row, Slot, Spelling};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::TextEdit;
use crate::legacy::pieces::Edited;
use crate::legacy::record::{Scope, Write};
use crate::legacy::{delimited, fixed};

/// Writes to one row.
#[derive(Debug)]
pub struct Editor<'r> {
    row: &'r Row,
    /// Cell → its new text, unquoted.
    cells: BTreeMap<usize, String>,
    /// Cell → its pieces, and where they were looked up.
    pieces: BTreeMap<usize, (Edited, Scope, Slot)>,
    /// Numbered groups that `insert` gave out, and those that `remove` emptied.
    given: HashSet<u16>,
    freed: HashSet<u16>,
}

impl<'r> Editor<'r> {
    pub(super) fn new(row: &'r Row) -> Self {
        let (cells, pieces) = (BTreeMap::new(), BTreeMap::new());
        Editor { row, cells, pieces, given: HashSet::new(), freed: HashSet::new() }
    }

    /// Writes a cell or a piece of one. A text that the column cannot hold, or that would be read as
    /// nothing or as several pieces, is an error.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        let text = match value {
            Write::Text(text) if !text.is_empty() => Some(text),
            Write::Text(_) | Write::Null | Write::Clear => None,
        };
        let cell = match (self.row.cell(at, slot), text) {
            (Some(cell), _) => cell,
            (None, None) => return Ok(()),
            (None, Some(_)) => return Err(self.no_column(at, slot)),
        };
        if let Slot::Piece(pieces) = slot {
            let (row, name) = (self.row, self.name(at, slot));
            let fits = |all: &str| if all.is_empty() { Ok(()) } else { row.fits(at, slot, all) };
            let written = self.pieces_of(cell, at, pieces).set(at.piece, text, fits);
            return written.map_err(|error| error.at(name));
        }
        self.set(cell, at, slot, text)
    }

    fn set(&mut self, cell: usize, at: Scope, slot: &Slot, text: Option<&str>) -> Result<()> {
        let (schema, column) = (&self.row.shared.schema, self.row.column(at, slot));
        let Some(text) = text else {
            // Nothing there already: whatever spells it stays.
            if self.row.value(at, slot).is_none() {
                self.cells.remove(&cell);
            } else {
                self.cells.insert(cell, schema.null(column).to_owned());
            }
            return Ok(());
        };
        self.row.fits(at, slot, text)?;
        self.cells.insert(cell, text.to_owned());
        Ok(())
    }

    /// A new piece at the end, or the first numbered group that is empty.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        match list {
            List::Split(pieces) => {
                let cell = self.row.cell(at, &pieces.cell);
                let cell = cell.ok_or_else(|| self.no_column(at, &pieces.cell))?;
                Ok(Scope { piece: self.pieces_of(cell, at, pieces).push()?, ..at })
            }
            List::Numbered(groups) => {
                let mut numbered = (1..).zip(groups);
                let free = numbered.find(|(number, columns)| {
                    let empty =
                        columns.iter().all(|c| self.row.value(at, &Slot::Column(*c)).is_none());
                    !self.given.contains(number) && (empty || self.freed.contains(number))
                });
                let Some((number, _)) = free else {
                    let what = format!("all {} numbered groups of the row are taken", groups.len());
                    return Err(Error::new(Kind::Value, what));
                };
                self.given.insert(number);
                Ok(Scope { item: number, ..at })
            }
        }
    }

    /// Takes a piece out, or empties a numbered group.
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        match list {
            List::Split(pieces) => {
                let Some(cell) = self.row.cell(item, &pieces.cell) else { return Ok(()) };
                self.pieces_of(cell, item, pieces).set(item.piece, None, |_| Ok(()))
            }
            List::Numbered(groups) => {
                let group = groups.get(usize::from(item.item).wrapping_sub(1));
                for column in group.into_iter().flatten() {
                    self.write(item, &Slot::Column(*column), Write::Clear)?;
                }
                self.given.remove(&item.item);
                self.freed.insert(item.item);
                Ok(())
            }
        }
    }

    fn pieces_of(&mut self, cell: usize, at: Scope, pieces: &Pieces) -> &mut Edited {
        let row = self.row;
        let entry = self.pieces.entry(cell).or_insert_with(|| {
            let text = row.value(at, &pieces.cell).unwrap_or_default();
            (Edited::new(&text, &pieces.separators), at, (*pieces.cell).clone())
        });
        &mut entry.0
    }

    /// One edit per cell that changed.
    pub fn finish(mut self) -> Result<Vec<TextEdit>> {
        for (cell, (pieces, at, slot)) in std::mem::take(&mut self.pieces) {
            // Each piece was checked with the others when it was written.
            match pieces.joined() {
                text if text.is_empty() => self.set(cell, at, &slot, None)?,
                text => drop(self.cells.insert(cell, text)),
            }
        }
        self.row.spelt(&self.cells)
    }

    fn name(&self, at: Scope, slot: &Slot) -> String {
        self.row.column(at, slot).map_or("?", |c| c.name.as_str()).to_owned()
    }

    fn no_column(&self, at: Scope, slot: &Slot) -> Error {
        let name = self.name(at, slot);
        Error::new(Kind::Value, format!("the file has no column '{name}'")).at(name)
    }
}

impl Row {
    /// Whether a column can hold a text, and give it back.
    fn fits(&self, at: Scope, slot: &Slot, text: &str) -> Result<()> {
        let column = self.column(at, slot);
        let name = column.map_or("?", |c| c.name.as_str());
        let Some(cell) = self.cell(at, slot) else { return Ok(()) };
        if self.shared.schema.is_nothing(column, text) {
            let what = format!("'{text}' would be read as nothing in '{name}'");
            return Err(Error::new(Kind::Value, what).at(name));
        }
        let fits = match &self.shared.spelling {
            Spelling::Fixed(layout) => layout.spell(self.shared.charset(), column, text).map(drop),
            Spelling::Dbf(table) => table.spell(self.shared.charset(), cell, text).map(drop),
            Spelling::Delimited(_) => fits_characters(column, text),
            Spelling::Xlsx(book) => {
                fits_characters(column, text).and_then(|()| book.fits(self.cells[cell].span, text))
            }
        };
        fits.map_err(|error| error.at(name))
    }

    /// Edits of the text that give cells these values.
    fn spelt(&self, cells: &BTreeMap<usize, String>) -> Result<Vec<TextEdit>> {
        let shared = &self.shared;
        let text = &shared.text.text;
        let changed = cells.iter().filter_map(|(n, new)| {
            let old = self.cells.get(*n)?;
            (old.value(text, shared.quote()) != new.as_str()).then_some((*n, old, new))
        });
        if let Spelling::Fixed(layout) = &shared.spelling {
            let changed: Vec<(usize, &str)> = changed.map(|(n, _, new)| (n, &**new)).collect();
            return fixed::edits(layout, self, &changed);
        }
        let mut edits = Vec::new();
        for (n, old, new) in changed {
            let text = match &shared.spelling {
                Spelling::Delimited(dialect) => {
                    // A row of one empty cell would be an empty line, which is no row.
                    let alone = self.cells.len() == 1 && new.is_empty();
                    delimited::written(new, dialect, old.how == How::Quoted || alone)
                }
                Spelling::Dbf(table) => table.spell(shared.charset(), n, new)?,
                Spelling::Xlsx(_) | Spelling::Fixed(_) => new.clone(),
            };
            if shared.text.slice(old.span) != text {
                edits.push(TextEdit { span: old.span, text });
            }
        }
        Ok(edits)
    }
}

/// Whether a text is no longer than its column, in characters.
fn fits_characters(column: Option<&Column>, text: &str) -> Result<()> {
    let Some(column) = column else { return Ok(()) };
    match column.max {
        Some(max) if text.chars().count() > max => {
            let what = format!("'{text}' is longer than the {max} characters of '{}'", column.name);
            Err(Error::new(Kind::Value, what))
        }
        _ => Ok(()),
    }
}
