//! What one room cannot know: whether the parts of the configuration fit together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use super::file::one_of;
use super::{Config, PartyKind};
use crate::error::{Error, Kind};
use crate::fhir::query;
use crate::search::Search;
use crate::translate::Library;
use crate::{deliver, listen};

pub(super) fn check(config: &Config, library: &Library) -> Vec<Error> {
    let mut found = Found { config, wrong: Vec::new() };
    found.listen();
    for name in config.parties.keys() {
        found.party(name);
    }
    let mappings = library.names();
    for (name, channel) in &config.inbound {
        found.inbound(name, channel, &mappings);
    }
    for (name, channel) in &config.outbound {
        found.outbound(name, channel, &mappings);
    }
    for flow in &config.flows {
        found.flow(flow, library);
    }
    found.addresses();
    found.folders();
    found.wrong
}

struct Found<'a> {
    config: &'a Config,
    wrong: Vec<Error>,
}

impl Found<'_> {
    fn add(&mut self, keys: &[&str], what: impl Into<String>, advice: impl Into<String>) {
        let place = self.config.places.of(keys);
        self.wrong.push(Error::new(Kind::Usage, what).at(place).advise(advice));
    }

    fn listen(&mut self) {
        let address = self.config.listen;
        if !address.ip().is_loopback() {
            self.add(
                &["listen"],
                format!(
                    "{address} is open to the network, and there is no TLS and no caller policy yet"
                ),
                format!(
                    "write `listen: 127.0.0.1:{}` and put a TLS proxy before it",
                    address.port()
                ),
            );
        }
    }

    fn party(&mut self, name: &str) {
        let fits = (1..=16).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits {
            let what =
                format!("`{name}` cannot name a party: the name is the first part of every id");
            self.add(&["parties", name], what, "use 1 to 16 of a-z, 0-9 and `-`");
        }
        let unit = self.config.parties.get(name).and_then(|party| party.unit.as_deref());
        if let Some(unit) =
            unit.filter(|unit| unit.len() != 9 || !unit.bytes().all(|b| b.is_ascii_digit()))
        {
            let what = format!("`{unit}` is not a reporting unit code");
            self.add(&["parties", name, "unit"], what, "it has 9 digits; put it in quotes");
        }
        let uscc = self.config.parties.get(name).and_then(|party| party.uscc.as_deref());
        if let Some(uscc) = uscc.filter(|uscc| !is_uscc(uscc)) {
            let what = format!("`{uscc}` is not a unified social credit code");
            self.add(
                &["parties", name, "uscc"],
                what,
                "it has 18 characters, A-Z without I O S V Z and 0-9",
            );
        }
    }

    fn inbound(&mut self, name: &str, channel: &listen::Config, mappings: &[String]) {
        let at = ["inbound", name];
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            let what = format!("`{name}` cannot name a channel: the name stands in URLs");
            self.add(&at, what, "use a-z, 0-9, `-` and `_`");
        }
        self.names_party(&at, &channel.party);
        for mapping in &channel.mappings {
            self.names_mapping(&["inbound", name, "mappings"], mapping, mappings);
        }
        let doors = [channel.mllp.is_some(), channel.http.is_some(), channel.files.is_some()];
        let doors = doors.iter().filter(|there| **there).count();
        if doors > 1 {
            let what = format!("the channel `{name}` has {doors} doors");
            self.add(&at, what, "make one channel for each of `mllp`, `http` and `files`");
        }
        if let Some(party) = self.config.party(&channel.party)
            && let Err(error) = channel.channel(name, party)
        {
            self.wrong.push(Error { place: Some(self.config.places.of(&at)), ..error });
        }
    }

    fn outbound(&mut self, name: &str, channel: &deliver::Config, mappings: &[String]) {
        self.names_party(&["outbound", name], &channel.party);
        self.names_mapping(&["outbound", name, "mapping"], &channel.mapping, mappings);
        if channel.when.is_none() {
            let what = format!("nothing says when `{name}` sends");
            self.add(&["outbound", name], what, "write `when: \"Type?parameter=value\"`");
        }
        if let Some(when) = &channel.when
            && let Err(error) = search(when)
        {
            let advice = error.advice.clone();
            let what = format!("`when` is not a search: {}", error.what);
            let advice = advice.unwrap_or_else(|| "write it as `Type?parameter=value`".to_owned());
            self.add(&["outbound", name, "when"], what, advice);
        }
        let url = channel.http.url.reveal();
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            self.add(
                &["outbound", name, "http", "url"],
                format!("`{}` is not an HTTP URL", channel.http.url),
                "write `https://HOST/PATH`",
            );
        }
    }

    fn flow(&mut self, name: &str, library: &Library) {
        if library.file(format!("_flows/{name}.yaml").as_ref()).is_none() {
            let what = format!("there is no flow `{name}`");
            self.add(&["flows"], what, "its file is _flows/NAME.yaml in the mappings folder");
        }
        if self.config.only(PartyKind::Cdc).is_none() {
            let what =
                format!("the flow `{name}` reports to the CDC, and there is not exactly one");
            self.add(&["flows"], what, "have one party with `kind: cdc`");
        }
    }

    fn names_party(&mut self, at: &[&str; 2], party: &str) {
        if !self.config.parties.contains_key(party) {
            let known: Vec<&String> = self.config.parties.keys().collect();
            let what = format!("there is no party `{party}`");
            self.add(&[at[0], at[1], "party"], what, one_of(party, &known));
        }
    }

    fn names_mapping(&mut self, at: &[&str], mapping: &str, mappings: &[String]) {
        if !mappings.iter().any(|known| known == mapping) {
            self.add(at, format!("there is no mapping `{mapping}`"), one_of(mapping, mappings));
        }
    }

    /// Two doors on one port.
    fn addresses(&mut self) {
        let mut taken: Vec<(SocketAddr, String)> = vec![(self.config.listen, "listen".to_owned())];
        let inbound = &self.config.inbound;
        for (name, channel) in inbound {
            let Some(mllp) = &channel.mllp else { continue };
            let same = taken.iter().find(|(other, _)| overlap(*other, mllp.address));
            if let Some((_, other)) = same {
                let what = format!("{} is taken by `{other}`", mllp.address);
                self.add(&["inbound", name, "mllp"], what, "give each door a port of its own");
            }
            taken.push((mllp.address, format!("inbound.{name}")));
        }
    }

    /// Folders that cannot be read, and two channels that fight for the same files.
    fn folders(&mut self) {
        let mut taken: BTreeMap<(&Path, &str), &str> = BTreeMap::new();
        for (name, channel) in &self.config.inbound {
            let Some(files) = &channel.files else { continue };
            let at = ["inbound", name, "files", "folder"];
            if let Err(error) = std::fs::read_dir(&files.folder) {
                let what = format!("the folder {} cannot be read: {error}", files.folder.display());
                self.add(&at, what, "make it, and let the gateway's user read and write it");
            }
            if let Some(other) = taken.insert((&files.folder, &files.pattern), name) {
                let what = format!("the channel `{other}` takes the same files");
                self.add(&at, what, "give each channel a folder or a pattern of its own");
            }
        }
    }
}

/// Whether two addresses cannot both be listened on.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same
}

/// GB 32100-2015: 18 characters of an alphabet without I, O, S, V and Z.
fn is_uscc(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase() && !b"IOSVZ".contains(&b);
    text.len() == 18 && text.bytes().all(fits)
}

fn search(when: &str) -> crate::Result<Search> {
    let (kind, pairs) = query::split(when)?;
    Search::parse(kind, &pairs)
}
