//! The gateway: builds every room from the configuration, starts them, and stops them in order.
//!
//! Doors open last and close first; what they have accepted is finished; the store closes at the
//! end. The command line, the demo and the tests all run this one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, PartyKind};
use crate::deliver::worker::Outbox;
use crate::error::{Error, Kind, Result};
use crate::flow::Inbound;
use crate::flow::follow::Followers;
use crate::flow::outbound::Route;
use crate::flow::report::{Report, Reporter};
use crate::flow::routed::Routed;
use crate::observe::{Clock, Metric, count};
use crate::store::Store;
use crate::translate::Library;
use crate::translate::compile::Diagnostic;
use crate::translate::reload::{Mapping, Reload};
use crate::{deliver, listen, serve};

/// A running gateway. Dropped without [`App::stop`], it is told to stop and not waited for.
pub struct App {
    address: SocketAddr,
    channels: BTreeMap<String, SocketAddr>,
    store: Store,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl App {
    /// Starts everything that the configuration names; when it returns, all doors are open.
    ///
    /// The configuration is checked first; the first mistake is the error
    /// ([`Config::check`] gives them all).
    pub async fn start(config: Config, library: Library) -> Result<App> {
        if let Some(mistake) = config.check(&library).into_iter().next() {
            return Err(mistake);
        }
        let listener = bind(config.listen).await?;
        let address = listener.local_addr().map_err(|error| cannot_listen(config.listen, error))?;
        let store = open(&config).await?;
        let stop = CancellationToken::new();
        let (channels, tasks) = (BTreeMap::new(), Vec::new());
        let mut app = App { address, channels, store, stop, tasks };
        let library = Arc::new(library);
        // What follows from messages is ready before messages come.
        app.follow(&config, &library)?;
        let by_http = app.open_doors(&config, &library).await?;
        app.tasks.push(tokio::spawn(watch(library.clone(), app.stop.clone())));
        app.serve(listener, config.http, by_http);
        Ok(app)
    }

    /// Where HTTP is served, with the port the system chose if the configuration says 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where an inbound channel listens, if it has a port of its own.
    pub fn channel(&self, name: &str) -> Option<SocketAddr> {
        self.channels.get(name).copied()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Closes the doors, finishes what they accepted, and closes the store.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the gateway ended by a fault");
            }
        }
        self.store.close().await
    }

    /// Starts the flows, and the delivery workers of the outbound channels.
    fn follow(&mut self, config: &Config, library: &Arc<Library>) -> Result<()> {
        let mut followers = Followers::default();
        for name in &config.flows {
            let Some(cdc) = config.only(PartyKind::Cdc) else { continue };
            followers.reports.push(Report::open(library, name, reporters(config), cdc)?);
        }
        for (name, channel) in &config.outbound {
            let (Some(party), Some(when)) = (config.party(&channel.party), &channel.when) else {
                continue;
            };
            let mapping = Mapping::open(library, &channel.mapping, &party)
                .map_err(|found| broken(&channel.mapping, &found))?;
            let route = Arc::new(Route::new(name, when, mapping)?);
            followers.routes.push(route.clone());
            let routed = Arc::new(Routed { route, store: self.store.clone() });
            let outbox = Outbox {
                name: name.clone(),
                store: self.store.clone(),
                render: routed.clone(),
                writeback: routed,
                clock: Clock::System,
            };
            self.tasks.push(deliver::start(channel.clone(), outbox, self.stop.clone())?);
        }
        self.tasks.push(tokio::spawn(followers.run(self.store.clone(), self.stop.clone())));
        Ok(())
    }

    /// Opens the doors of the inbound channels; those of HTTP are given back, to be served.
    async fn open_doors(
        &mut self,
        config: &Config,
        library: &Arc<Library>,
    ) -> Result<Vec<(listen::config::Http, Inbound)>> {
        let mut by_http = Vec::new();
        for (name, channel) in &config.inbound {
            let Some(party) = config.party(&channel.party) else { continue };
            for mapping in &channel.mappings {
                // A mistake in a mapping keeps the gateway from starting.
                library.program(mapping, &party).map_err(|found| broken(mapping, &found))?;
            }
            let inbound =
                Inbound::new(channel.channel(name, party)?, library.clone(), self.store.clone());
            if let Some(http) = channel.http {
                by_http.push((http, inbound.clone()));
            }
            if let Some(mllp) = channel.mllp.clone() {
                let running = listen::mllp::start(mllp, inbound.clone(), self.stop.clone()).await?;
                self.opened(name, running);
            }
            if let Some(files) = channel.files.clone() {
                let running = listen::files::start(files, inbound, self.stop.clone()).await?;
                self.opened(name, running);
            }
        }
        Ok(by_http)
    }

    fn opened(&mut self, name: &str, running: listen::Running) {
        self.channels.extend(running.address.map(|address| (name.to_owned(), address)));
        self.tasks.push(running.task);
    }

    /// Serves HTTP: the FHIR API with the pages beside it, and the inbound channels.
    fn serve(
        &mut self,
        listener: TcpListener,
        config: serve::Config,
        by_http: Vec<(listen::config::Http, Inbound)>,
    ) {
        let api =
            serve::Api::new(self.store.clone(), config.clone(), Clock::System, self.stop.clone());
        let router = serve::router(api).merge(listen::http::router(by_http));
        let server = serve::serve(listener, serve::finish(router), config, self.stop.clone());
        self.tasks.push(tokio::spawn(server));
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The parties as flows need them.
fn reporters(config: &Config) -> Vec<Reporter> {
    let reporter = |(name, party): (&String, &crate::config::Party)| {
        let (kind, unit) = (party.kind.word().to_owned(), party.unit.clone());
        Some(Reporter { party: config.party(name)?, kind, unit })
    };
    config.parties.iter().filter_map(reporter).collect()
}

/// A mapping that does not compile: its first mistake.
fn broken(name: &str, diagnostics: &[Diagnostic]) -> Error {
    let error = |what: String| Error::new(Kind::Usage, what);
    match diagnostics.first() {
        None => error(format!("the mapping `{name}` cannot be compiled")),
        Some(first) => {
            let what = format!("the mapping `{name}` has a mistake: {}", first.message);
            let place = format!("{}:{}:{}", first.file, first.line, first.column);
            let advice = format!("`tombolo map check {name}` shows all of them");
            error(what).at(place).advise(first.hint.clone().unwrap_or(advice))
        }
    }
}

/// How often the mapping folders are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Takes in changed mappings while the gateway runs.
async fn watch(library: Arc<Library>, stop: CancellationToken) {
    let mut seen = look(&library).await;
    while seen.is_some() && stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        let now = look(&library).await;
        if now == seen {
            continue;
        }
        // A folder that is still being written is looked at again.
        tokio::time::sleep(LOOK / 2).await;
        if look(&library).await != now {
            continue;
        }
        seen = now;
        let changed = library.clone();
        let done = tokio::task::spawn_blocking(move || changed.reload()).await.unwrap_or_default();
        done.iter().for_each(told);
    }
}

async fn look(library: &Arc<Library>) -> Option<u64> {
    let library = library.clone();
    tokio::task::spawn_blocking(move || library.stamp()).await.ok().flatten()
}

/// Says what became of a changed mapping.
fn told(reload: &Reload) {
    let mapping = reload.mapping.as_str();
    match &reload.outcome {
        Ok(parties) => {
            count(Metric::MappingReloads, &[mapping, "done"], 1);
            tracing::info!(mapping, parties, "the changed mapping is in use");
        }
        Err(why) => {
            count(Metric::MappingReloads, &[mapping, "refused"], 1);
            tracing::error!(
                mapping,
                mistakes = why.len(),
                "the changed mapping is refused, the old one still runs: {}",
                why.first().map_or("", String::as_str)
            );
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))
}

fn cannot_listen(address: SocketAddr, error: std::io::Error) -> Error {
    Error::new(Kind::Usage, format!("cannot listen on {address}"))
        .because(error)
        .advise("stop what uses the port, or choose another with `listen:`")
}

/// Opens the store away from the async threads: migrations may take time.
async fn open(config: &Config) -> Result<Store> {
    let url = config.store.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(url.reveal())).await;
    opened.map_err(|e| Error::new(Kind::Internal, "the store did not open").because(e))?
}
