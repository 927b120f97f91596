//! `tombolo journal`: inbound messages: list, show, replay.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};

use super::open::{reading, writing};
use super::tell::{Look, Tell};
use super::{Global, runtime};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::flow::replay::replay;
use crate::flow::{Answer, Inbound, Verdict, instant};
use crate::legacy::{Charsets, Text};
use crate::store::{JournalEntry, Status, Store};
use crate::translate::Library;

/// Arguments of `tombolo journal`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List inbound messages, newest first
    List {
        /// Only those with this status
        #[arg(long, value_enum)]
        status: Option<Only>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a message with what was found in it and how it was answered
    Show {
        /// Its number
        id: i64,
        /// Nothing but its bytes, as they came
        #[arg(long)]
        raw: bool,
    },
    /// Take messages again, with the mappings there are now; the gateway must not be running
    Replay {
        /// Their numbers
        #[arg(required_unless_present_any = ["failed", "quarantined"])]
        ids: Vec<i64>,
        /// All that were refused
        #[arg(long)]
        failed: bool,
        /// All that were kept aside
        #[arg(long)]
        quarantined: bool,
    },
}

/// A status on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Done,
    Failed,
    Quarantined,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let tell = global.tell();
    match args.verb {
        Verb::List { status, limit } => runtime()?.block_on(async {
            let store = reading(global)?;
            for entry in store.journal_list(status.map(Only::status), None, limit).await? {
                tell.say(line(&entry, &tell));
            }
            Ok(ExitCode::SUCCESS)
        }),
        Verb::Show { id, raw } => runtime()?.block_on(async {
            let missing = || Error::new(Kind::NotFound, format!("the journal has no entry {id}"));
            let entry = reading(global)?.journal(id).await?.ok_or_else(missing)?;
            if raw {
                std::io::stdout()
                    .write_all(&entry.arrival.bytes)
                    .map_err(|e| Error::new(Kind::Internal, "cannot write").because(e))?;
            } else {
                show(&entry, &tell);
            }
            Ok(ExitCode::SUCCESS)
        }),
        Verb::Replay { ids, failed, quarantined } => {
            let statuses =
                [failed.then_some(Status::Failed), quarantined.then_some(Status::Quarantined)];
            runtime()?.block_on(again(ids, statuses, global, &tell))
        }
    }
}

/// Replays in the order of arrival; exit 1 if one is refused again.
async fn again(
    mut ids: Vec<i64>,
    statuses: [Option<Status>; 2],
    global: &Global,
    tell: &Tell,
) -> Result<ExitCode> {
    let config = global.configuration()?;
    let store = writing(&config)?;
    for status in statuses.into_iter().flatten() {
        ids.extend(numbers(&store, status).await?);
    }
    ids.sort_unstable();
    ids.dedup();
    let channels = channels(&config, &Arc::new(global.library()?), &store)?;
    let mut good = true;
    for id in ids {
        match replay(&store, &channels, id).await {
            Ok(answer) => good &= told(id, &answer, tell),
            Err(error) => {
                tell.error(&error.at(format!("journal entry {id}")));
                good = false;
            }
        }
    }
    store.close().await?;
    Ok(ExitCode::from(u8::from(!good)))
}

/// The ways in of the configuration, without their doors.
fn channels(config: &Config, library: &Arc<Library>, store: &Store) -> Result<Vec<Inbound>> {
    let mut channels = Vec::new();
    for (name, channel) in &config.inbound {
        let party = config.party(&channel.party).ok_or_else(|| {
            Error::new(Kind::Usage, format!("there is no party `{}`", channel.party))
                .at(format!("inbound.{name}.party"))
        })?;
        let channel = channel.channel(name, party)?;
        channels.push(Inbound::new(channel, library.clone(), store.clone()));
    }
    Ok(channels)
}

/// The numbers of all entries with a status.
async fn numbers(store: &Store, status: Status) -> Result<Vec<i64>> {
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let page = store.journal_list(Some(status), before, 500).await?;
        let Some(last) = page.last() else { return Ok(ids) };
        before = Some(last.id);
        ids.extend(page.iter().map(|entry| entry.id));
    }
}

fn told(id: i64, answer: &Answer, tell: &Tell) -> bool {
    let good = matches!(answer.verdict, Verdict::Stored | Verdict::Quarantined);
    let look = if good { Look::Green } else { Look::Red };
    tell.say(format!("{id}: {}", tell.paint(look, answer.summary())));
    for issue in &answer.issues {
        tell.say(format!("  {}", issue.line()));
    }
    good
}

/// An entry in one line.
fn line(entry: &JournalEntry, tell: &Tell) -> String {
    let arrival = &entry.arrival;
    let control = arrival.control.as_ref().map_or("-", |(_, control)| control);
    let first = arrival.outcome.issues.first().map(|issue| format!("  {}", issue.line()));
    format!(
        "{:>8}  {}  {:<12} {}  {}  {}{}",
        entry.id,
        instant(arrival.received),
        arrival.channel,
        status(arrival.outcome.status, tell),
        arrival.peer,
        control,
        first.unwrap_or_default()
    )
}

fn show(entry: &JournalEntry, tell: &Tell) {
    let arrival = &entry.arrival;
    tell.say(line(entry, tell));
    if let Some(mapping) = &arrival.outcome.mapping {
        tell.say(format!("{}: {mapping}", tell.pick(("mapping", "映射"))));
    }
    for issue in &arrival.outcome.issues {
        tell.say(issue.line());
    }
    tell.say(tell.paint(Look::Bold, format!("\n{}", tell.pick(("message", "消息")))));
    tell.say(readable(&arrival.bytes));
    tell.say(tell.paint(Look::Bold, format!("\n{}", tell.pick(("answer", "应答")))));
    tell.say(readable(&arrival.outcome.answer));
}

/// Bytes for people: decoded, with line ends that a terminal shows.
pub(super) fn readable(bytes: &[u8]) -> String {
    let lenient = Charsets { carry_raw: true, ..Charsets::default() };
    let text = match Text::decode(bytes, None, &lenient) {
        Ok(text) => text.text.clone(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.trim_end().replace(|c: char| c.is_control() && c != '\n' && c != '\t', "·")
}

fn status(status: Status, tell: &Tell) -> String {
    match status {
        Status::Done => tell.paint(Look::Green, format_args!("{:<11}", "done")),
        Status::Failed => tell.paint(Look::Red, format_args!("{:<11}", "failed")),
        Status::Quarantined => tell.paint(Look::Yellow, format_args!("{:<11}", "quarantined")),
    }
}

impl Only {
    fn status(self) -> Status {
        match self {
            Only::Done => Status::Done,
            Only::Failed => Status::Failed,
            Only::Quarantined => Status::Quarantined,
        }
    }
}
