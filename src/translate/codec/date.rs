//! Dates and times: local spellings ↔ FHIR date and dateTime.
//!
//! A pattern is made of `yyyy MM M dd d HH mm ss` and literals. Without patterns the format's own
//! family is written (HL7 TS, else `yyyy-MM-dd HH:mm:ss`) and every style of the field is read.
//! Local time without an offset is in the mapping's zone. FHIR wants seconds where there is a time
//! (<https://hl7.org/fhir/R4/datatypes.html#dateTime>): missing ones are zero.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::{Around, Bad};

/// A moment as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
struct Moment {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    hour: Option<i8>,
    minute: Option<i8>,
    second: Option<i8>,
    fraction: String,
    offset: Option<i32>,
}

/// Legacy spelling → FHIR date.
pub(super) fn date_get(patterns: &[String], text: &str) -> Result<String, Bad> {
    let moment = read(patterns, text)?;
    Ok(moment.date())
}

/// Legacy spelling → FHIR dateTime.
pub(super) fn datetime_get(
    patterns: &[String],
    around: &Around,
    text: &str,
) -> Result<String, Bad> {
    let moment = read(patterns, text)?;
    let Some(hour) = moment.hour else { return Ok(moment.date()) };
    let (minute, second) = (moment.minute.unwrap_or(0), moment.second.unwrap_or(0));
    let offset = match moment.offset {
        Some(offset) => offset,
        None => offset_of(&around.zone, &moment, hour, minute, second)?,
    };
    let mut out = moment.date();
    out += &format!("T{hour:02}:{minute:02}:{second:02}");
    if !moment.fraction.is_empty() {
        out.push('.');
        out += &moment.fraction;
    }
    out += &offset_text(offset, ":");
    Ok(out)
}

/// FHIR date → legacy spelling.
pub(super) fn date_put(patterns: &[String], around: &Around, text: &str) -> Result<String, Bad> {
    let mut moment = read_fhir(text)?;
    moment.hour = None;
    print(
        patterns,
        if around.hl7 {
            &["yyyyMMdd", "yyyyMM", "yyyy"]
        } else {
            &["yyyy-MM-dd", "yyyy-MM", "yyyy"]
        },
        &moment,
    )
    .ok_or_else(|| format!("'{text}' is less exact than {}", patterns.join(", ")))
}

/// FHIR dateTime → legacy spelling, in the mapping's zone; HL7 v2 can say another offset, and does.
pub(super) fn datetime_put(
    patterns: &[String],
    around: &Around,
    text: &str,
) -> Result<String, Bad> {
    let there = read_fhir(text)?;
    let mut moment = localise(there.clone(), around);
    let mut offset = String::new();
    if around.hl7 && patterns.is_empty() && !same_clock(&there, &moment) {
        offset = offset_text(there.offset.unwrap_or(0), "");
        moment = there;
    }
    let family: &[&str] = if around.hl7 {
        &["yyyyMMddHHmmss", "yyyyMMdd", "yyyyMM", "yyyy"]
    } else {
        &["yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd", "yyyy-MM", "yyyy"]
    };
    let mut out = print(patterns, family, &moment)
        .ok_or_else(|| format!("'{text}' is less exact than {}", patterns.join(", ")))?;
    if patterns.is_empty() && moment.hour.is_some() && !moment.fraction.is_empty() {
        out.push('.');
        out += &moment.fraction;
    }
    Ok(out + &offset)
}

/// Whether two spellings of one moment show the same day and time.
fn same_clock(a: &Moment, b: &Moment) -> bool {
    let clock = |m: &Moment| (m.month, m.day, m.hour, m.minute);
    clock(a) == clock(b)
}

/// The offset at the end of a date and time, in seconds.
pub(in crate::translate) fn offset_in(text: &str) -> Option<i32> {
    split_offset(text).1
}

/// The date part of a FHIR date or dateTime.
pub(in crate::translate) fn date_part(text: &str) -> &str {
    text.split('T').next().unwrap_or(text)
}

