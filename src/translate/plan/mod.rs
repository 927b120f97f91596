//! The compiled form of a mapping: what [`super::compile`] makes and [`super::get`],
//! [`super::put`], [`super::laws`] and [`super::explain`] run.
//!
//! A plan is a flat set of vectors addressed by small integers: rules (one per resource), choices
//! (`one_of`), tables. Everything that can be decided when the file is read is decided here: slot
//! names are resolved, FHIR paths are checked and grouped by JSON key, constants are JSON text,
//! party placeholders are filled in, fragments, models and inherited files are merged away. Every
//! part keeps its [`Pos`], so that a mistake at run time names its line.

mod expr;
mod leaf;
mod slots;
mod validity;

use std::collections::HashMap;

use crate::legacy::{List, Place, Schema};
pub use expr::{Expr, PutSlot, Step};
pub use leaf::{
    Case, Class, Codec, Else, Flag, Guard, Input, Json, Leaf, Quantity, Said, Scan, Template,
    TemplatePart,
};
pub use slots::{Ignore, Pattern, Slots};
pub use validity::Validity;

/// A place in a mapping file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Pos {
    /// Index into [`Program::files`].
    pub file: u16,
    /// 1-based.
    pub line: u32,
    /// 1-based.
    pub column: u32,
}

/// One mapping, compiled for one party.
#[derive(Debug, Clone)]
pub struct Program {
    /// `mapping:`.
    pub name: String,
    /// `version:`.
    pub version: String,
    /// `title:`.
    pub title: String,
    /// The files it was made of, the mapping itself first; as shown in messages.
    pub files: Vec<String>,
    /// blake3 of all files, hex.
    pub hash: String,
    /// Whose records these are.
    pub party: Party,
    /// The legacy side.
    pub schema: Schema,
    /// Which records this mapping takes.
    pub accept: Vec<Accept>,
    /// `charset:`, used where neither channel nor record says one.
    pub charset: Option<crate::legacy::Charset>,
    /// Zone of local times.
    pub zone: Zone,
    /// What `""` does to the FHIR element.
    pub nulls: Nulls,
    /// What becomes of slots that no rule claims.
    pub rest: Rest,
    /// `codes:`.
    pub tables: Vec<Table>,
    /// `resources:`, in the order of the file.
    pub rules: Vec<Rule>,
    /// `one_of:` blocks of all rules.
    pub choices: Vec<Choice>,
    /// Fields of a model that are bound by `one_of`.
    pub cases: Vec<Vec<Case>>,
    /// Slots that exist on the way out only.
    pub put: Vec<PutSlot>,
    /// Which message to emit.
    pub triggers: Vec<Trigger>,
    /// Slots that must not be empty on the way out.
    pub require: Vec<Require>,
    /// Conditions over the record.
    pub checks: Vec<Check>,
    /// The rules whose resources make records of their own, the first that fits: `put.roots`, else
    /// rule 0.
    pub roots: Vec<usize>,
    /// What it makes when the root is missing (composition from another mapping).
    pub create: Option<Create>,
    /// Which slots it reads, and which it leaves alone on purpose.
    pub slots: Slots,
    /// Canonical names of the slots that carry secrets (national ids): ids made of them are hashed.
    pub secret: Vec<String>,
}

/// One side of the exchange.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Party {
    /// The configuration's key, e.g. `hospital-1`; first part of every id. `[a-z0-9-]{1,16}`.
    pub name: String,
    /// For people.
    pub title: String,
    /// Unified social credit code.
    pub uscc: Option<String>,
}

/// A condition on the record as a whole; any one suffices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// HL7 message and event, `ADT^A01`.
    Message(String),
    /// XML root element.
    Root(String),
    /// A slot has this value.
    Slot(Input, String),
    /// The header has all of these columns.
    Header(Vec<String>),
}

/// The zone of local times.
#[derive(Debug, Clone)]
pub struct Zone {
    /// A slot whose own offset is used where it has one (`MSH-7`).
    pub from: Option<Input>,
    /// IANA name or fixed offset, for everything else.
    pub name: String,
}

