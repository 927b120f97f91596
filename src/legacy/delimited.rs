//! Delimited text: CSV, TSV, pipe files, with a header or with fixed columns.

use std::borrow::Cow;
use std::sync::Arc;

use super::charset::{Charsets, Text, TextEdit};
use super::record::{File, Read, Scope, Span, Unknown, Write};
use crate::error::Result;

/// The static kind of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place;

/// A resolved slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot;

/// A resolved list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct List;

/// What the records look like.
#[derive(Debug, Clone)]
pub struct Schema;

/// One record.
#[derive(Debug, Clone)]
pub struct Row {
    text: Arc<Text>,
}

/// Writes to one record.
#[derive(Debug)]
pub struct Editor<'r> {
    record: &'r Row,
}

#[allow(unused_variables)]
impl Schema {
    pub fn root(&self) -> Place {
        todo!()
    }
    pub fn slot(&self, at: &Place, name: &str) -> Result<Slot, Unknown> {
        todo!()
    }
    pub fn list(&self, at: &Place, name: &str) -> Result<(List, Place), Unknown> {
        todo!()
    }
    pub fn canonical(&self, at: &Place, slot: &Slot) -> String {
        todo!()
    }
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        todo!()
    }
    pub fn blank(&self) -> File {
        todo!()
    }
}

#[allow(unused_variables)]
impl Row {
    pub fn text(&self) -> &Arc<Text> {
        &self.text
    }
    pub fn span(&self) -> Span {
        todo!()
    }
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        todo!()
    }
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        todo!()
    }
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        todo!()
    }
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        todo!()
    }
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        todo!()
    }
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        todo!()
    }
    pub fn edit(&self) -> Editor<'_> {
        Editor { record: self }
    }
}

#[allow(unused_variables)]
impl Editor<'_> {
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        todo!()
    }
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        todo!()
    }
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        todo!()
    }
    pub fn finish(self) -> Result<Vec<TextEdit>> {
        todo!()
    }
}
