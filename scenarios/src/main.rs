//! The `splitsim` command: experiments, laboratory and model tools.
#![allow(
    clippy::print_stdout,
    reason = "a command-line tool: what was asked for goes to stdout, the narration to stderr"
)]

use std::process::ExitCode;

use clap::Parser;
use splitsim_scenarios::{Cli, Failure, Screen, logging};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::stderr();
    let json = cli.json();
    let outcome = logging::start(cli.log(), &screen).and_then(|()| cli.run(&screen));
    match outcome {
        Ok(output) => {
            println!("{}", output.render(json));
            match output.shortfall() {
                None => ExitCode::SUCCESS,
                Some(shortfall) => {
                    eprintln!("error: {shortfall}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    eprintln!("error: {failure}");
    ExitCode::from(failure.exit_code())
}
