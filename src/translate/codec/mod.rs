//! Codecs: the two-way functions of the mapping language, each small, each lawful.
//!
//! The law of every codec: `decode(encode(decode(x))) == decode(x)`; what `decode` forgets about
//! the spelling is kept by the original record (an unchanged value is never written back).

mod cnid;
mod code;
mod date;
mod organisation;
mod quantity;
mod template;
mod text;
mod xhtml;

use std::borrow::Cow;

use jiff::tz::TimeZone;
use serde_json::Value;

pub(super) use cnid::fits;
pub(super) use date::{date_part, now_text, offset_in};
pub(super) use template::{print, scan};
pub(super) use text::{in_class, number_text};

use super::plan::{Codec, Json, Program};
/// A template, for callers that print and scan.
pub(super) type TemplateRef = super::plan::Template;

/// A value between two codecs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val<'r> {
    /// One text.
    Text(Cow<'r, str>),
    /// The texts of several slots, in the order of the input.
    Many(Vec<Option<Cow<'r, str>>>),
    /// JSON that a codec made (quantity).
    Json(Value),
}

/// Why a text or value cannot be coded: one sentence without a final period.
pub(super) type Bad = String;

/// What codecs know besides the value.
pub(super) struct Around<'p> {
    /// The plan: tables.
    pub program: &'p Program,
    /// Zone of local times.
    pub zone: TimeZone,
    /// HL7 v2 spellings of dates are the default.
    pub hl7: bool,
}

impl<'r> Val<'r> {
    /// The only text, or the first present one.
    pub(super) fn text(self) -> Option<Cow<'r, str>> {
        match self {
            Val::Text(text) => Some(text),
            Val::Many(many) => many.into_iter().flatten().next(),
            Val::Json(Value::String(text)) => Some(Cow::Owned(text)),
            Val::Json(Value::Number(number)) => Some(Cow::Owned(number.to_string())),
            Val::Json(Value::Bool(flag)) => {
                Some(Cow::Borrowed(if flag { "true" } else { "false" }))
            }
            Val::Json(_) => None,
        }
    }
}

/// Text → FHIR, one codec.
pub(super) fn decode<'r>(codec: &Codec, around: &Around, val: Val<'r>) -> Result<Val<'r>, Bad> {
    let one = |val: Val<'r>| val.text().ok_or_else(|| "has no text".to_owned());
    Ok(match codec {
        Codec::Code(table) => Val::Text(code::get(&around.program.tables[*table], one(val)?)?),
        Codec::Hd(table) => Val::Text(code::hd_get(&around.program.tables[*table], val)?),
        Codec::Date(patterns) => Val::Text(date::date_get(patterns, &one(val)?)?.into()),
        Codec::DateTime(patterns) => {
            Val::Text(date::datetime_get(patterns, around, &one(val)?)?.into())
        }
        Codec::Decimal => Val::Text(text::decimal(one(val)?)?),
        Codec::Int => Val::Text(text::integer(one(val)?)?),
        Codec::Bool(yes, no) => Val::Text(text::flag_get(yes, no, &one(val)?)?.into()),
        Codec::Quantity(form) => Val::Json(quantity::get(form, around, val)?),
        Codec::Name => Val::Text(text::name(one(val)?)),
        Codec::Phone => Val::Text(text::phone(one(val)?)),
        Codec::Cnid => Val::Text(cnid::get(one(val)?)?),
        Codec::CnidOrText => Val::Text(cnid::get_or_text(one(val)?)),
        Codec::Uscc => Val::Text(organisation::uscc(one(val)?)?),
        Codec::OrgCode { .. } => Val::Text(organisation::code_get(one(val)?)?),
        Codec::Template(template) => Val::Text(template::join(template, val)?.into()),
        Codec::Lines => Val::Text(text::join_lines(val)),
        Codec::Trim => Val::Text(text::trim(one(val)?)),
        Codec::Xhtml => Val::Text(xhtml::get(&one(val)?)?.into()),
        Codec::Pad(_) => Val::Text(text::strip_zeros(one(val)?)),
        Codec::Fill(width) => Val::Text(text::pad(*width, &one(val)?).into()),
    })
}

/// FHIR → text, one codec.
pub(super) fn encode<'r>(codec: &Codec, around: &Around, val: Val<'r>) -> Result<Val<'r>, Bad> {
    let one = |val: Val<'r>| val.text().ok_or_else(|| "is not a text".to_owned());
    Ok(match codec {
        Codec::Code(table) => {
            Val::Text(code::put(&around.program.tables[*table], &around.zone, one(val)?)?)
        }
        Codec::Hd(table) => code::hd_put(&around.program.tables[*table], one(val)?)?,
        Codec::Date(patterns) => Val::Text(date::date_put(patterns, around, &one(val)?)?.into()),
        Codec::DateTime(patterns) => {
            Val::Text(date::datetime_put(patterns, around, &one(val)?)?.into())
        }
        Codec::Decimal => Val::Text(text::decimal(one(val)?)?),
        Codec::Int => Val::Text(text::integer(one(val)?)?),
        Codec::Bool(yes, no) => Val::Text(text::flag_put(yes, no, &one(val)?)?.into()),
        Codec::Quantity(form) => quantity::put(form, around, val)?,
        Codec::Name | Codec::Phone | Codec::Trim | Codec::Fill(_) => val,
        Codec::Xhtml => Val::Text(xhtml::put(&one(val)?)?.into()),
        Codec::Cnid => Val::Text(cnid::get(one(val)?)?),
        Codec::CnidOrText => Val::Text(cnid::get_or_text(one(val)?)),
        Codec::Uscc => Val::Text(organisation::uscc(one(val)?)?),
        Codec::OrgCode { hyphen } => Val::Text(organisation::code_put(*hyphen, one(val)?)?),
        Codec::Template(template) => template::split(template, &one(val)?)?,
        Codec::Lines => text::split_lines(&one(val)?),
        Codec::Pad(width) => Val::Text(text::pad(*width, &one(val)?).into()),
    })
}

/// Runs codecs left to right.
pub(super) fn decode_all<'r>(
    codecs: &[Codec],
    around: &Around,
    mut val: Val<'r>,
) -> Result<Val<'r>, Bad> {
    for codec in codecs {
        val = decode(codec, around, val)?;
    }
    Ok(val)
}

/// Runs codecs right to left.
pub(super) fn encode_all<'r>(
    codecs: &[Codec],
    around: &Around,
    mut val: Val<'r>,
) -> Result<Val<'r>, Bad> {
    for codec in codecs.iter().rev() {
        val = encode(codec, around, val)?;
    }
    Ok(val)
}

/// The JSON of a decoded value, as the element's type wants it.
pub(super) fn to_json(json: Json, val: Val<'_>) -> Result<Value, Bad> {
    if let Val::Json(value) = val {
        return Ok(value);
    }
    let Some(text) = val.text() else { return Err("has no text".to_owned()) };
    match json {
        Json::Text | Json::Object => Ok(Value::String(text.into_owned())),
        Json::Boolean => match &*text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            other => Err(format!("'{other}' is not true or false")),
        },
        Json::Number => {
            let number = number_text(&text).ok_or_else(|| format!("'{text}' is not a number"))?;
            serde_json::from_str(&number).map_err(|_| format!("'{text}' is not a number"))
        }
    }
}
