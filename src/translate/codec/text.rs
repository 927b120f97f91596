//! Codecs over plain texts: numbers, flags, names, phones, lines, padding; and the alphabets.

use std::borrow::Cow;

use super::{Bad, Val};
use crate::translate::plan::Class;

/// A decimal: full-width digits become ASCII, the rest must be a number.
pub(super) fn decimal(text: Cow<'_, str>) -> Result<Cow<'_, str>, Bad> {
    match number_text(&text) {
        Some(number) if *number == *text => Ok(text),
        Some(number) => Ok(Cow::Owned(number)),
        None => Err(format!("'{text}' is not a decimal number")),
    }
}

/// A whole number.
pub(super) fn integer(text: Cow<'_, str>) -> Result<Cow<'_, str>, Bad> {
    let number = decimal(text)?;
    if number.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return Ok(number);
    }
    Err(format!("'{number}' is not a whole number"))
}

/// The JSON spelling of a number as people write it (`５.９１`, `+3`, `.5`, `007`), or none.
/// Digits after the point are kept: `1.00` stays `1.00`.
pub(in crate::translate) fn number_text(text: &str) -> Option<String> {
    let ascii: String = text.trim().chars().map(half_width).collect();
    let (sign, digits) = match ascii.strip_prefix(['-', '+']) {
        Some(rest) => (if ascii.starts_with('-') { "-" } else { "" }, rest),
        None => ("", ascii.as_str()),
    };
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(w, p)| (w, Some(p)));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !part.is_none_or(all_digits) {
        return None;
    }
    let part = part.filter(|p| !p.is_empty());
    if whole.is_empty() && part.is_none() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match part {
        Some(part) => format!("{sign}{whole}.{part}"),
        None => format!("{sign}{whole}"),
    })
}

/// A full-width ASCII character as its ASCII twin; the ideographic space as a space.
pub(super) fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }
}

/// `Y`/`N` → `true`/`false`.
pub(super) fn flag_get(yes: &str, no: &str, text: &str) -> Result<&'static str, Bad> {
    if text == yes {
        Ok("true")
    } else if text == no {
        Ok("false")
    } else {
        Err(format!("'{text}' is neither '{yes}' nor '{no}'"))
    }
}

/// `true`/`false` → `Y`/`N`.
pub(super) fn flag_put(yes: &str, no: &str, text: &str) -> Result<String, Bad> {
    match text {
        "true" => Ok(yes.to_owned()),
        "false" => Ok(no.to_owned()),
        other => Err(format!("'{other}' is not true or false")),
    }
}

/// A person's name: outer space gone, every kind of middle dot is `·`.
pub(super) fn name(text: Cow<'_, str>) -> Cow<'_, str> {
    let dot = |c| matches!(c, '•' | '．' | '‧' | '・');
    let trimmed = text.trim_matches([' ', '\u{3000}']);
    let han_dot = trimmed.contains('.') && trimmed.chars().any(is_han);
    if trimmed.len() == text.len() && !han_dot && !text.contains(dot) {
        return text;
    }
    let unified = |c| if dot(c) || (han_dot && c == '.') { '·' } else { c };
    Cow::Owned(trimmed.chars().map(unified).collect())
}

/// A text without white space at its ends, and single blanks inside: how documents are laid out is
/// no part of it.
pub(super) fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    let odd =
        |pair: &[char]| pair[0].is_whitespace() && (pair[1].is_whitespace() || pair[0] != ' ');
    let trimmed = text.trim();
    let chars: Vec<char> = trimmed.chars().collect();
    if trimmed.len() == text.len() && !chars.windows(2).any(odd) {
        return text;
    }
    Cow::Owned(trimmed.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A telephone number: full-width digits and outer space unified; anything else as sent.
pub(super) fn phone(text: Cow<'_, str>) -> Cow<'_, str> {
    let odd = |c: char| ('\u{ff01}'..='\u{ff5e}').contains(&c) || c == '\u{3000}';
    if !text.contains(odd) && text.trim().len() == text.len() {
        return text;
    }
    let half: String = text.chars().map(half_width).collect();
    Cow::Owned(half.trim().to_owned())
}

/// Repeated slots → one text with a line each.
pub(super) fn join_lines(val: Val<'_>) -> Cow<'_, str> {
    match val {
        Val::Many(lines) => {
            let lines: Vec<_> = lines.iter().map(|l| l.as_deref().unwrap_or("")).collect();
            Cow::Owned(lines.join("\n"))
        }
        other => other.text().unwrap_or_default(),
    }
}

/// One text → its lines.
pub(super) fn split_lines<'r>(text: &str) -> Val<'r> {
    Val::Many(text.split('\n').map(|l| Some(Cow::Owned(l.to_owned()))).collect())
}

/// Without leading zeros; a lone zero stays.
pub(super) fn strip_zeros(text: Cow<'_, str>) -> Cow<'_, str> {
    let stripped = text.trim_start_matches('0');
    match stripped {
        "" => Cow::Borrowed("0"),
        s if s.len() == text.len() => text,
        s => Cow::Owned(s.to_owned()),
    }
}

/// With leading zeros up to a width.
pub(super) fn pad(width: usize, text: &str) -> String {
    format!("{text:0>width$}")
}

/// Whether a text is written in an alphabet.
pub(in crate::translate) fn in_class(class: Class, text: &str) -> bool {
    if text.is_empty() {
        return false;
    }
    match class {
        Class::Decimal | Class::Number => number_text(text).is_some(),
        Class::Digits => text.bytes().all(|b| b.is_ascii_digit()),
        Class::Oid => {
            let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
            text.contains('.') && text.split('.').all(part)
        }
        Class::Word => text.trim() == text,
        Class::Comparator => {
            matches!(text, "<" | ">" | "<=" | ">=" | "≤" | "≥" | "＜" | "＞" | "＜＝" | "＞＝")
        }
        Class::Han => text.chars().all(|c| is_han(c) || matches!(c, '·' | '•' | '．' | '‧' | '・')),
        Class::Latin => {
            text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, ' ' | '-' | '\''))
        }
    }
}

/// Han characters of all planes, with the ideographic zero and the private use area, where older
/// systems put rare characters of names.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}'
        | '\u{3007}' | '\u{e000}'..='\u{f8ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_lose_their_width() {
        for (written, number) in [
            ("５.９１", Some("5.91")),
            ("1.00", Some("1.00")),
            ("+3", Some("3")),
            (".5", Some("0.5")),
            ("007", Some("7")),
            ("-0.5", Some("-0.5")),
            ("5.", Some("5")),
            ("<0.5", None),
            ("", None),
            ("-", None),
            ("1e3", None),
            ("1.2.3", None),
        ] {
            assert_eq!(number_text(written).as_deref(), number, "{written}");
        }
    }

    #[test]
    fn middle_dots_of_names_are_one() {
        for written in ["阿依古丽·测试", "阿依古丽•测试", "阿依古丽．测试", " 阿依古丽.测试　"]
        {
            assert_eq!(name(written.into()), "阿依古丽·测试", "{written}");
        }
        assert_eq!(name("J. Smith".into()), "J. Smith");
    }
}
