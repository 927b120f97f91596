//! `schema: xml`: the root and the order of elements.

use super::Legacy;
use crate::legacy::Schema;
use crate::legacy::xml::{self, ElementDef};
use crate::translate::compile::Source;
use crate::translate::compile::load::{Doc, Loader};
use crate::yaml::{Kind, Node};

const XML_KEYS: &[&str] = &["schema", "declaration", "line", "root", "elements"];

impl Loader<'_> {
    /// Reads the schema of documents, if there is one.
    pub(super) fn xml(&mut self, doc: &Doc) -> Option<Legacy> {
        let root = doc.text("root").map(str::to_owned);
        let mut schema = xml::Schema { root, line_end: "\n".to_owned(), ..xml::Schema::default() };
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
        }
        let schema = Schema::Xml(schema);
        Some(Legacy { schema, source: Source::Xml, header: Vec::new(), secret: Vec::new() })
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
