//! Decimals as they are written: `1.00` is not `1.0`, although neither is greater
//! (<https://hl7.org/fhir/R4/datatypes.html#decimal>).

use std::cmp::Ordering;
use std::fmt;

use crate::error::{Error, Kind, Result};

/// Exponents further from zero than this are refused; no measurement needs them.
const MOST_EXPONENT: i64 = 9999;

/// A decimal number, exact, with as many digits as were written.
///
/// `==` compares what is written, [`Decimal::compare`] what is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    /// The digits without the point and without leading zeros; `0` for zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Reads a decimal as JSON writes numbers: `-1.50`, `0`, `6.02E23`; not `+1`, `.5`, `007`.
    pub fn parse(text: &str) -> Result<Decimal> {
        let wrong = |reason: &str| Error::new(Kind::Value, format!("`{text}` {reason}"));
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, Some(power)),
            None => (text, None),
        };
        let (negative, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return Err(wrong("has no digits after its point")),
            Some((whole, fraction)) => (whole, fraction),
            None => (number, ""),
        };
        let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return Err(wrong("is not a decimal number"));
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(wrong("has a zero in front"));
        }
        let power = match power {
            None => 0,
            Some(power) => {
                let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
                if digits.is_empty() || !is_digits(digits) {
                    return Err(wrong("has an exponent that is not a whole number"));
                }
                let power = power.parse().unwrap_or(i64::MAX);
                if !(-MOST_EXPONENT..=MOST_EXPONENT).contains(&power) {
                    return Err(wrong("has too great an exponent"));
                }
                power
            }
        };
        let exponent = power - fraction.len() as i64;
        Ok(Self::of(negative, format!("{whole}{fraction}"), exponent))
    }

    fn of(negative: bool, digits: String, exponent: i64) -> Decimal {
        let significant = digits.trim_start_matches('0');
        let digits = if significant.is_empty() { "0" } else { significant };
        Decimal { negative: negative && digits != "0", digits: digits.to_owned(), exponent }
    }

    /// Compares by value, whatever the number of digits.
    pub fn compare(&self, other: &Decimal) -> Ordering {
        match (self.sign(), other.sign()) {
            (1, 1) => self.compare_size(other),
            (-1, -1) => other.compare_size(self),
            (mine, others) => mine.cmp(&others),
        }
    }

    /// The values it may stand for by its number of digits, from (inclusive) and to (exclusive):
    /// `5.40` is 5.395 to 5.405 (<https://hl7.org/fhir/R4/search.html#number>).
    pub fn range(&self) -> (Decimal, Decimal) {
        // In units of a tenth of the last digit: ten times the digits, plus or minus five.
        let away = Self::of(self.negative, format!("{}5", self.digits), self.exponent - 1);
        let toward = match less_one(&self.digits) {
            Some(less) => Self::of(self.negative, format!("{less}5"), self.exponent - 1),
            None => Self::of(!self.negative, "5".to_owned(), self.exponent - 1),
        };
        if self.negative { (away, toward) } else { (toward, away) }
    }

    /// The nearest binary number; infinite if it is too great.
    pub fn to_f64(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::NAN)
    }

    fn sign(&self) -> i8 {
        match (self.digits.as_str(), self.negative) {
            ("0", _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    /// Compares two numbers that are not zero, without their signs.
    fn compare_size(&self, other: &Decimal) -> Ordering {
        let point = |d: &Decimal| d.digits.len() as i64 + d.exponent;
        let digits = |d: &Decimal| d.digits.trim_end_matches('0').to_owned();
        point(self).cmp(&point(other)).then_with(|| digits(self).cmp(&digits(other)))
    }
}

/// The whole number before this one; `None` before zero.
fn less_one(digits: &str) -> Option<String> {
    let last = digits.bytes().rposition(|b| b != b'0')?;
    let mut less = digits.as_bytes().to_vec();
    less[last] -= 1;
    less[last + 1..].fill(b'9');
    String::from_utf8(less).ok()
}

impl fmt::Display for Decimal {
    /// Without an exponent where it can be written so with few zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let digits = &self.digits;
        let fraction = usize::try_from(-self.exponent).ok();
        match fraction {
            Some(0) => f.write_str(digits),
            Some(fraction) if fraction < digits.len() => {
                let (whole, fraction) = digits.split_at(digits.len() - fraction);
                write!(f, "{whole}.{fraction}")
            }
            Some(fraction) if fraction < digits.len() + 20 => write!(f, "0.{digits:0>fraction$}"),
            _ => write!(f, "{digits}e{}", self.exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn digits_are_kept() {
        for text in
            ["0", "1.00", "-0.5", "0.00", "100", "0.0010", "123456789012345678901234567890.1"]
        {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("1.5E2").to_string(), "15e1");
        assert_eq!(decimal("1.50e-1").to_string(), "0.150");
        assert_eq!(decimal("-0").to_string(), "0");
        assert_ne!(decimal("1.0"), decimal("1.00"));
        assert!((decimal("-1.5e3").to_f64() - -1500.0).abs() < f64::EPSILON);
    }

    #[test]
    fn values_are_compared_exactly() {
        use Ordering::{Equal, Greater, Less};
        for (a, order, b) in [
            ("1.0", Equal, "1.00"),
            ("1e3", Equal, "1000"),
            ("0", Equal, "-0.00"),
            ("0.1", Less, "0.10000000000000000000000000000000000001"),
            ("-1", Less, "0"),
            ("-2", Less, "-1"),
            ("10", Greater, "9.99"),
            ("1e9999", Greater, "99999"),
            ("1e-9999", Greater, "0"),
            ("-1e9999", Less, "1e-9999"),
            ("0.09", Less, "0.1"),
        ] {
            assert_eq!(decimal(a).compare(&decimal(b)), order, "{a} {b}");
            assert_eq!(decimal(b).compare(&decimal(a)), order.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn ranges_follow_the_digits() {
        for (text, low, high) in [
            ("100", "99.5", "100.5"),
            ("100.00", "99.995", "100.005"),
            ("5.4", "5.35", "5.45"),
            ("0", "-0.5", "0.5"),
            ("1", "0.5", "1.5"),
            ("-5.4", "-5.45", "-5.35"),
            ("1e2", "0.5e2", "1.5e2"),
            ("-0.0", "-0.05", "0.05"),
        ] {
            let (from, to) = decimal(text).range();
            assert_eq!(from.compare(&decimal(low)), Ordering::Equal, "{text}: {from}");
            assert_eq!(to.compare(&decimal(high)), Ordering::Equal, "{text}: {to}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "",
            "-",
            "+1",
            ".5",
            "5.",
            "007",
            "1,5",
            "1.2.3",
            "1e",
            "1e+",
            "1e1.5",
            "１",
            "NaN",
            "0x1",
            " 1",
            "1e10000",
            "1e99999999999999999999",
            "--1",
            "1e--5",
        ] {
            assert!(Decimal::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[-+0-9.eE]{0,12}|\\PC{0,8}") {
            let _ = Decimal::parse(&text);
        }

        #[test]
        fn what_is_written_reads_back(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,12})?([eE][-+]?[0-9]{1,3})?") {
            let read = decimal(&text);
            prop_assert_eq!(decimal(&read.to_string()), read.clone());
            let (low, high) = read.range();
            prop_assert_eq!(low.compare(&read), Ordering::Less);
            prop_assert_eq!(read.compare(&high), Ordering::Less);
        }

        #[test]
        fn whole_numbers_compare_as_they_should(a in any::<i64>(), b in any::<i64>()) {
            let order = decimal(&a.to_string()).compare(&decimal(&b.to_string()));
            prop_assert_eq!(order, a.cmp(&b));
        }
    }
}
