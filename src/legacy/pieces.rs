//! Texts that hold several values: `2/6`, `1、3`; the same in cells, elements and attributes.

use super::record::Unknown;
use crate::error::{Error, Kind, Result};

/// Reads `"/" or "、" or ","`; quotes may be left out.
pub(super) fn separators(text: &str) -> Result<Vec<String>, Unknown> {
    let bad = || Unknown {
        what: format!("'{}' is no list of separators", text.trim()),
        hint: Some("write `… split \"/\" or \"、\"`".to_owned()),
    };
    let mut separators = Vec::new();
    let mut rest = text.trim();
    loop {
        let (separator, after) = match rest.chars().next().ok_or_else(bad)? {
            quote @ ('"' | '\'') => rest[1..].split_once(quote).ok_or_else(bad)?,
            _ => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        if separator.is_empty() {
            return Err(bad());
        }
        separators.push(separator.to_owned());
        let after = after.trim_start();
        if after.is_empty() {
            return Ok(separators);
        }
        let next = after.strip_prefix("or").ok_or_else(bad)?;
        rest = next.trim_start();
        if rest.len() == next.len() {
            return Err(bad());
        }
    }
}

/// The pieces of a text, as trimmed ranges; empty ones are left out.
pub(super) fn split<'t>(
    text: &'t str,
    separators: &'t [String],
) -> impl Iterator<Item = (usize, usize)> + 't {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        loop {
            let start = at?;
            let next = first(&text[start..], separators);
            let end = next.map_or(text.len(), |(n, _)| start + n);
            at = next.map(|(n, separator)| start + n + separator.len());
            let piece = &text[start..end];
            let left = piece.len() - piece.trim_start().len();
            let trimmed = piece.trim();
            if !trimmed.is_empty() {
                return Some((start + left, start + left + trimmed.len()));
            }
        }
    })
}

/// The first separator in a text; of two that begin at one place, the longer.
fn first<'s>(text: &str, separators: &'s [String]) -> Option<(usize, &'s str)> {
    text.char_indices().find_map(|(n, _)| {
        let here = separators.iter().filter(|s| text[n..].starts_with(s.as_str()));
        here.max_by_key(|s| s.len()).map(|s| (n, s.as_str()))
    })
}

/// The pieces of one text while they are edited. Their numbers are 1-based, as in
/// [`super::Scope::piece`], and stay while others are removed.
#[derive(Debug)]
pub(super) struct Edited {
    old: String,
    /// A removed one is `None`; one that was made and never written is empty.
    pieces: Vec<Option<String>>,
    /// How many of them stand in the old text.
    read: usize,
    separators: Vec<String>,
}

impl Edited {
    pub(super) fn new(old: &str, separators: &[String]) -> Edited {
        let pieces: Vec<_> =
            split(old, separators).map(|(a, b)| Some(old[a..b].to_owned())).collect();
        let (read, separators) = (pieces.len(), separators.to_vec());
        Edited { old: old.to_owned(), pieces, read, separators }
    }

    /// Makes a piece at the end and gives its number.
    pub(super) fn push(&mut self) -> Result<u16> {
        self.pieces.push(Some(String::new()));
        u16::try_from(self.pieces.len())
            .map_err(|_| Error::new(Kind::TooLarge, "a text has no more than 65535 pieces"))
    }

    /// Writes a piece, or removes it. A text that would be read as another piece is refused, and a
    /// whole text that `fits` refuses is taken back.
    pub(super) fn set(
        &mut self,
        number: u16,
        text: Option<&str>,
        fits: impl FnOnce(&str) -> Result<()>,
    ) -> Result<()> {
        text.map_or(Ok(()), |text| self.check(text))?;
        let index = usize::from(number).wrapping_sub(1);
        let Some(piece) = self.pieces.get_mut(index) else { return Ok(()) };
        let before = std::mem::replace(piece, text.map(str::to_owned));
        let fits = fits(&self.joined());
        if fits.is_err() {
            self.pieces[index] = before;
        }
        fits
    }

