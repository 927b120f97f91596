//! National identifiers of China that check themselves.
//!
//! Each function takes the identifier as registers print it: half-width, without spaces, upper-case
//! letters. What the field writes instead is normalised by [`tidy`] first.

use super::time::Date;
use crate::error::{Error, Kind, Result};

/// Weights of GB 11643 (resident ID card), for the 17 digits before the check character.
const CARD_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Check characters of GB 11643, by the sum modulo 11.
const CARD_CHECKS: &[u8; 11] = b"10X98765432";

/// What report cards write where the number is unknown.
const CARD_UNKNOWN: &str = "00000000000000000X";

/// Characters of GB 32100 (unified social credit code): no I, O, S, V, Z.
const USCC_LETTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Weights of GB 11714 (organisation code).
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// The sex that an ID card tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// An odd sequence number.
    Male,
    /// An even one.
    Female,
}

/// What a resident ID card number says (GB 11643).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdCard {
    /// All 18 characters.
    pub number: String,
    /// Region code, 6 digits.
    pub region: String,
    /// Date of birth, whole.
    pub birth: Date,
    /// Sex.
    pub sex: Sex,
}

/// Full-width letters and digits become half-width, letters upper-case; white space goes, and what
/// has no width.
pub fn tidy(text: &str) -> String {
    let half = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        c => c,
    };
    let kept = text
        .chars()
        .map(half)
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200B}' | '\u{FEFF}'));
    kept.map(|c| c.to_ascii_uppercase()).collect()
}

/// Reads a resident ID card number of 18 characters, or one of 15 digits from before 1999, whose
/// century is the 20th and which comes back with 18.
pub fn id_card(text: &str) -> Result<IdCard> {
    let wrong = |reason: String| Error::new(Kind::Value, format!("`{text}` {reason}"));
    let bytes = text.as_bytes();
    if is_masked(text) {
        return Err(wrong("is a masked ID card number".to_owned()));
    }
    if text == CARD_UNKNOWN {
        return Err(wrong("stands for an ID card number that nobody knows".to_owned()));
    }
    let all_digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    let first: String = match bytes.len() {
        18 if all_digits(&bytes[..17]) => text[..17].to_owned(),
        15 if all_digits(bytes) => format!("{}19{}", &text[..6], &text[6..]),
        _ => {
            let reason = "is not an ID card number: 17 digits and a check character, or 15 digits";
            return Err(wrong(reason.to_owned()));
        }
    };
    let check = card_check(first.as_bytes());
    if let Some(&found) = bytes.get(17)
        && found != check
    {
        let (found, check) = (char::from(found).escape_debug().to_string(), char::from(check));
        return Err(wrong(format!("has the check character {found}, should be {check}")));
    }
    let day = format!("{}-{}-{}", &first[6..10], &first[10..12], &first[12..14]);
    let birth = Date::parse(&day)
        .map_err(|error| wrong(format!("has the birth date {day}: {}", error.what)))?;
    let odd = first.as_bytes()[16] % 2 == 1;
    Ok(IdCard {
        region: first[..6].to_owned(),
        number: format!("{first}{}", char::from(check)),
        birth,
        sex: if odd { Sex::Male } else { Sex::Female },
    })
}

/// `5399********0014`, `539901XXXXXXXX0014`: digits are hidden.
fn is_masked(text: &str) -> bool {
    let hidden = |(at, c): (usize, char)| c == '*' || (c == 'X' && at < 17);
    let only = |c: char| c.is_ascii_digit() || matches!(c, '*' | 'X');
    text.contains('*')
        || (text.len() == 18 && text.chars().all(only) && text.char_indices().any(hidden))
}

/// The usual spellings of a valid number of 18 characters, itself first: with `x`, with 15 digits
/// if the birth date allows it, in full width.
pub fn id_card_spellings(number: &str) -> Vec<String> {
    let mut all = vec![number.to_owned()];
    if number.ends_with('X') {
        all.push(number.replace('X', "x"));
    }
    if let (Some(region), Some("19"), Some(rest)) =
        (number.get(..6), number.get(6..8), number.get(8..17))
    {
        all.push(format!("{region}{rest}"));
    }
    with_full_width(all)
}

/// The check character of 17 digits.
fn card_check(digits: &[u8]) -> u8 {
    let sum = weighted(digits, &CARD_WEIGHTS, |b| u32::from(b - b'0'));
    CARD_CHECKS[(sum % 11) as usize]
}

