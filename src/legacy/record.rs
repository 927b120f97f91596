//! Records, slots and scopes: what every format offers to the mapping engine.
//!
//! One closed set of formats, dispatched by `match`; no trait objects in the inner loop.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use super::charset::{Charsets, Text, TextEdit};
use super::{dbf, delimited, hl7v2, json, row, sql, xml};
use crate::error::Result;

/// A half-open range of byte offsets into the *decoded* text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// What a slot holds. HL7 v2 tells "not valued" from "delete this" (`""`); other formats never
/// give `Null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read<'r> {
    /// Nothing: the sender says nothing about it.
    Absent,
    /// The sender says that there is none.
    Null,
    /// A value: unescaped, unquoted, never empty.
    Text(Cow<'r, str>),
}

/// What to put into a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write<'a> {
    /// This text; the format escapes or quotes it.
    Text(&'a str),
    /// "There is none": `""` in HL7 v2, empty elsewhere.
    Null,
    /// Empty.
    Clear,
}

/// Which instance a rule stands in. The meaning of the numbers belongs to the format; the root of
/// every record is `Scope::default()`.
///
/// * HL7 v2: `group` = group instance (0 = message), `node` = segment index + 1 (0 = none),
///   `item` = field number, `piece` = repetition (0-based), valid where `item` > 0.
/// * rows: `item` = `n` of a numbered column group (0 = none), `piece` = piece of a split + 1.
/// * XML: `node` = element index (0 = root), `piece` = piece of a split + 1.
/// * JSON: `node` = value index (0 = the record), `piece` = piece of a split + 1.
/// * SQL: `node` = row, as a value of its JSON form (0 = the record).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scope {
    /// See above.
    pub group: u32,
    /// See above.
    pub node: u32,
    /// See above.
    pub item: u16,
    /// See above.
    pub piece: u16,
}

/// The static kind of a scope: where a rule's slots are looked up when a mapping is compiled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// In an HL7 message.
    Hl7(hl7v2::Place),
    /// In a row.
    Row(row::Place),
    /// In a document.
    Xml(xml::Place),
    /// In a JSON record.
    Json(json::Place),
    /// In the rows of a database.
    Sql(sql::Place),
}

/// A resolved slot: a leaf of a record, relative to a scope of the place it was resolved in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot {
    /// In an HL7 message.
    Hl7(hl7v2::Slot),
    /// In a row.
    Row(row::Slot),
    /// In a document.
    Xml(xml::Slot),
    /// In a JSON record.
    Json(json::Slot),
    /// In the rows of a database.
    Sql(sql::Slot),
}

/// A resolved list: what an `each` walks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum List {
    /// Groups, segments or repetitions.
    Hl7(hl7v2::List),
    /// Numbered columns or pieces of a cell.
    Row(row::List),
    /// Elements or pieces of a text.
    Xml(xml::List),
    /// Items or pieces of a text.
    Json(json::List),
    /// Rows.
    Sql(sql::List),
}

/// A slot or list name that the source does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What is wrong with the name.
    pub what: String,
    /// The nearest name that exists, or how to write it.
    pub hint: Option<String>,
}

/// What a source's records look like: the static side of a format.
#[derive(Debug, Clone)]
pub enum Schema {
    /// HL7 v2.
    Hl7(hl7v2::Schema),
    /// Rows: CSV, fixed-width, DBF.
    Row(row::Schema),
    /// XML.
    Xml(Arc<xml::Schema>),
    /// JSON.
    Json(json::Schema),
    /// Rows of a database.
    Sql(sql::Schema),
}

/// Bytes of one transfer, read: the records in it, in order.
#[derive(Debug)]
pub struct File {
    /// The decoded whole.
    pub text: Arc<Text>,
    /// Its records. A file with a header and no rows has none.
    pub records: Vec<Record>,
    /// Records that cannot be read, each located; they do not refuse the others.
    pub broken: Vec<(Span, crate::error::Error)>,
}

/// One record.
#[derive(Debug, Clone)]
pub enum Record {
    /// An HL7 v2 message.
    Hl7(hl7v2::Message),
    /// A row.
    Row(row::Row),
    /// A document.
    Xml(xml::Document),
    /// A JSON object.
    Json(json::Object),
    /// A row with its parts.
    Sql(sql::Rows),
}

