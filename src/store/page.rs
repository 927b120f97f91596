//! Page tokens: a snapshot and the last match, sealed so that only what we gave out comes back.
//!
//! A token is hex of: format, snapshot, last version, and 8 bytes of a keyed hash over these and
//! the query. Values of sort keys are not in it: a version never changes, they are read again.

use crate::error::{Error, Kind, Result};
use crate::search::PAGE;

/// Where a page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The greatest version of the snapshot.
    pub snapshot: i64,
    /// The last version on the page.
    pub last: i64,
}

/// The first byte of a token.
const FORMAT: u8 = 1;

/// Writes a token.
pub(super) fn seal(key: &[u8; 32], query: &str, mark: Mark) -> String {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&mark.snapshot.to_be_bytes()[2..]);
    bytes.extend_from_slice(&mark.last.to_be_bytes()[2..]);
    bytes.extend_from_slice(&hash(key, query, &bytes));
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a token of the same query.
pub(super) fn open(key: &[u8; 32], query: &str, token: &str) -> Result<Mark> {
    let wrong = || {
        Error::new(Kind::Value, "the page token was not given out for this search")
            .at(PAGE)
            .advise("follow the `next` link as it is, or search again from the first page")
    };
    let bytes = unhex(token).ok_or_else(wrong)?;
    let (signed, mac) = bytes.split_at_checked(13).ok_or_else(wrong)?;
    if signed[0] != FORMAT || mac != hash(key, query, signed) {
        return Err(wrong());
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | i64::from(*byte));
    Ok(Mark { snapshot: number(&signed[1..7]), last: number(&signed[7..13]) })
}

fn hash(key: &[u8; 32], query: &str, signed: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(signed).update(query.as_bytes());
    let mut mac = [0; 8];
    mac.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    mac
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &[u8; 32] = &[7; 32];

    #[test]
    fn tokens_come_back_only_for_their_query_and_key() {
        let mark = Mark { snapshot: 1 << 40, last: 12 };
        let token = seal(KEY, "Patient", mark);
        assert_eq!(open(KEY, "Patient", &token).unwrap(), mark);
        assert!(open(KEY, "Observation", &token).is_err());
        assert!(open(&[8; 32], "Patient", &token).is_err());
        for n in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[n] = if forged[n] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(open(KEY, "Patient", &forged).unwrap_err().kind, Kind::Value);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused(token in "[0-9a-f]{0,60}|.*") {
            prop_assert!(open(KEY, "Patient", &token).is_err());
        }
    }
}