/// What an explicit null does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Removes the FHIR element from the stored resource; a removed element is written as `""`.
    Delete,
    /// Nothing; a removed element is written empty.
    Absent,
}

/// What becomes of unclaimed slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Kept in the carry (the original bytes), returned on put.
    Carry,
    /// Not kept.
    Drop,
    /// An error.
    Reject,
}

/// A code table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its name in the mapping.
    pub name: String,
    /// Declared here or read from.
    pub pos: Pos,
    /// `system:` of the FHIR side, if the table says one.
    pub system: Option<String>,
    /// legacy → FHIR, from `<->` and `-->` rows.
    pub get: HashMap<String, String>,
    /// FHIR → legacy, from `<->` and `<--` rows; of rows with dates, the one that lasts longest.
    pub put: HashMap<String, String>,
    /// FHIR → legacy where rows have dates: the first that is valid on the day is written.
    pub dated: HashMap<String, Vec<(Validity, String)>>,
    /// `* --> x`: any other legacy code.
    pub get_other: Option<String>,
    /// `* <-> prefix*`: any other code, both ways, by prefix. Empty prefix is identity.
    pub prefix: Option<String>,
    /// The rows in order, for `map show`, `map laws` and ConceptMaps.
    pub rows: Vec<Row>,
}

/// A row of a code table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Legacy code.
    pub legacy: String,
    /// FHIR code.
    pub fhir: String,
    /// `<->`, `-->`, `<--`.
    pub way: Way,
}

/// The direction of a code row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `<->`.
    Both,
    /// `-->`.
    Get,
    /// `<--`.
    Put,
}

/// One resource of a mapping.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Resource type.
    pub kind: String,
    /// Name in the mapping.
    pub alias: String,
    /// Where it is declared.
    pub pos: Pos,
    /// The list that drives it; `None`: once per record.
    pub each: Option<Each>,
    /// Place of its slots.
    pub place: Place,
    /// Written only if this holds.
    pub when: Option<Guard>,
    /// The forms of its id, tried in order.
    pub key: Vec<Key>,
    /// `mode: create`: written only if the resource is missing.
    pub create_only: bool,
    /// Its elements (without `resourceType`, `id`, `meta`).
    pub body: Object,
}

/// A list that drives a rule or an item.
#[derive(Debug, Clone)]
pub struct Each {
    /// Lists from the enclosing scope inwards; most have one step, `ORDER_OBSERVATION.OBSERVATION`
    /// has two.
    pub steps: Vec<List>,
    /// As written.
    pub shown: String,
    /// `where`: only instances for which this holds (looked up inside the instance).
    pub filter: Option<Guard>,
    /// How instances are found again on the way back.
    pub by: By,
    /// Whether the mapping says `by`.
    pub said_by: bool,
}

/// How list items are aligned on the way back.
#[derive(Debug, Clone)]
pub enum By {
    /// The n-th is the n-th.
    Position,
    /// By these leaves (indexes of nothing: they are evaluated in the item's scope).
    Keys(Vec<Input>),
    /// By the whole value.
    Value,
}

/// `space(part, …)`.
#[derive(Debug, Clone)]
pub struct Key {
    /// The space. A key that only names another resource (`key: visit`) has the rule's own alias
    /// as its space, `_` as `-`: seven Observations of one visit differ.
    pub space: Option<String>,
    /// The parts.
    pub parts: Vec<KeyPart>,
}

