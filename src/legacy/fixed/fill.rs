//! Filling a text up to a width.

use super::Unit;
use crate::error::{Error, Kind, Result};
use crate::legacy::charset::Charset;
use crate::legacy::row::survives;

/// Where a text stands in its cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::legacy) enum Align {
    Left,
    Right,
}

/// A text with blanks up to a width; one that is longer, or that blanks would change, is refused.
pub(in crate::legacy) fn filled(
    charset: Charset,
    unit: Unit,
    width: usize,
    align: Align,
    text: &str,
) -> Result<String> {
    let bytes = charset.encode(text).map_err(|c| charset.no_code(c))?.len();
    let (has, called) = match unit {
        Unit::Bytes => (bytes, format!("bytes in {}", charset.name())),
        Unit::Characters => (text.chars().count(), "characters".to_owned()),
    };
    if has > width {
        let what = format!("'{text}' takes {has} {called}, and there is room for {width}");
        return Err(Error::new(Kind::Value, what).advise("nothing is cut: write a shorter text"));
    }
    let ends = align == Align::Right && text.starts_with([' ', '\0']);
    if !survives(text) || ends {
        let what = format!("'{text}' has blanks at its end that would not be read again");
        return Err(Error::new(Kind::Value, what));
    }
    let blanks = " ".repeat(width - has);
    Ok(match align {
        Align::Left => text.to_owned() + &blanks,
        Align::Right => blanks + text,
    })
}
