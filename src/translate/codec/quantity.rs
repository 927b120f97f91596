//! Quantities: value and unit slots ↔ FHIR Quantity with a UCUM code.

use std::borrow::Cow;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::text::number_text;
use super::{Around, Bad, Val};
use crate::translate::plan::Quantity;

const UCUM: &str = "http://unitsofmeasure.org";

/// Linear conversions: (from, to, factor). Exact ones only; the way back divides.
const FACTORS: [(&str, &str, &str); 6] = [
    ("g", "kg", "0.001"),
    ("kg", "g", "1000"),
    ("m", "cm", "100"),
    ("cm", "m", "0.01"),
    ("kPa", "mm[Hg]", "7.5006157584566"),
    ("[pi]", "kg", "0.5"),
];

/// Slots → Quantity.
pub(super) fn get(form: &Quantity, around: &Around, val: Val<'_>) -> Result<Value, Bad> {
    let mut slots = match val {
        Val::Many(slots) => slots.into_iter(),
        other => vec![other.text()].into_iter(),
    };
    let value = slots.next().flatten().ok_or_else(|| "has a unit and no value".to_owned())?;
    let unit = slots.next().flatten();
    let number = number_text(&value).ok_or_else(|| format!("'{value}' is not a number"))?;
    let number = convert(&number, form.from.as_deref(), form.unit.as_deref())?;
    let mut quantity = Map::new();
    quantity.insert("value".into(), json_number(&number)?);
    if let Some(code) = &form.unit {
        quantity.insert("unit".into(), code.clone().into());
        quantity.insert("system".into(), UCUM.into());
        quantity.insert("code".into(), code.clone().into());
    } else if let Some(unit) = unit {
        let code = form.unit_table.and_then(|t| around.program.tables[t].get.get(&*unit));
        quantity.insert("unit".into(), unit.as_ref().into());
        if let Some(code) = code {
            quantity.insert("system".into(), UCUM.into());
            quantity.insert("code".into(), code.clone().into());
        }
    }
    Ok(Value::Object(quantity))
}

/// Quantity → slots.
pub(super) fn put<'r>(form: &Quantity, around: &Around, val: Val<'r>) -> Result<Val<'r>, Bad> {
    let Val::Json(Value::Object(quantity)) = val else { return Err("is not a Quantity".into()) };
    let text = |key: &str| quantity.get(key).and_then(Value::as_str);
    let number = match quantity.get("value") {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(number)) => number.clone(),
        _ => return Err("is a Quantity without a value".into()),
    };
    let code = text("code").or_else(|| text("unit"));
    let own = |text: &str| Some(Cow::Owned(text.to_owned()));
    if let Some(fixed) = &form.unit {
        let number = convert(&number, code, Some(fixed))?;
        let number = convert(&number, Some(fixed), form.from.as_deref())?;
        return Ok(Val::Text(Cow::Owned(number)));
    }
    if !form.unit_slot {
        return Ok(Val::Text(Cow::Owned(number)));
    }
    let spelled = text("code").and_then(|code| {
        let table = &around.program.tables[form.unit_table?];
        // The unit as it was sent, if it still means the code; else the table's own spelling.
        let unit = text("unit").filter(|u| table.get.get(*u).is_some_and(|c| c == code));
        unit.or_else(|| table.put.get(code).map(String::as_str))
    });
    let unit = spelled.or_else(|| text("unit")).or_else(|| text("code"));
    Ok(Val::Many(vec![own(&number), unit.and_then(own)]))
}

fn convert(number: &str, from: Option<&str>, to: Option<&str>) -> Result<String, Bad> {
    let (Some(from), Some(to)) = (from, to) else { return Ok(number.to_owned()) };
    if from == to {
        return Ok(number.to_owned());
    }
    let value = Decimal::from_str(number).map_err(|_| format!("'{number}' is not a number"))?;
    let find = |a: &str, b: &str| FACTORS.iter().find(|(f, t, _)| *f == a && *t == b);
    let factor = |text: &str| Decimal::from_str(text).unwrap_or(Decimal::ONE);
    let moved = match (find(from, to), find(to, from)) {
        (Some((.., by)), _) => value.checked_mul(factor(by)),
        (None, Some((.., by))) => value.checked_div(factor(by)),
        (None, None) => return Err(format!("unit '{from}' cannot be converted to '{to}'")),
    };
    let moved = moved.ok_or_else(|| format!("'{number}' is too large to convert"))?;
    Ok(moved.round_dp(6).normalize().to_string())
}

fn json_number(number: &str) -> Result<Value, Bad> {
    serde_json::from_str(number).map_err(|_| format!("'{number}' is not a number"))
}