/// Now, in the spelling of the family.
pub(in crate::translate) fn now_text(around: &Around, now: jiff::Timestamp) -> String {
    let local = now.to_zoned(around.zone.clone());
    let style = if around.hl7 { "%Y%m%d%H%M%S" } else { "%Y-%m-%d %H:%M:%S" };
    local.strftime(style).to_string()
}

impl Moment {
    fn date(&self) -> String {
        let mut out = format!("{:04}", self.year);
        if let Some(month) = self.month {
            out += &format!("-{month:02}");
            if let Some(day) = self.day {
                out += &format!("-{day:02}");
            }
        }
        out
    }

    /// The calendar has such a day and the clock such a time.
    fn check(self, text: &str) -> Result<Moment, Bad> {
        let day = jiff::civil::Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day.is_err() || self.year == 0 {
            return Err(format!("'{text}' is an impossible date: there is no {}", self.date()));
        }
        let in_clock = self.hour.unwrap_or(0) < 24
            && self.minute.unwrap_or(0) < 60
            && self.second.unwrap_or(0) < 60;
        if !in_clock {
            return Err(format!("'{text}' is an impossible time of day"));
        }
        Ok(self)
    }
}

fn read(patterns: &[String], text: &str) -> Result<Moment, Bad> {
    let tidy: String = text.trim().chars().map(super::text::half_width).collect();
    if patterns.is_empty() {
        return read_any(&tidy)
            .ok_or_else(|| format!("'{text}' is not a date or time"))?
            .check(text);
    }
    for pattern in patterns {
        if let Some(moment) = read_pattern(pattern, &tidy) {
            return moment.check(text);
        }
    }
    Err(format!("'{text}' is not a date in the form {}", patterns.join(" or ")))
}

/// Every style of the field: HL7 TS, ISO, slashes, `2026年3月2日`, with or without a time.
fn read_any(text: &str) -> Option<Moment> {
    let (text, offset) = split_offset(text);
    let mut moment = if text.len() >= 4 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        read_hl7(text)?
    } else {
        read_separated(text)?
    };
    moment.offset = offset;
    Some(moment)
}

/// `yyyy[MM[dd[HH[mm[ss[.S+]]]]]]`.
fn read_hl7(text: &str) -> Option<Moment> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    if digits.len() % 2 != 0 || digits.len() > 14 || digits.len() < 4 {
        return None;
    }
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || (!fraction.is_empty() && digits.len() < 14)
    {
        return None;
    }
    let two = |at: usize| digits.get(at..at + 2).and_then(|s| s.parse().ok());
    Some(Moment {
        year: digits.get(..4)?.parse().ok()?,
        month: two(4),
        day: two(6),
        hour: two(8),
        minute: two(10),
        second: two(12),
        fraction: fraction.to_owned(),
        offset: None,
    })
}

/// `2026-3-2`, `2026/03/02 08:30[:15[.0]]`, `2026年3月2日`, `2026-03-02T08:30:15`.
fn read_separated(text: &str) -> Option<Moment> {
    let date_end = text.find([' ', 'T']).unwrap_or(text.len());
    let (date, time) = text.split_at(date_end);
    let date = date.trim_end_matches('日');
    let mut fields = date.split(['-', '/', '年', '月', '.']).filter(|f| !f.is_empty());
    let number = |f: &str| (f.len() <= 2).then(|| f.parse::<i8>().ok()).flatten();
    let year = fields.next().filter(|y| y.len() == 4)?.parse().ok()?;
    let mut moment = Moment { year, ..Moment::default() };
    if let Some(month) = fields.next() {
        moment.month = Some(number(month)?);
    }
    if let Some(day) = fields.next() {
        moment.day = Some(number(day)?);
    }
    if fields.next().is_some() {
        return None;
    }
    let time = time.trim_start_matches([' ', 'T']);
    if time.is_empty() {
        return Some(moment);
    }
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut fields = clock.split(':');
    moment.hour = Some(number(fields.next()?)?);
    moment.minute = fields.next().map(|f| number(f).ok_or(())).transpose().ok()?;
    moment.second = fields.next().map(|f| number(f).ok_or(())).transpose().ok()?;
    if fields.next().is_some() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if !fraction.bytes().all(|b| b == b'0') {
        moment.fraction = fraction.to_owned();
    }
    moment.day.is_some().then_some(moment)
}

