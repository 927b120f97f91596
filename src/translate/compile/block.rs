//! Blocks: the entries of a resource, element or branch, with fragments (`as`) put in.

use std::rc::Rc;

use super::Compiling;
use super::load::fragment_name;
use super::path::Step;
use super::scope::Scope;
use super::text::{call, did_you_mean, literal, split};
use crate::translate::plan::{Branch, Guard};
use crate::yaml::{Key, Kind, Mark, Node};

/// Deepest nesting of fragments.
const MAX_FRAGMENTS: usize = 16;

/// Something written below an object.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// A path and what is there.
    Entry(Entry),
    /// `one_of:`.
    OneOf(OneOf),
}

/// A path and what is there.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The steps that are left.
    pub steps: Vec<Step>,
    /// A leaf or a block.
    pub node: Node,
    /// The key.
    pub key: Mark,
    /// The branch it is written in, of a choice of the object around.
    pub branch: Option<Branch>,
    /// Written only if this holds: from a block `value[x]` with `when`.
    pub when: Option<Rc<Guard>>,
    /// Where its slots are.
    pub scope: Rc<Scope>,
}

/// `one_of:` and where it stands.
#[derive(Debug, Clone)]
pub(super) struct OneOf {
    /// The list of branches.
    pub node: Node,
    /// The key.
    pub key: Mark,
    /// The branch around it.
    pub branch: Option<Branch>,
    /// Where it stands.
    pub scope: Rc<Scope>,
    /// The element before `[x]`: the branches begin with types.
    pub base: Option<String>,
}

/// The contents of a block.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Elements and choices, in order.
    pub parts: Vec<Part>,
    /// `when`, `each`, `by`, `scan`, `key`, `mode`, each with its scope.
    pub words: Vec<(Key, Node, Rc<Scope>)>,
}

impl Contents {
    /// A reserved word and its scope.
    pub fn word(&self, name: &str) -> Option<(Node, Rc<Scope>)> {
        let found = self.words.iter().find(|(k, ..)| k.text == name);
        found.map(|(_, node, scope)| (node.clone(), scope.clone()))
    }
}

