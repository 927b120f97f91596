//! Several files into one: the rows of the others behind those of the first.

use super::{Row, Schema, Shared, Spelling};
use crate::error::Result;
use crate::legacy::charset::Charsets;
use crate::legacy::record::{File, Record};
use crate::legacy::{dbf, delimited};

impl Schema {
    /// The first file with the rows of the others, by the names of its columns. What is in the first
    /// stays byte for byte, but for what counts its rows.
    pub fn join(&self, files: &[&[u8]], charsets: &Charsets) -> Result<Vec<u8>> {
        let Some((first, others)) = files.split_first() else { return Ok(Vec::new()) };
        if others.is_empty() {
            return Ok(first.to_vec());
        }
        let (file, shared) = self.read_shared(first, charsets)?;
        let mut rows = Vec::new();
        for other in others {
            let other = self.read(other, charsets)?;
            if let Some((_, error)) = other.broken.into_iter().next() {
                return Err(error);
            }
            rows.extend(other.records.iter().filter_map(|record| match record {
                Record::Row(row) => Some(shared.names.iter().map(|name| row.named(name)).collect()),
                _ => None,
            }));
        }
        append(&file, &shared, &rows)
    }
}

fn append(file: &File, shared: &Shared, rows: &[Vec<Option<String>>]) -> Result<Vec<u8>> {
    let text = &file.text;
    let line_end = match &shared.spelling {
        Spelling::Dbf(table) => return dbf::append(file, table, rows),
        Spelling::Xlsx(book) => return book.append(file, rows),
        Spelling::Delimited(dialect) => &dialect.line_end,
        Spelling::Fixed(layout) => &layout.line_end,
    };
    let mut new = String::new();
    if !text.text.is_empty() && !text.text.ends_with(['\r', '\n']) {
        new += line_end;
    }
    for row in rows {
        let values = row.iter().enumerate().map(|(n, value)| {
            value.as_deref().unwrap_or_else(|| shared.schema.null(shared.column(n)))
        });
        let values: Vec<&str> = values.collect();
        new += &match &shared.spelling {
            Spelling::Fixed(layout) => layout.line(&shared.schema, text.charset, &values)?,
            Spelling::Delimited(dialect) => delimited::line(dialect, &values),
            Spelling::Dbf(_) | Spelling::Xlsx(_) => String::new(),
        };
    }
    let mut bytes = text.bytes.to_vec();
    bytes.extend_from_slice(&text.charset.encode(&new).map_err(|c| text.charset.no_code(c))?);
    Ok(bytes)
}

impl Row {
    /// What a cell says, by the name of its column.
    fn named(&self, name: &str) -> Option<String> {
        let schema = &self.shared.schema;
        let n = self.shared.names.iter().position(|n| schema.same(n, name))?;
        let value = self.cells.get(n)?.value(&self.shared.text.text, self.shared.quote());
        (!schema.is_nothing(self.shared.column(n), &value)).then(|| value.into_owned())
    }
}
