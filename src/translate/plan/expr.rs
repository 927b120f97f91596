//! The closed set of expressions of `put:` and `check:`, and the slots that are written by them.

use super::{Input, Leaf, Pos};
use crate::legacy::Slot;

/// A slot written only on the way out.
#[derive(Debug, Clone)]
pub struct PutSlot {
    /// The slot.
    pub slot: Slot,
    /// Its canonical name.
    pub shown: String,
    /// The rule in whose scopes it is written; `None`: the root.
    pub rule: Option<usize>,
    /// What is written.
    pub expr: Expr,
    /// Where.
    pub pos: Pos,
}

/// The closed set of expressions of `put:` and `check:`.
#[derive(Debug, Clone)]
pub enum Expr {
    /// A text.
    Text(String),
    /// A number.
    Number(String),
    /// `now()`: in the format's own date-time spelling.
    Now,
    /// `msgid()`: a new control number.
    MessageId,
    /// `index()`: 1-based number of the instance.
    Index,
    /// `alias.path.to.element`: text of that element in the FHIR side.
    Path(usize, Vec<Step>),
    /// A slot (in `check:`).
    Slot(Input, String),
    /// A bound field of the model (in `check:`): the decoded text of this leaf.
    Leaf(Box<Leaf>),
    /// `date(x)`: its date part.
    Date(Box<Expr>),
    /// `age(birth, at, years|months|days)`.
    Age(Box<Expr>, Box<Expr>, String),
    /// `round(x, digits)`.
    Round(Box<Expr>, u32),
    /// `lookup(table, x)`: a code table, get direction; absent if there is no row.
    Lookup(usize, Box<Expr>),
    /// `a else b`: the second where the first is absent.
    Else(Box<Expr>, Box<Expr>),
    /// `+ - * / ^`.
    Math(char, Box<Expr>, Box<Expr>),
    /// `= != < <= > >=`.
    Compare(&'static str, Box<Expr>, Box<Expr>),
    /// `in (…)`, negated by `true`.
    In(Box<Expr>, Vec<String>, bool),
    /// `present`.
    Present(Box<Expr>),
    /// `implies`, `and`, `or`.
    Logic(&'static str, Box<Expr>, Box<Expr>),
    /// `not`.
    Not(Box<Expr>),
}

/// A step of a path on the FHIR side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key.
    Key(String),
    /// The item at a position.
    At(usize),
    /// The item with these constants (`identifier[org]`), as [`Item::marks`].
    Marked(Vec<(Vec<String>, String)>),
}
