//! `tombolo import`: NDJSON and Bundle files into the store.
//!
//! Every resource takes the way of a FHIR transaction: it is checked, indexed and audited like any
//! other. Resources are written in groups; where a group is refused, its members are tried one by
//! one, so that one bad line costs only itself.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Global, Tell};
use crate::error::{Error, Kind, Result};
use crate::fhir::Issue;
use crate::fhir::json::{Limits, parse};
use crate::observe::Clock;
use crate::serve::{Api, Config};

/// Arguments of `tombolo import`.
#[derive(clap::Args)]
pub struct Args {
    /// Files (.ndjson: a resource per line; .json: a Bundle or a resource), or folders of them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

/// Resources written together.
const GROUP: usize = 250;

/// How often the progress is shown on a terminal.
const SHOWN: Duration = Duration::from_millis(200);

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let tell = global.tell();
    let files = files(&args.paths)?;
    let store = super::open::writing(&global.configuration()?)?;
    super::runtime()?.block_on(async {
        let limits = Config { max_entries: usize::MAX, ..Config::default() };
        let api = Api::new(store.clone(), limits, Clock::System, CancellationToken::new());
        let mut import =
            Import { api, tell, started: Instant::now(), shown: None, done: 0, failed: 0 };
        for file in &files {
            import.file(file).await?;
        }
        store.close().await?;
        Ok(import.summary())
    })
}

/// The files of the paths; those of a folder in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let known = |path: &Path| path.extension().is_some_and(|e| e == "ndjson" || e == "json");
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
        let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        inside.retain(|path| known(path));
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

struct Import {
    api: Api,
    tell: Tell,
    started: Instant,
    shown: Option<Instant>,
    done: usize,
    failed: usize,
}

/// Resources that are written together, each with its place in the file.
#[derive(Default)]
struct Group {
    entries: Vec<Value>,
    places: Vec<String>,
    targets: HashSet<String>,
}

impl Import {
    async fn file(&mut self, file: &Path) -> Result<()> {
        let shown = file.display().to_string();
        if file.extension().is_some_and(|extension| extension == "ndjson") {
            let open = std::fs::File::open(file).map_err(|error| unreadable(file, error))?;
            let mut group = Group::default();
            for (n, line) in BufReader::new(open).lines().enumerate() {
                let line = line.map_err(|error| unreadable(file, error))?;
                if !line.trim().is_empty() {
                    self.resource(&mut group, format!("{shown}:{}", n + 1), &line).await;
                }
            }
            self.write(group).await;
            return Ok(());
        }
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        match parse(text.as_bytes(), Limits::default()) {
            Ok(bundle) if bundle["resourceType"] == "Bundle" => self.bundle(&shown, bundle).await,
            _ => {
                let mut group = Group::default();
                self.resource(&mut group, shown, &text).await;
                self.write(group).await;
            }
        }
        Ok(())
    }

    /// A Bundle: as it is if it says what to do, else each of its resources.
    async fn bundle(&mut self, shown: &str, mut bundle: Value) {
        let size = bundle["entry"].as_array().map_or(0, Vec::len);
        if matches!(bundle["type"].as_str(), Some("transaction" | "batch")) {
            match self.api.send(bundle).await {
                Ok(answer) => {
                    let places = (0..size).map(|n| format!("{shown}: Bundle.entry[{n}]")).collect();
                    self.answers(answer, places);
                }
                Err(issues) => self.refused(shown, size.max(1), &issues),
            }
            return;
        }
        let mut group = Group::default();
        for (n, entry) in bundle["entry"].as_array_mut().into_iter().flatten().enumerate() {
            let place = format!("{shown}: Bundle.entry[{n}]");
            let resource = entry["resource"].take();
            self.add(&mut group, place, resource).await;
        }
        self.write(group).await;
    }

    async fn resource(&mut self, group: &mut Group, place: String, text: &str) {
        match parse(text.as_bytes(), Limits::default()) {
            Ok(resource) => self.add(group, place, resource).await,
            Err(error) => self.refused(&place, 1, &[Issue::from(&error)]),
        }
    }

    /// Adds a resource, and writes the group when it is full or has an earlier version of it.
    async fn add(&mut self, group: &mut Group, place: String, resource: Value) {
        let kind = resource["resourceType"].as_str().unwrap_or("").to_owned();
        let request = match resource["id"].as_str() {
            Some(id) => json!({ "method": "PUT", "url": format!("{kind}/{id}") }),
            None => json!({ "method": "POST", "url": kind }),
        };
        let target = request["url"].as_str().unwrap_or("").to_owned();
        if group.entries.len() >= GROUP || group.targets.contains(&target) {
            self.write(std::mem::take(group)).await;
        }
        if target.contains('/') {
            group.targets.insert(target);
        }
        group.entries.push(json!({ "resource": resource, "request": request }));
        group.places.push(place);
    }

    async fn write(&mut self, group: Group) {
        let Group { entries, places, .. } = group;
        if entries.is_empty() {
            return;
        }
        let mut bundle =
            json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        if let Ok(answer) = self.api.send(bundle.clone()).await {
            return self.answers(answer, places);
        }
        bundle["type"] = json!("batch");
        match self.api.send(bundle).await {
            Ok(answer) => self.answers(answer, places),
            Err(issues) => self.refused(&places[0], places.len(), &issues),
        }
    }

    /// Counts what was written and tells what was not.
    fn answers(&mut self, answer: Value, places: Vec<String>) {
        for (entry, place) in answer["entry"].as_array().into_iter().flatten().zip(places) {
            let response = &entry["response"];
            if response["status"].as_str().is_some_and(|status| status.starts_with('2')) {
                self.done += 1;
                continue;
            }
            self.failed += 1;
            for issue in response["outcome"]["issue"].as_array().into_iter().flatten() {
                let text = issue["details"]["text"].as_str().unwrap_or("");
                let at = issue["expression"][0].as_str().unwrap_or("");
                // The place in the group says nothing to people; the place in the resource does.
                let at = at.split_once(".resource.").map_or("", |(_, at)| at);
                self.tell.warning(format_args!("{place}: {text}  {at}"));
            }
        }
        self.progress();
    }

    fn refused(&mut self, place: &str, resources: usize, issues: &[Issue]) {
        self.failed += resources;
        for issue in issues {
            self.tell.warning(format_args!("{place}: {}", issue.line()));
        }
    }

    fn progress(&mut self) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= SHOWN);
        if due && std::io::stderr().is_terminal() {
            self.shown = Some(Instant::now());
            let line = format!("\r{} ({:.0}/s) ", self.done, self.speed());
            self.tell.part(line);
        }
    }

    fn speed(&self) -> f64 {
        self.done as f64 / self.started.elapsed().as_secs_f64().max(0.001)
    }

    fn summary(&self) -> ExitCode {
        if self.shown.is_some() {
            self.tell.part("\r");
        }
        let (done, failed, speed) = (self.done, self.failed, self.speed());
        self.tell.say(match self.tell.lang {
            super::Lang::En => format!("{done} resources imported, {failed} refused, {speed:.0}/s"),
            super::Lang::Zh => format!("导入 {done} 个资源，拒绝 {failed} 个，每秒 {speed:.0} 个"),
        });
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::Usage, "cannot be read").at(path.display().to_string()).because(error)
}
