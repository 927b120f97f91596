//! Dates and times as FHIR writes them: as exact as they were written, and no more
//! (<https://hl7.org/fhir/R4/datatypes.html#dateTime>).
//!
//! `2024-02` is a month, not its first day. Every moment is a span of time: [`DateTime::interval`]
//! gives it in milliseconds, half open. Reading gives a reason for what it refuses.

use std::fmt;
use std::ops::Range;

use crate::error::{Error, Kind, Result};

/// Minutes that China's clocks are before UTC: the zone of records that name none.
pub const CHINA: i32 = 8 * 60;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A year, a month or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: Option<u8>,
    /// 1 to the last of the month; only with a month.
    pub day: Option<u8>,
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60 (a leap second); absent only in search values.
    pub second: Option<u8>,
    /// The fraction of the second, in nanoseconds; further digits are dropped.
    pub nanos: u32,
    /// How many digits of the fraction were written, 0 to 9.
    pub digits: u8,
}

/// The offset of a clock from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// `Z`.
    Utc,
    /// `+08:00`, in minutes, -840 to 840.
    Minutes(i16),
}

/// A date, or a time on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// The date, whole if there is a time.
    pub date: Date,
    /// The time of day.
    pub time: Option<Time>,
    /// The offset; absent with a time only in search values.
    pub offset: Option<Offset>,
}

impl Date {
    /// Reads a FHIR `date`: `2024`, `2024-02` or `2024-02-29`.
    pub fn parse(text: &str) -> Result<Date> {
        let mut rest = Text::of(text);
        let date = date(&mut rest)?;
        rest.end().map(|()| date)
    }

    /// The days it covers, counted from 1970-01-01, half open.
    fn days(self) -> Range<i64> {
        let year = i64::from(self.year);
        match (self.month, self.day) {
            (Some(month), Some(day)) => {
                let first = days_before(year, month) + i64::from(day) - 1;
                first..first + 1
            }
            (Some(month), None) => {
                let first = days_before(year, month);
                first..first + i64::from(last_day(self.year, month))
            }
            _ => days_before(year, 1)..days_before(year + 1, 1),
        }
    }
}

impl Time {
    /// Reads a FHIR `time`: `08:30:00` or `08:30:00.5`, without a zone.
    pub fn parse(text: &str) -> Result<Time> {
        let mut rest = Text::of(text);
        let time = time(&mut rest, Seconds::Required)?;
        rest.end().map(|()| time)
    }

    /// Milliseconds since midnight that it covers, half open.
    fn millis(self) -> Range<i64> {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        let Some(second) = self.second else {
            return minutes * MINUTE_MS..(minutes + 1) * MINUTE_MS;
        };
        let start =
            minutes * MINUTE_MS + i64::from(second) * 1000 + i64::from(self.nanos / 1_000_000);
        let length = [1000, 100, 10].get(usize::from(self.digits)).copied().unwrap_or(1);
        start..start + length
    }
}

impl DateTime {
    /// Reads a FHIR `dateTime`: a date, or a day with a time to the second and an offset.
    pub fn parse(text: &str) -> Result<DateTime> {
        let mut rest = Text::of(text);
        let date = date(&mut rest)?;
        if rest.0.is_empty() {
            return Ok(DateTime { date, time: None, offset: None });
        }
        let (time, offset) = clock(&mut rest, date, Seconds::Required)?;
        let offset = offset.ok_or_else(|| wrong("a time needs an offset such as +08:00 or Z"))?;
        rest.end().map(|()| DateTime { date, time: Some(time), offset: Some(offset) })
    }

    /// Reads a FHIR `instant`: a `dateTime` that is exact to the second.
    pub fn parse_instant(text: &str) -> Result<DateTime> {
        let read = DateTime::parse(text)?;
        match read.time {
            Some(_) => Ok(read),
            None => Err(wrong("an instant needs a time to the second and an offset")),
        }
    }

    /// Reads the value of a date search: a `dateTime` whose seconds and offset may be missing, and
    /// whose `+` may have become a space on its way through a URL
    /// (<https://hl7.org/fhir/R4/search.html#date>).
    pub fn parse_search(text: &str) -> Result<DateTime> {
        let mut rest = Text::of(text);
        let date = date(&mut rest)?;
        if rest.0.is_empty() {
            return Ok(DateTime { date, time: None, offset: None });
        }
        let (time, offset) = clock(&mut rest, date, Seconds::Optional)?;
        rest.end().map(|()| DateTime { date, time: Some(time), offset })
    }

