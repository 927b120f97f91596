//! Delimited text: CSV, TSV, pipe files, with or without a header.
//!
//! Lossless: every cell knows its span and whether it was quoted
//! (<https://www.rfc-editor.org/rfc/rfc4180>), so an edit touches one cell. Columns are found by the
//! header's names in any order; columns that the schema does not know are carried. A row with too
//! many or too few cells is broken: it is reported, and does not refuse the others.

mod cells;
mod edit;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::charset::{Charsets, Text};
use super::record::{File, Read, Record, Scope, Span, Unknown};
use crate::error::{Error, Kind, Result, nearest};
pub(super) use cells::split as pieces;
use cells::{Cell, Line};
pub use edit::Editor;

/// A row has no more cells than this.
const MOST_CELLS: usize = 10_000;

/// What the rows look like; made from `schema.yaml`.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Between cells.
    pub separator: char,
    /// Around cells that hold separators or line ends.
    pub quote: char,
    /// The first line names the columns.
    pub header: bool,
    /// The columns, in the order in which a new file has them.
    pub columns: Vec<Column>,
    /// What ends a line of a new file.
    pub line_end: String,
    /// Texts that mean "nothing"; the first one is written.
    pub nulls: Vec<String>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Longest text, in characters.
    pub max: Option<usize>,
    /// Must be in the header.
    pub required: bool,
    /// Ids made of it are hashed.
    pub secret: bool,
    /// Texts that mean "nothing" here, in place of the schema's.
    pub nulls: Option<Vec<String>>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Any text.
    Text,
    /// A code.
    Code,
    /// A date.
    Date,
    /// A date and time.
    DateTime,
    /// A decimal number.
    Decimal,
    /// A whole number.
    Int,
    /// A resident ID card number.
    Cnid,
}

/// The static kind of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Inside `columns 药物{n} for n in 1..2`: the numbers.
    numbers: Vec<u16>,
    /// Inside a `split`.
    pieces: Option<Pieces>,
}

/// A resolved slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot {
    /// A column.
    Column(u16),
    /// One column per number of a numbered group.
    Numbered(Vec<u16>),
    /// The piece of a split.
    Piece(Pieces),
}

/// A resolved list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum List {
    /// Numbered column groups: the columns of each number.
    Numbered(Vec<Vec<u16>>),
    /// Pieces of a cell.
    Split(Pieces),
}

/// A cell taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pieces {
    cell: Box<Slot>,
    separators: Vec<String>,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Row {
    shared: Arc<Shared>,
    cells: Vec<Cell>,
    span: Span,
    line: u32,
    index: u32,
}

