//! The configuration of an inbound channel: `inbound: NAME: …` in `tombolo.yaml`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Unexpected, Visitor};

use crate::error::{Error, Kind, Result};
use crate::flow::inbound::Acknowledge;
use crate::flow::{Channel, Invalid, units};
use crate::legacy::Charset;
use crate::translate::Party;

/// An inbound channel: whose messages come by which doors, and what is done with bad ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The party, a key of `parties:`.
    pub party: String,
    /// The mappings that may take its messages; for each the one that fits is found.
    pub mappings: Vec<String>,
    /// The charset of everything that comes, whatever it says itself. Default: see
    /// [`crate::legacy::charset`].
    #[serde(default, deserialize_with = "charset")]
    pub charset: Option<Charset>,
    /// What to do with bytes that the charset does not have: `refuse` the record (default), or
    /// `carry` them through raw.
    #[serde(default)]
    pub undecodable: Undecodable,
    /// What to do with a record that has errors: `reject` (default), `quarantine` or `warn`.
    #[serde(default)]
    pub invalid: Invalid,
    /// Listens for HL7 v2 over TCP: an address, or an object.
    pub mllp: Option<Mllp>,
    /// Takes `POST /in/NAME`: `true`, or an object.
    pub http: Option<Http>,
    /// Watches a folder.
    pub files: Option<Files>,
}

/// What to do with bytes that the charset does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Undecodable {
    /// Refuse the record they stand in.
    #[default]
    Refuse,
    /// Carry them through raw.
    Carry,
}

/// `mllp:`.
#[derive(Debug, Clone)]
pub struct Mllp {
    /// Where to listen.
    pub address: SocketAddr,
    /// `auto` (default) answers as MSH-15 and MSH-16 ask; `original` always gives one application
    /// acknowledgement (AA, AE, AR).
    pub acknowledge: Acknowledge,
    /// Largest message, default 16 MiB.
    pub limit: usize,
    /// Most connections at a time, default 1024; further ones are closed at once.
    pub connections: usize,
    /// A connection on which nothing comes for so long is closed, default 10 minutes.
    pub idle: Duration,
    /// A message must be complete so long after its first byte, default 1 minute.
    pub patience: Duration,
}

/// `http:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    /// Largest body, default 16 MiB.
    pub limit: usize,
}

/// `files:`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The folder that files are dropped into; `done` and `failed` are made in it.
    pub folder: PathBuf,
    /// Which names are taken, with `*` and `?`, upper and lower case alike; default all. Names that
    /// begin with `.` or `~`, or end in `.tmp`, `.part` or `~`, never are.
    #[serde(default = "everything")]
    pub pattern: String,
    /// How often to look, default 2 s. A file is taken when it has not changed between two looks.
    #[serde(default = "two_seconds", deserialize_with = "units::duration")]
    pub interval: Duration,
    /// Largest file, default 64 MiB: a file is read whole.
    #[serde(default = "file_limit", deserialize_with = "units::size")]
    pub limit: usize,
}

impl Config {
    /// The channel of this name, without its doors. `party` is the one this channel names.
    pub fn channel(&self, name: &str, party: Party) -> Result<Channel> {
        let usage = |what: &str| Error::new(Kind::Usage, what).at(format!("inbound.{name}"));
        if self.mappings.is_empty() {
            return Err(usage("the channel names no mapping")
                .advise("write `mappings: [NAME]`; `tombolo map show` lists them"));
        }
        if self.mllp.is_none() && self.http.is_none() && self.files.is_none() {
            return Err(usage("the channel has no door")
                .advise("write one of `mllp: HOST:PORT`, `http: true`, `files: { folder: … }`"));
        }
        Ok(Channel {
            name: name.to_owned(),
            party,
            mappings: self.mappings.clone(),
            charset: self.charset,
            carry_raw: self.undecodable == Undecodable::Carry,
            invalid: self.invalid,
        })
    }
}

impl Mllp {
    /// The defaults, at an address.
    pub fn at(address: SocketAddr) -> Mllp {
        Mllp {
            address,
            acknowledge: Acknowledge::default(),
            limit: message_limit(),
            connections: many(),
            idle: ten_minutes(),
            patience: one_minute(),
        }
    }
}

impl Files {
    /// The defaults, for a folder.
    pub fn of(folder: impl Into<PathBuf>) -> Files {
        Files {
            folder: folder.into(),
            pattern: everything(),
            interval: two_seconds(),
            limit: file_limit(),
        }
    }
}

impl Default for Http {
    fn default() -> Http {
        Http { limit: message_limit() }
    }
}

impl<'de> Deserialize<'de> for Mllp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Mllp, D::Error> {
        from.deserialize_any(MllpVisitor)
    }
}

impl<'de> Deserialize<'de> for Http {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Http, D::Error> {
        from.deserialize_any(HttpVisitor)
    }
}

