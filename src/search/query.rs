//! Query pairs → [`Search`].

use super::params::{Family, Param, Params};
use super::value::{atom, split};
use super::{
    COUNT, Clause, Include, MAX_CLAUSES, MAX_COUNT, MAX_KEYS, MAX_RANGES, MAX_VALUES, PAGE, Search,
    Sort, reference,
};
use crate::error::{Error, Kind, Result};
use crate::fhir::query::pairs;

impl Search {
    /// Parses the decoded query pairs of `GET /fhir/KIND?…`. Unknown parameters are errors.
    ///
    /// `_format` and `_pretty` are let through: they are the business of the door.
    pub fn parse(kind: &str, pairs: &[(String, String)]) -> Result<Search> {
        Search::parse_with(Params::r4(), kind, pairs)
    }

    /// The same at a FHIR base: references that begin with it are those of this server.
    pub fn parse_at(base: &str, kind: &str, pairs: &[(String, String)]) -> Result<Search> {
        Search::parse_by(Params::r4(), Some(base), kind, pairs)
    }

    /// Parses the query behind the `?` of a condition, e.g. `identifier=http://x|1&active=true`.
    pub fn parse_query(kind: &str, query: &str) -> Result<Search> {
        Search::parse(kind, &pairs(query)?)
    }

    /// Parses by these parameters.
    pub fn parse_with(
        params: &'static Params,
        kind: &str,
        pairs: &[(String, String)],
    ) -> Result<Search> {
        Search::parse_by(params, None, kind, pairs)
    }

    fn parse_by(
        params: &'static Params,
        base: Option<&str>,
        kind: &str,
        pairs: &[(String, String)],
    ) -> Result<Search> {
        if params.of(kind).next().is_none() {
            let what = format!("`{kind}` is not a resource type that can be searched");
            return Err(Error::new(Kind::NotSupported, what)
                .advise(format!("types are {}", params.kinds().join(", "))));
        }
        let mut search = Search {
            kind: kind.to_owned(),
            clauses: Vec::new(),
            sort: Vec::new(),
            count: COUNT,
            total: false,
            include: Vec::new(),
            page: None,
            query: kind.to_owned(),
        };
        for (name, value) in pairs {
            search.take(params, base, name, value)?;
        }
        at_most("search", "conditions", search.clauses.len(), MAX_CLAUSES)?;
        at_most("_sort", "sort keys", search.sort.len(), MAX_KEYS)?;
        at_most("_include", "includes", search.include.len(), MAX_KEYS)?;
        Ok(search)
    }

    /// Takes one pair.
    fn take(
        &mut self,
        params: &'static Params,
        base: Option<&str>,
        name: &str,
        value: &str,
    ) -> Result<()> {
        let one_of = |allowed: &str| {
            Error::new(Kind::Value, format!("`{value}` is not a value of {name}"))
                .at(name)
                .advise(format!("use {allowed}"))
        };
        match name {
            "_format" | "_pretty" => {}
            PAGE => self.page = Some(value.to_owned()),
            "_count" => {
                let count: usize = value.parse().map_err(|_| one_of("a whole number"))?;
                self.count = count.min(MAX_COUNT);
            }
            "_total" => {
                self.total = match value {
                    "none" => false,
                    "accurate" | "estimate" => true,
                    _ => return Err(one_of("none, estimate or accurate")),
                }
            }
            "_summary" => match value {
                "count" => self.count = 0,
                "false" => {}
                _ => return Err(one_of("count or false")),
            },
            "_sort" => {
                self.also(name, value);
                for key in value.split(',') {
                    self.sort.push(sort(params, &self.kind, key)?);
                }
            }
            "_include" | "_revinclude" => {
                self.include.push(include(params, &self.kind, name, value)?);
            }
            _ => {
                self.also(name, value);
                self.clauses.push(clause(params, base, &self.kind, name, value)?);
            }
        }
        Ok(())
    }

    /// Notes a pair that selects or sorts.
    fn also(&mut self, name: &str, value: &str) {
        for part in ["\n", name, "=", value] {
            self.query.push_str(part);
        }
    }
}

/// Refuses more of something than a limit.
fn at_most(place: &str, things: &str, count: usize, limit: usize) -> Result<()> {
    if count <= limit {
        return Ok(());
    }
    Err(Error::new(Kind::TooCostly, format!("{count} {things} are too many"))
        .at(place)
        .advise(format!("use up to {limit}")))
}

