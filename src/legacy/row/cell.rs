//! A cell: where it stands, and how its text is spelt there.

use std::borrow::Cow;

use crate::legacy::record::Span;

/// A cell as it stands in the text of the file, with quotes or padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::legacy) struct Cell {
    pub span: Span,
    pub how: How,
}

/// How a cell is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::legacy) enum How {
    /// As it is.
    Plain,
    /// Between quotes; a doubled one stands for one.
    Quoted,
    /// Filled up with blanks at its end.
    Padded,
    /// With blanks on either side.
    Number,
    /// `T`, `F`, or a letter that means the same.
    Logical,
    /// The deletion mark of a DBF record.
    Deletion,
}

/// What stands behind the text of a padded cell. Some writers fill up with NUL.
const PADDING: [char; 2] = [' ', '\0'];

impl Cell {
    /// The span without quotes or padding.
    pub fn inner(&self, text: &str, quote: char) -> Span {
        let Span { start, end } = self.span;
        let raw = text.get(start as usize..end as usize).unwrap_or("");
        match self.how {
            How::Plain | How::Logical | How::Deletion => self.span,
            How::Quoted => {
                let width = quote.len_utf8() as u32;
                Span { start: start + width, end: end.saturating_sub(width).max(start + width) }
            }
            How::Padded => Span { start, end: start + raw.trim_end_matches(PADDING).len() as u32 },
            How::Number => {
                let behind = raw.trim_end_matches(PADDING).len();
                let before = behind - raw[..behind].trim_start_matches(PADDING).len();
                Span { start: start + before as u32, end: start + behind as u32 }
            }
        }
    }

    /// What it says.
    pub fn value<'t>(&self, text: &'t str, quote: char) -> Cow<'t, str> {
        let inner = self.inner(text, quote);
        let raw = text.get(inner.start as usize..inner.end as usize).unwrap_or("");
        match self.how {
            How::Quoted if raw.contains(quote) => {
                let twice = format!("{quote}{quote}");
                Cow::Owned(raw.replace(&twice, quote.encode_utf8(&mut [0; 4])))
            }
            How::Logical => Cow::Borrowed(match raw {
                "T" | "t" | "Y" | "y" => "T",
                "F" | "f" | "N" | "n" => "F",
                "?" => "",
                other => other,
            }),
            How::Deletion => Cow::Borrowed(if raw == "*" { "true" } else { "false" }),
            _ => Cow::Borrowed(raw),
        }
    }
}

/// Whether a text survives in a padded cell.
pub(in crate::legacy) fn survives(text: &str) -> bool {
    !text.ends_with(PADDING)
}