/// A part of a key.
#[derive(Debug, Clone)]
pub enum KeyPart {
    /// The decoded value of a leaf; `secret` makes the id end in a hash.
    Leaf(Box<Leaf>, bool),
    /// The space and parts of another resource in scope.
    Alias(usize),
    /// A text.
    Literal(String),
    /// `identifier(PI).value`: the first item of a list whose type code is this; `value` and
    /// `test` are leaves of that list's rule.
    First {
        /// The list.
        each: Box<Each>,
        /// The code that is compared.
        test: Box<Leaf>,
        /// With this.
        equals: String,
        /// The choices that are decided in the item, and what is taken from it, by branch.
        choices: Vec<usize>,
        /// See above.
        values: Vec<(Option<Branch>, Leaf)>,
    },
    /// `identifier(FILL).value` of an item that is there only if a condition holds.
    Guarded {
        /// The item's condition.
        when: Box<Guard>,
        /// What is taken from it.
        value: Box<Leaf>,
    },
    /// `n`: 1-based number of the instance in its list.
    Number,
}

/// A JSON object: the elements of a resource or of a nested element.
#[derive(Debug, Clone, Default)]
pub struct Object {
    /// `one_of` blocks evaluated when this object is entered: indexes into [`Program::choices`].
    pub choices: Vec<usize>,
    /// The fields, one per JSON key and branch, in output order. Two fields have the same name
    /// only if their branches exclude each other.
    pub fields: Vec<Field>,
    /// Some leaf below reads a slot and owns it (not constant, reference or copy): the object is
    /// written only if such a leaf yields a value.
    pub has_data: bool,
}

/// A JSON key and what is below it.
#[derive(Debug, Clone)]
pub struct Field {
    /// The JSON key (`valueQuantity`, with the type for `[x]`). Empty: the leaf makes an object
    /// whose members are members of this one (`valueQuantity` beside `valueQuantity.comparator`).
    pub name: String,
    /// Written only in this branch.
    pub branch: Option<Branch>,
    /// Written only if this holds (for a nested block).
    pub when: Option<Guard>,
    /// Where.
    pub pos: Pos,
    /// The value.
    pub value: Value,
}

/// A branch of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branch {
    /// Index into [`Program::choices`].
    pub choice: usize,
    /// Index into its branches.
    pub branch: usize,
}

/// What a JSON key holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// A constant: JSON text (a string constant is quoted here already).
    Const(String),
    /// A leaf: read from slots.
    Leaf(Leaf),
    /// A reference to another resource: `{"reference":"Type/id"}`.
    Ref(Ref),
    /// A nested object.
    Object(Object),
    /// A JSON array: its item rules, in output order.
    List(Vec<Item>),
}

/// One item rule of a JSON array.
#[derive(Debug, Clone)]
pub struct Item {
    /// The text in brackets: `0`, `home`, or empty.
    pub tag: String,
    /// Written only in this branch.
    pub branch: Option<Branch>,
    /// Written only if this holds.
    pub when: Option<Guard>,
    /// How many.
    pub drive: Drive,
    /// What each item is; never `List`.
    pub value: Value,
    /// Constants that recognise an item of this rule on the way back: path of keys from the item
    /// (list steps are `0`) → JSON text. Derived from the constants of `value`, unguarded ones only.
    pub marks: Vec<(Vec<String>, String)>,
    /// Where.
    pub pos: Pos,
}

/// What makes the items of an item rule.
#[derive(Debug, Clone)]
pub enum Drive {
    /// At most one.
    Once,
    /// One per instance of a list; slots of `value` are relative to it.
    Each(Box<Each>),
    /// One per instance of a resource rule in scope, and `value` is looked up in its scope:
    /// `each: diagnosis`, or `result[]: -> obs`.
    Alias(usize),
}

/// `-> alias`.
#[derive(Debug, Clone)]
pub struct Ref {
    /// Index into [`Program::rules`].
    pub rule: usize,
    /// `only`: taken if there is exactly one.
    pub only: bool,
    /// `by`: the column that names the row of the target.
    pub via: Option<Via>,
    /// Where.
    pub pos: Pos,
}

/// `-> alias by COLUMN`: how a row of another record, or of another table, is named.
#[derive(Debug, Clone)]
pub struct Via {
    /// The column that is read.
    pub slot: crate::legacy::sql::Slot,
    /// The column of the target's row that holds the same.
    pub same: crate::legacy::sql::Slot,
    /// Canonical name of the slot.
    pub shown: String,
}