/// What the rows of one file share.
#[derive(Debug)]
struct Shared {
    schema: Schema,
    text: Arc<Text>,
    /// Names of the file's columns.
    names: Vec<String>,
    /// Schema column → cell of the file.
    at: Vec<Option<usize>>,
}

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
        let separators: Vec<String> = separators
            .split(" or ")
            .map(|s| s.trim().trim_matches(['"', '\'']).to_owned())
            .filter(|s| !s.is_empty())
            .collect();
        let cell = Box::new(self.slot(at, cell)?);
        let pieces = Pieces { cell, separators };
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
        let mut groups = Vec::new();
        for n in from..=to.min(from.saturating_add(99)) {
            let start = pattern.trim().replace("{n}", &n.to_string());
            let columns = self.columns.iter().enumerate();
            let mine = columns.filter(|(_, c)| c.name.starts_with(&start)).map(|(i, _)| i as u16);
            groups.push(mine.collect::<Vec<u16>>());
        }
        if groups.iter().any(Vec::is_empty) {
            return Err(Unknown { what: format!("no column begins like '{pattern}'"), hint: None });
        }
        let numbers = (from..=to).collect();
        Ok((List::Numbered(groups), Place { numbers, pieces: None }))
    }

    fn column(&self, name: &str) -> Result<u16, Unknown> {
        let found = self.columns.iter().position(|c| c.name == name);
        found.map(|n| n as u16).ok_or_else(|| Unknown {
            what: format!("the schema has no column '{name}'"),
            hint: nearest(name, self.columns.iter().map(|c| c.name.as_str()))
                .map(|near| format!("did you mean '{near}'?")),
        })
    }

    /// The column's name; `症状[]` for a piece; `药物{n}名称` for a numbered one.
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

    /// Reads a file. Rows that are broken are in [`File::broken`].
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        let text = Text::decode(bytes, None, charsets)?;
        let (lines, unclosed) = cells::lines(&text.text, self.separator, self.quote);
        let mut lines = lines.into_iter();
        let names: Vec<String> = if self.header {
            let head = lines.next().ok_or_else(|| {
                Error::new(Kind::Structure, "the file is empty: it has no header line")
            })?;
            head.cells.iter().map(|c| c.value(&text.text, self.quote).trim().to_owned()).collect()
        } else {
            self.columns.iter().map(|c| c.name.clone()).collect()
        };
        let at = self.find_columns(&names)?;
        let shared = Arc::new(Shared { schema: self.clone(), text: Arc::clone(&text), names, at });
        let mut file = File { text, records: Vec::new(), broken: Vec::new() };
        for (n, line) in lines.enumerate() {
            let last_open =
                unclosed.filter(|at| *at >= line.span.start && *at < line.span.end.max(1));
            match self.check(&shared, &line, last_open) {
                Ok(()) => file.records.push(Record::Row(Row {
                    shared: Arc::clone(&shared),
                    cells: line.cells,
                    span: line.span,
                    line: line.number,
                    index: n as u32,
                })),
                Err(error) => file.broken.push((line.span, error)),
            }
        }
        Ok(file)
    }

    fn find_columns(&self, names: &[String]) -> Result<Vec<Option<usize>>> {
        let mut at = Vec::new();
        for column in &self.columns {
            let found = names.iter().position(|n| *n == column.name);
            if found.is_none() && column.required {
                let what = format!("the header has no column '{}'", column.name);
                let advice = format!("it has: {}", names.join(", "));
                return Err(Error::new(Kind::Required, what).at("line 1").advise(advice));
            }
            at.push(found);
        }
        if at.iter().all(Option::is_none) {
            let what = "the header has none of the columns of the schema";
            return Err(Error::new(Kind::Structure, what).at("line 1"));
        }
        Ok(at)
    }

    fn check(&self, shared: &Shared, line: &Line, unclosed: Option<u32>) -> Result<()> {
        let place = |span: Span| {
            let bytes = shared.text.byte_range(span);
            format!("line {}, bytes {}..{}", line.number, bytes.start, bytes.end)
        };
        if let Some(start) = unclosed {
            let what = "a quoted cell is not closed before the file ends";
            let span = Span { start, end: line.span.end };
            return Err(Error::new(Kind::Structure, what).at(place(span)));
        }
        let (has, wants) = (line.cells.len(), shared.names.len());
        if has != wants || has > MOST_CELLS {
            let what = format!("the row has {has} cells, the header {wants}");
            let advice = format!("a cell that holds '{}' must be quoted", self.separator);
            return Err(Error::new(Kind::Structure, what).at(place(line.span)).advise(advice));
        }
        Ok(())
    }

    /// A header line and one empty row.
    pub fn blank(&self) -> File {
        let names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
        let separator = self.separator.to_string();
        let mut text = String::new();
        if self.header {
            text += &names.join(&separator);
            text += &self.line_end;
        }
        text += &separator.repeat(names.len().saturating_sub(1));
        text += &self.line_end;
        let charsets = Charsets { channel: Some(super::Charset::Utf8), ..Charsets::default() };
        let mut file = self.read(text.as_bytes(), &charsets).unwrap_or_else(|_| File {
            text: Text::fresh("", super::Charset::Utf8),
            records: Vec::new(),
            broken: Vec::new(),
        });
        // A schema of one column has an empty line as its empty row.
        if file.records.is_empty() {
            let end = file.text.text.len() as u32;
            let at = (0..names.len()).map(Some).collect();
            let shared = Shared { schema: self.clone(), text: Arc::clone(&file.text), names, at };
            let span = Span { start: end, end };
            let cells = vec![Cell { span, quoted: false }];
            let row = Row { shared: Arc::new(shared), cells, span, line: 2, index: 0 };
            file.records.push(Record::Row(row));
        }
        file
    }
}

/// A file with the header and only these rows and spans of broken rows, byte for byte.
pub fn subset(file: &File, spans: &[Span]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = &file.text.text;
    let first = file
        .records
        .iter()
        .map(Record::span)
        .chain(file.broken.iter().map(|(s, _)| *s))
        .map(|s| s.start)
        .min()
        .unwrap_or(text.len() as u32);
    let with_bom = file.text.byte_range(Span { start: 0, end: first });
    bytes.extend(&file.text.bytes[..with_bom.end]);
    for span in spans {
        let rest = &text.as_bytes()[span.end as usize..];
        let end = match rest {
            [b'\r', b'\n', ..] => span.end + 2,
            [b'\r' | b'\n', ..] => span.end + 1,
            _ => span.end,
        };
        bytes.extend(&file.text.bytes[file.text.byte_range(Span { start: span.start, end })]);
    }
    bytes
}