/// Checks a unified social credit code (GB 32100): 18 characters, of which the 9th to 17th are the
/// organisation code.
pub fn uscc(text: &str) -> Result<()> {
    let wrong = |reason: String| Error::new(Kind::Value, format!("`{text}` {reason}"));
    let value = |b: u8| USCC_LETTERS.iter().position(|letter| *letter == b);
    let values: Option<Vec<u32>> = text.bytes().map(|b| value(b).map(|v| v as u32)).collect();
    let Some(values) = values.filter(|values| values.len() == 18) else {
        let reason = "is not a unified social credit code: 18 digits and capital letters, without \
                      I, O, S, V, Z";
        return Err(wrong(reason.to_owned()));
    };
    let (check, rest) = (values[17], &values[..17]);
    // The weights are the powers of 3.
    let (sum, _) = rest.iter().fold((0, 1), |(sum, w), v| (sum + v * w, w * 3 % 31));
    let right = (31 - sum % 31) % 31;
    if check != right {
        let right = char::from(USCC_LETTERS[right as usize]);
        let found = &text[17..];
        return Err(wrong(format!("has the check character {found}, should be {right}")));
    }
    Ok(())
}

/// The usual spellings of a unified social credit code, itself first: small letters, full width.
pub fn uscc_spellings(code: &str) -> Vec<String> {
    with_full_width(with_small_letters(vec![code.to_owned()]))
}

/// Reads an organisation code (GB 11714): 8 digits or capital letters and a check character, with
/// or without a hyphen before it; it comes back without.
pub fn organisation(text: &str) -> Result<String> {
    let wrong = |reason: String| Error::new(Kind::Value, format!("`{text}` {reason}"));
    let plain = match text.split_once('-') {
        Some((code, check)) if check.len() == 1 => format!("{code}{check}"),
        _ => text.to_owned(),
    };
    let bytes = plain.as_bytes();
    let is_code = |b: &u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    if bytes.len() != 9 || !bytes[..8].iter().all(is_code) {
        let reason =
            "is not an organisation code: 8 digits or capital letters and a check character";
        return Err(wrong(reason.to_owned()));
    }
    let value =
        |b: u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 };
    let right = match 11 - weighted(&bytes[..8], &ORGANISATION_WEIGHTS, value) % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    };
    let found = char::from(bytes[8]);
    if found != right {
        let found = found.escape_debug();
        return Err(wrong(format!("has the check character {found}, should be {right}")));
    }
    Ok(plain)
}

/// The usual spellings of an organisation code of 9 characters, itself first: with a hyphen, small
/// letters, full width.
pub fn organisation_spellings(code: &str) -> Vec<String> {
    let mut all = vec![code.to_owned()];
    if let (Some(first), Some(check)) = (code.get(..8), code.get(8..)) {
        all.push(format!("{first}-{check}"));
    }
    with_full_width(with_small_letters(all))
}

fn with_small_letters(mut all: Vec<String>) -> Vec<String> {
    let mut small: Vec<String> = all.iter().map(|text| text.to_ascii_lowercase()).collect();
    small.retain(|text| !all.contains(text));
    all.extend(small);
    all
}

fn with_full_width(mut all: Vec<String>) -> Vec<String> {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c),
        c => c,
    };
    let full: Vec<String> = all.iter().map(|text| text.chars().map(wide).collect()).collect();
    all.extend(full);
    all
}