/// Takes `+0800`, `+08:00` or `Z` off the end; a date's own hyphens are not an offset.
fn split_offset(text: &str) -> (&str, Option<i32>) {
    if let Some(rest) = text.strip_suffix('Z') {
        return (rest, Some(0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return (text, None) };
    let (rest, offset) = text.split_at(at);
    let digits: String = offset[1..].chars().filter(|c| *c != ':').collect();
    let clock_before = rest.len() >= 10
        && (rest.contains(':') || rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    let four = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    if !four || !(clock_before || offset.starts_with('+')) {
        return (text, None);
    }
    let minutes = digits[..2].parse().unwrap_or(0) * 60 + digits[2..].parse().unwrap_or(0);
    let sign = if offset.starts_with('-') { -60 } else { 60 };
    (rest, Some(sign * minutes))
}

fn read_pattern(pattern: &str, text: &str) -> Option<Moment> {
    let mut moment = Moment::default();
    let mut rest = text;
    let mut letters = pattern;
    while let Some(c) = letters.chars().next() {
        let run = letters.chars().take_while(|x| *x == c).count();
        if !matches!(c, 'y' | 'M' | 'd' | 'H' | 'm' | 's') {
            rest = rest.strip_prefix(c)?;
            letters = &letters[c.len_utf8()..];
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let take = if run == 1 { digits.min(2) } else { run };
        if take == 0 || digits < take {
            return None;
        }
        let (number, after) = rest.split_at(take);
        rest = after;
        letters = &letters[run..];
        match c {
            'y' => moment.year = number.parse().ok()?,
            'M' => moment.month = Some(number.parse().ok()?),
            'd' => moment.day = Some(number.parse().ok()?),
            'H' => moment.hour = Some(number.parse().ok()?),
            'm' => moment.minute = Some(number.parse().ok()?),
            _ => moment.second = Some(number.parse().ok()?),
        }
    }
    rest.is_empty().then_some(moment)
}

/// Prints by the first pattern for which everything is known; without patterns by the family.
fn print(patterns: &[String], family: &[&str], moment: &Moment) -> Option<String> {
    if patterns.is_empty() {
        return family.iter().find_map(|p| print_pattern(p, moment));
    }
    patterns.iter().find_map(|p| print_pattern(p, moment))
}

fn print_pattern(pattern: &str, moment: &Moment) -> Option<String> {
    let mut out = String::new();
    let mut letters = pattern;
    while let Some(c) = letters.chars().next() {
        let run = letters.chars().take_while(|x| *x == c).count();
        let number = match c {
            'y' => moment.year,
            'M' => moment.month?.into(),
            'd' => moment.day?.into(),
            'H' => moment.hour?.into(),
            'm' => moment.minute.or(moment.hour.map(|_| 0))?.into(),
            's' => moment.second.or(moment.hour.map(|_| 0))?.into(),
            literal => {
                out.push(literal);
                letters = &letters[literal.len_utf8()..];
                continue;
            }
        };
        out += &format!("{number:0run$}");
        letters = &letters[run..];
    }
    Some(out)
}

fn read_fhir(text: &str) -> Result<Moment, Bad> {
    let bad = || format!("'{text}' is not a FHIR date or dateTime");
    if text.len() >= 4 && text.bytes().all(|b| b.is_ascii_digit()) && text.len() != 4 {
        return Err(bad());
    }
    read_any(text).ok_or_else(bad)?.check(text)
}

/// A moment with another offset, in the local time of the zone.
fn localise(moment: Moment, around: &Around) -> Moment {
    let (Some(hour), Some(seconds), Some(month), Some(day)) =
        (moment.hour, moment.offset, moment.month, moment.day)
    else {
        return moment;
    };
    let (minute, second) = (moment.minute.unwrap_or(0), moment.second.unwrap_or(0));
    let there = DateTime::new(moment.year, month, day, hour, minute, second, 0);
    let moved = there
        .and_then(|t| Offset::from_seconds(seconds)?.to_timestamp(t))
        .map(|t| around.zone.to_datetime(t));
    let Ok(local) = moved else { return moment };
    Moment {
        year: local.year(),
        month: Some(local.month()),
        day: Some(local.day()),
        hour: Some(local.hour()),
        minute: Some(local.minute()),
        second: Some(local.second()),
        fraction: moment.fraction,
        offset: None,
    }
}

fn offset_of(zone: &TimeZone, m: &Moment, hour: i8, minute: i8, second: i8) -> Result<i32, Bad> {
    let (month, day) = (m.month.unwrap_or(1), m.day.unwrap_or(1));
    let local =
        DateTime::new(m.year, month, day, hour, minute, second, 0).map_err(|e| e.to_string())?;
    let at = zone.to_ambiguous_timestamp(local).compatible().map_err(|e| e.to_string())?;
    Ok(zone.to_offset(at).seconds())
}

fn offset_text(seconds: i32, colon: &str) -> String {
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::plan::Program;

    fn around(program: &Program) -> Around<'_> {
        Around { program, zone: TimeZone::get("Asia/Shanghai").expect("bundled"), hl7: true }
    }

    #[test]
    fn every_style_of_the_field_is_one_date() {
        for written in [
            "19650315",
            "1965-03-15",
            "1965/3/15",
            "1965年3月15日",
            "1965-03-15 00:00:00",
            "19650315000000",
            "１９６５０３１５",
            "1965-3-15 08:30",
        ] {
            assert_eq!(date_get(&[], written).as_deref(), Ok("1965-03-15"), "{written}");
        }
        assert_eq!(date_get(&[], "1965").as_deref(), Ok("1965"));
        assert_eq!(date_get(&[], "196503").as_deref(), Ok("1965-03"));
    }

    #[test]
    fn impossible_dates_say_so() {
        for written in ["20240230", "2024-02-30", "2024-13-01", "20240101250000"] {
            let error = date_get(&[], written).expect_err(written);
            assert!(error.contains("impossible"), "{written}: {error}");
        }
        for written in ["", "abc", "12", "202", "20240", "2024-", "99"] {
            let read = date_get(&[], written);
            assert!(read.is_err() || written == "2024-", "{written}: {read:?}");
        }
    }

    #[test]
    fn times_get_the_zone_and_lose_it_again() {
        let program = crate::translate::plan::tests::empty();
        let around = around(&program);
        let get = |t| datetime_get(&[], &around, t);
        assert_eq!(get("20260302083015").as_deref(), Ok("2026-03-02T08:30:15+08:00"));
        assert_eq!(get("202603020830").as_deref(), Ok("2026-03-02T08:30:00+08:00"));
        assert_eq!(get("20260302083015.250+0900").as_deref(), Ok("2026-03-02T08:30:15.250+09:00"));
        assert_eq!(get("20260302").as_deref(), Ok("2026-03-02"));
        let put = |t| datetime_put(&[], &around, t);
        assert_eq!(put("2026-03-02T08:30:15+08:00").as_deref(), Ok("20260302083015"));
        // Another offset is kept: nothing is converted in silence.
        assert_eq!(put("2026-03-02T00:30:15Z").as_deref(), Ok("20260302003015+0000"));
        assert_eq!(put("2026-03-02T01:45:15+01:15").as_deref(), Ok("20260302014515+0115"));
        assert_eq!(get("20260302014515+0115").as_deref(), Ok("2026-03-02T01:45:15+01:15"));
        let hours = ["yyyy-MM-dd HH".to_owned()];
        assert_eq!(
            datetime_put(&hours, &around, "2026-03-05T10:25:00+08:00").as_deref(),
            Ok("2026-03-05 10")
        );
        assert!(datetime_put(&hours, &around, "2026-03-05").is_err());
    }
}
