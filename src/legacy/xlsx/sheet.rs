//! The XML of a sheet → rows of cells that know their places.

use quick_xml::events::BytesStart;

use super::strings::Depth;
use super::tokens::{Token, attribute, broken, is, number, tokens};
use crate::error::{Error, Kind, Result};

/// Most columns of a sheet.
const MOST_COLUMNS: u32 = 16_384;
/// Most rows of a sheet.
pub(super) const MOST_ROWS: u32 = 1_048_576;

/// A range of bytes of the XML.
pub(super) type Place = (u32, u32);

/// A row.
#[derive(Debug, Default)]
pub(super) struct RawRow {
    /// 1-based.
    pub number: u32,
    /// With its tags.
    pub span: Place,
    /// Its start tag.
    pub tag: Place,
    /// Its cells, in the order of columns.
    pub cells: Vec<RawCell>,
    /// Why it cannot be read.
    pub wrong: Option<String>,
}

/// A cell.
#[derive(Debug, Default)]
pub(super) struct RawCell {
    /// 0-based.
    pub column: u16,
    /// With its tags.
    pub span: Place,
    /// Its start tag.
    pub tag: Place,
    pub style: u32,
    pub kind: Type,
    /// Its value is computed; `true` if the formula is shared with other cells.
    pub formula: Option<bool>,
    /// What stands in `<v>` or `<is>`; none if it is empty.
    pub value: Option<String>,
}

/// `t` of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Type {
    #[default]
    Number,
    Shared,
    Inline,
    Text,
    Boolean,
    Error,
    Date,
}

/// What stands around the rows.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// The start tag of the root.
    pub root: Place,
    /// `x:` where the names of elements have a prefix.
    pub prefix: String,
    /// `<sheetData>`, or the whole of `<sheetData/>`.
    pub data: Place,
    /// Where `</sheetData>` begins; none of `<sheetData/>`.
    pub data_end: Option<u32>,
    /// The tag that says which cells there are.
    pub dimension: Option<Place>,
}

/// Reads a sheet, row by row.
pub(super) fn rows(
    part: &str,
    xml: &str,
    each: &mut dyn FnMut(RawRow) -> Result<()>,
) -> Result<Frame> {
    let mut frame = Frame::default();
    let mut state = State::default();
    for token in tokens(part, xml) {
        match token? {
            Token::Start { tag, span, empty } => {
                let place = (span.0 as u32, span.1 as u32);
                if frame.root.1 == 0 {
                    frame.root = place;
                    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
                    frame.prefix = name
                        .split_once(':')
                        .map_or(String::new(), |(prefix, _)| format!("{prefix}:"));
                } else if is(&tag, "sheetData") {
                    frame.data = place;
                } else if is(&tag, "dimension") {
                    frame.dimension = Some(place);
                } else {
                    state.start(&tag, place, empty)?;
                    if let Some(row) = state.done.take() {
                        each(row)?;
                    }
                }
            }
            Token::End { name, span } if name == "sheetData" => {
                frame.data_end = Some(span.0 as u32);
            }
            Token::End { name, span } => {
                state.end(&name, (span.0 as u32, span.1 as u32));
                if let Some(row) = state.done.take() {
                    each(row)?;
                }
            }
            Token::Text(text) => state.text(&text),
        }
    }
    if frame.data.1 == 0 {
        return Err(broken(part, "it has no sheetData", 0));
    }
    Ok(frame)
}

/// A row by itself; places are those in this piece of XML.
pub(super) fn one_row(part: &str, xml: &str) -> Option<RawRow> {
    let mut state = State::default();
    for token in tokens(part, xml) {
        match token.ok()? {
            Token::Start { tag, span, empty } => {
                state.start(&tag, (span.0 as u32, span.1 as u32), empty).ok()?;
            }
            Token::End { name, span } => state.end(&name, (span.0 as u32, span.1 as u32)),
            Token::Text(text) => state.text(&text),
        }
    }
    state.done
}

/// Where reading is.
#[derive(Default)]
struct State {
    row: Option<RawRow>,
    cell: Option<RawCell>,
    /// The number of the last row.
    last: u32,
    in_value: bool,
    in_text: Depth,
    done: Option<RawRow>,
}