    fn check(&self, text: &str) -> Result<()> {
        if split(text, &self.separators).eq([(0, text.len())]) {
            return Ok(());
        }
        let what = match first(text, &self.separators) {
            Some((_, separator)) => format!(
                "'{text}' cannot be one of several values: '{separator}' stands between them"
            ),
            None => format!(
                "'{text}' cannot be one of several values: white space around them is not kept"
            ),
        };
        Err(Error::new(Kind::Value, what))
    }

    /// The text with its new pieces. What is not removed keeps the spelling of what stands between;
    /// new pieces come behind the separator that is there already, else the first.
    pub(super) fn joined(&self) -> String {
        let used = first(&self.old, &self.separators).map(|(_, separator)| separator);
        let used = used.or(self.separators.first().map(String::as_str)).unwrap_or("");
        let (read, made) = self.pieces.split_at(self.read);
        let made = made.iter().flatten().filter(|p| !p.is_empty());
        if read.iter().any(Option::is_none) {
            let left: Vec<&str> = read.iter().flatten().chain(made).map(String::as_str).collect();
            return left.join(used);
        }
        let mut text = String::new();
        let mut at = 0;
        for ((from, to), piece) in split(&self.old, &self.separators).zip(read.iter().flatten()) {
            text += &self.old[at..from];
            text += piece;
            at = to;
        }
        text += &self.old[at..];
        for piece in made {
            let ends = self.separators.iter().any(|s| text.trim_end().ends_with(s.trim_end()));
            if !text.trim().is_empty() && !ends {
                text += used;
            }
            text += piece;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str, separators: &[&str]) -> Vec<String> {
        let separators: Vec<String> = separators.iter().map(|s| (*s).to_owned()).collect();
        split(text, &separators).map(|(a, b)| text[a..b].to_owned()).collect()
    }

    #[test]
    fn separators_are_quoted_or_plain_words() {
        let read = |text| separators(text).ok();
        let some = |list: &[&str]| Some(list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(r#" "/" or "、" or ';' "#), some(&["/", "、", ";"]));
        assert_eq!(read(r#"" or " or /"#), some(&[" or ", "/"]));
        assert_eq!(read(r#"" ""#), some(&[" "]));
        for wrong in ["", "\"\"", "\"/", "\"/\" and \",\"", "\"/\" or", "\"/\" or\",\""] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn pieces_are_trimmed_and_empty_ones_left_out() {
        assert_eq!(list(" 2 / /6、,", &["/", "、", ","]), ["2", "6"]);
        assert_eq!(list("a--b-c", &["-", "--"]), ["a", "b", "c"]);
        assert_eq!(list("  ", &["/"]), [""; 0]);
    }

    #[test]
    fn what_is_new_follows_what_is_there() {
        let separators = ["/".to_owned(), "、".to_owned()];
        let with = |old: &str, write: &dyn Fn(&mut Edited)| {
            let mut edited = Edited::new(old, &separators);
            write(&mut edited);
            edited.joined()
        };
        let add = |edited: &mut Edited| {
            let number = edited.push().unwrap();
            edited.set(number, Some("9"), |_| Ok(())).unwrap();
        };
        assert_eq!(with("2 、 6", &|_| ()), "2 、 6");
        assert_eq!(with("2 、 6", &|e| e.set(2, Some("7"), |_| Ok(())).unwrap()), "2 、 7");
        assert_eq!(with("2 、 6", &add), "2 、 6、9");
        assert_eq!(with("2/", &add), "2/9");
        assert_eq!(with("", &add), "9");
        assert_eq!(with("2、6、8", &|e| e.set(2, None, |_| Ok(())).unwrap()), "2、8");
        assert_eq!(with("2", &|e| drop(e.push())), "2");
        assert_eq!(with("2", &|e| e.set(1, None, |_| Ok(())).unwrap()), "");
        let mut edited = Edited::new("2", &separators);
        for wrong in ["1/2", " 1", "1、", ""] {
            assert!(edited.set(1, Some(wrong), |_| Ok(())).is_err(), "{wrong}");
        }
        let long = |_: &str| Err(Error::new(Kind::Value, "too long"));
        assert!(edited.set(1, Some("33"), long).is_err());
        assert_eq!(edited.joined(), "2");
    }
}
