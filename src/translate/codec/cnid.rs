//! Resident ID card numbers (GB 11643): 15 → 18 digits, check digit, spelling; and whose it is.

use std::borrow::Cow;

use super::Bad;
use super::text::half_width;

/// The 18-digit form with upper-case X. A masked number, a wrong check digit or an impossible birth
/// date is refused: the caller carries what was sent.
pub(super) fn get(text: Cow<'_, str>) -> Result<Cow<'_, str>, Bad> {
    let tidy: String = text
        .chars()
        .map(half_width)
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_ascii_uppercase())
        .collect();
    if tidy.contains('*') {
        return Err(format!("'{text}' is masked: not an ID card number"));
    }
    let full = match tidy.len() {
        15 if tidy.bytes().all(|b| b.is_ascii_digit()) => {
            let first = format!("{}19{}", &tidy[..6], &tidy[6..]);
            let check = check_digit(first.as_bytes());
            format!("{first}{check}")
        }
        18 => tidy,
        n => return Err(format!("'{text}' has {n} characters: an ID card number has 18 (or 15)")),
    };
    let (digits, check) = full.split_at_checked(17).ok_or_else(|| not_digits(&text))?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(not_digits(&text));
    }
    let want = check_digit(digits.as_bytes());
    if !check.starts_with(want) {
        return Err(format!("'{text}' has check digit {check}, should be {want}"));
    }
    if birth(&full).is_none() {
        return Err(format!("'{text}' holds the impossible birth date {}", &full[6..14]));
    }
    Ok(if full == *text { text } else { Cow::Owned(full) })
}

/// Whether a valid number agrees with a birth date (`1990-12-08`) and an administrative gender;
/// what is unknown agrees.
pub(in crate::translate) fn fits(id: &str, birth_date: Option<&str>, gender: Option<&str>) -> bool {
    let Ok(full) = get(Cow::Borrowed(id)) else { return false };
    let born = birth(&full);
    let male = full.as_bytes()[16] % 2 == 1;
    let same_birth = birth_date.is_none_or(|d| d.len() != 10 || born.as_deref() == Some(d));
    let same_sex = match gender {
        Some("male") => male,
        Some("female") => !male,
        _ => true,
    };
    same_birth && same_sex
}

fn not_digits(text: &str) -> Bad {
    format!("'{text}' is not an ID card number: 17 digits and a check digit")
}

/// ISO 7064 MOD 11-2 over the first 17 digits.
fn check_digit(digits: &[u8]) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    b"10X98765432"[(sum % 11) as usize] as char
}

fn birth(full: &str) -> Option<String> {
    let part = |range: std::ops::Range<usize>| full.get(range)?.parse::<i16>().ok();
    let (y, m, d) = (part(6..10)?, part(10..12)?, part(12..14)?);
    let date = jiff::civil::Date::new(y, i8::try_from(m).ok()?, i8::try_from(d).ok()?).ok()?;
    Some(date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_number_are_one() {
        for written in
            ["53990119520229006X", "53990119520229006x", "５３９９０１１９５２０２２９００６Ｘ"]
        {
            assert_eq!(get(written.into()).as_deref(), Ok("53990119520229006X"), "{written}");
        }
        assert_eq!(get("539901650315001".into()).as_deref(), Ok("539901196503150014"));
    }

    #[test]
    fn wrong_ones_say_why() {
        for (written, why) in [
            ("539901********0014", "masked"),
            ("539901196503150015", "check digit 5, should be 4"),
            ("5399011965", "10 characters"),
            ("53990119650315001A", "check digit A"),
        ] {
            let error = get(written.into()).expect_err(written);
            assert!(error.contains(why), "{written}: {error}");
        }
    }

    #[test]
    fn a_guardians_number_does_not_fit_the_child() {
        assert!(fits("539901196503150014", Some("1965-03-15"), Some("male")));
        assert!(!fits("53990119900101004X", Some("2019-06-01"), Some("female")));
        assert!(!fits("539901196503150014", Some("1965-03-15"), Some("female")));
    }
}
