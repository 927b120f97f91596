//! Text offset → byte offset, for charsets in which they differ.

use super::Charset;
use super::codec::width;

/// Text bytes between two checkpoints.
const STEP: usize = 256;

/// For the first character at or after every [`STEP`] bytes of text: its text and byte offset.
#[derive(Debug)]
pub(super) struct Offsets(Vec<(usize, usize)>);

impl Offsets {
    /// Walks the text once.
    pub(super) fn new(charset: Charset, text: &str, bytes: &[u8]) -> Offsets {
        let mut points = Vec::with_capacity(text.len() / STEP + 1);
        let mut byte = 0;
        for (at, c) in text.char_indices() {
            if at >= points.len() * STEP {
                points.push((at, byte));
            }
            byte += width(charset, c, bytes.get(byte..).unwrap_or(&[]));
        }
        Offsets(points)
    }

    /// The byte offset of a text offset; inside a character, that of the character.
    pub(super) fn byte(&self, charset: Charset, text: &str, bytes: &[u8], offset: usize) -> usize {
        let after = self.0.partition_point(|&(at, _)| at <= offset);
        let Some(&(from, mut byte)) = after.checked_sub(1).and_then(|i| self.0.get(i)) else {
            return 0;
        };
        for (at, c) in text[from..].char_indices() {
            if from + at + c.len_utf8() > offset {
                break;
            }
            byte += width(charset, c, bytes.get(byte..).unwrap_or(&[]));
        }
        byte.min(bytes.len())
    }
}