/// Collects writes to one record and turns them into text edits.
#[derive(Debug)]
pub enum Editor<'r> {
    /// Of an HL7 v2 message.
    Hl7(hl7v2::Editor<'r>),
    /// Of a row.
    Row(row::Editor<'r>),
    /// Of a document.
    Xml(xml::Editor<'r>),
    /// Of a JSON record.
    Json(json::Editor<'r>),
    /// Of rows of a database.
    Sql(sql::Editor<'r>),
}

impl Schema {
    /// The place of rules that stand in no list.
    pub fn root(&self) -> Place {
        match self {
            Schema::Hl7(s) => Place::Hl7(s.root()),
            Schema::Row(s) => Place::Row(s.root()),
            Schema::Xml(s) => Place::Xml(s.root()),
            Schema::Json(s) => Place::Json(s.root()),
            Schema::Sql(s) => Place::Sql(s.root()),
        }
    }

    /// Resolves a slot name as written in a mapping (`PID-3[2].1`, `.4`, `收缩压`, `药物{n}名称`,
    /// `a/b/@c`, `.`).
    pub fn slot(&self, at: &Place, name: &str) -> Result<Slot, Unknown> {
        Ok(match (self, at) {
            (Schema::Hl7(s), Place::Hl7(at)) => Slot::Hl7(s.slot(at, name)?),
            (Schema::Row(s), Place::Row(at)) => Slot::Row(s.slot(at, name)?),
            (Schema::Xml(s), Place::Xml(at)) => Slot::Xml(s.slot(at, name)?),
            (Schema::Json(s), Place::Json(at)) => Slot::Json(s.slot(at, name)?),
            (Schema::Sql(s), Place::Sql(at)) => Slot::Sql(s.slot(at, name)?),
            _ => unreachable!("a place belongs to its schema"),
        })
    }

    /// Resolves what an `each` walks (`PID-3`, `DG1`, `ORDER_OBSERVATION.OBSERVATION`,
    /// `columns 药物{n} for n in 1..2`, `症状 split "/" or ","`, `a/b`), and the place inside it.
    pub fn list(&self, at: &Place, name: &str) -> Result<(List, Place), Unknown> {
        Ok(match (self, at) {
            (Schema::Hl7(s), Place::Hl7(at)) => {
                let (list, place) = s.list(at, name)?;
                (List::Hl7(list), Place::Hl7(place))
            }
            (Schema::Row(s), Place::Row(at)) => {
                let (list, place) = s.list(at, name)?;
                (List::Row(list), Place::Row(place))
            }
            (Schema::Xml(s), Place::Xml(at)) => {
                let (list, place) = s.list(at, name)?;
                (List::Xml(list), Place::Xml(place))
            }
            (Schema::Json(s), Place::Json(at)) => {
                let (list, place) = s.list(at, name)?;
                (List::Json(list), Place::Json(place))
            }
            (Schema::Sql(s), Place::Sql(at)) => {
                let (list, place) = s.list(at, name)?;
                (List::Sql(list), Place::Sql(place))
            }
            _ => unreachable!("a place belongs to its schema"),
        })
    }

    /// The slot's absolute name, the same for two spellings of one slot: `PID-8` and
    /// `PID-8[1].1.1` are both `PID-8`. Used in messages and to find slots written twice.
    pub fn canonical(&self, at: &Place, slot: &Slot) -> String {
        match (self, at, slot) {
            (Schema::Hl7(s), Place::Hl7(at), Slot::Hl7(slot)) => s.canonical(at, slot),
            (Schema::Row(s), Place::Row(at), Slot::Row(slot)) => s.canonical(at, slot),
            (Schema::Xml(s), Place::Xml(at), Slot::Xml(slot)) => s.canonical(at, slot),
            (Schema::Json(s), Place::Json(at), Slot::Json(slot)) => s.canonical(at, slot),
            (Schema::Sql(s), Place::Sql(at), Slot::Sql(slot)) => s.canonical(at, slot),
            _ => unreachable!("a slot belongs to its schema"),
        }
    }

    /// The path of a slot from the root of a document, with all its conditions. None in the other
    /// formats, where names suffice.
    pub fn absolute(&self, at: &Place, slot: &Slot) -> Option<xml::Path> {
        match (self, at, slot) {
            (Schema::Xml(s), Place::Xml(at), Slot::Xml(slot)) => Some(s.absolute(at, slot)),
            _ => None,
        }
    }

    /// The names of all slots, where the schema lists them: columns, elements without elements in
    /// them. HL7 v2 has too many to be of use.
    pub fn slots(&self) -> Vec<String> {
        match self {
            Schema::Hl7(_) => Vec::new(),
            Schema::Row(s) => s.columns.iter().map(|c| c.name.clone()).collect(),
            Schema::Xml(s) => s.slots(),
            Schema::Json(s) => s.slots(),
            Schema::Sql(s) => s.slots(),
        }
    }

    /// Whether the format itself reads a slot: delimiters, message type, number, charset; keys and
    /// foreign keys of tables.
    pub fn reads_itself(&self, name: &str) -> bool {
        match self {
            Schema::Hl7(_) => hl7v2::reads_itself(name),
            Schema::Sql(s) => s.reads_itself(name),
            _ => false,
        }
    }

    /// The names of the segments in an HL7 v2 group; none for what is no group.
    pub fn segments_in(&self, slot: &Slot) -> Vec<String> {
        match (self, slot) {
            (Schema::Hl7(s), Slot::Hl7(slot)) => s.segments_in(slot),
            _ => Vec::new(),
        }
    }

    /// Reads a transfer. One broken record of many does not refuse the others: see the format.
    pub fn read(&self, bytes: &[u8], charsets: &Charsets) -> Result<File> {
        match self {
            Schema::Hl7(s) => s.read(bytes, charsets),
            Schema::Row(s) => s.read(bytes, charsets),
            Schema::Xml(s) => s.read(bytes, charsets),
            Schema::Json(s) => s.read(bytes, charsets),
            Schema::Sql(s) => s.read(bytes, charsets),
        }
    }

    /// Reads a transfer of any length in parts, so that it takes little memory, where the format can
    /// be cut, which is delimited text. Gives the input back where it cannot.
    pub fn chunks<R: io::Read>(
        &self,
        input: R,
        charsets: Charsets,
    ) -> Result<delimited::Chunks<'_, R>, R> {
        match self {
            Schema::Row(s) => match &s.form {
                row::Form::Delimited(dialect) => {
                    Ok(delimited::Chunks::new(s, dialect, input, charsets))
                }
                _ => Err(input),
            },
            _ => Err(input),
        }
    }

    /// One transfer with the records of several, of which each is a whole one: a header is that of
    /// the first.
    pub fn join(&self, files: &[&[u8]], charsets: &Charsets) -> Result<Vec<u8>> {
        match self {
            Schema::Row(s) => s.join(files, charsets),
            _ => Ok(files.concat()),
        }
    }

    /// Says in new or joined bytes that they are of this day, where the format has a place for it.
    pub fn date(&self, bytes: &mut [u8], day: jiff::civil::Date) {
        if let Schema::Row(row::Schema { form: row::Form::Dbf(_), .. }) = self {
            dbf::date(bytes, day);
        }
    }

    /// Whether new records may be made: of rows of a database, if a root may be inserted.
    pub fn can_create(&self) -> bool {
        match self {
            Schema::Sql(s) => s.tables.iter().any(|t| t.part_of.is_none() && t.rights.insert),
            _ => true,
        }
    }

    /// A canonical empty record, to be filled by edits: what `create` starts from.
    pub fn blank(&self) -> File {
        match self {
            Schema::Hl7(s) => s.blank(),
            Schema::Row(s) => s.blank(),
            Schema::Xml(s) => s.blank(),
            Schema::Json(s) => s.blank(),
            Schema::Sql(s) => s.blank(),
        }
    }
}

impl File {
    /// The transfer with only these records, broken ones too, in their order, and what stands before
    /// the first one (a header).
    pub fn only(&self, spans: &[Span]) -> Vec<u8> {
        match self.text.holder() {
            Some(holder) => holder.only(&self.text, spans),
            None => delimited::subset(self, spans),
        }
    }

    /// One record and what is needed to read it.
    pub fn alone(&self, span: Span) -> Vec<u8> {
        match self.text.holder() {
            Some(holder) => holder.alone(&self.text, span),
            None => delimited::subset(self, &[span]),
        }
    }
}

impl Slot {
    /// The whole field with its delimiters as one text (`unsplit`): a bare `10^9/L` in HL7 v2, the
    /// content with its tags in XML. The same slot in the other formats.
    #[must_use]
    pub fn whole(self) -> Slot {
        match self {
            Slot::Hl7(slot) => Slot::Hl7(slot.whole()),
            Slot::Xml(slot) => Slot::Xml(slot.whole()),
            other => other,
        }
    }

    /// A slot that was resolved at the root, for use in any scope.
    #[must_use]
    pub fn rooted(self) -> Slot {
        match self {
            Slot::Xml(slot) => Slot::Xml(slot.rooted()),
            other => other,
        }
    }
}

impl List {
    /// A list that was resolved at the root, for use in any scope.
    #[must_use]
    pub fn rooted(self) -> List {
        match self {
            List::Xml(list) => List::Xml(list.rooted()),
            other => other,
        }
    }
}

impl Record {
    /// The text it was read from.
    pub fn text(&self) -> &Arc<Text> {
        match self {
            Record::Hl7(r) => r.text(),
            Record::Row(r) => r.text(),
            Record::Xml(r) => r.text(),
            Record::Json(r) => r.text(),
            Record::Sql(r) => r.text(),
        }
    }

    /// The span of the whole record in the text.
    pub fn span(&self) -> Span {
        match self {
            Record::Hl7(r) => r.span(),
            Record::Row(r) => r.span(),
            Record::Xml(r) => r.span(),
            Record::Json(r) => r.span(),
            Record::Sql(r) => r.span(),
        }
    }

    /// Reads a slot.
    pub fn read(&self, at: Scope, slot: &Slot) -> Read<'_> {
        match (self, slot) {
            (Record::Hl7(r), Slot::Hl7(slot)) => r.read(at, slot),
            (Record::Row(r), Slot::Row(slot)) => r.read(at, slot),
            (Record::Xml(r), Slot::Xml(slot)) => r.read(at, slot),
            (Record::Json(r), Slot::Json(slot)) => r.read(at, slot),
            (Record::Sql(r), Slot::Sql(slot)) => r.read(at, slot),
            _ => Read::Absent,
        }
    }

    /// Where a slot stands; where it would stand, as an empty span, if it is absent.
    pub fn slot_span(&self, at: Scope, slot: &Slot) -> Span {
        match (self, slot) {
            (Record::Hl7(r), Slot::Hl7(slot)) => r.slot_span(at, slot),
            (Record::Row(r), Slot::Row(slot)) => r.slot_span(at, slot),
            (Record::Xml(r), Slot::Xml(slot)) => r.slot_span(at, slot),
            (Record::Json(r), Slot::Json(slot)) => r.slot_span(at, slot),
            (Record::Sql(r), Slot::Sql(slot)) => r.slot_span(at, slot),
            _ => Span::default(),
        }
    }

    /// Appends the instances of a list in this scope, in record order.
    pub fn list(&self, at: Scope, list: &List, out: &mut Vec<Scope>) {
        match (self, list) {
            (Record::Hl7(r), List::Hl7(list)) => r.list(at, list, out),
            (Record::Row(r), List::Row(list)) => r.list(at, list, out),
            (Record::Xml(r), List::Xml(list)) => r.list(at, list, out),
            (Record::Json(r), List::Json(list)) => r.list(at, list, out),
            (Record::Sql(r), List::Sql(list)) => r.list(at, list, out),
            _ => {}
        }
    }

    /// Whether `inner` is `outer` or lies inside it.
    pub fn within(&self, inner: Scope, outer: Scope) -> bool {
        match self {
            Record::Hl7(r) => r.within(inner, outer),
            Record::Row(r) => r.within(inner, outer),
            Record::Xml(r) => r.within(inner, outer),
            Record::Json(r) => r.within(inner, outer),
            Record::Sql(r) => r.within(inner, outer),
        }
    }

    /// What the record says about itself: `event` (A01), `message` (ADT^A01), `control` (MSH-10),
    /// `sender`, `version`, `root` (XML), `line` (first line number in the file).
    pub fn about(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Record::Hl7(r) => r.about(name),
            Record::Row(r) => r.about(name),
            Record::Xml(r) => r.about(name),
            Record::Json(r) => r.about(name),
            Record::Sql(r) => r.about(name),
        }
    }

    /// The row of a table that this column names, and whether it is the record's own.
    pub fn row_named(&self, column: &sql::Slot, value: &str) -> Option<(Scope, bool)> {
        match self {
            Record::Sql(r) => r.row_named(column, value),
            _ => None,
        }
    }

    /// Calls `f` with the canonical name and text of every slot that carries data: coverage.
    pub fn each_value(&self, f: &mut dyn FnMut(&str, &str)) {
        match self {
            Record::Hl7(r) => r.each_value(f),
            Record::Row(r) => r.each_value(f),
            Record::Xml(r) => r.each_value(f),
            Record::Json(r) => r.each_value(f),
            Record::Sql(r) => r.each_value(f),
        }
    }

    /// Calls `f` with the name and text of every slot that carries data, and whether it is claimed:
    /// in a document by one of the paths, in the other formats by its name.
    pub fn each_claim(
        &self,
        paths: &[xml::Path],
        reads: &dyn Fn(&str) -> bool,
        f: &mut dyn FnMut(&str, &str, bool),
    ) {
        match self {
            Record::Xml(r) => r.each_claim(paths, f),
            other => other.each_value(&mut |name, text| f(name, text, reads(name))),
        }
    }

    /// Starts editing.
    pub fn edit(&self) -> Editor<'_> {
        match self {
            Record::Hl7(r) => Editor::Hl7(r.edit()),
            Record::Row(r) => Editor::Row(r.edit()),
            Record::Xml(r) => Editor::Xml(r.edit()),
            Record::Json(r) => Editor::Json(r.edit()),
            Record::Sql(r) => Editor::Sql(r.edit()),
        }
    }
}

