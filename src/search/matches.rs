//! A search against a resource in memory: the meaning that the store's SQL must have too.

use serde_json::Value;

use super::date::{self, Span};
use super::params::{Family, Param, Params};
use super::terms::{Indexed, Term, terms};
use super::{Atom, Clause, How, Op, Search};

impl Search {
    /// Whether a resource is of the type and all conditions hold.
    pub fn matches(&self, resource: &Value) -> bool {
        self.matches_with(Params::r4(), resource)
    }

    /// The same by these parameters, by which the search was parsed.
    pub fn matches_with(&self, params: &'static Params, resource: &Value) -> bool {
        if resource.get("resourceType").and_then(Value::as_str) != Some(&self.kind) {
            return false;
        }
        let terms = terms(params, resource);
        self.clauses.iter().all(|clause| clause.holds(resource, &terms))
    }
}

impl Clause {
    /// Whether it holds for a resource with these terms.
    pub fn holds(&self, resource: &Value, terms: &[Term]) -> bool {
        let of = |param: &Param| {
            let rows = param.rows;
            terms.iter().filter(move |term| term.param.number == rows)
        };
        match self {
            Clause::Missing { param, missing } => of(param).next().is_none() == *missing,
            Clause::Match { param, any, not } => {
                let found = any.iter().any(|atom| match param.family {
                    Family::Id => *atom == Atom::Id(text(resource, "/id").to_owned()),
                    Family::Updated => date::parse(text(resource, "/meta/lastUpdated"))
                        .is_some_and(|span| atom.meets(&Indexed::Span(span))),
                    _ => of(param).any(|term| atom.meets(&term.value)),
                });
                found != *not
            }
        }
    }
}

fn text<'v>(resource: &'v Value, pointer: &str) -> &'v str {
    resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Atom {
    /// Whether a value in the index is one that is asked for.
    pub fn meets(&self, value: &Indexed) -> bool {
        match (self, value) {
            (Atom::Token { system, code }, Indexed::Token { system: s, code: c }) => {
                system.as_ref().is_none_or(|system| system == s)
                    && code.as_ref().is_none_or(|code| code == c)
            }
            (Atom::Text { folded, exact, how }, Indexed::Text { folded: f, exact: e }) => match how
            {
                How::Starts => f.starts_with(folded),
                How::Contains => f.contains(folded),
                How::Exact => e == exact,
            },
            (Atom::Span(op, span), Indexed::Span(value)) => op.spans(*span, *value),
            (
                Atom::Number { op, value, range, unit },
                Indexed::Number { value: v, system: s, unit: u },
            ) => {
                let same = unit.as_ref().is_none_or(|(system, unit)| {
                    unit == u && system.as_ref().is_none_or(|system| system == s)
                });
                same && op.numbers(*value, *range, *v)
            }
            (Atom::Refers(targets), Indexed::Reference(target)) => targets.contains(target),
            (Atom::Uri(uri, false), Indexed::Uri(value)) => value == uri,
            (Atom::Uri(uri, true), Indexed::Uri(value)) => {
                let rest = value.strip_prefix(&uri[..]);
                rest.is_some_and(|r| r.is_empty() || r.starts_with('/') || uri.ends_with('/'))
            }
            _ => false,
        }
    }
}

impl Op {
    /// Compares a value in the index with the date that is asked for.
    fn spans(self, asked: Span, value: Span) -> bool {
        let within = asked.lo <= value.lo && value.hi <= asked.hi;
        match self {
            Op::Eq => within,
            Op::Ne => !within,
            Op::Gt => value.hi > asked.hi,
            Op::Lt => value.lo < asked.lo,
            Op::Ge => value.hi > asked.hi || within,
            Op::Le => value.lo < asked.lo || within,
            Op::Sa => value.lo >= asked.hi,
            Op::Eb => value.hi <= asked.lo,
            Op::Ap => value.lo < asked.hi && value.hi > asked.lo,
        }
    }

    /// Compares a value in the index with the number that is asked for.
    fn numbers(self, asked: f64, (lo, hi): (f64, f64), value: f64) -> bool {
        match self {
            Op::Eq => lo <= value && value < hi,
            Op::Ap => lo <= value && value <= hi,
            Op::Ne => !(lo <= value && value < hi),
            Op::Gt | Op::Sa => value > asked,
            Op::Lt | Op::Eb => value < asked,
            Op::Ge => value >= asked,
            Op::Le => value <= asked,
        }
    }
}
