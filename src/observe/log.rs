//! Logs: to stderr, for people or as JSON. Logs never hold the bodies of messages or resources.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people; in colour on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging for this process; a second call changes nothing.
///
/// What is logged is decided by `TOMBOLO_LOG`, in the syntax of tracing's `EnvFilter`
/// (`debug`, `tombolo::store=trace`); without it, `info`.
pub fn log(form: Form) {
    let filter = EnvFilter::try_from_env("TOMBOLO_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,hyper=warn"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    // The error says that logging has been started before.
    let _started_before = match form {
        Form::Text => lines.with_target(false).try_init(),
        Form::Json => lines.json().flatten_event(true).try_init(),
    };
}
