//! Paths: `a/b[c=v]/@d`, parsed once when a mapping is compiled.

use super::tag::is_name;
use crate::legacy::record::Unknown;

/// A relative path to an element or attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path {
    pub(super) steps: Vec<Step>,
    pub(super) attribute: Option<String>,
}

/// A step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub name: String,
    pub predicates: Vec<Predicate>,
}

/// `[p=v]`, `[p in (v, w)]`: tested, and the first value written to a new element; `[p:=v]` is not
/// tested, it only steers where a new element is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Predicate {
    pub(super) path: Path,
    pub(super) values: Vec<String>,
    pub(super) steers: bool,
}

impl Step {
    /// A step without prefix matches any prefix.
    pub(super) fn is_named(&self, name: &str) -> bool {
        name == self.name || name.split_once(':').is_some_and(|(_, local)| local == self.name)
    }
}

impl Path {
    /// The names of the steps.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|s| s.name.as_str())
    }

    /// The names with the attribute.
    pub(super) fn shown(&self) -> Vec<String> {
        let mut names: Vec<String> = self.names().map(str::to_owned).collect();
        names.extend(self.attribute.as_ref().map(|a| format!("@{a}")));
        names
    }
}

/// Parses a path.
pub(super) fn parse(text: &str) -> Result<Path, Unknown> {
    let text = text.trim();
    let mut path = Path::default();
    for part in split(text, '/') {
        if path.attribute.is_some() {
            return Err(bad(format!("'{text}' goes on after an attribute")));
        }
        if let Some(name) = part.strip_prefix('@') {
            if !is_name(name) {
                return Err(bad(format!("'{name}' in '{text}' is not an attribute name")));
            }
            path.attribute = Some(name.to_owned());
        } else if part != "." {
            path.steps.push(step(part, text)?);
        }
    }
    Ok(path)
}

fn bad(what: String) -> Unknown {
    Unknown { what, hint: Some("write a path like a/b[c=v]/@d".to_owned()) }
}

/// `a[b=c][d=e]`.
fn step(part: &str, whole: &str) -> Result<Step, Unknown> {
    let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
    if !is_name(name) {
        return Err(bad(format!("'{name}' in '{whole}' is not an element name")));
    }
    let mut predicates = Vec::new();
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').and_then(|r| Some(&r[..closing(r)?]));
        let inner = inner.ok_or_else(|| bad(format!("']' is missing in '{whole}'")))?;
        predicates.push(predicate(inner)?);
        rest = &rest[inner.len() + 2..];
    }
    Ok(Step { name: name.to_owned(), predicates })
}

/// `b=c`, `b in (c, d)`, `b:=c`.
fn predicate(text: &str) -> Result<Predicate, Unknown> {
    let bad = || Unknown {
        what: format!("'[{text}]' is not a condition"),
        hint: Some("write [a=v], [a in (v, w)] or [a:=v]".to_owned()),
    };
    let text = text.trim();
    let mut ends = outside(text).filter(|(_, c)| *c == '=' || c.is_whitespace());
    let (end, _) = ends.next().ok_or_else(bad)?;
    let (path, rest) = (text[..end].trim_end_matches(':'), text[end..].trim_start());
    let steers = path.len() < end || rest.starts_with(":=");
    let values = if let Some(value) = rest.strip_prefix(":=").or(rest.strip_prefix('=')) {
        vec![value]
    } else {
        let list = rest.strip_prefix("in").map(str::trim);
        let list =
            list.and_then(|list| list.strip_prefix('(')?.strip_suffix(')')).ok_or_else(bad)?;
        split(list, ',')
    };
    let values: Vec<String> = values.into_iter().map(unquoted).collect();
    if values.iter().any(String::is_empty) {
        return Err(bad());
    }
    Ok(Predicate { path: parse(path)?, values, steers })
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = ['\'', '"'].iter().find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q));
    inner.unwrap_or(text).to_owned()
}

/// The characters outside of brackets and, in brackets and lists, outside of quotes.
fn outside(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut depth, mut quote) = (0_usize, None);
    text.char_indices().filter(move |(_, c)| {
        match (quote, c) {
            (Some(q), c) => {
                if *c == q {
                    quote = None;
                }
                return false;
            }
            (None, '\'' | '"') => quote = Some(*c),
            (None, '[') => depth += 1,
            (None, ']') if depth > 0 => depth -= 1,
            (None, _) => return depth == 0,
        }
        false
    })
}

/// The place of the bracket that closes one opened before the text.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (n, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(n),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

/// Splits at a character that stands outside of brackets and quotes.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut start, mut parts) = (0, Vec::new());
    for (n, _) in outside(text).filter(|(_, c)| *c == at) {
        parts.push(&text[start..n]);
        start = n + at.len_utf8();
    }
    parts.push(&text[start..]);
    parts
}
