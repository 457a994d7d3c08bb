//! `cloud`: serves edges on this machine. See `cloud serve --help`.
#![allow(
    clippy::print_stdout,
    reason = "a command-line tool: what was asked for goes to stdout, the log to stderr"
)]

mod cli;
mod serve;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli::Cli {
        command: cli::Command::Serve(args),
    } = cli::Cli::parse();
    match serve::run(args) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {:#}", failure.error);
            failure.code
        }
    }
}
