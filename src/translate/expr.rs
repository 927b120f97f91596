//! The closed set of expressions of `put:` and `check:`. An absent operand makes the result absent.

use std::borrow::Cow;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value as Json;

use super::bundle::{at_steps, scalar};
use super::codec;
use super::eval::Eval;
use super::plan::{Expr, Input};
use crate::legacy::Scope;

/// What an expression can see.
pub(super) struct Sight<'s, 'a> {
    /// The record, for slots.
    pub eval: &'s Eval<'a>,
    /// Where slots are read.
    pub scope: Scope,
    /// 1-based number of the instance.
    pub number: usize,
    /// The resource of a rule.
    pub resource: &'s dyn Fn(usize) -> Option<Json>,
    /// The clock.
    pub now: jiff::Timestamp,
    /// A new control number.
    pub message_id: &'s str,
}

/// The value of an expression, as text. Conditions give `true` or `false`.
pub(super) fn value<'a>(expr: &'a Expr, sight: &Sight<'_, 'a>) -> Option<String> {
    let of = |e: &'a Expr| value(e, sight);
    match expr {
        Expr::Text(text) | Expr::Number(text) => Some(text.clone()),
        Expr::Now => Some(codec::now_text(&sight.eval.around, sight.now)),
        Expr::MessageId => Some(sight.message_id.to_owned()),
        Expr::Index => Some(sight.number.to_string()),
        Expr::Path(rule, steps) => {
            let resource = (sight.resource)(*rule)?;
            at_steps(&resource, steps).and_then(scalar)
        }
        Expr::Slot(input, _) => slot(input, sight),
        Expr::Leaf(leaf) => sight.eval.leaf_text(leaf, sight.scope),
        Expr::Date(inner) => of(inner).map(|t| codec::date_part(&t).to_owned()),
        Expr::Age(birth, at, unit) => age(&of(birth)?, &of(at)?, unit),
        Expr::Round(inner, digits) => {
            let number = Decimal::from_str(&of(inner)?).ok()?;
            let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
            let mut rounded = number.round_dp_with_strategy(*digits, strategy);
            rounded.rescale(*digits);
            Some(rounded.to_string())
        }
        Expr::Lookup(table, inner) => lookup(sight, *table, &of(inner)?),
        Expr::Else(first, second) => of(first).or_else(|| of(second)),
        Expr::Math(op, a, b) => math(*op, &of(a)?, &of(b)?),
        Expr::Compare(op, a, b) => compare(op, &of(a)?, &of(b)?).map(|t| t.to_string()),
        Expr::In(inner, values, negated) => {
            let text = of(inner)?;
            Some((values.contains(&text) != *negated).to_string())
        }
        Expr::Present(inner) => Some(of(inner).is_some().to_string()),
        Expr::Logic(op, a, b) => logic(op, truth(of(a)), truth(of(b))).map(|t| t.to_string()),
        Expr::Not(inner) => truth(of(inner)).map(|t| (!t).to_string()),
    }
}

/// Whether a check holds; what cannot be decided holds.
pub(super) fn holds<'a>(expr: &'a Expr, sight: &Sight<'_, 'a>) -> bool {
    value(expr, sight).as_deref() != Some("false")
}

fn truth(text: Option<String>) -> Option<bool> {
    text.map(|t| t == "true")
}

fn logic(op: &str, a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match op {
        "and" if a == Some(false) || b == Some(false) => Some(false),
        "and" => Some(a? && b?),
        "or" if a == Some(true) || b == Some(true) => Some(true),
        "or" => Some(a? || b?),
        // `implies`
        _ if a == Some(false) || b == Some(true) => Some(true),
        _ => Some(!a? || b?),
    }
}

fn slot<'a>(input: &'a Input, sight: &Sight<'_, 'a>) -> Option<String> {
    sight.eval.input_one(input, sight.scope).map(Cow::into_owned)
}

/// A table row by the longest prefix: ICD-10 `A15.005` finds the row of `A15.0`, then `A15`.
fn lookup(sight: &Sight<'_, '_>, table: usize, code: &str) -> Option<String> {
    let table = sight.eval.program.tables.get(table)?;
    (1..=code.len())
        .rev()
        .filter_map(|n| code.get(..n))
        .find_map(|prefix| table.get.get(prefix.trim_end_matches('.')))
        .cloned()
}

fn math(op: char, a: &str, b: &str) -> Option<String> {
    let (a, b) = (Decimal::from_str(a).ok()?, Decimal::from_str(b).ok()?);
    let result = match op {
        '+' => a.checked_add(b)?,
        '-' => a.checked_sub(b)?,
        '*' => a.checked_mul(b)?,
        '/' => a.checked_div(b)?,
        _ => power(a, b.to_u32()?)?,
    };
    Some(result.normalize().to_string())
}

fn power(base: Decimal, exponent: u32) -> Option<Decimal> {
    (0..exponent.min(64)).try_fold(Decimal::ONE, |acc, _| acc.checked_mul(base))
}

/// Numbers compare as numbers; dates and times by their common precision; the rest as texts.
fn compare(op: &str, a: &str, b: &str) -> Option<bool> {
    let order = match (Decimal::from_str(a), Decimal::from_str(b)) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => {
            let digits = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>();
            let dated = |t: &str| t.len() >= 8 && t.starts_with(|c: char| c.is_ascii_digit());
            if dated(a) && dated(b) {
                let (a, b) = (digits(a), digits(b));
                let common = a.len().min(b.len());
                a[..common].cmp(&b[..common])
            } else {
                a.cmp(b)
            }
        }
    };
    Some(match op {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// Full years, months or days between two FHIR dates.
fn age(birth: &str, at: &str, unit: &str) -> Option<String> {
    let date = |t: &str| codec::date_part(t).parse::<jiff::civil::Date>().ok();
    let (birth, at) = (date(birth)?, date(at)?);
    let largest = match unit {
        "years" => jiff::Unit::Year,
        "months" => jiff::Unit::Month,
        _ => jiff::Unit::Day,
    };
    let span = birth.until((largest, at)).ok()?;
    let number = match unit {
        "years" => i64::from(span.get_years()),
        "months" => i64::from(span.get_months()),
        _ => i64::from(span.get_days()),
    };
    (number >= 0).then(|| number.to_string())
}
