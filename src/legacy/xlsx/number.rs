//! Numbers as people see them, and days as the numbers that spreadsheets keep.

use jiff::civil::{Date, date};

use super::styles::Class;

/// Digits that a spreadsheet keeps of a number.
const DIGITS: usize = 15;
/// 9999-12-31.
const LAST_DAY: f64 = 2_958_465.0;
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A number without the noise of its binary form: `62.299999999999997` is 62.3.
pub(super) fn plain(raw: &str) -> String {
    let raw = raw.trim();
    if is_plain(raw) {
        return raw.to_owned();
    }
    match raw.parse::<f64>() {
        Ok(number) if number.is_finite() => expanded(number),
        _ => raw.to_owned(),
    }
}

/// Digits, perhaps with a sign and a point, no more than are kept.
fn is_plain(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, behind) = digits.split_once('.').unwrap_or((digits, "0"));
    let count = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    let significant = digits.trim_start_matches(['0', '.']).bytes().filter(u8::is_ascii_digit);
    count(whole) && count(behind) && significant.count() <= DIGITS
}

/// Whether a text is a number that a cell gives back as it was written.
pub(super) fn is_exact(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let zero = digits.bytes().all(|b| matches!(b, b'0' | b'.'));
    is_plain(text) && !leading && !(zero && text.starts_with('-'))
}

fn expanded(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let text = format!("{:.*e}", DIGITS - 1, number.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.replace('.', "");
    let digits = digits.trim_end_matches('0');
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let length = digits.len() as i32;
    let sign = if number < 0.0 { "-" } else { "" };
    let zeros = |n: i32| "0".repeat(n.max(0) as usize);
    if point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else if point >= length {
        format!("{sign}{digits}{}", zeros(point - length))
    } else {
        let (whole, behind) = digits.split_at(point as usize);
        format!("{sign}{whole}.{behind}")
    }
}

/// The day or time that a number is: `2026-03-05`, `2026-03-05 10:30:00`, `10:30:00`. Days before
/// March 1900 are one off, because spreadsheets know a 29 February in that year; none is that day.
pub(super) fn moment(raw: &str, class: Class, from_1904: bool) -> Option<String> {
    let number: f64 = raw.trim().parse().ok()?;
    if !(0.0..LAST_DAY + 1.0).contains(&number) {
        return None;
    }
    let (mut day, mut seconds) = (number.floor(), ((number - number.floor()) * DAY).round());
    if seconds >= DAY {
        (day, seconds) = (day + 1.0, 0.0);
    }
    let seconds = seconds as u32;
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if class == Class::Time && day == 0.0 {
        return Some(time);
    }
    let date = day_of(day as i32, from_1904)?;
    Some(match class {
        Class::Date if seconds == 0 => date.to_string(),
        _ => format!("{date} {time}"),
    })
}

fn day_of(day: i32, from_1904: bool) -> Option<Date> {
    let zero = match (from_1904, day) {
        (true, _) => date(1904, 1, 1),
        (false, 0 | 60) => return None,
        (false, 1..60) => date(1899, 12, 31),
        (false, _) => date(1899, 12, 30),
    };
    zero.checked_add(jiff::Span::new().try_days(i64::from(day)).ok()?).ok()
}

/// The number of a day or time that is spelt as [`moment`] spells it.
pub(super) fn serial(text: &str, class: Class, from_1904: bool) -> Option<String> {
    let (date, time) = match text.split_once(' ') {
        Some((date, time)) => (Some(date), Some(time)),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let mut number = 0.0;
    if let Some(text) = date {
        let day: Date = text.parse().ok()?;
        let zero =
            if from_1904 { Date::constant(1904, 1, 1) } else { Date::constant(1899, 12, 30) };
        let mut days = zero.until(day).ok()?.get_days();
        if !from_1904 && days <= 60 {
            days -= 1;
        }
        number = f64::from(days);
    }
    if let Some(time) = time {
        let time: jiff::civil::Time = time.parse().ok()?;
        let seconds = i32::from(time.hour()) * 3600
            + i32::from(time.minute()) * 60
            + i32::from(time.second());
        number += f64::from(seconds) / DAY;
    }
    let number = number.to_string();
    (moment(&number, class, from_1904).as_deref() == Some(text)).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_those_that_people_see() {
        for (raw, seen) in [
            ("62.5", "62.5"),
            ("62.299999999999997", "62.3"),
            ("0.30000000000000004", "0.3"),
            ("1.0000000000000001E-2", "0.01"),
            ("5.3990119881111E+17", "539901198811110000"),
            ("-1.5E+3", "-1500"),
            ("007", "007"),
            ("", ""),
            ("x", "x"),
            ("1e400", "1e400"),
        ] {
            assert_eq!(plain(raw), seen, "{raw}");
        }
        assert!(["0", "62.5", "-3", "0.05", "62.50"].iter().all(|text| is_exact(text)));
        let kept = ["007", "-0", "1e3", "5399011988111100721", "", ".5", "5.", "+1", "１"];
        assert!(!kept.iter().any(|text| is_exact(text)));
    }

    #[test]
    fn days_are_numbers() {
        for (raw, class, seen) in [
            ("46086", Class::Date, "2026-03-05"),
            ("46086.4375", Class::DateTime, "2026-03-05 10:30:00"),
            ("46086", Class::DateTime, "2026-03-05 00:00:00"),
            ("46086.999999999", Class::Date, "2026-03-06"),
            ("0.4375", Class::Time, "10:30:00"),
            ("1", Class::Date, "1900-01-01"),
            ("59", Class::Date, "1900-02-28"),
            ("61", Class::Date, "1900-03-01"),
        ] {
            assert_eq!(moment(raw, class, false).as_deref(), Some(seen), "{raw}");
        }
        assert_eq!(moment("0", Class::Date, true).as_deref(), Some("1904-01-01"));
        for none in ["60", "-1", "1e9", "x", "NaN", "0"] {
            assert_eq!(moment(none, Class::Date, false), None, "{none}");
        }
        assert_eq!(serial("2026-03-05", Class::DateTime, false), None, "read with a time");
        assert_eq!(serial("20260305", Class::Date, false), None);
    }

    proptest! {
        #[test]
        fn any_text_is_no_panic(text in "\\PC{0,20}") {
            let _ = (plain(&text), is_exact(&text), moment(&text, Class::Date, false));
            let _ = serial(&text, Class::DateTime, true);
        }

        #[test]
        fn days_come_back(day in 1u32..2_958_465, second in 0u32..86_400, from_1904: bool) {
            prop_assume!(day != 60);
            let raw = (f64::from(day) + f64::from(second) / DAY).to_string();
            let seen = moment(&raw, Class::DateTime, from_1904);
            if let Some(seen) = seen {
                let number = serial(&seen, Class::DateTime, from_1904);
                prop_assert!(number.is_some(), "{} {}", raw, seen);
            }
        }
    }
}
