//! Cutting the texts of a mapping: at separators that stand outside of quotes and brackets.

use crate::error::nearest;

/// Parts between separators at the top level, trimmed.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in top(text) {
        if c == separator {
            parts.push(text[start..at].trim());
            start = at + c.len_utf8();
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// Words between white space at the top level: `in`, `("a", b)`, `a[x = y]/b`.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    for (at, c) in top(text) {
        if c.is_whitespace() {
            if at > start {
                words.push(&text[start..at]);
            }
            start = at + c.len_utf8();
        }
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// What stands before and after the first occurrence of a word at the top level, trimmed.
pub(super) fn split_once<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str)> {
    let mut from = 0;
    for (at, c) in top(text).chain(std::iter::once((text.len(), ' '))) {
        if c.is_whitespace() {
            if &text[from..at] == word {
                return Some((text[..from].trim(), text[at..].trim()));
            }
            from = (at + c.len_utf8()).min(text.len());
        }
    }
    None
}

/// What stands between occurrences of a word at the top level, trimmed.
pub(super) fn split_word<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = split_once(rest, word) {
        parts.push(before);
        rest = after;
    }
    parts.push(rest.trim());
    parts
}

/// The characters outside of quotes and brackets, with their byte offsets. A quote opens only where
/// a value can begin, so that an apostrophe in a word is one.
fn top(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut depth = 0usize;
    let mut quote: Option<char> = None;
    let mut before = ' ';
    text.char_indices().filter(move |&(_, c)| {
        let opens = before.is_whitespace() || matches!(before, '(' | '[' | '{' | ',' | '=' | ':');
        before = c;
        if let Some(open) = quote {
            if c == open {
                quote = None;
            }
            return false;
        }
        match c {
            '"' | '\'' if opens => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    })
}

/// The text in a pair of quotes.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let text = text.trim();
    ['"', '\''].into_iter().find_map(|q| {
        let inner = text.strip_prefix(q)?.strip_suffix(q)?;
        (!inner.contains(q)).then_some(inner)
    })
}

/// A literal: without its quotes if it has some.
pub(super) fn literal(text: &str) -> &str {
    quoted(text).unwrap_or_else(|| text.trim())
}

/// `name(arguments)`.
pub(super) fn call(text: &str) -> Option<(&str, &str)> {
    let open = text.find('(')?;
    let inner = text[open + 1..].strip_suffix(')')?;
    let name = text[..open].trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    plain.then_some((name, inner))
}

/// `(a, b)`, `[a, b]` or `a, b`: the parts as literals; empty text has none.
pub(super) fn list(text: &str) -> Vec<String> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    split(text, ',').into_iter().map(|part| literal(part).to_owned()).collect()
}

/// A hint that names the nearest candidate.
pub(super) fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean '{near}'?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_and_brackets_do_not_cut() {
        assert_eq!(split(r#"OBX-5 | map("a|b", c) | x"#, '|'), ["OBX-5", r#"map("a|b", c)"#, "x"]);
        assert_eq!(
            words(r#"a in (b, "c d") and x[@u in (m, 'm[H]')]/@v present"#),
            ["a", "in", r#"(b, "c d")"#, "and", "x[@u in (m, 'm[H]')]/@v", "present"]
        );
        assert_eq!(split_word("a or b or \"c or d\"", "or"), ["a", "b", "\"c or d\""]);
        assert_eq!(
            split_word("OBR-25 | code(x) else final", "else"),
            ["OBR-25 | code(x)", "final"]
        );
        assert_eq!(split_word("order", "or"), ["order"]);
        assert_eq!(call("pid(identifier(PI).value)"), Some(("pid", "identifier(PI).value")));
        assert_eq!(call("PID-3"), None);
        assert_eq!(literal("\"-\""), "-");
        assert_eq!(list("Mod, \"D,el\""), ["Mod", "D,el"]);
    }
}
