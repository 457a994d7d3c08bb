//! `cargo xtask`: the development tasks of this workspace, each as one command.
//!
//! It depends on nothing else in the workspace, so that it builds in seconds and can fetch the files that
//! the others need to build. Start at [`setup`] for the fetched programs and libraries, at
//! [`arrows`] for the rules about which crate may know which.
#![allow(
    clippy::disallowed_methods,
    reason = "it is built without the crates that read and write with care"
)]
#![allow(
    clippy::print_stdout,
    reason = "a command-line tool: what was asked for goes to stdout, the narration to stderr"
)]

mod arrows;
mod cargo;
mod cli;
mod demo;
mod fuzz;
mod lint;
mod phases;
mod problem;
mod progress;
mod prose;
mod setup;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if let Some(problem) = error.downcast_ref::<problem::Problem>() {
                eprintln!("remedy: {}", problem.remedy());
            }
            ExitCode::FAILURE
        }
    }
}
