//! Resident ID card numbers (GB 11643): 15 → 18 digits, check digit, spelling; and whose it is.

use std::borrow::Cow;

use super::Bad;
use crate::fhir::identifier::{self, Sex};

/// The 18-digit form with upper-case X. A masked number, a wrong check digit or an impossible birth
/// date is refused: the caller carries what was sent.
pub(super) fn get(text: Cow<'_, str>) -> Result<Cow<'_, str>, Bad> {
    let card = identifier::id_card(&identifier::tidy(&text)).map_err(|error| error.what)?;
    Ok(if card.number == *text { text } else { Cow::Owned(card.number) })
}

/// The 18-digit form, or what was sent: `cnid(or text)`.
pub(super) fn get_or_text(text: Cow<'_, str>) -> Cow<'_, str> {
    get(text.clone()).unwrap_or(text)
}

/// Whether a valid number agrees with a birth date (`1990-12-08`) and an administrative gender;
/// what is unknown agrees.
pub(in crate::translate) fn fits(id: &str, birth_date: Option<&str>, gender: Option<&str>) -> bool {
    let Ok(card) = identifier::id_card(&identifier::tidy(id)) else { return false };
    let same_birth = birth_date.is_none_or(|d| d.len() != 10 || card.birth.to_string() == d);
    let same_sex = match gender {
        Some("male") => card.sex == Sex::Male,
        Some("female") => card.sex == Sex::Female,
        _ => true,
    };
    same_birth && same_sex
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
    fn what_is_no_number_may_stay() {
        assert_eq!(get_or_text("5399********0014".into()), "5399********0014");
        assert_eq!(get_or_text("53990119520229006x".into()), "53990119520229006X");
    }

    #[test]
    fn wrong_ones_say_why() {
        for (written, why) in [
            ("539901********0014", "masked"),
            ("539901196503150015", "check character 5, should be 4"),
            ("5399011965", "17 digits and a check character"),
            ("53990119650315001A", "check character A"),
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
