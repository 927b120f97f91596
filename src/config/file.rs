//! Reads the configuration file.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use super::{Config, Party};
use crate::error::{Error, Kind, Result};
use crate::observe::Secret;
use crate::yaml::{self, Node};
use crate::{deliver, listen, serve};

/// The file's structure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    listen: SocketAddr,
    store: Secret,
    http: serve::Config,
    parties: BTreeMap<String, Party>,
    inbound: BTreeMap<String, listen::Config>,
    outbound: BTreeMap<String, deliver::Config>,
    flows: Vec<String>,
}

impl Default for Written {
    fn default() -> Written {
        let Config { listen, store, http, parties, inbound, outbound, flows, .. } =
            Config::default();
        Written { listen, store, http, parties, inbound, outbound, flows }
    }
}

/// Where everything stands in the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    shown: String,
    root: Option<Node>,
}

impl Places {
    /// `file:line:column` of the value at these keys, as far down as there are such keys.
    pub fn of(&self, keys: &[&str]) -> String {
        let Some(root) = &self.root else { return keys.join(".") };
        let (mut node, mut mark) = (root, root.mark);
        for key in keys {
            let entry = node.entries().and_then(|all| all.iter().find(|(k, _)| k.text == *key));
            let Some((key, value)) = entry else { break };
            // A map or list is shown by its key, a text by itself.
            mark = if value.text().is_some() { value.mark } else { key.mark };
            node = value;
        }
        format!("{}:{}:{}", self.shown, mark.line, mark.column)
    }
}

pub(super) fn read(file: &Path) -> Result<Config> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::new(Kind::Usage, "the configuration cannot be read")
            .at(&shown)
            .because(error)
            .advise("name it with `-c FILE`")
    })?;
    parse(&text, &shown, file.parent().unwrap_or(Path::new("")), environment())
}

/// The process's environment, as far as it is text.
pub(super) fn environment() -> HashMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

pub(super) fn parse(
    text: &str,
    shown: &str,
    folder: &Path,
    environment: HashMap<String, String>,
) -> Result<Config> {
    let root = yaml::parse(text, 0).map_err(|fault| {
        let error = fault.into_error(shown);
        Error { kind: Kind::Usage, ..error }
    })?;
    unset(&root, shown, &environment)?;
    let written = if root.entries().is_some_and(<[_]>::is_empty) {
        Written::default()
    } else {
        let options = serde_saphyr::options! {
            // The one that expands within quotes too. What it takes for an unset variable,
            // the empty text, is refused above.
            property_syntax: serde_saphyr::PropertySyntax::DockerCompose,
        };
        let options = options.with_properties(environment);
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| wrong(&error, shown, &root))?
    };
    let Written { listen, store, http, parties, inbound, outbound, flows } = written;
    let places = Places { shown: shown.to_owned(), root: Some(root) };
    let folder = folder.to_owned();
    let mut config =
        Config { listen, store, http, parties, inbound, outbound, flows, folder, places };
    resolve(&mut config);
    Ok(config)
}

/// Refuses `${NAME}` and `$NAME` of variables that are not set and have no default.
fn unset(node: &Node, shown: &str, environment: &HashMap<String, String>) -> Result<()> {
    if let Some(items) = node.items() {
        return items.iter().try_for_each(|item| unset(item, shown, environment));
    }
    if let Some(entries) = node.entries() {
        return entries.iter().try_for_each(|(_, value)| unset(value, shown, environment));
    }
    // `$$` is a dollar sign.
    let text = node.text().unwrap_or("").replace("$$", "");
    for after in text.split('$').skip(1) {
        let (braced, after) = after.strip_prefix('{').map_or((false, after), |rest| (true, rest));
        let end =
            after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, rest) = after.split_at(end);
        let has_default = braced && !rest.starts_with('}');
        if !name.is_empty() && !has_default && !environment.contains_key(name) {
            let place = format!("{shown}:{}:{}", node.mark.line, node.mark.column);
            let what = format!("the environment variable {name} is not set");
            let advice = format!("set it, write `${{{name}:-default}}`, or `$$` for a dollar sign");
            return Err(Error::new(Kind::Usage, what).at(place).advise(advice));
        }
    }
    Ok(())
}

