//! ZIP, as far as workbooks need it: entries are found by the central directory and unpacked under a
//! limit; replacing one copies all others as they are, byte for byte
//! (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>).

use std::io::{Read, Write};
use std::ops::Range;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::error::{Error, Kind, Result};

/// An archive has no more entries than this.
const MOST_ENTRIES: usize = 4096;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Flag: encrypted.
const ENCRYPTED: u16 = 1;
/// Flag: sizes stand behind the data.
const BEHIND: u16 = 8;
/// Flag: the name is UTF-8.
const UTF8: u16 = 1 << 11;
/// 1980-01-01, the first day of ZIP.
const DAY: u16 = 0x21;

/// The entries of an archive.
#[derive(Debug)]
pub(super) struct Archive {
    entries: Vec<Entry>,
    /// Where the central directory begins.
    directory: usize,
    /// Where its end record begins.
    end: usize,
}

#[derive(Debug)]
struct Entry {
    name: String,
    method: u16,
    flags: u16,
    crc: u32,
    packed: usize,
    size: usize,
    /// Its local header.
    at: usize,
    /// Its record in the central directory.
    central: usize,
    /// Its data.
    data: usize,
}

/// An entry of a new archive, packed.
#[derive(Debug, Clone)]
pub(super) struct Part {
    name: String,
    crc: u32,
    size: usize,
    data: Vec<u8>,
}

