//! Folding: two strings that people take for the same search word become the same text.
//!
//! Lower case; accents off Latin letters; full-width forms to the usual ones; any white space to
//! one space. Han and other letters stay as they are.

/// Longest folded text in the index, in bytes.
pub const LONGEST: usize = 200;

/// Folds a string, cut to [`LONGEST`] bytes.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LONGEST));
    let mut gap = false;
    for c in text.chars() {
        let c = match c {
            // Full-width ASCII, U+FF01..U+FF5E.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            // Combining accents.
            '\u{300}'..='\u{36f}' => continue,
            c if c.is_whitespace() => {
                gap = !out.is_empty();
                continue;
            }
            c => c,
        };
        if out.len() + 5 > LONGEST {
            break;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
        }
        match plain(c) {
            Some(plain) => out.push_str(plain),
            None => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// A Latin letter without its accent, in lower case.
fn plain(c: char) -> Option<&'static str> {
    const ROWS: &[(&str, &str)] = &[
        ("àáâãäåāăąǎÀÁÂÃÄÅĀĂĄǍ", "a"),
        ("çćĉċčÇĆĈĊČ", "c"),
        ("ďđĎĐ", "d"),
        ("èéêëēĕėęěÈÉÊËĒĔĖĘĚ", "e"),
        ("ĝğġģĜĞĠĢ", "g"),
        ("ĥħĤĦ", "h"),
        ("ìíîïĩīĭįıǐÌÍÎÏĨĪĬĮİǏ", "i"),
        ("ĵĴ", "j"),
        ("ķĶ", "k"),
        ("ĺļľŀłĹĻĽĿŁ", "l"),
        ("ñńņňÑŃŅŇ", "n"),
        ("òóôõöøōŏőǒÒÓÔÕÖØŌŎŐǑ", "o"),
        ("ŕŗřŔŖŘ", "r"),
        ("śŝşšŚŜŞŠ", "s"),
        ("ţťŧŢŤŦ", "t"),
        ("ùúûüũūŭůűųǔǖǘǚǜÙÚÛÜŨŪŬŮŰŲǓǕǗǙǛ", "u"),
        ("ŵŴ", "w"),
        ("ýÿŷÝŸŶ", "y"),
        ("źżžŹŻŽ", "z"),
        ("æÆ", "ae"),
        ("œŒ", "oe"),
        ("ß", "ss"),
    ];
    if c.is_ascii() || u32::from(c) > 0x1ff {
        return None;
    }
    ROWS.iter().find(|(letters, _)| letters.contains(c)).map(|(_, plain)| *plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_what_matters() {
        for (text, folded) in [
            ("张三", "张三"),
            ("Müller", "muller"),
            ("MU\u{308}LLER", "muller"),
            ("  Ｌｉ　\u{a0}Ming ", "li ming"),
            ("Lǚ", "lu"),
            ("ΑΘΗΝ", "αθην"),
            ("", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let folded = fold(&"张".repeat(100));
        assert!(folded.len() <= LONGEST && folded.len() > LONGEST - 5);
    }
}
