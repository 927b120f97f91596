//! `schema: xml` and `namespaces:`: the root, the order of elements, which of them repeat, and what
//! the prefixes of paths mean.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Legacy, texts};
use crate::legacy::Schema;
use crate::legacy::xml::{self, ElementDef, MOST_NAMESPACES, Namespace};
use crate::translate::compile::Source;
use crate::translate::compile::load::{Doc, Loader};
use crate::yaml::{Kind, Node};

pub(super) const XML_KEYS: &[&str] =
    &["schema", "declaration", "line", "root", "elements", "order", "repeat", "secret", "nulls"];

impl Loader<'_> {
    /// Reads the schema of documents, if there is one.
    pub(super) fn xml(&mut self, doc: &Doc) -> Option<Legacy> {
        let root = doc.text("root").map(str::to_owned);
        let mut schema = xml::Schema { root, line_end: "\n".to_owned(), ..xml::Schema::default() };
        schema.namespaces = self.namespaces(doc);
        let mut secret = Vec::new();
        if let Some(named) = doc.get("schema") {
            let node = self.schema_file(named, "xml", XML_KEYS)?;
            if let Some(root) = node.get("root").and_then(Node::text) {
                schema.root = Some(root.to_owned());
            }
            if let (Some(said), Some(root)) = (doc.get("root"), &schema.root)
                && said.text() != Some(root)
            {
                let what = format!("the schema's root is '{root}'");
                self.report.error("M000", said.mark, what);
            }
            schema.declaration = node.get("declaration").and_then(Node::text).map(str::to_owned);
            schema.line_end = self.line_end(&node, "\n");
            if let Some(elements) = node.get("elements") {
                schema.elements = self.elements(elements);
            }
            if let Some(order) = node.get("order") {
                schema.order = self.order(order);
            }
            secret = texts(node.get("secret"));
            schema.nulls = texts(node.get("nulls"));
            let repeat = node.get("repeat").map(|said| texts(Some(said)));
            schema.repeat = repeat.map(HashSet::from_iter);
        }
        let schema = Schema::Xml(Arc::new(schema));
        Some(Legacy { schema, source: Source::Xml, header: Vec::new(), secret })
    }

    /// `namespaces: { "": "urn:hl7-org:v3", xsi: … }`.
    fn namespaces(&mut self, doc: &Doc) -> Vec<Namespace> {
        let Some(node) = doc.get("namespaces") else { return Vec::new() };
        let Some(entries) = node.entries().filter(|all| all.len() <= MOST_NAMESPACES) else {
            let hint =
                "write namespaces: { prefix: \"address\" }; the default one has the prefix \"\"";
            self.report.error_hint("M000", node.mark, "`namespaces` is a map", hint);
            return Vec::new();
        };
        let mut all: Vec<Namespace> = Vec::new();
        for (key, uri) in entries {
            let text = uri.text().unwrap_or("");
            if text.is_empty() || all.iter().any(|n| n.uri == text) {
                let what = "a namespace has one address of its own";
                self.report.error("M000", uri.mark, what);
                continue;
            }
            all.push(Namespace { prefix: key.text.clone(), uri: text.to_owned() });
        }
        all
    }

    /// `order: { observation: [templateId, id, code] }`.
    fn order(&mut self, node: &Node) -> HashMap<String, Vec<String>> {
        let mut order = HashMap::new();
        for (key, names) in node.entries().unwrap_or_default() {
            let names = texts(Some(names));
            if let Some(twice) = names.iter().enumerate().find(|(n, x)| names[..*n].contains(x)) {
                let what = format!("'{}' has '{}' twice", key.text, twice.1);
                self.report.error("M000", key.mark, what);
            }
            order.insert(key.text.clone(), names);
        }
        order
    }

    /// `[a, b]` or `{ a: [b, c], d: {} }`: elements in the order in which they are written.
    fn elements(&mut self, node: &Node) -> Vec<ElementDef> {
        match &node.kind {
            Kind::Scalar(text, _) if text.is_empty() => Vec::new(),
            Kind::Scalar(text, _) => vec![leaf_element(text)],
            Kind::Seq(items) => items.iter().filter_map(Node::text).map(leaf_element).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, below)| ElementDef {
                    name: key.text.clone(),
                    children: self.elements(below),
                })
                .collect(),
        }
    }
}

fn leaf_element(name: &str) -> ElementDef {
    ElementDef { name: name.to_owned(), children: Vec::new() }
}