impl Compiling<'_> {
    /// Reads a block. `reserved` are the words it may use besides `as` and `one_of`.
    pub(super) fn block(
        &mut self,
        node: &Node,
        reserved: &[&str],
        branch: Option<Branch>,
        scope: &Rc<Scope>,
        out: &mut Contents,
    ) {
        self.block_at(node, reserved, branch, scope, out, 0);
    }

    fn block_at(
        &mut self,
        node: &Node,
        reserved: &[&str],
        branch: Option<Branch>,
        scope: &Rc<Scope>,
        out: &mut Contents,
        depth: usize,
    ) {
        let Some(entries) = node.entries() else {
            self.report.error("M000", node.mark, "a block of elements was expected here");
            return;
        };
        for (key, value) in entries {
            let name = key.text.as_str();
            if name == "as" {
                for fragment in self.fragments(value, depth) {
                    self.block_at(&fragment, reserved, branch, scope, out, depth + 1);
                }
            } else if name == "one_of" || name.starts_with("one_of ") {
                out.parts.push(Part::OneOf(OneOf {
                    node: value.clone(),
                    key: key.mark,
                    branch,
                    scope: scope.clone(),
                    base: None,
                }));
            } else if matches!(name, "when" | "each" | "by" | "scan" | "key" | "mode" | "from") {
                self.word(key, value, reserved, scope, out);
            } else if let Some(steps) = self.fhir_path(name, key.mark) {
                let (node, scope, key) = (value.clone(), scope.clone(), key.mark);
                out.parts.push(Part::Entry(Entry { steps, node, key, branch, when: None, scope }));
            }
        }
    }

    fn word(
        &mut self,
        key: &Key,
        value: &Node,
        reserved: &[&str],
        scope: &Rc<Scope>,
        out: &mut Contents,
    ) {
        let name = key.text.as_str();
        if !reserved.contains(&name) {
            let what = format!("`{name}` has no meaning here");
            let hint = match name {
                "from" => "`from: TABLE` stands in a resource".to_owned(),
                _ if reserved.is_empty() => "write elements".to_owned(),
                _ => format!("here may stand: {}, as, one_of and elements", reserved.join(", ")),
            };
            self.report.error_hint("M000", key.mark, what, hint);
        } else if out.words.iter().any(|(k, ..)| k.text == name) {
            let what = format!("`{name}` is written twice");
            self.report.error_hint("M006", key.mark, what, "a fragment may say it already");
        } else {
            out.words.push((key.clone(), value.clone(), scope.clone()));
        }
    }

    /// `as: item(de = X) + coded(field = Y)` → the fragments with their arguments put in.
    fn fragments(&mut self, node: &Node, depth: usize) -> Vec<Node> {
        let Some(text) = node.text() else {
            self.report.error("M000", node.mark, "`as` names fragments: a(x = y) + b");
            return Vec::new();
        };
        if depth > MAX_FRAGMENTS {
            self.report.error("M018", node.mark, "these fragments name each other in a circle");
            return Vec::new();
        }
        split(text, '+').into_iter().filter_map(|part| self.fragment(part, node.mark)).collect()
    }

    fn fragment(&mut self, text: &str, mark: Mark) -> Option<Node> {
        let (name, args) = call(text).unwrap_or((text, ""));
        let found = self.doc.define.iter().find(|(k, _)| fragment_name(&k.text) == name);
        let Some((key, body)) = found.cloned() else {
            let known = self.doc.define.iter().map(|(k, _)| fragment_name(&k.text));
            let hint = did_you_mean(name, known)
                .unwrap_or_else(|| "declare it under `define:`".to_owned());
            let what = format!("there is no fragment '{name}'");
            self.report.error_hint("M018", self.report.within(mark, name), what, hint);
            return None;
        };
        let mut given: Vec<(&str, &str)> = Vec::new();
        for arg in split(args, ',').into_iter().filter(|a| !a.is_empty()) {
            match arg.split_once('=') {
                Some((name, value)) => given.push((name.trim(), literal(value))),
                None => {
                    let what = format!("'{arg}' is no argument");
                    let hint = "arguments are named: fragment(name = text)";
                    self.report.error_hint("M000", self.report.within(mark, arg), what, hint);
                    return None;
                }
            }
        }
        if let Some((_, params)) = call(&key.text) {
            self.check_arguments(text, &split(params, ','), &given, mark)?;
        }
        let mut body = body;
        put_in(&mut body, &given);
        Some(body)
    }

    fn check_arguments(
        &mut self,
        text: &str,
        params: &[&str],
        given: &[(&str, &str)],
        mark: Mark,
    ) -> Option<()> {
        let missing: Vec<&str> =
            params.iter().filter(|p| !given.iter().any(|(n, _)| n == *p)).copied().collect();
        let extra: Vec<&str> =
            given.iter().map(|(n, _)| *n).filter(|n| !params.contains(n)).collect();
        let what = match (missing.as_slice(), extra.as_slice()) {
            ([], []) => return Some(()),
            ([], extra) => format!("the fragment has no argument '{}'", extra.join("', '")),
            (missing, _) => format!("the fragment lacks its argument '{}'", missing.join("', '")),
        };
        let hint = format!("its arguments are: {}", params.join(", "));
        self.report.error_hint("M018", self.report.within(mark, text), what, hint);
        None
    }
}

/// Replaces `{name}` in all texts and keys.
fn put_in(node: &mut Node, given: &[(&str, &str)]) {
    let replace = |text: &mut String| {
        for (name, value) in given {
            *text = text.replace(&format!("{{{name}}}"), value);
        }
    };
    match &mut node.kind {
        Kind::Scalar(text, _) => replace(text),
        Kind::Seq(items) => items.iter_mut().for_each(|item| put_in(item, given)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                replace(&mut key.text);
                put_in(value, given);
            }
        }
    }
}
