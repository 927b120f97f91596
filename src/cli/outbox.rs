//! `tombolo outbox`: outbound deliveries: list, show, retry, park.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::open::{reading, writing};
use super::tell::{Look, Tell};
use super::{Global, runtime};
use crate::error::{Error, Kind, Result};
use crate::flow::instant;
use crate::observe::Clock;
use crate::store::{Commit, Delivery, Settled, Store};

/// Arguments of `tombolo outbox`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List deliveries, newest first
    List {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a delivery with what was sent and what was answered
    Show {
        /// Its number
        id: i64,
    },
    /// Try deliveries again, however often they were tried; the gateway must not be running
    Retry {
        /// Their numbers
        #[arg(required_unless_present = "parked")]
        ids: Vec<i64>,
        /// All that are parked
        #[arg(long)]
        parked: bool,
    },
    /// Take deliveries out of the queue, so that those behind them go on; the gateway must not be
    /// running
    Park {
        /// Their numbers
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

/// A state on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Waiting,
    Retry,
    Done,
    Parked,
    Rejected,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let tell = global.tell();
    runtime()?.block_on(async {
        match args.verb {
            Verb::List { state, limit } => {
                let store = reading(global)?;
                for delivery in store.outbox_list(state.map(State::name), limit).await? {
                    tell.say(line(&delivery, &tell));
                }
            }
            Verb::Show { id } => show(&find(&reading(global)?, id).await?, &tell),
            Verb::Retry { mut ids, parked } => {
                let store = writing(&global.configuration()?)?;
                if parked {
                    let all = store.outbox_list(Some("parked"), usize::MAX >> 1).await?;
                    ids.extend(all.iter().map(|delivery| delivery.id));
                }
                settle(&store, &ids, State::Waiting, &tell).await?;
            }
            Verb::Park { ids } => {
                let store = writing(&global.configuration()?)?;
                settle(&store, &ids, State::Parked, &tell).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Puts all of them into a state, or none if one does not allow it.
async fn settle(store: &Store, ids: &[i64], to: State, tell: &Tell) -> Result<()> {
    let mut settled = Vec::new();
    for id in ids {
        let delivery = find(store, *id).await?;
        let open = matches!(&*delivery.state, "waiting" | "retry");
        if delivery.state == "done" || (to == State::Parked && !open) {
            let what = format!("delivery {id} is {} already", delivery.state);
            return Err(Error::new(Kind::Conflict, what));
        }
        let last = match (to, delivery.last) {
            (State::Parked, Some(last)) => format!("parked by hand; before: {last}"),
            (State::Parked, None) => "parked by hand".to_owned(),
            (_, last) => last.unwrap_or_default(),
        };
        let (state, due) = (to.name().to_owned(), Clock::System.now());
        settled.push(Settled { id: *id, state, due, last, payload: None });
    }
    store.commit(Commit { origin: "cli".to_owned(), settled, ..Commit::default() }).await?;
    store.close().await?;
    for id in ids {
        tell.say(format!("{id}: {}", painted(to.name(), tell)));
    }
    Ok(())
}

async fn find(store: &Store, id: i64) -> Result<Delivery> {
    let missing = || Error::new(Kind::NotFound, format!("the outbox has no delivery {id}"));
    store.delivery(id).await?.ok_or_else(missing)
}

/// A delivery in one line.
fn line(delivery: &Delivery, tell: &Tell) -> String {
    let Delivery { id, outgoing, state, attempts, created, last, .. } = delivery;
    format!(
        "{id:>8}  {}  {:<12} {}  {}/{}/_history/{}  {attempts} {}  {}",
        instant(*created),
        outgoing.target,
        painted(state, tell),
        outgoing.kind,
        outgoing.id,
        outgoing.version,
        tell.pick(("tries", "次尝试")),
        last.as_deref().unwrap_or_default().lines().next().unwrap_or_default(),
    )
}

fn show(delivery: &Delivery, tell: &Tell) {
    tell.say(line(delivery, tell));
    if matches!(&*delivery.state, "waiting" | "retry") {
        tell.say(format!("{}: {}", tell.pick(("not before", "不早于")), instant(delivery.due)));
    }
    if let Some(last) = &delivery.last {
        tell.say(tell.paint(Look::Bold, format!("\n{}", tell.pick(("answer", "应答")))));
        tell.say(last);
    }
    if let Some(payload) = &delivery.payload {
        tell.say(tell.paint(Look::Bold, format!("\n{}", tell.pick(("sent", "已发送")))));
        tell.say(super::journal::readable(payload));
    }
}

fn painted(state: &str, tell: &Tell) -> String {
    let look = match state {
        "done" => Look::Green,
        "parked" | "rejected" => Look::Red,
        _ => Look::Yellow,
    };
    tell.paint(look, format_args!("{state:<8}"))
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Retry => "retry",
            State::Done => "done",
            State::Parked => "parked",
            State::Rejected => "rejected",
        }
    }
}
