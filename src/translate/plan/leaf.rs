//! Leaves: what is read, through which codecs, under which conditions.

use super::{Branch, Pos};
use crate::legacy::{List, Slot};

/// `slot as "{lo:decimal}-{hi:decimal}" or "…"`.
#[derive(Debug, Clone)]
pub struct Scan {
    /// What is taken apart.
    pub slot: Input,
    /// Alternatives; the first that matches wins, and the first is printed for a new value.
    pub templates: Vec<Template>,
}

/// A text with named parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Literal and named parts in order.
    pub parts: Vec<TemplatePart>,
}

impl Template {
    /// As written, without the classes of its parts.
    pub fn text(&self) -> String {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Named(name, _) => format!("{{{name}}}"),
        };
        self.parts.iter().map(part).collect()
    }
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// Must stand there.
    Text(String),
    /// `{name:class}`.
    Named(String, Class),
}

/// An alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `12`, `-0.5`.
    Decimal,
    /// `0-9` only.
    Digits,
    /// Anything without white space at its ends, not empty.
    Word,
    /// `<` `>` `<=` `>=` and their full-width kin.
    Comparator,
    /// Han characters (with the middle dot).
    Han,
    /// Latin letters, space, hyphen, apostrophe.
    Latin,
    /// A number, full-width digits too.
    Number,
    /// An object identifier, `2.16.840.1`.
    Oid,
}

/// A slot value: where it is read and how it is shown.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// What is read.
    pub input: Input,
    /// Text → FHIR, applied left to right; the last one makes the JSON. Run backwards on put.
    pub codecs: Vec<Codec>,
    /// The JSON type of the element.
    pub json: Json,
    /// Who owns the slot.
    pub flag: Flag,
    /// What the codecs lose, if it is said: `lossy(minutes)`.
    pub lossy: Option<String>,
    /// Where the value comes from if `input` is absent. Not written back while unchanged.
    pub or_else: Option<Box<Else>>,
    /// Where.
    pub pos: Pos,
    /// Absolute canonical names of the slots, for messages, coverage and ownership.
    pub slots: Vec<String>,
    /// Some slot is part of a key of some rule: laws do not edit it.
    pub in_key: bool,
    /// Nobody granted that its slot is written.
    pub fixed: bool,
}

/// What a leaf, guard or key reads. Several slots make one value only for `quantity` (value, unit),
/// `template` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// `a or b`: the first alternative of which any slot is present.
    Slots(Vec<Vec<Slot>>),
    /// `.lo` of the scan in this branch.
    Scanned(Branch, String),
    /// `.v OBX-6`: a part of the scan in this branch, then slots (the unit of a quantity).
    ScannedWith(Branch, String, Vec<Slot>),
    /// `NTE-3 | lines`: this slot of every instance of the list, in order.
    Lines(List, Slot),
    /// `$event`, `$control`, `$deleted`, `$party.name`, `$file.x`: [`crate::legacy::Record::about`].
    About(String),
    /// A field bound by `one_of`: index into [`super::Program::cases`].
    Cases(usize),
    /// Never present (a bound-away field).
    Nothing,
}

/// One way in which a record says a field of the model: `{ when: $deleted = true, value: = Del }`.
#[derive(Debug, Clone)]
pub struct Case {
    /// The first case whose condition holds is taken.
    pub when: Option<Guard>,
    /// What the field then is.
    pub value: Said,
}

/// What a case says.
#[derive(Debug, Clone)]
pub enum Said {
    /// Always this.
    Text(String),
    /// What a slot says, through these codecs.
    Slot(Input, Vec<Codec>),
}

/// The JSON type of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// A string.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A number written as it is.
    Number,
    /// The codec makes an object (quantity).
    Object,
}

/// Who owns a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// This leaf.
    Own,
    /// Another leaf; this one follows it.
    Copy,
    /// Rows under one parent together.
    Shared,
}

/// `else`.
#[derive(Debug, Clone)]
pub enum Else {
    /// A default.
    Literal(String),
    /// Another leaf (never owns its slot while the first is present).
    Leaf(Box<Leaf>),
}