    /// The time it covers in milliseconds since 1970-01-01T00:00:00Z, half open; `zone` is the
    /// offset in minutes of what names none.
    pub fn interval(self, zone: i32) -> Range<i64> {
        let offset = match self.offset {
            Some(Offset::Utc) => 0,
            Some(Offset::Minutes(minutes)) => i64::from(minutes),
            None => i64::from(zone),
        };
        let days = self.date.days();
        let (start, end) = match self.time {
            None => (days.start * DAY_MS, days.end * DAY_MS),
            Some(time) => {
                let within = time.millis();
                (days.start * DAY_MS + within.start, days.start * DAY_MS + within.end)
            }
        };
        start - offset * MINUTE_MS..end - offset * MINUTE_MS
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        for part in [self.month, self.day].into_iter().flatten() {
            write!(f, "-{part:02}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)?;
        let Some(second) = self.second else { return Ok(()) };
        write!(f, ":{second:02}")?;
        if self.digits > 0 {
            let nanos = format!("{:09}", self.nanos);
            write!(f, ".{}", &nanos[..usize::from(self.digits.min(9))])?;
        }
        Ok(())
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Offset::Utc => f.write_str("Z"),
            Offset::Minutes(minutes) => {
                let sign = if *minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date)?;
        if let Some(time) = self.time {
            write!(f, "T{time}")?;
        }
        self.offset.map_or(Ok(()), |offset| write!(f, "{offset}"))
    }
}

/// What is left to read.
struct Text<'t>(&'t [u8]);

/// Whether a time may end with its minutes.
#[derive(PartialEq)]
enum Seconds {
    Required,
    Optional,
}

impl<'t> Text<'t> {
    fn of(text: &'t str) -> Self {
        Text(text.as_bytes())
    }

