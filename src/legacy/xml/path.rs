//! Paths: `a/b[c=v]/@d`, parsed once when a mapping is compiled.

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
    pub(super) fn names(&self) -> Vec<String> {
        self.steps.iter().map(|s| s.name.clone()).collect()
    }

    pub(super) fn names_ref(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|s| s.name.as_str())
    }

    /// The names with the attribute.
    pub(super) fn shown(&self) -> Vec<String> {
        let mut names = self.names();
        names.extend(self.attribute.as_ref().map(|a| format!("@{a}")));
        names
    }
}

/// Parses a path.
pub(super) fn parse(text: &str) -> Result<Path, Unknown> {
    let text = text.trim();
    let bad =
        |what: String| Unknown { what, hint: Some("write a path like a/b[c=v]/@d".to_owned()) };
    if text.is_empty() {
        return Err(bad("the path is empty".to_owned()));
    }
    let mut path = Path::default();
    if text == "." {
        return Ok(path);
    }
    for part in outside_brackets(text, '/') {
        if path.attribute.is_some() {
            return Err(bad(format!("'{text}' goes on after an attribute")));
        }
        if let Some(name) = part.strip_prefix('@') {
            path.attribute = Some(name.to_owned());
            continue;
        }
        let (name, rest) = part.split_once('[').map_or((part, None), |(n, r)| (n, Some(r)));
        let plain = !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'));
        if !plain {
            return Err(bad(format!("'{name}' in '{text}' is not an element name")));
        }
        let mut predicates = Vec::new();
        if let Some(rest) = rest {
            let inner =
                rest.strip_suffix(']').ok_or_else(|| bad(format!("']' is missing in '{text}'")))?;
            for one in inner.split("][") {
                predicates.push(predicate(one)?);
            }
        }
        path.steps.push(Step { name: name.to_owned(), predicates });
    }
    Ok(path)
}

fn predicate(text: &str) -> Result<Predicate, Unknown> {
    let unquoted = |v: &str| v.trim().trim_matches(['\'', '"']).to_owned();
    if let Some((path, values)) = text.split_once(" in ") {
        let values = values.trim().trim_start_matches('(').trim_end_matches(')');
        let values = values.split(',').map(unquoted).collect();
        return Ok(Predicate { path: parse(path)?, values, steers: false });
    }
    let (path, value) = text.split_once('=').ok_or_else(|| Unknown {
        what: format!("'[{text}]' is not a condition"),
        hint: Some("write [a=v], [a in (v, w)] or [a:=v]".to_owned()),
    })?;
    let steers = path.ends_with(':');
    let path = parse(path.trim_end_matches(':'))?;
    Ok(Predicate { path, values: vec![unquoted(value)], steers })
}

/// Splits at a character that stands outside brackets.
fn outside_brackets(text: &str, at: char) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (n, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if c == at && depth == 0 => {
                parts.push(&text[start..n]);
                start = n + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
