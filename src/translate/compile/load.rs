//! From files to one document: `extends`, `use`, party words. Every node keeps the mark of the
//! file it came from, so a mistake is shown where it was written, and a relative path is relative
//! to the file that says it.

use super::FileSource;
use super::report::Report;
use super::text::did_you_mean;
use crate::translate::plan::Party;
use crate::yaml::{self, Key, Kind, Mark, Node, Style};

/// Keys of a mapping file.
pub(super) const MAPPING_KEYS: &[&str] = &[
    "lang",
    "mapping",
    "version",
    "title",
    "source",
    "target",
    "accept",
    "schema",
    "charset",
    "timezone",
    "nulls",
    "rest",
    "root",
    "namespaces",
    "paths",
    "extends",
    "use",
    "bind",
    "codes",
    "define",
    "resources",
    "put",
    "require",
    "check",
    "create",
    "ignore",
    "extensions",
];

/// Keys of a model file.
pub(super) const MODEL_KEYS: &[&str] = &[
    "lang",
    "model",
    "extends",
    "version",
    "title",
    "target",
    "fields",
    "codes",
    "define",
    "resources",
    "put",
    "require",
    "check",
    "create",
    "ignore",
    "extensions",
];

/// Deepest chain of `extends`.
const MAX_EXTENDS: usize = 8;

/// A mapping with everything it inherits.
#[derive(Debug, Default)]
pub(super) struct Doc {
    /// Top-level entries that are none of the others.
    pub top: Vec<(Key, Node)>,
    /// Code tables: the layers of each, the oldest first.
    pub codes: Vec<(Key, Vec<Node>)>,
    /// `define:`.
    pub define: Vec<(Key, Node)>,
    /// `resources:`, inherited ones first.
    pub resources: Vec<(Key, Node)>,
    /// `fields:` of the model.
    pub fields: Vec<(Key, Node)>,
    /// Whether a model is used.
    pub has_model: bool,
    /// The mapping's own file as a whole.
    pub mark: Mark,
}

impl Doc {
    /// A top-level entry.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.top.iter().find(|(k, _)| k.text == key).map(|(_, v)| v)
    }

    /// The text of a top-level entry.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }
}

/// Reads files and lays them over each other.
pub(super) struct Loader<'a> {
    /// Takes note of every file and mistake.
    pub report: &'a mut Report,
    /// Where files come from.
    pub files: &'a dyn FileSource,
    /// Whose words replace `{$party.…}`.
    pub party: &'a Party,
}

