//! The `tombolo` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    tombolo::cli::run()
}