impl State {
    fn start(&mut self, tag: &BytesStart, span: Place, empty: bool) -> Result<()> {
        match (tag.local_name().as_ref(), &mut self.row, &mut self.cell) {
            (b"row", None, _) => {
                let said = attribute(tag, "r").map(|r| r.trim().parse::<u32>());
                let number = match said {
                    Some(Ok(number)) => number,
                    Some(Err(_)) => 0,
                    None => self.last + 1,
                };
                if number <= self.last || number > MOST_ROWS {
                    let what = format!("the row behind row {} has no higher number", self.last);
                    return Err(Error::new(Kind::Structure, what).at(format!("byte {}", span.0)));
                }
                self.last = number;
                let row = RawRow { number, span, tag: span, ..RawRow::default() };
                self.row = Some(row);
                if empty {
                    self.done = self.row.take();
                }
            }
            (b"c", Some(row), None) => {
                let next = row.cells.last().map_or(0, |c| u32::from(c.column) + 1);
                let said = attribute(tag, "r");
                let column = said.as_deref().map_or(Some(next), column_of);
                match column.filter(|c| (next..MOST_COLUMNS).contains(c)) {
                    Some(column) => {
                        let kind = kind_of(attribute(tag, "t").as_deref());
                        let style = number(tag, "s").unwrap_or(0);
                        let column = column as u16;
                        let cell =
                            RawCell { column, span, tag: span, style, kind, ..RawCell::default() };
                        if empty {
                            row.cells.push(cell);
                        } else {
                            self.cell = Some(cell);
                        }
                    }
                    None => {
                        let what =
                            format!("the cell '{}' is out of order", said.unwrap_or_default());
                        row.wrong.get_or_insert(what);
                    }
                }
            }
            (b"f", _, Some(cell)) => {
                let shared = attribute(tag, "t").is_some_and(|t| t == "shared" || t == "array");
                cell.formula = Some(shared);
            }
            (b"v", _, Some(cell)) => {
                cell.value.get_or_insert_default();
                self.in_value = !empty;
            }
            (b"is", _, Some(cell)) => drop(cell.value.get_or_insert_default()),
            (name, _, Some(_)) => self.in_text.start(name, empty),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let Some(cell) = &mut self.cell else { return };
        if self.in_value || (cell.kind == Type::Inline && self.in_text.in_text()) {
            cell.value.get_or_insert_default().push_str(text);
        }
    }

    fn end(&mut self, name: &str, span: Place) {
        match name {
            "row" => {
                self.cell = None;
                self.done = self.row.take();
                if let Some(row) = &mut self.done {
                    row.span.1 = span.1;
                }
            }
            "c" => {
                if let (Some(row), Some(mut cell)) = (&mut self.row, self.cell.take()) {
                    cell.span.1 = span.1;
                    row.cells.push(cell);
                }
                (self.in_value, self.in_text) = (false, Depth::default());
            }
            "v" => self.in_value = false,
            other => self.in_text.end(other.as_bytes()),
        }
    }
}

fn kind_of(said: Option<&str>) -> Type {
    match said {
        Some("s") => Type::Shared,
        Some("inlineStr") => Type::Inline,
        Some("str") => Type::Text,
        Some("b") => Type::Boolean,
        Some("e") => Type::Error,
        Some("d") => Type::Date,
        _ => Type::Number,
    }
}

/// `AB12` → 27.
fn column_of(reference: &str) -> Option<u32> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let mut column = 0_u32;
    for letter in letters {
        column = column
            .checked_mul(26)?
            .checked_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)?;
        if column > MOST_COLUMNS {
            return None;
        }
    }
    column.checked_sub(1)
}

/// 27 → `AB`.
pub(super) fn letters(column: u16) -> String {
    let mut rest = u32::from(column) + 1;
    let mut letters = Vec::new();
    while rest > 0 {
        letters.push(b'A' + ((rest - 1) % 26) as u8);
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().map(|b| char::from(*b)).collect()
}