    /// Takes a byte if it is next.
    fn eat(&mut self, byte: u8) -> bool {
        let next = self.0.first() == Some(&byte);
        if next {
            self.0 = &self.0[1..];
        }
        next
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize, what: &str) -> Result<u16> {
        let length = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if length != digits {
            return Err(wrong(format!("{what} needs {digits} digits")));
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        Ok(number.iter().fold(0, |sum, b| sum * 10 + u16::from(b - b'0')))
    }

    /// A number of two digits up to a limit.
    fn two(&mut self, what: &str, most: u16) -> Result<u8> {
        let number = self.number(2, what)?;
        if number > most {
            return Err(wrong(format!("there is no {what} {number:02}")));
        }
        Ok(number as u8)
    }

    fn end(&self) -> Result<()> {
        match self.0 {
            [] => Ok(()),
            rest => Err(wrong(format!("`{}` is too much", String::from_utf8_lossy(rest)))),
        }
    }
}

fn date(rest: &mut Text<'_>) -> Result<Date> {
    let year = rest.number(4, "the year")?;
    if year == 0 {
        return Err(wrong("there is no year 0000"));
    }
    if !rest.eat(b'-') {
        return Ok(Date { year, month: None, day: None });
    }
    let month = rest.two("month", 12)?;
    if month == 0 {
        return Err(wrong("there is no month 00"));
    }
    if !rest.eat(b'-') {
        return Ok(Date { year, month: Some(month), day: None });
    }
    let day = rest.two("day", 99)?;
    if day == 0 || day > last_day(year, month) {
        return Err(wrong(format!("{year:04}-{month:02} has no day {day:02}")));
    }
    Ok(Date { year, month: Some(month), day: Some(day) })
}

/// `T10:00:00+08:00` after a date.
fn clock(rest: &mut Text<'_>, date: Date, seconds: Seconds) -> Result<(Time, Option<Offset>)> {
    if !rest.eat(b'T') {
        return rest.end().and(Err(wrong("a time begins with T")));
    }
    if date.day.is_none() {
        return Err(wrong("a time needs a whole date before it"));
    }
    let lenient = seconds == Seconds::Optional;
    let time = time(rest, seconds)?;
    Ok((time, offset(rest, lenient)?))
}

fn time(rest: &mut Text<'_>, seconds: Seconds) -> Result<Time> {
    let hour = rest.two("hour", 23)?;
    if !rest.eat(b':') {
        return Err(wrong("a time needs minutes"));
    }
    let minute = rest.two("minute", 59)?;
    if !rest.eat(b':') {
        return match seconds {
            Seconds::Optional => Ok(Time { hour, minute, second: None, nanos: 0, digits: 0 }),
            Seconds::Required => Err(wrong("a time needs seconds")),
        };
    }
    let second = Some(rest.two("second", 60)?);
    let mut read = Time { hour, minute, second, nanos: 0, digits: 0 };
    if rest.eat(b'.') {
        let length = rest.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, after) = rest.0.split_at(length);
        rest.0 = after;
        if digits.is_empty() {
            return Err(wrong("digits are missing after the point"));
        }
        read.digits = length.min(9) as u8;
        let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
        read.nanos = padded.fold(0, |sum, b| sum * 10 + u32::from(b - b'0'));
    }
    Ok(read)
}

fn offset(rest: &mut Text<'_>, lenient: bool) -> Result<Option<Offset>> {
    if rest.eat(b'Z') {
        return Ok(Some(Offset::Utc));
    }
    let sign = if rest.eat(b'+') || lenient && rest.eat(b' ') {
        1
    } else if rest.eat(b'-') {
        -1
    } else {
        return Ok(None);
    };
    let hours = rest.two("offset of hours", 14)?;
    if !rest.eat(b':') {
        return Err(wrong("an offset is written +08:00"));
    }
    let minutes = i16::from(hours) * 60 + i16::from(rest.two("minute", 59)?);
    if minutes > 14 * 60 {
        return Err(wrong("no clock is more than 14:00 hours from UTC"));
    }
    Ok(Some(Offset::Minutes(sign * minutes)))
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::new(Kind::Value, reason)
}

/// The last day of a month.
fn last_day(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of a month (proleptic Gregorian calendar).
fn days_before(year: i64, month: u8) -> i64 {
    // A year that begins in March has its leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * i64::from(month) + 2) / 5 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_kept() {
        for text in [
            "2024",
            "2024-02",
            "2024-02-29",
            "2000-02-29",
            "0001-01-01",
            "9999-12-31",
            "2024-02-29T23:59:60Z",
            "2024-02-29T10:00:00+08:00",
            "2024-02-29T10:00:00.120-09:30",
            "2024-02-29T10:00:00.123456789+14:00",
        ] {
            assert_eq!(DateTime::parse(text).unwrap().to_string(), text);
        }
        for text in ["00:00:00", "23:59:59.9"] {
            assert_eq!(Time::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Date::parse("2024-02").unwrap().to_string(), "2024-02");
    }

    #[test]
    fn what_is_no_moment_gets_a_reason() {
        for (text, reason) in [
            ("", "the year needs 4 digits"),
            ("24", "the year needs 4 digits"),
            ("20240229", "the year needs 4 digits"),
            ("２０２４", "the year needs 4 digits"),
            ("+024", "the year needs 4 digits"),
            ("0000", "there is no year 0000"),
            ("2024-2", "month needs 2 digits"),
            ("2024-", "month needs 2 digits"),
            ("2024-13", "there is no month 13"),
            ("2024-00", "there is no month 00"),
            ("2024-02-30", "2024-02 has no day 30"),
            ("2023-02-29", "2023-02 has no day 29"),
            ("1900-02-29", "1900-02 has no day 29"),
            ("2024-04-31", "2024-04 has no day 31"),
            ("2024-02-00", "2024-02 has no day 00"),
            ("2024-02-29-01", "`-01` is too much"),
            ("2024/02/29", "`/02/29` is too much"),
            ("2024-02-29 10:00:00", "` 10:00:00` is too much"),
            ("2024-02T10:00:00Z", "a time needs a whole date before it"),
            ("2024-02-29T", "hour needs 2 digits"),
            ("2024-02-29T10", "a time needs minutes"),
            ("2024-02-29T10:00Z", "a time needs seconds"),
            ("2024-02-29T24:00:00Z", "there is no hour 24"),
            ("2024-02-29T10:60:00Z", "there is no minute 60"),
            ("2024-02-29T10:00:61Z", "there is no second 61"),
            ("2024-02-29T10:00:00.Z", "digits are missing after the point"),
            ("2024-02-29T10:00:00", "a time needs an offset such as +08:00 or Z"),
            ("2024-02-29T10:00:00+8:00", "offset of hours needs 2 digits"),
            ("2024-02-29T10:00:00+0800", "offset of hours needs 2 digits"),
            ("2024-02-29T10:00:00+14:30", "no clock is more than 14:00 hours from UTC"),
            ("2024-02-29T10:00:00 08:00", "a time needs an offset such as +08:00 or Z"),
        ] {
            assert_eq!(DateTime::parse(text).unwrap_err().what, reason, "{text}");
        }
        let reason = DateTime::parse_instant("2024-02-29").unwrap_err().what;
        assert_eq!(reason, "an instant needs a time to the second and an offset");
        assert_eq!(
            Date::parse("2024-02-29T10:00:00Z").unwrap_err().what,
            "`T10:00:00Z` is too much"
        );
        assert_eq!(Time::parse("10:00:00Z").unwrap_err().what, "`Z` is too much");
        assert_eq!(Time::parse("10:00").unwrap_err().what, "a time needs seconds");
    }

    #[test]
    fn intervals_are_as_long_as_the_text_is_exact() {
        let day = DAY_MS;
        for (text, length) in [
            ("2024", 366 * day),
            ("2023", 365 * day),
            ("9999", 365 * day),
            ("2024-02", 29 * day),
            ("2024-12", 31 * day),
            ("2024-02-29", day),
            ("2024-02-29T10:00Z", 60_000),
            ("2024-02-29T10:00:00+08:00", 1000),
            ("2024-02-29T10:00:00.5Z", 100),
            ("2024-02-29T10:00:00.12Z", 10),
            ("2024-02-29T10:00:00.123Z", 1),
            ("2024-02-29T10:00:00.123456789Z", 1),
        ] {
            let span = DateTime::parse_search(text).unwrap().interval(CHINA);
            assert_eq!(span.end - span.start, length, "{text}");
        }
        let start = |text| DateTime::parse_search(text).unwrap().interval(CHINA).start;
        assert_eq!(start("1970-01-01T00:00:00Z"), 0);
        assert_eq!(start("1969-12-31T23:59:59.999Z"), -1);
        assert_eq!(start("2024-03-01T00:00:00Z"), 1_709_251_200_000);
        assert_eq!(start("2024-03-01"), start("2024-02-29T16:00:00Z"));
        assert_eq!(start("2024-03-01T07:30"), start("2024-03-01T07:30:00 08:00"));
        assert_eq!(start("0001-01-01T00:00:00Z"), -62_135_596_800_000);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[0-9T:.Z+ -]{0,32}|\\PC{0,12}") {
            if let Ok(read) = DateTime::parse(&text) {
                prop_assert!(read.interval(0).start < read.interval(0).end);
            }
            let _ = (DateTime::parse_search(&text), Time::parse(&text), Date::parse(&text));
        }

        #[test]
        fn days_are_counted_as_jiff_counts_them(days in -719_162_i32..2_932_897) {
            let epoch = jiff::civil::Date::constant(1970, 1, 1);
            let date = epoch.checked_add(jiff::Span::new().days(days)).unwrap();
            let ours = Date::parse(&date.to_string()).unwrap();
            prop_assert_eq!(ours.days().start, i64::from(days));
        }

        #[test]
        fn whole_moments_read_back(
            year in 1_u16..=9999, month in 1_u8..=12, day in 1_u8..=28, hour in 0_u8..24,
            minute in 0_u8..60, second in 0_u8..60, nanos in 0_u32..1_000_000_000,
            offset in -840_i16..=840,
        ) {
            let written = DateTime {
                date: Date { year, month: Some(month), day: Some(day) },
                time: Some(Time { hour, minute, second: Some(second), nanos, digits: 9 }),
                offset: Some(Offset::Minutes(offset)),
            };
            prop_assert_eq!(DateTime::parse(&written.to_string()).unwrap(), written);
        }
    }
}