/// A two-way function between texts, or between text and JSON.
#[derive(Debug, Clone)]
pub enum Codec {
    /// `code(table)`.
    Code(usize),
    /// `hd(table)`: assigning authority ↔ identifier system; OIDs without a table row.
    Hd(usize),
    /// `date(pattern, …)`; without patterns the format's own (`yyyyMMdd` for HL7).
    Date(Vec<String>),
    /// `datetime(pattern, …)`, in the mapping's zone.
    DateTime(Vec<String>),
    /// `decimal`.
    Decimal,
    /// `int`.
    Int,
    /// `bool(Y,N)`.
    Bool(String, String),
    /// `quantity(…)`.
    Quantity(Quantity),
    /// `name`: trims, unifies middle dots and spaces.
    Name,
    /// `phone`: digits, as sent if it is no number.
    Phone,
    /// `cnid`: resident ID card: 15 → 18 digits, check digit, `x`, full width.
    Cnid,
    /// `cnid(or text)`: the same; what is no such number stays as it was sent.
    CnidOrText,
    /// `uscc`: unified social credit code.
    Uscc,
    /// `orgcode`, `orgcode(hyphen)`: organisation code.
    OrgCode {
        /// Written with the hyphen before the check character.
        hyphen: bool,
    },
    /// `template("{a}/{b}")` over components of one slot: slot list in [`Leaf::input`].
    Template(Template),
    /// `lines`: repeated slots ↔ lines of one text.
    Lines,
    /// `trim`: no white space at the ends, single blanks inside.
    Trim,
    /// `xhtml`: the narrative of a CDA section ↔ a `div`.
    Xhtml,
    /// `pad(n)`: leading zeros on the legacy side.
    Pad(usize),
    /// `fill(n)`: leading zeros on the FHIR side, where the legacy side may lack them.
    Fill(usize),
}

/// How `quantity` fills `value`, `unit`, `system`, `code`.
#[derive(Debug, Clone, Default)]
pub struct Quantity {
    /// Fixed UCUM code of the FHIR side (`mm[Hg]`), where the unit is no slot.
    pub unit: Option<String>,
    /// `from g`: UCUM code of the legacy side, converted linearly.
    pub from: Option<String>,
    /// `quantity(unsplit unit)`, `quantity(code unit)`: the second slot is the unit, translated by
    /// this table to UCUM; a unit without a row is `unit` only.
    pub unit_table: Option<usize>,
    /// The second slot of the input is the unit.
    pub unit_slot: bool,
}

/// A condition over slots.
#[derive(Debug, Clone)]
pub enum Guard {
    /// All hold.
    All(Vec<Guard>),
    /// Any holds.
    Any(Vec<Guard>),
    /// Does not hold.
    Not(Box<Guard>),
    /// `slot present`; a group or segment name is present if it has an instance.
    Present(Input),
    /// `list present`.
    Exists(List),
    /// `= v`, `in (v, …)`; `owner`: no leaf owns the slot, so put writes the first value when the
    /// guarded part is there. `codecs` as in the bound field.
    Is {
        /// What is compared.
        input: Input,
        /// Its codecs.
        codecs: Vec<Codec>,
        /// Any of these.
        values: Vec<String>,
        /// No leaf owns the slot.
        owner: bool,
        /// Its canonical names.
        slots: Vec<String>,
    },
    /// `!= v`, `not in (…)`.
    IsNot {
        /// What is compared.
        input: Input,
        /// Its codecs.
        codecs: Vec<Codec>,
        /// None of these.
        values: Vec<String>,
    },
    /// `matches class`.
    Matches(Input, Class),
    /// `fits(cnid, id, birth, sex)`: the ID card number agrees with birth date and sex.
    Fits {
        /// The number.
        id: Box<Leaf>,
        /// The birth date.
        birth: Box<Leaf>,
        /// The administrative gender.
        sex: Box<Leaf>,
    },
}
