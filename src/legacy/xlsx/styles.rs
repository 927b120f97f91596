//! Which numbers are days or times: it is the style of a cell that says so.

use std::collections::HashMap;

use super::tokens::{Token, attribute, is, number, tokens};
use crate::error::Result;

/// What a number in a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Number,
    /// A day.
    Date,
    /// A day and a time.
    DateTime,
    /// A time of the day.
    Time,
}

/// The class of every cell style.
#[derive(Debug, Default)]
pub(super) struct Styles(Vec<Class>);

impl Styles {
    pub fn read(xml: &str) -> Result<Styles> {
        let mut formats: HashMap<u32, Class> = HashMap::new();
        let (mut styles, mut inside) = (Vec::new(), false);
        for token in tokens("styles.xml", xml) {
            match token? {
                Token::Start { tag, .. } if is(&tag, "numFmt") => {
                    let code = attribute(&tag, "formatCode").unwrap_or_default();
                    formats.extend(number(&tag, "numFmtId").map(|id| (id, class_of(&code))));
                }
                Token::Start { tag, empty, .. } if is(&tag, "cellXfs") => inside = !empty,
                Token::Start { tag, .. } if inside && is(&tag, "xf") => {
                    let id = number(&tag, "numFmtId").unwrap_or(0);
                    styles.push(formats.get(&id).copied().unwrap_or_else(|| built_in(id)));
                }
                Token::End { name, .. } if name == "cellXfs" => inside = false,
                _ => {}
            }
        }
        Ok(Styles(styles))
    }

    pub fn class(&self, style: u32) -> Class {
        self.0.get(style as usize).copied().unwrap_or(Class::Number)
    }
}

/// Formats that need no declaration (ECMA-376 part 1, 18.8.30); 27 to 36 and 50 to 58 are those of
/// Chinese, Japanese and Korean.
fn built_in(id: u32) -> Class {
    match id {
        14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => Class::Date,
        22 => Class::DateTime,
        18..=21 | 32..=35 | 45..=47 | 55 | 56 => Class::Time,
        _ => Class::Number,
    }
}

/// By the letters of a format, outside of quotes, brackets and escapes; the first section counts.
fn class_of(code: &str) -> Class {
    let code = code.replace("General", "").replace("E+", "").replace("E-", "");
    let (mut day, mut time, mut minute) = (false, false, false);
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => drop(chars.find(|c| *c == '"')),
            '\\' | '_' | '*' => drop(chars.next()),
            '[' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                // Elapsed time is a number of hours, not a time of the day.
                if inside.chars().all(|c| matches!(c, 'h' | 'm' | 's' | 'H' | 'M' | 'S'))
                    && !inside.is_empty()
                {
                    return Class::Number;
                }
            }
            ';' => break,
            'y' | 'Y' | 'd' | 'D' | 'e' | 'E' => day = true,
            'h' | 'H' | 's' | 'S' => time = true,
            'm' | 'M' => minute = true,
            _ => {}
        }
    }
    match (day || (minute && !time), time) {
        (true, true) => Class::DateTime,
        (true, false) => Class::Date,
        (false, true) => Class::Time,
        (false, false) => Class::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_letters() {
        for (code, class) in [
            ("yyyy-mm-dd", Class::Date),
            ("yyyy\"年\"m\"月\"d\"日\";@", Class::Date),
            ("[$-804]aaaa yyyy/m/d", Class::Date),
            ("yyyy/m/d h:mm", Class::DateTime),
            ("h:mm:ss", Class::Time),
            ("mm-yy", Class::Date),
            ("[h]:mm", Class::Number),
            ("0.00_ ", Class::Number),
            ("0.00E+00", Class::Number),
            ("\"day\"0", Class::Number),
            ("#,##0.00 [$USD]", Class::Number),
            ("General", Class::Number),
            ("@", Class::Number),
        ] {
            assert_eq!(class_of(code), class, "{code}");
        }
    }
}
