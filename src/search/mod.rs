//! Search: a URL's parameters → [`Search`] → plan; a resource → the terms it is found by.
//!
//! Pure: the store compiles the plan to SQL. (<https://hl7.org/fhir/R4/search.html>)
//!
//! ```text
//! Params    which parameters work, compiled from the definitions     params, path
//! terms     resource → values in the index                           terms, text, date, reference
//! Search    query pairs → clauses, sort, page                        query, value
//! matches   a search against a resource in memory                    matches
//! plan      which clause leads                                       plan
//! ```

pub mod date;
pub mod matches;
pub mod params;
pub mod path;
pub mod plan;
mod query;
pub mod reference;
pub mod terms;
#[cfg(test)]
mod tests;
pub mod text;
mod value;

use self::date::Span;
use self::params::{Param, Params};
use self::reference::Target;

/// The name of the query parameter that carries [`crate::store::Page::next`].
pub const PAGE: &str = "_page";
/// Matches on a page when `_count` does not say.
pub const COUNT: usize = 50;
/// The most matches on a page.
pub const MAX_COUNT: usize = 1000;
/// The most clauses of a search.
pub const MAX_CLAUSES: usize = 40;
/// The most alternatives of a clause.
pub const MAX_VALUES: usize = 500;
/// The most alternatives of a clause when each is a range of the index.
pub const MAX_RANGES: usize = 50;
/// The most sort keys, and the most `_include` and `_revinclude` together.
pub const MAX_KEYS: usize = 10;
/// The most resources that `_include` and `_revinclude` may add to a page.
pub const MAX_INCLUDED: usize = 1000;

/// A parsed search.
#[derive(Debug, Clone)]
pub struct Search {
    /// Resource type.
    pub kind: String,
    /// All must hold.
    pub clauses: Vec<Clause>,
    /// The order; else that of the versions.
    pub sort: Vec<Sort>,
    /// Matches on a page; 0 asks for the number of matches only.
    pub count: usize,
    /// Whether the number of all matches is wanted.
    pub total: bool,
    /// What the page brings along.
    pub include: Vec<Include>,
    /// The token of a later page.
    pub page: Option<String>,
    /// What selects and sorts, in one text: a page's token is good for this only.
    pub query: String,
}

/// A condition.
#[derive(Debug, Clone)]
pub enum Clause {
    /// One of the values matches; none of them if `not`.
    Match {
        /// The parameter.
        param: &'static Param,
        /// The alternatives.
        any: Vec<Atom>,
        /// Turned round: resources without any of these.
        not: bool,
    },
    /// The parameter has no value (or, if not `missing`, has one).
    Missing {
        /// The parameter.
        param: &'static Param,
        /// Which of the two.
        missing: bool,
    },
}

/// One value that a parameter is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Atom {
    /// A token.
    Token {
        /// `None`: any; empty: none.
        system: Option<String>,
        /// `None`: any.
        code: Option<String>,
    },
    /// A string.
    Text {
        /// Folded.
        folded: String,
        /// As written.
        exact: String,
        /// How it is compared.
        how: How,
    },
    /// A date.
    Span(Op, Span),
    /// A number or quantity.
    Number {
        /// How it is compared.
        op: Op,
        /// The number.
        value: f64,
        /// What counts as equal, half open: half a unit of the last digit around it.
        range: (f64, f64),
        /// The unit, with its system if that was given.
        unit: Option<(Option<String>, String)>,
    },
    /// A reference to one of these.
    Refers(Vec<Target>),
    /// An address, or all below it.
    Uri(String, bool),
    /// A logical id.
    Id(String),
}

impl Atom {
    /// Whether it is one value that is looked up, not a range of the index.
    pub fn is_exact(&self) -> bool {
        match self {
            Atom::Token { code, .. } => code.is_some(),
            Atom::Refers(_) | Atom::Id(_) => true,
            Atom::Uri(_, below) => !below,
            Atom::Text { .. } | Atom::Span(..) | Atom::Number { .. } => false,
        }
    }
}

/// How strings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The folded value starts with it.
    Starts,
    /// The folded value contains it.
    Contains,
    /// The value is exactly it.
    Exact,
}

/// A prefix (<https://hl7.org/fhir/R4/search.html#prefix>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

/// A sort key; resources without a value come last.
#[derive(Debug, Clone)]
pub struct Sort {
    /// The parameter: date, string, number, `_lastUpdated` or `_id`.
    pub param: &'static Param,
    /// The greatest first.
    pub down: bool,
}

/// What a page brings along.
#[derive(Debug, Clone)]
pub struct Include {
    /// The reference that is followed.
    pub param: &'static Param,
    /// Only targets of these types; empty for all.
    pub targets: Vec<String>,
    /// `_revinclude`: from the target to what points to it.
    pub reverse: bool,
}

/// The search parameters of a type that work, for the CapabilityStatement.
pub fn supported(kind: &str) -> Vec<&'static Param> {
    Params::r4().of(kind).collect()
}
