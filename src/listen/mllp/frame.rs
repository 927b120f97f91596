//! The framing of MLLP: `VT message FS CR`, cut out of a stream of bytes.
//!
//! (HL7 Minimal Lower Layer Protocol, release 1.) The three bytes never occur inside a character of
//! the charsets that MLLP allows, GBK and GB18030 included. A VT inside a message is text of a
//! careless sender and stays; FS ends a message only if CR or the next VT follows.

use bytes::{Buf, BytesMut};
use memchr::memchr;

/// Begins a message.
pub const VT: u8 = 0x0B;
/// Ends a message, with CR.
pub const FS: u8 = 0x1C;
/// Ends a message, after FS.
pub const CR: u8 = 0x0D;

/// What is kept of a message that is too long.
pub const HEAD: usize = 64 << 10;

/// Cuts frames.
#[derive(Debug)]
pub struct Frames {
    buffer: BytesMut,
    /// A VT was seen, and is not in the buffer any more.
    inside: bool,
    /// So many bytes of the buffer were searched for the end.
    searched: usize,
    /// Greatest length of a message.
    limit: usize,
    /// Number of bytes outside of frames, white space not counted.
    garbage: u64,
}

/// What was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// A whole message.
    Message(Vec<u8>),
    /// The first bytes of a message that is longer than the limit. The stream is of no use any
    /// more.
    TooLong(Vec<u8>),
}

impl Frames {
    /// Frames of messages up to this many bytes.
    pub fn new(limit: usize) -> Frames {
        Frames { buffer: BytesMut::new(), inside: false, searched: 0, limit, garbage: 0 }
    }

    /// Where bytes that arrive are appended.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether a message has begun.
    pub fn inside(&self) -> bool {
        self.inside
    }

    /// Takes the number of bytes outside of frames since the last time.
    pub fn garbage(&mut self) -> u64 {
        std::mem::take(&mut self.garbage)
    }

    /// The bytes of the message that has begun, if one has.
    pub fn rest(self) -> Option<Vec<u8>> {
        self.inside.then(|| self.buffer.to_vec())
    }

    /// The next message, if the buffer has all of it.
    pub fn cut(&mut self) -> Option<Cut> {
        if !self.inside {
            self.enter()?;
        }
        match self.end() {
            Some((length, mark)) if length <= self.limit => {
                let message = self.buffer.split_to(length).to_vec();
                self.buffer.advance(mark);
                (self.inside, self.searched) = (false, 0);
                Some(Cut::Message(message))
            }
            None if self.buffer.len() <= self.limit.saturating_add(1) => None,
            _ => Some(Cut::TooLong(self.buffer[..self.buffer.len().min(HEAD)].to_vec())),
        }
    }

    /// Drops what stands before the next VT, and the VT.
    fn enter(&mut self) -> Option<()> {
        let start = memchr(VT, &self.buffer);
        let before = &self.buffer[..start.unwrap_or(self.buffer.len())];
        self.garbage += before.iter().filter(|byte| !byte.is_ascii_whitespace()).count() as u64;
        let Some(start) = start else {
            self.buffer.clear();
            return None;
        };
        self.buffer.advance(start + 1);
        (self.inside, self.searched) = (true, 0);
        Some(())
    }

    /// Length of the message and of its end mark.
    fn end(&mut self) -> Option<(usize, usize)> {
        while let Some(at) = memchr(FS, &self.buffer[self.searched..]) {
            let at = self.searched + at;
            match self.buffer.get(at + 1) {
                Some(&CR) => return Some((at, 2)),
                Some(&VT) => return Some((at, 1)),
                Some(_) => self.searched = at + 1,
                None => {
                    self.searched = at;
                    return None;
                }
            }
        }
        self.searched = self.buffer.len();
        None
    }
}