fn weighted(bytes: &[u8], weights: &[u32], value: impl Fn(u8) -> u32) -> u32 {
    bytes.iter().zip(weights).map(|(b, weight)| value(*b) * weight).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn id_cards_tell_birth_and_sex() {
        for (number, birth, sex) in [
            ("539901196503150014", "1965-03-15", Sex::Male),
            ("539901201906010028", "2019-06-01", Sex::Female),
            ("539901199012080035", "1990-12-08", Sex::Male),
            ("53990119520229006X", "1952-02-29", Sex::Female),
            ("53990119900101004X", "1990-01-01", Sex::Female),
        ] {
            let card = id_card(number).unwrap();
            assert_eq!((card.number.as_str(), card.region.as_str()), (number, "539901"));
            assert_eq!((card.birth.to_string().as_str(), card.sex), (birth, sex));
        }
        assert_eq!(id_card("539901650315001").unwrap().number, "539901196503150014");
        assert_eq!(tidy(" ５３９９０１19520229 006x"), "53990119520229006X");
    }

    #[test]
    fn wrong_id_cards_get_a_reason() {
        for (number, reason) in [
            ("539901196503150015", "has the check character 5, should be 4"),
            ("53990119520229006x", "has the check character x, should be X"),
            ("5399********0014", "is a masked ID card number"),
            ("539901XXXXXXXX0014", "is a masked ID card number"),
            ("00000000000000000X", "stands for an ID card number that nobody knows"),
            ("539901202402300011", "has the check character 1, should be 8"),
            ("539901202402300018", "has the birth date 2024-02-30: 2024-02 has no day 30"),
            ("539901650230001", "has the birth date 1965-02-30: 1965-02 has no day 30"),
            (
                "53990165031500X",
                "is not an ID card number: 17 digits and a check character, or 15 digits",
            ),
            ("", "is not an ID card number: 17 digits and a check character, or 15 digits"),
            (
                "五三九九零一",
                "is not an ID card number: 17 digits and a check character, or 15 digits",
            ),
        ] {
            assert_eq!(id_card(number).unwrap_err().what, format!("`{number}` {reason}"));
        }
    }

    #[test]
    fn organisations_are_checked() {
        for code in ["12539901400000018A", "125399014000001496", "1253990140000000XA"] {
            assert!(uscc(code).is_ok(), "{code}");
            assert!(organisation(&code[8..17]).is_ok(), "{code}");
        }
        assert_eq!(organisation("40000001-8").unwrap(), "400000018");
        for (code, reason) in [
            ("12539901400000018B", "has the check character B, should be A"),
            ("1253990140000001", "is not a unified social credit code"),
            ("1253990140000001AI", "is not a unified social credit code"),
            ("12539901400000018a", "is not a unified social credit code"),
        ] {
            let error = uscc(code).unwrap_err().what;
            assert!(error.starts_with(&format!("`{code}` {reason}")), "{error}");
        }
        for (code, reason) in [
            ("400000019", "has the check character 9, should be 8"),
            ("40000000-0", "has the check character 0, should be X"),
            ("4000000", "is not an organisation code"),
            ("40000001-88", "is not an organisation code"),
        ] {
            let error = organisation(code).unwrap_err().what;
            assert!(error.starts_with(&format!("`{code}` {reason}")), "{error}");
        }
    }

    /// A code with the right check character, or none for the few prefixes that have none.
    fn checked(first: &str, all: &str, is: impl Fn(&str) -> bool) -> Option<String> {
        all.chars().map(|c| format!("{first}{c}")).find(|code| is(code))
    }

    proptest! {
        /// All spellings of a national identifier are one.
        #[test]
        fn spellings_mean_the_same(
            born in 1900_u32..2030, month in 1_u32..13, day in 1_u32..29, sequence in 0_u32..1000,
            organisation_first in "[0-9A-Z]{8}", uscc_first in "[0-9ABCDEFGHJKLMNPQRTUWXY]{17}",
        ) {
            let first = format!("539901{born}{month:02}{day:02}{sequence:03}");
            let number = format!("{first}{}", char::from(card_check(first.as_bytes())));
            let all = id_card_spellings(&number);
            prop_assert_eq!(all.iter().any(|s| s.len() == 15), (1900..2000).contains(&born));
            for written in all {
                prop_assert_eq!(id_card(&tidy(&written)).unwrap().number, number.clone());
            }
            let letters = std::str::from_utf8(USCC_LETTERS).unwrap();
            let code = checked(&uscc_first, letters, |c| uscc(c).is_ok()).expect("31 values, 31 letters");
            for written in uscc_spellings(&code) {
                prop_assert!(uscc(&tidy(&written)).is_ok());
                prop_assert_eq!(tidy(&written), code.clone());
            }
            let code = checked(&organisation_first, "0123456789X", |c| organisation(c).is_ok());
            let code = code.expect("11 values, 11 characters");
            for written in organisation_spellings(&code) {
                prop_assert_eq!(organisation(&tidy(&written)).unwrap(), code.clone());
            }
        }

        #[test]
        fn checking_never_panics(text in "\\PC{0,20}|[0-9X]{15,18}|[0-9A-Z-]{9,18}") {
            let _ = (id_card(&text), uscc(&text), organisation(&text), tidy(&text));
        }

        /// Every wrong digit is noticed, and so are two neighbours that changed places.
        #[test]
        fn one_mistake_is_noticed(sequence in 0_u32..1000, at in 0_usize..17, digit in 0_u8..10) {
            let first = format!("53990119650315{sequence:03}");
            let number = format!("{first}{}", char::from(card_check(first.as_bytes())));
            prop_assert!(id_card(&number).is_ok());
            let mut wrong = number.clone().into_bytes();
            wrong[at] = b'0' + digit;
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert_eq!(id_card(&wrong).is_ok(), wrong == number);
        }

        /// The same for the codes of organisations.
        #[test]
        fn one_wrong_letter_is_noticed(
            organisation_first in "[0-9A-Z]{8}", uscc_first in "[0-9ABCDEFGHJKLMNPQRTUWXY]{17}",
            at in 0_usize..8, letter in "[0-9ABCDEFGHJKLMNPQRTUWXY]",
        ) {
            let letters = std::str::from_utf8(USCC_LETTERS).unwrap();
            let code = checked(&uscc_first, letters, |c| uscc(c).is_ok()).unwrap();
            let mut wrong = code.clone();
            wrong.replace_range(at..=at, &letter);
            prop_assert_eq!(uscc(&wrong).is_ok(), wrong == code);
            let code = checked(&organisation_first, "0123456789X", |c| organisation(c).is_ok()).unwrap();
            let mut wrong = code.clone();
            wrong.replace_range(at..=at, &letter);
            // Values beyond 10 repeat modulo 11.
            let value = |c: &str| u32::from_str_radix(c, 36).unwrap() % 11;
            let same = value(&letter) == value(&code[at..=at]);
            prop_assert_eq!(organisation(&wrong).is_ok(), same);
        }
    }
}
