//! Values → what stands in a cell, filled up to its width; nothing is ever cut.

use super::table::Geometry;
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::Charset;
use crate::legacy::fixed::{Align, Unit, filled};

impl Geometry {
    /// The text of a cell for a value; empty is nothing.
    pub fn spell(&self, charset: Charset, cell: usize, value: &str) -> Result<String> {
        let Some(field) = cell.checked_sub(1).and_then(|n| self.fields.get(n)) else {
            return mark(value);
        };
        let wrong = |what: String| Err(Error::new(Kind::Value, what));
        let (text, align) = match field.kind {
            b'L' => match value {
                "" | "T" | "F" => (value.to_owned(), Align::Left),
                _ => return wrong(format!("'{value}' is neither T nor F")),
            },
            b'D' if value.is_empty() => (String::new(), Align::Left),
            b'D' => match day(value) {
                Some(day) => (day, Align::Left),
                None => return wrong(format!("'{value}' is no day (yyyyMMdd)")),
            },
            b'N' | b'F' => {
                if !value.is_empty() {
                    number(value, field.decimals)?;
                }
                (value.to_owned(), Align::Right)
            }
            _ => (value.to_owned(), Align::Left),
        };
        filled(charset, Unit::Bytes, field.width, align, &text)
    }
}

fn mark(value: &str) -> Result<String> {
    match value {
        "true" => Ok("*".to_owned()),
        "" | "false" => Ok(" ".to_owned()),
        _ => Err(Error::new(Kind::Value, format!("'{value}' is neither true nor false"))),
    }
}

/// Eight digits; of `2026-03-05` too.
fn day(value: &str) -> Option<String> {
    let digits = match value.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
            value.replace('-', "")
        }
        _ => value.to_owned(),
    };
    (digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// A number is written as it is given, with no more digits behind the point than the field has.
fn number(value: &str, decimals: u8) -> Result<()> {
    let plain = value.strip_prefix(['-', '+']).unwrap_or(value);
    let (whole, behind) = plain.split_once('.').unwrap_or((plain, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(behind) || whole.len() + behind.len() == 0 {
        return Err(Error::new(Kind::Value, format!("'{value}' is no number")));
    }
    if behind.len() > usize::from(decimals) {
        let what =
            format!("'{value}' has more digits behind the point than the field keeps: {decimals}");
        return Err(Error::new(Kind::Value, what).advise("round it in the mapping"));
    }
    Ok(())
}