/// `one_of:`.
#[derive(Debug, Clone)]
pub struct Choice {
    /// In order; the first whose guard holds is taken. `None` branch guards always hold.
    pub branches: Vec<Arm>,
    /// Where.
    pub pos: Pos,
}

/// A branch's condition, and what recognises it on the way back.
#[derive(Debug, Clone)]
pub struct Arm {
    /// `when:`.
    pub when: Option<Guard>,
    /// `scan:`: holds if one of the templates matches the slot.
    pub scan: Option<Scan>,
    /// JSON paths (from the object that holds the choice) that only this branch writes: on the way
    /// back a branch is recognised by a present path of its own, then by its constants.
    pub owns: Vec<Vec<String>>,
    /// Its constants, as [`Item::marks`].
    pub marks: Vec<(Vec<String>, String)>,
    /// Where.
    pub pos: Pos,
}

/// `create visit class AMB => ADT^A04`.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// `true`: create; `false`: update.
    pub create: bool,
    /// Any of these rules.
    pub rules: Vec<usize>,
    /// An element that must have this value: path, value.
    pub with: Option<(Vec<Step>, String)>,
    /// `ADT^A04`.
    pub message: String,
}

/// A slot that must be filled.
#[derive(Debug, Clone)]
pub struct Require {
    /// How it is called in the file.
    pub shown: String,
    /// The slot.
    pub input: Input,
    /// FHIR paths that would fill it (`Condition.onsetDateTime`), for `Task.input` and reports.
    pub filled_by: Vec<String>,
    /// Where.
    pub pos: Pos,
}

/// A condition over the record.
#[derive(Debug, Clone)]
pub struct Check {
    /// The condition; absent operands make it hold.
    pub expr: Expr,
    /// As written.
    pub shown: String,
    /// Where.
    pub pos: Pos,
}

/// `create: { each: Condition as case, when: … }`.
#[derive(Debug, Clone)]
pub struct Create {
    /// The rule whose resources it walks.
    pub rule: usize,
    /// `when: code in table` — the element at this path must have a row in this table (prefix
    /// match where the table says so).
    pub when: Option<(Vec<Step>, usize)>,
    /// Where.
    pub pos: Pos,
}

impl Rule {
    /// Of the rules over one row, whether this is the one that the row stands for: its key reads a
    /// slot, and does not only name another resource.
    pub fn drives_its_row(&self) -> bool {
        self.key.iter().any(|key| key.parts.iter().any(|part| matches!(part, KeyPart::Leaf(..))))
    }
}

impl Program {
    /// `file:line:column` of a place.
    pub fn place(&self, pos: Pos) -> String {
        let file = self.files.get(usize::from(pos.file)).map_or("?", String::as_str);
        format!("{file}:{}:{}", pos.line, pos.column)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program without rules, over HL7 v2.
    pub(crate) fn empty() -> Program {
        let schema = crate::legacy::hl7v2::Schema::new(&["ADT^A01".to_owned()], "2.1..2.8");
        Program {
            name: "empty".to_owned(),
            version: String::new(),
            title: String::new(),
            files: Vec::new(),
            hash: String::new(),
            party: Party { name: "local".to_owned(), title: String::new(), uscc: None },
            schema: Schema::Hl7(schema.expect("known message")),
            accept: Vec::new(),
            charset: None,
            zone: Zone { from: None, name: "Asia/Shanghai".to_owned() },
            nulls: Nulls::Delete,
            rest: Rest::Carry,
            tables: Vec::new(),
            rules: Vec::new(),
            choices: Vec::new(),
            cases: Vec::new(),
            put: Vec::new(),
            triggers: Vec::new(),
            require: Vec::new(),
            checks: Vec::new(),
            roots: vec![0],
            create: None,
            slots: Slots::default(),
            secret: Vec::new(),
        }
    }
}
