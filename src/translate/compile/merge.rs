//! A document over the one it inherits from: maps merge by key, resources by alias, code tables by
//! legacy code (see [`super::codes`]); other lists replace; `none` removes.

use super::load::{Doc, Loader, alias_of};
use crate::yaml::{Key, Kind, Node, Style};

impl Loader<'_> {
    /// Lays a document over the one it inherits from. Over a model, `require` and `check` add.
    pub(super) fn lay_over(&mut self, base: Doc, over: Doc, model: bool) -> Doc {
        let mut top = base.top;
        for (key, value) in over.top {
            let adds = model && matches!(key.text.as_str(), "check" | "require");
            lay_entry(&mut top, key, value, adds);
        }
        let mut codes = base.codes;
        for (key, layers) in over.codes {
            lay_table(&mut codes, key, layers);
        }
        let mut define = base.define;
        for (key, value) in over.define {
            lay_entry(&mut define, key, value, false);
        }
        let mut fields = base.fields;
        for (key, value) in over.fields {
            lay_entry(&mut fields, key, value, false);
        }
        let resources = self.lay_resources(base.resources, over.resources);
        let has_model = base.has_model || over.has_model;
        Doc { top, codes, define, resources, fields, has_model, mark: over.mark }
    }

    fn lay_resources(
        &mut self,
        base: Vec<(Key, Node)>,
        over: Vec<(Key, Node)>,
    ) -> Vec<(Key, Node)> {
        let mut all = base;
        for (key, value) in over {
            let alias = alias_of(&key.text).to_owned();
            let Some(at) = all.iter().position(|(k, _)| alias_of(&k.text) == alias) else {
                all.push((key, value));
                continue;
            };
            if is_none(&value) {
                all.remove(at);
                continue;
            }
            let kinds = [all[at].0.text.as_str(), &key.text].map(|t| t.split(' ').next());
            if kinds[0] != kinds[1] {
                let text =
                    format!("'{alias}' is a {} where it is inherited from", kinds[0].unwrap_or(""));
                self.report.error("M018", key.mark, text);
            }
            lay_node(&mut all[at].1, value);
            // Whether it repeats is for the one above to say.
            all[at].0.text = key.text;
        }
        all
    }
}

/// Whether a value takes an inherited one out.
pub(super) fn is_none(node: &Node) -> bool {
    matches!(&node.kind, Kind::Scalar(text, Style::Plain) if text == "none")
}

fn lay_entry(entries: &mut Vec<(Key, Node)>, key: Key, value: Node, adds: bool) {
    let Some(at) = entries.iter().position(|(k, _)| k.text == key.text) else {
        if !is_none(&value) {
            entries.push((key, value));
        }
        return;
    };
    if is_none(&value) {
        entries.remove(at);
        return;
    }
    match (&mut entries[at].1.kind, value.kind) {
        (Kind::Seq(base), Kind::Seq(over)) if adds => base.extend(over),
        (_, kind) => {
            let value = Node { kind, mark: value.mark };
            lay_node(&mut entries[at].1, value);
            entries[at].0.mark = key.mark;
        }
    }
}

fn lay_node(base: &mut Node, over: Node) {
    match (&mut base.kind, over.kind) {
        (Kind::Map(base), Kind::Map(over)) => {
            for (key, value) in over {
                lay_entry(base, key, value, false);
            }
        }
        (_, kind) => *base = Node { kind, mark: over.mark },
    }
}

fn lay_table(tables: &mut Vec<(Key, Vec<Node>)>, key: Key, layers: Vec<Node>) {
    let at = tables.iter().position(|(k, _)| k.text == key.text);
    let removed = layers.last().is_some_and(is_none);
    match at {
        Some(at) if removed => {
            tables.remove(at);
        }
        // A map says the whole table, a list of rows changes the inherited one.
        Some(at) if layers.iter().any(|l| l.entries().is_some()) => tables[at] = (key, layers),
        Some(at) => tables[at].1.extend(layers),
        None if removed => {}
        None => tables.push((key, layers)),
    }
}
