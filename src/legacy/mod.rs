//! The languages others speak: bytes ↔ [`Record`], a tree of text slots that know their span.
//!
//! The way in is always the same: bytes → [`charset::Text`] (decoded *before* anything is split)
//! → [`File`] → [`Record`]s. The way out is an edit of the original: an [`Editor`] turns writes to
//! slots into [`charset::TextEdit`]s, and [`charset::Text::splice`] applies them to the original
//! bytes, so that untouched bytes stay untouched. A new record is an edit of a blank one.
//!
//! Where the bytes are not the text from end to end (the cells of a DBF table, a sheet in a ZIP
//! archive), a [`charset::Holder`] knows where each part of the text stands, and how an edit of it
//! changes the bytes.
//!
//! A slot name of a mapping file (`PID-3.4.2`, `收缩压`, `eventBody/BaseInfo/BirthDate`) is resolved
//! once, when the mapping is compiled, by [`Schema::slot`]; reading a resolved [`Slot`] parses no
//! text. [`Scope`] says which repetition, group, row or element a rule stands in.

pub mod charset;
pub mod dbf;
pub mod delimited;
pub mod fixed;
pub mod hl7v2;
pub mod json;
mod pieces;
pub mod record;
pub mod row;
pub mod sql;
pub mod xlsx;
pub mod xml;

pub use charset::{Charset, Charsets, Origin, Text, TextEdit};
pub use record::{
    Editor, File, List, Place, Read, Record, Schema, Scope, Slot, Span, Unknown, Write,
};
