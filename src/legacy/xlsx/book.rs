//! A workbook that is held: where the cells of its sheet stand, and edits of them.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::OnceLock;

use super::archive::{Archive, Part, archive};
use super::parts::Parts;
use super::sheet::{Frame, MOST_ROWS, Place, RawCell, Type, letters, one_row, rows};
use super::strings::Strings;
use super::styles::Styles;
use super::{blank, spell};
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::{Holder, Text, TextEdit};
use crate::legacy::record::{File, Span};
use crate::legacy::row::ColumnKind;

/// A workbook, opened at one sheet.
#[derive(Debug)]
pub(in crate::legacy) struct Book {
    archive: Archive,
    pub(super) parts: Parts,
    pub(super) frame: Frame,
    pub(super) strings: Strings,
    pub(super) styles: Styles,
    /// The sheet's column of every cell of a row.
    pub(super) columns: Vec<u16>,
    /// What the schema says of them.
    pub(super) kinds: Vec<ColumnKind>,
    stands: Vec<Stand>,
    rows: Vec<RowAt>,
    /// All of a small workbook but its sheet, and the rows above the first one.
    shell: OnceLock<(Vec<Part>, String)>,
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::legacy) struct Stand {
    /// Where it begins in the text.
    pub text: u32,
    /// Its element; empty where there is none yet.
    pub xml: Place,
    /// Its start tag.
    pub tag: Place,
    pub style: u32,
    pub kind: Type,
    pub formula: bool,
    /// It has a value.
    pub filled: bool,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(in crate::legacy) struct RowAt {
    /// Where it begins in the text.
    pub text: u32,
    /// Its element.
    pub xml: Place,
    pub number: u32,
}

impl Stand {
    pub(super) fn fill(&mut self, cell: &RawCell) {
        (self.xml, self.tag, self.style) = (cell.span, cell.tag, cell.style);
        (self.kind, self.formula) = (cell.kind, cell.formula.is_some());
        self.filled = cell.value.as_ref().is_some_and(|value| !value.is_empty());
    }

    pub(super) fn is_gap(&self) -> bool {
        self.xml.0 == self.xml.1
    }
}

impl Book {
    #[allow(clippy::too_many_arguments, reason = "it is put together in one place")]
    pub(super) fn new(
        archive: Archive,
        parts: Parts,
        frame: Frame,
        strings: Strings,
        styles: Styles,
        columns: Vec<u16>,
        kinds: Vec<ColumnKind>,
        stands: Vec<Stand>,
        rows: Vec<RowAt>,
    ) -> Book {
        let shell = OnceLock::new();
        Book { archive, parts, frame, strings, styles, columns, kinds, stands, rows, shell }
    }

    /// The cell that begins at a place of the text: its number among all, and itself.
    fn stand(&self, text: u32) -> Option<(usize, &Stand)> {
        let n = self.stands.binary_search_by_key(&text, |stand| stand.text).ok()?;
        Some((n, &self.stands[n]))
    }

    /// Whether a cell can hold a text.
    pub fn fits(&self, span: Span, text: &str) -> Result<()> {
        let Some((_, stand)) = self.stand(span.start) else { return Ok(()) };
        if stand.formula {
            let what = "the cell is computed by a formula";
            return Err(Error::new(Kind::Value, what)
                .advise("write the cells it is computed from, or leave it out of the mapping"));
        }
        if text.chars().map(char::len_utf16).sum::<usize>() > spell::MOST_CHARACTERS {
            let what = format!("a cell holds no more than {} characters", spell::MOST_CHARACTERS);
            return Err(Error::new(Kind::Value, what));
        }
        Ok(())
    }

    /// The rows of a span, as they stand in the XML.
    fn row(&self, span: Span) -> Option<&RowAt> {
        let n = self.rows.binary_search_by_key(&span.start, |row| row.text).ok()?;
        self.rows.get(n)
    }

    pub(super) fn xml(&self, place: Place) -> &str {
        self.parts.xml.get(place.0 as usize..place.1 as usize).unwrap_or("")
    }

    /// The style that the cells of a column have, where there are some.
    fn style_of(&self, cell: usize) -> Option<u32> {
        let mine = self.stands.iter().skip(cell).step_by(self.columns.len().max(1));
        mine.rev().take(100).find(|stand| !stand.is_gap()).map(|stand| stand.style)
    }

    fn packed(&self, text: &Text, xml: &str) -> Vec<u8> {
        self.archive.replaced(&text.bytes, self.parts.sheet, xml.as_bytes())
    }

    /// The workbook with more rows behind those of its sheet, styled as the rows above.
    pub fn append(&self, file: &File, values: &[Vec<Option<String>>]) -> Result<Vec<u8>> {
        let mut last = 0;
        rows(&self.parts.name, &self.parts.xml, &mut |row| {
            last = row.number;
            Ok(())
        })?;
        if last as usize + values.len() > MOST_ROWS as usize {
            return Err(Error::new(Kind::TooLarge, format!("a sheet has {MOST_ROWS} rows")));
        }
        let prefix = &self.frame.prefix;
        let styles: Vec<Option<u32>> = (0..self.columns.len()).map(|n| self.style_of(n)).collect();
        let mut new = String::new();
        for row in values {
            last += 1;
            new += &format!("<{prefix}row r=\"{last}\">");
            for (n, value) in row.iter().enumerate() {
                if let (Some(value), Some(column)) = (value, self.columns.get(n)) {
                    let reference = format!("{}{last}", letters(*column));
                    new += &self.new_cell(n, &reference, styles[n].unwrap_or(0), value);
                }
            }
            new += &format!("</{prefix}row>");
        }
        let xml = &self.parts.xml;
        let (at, behind) = match self.frame.data_end {
            Some(end) => (end as usize, end as usize),
            None => {
                new = format!("<{prefix}sheetData>{new}</{prefix}sheetData>");
                (self.frame.data.0 as usize, self.frame.data.1 as usize)
            }
        };
        let head = self.dimension_to(last, &xml[..at]);
        Ok(self.packed(&file.text, &[&head, &*new, &xml[behind..]].concat()))
    }

    /// What stands before the new rows, with a dimension that reaches down to them.
    fn dimension_to(&self, last: u32, head: &str) -> String {
        let Some(place) = self.frame.dimension else { return head.to_owned() };
        let (from, to) = (place.0 as usize, place.1 as usize);
        let Some(tag) = head.get(from..to) else { return head.to_owned() };
        // `ref="A1:F10"`: the number of the last row stands before the quote.
        let Some(quote) = tag.rfind(['"', '\'']) else { return head.to_owned() };
        let digits = tag[..quote].bytes().rev().take_while(u8::is_ascii_digit).count();
        if !tag[..quote].contains(':') || digits == 0 {
            return head.to_owned();
        }
        [&head[..from + quote - digits], &last.to_string(), &head[from + quote..]].concat()
    }

    /// A workbook with what stands above the first row of the table, and one row. Its strings stand
    /// in its cells, so that it needs no other part than the styles.
    fn small(&self, row: Option<&RowAt>) -> Vec<u8> {
        let (shell, above) = self.shell.get_or_init(|| {
            let parts = &self.parts;
            let first = self.rows.first().map_or(u32::MAX, |row| row.xml.0);
            let mut above = String::new();
            let _ = rows(&parts.name, &parts.xml, &mut |row| {
                if row.span.0 >= first {
                    return Err(Error::new(Kind::Internal, "all rows above are read"));
                }
                above += &self.standalone(self.xml(row.span));
                Ok(())
            });
            (blank::shell(&parts.name, &parts.styles, parts.from_1904), above)
        });
        let row = row.map_or(String::new(), |row| self.standalone(self.xml(row.xml)));
        let (prefix, root) = (&self.frame.prefix, self.xml(self.frame.root));
        let name = root.trim_start_matches('<').split(|c: char| c.is_whitespace() || c == '>');
        let name = name.take(1).collect::<String>();
        let sheet = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n{root}<{prefix}sheetData>\
             {above}{row}</{prefix}sheetData></{name}>"
        );
        let sheet = Part::new(blank::SHEET, sheet.as_bytes());
        let parts: Vec<&Part> = shell.iter().chain([&sheet]).collect();
        archive(&parts)
    }

    /// A row that needs no other row and no shared strings.
    fn standalone(&self, xml: &str) -> String {
        let Some(row) = one_row(&self.parts.name, xml) else { return xml.to_owned() };
        let piece = |from: u32, to: u32| xml.get(from as usize..to as usize).unwrap_or("");
        let (mut out, mut at) = (String::new(), 0);
        for cell in &row.cells {
            let tag = piece(cell.tag.0, cell.tag.1);
            let new = match (cell.kind, &cell.value, cell.formula) {
                (Type::Shared, Some(number), _) => {
                    let raw = self.strings.raw(&self.parts.strings, number).unwrap_or("");
                    self.with_inline(tag, raw)
                }
                (_, Some(value), Some(true)) => self.with_value(tag, value),
                _ => continue,
            };
            out += piece(at, cell.span.0);
            out += &new;
            at = cell.span.1;
        }
        out + piece(at, xml.len() as u32)
    }
}

