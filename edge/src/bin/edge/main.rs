//! `edge`: one edge of a run, from pictures to the cloud.
//!
//! Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 the run or some frames failed,
//! 2 wrong usage or configuration.

mod cli;
mod continued;
mod display;
mod setup;

use anyhow::{Context, anyhow};
use clap::{ArgMatches, FromArgMatches};
use splitsim_cli::{Console, Failure, OrRefuse, Program};
use splitsim_edge::{EdgeError, EdgeReport};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command};
use crate::display::Display;
use crate::setup::Setup;

fn main() -> ! {
    splitsim_cli::launch::<Cli>()
}

impl Program for Cli {
    const LOG: &'static str = "warn";

    /// Reads the arguments; those not given are the settings of the run that is continued, if any.
    fn read(typed: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(typed)?;
        let Command::Run(args) = &mut cli.command;
        if let Some((_, typed)) = typed.subcommand() {
            continued::take_settings(args, typed);
        }
        Ok(cli)
    }

    fn log(&self) -> &str {
        let Command::Run(args) = &self.command;
        &args.log
    }

    fn run(self, console: &mut Console) -> Result<(), Failure> {
        let Command::Run(args) = self.command;
        let setup = Setup::prepare(&args).or_refuse()?;
        let runtime = Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("cannot start the asynchronous runtime")?;
        let stop = console.signals.stop("once more to end at once");
        let mut display = Display::new(args.json, console);
        display.begin(&setup.config);
        let again = continued::command(&args, &setup.config.run_id);
        let outcome = run_on(&runtime, setup, &mut display, stop);
        // Whatever still runs has had its time.
        runtime.shutdown_background();
        conclude(outcome, &mut display, &again)
    }
}

fn run_on(
    runtime: &Runtime,
    setup: Setup,
    display: &mut Display<'_>,
    stop: CancellationToken,
) -> Result<EdgeReport, EdgeError> {
    let Setup { config, engine } = setup;
    runtime.block_on(splitsim_edge::run(
        config,
        engine,
        |event| display.show(event),
        stop.cancelled_owned(),
    ))
}

/// Shows the outcome, with `again` as the command that resumes unfinished work, and finds out whether all
/// was done.
fn conclude(
    outcome: Result<EdgeReport, EdgeError>,
    display: &mut Display<'_>,
    again: &str,
) -> Result<(), Failure> {
    match outcome {
        Ok(report) => {
            display.conclude(&report);
            if report.is_complete() {
                return Ok(());
            }
            display.tell_to_go_on(again);
            Err(Failure::Failed(shortfall(&report)))
        }
        Err(error) => {
            if let EdgeError::CloudLost { report, .. } = &error {
                display.conclude(report);
            }
            display.clear();
            if error.is_configuration() {
                return Err(Failure::Refused(error.into()));
            }
            display.tell_to_go_on(again);
            Err(Failure::Failed(error.into()))
        }
    }
}

/// Frames of which something is left to do.
fn shortfall(report: &EdgeReport) -> anyhow::Error {
    let missing = report.frames.saturating_sub(report.done());
    let why = match report.interrupted {
        true => ": interrupted",
        false => "",
    };
    anyhow!("{missing} of {} frames have no answer{why}", report.frames)
}
