//! Dates as half-open spans of milliseconds (<https://hl7.org/fhir/R4/search.html#date>).
//!
//! A date is as long as it is exact: `2024` a year, `2024-02-29` a day, `…T10:00:00Z` a second.

use jiff::civil;

/// The zone of what names none: China has one, eight hours before UTC. A search for a day then
/// finds what was written with `+08:00` on that day, its morning included.
const OFFSET_MS: i64 = 8 * 3_600_000;

/// The end of what has no end; also, negative, the start of what has no start.
pub const OPEN: i64 = i64::MAX / 2;

/// Milliseconds, half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub lo: i64,
    /// The first that is not in it.
    pub hi: i64,
}

/// Reads a date, dateTime or instant of any precision; `None` if it is none.
pub fn parse(text: &str) -> Option<Span> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map(|m| digits(m, 2)).map_or(Some(None), |m| m.map(Some))?;
    let day = parts.next().map(|d| digits(d, 2)).map_or(Some(None), |d| d.map(Some))?;
    if parts.next().is_some() || year == 0 {
        return None;
    }
    let start = |year: i64, month: i64, day: i64| {
        let date = civil::Date::new(year as i16, month as i8, day as i8).ok()?;
        Some(date.duration_since(civil::Date::constant(1970, 1, 1)).as_millis() as i64)
    };
    let lo = start(year, month.unwrap_or(1), day.unwrap_or(1))?;
    let Some(time) = time else {
        let hi = match (month, day) {
            (Some(_), Some(_)) => lo + 86_400_000,
            (Some(12), None) | (None, _) => start(year + 1, 1, 1).unwrap_or(lo + 366 * 86_400_000),
            (Some(month), None) => start(year, month + 1, 1)?,
        };
        return Some(Span { lo: lo - OFFSET_MS, hi: hi - OFFSET_MS });
    };
    day?;
    let (clock, offset) = zone(time)?;
    let (since, exact) = time_of_day(clock)?;
    let lo = lo + since - offset;
    Some(Span { lo, hi: lo + exact })
}

/// A time of day as milliseconds since midnight, with how long it is.
fn time_of_day(clock: &str) -> Option<(i64, i64)> {
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2).filter(|h| *h < 24)?;
    let minute = digits(parts.next()?, 2).filter(|m| *m < 60)?;
    let base = (hour * 60 + minute) * 60_000;
    let Some(second) = parts.next() else { return Some((base, 60_000)) };
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = second.split_once('.').map_or((second, None), |(s, f)| (s, Some(f)));
    let base = base + digits(second, 2).filter(|s| *s < 60)? * 1000;
    let Some(fraction) = fraction else { return Some((base, 1000)) };
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(3)];
    let unit = 10_i64.pow(3 - kept.len() as u32);
    Some((base + kept.parse::<i64>().ok()? * unit, unit))
}

/// Splits the zone off a time: the time and the offset in milliseconds.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    // A `+` that was not escaped in a URL arrives as a space.
    let Some(at) = time.find(['+', '-', ' ']) else { return Some((time, OFFSET_MS)) };
    let (clock, offset) = time.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hour, minute) = offset[1..].split_once(':')?;
    let hour = digits(hour, 2).filter(|h| *h <= 14)?;
    let minute = digits(minute, 2).filter(|m| *m < 60)?;
    Some((clock, sign * (hour * 60 + minute) * 60_000))
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let right = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    right.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn every_precision_has_its_length() {
        for (text, length) in [
            ("2024", 366 * DAY),
            ("2023", 365 * DAY),
            ("9999", 365 * DAY),
            ("2024-02", 29 * DAY),
            ("2024-12", 31 * DAY),
            ("2024-02-29", DAY),
            ("2024-02-29T10:00Z", 60_000),
            ("2024-02-29T10:00:00+08:00", 1000),
            ("2024-02-29T10:00:00.5Z", 100),
            ("2024-02-29T10:00:00.123Z", 1),
            ("2024-02-29T10:00:00.123456789Z", 1),
        ] {
            let span = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(span.hi - span.lo == length || text == "9999", "{text}: {span:?}");
        }
    }

    #[test]
    fn a_day_without_zone_is_a_day_in_china() {
        let day = parse("2024-03-01").unwrap();
        let morning = parse("2024-03-01T07:30:00+08:00").unwrap();
        assert!(day.lo <= morning.lo && morning.hi <= day.hi);
        assert_eq!(parse("2024-02-29T16:00:00Z").unwrap().lo, day.lo);
        assert_eq!(parse("2024-03-01T00:00").unwrap().lo, day.lo);
        assert_eq!(parse("1970-01-01T00:00:00Z").unwrap().lo, 0);
        assert_eq!(parse("2024-03-01T07:30:00 08:00"), Some(morning));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "24",
            "2024-2",
            "2024-02-30",
            "2023-02-29",
            "2024-13",
            "2024-00",
            "0000",
            "2024-",
            "2024-02-29T",
            "2024-02-29T10",
            "2024-02-29T24:00Z",
            "2024-02-29T10:60Z",
            "2024-02T10:00Z",
            "2024-02-29T10:00:00.Z",
            "2024-02-29T10:00+8",
            "2024-02-29-01",
            "２０２４",
            "2024-02-29T10:00:00+15:00",
            "+024",
            "20240229",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_spans_are_spans(text in "[0-9T:.Z+ -]{0,30}|\\PC{0,12}") {
            if let Some(span) = parse(&text) {
                prop_assert!(span.lo < span.hi);
            }
        }
    }
}
