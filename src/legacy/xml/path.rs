//! Paths: `a/b[c=v]/@d`, parsed once when a mapping is compiled.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::namespace::{self, Name, Namespace, SCHEMA_INSTANCE};
use super::tag::is_name;
use crate::legacy::record::Unknown;

/// A path to an element, its text, or an attribute: relative to a scope, or from the root element
/// (`/a/b`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path {
    /// From the root element: a number that tells the path from others.
    pub(super) root: Option<u64>,
    pub(super) steps: Vec<Step>,
    pub(super) part: Part,
}

/// What of an element is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) enum Part {
    /// The text directly inside.
    #[default]
    Text,
    /// All inside, with the tags.
    Inside,
    /// An attribute.
    Attribute(Name),
}

/// A step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub name: Name,
    pub predicates: Vec<Predicate>,
    /// `[new]`: an instance of a list is made from here on.
    pub new: bool,
}

/// `[p=v]`, `[p in (v, w)]`: tested, and the first value written to a new element; `[p:=v]` is not
/// tested, it only steers where a new element is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Predicate {
    pub(super) path: Path,
    pub(super) values: Vec<String>,
    pub(super) steers: bool,
    /// It is about `xsi:type`, whose values may carry a prefix.
    pub(super) types: bool,
}

impl Predicate {
    /// Whether a text is one of its values.
    pub(super) fn takes(&self, text: &str) -> bool {
        let text = if self.types { namespace::local(text.trim()) } else { text };
        self.values.iter().any(|value| value == text)
    }
}

impl Step {
    /// `observation[code/@code=DE04.10.174.00]`: what steers only is no part of what is read.
    fn shown(&self) -> String {
        let mut text = self.name.shown.clone();
        for Predicate { path, values, .. } in self.predicates.iter().filter(|p| !p.steers) {
            let path = path.shown().join("/");
            let values: Vec<String> = values.iter().map(|v| quoted(v)).collect();
            text += &match &values[..] {
                [one] => format!("[{path}={one}]"),
                several => format!("[{path} in ({})]", several.join(", ")),
            };
        }
        text
    }
}

impl Path {
    /// The names of the steps, as written, without prefixes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|s| namespace::local(&s.name.shown))
    }

    /// The steps with the predicates that are tested and the attribute, as written.
    pub(super) fn shown(&self) -> Vec<String> {
        let mut steps: Vec<String> = self.steps.iter().map(Step::shown).collect();
        if let Part::Attribute(name) = &self.part {
            steps.push(format!("@{}", name.shown));
        }
        steps
    }

    /// The same path, looked up from the root element wherever it is used.
    #[must_use]
    pub(super) fn rooted(mut self) -> Path {
        self.root = None;
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        self.root = Some(hasher.finish());
        self
    }
}

/// Parses a path; its prefixes are those of the schema.
pub(super) fn parse(text: &str, namespaces: &[Namespace]) -> Result<Path, Unknown> {
    let text = text.trim();
    let mut path = Path::default();
    for part in split(text.strip_prefix('/').unwrap_or(text), '/') {
        if matches!(path.part, Part::Attribute(_)) {
            return Err(bad(format!("'{text}' goes on after an attribute")));
        }
        if let Some(name) = part.strip_prefix('@') {
            if !is_name(name) {
                return Err(bad(format!("'{name}' in '{text}' is not an attribute name")));
            }
            path.part = Part::Attribute(named(name, namespaces, false)?);
        } else if part != "." {
            path.steps.push(step(part, text, namespaces)?);
        }
    }
    Ok(if text.starts_with('/') { path.rooted() } else { path })
}

fn bad(what: String) -> Unknown {
    Unknown { what, hint: Some("write a path like a/b[c=v]/@d".to_owned()) }
}

/// A name and its namespace. An element without prefix is of the default namespace, an attribute
/// without prefix of none.
fn named(name: &str, namespaces: &[Namespace], element: bool) -> Result<Name, Unknown> {
    let shown = name.to_owned();
    if namespaces.is_empty() {
        return Ok(Name { shown, namespace: None });
    }
    let prefix = name.split_once(':').map(|(prefix, _)| prefix);
    let number = match prefix {
        None if element => Some(namespace::of_prefix(namespaces, "").unwrap_or(namespace::NONE)),
        None => Some(namespace::NONE),
        Some(prefix) => namespace::of_prefix(namespaces, prefix),
    };
    match number {
        Some(number) => Ok(Name { shown, namespace: Some(number) }),
        None => Err(Unknown {
            what: format!("'{name}' has a prefix that `namespaces` does not name"),
            hint: Some("add it to `namespaces`".to_owned()),
        }),
    }
}

/// `a[b=c][d=e][new]`.
fn step(part: &str, whole: &str, namespaces: &[Namespace]) -> Result<Step, Unknown> {
    let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
    if !is_name(name) {
        return Err(bad(format!("'{name}' in '{whole}' is not an element name")));
    }
    let (mut predicates, mut new) = (Vec::new(), false);
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').and_then(|r| Some(&r[..closing(r)?]));
        let inner = inner.ok_or_else(|| bad(format!("']' is missing in '{whole}'")))?;
        match inner {
            "new" => new = true,
            inner => predicates.push(predicate(inner, namespaces)?),
        }
        rest = &rest[inner.len() + 2..];
    }
    Ok(Step { name: named(name, namespaces, true)?, predicates, new })
}

/// `b=c`, `b in (c, d)`, `b:=c`.
fn predicate(text: &str, namespaces: &[Namespace]) -> Result<Predicate, Unknown> {
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
    let path = parse(path, namespaces)?;
    if path.root.is_some() {
        return Err(bad());
    }
    let types = match &path.part {
        Part::Attribute(Name { shown, namespace: Some(number) }) => {
            let of = number.checked_sub(1).and_then(|n| namespaces.get(usize::from(n)));
            namespace::local(shown) == "type" && of.is_some_and(|n| n.uri == SCHEMA_INSTANCE)
        }
        _ => false,
    };
    Ok(Predicate { path, values, steers, types })
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = ['\'', '"'].iter().find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q));
    inner.unwrap_or(text).to_owned()
}

/// A value as a path shows it: in quotes where it holds what has a meaning in paths.
fn quoted(value: &str) -> String {
    let plain = !value.contains(|c: char| c.is_whitespace() || "[](),/='\"".contains(c));
    match (plain, value.contains('\'')) {
        (true, _) => value.to_owned(),
        (false, false) => format!("'{value}'"),
        (false, true) => format!("\"{value}\""),
    }
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
