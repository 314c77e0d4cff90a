//! The `portolan` binary: data on stdout, all else on stderr, and an exit code that says how it went.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