/// A message in its frame.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(VT);
    frame.extend_from_slice(message);
    frame.extend_from_slice(&[FS, CR]);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(frames: &mut Frames, pieces: &[&[u8]]) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for piece in pieces {
            frames.buffer().extend_from_slice(piece);
            while let Some(cut) = frames.cut() {
                let over = matches!(cut, Cut::TooLong(_));
                cuts.push(cut);
                if over {
                    return cuts;
                }
            }
        }
        cuts
    }

    #[test]
    fn garbage_before_a_frame_is_dropped_and_counted() {
        let mut frames = Frames::new(100);
        let cuts = all(&mut frames, &[b"GET / HTTP\r\n\x0bMSH|1\x1c\r\r\n\x0bMSH|2\x1c\r"]);
        assert_eq!(cuts, [Cut::Message(b"MSH|1".to_vec()), Cut::Message(b"MSH|2".to_vec())]);
        assert_eq!(frames.garbage(), 8);
        assert_eq!(frames.garbage(), 0);
        assert!(!frames.inside());
    }

    #[test]
    fn a_lone_fs_and_a_vt_are_text_and_fs_vt_ends() {
        let mut frames = Frames::new(100);
        let cuts = all(&mut frames, &[b"\x0ba\x1cb\x0bc\x1c\x0bd\x1c\r"]);
        assert_eq!(cuts, [Cut::Message(b"a\x1cb\x0bc".to_vec()), Cut::Message(b"d".to_vec())]);
    }

    #[test]
    fn the_limit_is_exact_and_met_before_the_end_arrives() {
        let at_limit = framed(&[b'x'; 10]);
        assert_eq!(all(&mut Frames::new(10), &[&at_limit]), [Cut::Message(vec![b'x'; 10])]);
        let over = framed(&[b'x'; 11]);
        assert_eq!(all(&mut Frames::new(10), &[&over]), [Cut::TooLong(over[1..].to_vec())]);
        let endless = [b"\x0b".as_slice(), &[b'x'; 12]].concat();
        assert_eq!(all(&mut Frames::new(10), &[&endless]), [Cut::TooLong(vec![b'x'; 12])]);
    }

    #[test]
    fn the_rest_is_what_came_of_a_message() {
        let mut frames = Frames::new(100);
        assert_eq!(all(&mut frames, &[b"\x0bMSH|^~\\&|H", b"IS\x1c"]), []);
        assert!(frames.inside());
        assert_eq!(frames.rest(), Some(b"MSH|^~\\&|HIS\x1c".to_vec()));
        assert_eq!(Frames::new(100).rest(), None);
    }

    proptest! {
        /// However the stream is split, the same messages come out.
        #[test]
        fn splits_do_not_matter(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
            noise in prop::collection::vec(b'a'..=b'z', 0..5),
            cuts in prop::collection::vec(0usize..200, 0..8),
        ) {
            let tame = |m: &Vec<u8>| -> Vec<u8> {
                m.iter().map(|b| if *b == FS { b'.' } else { *b }).collect()
            };
            let messages: Vec<Vec<u8>> = messages.iter().map(tame).collect();
            let mut stream = Vec::new();
            for message in &messages {
                stream.extend_from_slice(&noise);
                stream.extend(framed(message));
            }
            let mut at: Vec<usize> = cuts.iter().map(|c| c % (stream.len() + 1)).collect();
            at.push(0);
            at.push(stream.len());
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            let mut frames = Frames::new(1000);
            let expected: Vec<Cut> = messages.iter().cloned().map(Cut::Message).collect();
            prop_assert_eq!(all(&mut frames, &pieces), expected);
            prop_assert_eq!(frames.garbage(), (noise.len() * messages.len()) as u64);
            prop_assert_eq!(frames.rest(), None);
        }

        /// Nothing makes it panic, and it never keeps much more than the limit.
        #[test]
        fn any_bytes_are_survived(pieces in prop::collection::vec(prop::collection::vec(
            prop_oneof![Just(VT), Just(FS), Just(CR), any::<u8>()], 0..30), 0..20)) {
            let mut frames = Frames::new(16);
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            all(&mut frames, &pieces);
            prop_assert!(frames.buffer.len() <= 16 + 2 + 30);
        }
    }
}