impl Row {
    /// The file's text.
    pub fn text(&self) -> &Arc<Text> {
        &self.shared.text
    }

    /// The row, without its line end.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Reads a slot; null markers are absent.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        match slot {
            Slot::Piece(pieces) => {
                let Some(text) = self.value(at, &pieces.cell) else { return Read::Absent };
                let index = usize::from(at.piece).wrapping_sub(1);
                let piece = cells::split(&text, &pieces.separators).nth(index);
                match (piece, text) {
                    (None, _) => Read::Absent,
                    (Some((from, to)), Cow::Borrowed(text)) => {
                        Read::Text(Cow::Borrowed(&text[from..to]))
                    }
                    (Some((from, to)), text) => Read::Text(Cow::Owned(text[from..to].to_owned())),
                }
            }
            plain => self.value(at, plain).map_or(Read::Absent, Read::Text),
        }
    }

    /// Where a slot stands.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        let cell = match slot {
            Slot::Piece(pieces) => self.cell(at, &pieces.cell),
            plain => self.cell(at, plain),
        };
        let end = Span { start: self.span.end, end: self.span.end };
        cell.map_or(end, |c| self.cells[c].inner(self.shared.schema.quote))
    }

    /// Appends the instances of a list: numbered groups that hold something; pieces.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        match list {
            List::Numbered(groups) => {
                for (n, columns) in groups.iter().enumerate() {
                    let filled =
                        columns.iter().any(|c| self.value(at, &Slot::Column(*c)).is_some());
                    if filled {
                        out.push(Scope { item: n as u16 + 1, ..at });
                    }
                }
            }
            List::Split(pieces) => {
                let Some(text) = self.value(at, &pieces.cell) else { return };
                let count = cells::split(&text, &pieces.separators).count();
                out.extend((1..=count as u16).map(|piece| Scope { piece, ..at }));
            }
        }
    }

    /// Whether `inner` is `outer` or inside it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        (outer.item == 0 || outer.item == inner.item)
            && (outer.piece == 0 || outer.piece == inner.piece)
    }

    /// `line`, `index`.
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "line" => Some(Cow::Owned(self.line.to_string())),
            "index" => Some(Cow::Owned(self.index.to_string())),
            _ => None,
        }
    }

    /// Calls `f` with the name and text of every cell that is not empty.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        for (name, cell) in self.shared.names.iter().zip(&self.cells) {
            let text = cell.value(&self.shared.text.text, self.shared.schema.quote);
            if !text.is_empty() {
                f(name, &text);
            }
        }
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        Editor::new(self)
    }

    /// The cell of a column slot, if the file has that column.
    fn cell(&self, at: Scope, slot: &Slot) -> Option<usize> {
        let column = match slot {
            Slot::Column(column) => *column,
            Slot::Numbered(columns) => *columns.get(usize::from(at.item).wrapping_sub(1))?,
            Slot::Piece(pieces) => return self.cell(at, &pieces.cell),
        };
        self.shared.at.get(usize::from(column)).copied().flatten()
    }

    fn column(&self, at: Scope, slot: &Slot) -> Option<&Column> {
        let column = match slot {
            Slot::Column(column) => *column,
            Slot::Numbered(columns) => *columns.get(usize::from(at.item).wrapping_sub(1))?,
            Slot::Piece(pieces) => return self.column(at, &pieces.cell),
        };
        self.shared.schema.columns.get(usize::from(column))
    }

    /// The text of a cell, unless it is blank or a null marker.
    fn value(&self, at: Scope, slot: &Slot) -> Option<Cow<'_, str>> {
        let cell = self.cells.get(self.cell(at, slot)?)?;
        let text = cell.value(&self.shared.text.text, self.shared.schema.quote);
        let trimmed = text.trim();
        let nulls = self.column(at, slot).and_then(|c| c.nulls.as_ref());
        let nulls = nulls.unwrap_or(&self.shared.schema.nulls);
        let nothing = trimmed.is_empty() || nulls.iter().any(|n| n == trimmed);
        (!nothing).then_some(text)
    }
}
