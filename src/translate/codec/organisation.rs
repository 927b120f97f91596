//! Codes of organisations: unified social credit code (GB 32100), organisation code (GB 11714).

use std::borrow::Cow;

use super::Bad;
use crate::fhir::identifier;

/// The 18 characters of a unified social credit code: half width, capital letters, checked.
pub(super) fn uscc(text: Cow<'_, str>) -> Result<Cow<'_, str>, Bad> {
    let tidy = identifier::tidy(&text);
    identifier::uscc(&tidy).map_err(|error| error.what)?;
    Ok(if tidy == *text { text } else { Cow::Owned(tidy) })
}

/// The 9 characters of an organisation code, without the hyphen.
pub(super) fn code_get(text: Cow<'_, str>) -> Result<Cow<'_, str>, Bad> {
    let code = identifier::organisation(&identifier::tidy(&text)).map_err(|error| error.what)?;
    Ok(if code == *text { text } else { Cow::Owned(code) })
}

/// The same, with the hyphen if the format wants it.
pub(super) fn code_put(hyphen: bool, text: Cow<'_, str>) -> Result<Cow<'_, str>, Bad> {
    let code = code_get(text)?;
    match (hyphen, code.get(..8), code.get(8..)) {
        (true, Some(first), Some(check)) => Ok(Cow::Owned(format!("{first}-{check}"))),
        _ => Ok(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_codes_are_tidied_and_checked() {
        for written in ["12539901400000018A", "12539901400000018a", " １２５３９９０１ 400000018Ａ"]
        {
            assert_eq!(uscc(written.into()).as_deref(), Ok("12539901400000018A"), "{written}");
        }
        let error = uscc("12539901400000018B".into()).unwrap_err();
        assert!(error.contains("has the check character B, should be A"), "{error}");
    }

    #[test]
    fn organisation_codes_lose_and_get_their_hyphen() {
        for written in ["400000018", "40000001-8", "４０００００0１－８"] {
            assert_eq!(code_get(written.into()).as_deref(), Ok("400000018"), "{written}");
        }
        assert_eq!(code_put(true, "400000018".into()).as_deref(), Ok("40000001-8"));
        assert_eq!(code_put(false, "40000001-8".into()).as_deref(), Ok("400000018"));
        let error = code_get("40000001-9".into()).unwrap_err();
        assert!(error.contains("has the check character 9, should be 8"), "{error}");
    }
}
