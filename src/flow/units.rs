//! Durations and sizes as people write them in the configuration: `500ms`, `30s`, `5m`, `16MiB`.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Reads a duration: a number with `ms`, `s`, `m`, `h` or `d`. For `#[serde(deserialize_with)]`.
pub fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(Written(
        parse_duration,
        "a duration such as 500ms, 30s, 5m, 2h, 1d",
        PhantomData,
    ))
}

/// Reads a number of bytes: a number, alone or with `KiB`, `MiB` or `GiB`.
pub fn size<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    from.deserialize_any(Written(parse_size, "a size such as 65536, 64KiB, 16MiB", PhantomData))
}

/// The duration that a text says.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

/// The number of bytes that a text says.
pub fn parse_size(text: &str) -> Option<usize> {
    let (number, unit) = split(text);
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(1 << shift)
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    (number, unit.trim_start())
}

/// A scalar, string or plain number, read by a function.
struct Written<T>(fn(&str) -> Option<T>, &'static str, PhantomData<T>);

impl<T> Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, millis) in [("500ms", 500), ("30s", 30_000), ("5 m", 300_000), ("2h", 7_200_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "m", "-1s", "1.5s", "5 minutes", "99999999999999999999s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_written() {
        for (text, bytes) in [("65536", 65_536), ("64KiB", 65_536), ("16 MiB", 16 << 20)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "16MB", "-1", "99999999999999999999"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