impl Loader<'_> {
    /// Loads `NAME/mapping.yaml` and all it is made of.
    pub(super) fn load(&mut self, name: &str) -> Option<Doc> {
        let path = format!("{name}/mapping.yaml");
        let start = Mark { file: 0, line: 0, column: 0, length: 0 };
        let mut doc = self.load_tree(&path, start, 0)?;
        doc.mark = Mark { file: 0, line: 1, column: 1, length: 0 };
        if let Some(node) = doc.top.iter().position(|(k, _)| k.text == "use") {
            let (_, node) = doc.top.remove(node);
            doc = self.use_of(doc, &node);
        }
        self.check_name(&doc, name);
        Some(doc)
    }

    /// The mapping is called as its folder, and made for the FHIR version we speak.
    fn check_name(&mut self, doc: &Doc, folder: &str) {
        let said = doc.get("mapping");
        if said.and_then(Node::text) != Some(folder) {
            let mark = said.map_or(doc.mark, |node| node.mark);
            let hint = format!("write mapping: {folder}");
            self.report.error_hint("M000", mark, "a mapping has the name of its folder", hint);
        }
        if let Some(target) = doc.get("target")
            && target.text() != Some("fhir@4.0.1")
        {
            self.report.error_hint(
                "M000",
                target.mark,
                "unknown `target`",
                "write target: fhir@4.0.1",
            );
        }
    }

    /// A mapping file over the files it extends.
    fn load_tree(&mut self, path: &str, from: Mark, depth: usize) -> Option<Doc> {
        if depth > MAX_EXTENDS {
            self.report.error("M000", from, "`extends` goes in a circle or is too deep");
            return None;
        }
        let node = self.read(path, from)?;
        let mut doc = self.document(node, MAPPING_KEYS, "mapping")?;
        let Some(at) = doc.top.iter().position(|(k, _)| k.text == "extends") else {
            return Some(doc);
        };
        let (_, base) = doc.top.remove(at);
        let Some(text) = base.text() else {
            self.report.error("M000", base.mark, "`extends` names one folder");
            return None;
        };
        let base_path = join(self.report.path(base.mark.file), &format!("{text}/mapping.yaml"));
        let base = self.load_tree(&base_path, base.mark, depth + 1)?;
        Some(self.lay_over(base, doc, false))
    }

    /// Reads a file once and puts the party's words in.
    pub(super) fn read(&mut self, path: &str, from: Mark) -> Option<Node> {
        let (file, text) = self.read_text(path, from)?;
        match yaml::parse(&text, file) {
            Ok(mut node) => {
                self.fill_in_party(&mut node);
                Some(node)
            }
            Err(fault) => {
                self.report.fault(fault);
                None
            }
        }
    }

    /// Reads a file of the library.
    pub(super) fn read_text(
        &mut self,
        path: &str,
        from: Mark,
    ) -> Option<(u16, std::sync::Arc<str>)> {
        if let Some(loaded) = self.report.loaded(path) {
            return Some(loaded);
        }
        let Some(source) = self.files.file(path) else {
            let what = format!("there is no file '{path}'");
            self.report.error_hint(
                "M000",
                from,
                what,
                "paths are relative to the file that says them",
            );
            return None;
        };
        let text = source.text.clone();
        Some((self.report.add_file(path, source), text))
    }

    fn fill_in_party(&self, node: &mut Node) {
        match &mut node.kind {
            Kind::Scalar(text, _) if text.contains("{$party.") => {
                let party = &self.party;
                let or_name =
                    |text: &Option<String>| text.clone().unwrap_or_else(|| party.name.clone());
                let org9 = party.uscc.as_deref().and_then(|code| code.get(8..17));
                *text = text
                    .replace("{$party.org9}", org9.unwrap_or(&party.name))
                    .replace("{$party.uscc}", &or_name(&party.uscc))
                    .replace("{$party.name}", &party.title)
                    .replace("{$party.id}", &party.name);
            }
            Kind::Scalar(..) => {}
            Kind::Seq(items) => items.iter_mut().for_each(|item| self.fill_in_party(item)),
            Kind::Map(entries) => {
                entries.iter_mut().for_each(|(_, value)| self.fill_in_party(value));
            }
        }
    }

    /// Sorts the top-level entries of a file.
    fn document(&mut self, node: Node, known: &[&str], what: &str) -> Option<Doc> {
        let mark = node.mark;
        let Kind::Map(entries) = node.kind else {
            self.report.error("M000", mark, format!("a {what} file is a map of keys"));
            return None;
        };
        let mut doc = Doc { mark, ..Doc::default() };
        for (key, value) in entries {
            if !known.contains(&key.text.as_str()) {
                let hint = did_you_mean(&key.text, known.iter().copied());
                let hint = hint.unwrap_or_else(|| format!("the keys are: {}", known.join(", ")));
                let text = format!("'{}' is not a key of a {what} file", key.text);
                self.report.error_hint("M000", key.mark, text, hint);
                continue;
            }
            match key.text.as_str() {
                "codes" => {
                    let tables = self.map_of(&key, value);
                    doc.codes = tables.into_iter().map(|(k, v)| (k, vec![v])).collect();
                }
                "define" => doc.define = self.map_of(&key, value),
                "resources" => doc.resources = self.map_of(&key, value),
                "fields" => doc.fields = self.map_of(&key, value),
                _ => doc.top.push((key, value)),
            }
        }
        self.check_lang(&doc);
        Some(doc)
    }

    fn check_lang(&mut self, doc: &Doc) {
        if let Some(node) = doc.get("lang")
            && node.text() != Some("1")
        {
            self.report.error_hint("M000", node.mark, "unknown `lang`", "this is `lang: 1`");
        }
    }

    fn map_of(&mut self, key: &Key, value: Node) -> Vec<(Key, Node)> {
        match value.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar(text, Style::Plain) if text.is_empty() => Vec::new(),
            _ => {
                self.report.error("M000", value.mark, format!("`{}` is a map", key.text));
                Vec::new()
            }
        }
    }

    /// `use: ../_models/x.yaml` or `use: { ../mapping: [alias, …] }`.
    fn use_of(&mut self, mut doc: Doc, node: &Node) -> Doc {
        match &node.kind {
            Kind::Scalar(path, _) => {
                let path = join(self.report.path(node.mark.file), path);
                let Some(mut model) = self.load_model(&path, node.mark, 0) else { return doc };
                model.top.retain(|(k, _)| {
                    !matches!(k.text.as_str(), "lang" | "model" | "version" | "title" | "target")
                });
                model.has_model = true;
                doc.has_model = true;
                self.lay_over(model, doc, true)
            }
            Kind::Map(entries) => {
                for (key, aliases) in entries {
                    doc = self.use_resources(doc, key, aliases);
                }
                doc
            }
            Kind::Seq(_) => {
                let hint = "write `use: ../_models/name.yaml` or `use: { ../mapping: [alias] }`";
                self.report.error_hint("M000", node.mark, "`use` is no list", hint);
                doc
            }
        }
    }

    /// A model file over the model it extends.
    fn load_model(&mut self, path: &str, from: Mark, depth: usize) -> Option<Doc> {
        if depth > MAX_EXTENDS {
            self.report.error("M000", from, "`extends` goes in a circle or is too deep");
            return None;
        }
        let node = self.read(path, from)?;
        let mut model = self.document(node, MODEL_KEYS, "model")?;
        let Some(at) = model.top.iter().position(|(k, _)| k.text == "extends") else {
            return Some(model);
        };
        let (_, base) = model.top.remove(at);
        let Some(text) = base.text() else {
            let hint = "write extends: other.yaml";
            self.report.error_hint("M000", base.mark, "`extends` of a model names one file", hint);
            return None;
        };
        let base_path = join(self.report.path(base.mark.file), text);
        let base = self.load_model(&base_path, base.mark, depth + 1)?;
        Some(self.lay_over(base, model, true))
    }

    /// Single resources of another mapping, with the tables and fragments they name.
    fn use_resources(&mut self, doc: Doc, key: &Key, aliases: &Node) -> Doc {
        let path = join(self.report.path(key.mark.file), &format!("{}/mapping.yaml", key.text));
        let Some(mut other) = self.load_tree(&path, key.mark, 0) else { return doc };
        let Some(items) = aliases.items() else {
            self.report.error("M000", aliases.mark, "name the resources in a list: [alias, …]");
            return doc;
        };
        let mut wanted = Vec::new();
        let mut named = Vec::new();
        for item in items {
            let alias = item.text().unwrap_or("");
            let part = |key: &str| fragment_name(key) == alias;
            if other.define.iter().any(|(k, _)| part(&k.text))
                || other.codes.iter().any(|(k, _)| part(&k.text))
            {
                named.push(alias.to_owned());
                continue;
            }
            let found = other.resources.iter().find(|(k, _)| alias_of(&k.text) == alias);
            match found {
                Some(resource) => wanted.push(resource.clone()),
                None => {
                    let known = other.resources.iter().map(|(k, _)| alias_of(&k.text));
                    let hint = did_you_mean(alias, known)
                        .unwrap_or_else(|| format!("it is not declared in {path}"));
                    let text = format!("there is no resource '{alias}' to use");
                    self.report.error_hint("M018", item.mark, text, hint);
                }
            }
        }
        // Fragments may name fragments.
        let mut define: Vec<(Key, Node)> = Vec::new();
        let mut left = std::mem::take(&mut other.define);
        loop {
            let (more, rest) = left.into_iter().partition::<Vec<_>, _>(|(k, _)| {
                let name = fragment_name(&k.text);
                named.iter().any(|n| n == name)
                    || wanted.iter().chain(&define).any(|(_, v)| mentions(v, name))
            });
            left = rest;
            if more.is_empty() {
                break;
            }
            define.extend(more);
        }
        other.codes.retain(|(k, _)| {
            named.contains(&k.text)
                || wanted.iter().chain(&define).any(|(_, v)| mentions(v, &k.text))
        });
        other.define = define;
        other.resources = wanted;
        other.top.clear();
        self.lay_over(other, doc, false)
    }
}

/// `Type alias[]` → `alias`.
pub(super) fn alias_of(key: &str) -> &str {
    key.split_once(' ').map_or(key, |(_, alias)| alias.trim().trim_end_matches("[]"))
}

/// `name(a, b)` → `name`.
pub(super) fn fragment_name(key: &str) -> &str {
    key.split('(').next().unwrap_or(key).trim()
}

/// A path relative to a file, both relative to the library.
pub(super) fn join(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn mentions(node: &Node, name: &str) -> bool {
    match &node.kind {
        Kind::Scalar(text, _) => {
            text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
        }
        Kind::Seq(items) => items.iter().any(|item| mentions(item, name)),
        Kind::Map(entries) => entries.iter().any(|(_, value)| mentions(value, name)),
    }
}