/// Relative paths begin from the file's folder.
fn resolve(config: &mut Config) {
    let folder = &config.folder;
    if let Some(path) = config.store.reveal().strip_prefix("sqlite:")
        && path != ":memory:"
    {
        config.store = Secret::new(format!("sqlite:{}", folder.join(path).display()));
    }
    for files in config.inbound.values_mut().filter_map(|channel| channel.files.as_mut()) {
        files.folder = folder.join(&files.folder);
    }
}

/// A mistake in the file as our error.
fn wrong(error: &serde_saphyr::Error, shown: &str, root: &Node) -> Error {
    use serde_saphyr::Error as Saphyr;
    let error = error.without_snippet();
    let usage = |what: String| Error::new(Kind::Usage, what);
    let mut at = error.location().map(|at| (at.line(), at.column()));
    let made = match error {
        Saphyr::SerdeUnknownField { field, expected, .. } => {
            usage(format!("the key `{field}` is not known here")).advise(one_of(field, expected))
        }
        Saphyr::SerdeUnknownVariant { variant, expected, .. } => {
            usage(format!("`{variant}` is not one of the choices"))
                .advise(one_of(variant, expected))
        }
        Saphyr::SerdeMissingField { field, .. } => {
            usage(format!("`{field}` is missing")).advise(format!("add `{field}: …`"))
        }
        Saphyr::SerdeInvalidValue { unexpected, expected, .. } => {
            // Where a room reads a text itself, the place given is that of the whole map.
            if let Some(mark) = unexpected.split('"').nth(1).and_then(|text| only(root, text)) {
                at = Some((mark.line.into(), mark.column.into()));
            }
            usage(format!("{unexpected} is not what belongs here"))
                .advise(format!("write {expected}"))
        }
        other => {
            let what = plain(&other.to_string());
            let address = what.contains("socket address");
            let made = usage(what);
            if address { made.advise("write an address such as 127.0.0.1:8080") } else { made }
        }
    };
    match at {
        Some((line, column)) => made.at(format!("{shown}:{line}:{column}")),
        None => made.at(shown),
    }
}

/// The place of the only value that is this text.
fn only(root: &Node, text: &str) -> Option<yaml::Mark> {
    fn collect(node: &Node, text: &str, found: &mut Vec<yaml::Mark>) {
        if node.text() == Some(text) {
            found.push(node.mark);
        }
        node.items().unwrap_or(&[]).iter().for_each(|item| collect(item, text, found));
        node.entries().unwrap_or(&[]).iter().for_each(|(_, value)| collect(value, text, found));
    }
    let mut found = Vec::new();
    collect(root, text, &mut found);
    if let [mark] = found[..] { Some(mark) } else { None }
}

/// The first line of a message, without the place that stands before it anyway.
fn plain(message: &str) -> String {
    let line = message.lines().next().unwrap_or("");
    let line = line.rsplit_once(" at line ").map_or(line, |(text, _)| text);
    line.strip_prefix("error: ").unwrap_or(line).trim_end_matches('.').to_owned()
}

/// Advice that lists what is possible, the nearest first.
pub(super) fn one_of<T: AsRef<str>>(written: &str, possible: &[T]) -> String {
    let possible = possible.iter().map(AsRef::as_ref);
    let near = possible.clone().min_by_key(|name| distance(written, name));
    let all = possible.collect::<Vec<_>>().join(", ");
    match near {
        Some(near) if distance(written, near) <= 1 + near.len() / 4 => {
            format!("did you mean `{near}`? possible: {all}")
        }
        Some(_) => format!("possible: {all}"),
        None => "none exist".to_owned(),
    }
}

/// Number of single-character edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
