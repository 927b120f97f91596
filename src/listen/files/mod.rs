//! A folder that files are dropped into.
//!
//! The folder is looked at again and again. A file that has not changed between two looks is read,
//! handed to the flow, and moved: to `done/` if all of it is stored, else to `failed/` with a report
//! for people (`NAME.report.txt`), one for programs (`NAME.report.json`, an OperationOutcome) and,
//! if only some of its records were refused, a file with only these (`NAME.rejected.EXT`), to be
//! corrected and dropped again.
//!
//! A crash between storing and moving is harmless: the file is taken once more, its ids are the
//! same, and unchanged content makes no new version. When the store cannot be reached, the file
//! stays where it is.

mod pattern;
mod place;
mod report;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use self::place::{free_name, publish};
use self::report::Report;
use super::Running;
use super::config::Files;
use crate::error::{Error, Kind, Result};
use crate::fhir::{Issue, Severity};
use crate::flow::inbound::Acknowledge;
use crate::flow::{Arriving, Inbound, Verdict};
use crate::observe::{Metric, count};

/// What is kept of a file over the limit.
const HEAD: u64 = 64 << 10;

/// Opens the door.
pub async fn start(
    config: Files,
    inbound: Inbound,
    shutdown: CancellationToken,
) -> Result<Running> {
    let interval = config.interval;
    let mut folder = Folder::open(config, inbound).await?;
    let task = tokio::spawn(async move {
        while !shutdown.is_cancelled() {
            folder.look(&shutdown).await;
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(interval) => {}
            }
        }
    });
    Ok(Running { address: None, task })
}

/// A watched folder.
pub struct Folder {
    config: Files,
    inbound: Inbound,
    known: HashMap<OsString, Known>,
}

/// How a file looked: its length and when it was changed.
type Look = (u64, Option<SystemTime>);

/// What is known of a file that is in the folder.
enum Known {
    /// It looked like this the last time.
    Seen(Look),
    /// It was taken when it looked like this, and is to be moved.
    Taken(Look, Report),
}

impl Folder {
    /// Makes `done` and `failed` in the folder.
    pub async fn open(config: Files, inbound: Inbound) -> Result<Folder> {
        let at = format!("inbound.{}.files.folder", inbound.channel().name);
        let folder = config.folder.display().to_string();
        if !config.folder.is_dir() {
            return Err(Error::new(Kind::Usage, format!("there is no folder {folder}"))
                .at(at)
                .advise("make it, and let the gateway's user read and write it"));
        }
        for name in ["done", "failed"] {
            let made = tokio::fs::create_dir_all(config.folder.join(name)).await;
            made.map_err(|e| {
                Error::new(Kind::Usage, format!("cannot make {folder}/{name}"))
                    .at(&at)
                    .advise("let the gateway's user write the folder")
                    .because(e)
            })?;
        }
        tracing::info!(channel = inbound.channel().name, folder, "watching for files");
        Ok(Folder { config, inbound, known: HashMap::new() })
    }

    /// Looks once: takes and moves what has not changed since the last look. Gives the number of
    /// files that were moved.
    pub async fn look(&mut self, shutdown: &CancellationToken) -> usize {
        let files = match self.files().await {
            Ok(files) => files,
            Err(error) => {
                let folder = self.config.folder.display().to_string();
                tracing::warn!(channel = self.inbound.channel().name, folder, %error, "cannot read the folder");
                return 0;
            }
        };
        self.known.retain(|name, _| files.iter().any(|(there, _)| there == name));
        let mut moved = 0;
        for (name, look) in files {
            if shutdown.is_cancelled() {
                break;
            }
            moved += usize::from(self.meet(name, look).await);
        }
        moved
    }

    /// Does what is due about a file; says whether it was moved.
    async fn meet(&mut self, name: OsString, look: Look) -> bool {
        let report = match self.known.remove(&name) {
            Some(Known::Seen(before)) if before == look => match self.take(&name, look).await {
                Some(report) => report,
                None => {
                    self.known.insert(name, Known::Seen(look));
                    return false;
                }
            },
            Some(Known::Taken(before, report)) if before == look => report,
            _ => {
                self.known.insert(name, Known::Seen(look));
                return false;
            }
        };
        match self.move_away(&name, &report).await {
            Ok(to) => {
                tracing::info!(channel = self.inbound.channel().name, file = %to.display(), "{}", report.summary);
                true
            }
            Err(error) => {
                tracing::error!(channel = self.inbound.channel().name, file = %name.display(), %error, "a file that was taken cannot be moved");
                self.known.insert(name, Known::Taken(look, report));
                false
            }
        }
    }

    /// The files that may be taken, the oldest first.
    async fn files(&self) -> io::Result<Vec<(OsString, Look)>> {
        let mut files = Vec::new();
        let mut entries = tokio::fs::read_dir(&self.config.folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            if !pattern::takes(&self.config.pattern, &name.to_string_lossy()) {
                continue;
            }
            // It may be gone already, or not be ours to see.
            let Ok(about) = entry.metadata().await else { continue };
            if about.is_file() {
                files.push((name, (about.len(), about.modified().ok())));
            }
        }
        files.sort_by(|(a, (_, old)), (b, (_, new))| (old, a).cmp(&(new, b)));
        Ok(files)
    }

    /// Hands a file to the flow; none if it must be tried again.
    async fn take(&self, name: &OsString, look: Look) -> Option<Report> {
        let channel = &self.inbound.channel().name;
        let path = self.config.folder.join(name);
        let limit = self.config.limit as u64;
        let over = look.0 > limit;
        let bytes = match read(&path, if over { HEAD } else { limit }).await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(channel, file = %path.display(), %error, "cannot read a file");
                return None;
            }
        };
        count(Metric::MessagesReceived, &[channel], 1);
        let peer = name.to_string_lossy().into_owned();
        let acknowledge = Acknowledge::Original;
        let arriving =
            Arriving { bytes: bytes.into(), peer: peer.clone(), hl7: false, acknowledge };
        let answer = if over {
            self.inbound.keep(arriving, too_long(look.0, limit)).await
        } else {
            self.inbound.accept(arriving).await
        };
        if answer.verdict == Verdict::Unavailable {
            return None;
        }
        let report = Report::new(&self.inbound, &peer, &answer);
        count(Metric::MessagesAcknowledged, &[channel, report.folder], 1);
        Some(report)
    }

    /// Moves a file to where its report belongs, reports first.
    async fn move_away(&self, name: &OsString, report: &Report) -> io::Result<PathBuf> {
        let folder = self.config.folder.join(report.folder);
        let from = self.config.folder.join(name);
        let report = report.clone();
        let name = name.clone();
        let work = move || {
            let to = free_name(&folder, Path::new(&name));
            for (suffix, content) in &report.files {
                let mut beside = to.clone().into_os_string();
                beside.push(suffix);
                publish(Path::new(&beside), content)?;
            }
            std::fs::rename(&from, &to)?;
            Ok(to)
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }
}

async fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    tokio::fs::File::open(path).await?.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn too_long(length: u64, limit: u64) -> Vec<Issue> {
    let text = format!("the file has {length} bytes, the limit of this channel is {limit}");
    let refused = Issue::error(Kind::TooLarge, text);
    let text = format!("the journal keeps only its first {HEAD} bytes");
    vec![refused, Issue::new(Severity::Information, "incomplete", text)]
}