struct MllpVisitor;

impl<'de> Visitor<'de> for MllpVisitor {
    type Value = Mllp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as 127.0.0.1:2575, or an object with `address`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Mllp, E> {
        let address = text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))?;
        Ok(Mllp::at(address))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mllp, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            address: SocketAddr,
            #[serde(default)]
            acknowledge: Acknowledge,
            #[serde(default = "message_limit", deserialize_with = "units::size")]
            limit: usize,
            #[serde(default = "many")]
            connections: usize,
            #[serde(default = "ten_minutes", deserialize_with = "units::duration")]
            idle: Duration,
            #[serde(default = "one_minute", deserialize_with = "units::duration")]
            patience: Duration,
        }
        let Written { address, acknowledge, limit, connections, idle, patience } =
            Written::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Mllp { address, acknowledge, limit, connections, idle, patience })
    }
}

struct HttpVisitor;

impl<'de> Visitor<'de> for HttpVisitor {
    type Value = Http;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true`, or an object with `limit`")
    }

    fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Http, E> {
        if on { Ok(Http::default()) } else { Err(E::invalid_value(Unexpected::Bool(on), &self)) }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Http, E> {
        match text {
            "true" => Ok(Http::default()),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Http, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            #[serde(default = "message_limit", deserialize_with = "units::size")]
            limit: usize,
        }
        let Written { limit } = Written::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Http { limit })
    }
}

fn charset<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Charset>, D::Error> {
    let name = String::deserialize(from)?;
    let expected = "a charset such as GBK, GB18030, UTF-8, UTF-16LE, Big5";
    let unknown = || serde::de::Error::invalid_value(Unexpected::Str(&name), &expected);
    Charset::named(&name).map(Some).ok_or_else(unknown)
}

fn everything() -> String {
    "*".to_owned()
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn one_minute() -> Duration {
    Duration::from_secs(60)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

fn message_limit() -> usize {
    16 << 20
}

fn file_limit() -> usize {
    64 << 20
}

fn many() -> usize {
    1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Config, String> {
        serde_saphyr::from_str(yaml).map_err(|e| e.to_string())
    }

    fn party() -> Party {
        Party { name: "hospital-1".into(), title: String::new(), uscc: None }
    }

    #[test]
    fn the_short_forms_have_the_documented_defaults() {
        let config =
            read("{ party: hospital-1, mllp: 127.0.0.1:2575, http: true, mappings: [a, b] }")
                .unwrap();
        let mllp = config.mllp.as_ref().unwrap();
        assert_eq!(mllp.address, "127.0.0.1:2575".parse().unwrap());
        assert_eq!((mllp.limit, mllp.connections), (16 << 20, 1024));
        assert_eq!(config.http, Some(Http { limit: 16 << 20 }));
        let channel = config.channel("adt", party()).unwrap();
        assert_eq!((channel.invalid, channel.carry_raw), (Invalid::Reject, false));
    }

    #[test]
    fn everything_can_be_said() {
        let config = read(
            "party: clinic-1\nmappings: [htn-followup]\ncharset: gb2312\nundecodable: carry\n\
             invalid: quarantine\nfiles: { folder: drop, pattern: '*.csv', interval: 500ms, limit: 1MiB }\n\
             mllp: { address: '[::1]:0', acknowledge: original, limit: 64KiB, connections: 5, idle: 5s, patience: 2s }\n\
             http: { limit: 1024 }\n",
        )
        .unwrap();
        let files = config.files.as_ref().unwrap();
        assert_eq!((files.interval, files.limit), (Duration::from_millis(500), 1 << 20));
        assert_eq!(config.mllp.as_ref().unwrap().idle, Duration::from_secs(5));
        assert_eq!(config.http, Some(Http { limit: 1024 }));
        assert!(config.channel("x", party()).unwrap().carry_raw);
        assert!(config.charset.is_some());
    }

    #[test]
    fn mistakes_are_told() {
        for (yaml, part) in [
            ("{ party: a, mappings: [b], mllp: somewhere }", "127.0.0.1:2575"),
            ("{ party: a, mappings: [b], mlp: 127.0.0.1:1 }", "mlp"),
            ("{ party: a, mappings: [b], http: true, charset: klingon }", "klingon"),
            ("{ party: a, mappings: [b], http: true, invalid: ignore }", "quarantine"),
            ("{ party: a, mappings: [b], files: { folder: x, interval: 5 } }", "500ms"),
        ] {
            let told = read(yaml).unwrap_err();
            assert!(told.contains(part), "{yaml}: {told}");
        }
        let no_door =
            read("{ party: a, mappings: [b] }").unwrap().channel("x", party()).unwrap_err();
        assert!(no_door.to_string().contains("no door"), "{no_door}");
    }
}
