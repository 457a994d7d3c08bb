//! `edge`: one edge of a run, from pictures to the cloud.
//!
//! Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 the run or some frames failed,
//! 2 wrong usage or configuration.

mod cli;
mod continued;
mod display;
mod setup;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use splitsim_edge::{EdgeError, EdgeReport};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command, RunArgs};
use crate::display::Display;
use crate::setup::Setup;

fn main() -> ExitCode {
    let args = run_args();
    start_tracing();
    match Setup::prepare(&args) {
        Ok(setup) => run(&args, setup),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(WRONG_CONFIGURATION)
        }
    }
}

/// What was typed, and for the rest the settings of a run that is continued.
fn run_args() -> Box<RunArgs> {
    let typed = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&typed).unwrap_or_else(|error| error.exit());
    let Command::Run(mut args) = cli.command;
    if let Some((_, typed)) = typed.subcommand() {
        continued::take_settings(&mut args, typed);
    }
    args
}

fn run(args: &RunArgs, setup: Setup) -> ExitCode {
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the asynchronous runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut display = Display::new(args.json);
    display.begin(&setup.config);
    let again = continued::command(args, &setup.config.run_id);
    let outcome = run_on(&runtime, setup, &mut display);
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    conclude(outcome, display, &again)
}

fn run_on(runtime: &Runtime, setup: Setup, display: &mut Display) -> Result<EdgeReport, EdgeError> {
    let Setup { config, engine } = setup;
    runtime.block_on(splitsim_edge::run(
        config,
        engine,
        |event| display.show(event),
        interrupted(),
    ))
}

/// Shows what there is to show, `again` as the command that goes on where something is left to do, and
/// finds the exit code.
fn conclude(outcome: Result<EdgeReport, EdgeError>, mut display: Display, again: &str) -> ExitCode {
    let code = match &outcome {
        Ok(report) => {
            display.conclude(report);
            match report.is_complete() {
                true => ExitCode::SUCCESS,
                false => {
                    display.tell_to_go_on(again);
                    ExitCode::FAILURE
                }
            }
        }
        Err(error) => {
            if let EdgeError::CloudLost { report, .. } = error {
                display.conclude(report);
            }
            eprintln!("error: {error}");
            match error.is_configuration() {
                true => ExitCode::from(WRONG_CONFIGURATION),
                false => {
                    display.tell_to_go_on(again);
                    ExitCode::FAILURE
                }
            }
        }
    };
    match display.finish() {
        Ok(()) => code,
        Err(error) => {
            eprintln!("error: cannot write results to stdout: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Completes at Ctrl-C or a polite request to terminate; never, if the system does not tell of them.
async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() {
            std::future::pending::<()>().await;
        },
        _ = terminated => {}
    }
}

fn start_tracing() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

const WRONG_CONFIGURATION: u8 = 2;
