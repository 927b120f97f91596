//! The value of a query parameter → what it is compared with, by type of parameter.

use super::params::{Family, Param, Params};
use super::reference::{self, Target};
use super::text::{self, LONGEST};
use super::{Atom, How, Op, date};
use crate::error::{Error, Kind, Result};

/// Splits at a character that is not escaped by `\`; the parts keep their escapes.
pub(super) fn split(text: &str, at: char) -> Vec<&str> {
    let mut escaped = false;
    let parts = text.split(move |c| {
        let here = c == at && !escaped;
        escaped = c == '\\' && !escaped;
        here
    });
    parts.collect()
}

/// Takes off the escapes (<https://hl7.org/fhir/R4/search.html#escaping>).
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// Reads one alternative of a parameter, with the modifier it was given.
pub(super) fn atom(
    params: &'static Params,
    param: &'static Param,
    modifier: Option<&str>,
    raw: &str,
) -> Result<Atom> {
    if raw.is_empty() {
        return Err(Error::new(Kind::Value, "a search value is empty").at(&param.code[..]));
    }
    match param.family {
        Family::Token | Family::Ident => token(param, raw),
        Family::Text => string(param, modifier, raw),
        Family::Date | Family::Updated => dates(param, raw),
        Family::Number => number(param, raw),
        Family::Reference => refers(params, param, modifier, raw),
        Family::Uri => Ok(Atom::Uri(unescape(raw), modifier == Some("below"))),
        Family::Id => Ok(Atom::Id(unescape(raw))),
    }
}

fn bad(param: &Param, raw: &str, what: &str, advice: impl Into<String>) -> Error {
    Error::new(Kind::Value, format!("`{raw}` is not {what}")).at(&param.code[..]).advise(advice)
}

/// `code`, `system|code`, `|code`, `system|`.
fn token(param: &Param, raw: &str) -> Result<Atom> {
    let some = |text: &str| Some(unescape(text)).filter(|text| !text.is_empty());
    match split(raw, '|')[..] {
        [code] => Ok(Atom::Token { system: None, code: some(code) }),
        ["", code] if !code.is_empty() => {
            Ok(Atom::Token { system: Some(String::new()), code: some(code) })
        }
        [system, code] if !system.is_empty() => {
            Ok(Atom::Token { system: some(system), code: some(code) })
        }
        _ => Err(bad(param, raw, "a token", "write `code`, `system|code`, `|code` or `system|`")),
    }
}

fn string(param: &Param, modifier: Option<&str>, raw: &str) -> Result<Atom> {
    let exact = unescape(raw);
    let folded = text::fold(&exact);
    if folded.is_empty() || exact.len() > LONGEST {
        let advice = format!("give 1 to {LONGEST} bytes that are not blank");
        return Err(bad(param, raw, "a string to search for", advice));
    }
    let how = match modifier {
        Some("exact") => How::Exact,
        Some("contains") => How::Contains,
        _ => How::Starts,
    };
    Ok(Atom::Text { folded, exact, how })
}

fn dates(param: &Param, raw: &str) -> Result<Atom> {
    let (op, text) = prefix(raw);
    match date::parse(text) {
        Some(span) => Ok(Atom::Span(op, span)),
        None => {
            let advice = "write `2024`, `2024-03`, `2024-03-01` or `2024-03-01T10:00:00+08:00`, \
                          after one of eq, ne, gt, lt, ge, le, sa, eb, ap";
            Err(bad(param, raw, "a date", advice))
        }
    }
}

/// `number`, `number|system|code`, `number||code`; the prefix first.
fn number(param: &Param, raw: &str) -> Result<Atom> {
    let (op, text) = prefix(raw);
    let wrong = || {
        let advice = match &param.of[..] {
            "quantity" => "write `5.4`, `5.4|http://unitsofmeasure.org|mg` or `5.4||mg`",
            _ => "write a decimal number such as `5.4`",
        };
        bad(param, raw, &format!("a {}", param.of), advice)
    };
    let parts = split(text, '|');
    let unit = match parts[..] {
        [_] => None,
        [_, system, code] if param.of == "quantity" && !code.is_empty() => {
            let system = unescape(system);
            Some((Some(system).filter(|system| !system.is_empty()), unescape(code)))
        }
        _ => return Err(wrong()),
    };
    let (value, half) = decimal(parts[0]).ok_or_else(wrong)?;
    let range = match op {
        // A tenth of the value on both sides.
        Op::Ap => (value - value.abs() / 10.0, value + value.abs() / 10.0),
        _ => (value - half, value + half),
    };
    Ok(Atom::Number { op, value, range, unit })
}

/// A decimal and half a unit of its last digit.
fn decimal(text: &str) -> Option<(f64, f64)> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() < 300)?;
    let fraction = digits.split_once('.').map_or("", |(_, fraction)| fraction);
    let plain = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|v: &f64| v.is_finite())?;
    Some((value, 0.5 * 10_f64.powi(exponent - fraction.len() as i32)))
}

/// `Type/id`, `id`, an address.
fn refers(params: &Params, param: &Param, modifier: Option<&str>, raw: &str) -> Result<Atom> {
    let text = unescape(raw);
    let fits = |kind: &str| {
        (param.targets.is_empty() || param.targets.iter().any(|t| t == kind))
            && modifier.is_none_or(|modifier| modifier == kind)
    };
    let wanted = match modifier {
        Some(kind) => kind.to_owned(),
        None if param.targets.is_empty() => "any resource".to_owned(),
        None => param.targets.join(", "),
    };
    let unfit = |kind: &str| {
        bad(param, raw, &format!("a reference to {wanted}"), format!("{kind} is another type"))
    };
    if reference::is_id(&text) {
        let kinds = match param.targets.is_empty() {
            true => params.kinds(),
            false => param.targets.iter().map(String::as_str).collect(),
        };
        let kinds = kinds.into_iter().filter(|kind| fits(kind));
        let local = |kind: &str| Target::Local { kind: kind.to_owned(), id: text.clone() };
        return Ok(Atom::Refers(kinds.map(local).collect()));
    }
    match reference::target(&text) {
        Some(Target::Local { kind, .. }) if !fits(&kind) => Err(unfit(&kind)),
        Some(target @ Target::Local { .. }) => Ok(Atom::Refers(vec![target])),
        Some(target @ Target::Url(_)) if text.contains(':') => match reference::kind_of(&text) {
            Some(kind) if !fits(kind) => Err(unfit(kind)),
            _ => Ok(Atom::Refers(vec![target])),
        },
        _ => Err(bad(param, raw, "a reference", "write `Type/id`, `id` or a whole address")),
    }
}

/// Splits the comparison off a value; `eq` if there is none.
fn prefix(raw: &str) -> (Op, &str) {
    let ops = [
        ("eq", Op::Eq),
        ("ne", Op::Ne),
        ("gt", Op::Gt),
        ("lt", Op::Lt),
        ("ge", Op::Ge),
        ("le", Op::Le),
        ("sa", Op::Sa),
        ("eb", Op::Eb),
        ("ap", Op::Ap),
    ];
    let found = ops.into_iter().find_map(|(name, op)| Some((op, raw.strip_prefix(name)?)));
    found.unwrap_or((Op::Eq, raw))
}
