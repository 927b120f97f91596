//! Random values inside the range of a leaf: what its codecs can say and read back.

use std::borrow::Cow;

use fastrand::Rng;
use serde_json::Value as Json;

use crate::fhir::identifier;
use crate::translate::codec::{self, Around, Val};
use crate::translate::plan::{Codec, Json as Kind, Leaf, Program, Table};

/// A value other than the old one that the leaf's codecs can write and read back; none if there is
/// none.
pub(super) fn another(
    program: &Program,
    around: &Around,
    leaf: &Leaf,
    old: &Json,
    rng: &mut Rng,
) -> Option<Json> {
    for _ in 0..8 {
        let new = candidate(program, leaf, old, rng)?;
        if new != *old && reads_back(leaf, around, &new) {
            return Some(new);
        }
    }
    None
}

/// The legacy texts of a value.
pub(super) fn encoded(leaf: &Leaf, around: &Around, value: &Json) -> Option<Vec<Option<String>>> {
    let val = codec::encode_all(&leaf.codecs, around, to_val(value)).ok()?;
    Some(match val {
        Val::Many(texts) => texts.into_iter().map(|t| t.map(Cow::into_owned)).collect(),
        other => vec![other.text().map(Cow::into_owned)],
    })
}

/// Whether a value is in the range of a leaf's codecs.
pub(super) fn reads_back(leaf: &Leaf, around: &Around, value: &Json) -> bool {
    let Ok(val) = codec::encode_all(&leaf.codecs, around, to_val(value)) else { return false };
    let back =
        codec::decode_all(&leaf.codecs, around, val).and_then(|v| codec::to_json(leaf.json, v));
    back.as_ref() == Ok(value)
}

fn to_val(value: &Json) -> Val<'static> {
    match value {
        Json::Object(_) => Val::Json(value.clone()),
        Json::String(text) => Val::Text(Cow::Owned(text.clone())),
        other => Val::Text(Cow::Owned(other.to_string())),
    }
}

fn candidate(program: &Program, leaf: &Leaf, old: &Json, rng: &mut Rng) -> Option<Json> {
    let text = old.as_str();
    let value = match leaf.codecs.last() {
        Some(Codec::Code(table)) => code(&program.tables[*table], text?, rng)?,
        Some(Codec::Hd(table)) if rng.bool() => code(&program.tables[*table], text?, rng)?,
        Some(Codec::Hd(_)) => format!("urn:oid:1.2.{}.{}", rng.u16(1..), rng.u16(1..)),
        Some(Codec::Date(_)) => date(rng),
        Some(Codec::DateTime(_)) => moment(text?, rng),
        Some(Codec::Cnid | Codec::CnidOrText) => id_card(rng),
        Some(Codec::OrgCode { .. }) => checked(format!("{:08}", rng.u32(..100_000_000)), |code| {
            identifier::organisation(code).is_ok()
        })?,
        Some(Codec::Uscc) => checked(format!("12539901{:09}", rng.u32(..1_000_000_000)), |code| {
            identifier::uscc(code).is_ok()
        })?,
        Some(Codec::Quantity(_)) => {
            let mut quantity = old.clone();
            quantity["value"] = serde_json::from_str(&number(rng)).ok()?;
            return Some(quantity);
        }
        Some(Codec::Phone) => format!("199{:08}", rng.u32(..100_000_000)),
        Some(Codec::Int) => rng.u16(1..500).to_string(),
        Some(Codec::Bool(..)) => (!old.as_bool()?).to_string(),
        _ => match leaf.json {
            Kind::Number => number(rng),
            Kind::Boolean => (!old.as_bool()?).to_string(),
            _ => mutated(text?, rng),
        },
    };
    match leaf.json {
        Kind::Text | Kind::Object => Some(Json::String(value)),
        Kind::Number | Kind::Boolean => serde_json::from_str(&value).ok(),
    }
}

fn code(table: &Table, old: &str, rng: &mut Rng) -> Option<String> {
    let stable = |fhir: &&String| {
        *fhir != old && table.put.get(*fhir).and_then(|l| table.get.get(l)) == Some(*fhir)
    };
    let mut codes: Vec<&String> = table.put.keys().filter(stable).collect();
    codes.sort();
    rng.choice(codes).cloned()
}

fn date(rng: &mut Rng) -> String {
    format!("{}-{:02}-{:02}", rng.u16(1930..2026), rng.u8(1..13), rng.u8(1..29))
}

/// A time in the old one's precision and offset.
fn moment(old: &str, rng: &mut Rng) -> String {
    let Some((_, time)) = old.split_once('T') else { return date(rng) };
    // After 1992 the zone of China has no summer time, so the offset of the old value stays right.
    let date = format!("{}-{:02}-{:02}", rng.u16(1993..2026), rng.u8(1..13), rng.u8(1..29));
    let minutes = if time.starts_with("00:00:00") || time.get(3..8) == Some("00:00") {
        "00:00".to_owned()
    } else {
        format!("{:02}:{:02}", rng.u8(..60), rng.u8(..60))
    };
    format!("{date}T{:02}:{minutes}{}", rng.u8(..24), time.get(8..).unwrap_or(""))
}

fn number(rng: &mut Rng) -> String {
    match rng.u8(..3) {
        0 => rng.u16(1..300).to_string(),
        1 => format!("{}.{}", rng.u16(..200), rng.u8(1..10)),
        _ => format!("{}.{:02}", rng.u16(..20), rng.u8(..100)),
    }
}

fn id_card(rng: &mut Rng) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let first = format!(
        "539901{}{:02}{:02}{:03}",
        rng.u16(1930..2026),
        rng.u8(1..13),
        rng.u8(1..29),
        rng.u16(..1000)
    );
    let sum: u32 = first.bytes().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    format!("{first}{}", b"10X98765432"[(sum % 11) as usize] as char)
}

/// A code with its check character.
fn checked(first: String, is: impl Fn(&str) -> bool) -> Option<String> {
    let checks = ('0'..='9').chain('A'..='Z');
    checks.map(|check| format!("{first}{check}")).find(|code| is(code))
}

/// A text of the same alphabet: guards that look at it still hold. Delimiters of the formats are
/// mixed in where the text is not of one alphabet.
fn mutated(old: &str, rng: &mut Rng) -> String {
    const HAN: [char; 8] = ['试', '样', '例', '测', '亅', '乛', '乗', '倈'];
    const HOSTILE: [char; 10] = ['|', '^', '~', '\\', '&', ',', '"', '<', '\'', ';'];
    let latin = old.bytes().all(|b| b.is_ascii_alphabetic());
    let digits = old.bytes().all(|b| b.is_ascii_digit());
    let han = !old.is_ascii() && old.chars().all(|c| !c.is_ascii());
    let mut text = old.to_owned();
    let next = |rng: &mut Rng| {
        if digits {
            char::from(b'0' + rng.u8(..10))
        } else if latin {
            char::from(b'a' + rng.u8(..26))
        } else if han || rng.bool() {
            HAN[rng.usize(..HAN.len())]
        } else {
            HOSTILE[rng.usize(..HOSTILE.len())]
        }
    };
    if digits && text.len() > 1 && rng.bool() {
        text.pop();
        text.push(next(rng));
        return text;
    }
    for _ in 0..rng.usize(1..4) {
        text.push(next(rng));
    }
    text
}
