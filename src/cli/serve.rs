//! `tombolo serve`: the gateway.

use std::process::ExitCode;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use super::{Global, Tell};
use crate::app::App;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::observe;

/// Arguments of `tombolo serve`.
#[derive(clap::Args)]
pub struct Args {
    /// The form of the log on stderr; TOMBOLO_LOG chooses what is logged (info)
    #[arg(long, value_name = "FORM", default_value = "text")]
    log: Log,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    observe::log(match args.log {
        Log::Text => observe::Form::Text,
        Log::Json => observe::Form::Json,
    });
    let tell = global.tell();
    let config = global.configuration()?;
    let library = global.library()?;
    let mistakes = config.check(&library);
    if !mistakes.is_empty() {
        mistakes.iter().for_each(|mistake| tell.error(mistake));
        return Ok(ExitCode::from(Kind::Usage.facts().exit));
    }
    super::runtime()?.block_on(async {
        // Before the doors open, so that no signal is missed.
        let mut signals = Signals::new()?;
        let app = App::start(config.clone(), library).await?;
        announce(&tell, &config, &app);
        let name = signals.next().await;
        tell.note(format_args!(
            "{name}: {}",
            tell.pick(("finishing what was accepted", "正在处理完已接收的消息"))
        ));
        app.stop().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Says what is where.
fn announce(tell: &Tell, config: &Config, app: &App) {
    let http = app.address();
    let line = |name: &str, at: String| tell.say(format_args!("  {name:<14} {at}"));
    tell.say(format_args!("Tombolo {}", env!("CARGO_PKG_VERSION")));
    line("FHIR", format!("http://{http}/fhir"));
    for (name, channel) in &config.inbound {
        if let Some(address) = app.channel(name) {
            line(name, format!("mllp://{address}"));
        }
        if channel.http.is_some() {
            line(name, format!("http://{http}/in/{name}"));
        }
        if let Some(files) = &channel.files {
            line(name, format!("{}/{}", files.folder.display(), files.pattern));
        }
    }
    for (name, channel) in &config.outbound {
        line(name, format!("→ {}", channel.http.url));
    }
    line(tell.pick(("store", "存储")), config.store.to_string());
    tell.say(tell.pick(("ready", "已就绪")));
}

/// The signals that end the gateway.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Signals> {
        let on = |kind| {
            signal(kind)
                .map_err(|e| Error::new(Kind::Internal, "signals cannot be caught").because(e))
        };
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