impl Editor<'_> {
    /// Writes a slot, in an original scope or one that `insert` gave. Segments, elements and
    /// columns that do not exist are made at the place the schema gives them. Writing what is
    /// already there changes nothing.
    pub fn write(&mut self, at: Scope, slot: &Slot, value: Write<'_>) -> Result<()> {
        match (self, slot) {
            (Editor::Hl7(e), Slot::Hl7(slot)) => e.write(at, slot, value),
            (Editor::Row(e), Slot::Row(slot)) => e.write(at, slot, value),
            (Editor::Xml(e), Slot::Xml(slot)) => e.write(at, slot, value),
            (Editor::Json(e), Slot::Json(slot)) => e.write(at, slot, value),
            (Editor::Sql(e), Slot::Sql(slot)) => e.write(at, slot, value),
            _ => unreachable!("a slot belongs to its record"),
        }
    }

    /// Makes a new instance of a list at its end, and gives its scope.
    pub fn insert(&mut self, at: Scope, list: &List) -> Result<Scope> {
        match (self, list) {
            (Editor::Hl7(e), List::Hl7(list)) => e.insert(at, list),
            (Editor::Row(e), List::Row(list)) => e.insert(at, list),
            (Editor::Xml(e), List::Xml(list)) => e.insert(at, list),
            (Editor::Json(e), List::Json(list)) => e.insert(at, list),
            (Editor::Sql(e), List::Sql(list)) => e.insert(at, list),
            _ => unreachable!("a list belongs to its record"),
        }
    }

    /// Removes an instance of a list (a repetition, a segment with what follows in its group, an
    /// element, a piece; the columns of a numbered group are cleared).
    pub fn remove(&mut self, list: &List, item: Scope) -> Result<()> {
        match (self, list) {
            (Editor::Hl7(e), List::Hl7(list)) => e.remove(list, item),
            (Editor::Row(e), List::Row(list)) => e.remove(list, item),
            (Editor::Xml(e), List::Xml(list)) => e.remove(list, item),
            (Editor::Json(e), List::Json(list)) => e.remove(list, item),
            (Editor::Sql(e), List::Sql(list)) => e.remove(list, item),
            _ => unreachable!("a list belongs to its record"),
        }
    }

    /// Of a row of a database, whether something of it was written, and whether it is new.
    pub fn row_state(&self, at: Scope) -> Option<(bool, bool)> {
        match self {
            Editor::Sql(e) => Some((e.touched(at), e.is_new(at))),
            _ => None,
        }
    }

    /// The edits of the text, sorted and without overlap; none if nothing changed.
    pub fn finish(self) -> Result<Vec<TextEdit>> {
        match self {
            Editor::Hl7(e) => e.finish(),
            Editor::Row(e) => e.finish(),
            Editor::Xml(e) => e.finish(),
            Editor::Json(e) => e.finish(),
            Editor::Sql(e) => e.finish(),
        }
    }
}