impl Holder for Book {
    fn byte_range(&self, _: &Text, _: Span) -> Range<usize> {
        self.archive.place(self.parts.sheet)
    }

    fn splice(&self, text: &Text, edits: &[&TextEdit]) -> Result<Vec<u8>> {
        let xml = &self.parts.xml;
        let (mut out, mut copied) = (String::with_capacity(xml.len() + 256), 0);
        for edit in edits {
            let Some((n, stand)) = self.stand(edit.span.start) else {
                let place = format!("text {}..{}", edit.span.start, edit.span.end);
                return Err(Error::new(Kind::Internal, "an edit is of no cell").at(place));
            };
            let new = self.edited(n, stand, &edit.text);
            let (from, to) = (stand.xml.0 as usize, stand.xml.1 as usize);
            let Some(between) = xml.get(copied..from) else {
                return Err(Error::new(Kind::Internal, "two edits overlap"));
            };
            out += between;
            out += &new;
            copied = to;
        }
        if edits.is_empty() {
            return Ok(text.bytes.to_vec());
        }
        out += xml.get(copied..).unwrap_or("");
        Ok(self.packed(text, &out))
    }

    fn only(&self, text: &Text, spans: &[Span]) -> Vec<u8> {
        let kept = spans.iter().filter_map(|span| self.row(*span));
        let kept: HashSet<Place> = kept.map(|row| row.xml).collect();
        let (mut out, mut copied) = (String::new(), 0);
        for row in self.rows.iter().filter(|row| !kept.contains(&row.xml)) {
            out += self.xml((copied, row.xml.0));
            copied = row.xml.1;
        }
        if copied == 0 {
            return text.bytes.to_vec();
        }
        out += self.xml((copied, self.parts.xml.len() as u32));
        self.packed(text, &out)
    }

    fn alone(&self, _: &Text, span: Span) -> Vec<u8> {
        self.small(self.row(span))
    }
}

impl Book {
    /// The reference of a cell: its column and the number of its row.
    pub(super) fn reference(&self, n: usize) -> String {
        let columns = self.columns.len().max(1);
        let column = self.columns.get(n % columns).copied().unwrap_or(0);
        let number = self.rows.get(n / columns).map_or(0, |row| row.number);
        format!("{}{number}", letters(column))
    }

    /// What the schema says of a cell's column.
    pub(super) fn kind(&self, n: usize) -> ColumnKind {
        self.kinds.get(n % self.columns.len().max(1)).copied().unwrap_or(ColumnKind::Text)
    }

    /// The style of a cell that is not there yet.
    pub(super) fn style_of_gap(&self, n: usize) -> u32 {
        self.style_of(n % self.columns.len().max(1)).unwrap_or(0)
    }
}
