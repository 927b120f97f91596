//! `paths:`: named, parameterised XML paths, put in by text: `vit(DE04.10.174.00, 收缩压)/@value`.

use super::Compiling;
use super::text::split;
use crate::yaml::Mark;

/// Deepest nesting of names in names.
const MAX_DEPTH: usize = 16;

/// A named path.
#[derive(Debug, Clone)]
pub(super) struct NamedPath {
    name: String,
    params: Vec<String>,
    text: String,
}

impl Compiling<'_> {
    /// Reads `paths:`.
    pub(super) fn read_paths(&mut self) {
        let Some(node) = self.doc.get("paths").cloned() else { return };
        for (key, value) in node.entries().unwrap_or_default() {
            let (name, params) = match key.text.split_once('(') {
                Some((name, params)) => (name, params.trim_end_matches(')')),
                None => (key.text.as_str(), ""),
            };
            let Some(text) = value.text() else {
                self.report.error("M000", value.mark, "a named path is one text");
                continue;
            };
            let params = split(params, ',').into_iter().filter(|p| !p.is_empty());
            self.paths.push(NamedPath {
                name: name.trim().to_owned(),
                params: params.map(str::to_owned).collect(),
                text: text.to_owned(),
            });
        }
    }

    /// Whether a slot begins with a named path.
    pub(super) fn paths_has(&self, slot: &str) -> bool {
        self.named_path(slot).is_some()
    }

    /// A slot with its named paths put in.
    pub(super) fn expand_path(&mut self, slot: &str, mark: Mark) -> Option<String> {
        let mut text = slot.to_owned();
        for _ in 0..MAX_DEPTH {
            let Some(path) = self.named_path(&text).cloned() else { return Some(text) };
            let rest = text[path.name.len()..].to_owned();
            let (args, rest) = arguments(&rest);
            if args.len() != path.params.len() {
                let what = format!("'{}' takes {} arguments", path.name, path.params.len());
                let hint = format!("they are: {}", path.params.join(", "));
                let mark = self.report.within(mark, slot);
                self.report.error_hint("M018", mark, what, hint);
                return None;
            }
            let mut body = path.text.clone();
            for (name, value) in path.params.iter().zip(args) {
                body = body.replace(&format!("{{{name}}}"), value);
            }
            text = body + rest;
        }
        self.report.error("M018", mark, "these paths name each other in a circle");
        None
    }

    fn named_path(&self, slot: &str) -> Option<&NamedPath> {
        let end = slot.find(['(', '/', '[']).unwrap_or(slot.len());
        self.paths.iter().find(|p| p.name == slot[..end])
    }
}

/// `(a, b)/c` → its arguments and `/c`.
fn arguments(text: &str) -> (Vec<&str>, &str) {
    if !text.starts_with('(') {
        return (Vec::new(), text);
    }
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return (split(&text[1..at], ','), &text[at + 1..]),
            ')' => depth -= 1,
            _ => {}
        }
    }
    (Vec::new(), text)
}