/// A parameter by its name, or an error that names those there are.
fn find(params: &'static Params, kind: &str, code: &str, place: &str) -> Result<&'static Param> {
    params.find(kind, code).ok_or_else(|| {
        let mut codes: Vec<_> = params.of(kind).map(|param| &param.code[..]).collect();
        codes.sort_unstable();
        Error::new(Kind::NotSupported, format!("{kind} has no search parameter `{code}`"))
            .at(place)
            .advise(format!("it has {}", codes.join(", ")))
    })
}

/// `code:modifier=value,value`.
fn clause(
    params: &'static Params,
    base: Option<&str>,
    kind: &str,
    name: &str,
    value: &str,
) -> Result<Clause> {
    let (code, modifier) = match name.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (name, None),
    };
    let chained = code.contains('.') || modifier.is_some_and(|m| m.contains('.'));
    if chained || code == "_has" {
        let what = "chained parameters are not supported";
        return Err(Error::new(Kind::NotSupported, what)
            .at(name)
            .advise("search for the other resource first, then by its reference"));
    }
    let param = find(params, kind, code, name)?;
    check_modifier(param, modifier, name)?;
    if modifier == Some("missing") {
        return match value {
            "true" | "false" => Ok(Clause::Missing { param, missing: value == "true" }),
            _ => {
                let what = format!("`{value}` is not a value of {name}");
                Err(Error::new(Kind::Value, what).at(name).advise("use true or false"))
            }
        };
    }
    let values = split(value, ',');
    at_most(name, "alternatives", values.len(), MAX_VALUES)?;
    let any = values.into_iter().map(|raw| {
        let own = base.filter(|_| param.family == Family::Reference);
        let own = own.and_then(|base| raw.strip_prefix(base)?.strip_prefix('/'));
        atom(params, param, modifier, own.unwrap_or(raw))
    });
    let any = any.collect::<Result<Vec<_>>>()?;
    let ranges = any.iter().filter(|atom| !atom.is_exact()).count();
    at_most(name, "alternatives of this kind", ranges, MAX_RANGES)?;
    Ok(Clause::Match { param, any, not: modifier == Some("not") })
}

/// Refuses a modifier that the parameter does not have.
fn check_modifier(param: &Param, modifier: Option<&str>, name: &str) -> Result<()> {
    let Some(modifier) = modifier else { return Ok(()) };
    let alias = param.rows != param.number;
    let mut has: Vec<&str> = match param.family {
        Family::Token | Family::Ident => vec!["missing", "not"],
        Family::Text => vec!["missing", "exact", "contains"],
        Family::Uri => vec!["missing", "below"],
        Family::Date | Family::Number => vec!["missing"],
        Family::Reference if alias => Vec::new(),
        Family::Reference => vec!["missing"],
        Family::Id | Family::Updated => Vec::new(),
    };
    if param.family == Family::Reference {
        let typed = match param.targets.is_empty() {
            true => reference::is_kind(modifier),
            false => param.targets.iter().any(|target| target == modifier),
        };
        if typed {
            return Ok(());
        }
        has.extend(param.targets.iter().map(String::as_str));
    }
    if has.contains(&modifier) {
        return Ok(());
    }
    let what = format!("`{}` has no modifier `:{modifier}`", param.code);
    Err(Error::new(Kind::NotSupported, what).at(name).advise(match has.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has :{}", has.join(", :")),
    }))
}

/// `code` or `-code`.
fn sort(params: &'static Params, kind: &str, key: &str) -> Result<Sort> {
    let (code, down) = match key.strip_prefix('-') {
        Some(code) => (code, true),
        None => (key, false),
    };
    let param = find(params, kind, code, "_sort")?;
    match param.family {
        Family::Text | Family::Date | Family::Number | Family::Updated | Family::Id => {
            Ok(Sort { param, down })
        }
        _ => Err(Error::new(
            Kind::NotSupported,
            format!("results cannot be sorted by `{code}`, a {}", param.of),
        )
        .at("_sort")
        .advise("sort by a date, string, number or quantity, by _lastUpdated or _id")),
    }
}

/// `Type:code` or `Type:code:Target`.
fn include(params: &'static Params, kind: &str, name: &str, value: &str) -> Result<Include> {
    let reverse = name == "_revinclude";
    let wrong = |what: String| {
        Error::new(Kind::NotSupported, what)
            .at(name)
            .advise("write `Type:parameter` or `Type:parameter:TargetType`")
    };
    let mut parts = value.split(':');
    let (Some(from), Some(code), target, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong(format!("`{value}` is not supported")));
    };
    if !reverse && from != kind {
        return Err(wrong(format!("`{from}` is not the type that is searched, {kind}")));
    }
    let param = find(params, from, code, name)?;
    if param.family != Family::Reference {
        return Err(wrong(format!("`{code}` of {from} is not a reference")));
    }
    let may = |target: &str| param.targets.is_empty() || param.targets.iter().any(|t| t == target);
    let end = if reverse { Some(kind) } else { target };
    if let Some(end) = end.filter(|end| !may(end)) {
        return Err(wrong(format!("`{code}` of {from} does not refer to {end}")));
    }
    let alias = param.rows != param.number;
    let targets = match target {
        Some(target) => vec![target.to_owned()],
        None if alias => param.targets.clone(),
        None => Vec::new(),
    };
    Ok(Include { param, targets, reverse })
}
