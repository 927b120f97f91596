//! The command line: one file per verb.
//!
//! A verb is a `struct Args` and a `fn run(Args, &Global) -> Result<ExitCode>`. What a verb prints
//! for programs goes to stdout, what it says to people goes to stderr through [`Tell`], unless
//! saying it is the verb's job. Exit codes: 0 fine (warnings included), 1 the input or a check
//! failed, 2 usage or configuration, 3 a peer or the store could not be reached; an error's own
//! code comes from [`crate::error::Kind::facts`].

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this room does")]

mod corpus;
mod database;
mod definitions;
mod demo;
mod export;
mod global;
mod import;
mod journal;
mod map;
mod open;
mod outbox;
mod send;
mod serve;
pub mod tell;
mod translate;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use global::Global;
pub use tell::{Lang, Tell};

use crate::error::{Error, Kind, Result};

/// An HL7 FHIR R4 gateway that ties hospitals, community clinics and CDCs together.
#[derive(Parser)]
#[command(name = "tombolo", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// The verbs, in the order of `tombolo help`.
#[derive(Subcommand)]
enum Verb {
    /// The whole bridge on one machine, with three simulated parties
    Demo(demo::Args),
    /// Run the gateway
    Serve(serve::Args),
    /// Translate legacy records to FHIR, back, or from one format to another
    Translate(translate::Args),
    /// Check, test, explain and compose mappings
    Map(map::Args),
    /// Validate FHIR resources
    Validate(validate::Args),
    /// Load NDJSON and Bundle files into the store
    Import(import::Args),
    /// Write the store's resources as NDJSON files, one per type
    Export(export::Args),
    /// Send HL7 v2 messages over MLLP and print each acknowledgement
    Send(send::Args),
    /// Look at inbound messages and replay them
    Journal(journal::Args),
    /// Look at outbound deliveries, retry or park them
    Outbox(outbox::Args),
    /// Make the tables of FHIR definitions that the binary embeds
    Definitions(definitions::Args),
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let tell = cli.global.tell();
    match cli.global.check().and_then(|()| cli.verb.run(&cli.global)) {
        Ok(code) => code,
        Err(error) => {
            tell.error(&error);
            ExitCode::from(error.kind.facts().exit)
        }
    }
}

/// A runtime for verbs that wait for others.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(Kind::Internal, "no threads for the runtime").because(e))
}

impl Verb {
    fn run(self, global: &Global) -> Result<ExitCode> {
        match self {
            Verb::Demo(args) => demo::run(args, global),
            Verb::Serve(args) => serve::run(args, global),
            Verb::Translate(args) => translate::run(args, global),
            Verb::Map(args) => map::run(args, global),
            Verb::Validate(args) => validate::run(args, global),
            Verb::Import(args) => import::run(args, global),
            Verb::Export(args) => export::run(args, global),
            Verb::Send(args) => send::run(args, global),
            Verb::Journal(args) => journal::run(args, global),
            Verb::Outbox(args) => outbox::run(args, global),
            Verb::Definitions(args) => definitions::run(args, global),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_and_after_the_verb() {
        for line in [
            ["tombolo", "-C", "m", "--lang", "zh", "serve", "-c", "x.yaml"],
            ["tombolo", "serve", "-c", "x.yaml", "--mappings", "m", "--lang", "zh"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.global.mappings, ["m"].map(std::path::PathBuf::from));
            assert_eq!(cli.global.lang, Some(Lang::Zh));
            assert_eq!(cli.global.config.as_deref(), Some(std::path::Path::new("x.yaml")));
        }
    }

    #[test]
    fn a_usage_error_exits_2() {
        let error = Cli::try_parse_from(["tombolo", "fly"]).err().unwrap();
        assert_eq!(error.exit_code(), 2);
    }
}