impl Part {
    pub fn new(name: &str, content: &[u8]) -> Part {
        let mut crc = Crc::new();
        crc.update(content);
        Part { name: name.to_owned(), crc: crc.sum(), size: content.len(), data: deflate(content) }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn broken(what: &str) -> Error {
    Error::new(Kind::Structure, format!("the workbook is no whole ZIP archive: {what}"))
}

/// The content of a workbook's entry, deflated.
fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing into memory does not fail.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

impl Archive {
    /// Reads the central directory. Entries that overlap are refused: they are how archives explode.
    pub fn read(bytes: &[u8]) -> Result<Archive> {
        if bytes.starts_with(b"\xD0\xCF\x11\xE0") {
            let what = "this is an old .xls file or an encrypted workbook";
            let advice = "save it as .xlsx without a password";
            return Err(Error::new(Kind::NotSupported, what).advise(advice));
        }
        if !bytes.starts_with(LOCAL) {
            return Err(broken("it does not begin with an entry").at("byte 0"));
        }
        let end = find_end(bytes).ok_or_else(|| broken("its end is missing"))?;
        let header = || {
            let count = usize::from(word(bytes, end + 10)?);
            Some((count, long(bytes, end + 12)? as usize, long(bytes, end + 16)? as usize))
        };
        let (count, length, directory) = header().ok_or_else(|| broken("its end is cut"))?;
        if count == 0xFFFF || directory == 0xFFFF_FFFF {
            return Err(Error::new(Kind::NotSupported, "ZIP64 archives are not read"));
        }
        if count > MOST_ENTRIES {
            let what = format!("the workbook has more than {MOST_ENTRIES} entries");
            return Err(Error::new(Kind::TooLarge, what));
        }
        if directory.checked_add(length).is_none_or(|to| to > end) {
            return Err(broken("its directory is cut"));
        }
        let mut entries = Vec::with_capacity(count);
        let mut at = directory;
        for _ in 0..count {
            let (entry, next) =
                entry(bytes, at, end).ok_or_else(|| broken("its directory is cut"))?;
            entries.push(entry);
            at = next;
        }
        let archive = Archive { entries, directory, end };
        archive.check(bytes)?;
        Ok(archive)
    }

    fn check(&self, bytes: &[u8]) -> Result<()> {
        let mut all: Vec<&Entry> = self.entries.iter().collect();
        all.sort_by_key(|entry| entry.at);
        for (n, entry) in all.iter().enumerate() {
            let next = all.get(n + 1).map_or(self.directory, |next| next.at);
            if !bytes[entry.at..].starts_with(LOCAL) || entry.data + entry.packed > next {
                return Err(broken("entries overlap").at(format!("byte {}", entry.at)));
            }
        }
        Ok(())
    }

    /// An entry by its name; names of parts are not told apart by case.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// Where the data of an entry stand.
    pub fn place(&self, entry: usize) -> Range<usize> {
        self.entries.get(entry).map_or(0..0, |e| e.data..e.data + e.packed)
    }

    /// The content of an entry, no longer than a limit.
    pub fn unpack(&self, bytes: &[u8], entry: usize, limit: usize) -> Result<Vec<u8>> {
        let Some(entry) = self.entries.get(entry) else { return Ok(Vec::new()) };
        let name = &entry.name;
        let too_large = || {
            let what = format!("'{name}' is larger than {} MiB unpacked", limit >> 20);
            Error::new(Kind::TooLarge, what).advise("send it in parts")
        };
        if entry.flags & ENCRYPTED != 0 {
            return Err(Error::new(Kind::NotSupported, format!("'{name}' is encrypted")));
        }
        if entry.size > limit {
            return Err(too_large());
        }
        let data = bytes.get(entry.data..entry.data + entry.packed).unwrap_or(&[]);
        let content = match entry.method {
            STORED => data.to_vec(),
            DEFLATED => {
                let mut content = Vec::new();
                let unpacked =
                    DeflateDecoder::new(data).take(limit as u64 + 1).read_to_end(&mut content);
                unpacked.map_err(|error| broken(&format!("'{name}': {error}")))?;
                content
            }
            other => {
                let what = format!("'{name}' is packed in a way that is not read: {other}");
                return Err(Error::new(Kind::NotSupported, what));
            }
        };
        if content.len() > limit {
            return Err(too_large());
        }
        let mut crc = Crc::new();
        crc.update(&content);
        if crc.sum() != entry.crc || content.len() != entry.size {
            return Err(broken(&format!("'{name}' has another check sum or size")));
        }
        Ok(content)
    }

    /// The archive with another content of one entry; the others are copied as they are.
    pub fn replaced(&self, bytes: &[u8], entry: usize, content: &[u8]) -> Vec<u8> {
        let Some(old) = self.entries.get(entry) else { return bytes.to_vec() };
        let part = Part::new(&old.name, content);
        let later = self.entries.iter().map(|e| e.at).filter(|at| *at > old.at);
        let next = later.min().unwrap_or(self.directory);
        let mut out = bytes[..old.at].to_vec();
        out.extend_from_slice(&bytes[old.at..old.data]);
        let flags = (old.flags & !BEHIND).to_le_bytes();
        out[old.at + 6..old.at + 8].copy_from_slice(&flags);
        out[old.at + 8..old.at + 10].copy_from_slice(&DEFLATED.to_le_bytes());
        set_sizes(&mut out, old.at + 14, &part);
        out.extend_from_slice(&part.data);
        let moved =
            |at: usize| if at >= next { at - next + old.data + part.data.len() } else { at };
        out.extend_from_slice(&bytes[next..]);
        for e in &self.entries {
            set_long(&mut out, moved(e.central) + 42, moved(e.at));
        }
        let central = moved(old.central);
        out[central + 8..central + 10].copy_from_slice(&flags);
        out[central + 10..central + 12].copy_from_slice(&DEFLATED.to_le_bytes());
        set_sizes(&mut out, central + 16, &part);
        set_long(&mut out, moved(self.end) + 16, moved(self.directory));
        out
    }
}

/// The end record, behind which there is nothing but its comment.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(22)?;
    let first = last.saturating_sub(0xFFFF);
    (first..=last).rev().find(|at| {
        bytes[*at..].starts_with(END)
            && word(bytes, at + 20).is_some_and(|n| at + 22 + usize::from(n) == bytes.len())
    })
}

/// An entry of the directory, and where the next one begins.
fn entry(bytes: &[u8], at: usize, end: usize) -> Option<(Entry, usize)> {
    let record = bytes.get(at..end)?;
    if !record.starts_with(CENTRAL) {
        return None;
    }
    let lengths = [28, 30, 32].map(|at| word(record, at).map(usize::from));
    let [Some(name), Some(extra), Some(comment)] = lengths else { return None };
    let local = long(record, 42)? as usize;
    let local_lengths = [26, 28].map(|n| word(bytes, local + n).map(usize::from));
    let [Some(local_name), Some(local_extra)] = local_lengths else { return None };
    let entry = Entry {
        name: String::from_utf8_lossy(record.get(46..46 + name)?).into_owned(),
        flags: word(record, 8)?,
        method: word(record, 10)?,
        crc: long(record, 16)?,
        packed: long(record, 20)? as usize,
        size: long(record, 24)? as usize,
        at: local,
        central: at,
        data: local + 30 + local_name + local_extra,
    };
    Some((entry, at + 46 + name + extra + comment))
}

fn set_long(bytes: &mut [u8], at: usize, value: usize) {
    if let Some(there) = bytes.get_mut(at..at + 4) {
        there.copy_from_slice(&(value as u32).to_le_bytes());
    }
}

fn set_sizes(bytes: &mut [u8], at: usize, part: &Part) {
    set_long(bytes, at, part.crc as usize);
    set_long(bytes, at + 4, part.data.len());
    set_long(bytes, at + 8, part.size);
}

/// A new archive.
pub(super) fn archive(parts: &[&Part]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for part in parts {
        let at = out.len();
        let head = |out: &mut Vec<u8>| {
            for word in [20, UTF8, DEFLATED, 0, DAY] {
                out.extend(word.to_le_bytes());
            }
            for long in [part.crc, part.data.len() as u32, part.size as u32] {
                out.extend(long.to_le_bytes());
            }
            out.extend((part.name.len() as u16).to_le_bytes());
            out.extend([0, 0]);
        };
        out.extend(LOCAL);
        head(&mut out);
        out.extend(part.name.as_bytes());
        out.extend(&part.data);
        directory.extend(CENTRAL);
        directory.extend(20u16.to_le_bytes());
        head(&mut directory);
        directory.extend([0; 10]);
        directory.extend((at as u32).to_le_bytes());
        directory.extend(part.name.as_bytes());
    }
    let (at, count) = (out.len() as u32, (parts.len() as u16).to_le_bytes());
    out.extend(&directory);
    out.extend(END);
    out.extend([0; 4]);
    out.extend(count);
    out.extend(count);
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}
