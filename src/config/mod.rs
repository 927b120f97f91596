//! `tombolo.yaml`: one struct per room, composed here.
//!
//! * [`file`]: reads it: types, unknown keys, `${ENV}`, and the place of everything
//! * [`check`]: what one room cannot know: parties, mappings, folders and ports that do not fit
//!   together
//!
//! Without a file the defaults are a FHIR server on 127.0.0.1:8080 over `data/tombolo.db`.

mod check;
mod file;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Result;
use crate::observe::Secret;
use crate::{deliver, listen, serve, translate};
use file::Places;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the FHIR API and the other HTTP doors listen.
    pub listen: SocketAddr,
    /// The store: `sqlite:PATH`.
    pub store: Secret,
    /// Limits of the HTTP doors.
    pub http: serve::Config,
    /// Who takes part, by the name that stands in ids.
    pub parties: BTreeMap<String, Party>,
    /// Inbound channels by name.
    pub inbound: BTreeMap<String, listen::Config>,
    /// Outbound channels by name.
    pub outbound: BTreeMap<String, deliver::Config>,
    /// The flows that run, by name.
    pub flows: Vec<String>,
    /// The folder that relative paths begin from: the configuration file's.
    pub folder: PathBuf,
    /// Where everything stands in the file.
    places: Places,
}

/// A party in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// What it is.
    pub kind: PartyKind,
    /// For people.
    pub name: String,
    /// Unified social credit code, 18 characters.
    pub uscc: Option<String>,
    /// Reporting unit code at the CDC, 9 digits.
    pub unit: Option<String>,
}

impl PartyKind {
    /// The word in the configuration and in flow files.
    pub fn word(self) -> &'static str {
        match self {
            PartyKind::Hospital => "hospital",
            PartyKind::Community => "community",
            PartyKind::Cdc => "cdc",
            PartyKind::Other => "other",
        }
    }
}

/// What a party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartyKind {
    /// A hospital.
    Hospital,
    /// A community health institution.
    Community,
    /// A centre for disease control.
    Cdc,
    /// Anybody else: a laboratory, a region's platform.
    Other,
}

impl Config {
    /// Reads a file; `${NAME}` and `${NAME:-default}` are taken from the environment.
    pub fn read(file: &Path) -> Result<Config> {
        file::read(file)
    }

    /// Reads a text; `shown` is its name in errors, relative paths begin from `folder`.
    pub fn parse(text: &str, shown: &str, folder: &Path) -> Result<Config> {
        file::parse(text, shown, folder, file::environment())
    }

    /// Everything that does not fit together, with its place and what to do.
    pub fn check(&self, library: &translate::Library) -> Vec<crate::Error> {
        check::check(self, library)
    }

    /// A party as mappings know it.
    pub fn party(&self, name: &str) -> Option<translate::Party> {
        let party = self.parties.get(name)?;
        let (title, uscc) = (party.name.clone(), party.uscc.clone());
        Some(translate::Party { name: name.to_owned(), title, uscc })
    }

    /// The one party of this kind; `None` if there are none or several.
    pub fn only(&self, kind: PartyKind) -> Option<translate::Party> {
        let mut of_kind = self.parties.iter().filter(|(_, party)| party.kind == kind);
        match (of_kind.next(), of_kind.next()) {
            (Some((name, _)), None) => self.party(name),
            _ => None,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            store: Secret::new("sqlite:data/tombolo.db"),
            http: serve::Config::default(),
            parties: BTreeMap::new(),
            inbound: BTreeMap::new(),
            outbound: BTreeMap::new(),
            flows: Vec::new(),
            folder: PathBuf::new(),
            places: Places::default(),
        }
    }
}

#[cfg(test)]
mod tests;
