//! Which clause leads a search: it is walked, the others are asked for each candidate.
//!
//! Pure: how many rows a clause has is asked of [`Facts`]. Today they are bounded counts; sampled
//! statistics can take their place without changing a plan's form.

use super::params::Family;
use super::{Clause, Search};
use crate::error::Result;

/// A clause with no more rows than this is gathered and sorted.
pub const FEW: u64 = 2000;

/// What the plan needs to know.
pub trait Facts {
    /// How many rows a clause has in the index, counted no further than `limit`.
    fn rows(&mut self, clause: usize, limit: u64) -> Result<u64>;
}

/// How a search is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// Walk this clause's rows.
    Clause(usize),
    /// Walk all resources of the type.
    Kind,
    /// Walk the index of the sort key.
    Sort,
}

/// Chooses what leads.
pub fn plan(search: &Search, facts: &mut dyn Facts) -> Result<Drive> {
    let sorted = match &search.sort[..] {
        [only] => matches!(only.param.family, Family::Text | Family::Date),
        _ => false,
    };
    let can_lead: Vec<usize> =
        (0..search.clauses.len()).filter(|n| leads(&search.clauses[*n]).is_some()).collect();
    if let [only] = can_lead[..]
        && !sorted
        && leads(&search.clauses[only]) == Some(true)
    {
        return Ok(Drive::Clause(only));
    }
    let mut best: Option<(u64, usize)> = None;
    for clause in can_lead.iter().copied() {
        let limit = best.map_or(FEW + 1, |(rows, _)| rows);
        let rows = facts.rows(clause, limit)?;
        if rows < limit {
            best = Some((rows, clause));
        }
    }
    if let Some((_, clause)) = best {
        return Ok(Drive::Clause(clause));
    }
    if sorted {
        return Ok(Drive::Sort);
    }
    // All are large: one that comes in the order of the versions can be left after a page.
    let ordered = can_lead.iter().find(|n| leads(&search.clauses[**n]) == Some(true));
    Ok(ordered.map_or(Drive::Kind, |clause| Drive::Clause(*clause)))
}

/// Whether a clause can lead, and if so, whether its rows come in the order of the versions.
pub fn leads(clause: &Clause) -> Option<bool> {
    match clause {
        Clause::Missing { .. } | Clause::Match { not: true, .. } => None,
        Clause::Match { param, any, .. } => match param.family {
            Family::Updated => None,
            Family::Id => Some(true),
            Family::Token | Family::Ident | Family::Reference | Family::Uri => Some(any.len() == 1),
            Family::Text | Family::Date | Family::Number => Some(false),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rows(Vec<u64>);

    impl Facts for Rows {
        fn rows(&mut self, clause: usize, limit: u64) -> Result<u64> {
            Ok(self.0[clause].min(limit))
        }
    }

    fn drive(query: &str, rows: &[u64]) -> Drive {
        let (kind, query) = query.split_once('?').unwrap();
        plan(&Search::parse_query(kind, query).unwrap(), &mut Rows(rows.to_vec())).unwrap()
    }

    #[test]
    fn the_smallest_clause_leads() {
        let many = 1_000_000;
        for (query, rows, expected) in [
            ("Patient?", &[][..], Drive::Kind),
            ("Patient?gender:not=male", &[many], Drive::Kind),
            ("Patient?gender=male", &[many], Drive::Clause(0)),
            ("Patient?name=x", &[many], Drive::Kind),
            ("Patient?name=x", &[FEW], Drive::Clause(0)),
            ("Patient?gender=male&name=x", &[many, 5], Drive::Clause(1)),
            ("Patient?gender=male&name=x", &[4, 5], Drive::Clause(0)),
            ("Patient?name=x&gender=male", &[many, many], Drive::Clause(1)),
            ("Patient?name=x&gender=male,female", &[many, many], Drive::Kind),
            ("Patient?_sort=birthdate", &[], Drive::Sort),
            ("Patient?gender=male&_sort=birthdate", &[many], Drive::Sort),
            ("Patient?gender=male&_sort=birthdate", &[9], Drive::Clause(0)),
            ("Patient?gender=male&_sort=birthdate,_id", &[many], Drive::Clause(0)),
            ("Patient?_lastUpdated=gt2020&_sort=-_lastUpdated", &[many], Drive::Kind),
        ] {
            assert_eq!(drive(query, rows), expected, "{query} {rows:?}");
        }
    }
}
