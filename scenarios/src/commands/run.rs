//! `splitsim run`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::run::{Experiment, Order, RunOptions};
use crate::scenario::{self, Plan, Sweep};
use crate::sweep::{self, SweepOrder};
use crate::{Failure, Output, Screen, Signals};
use splitsim_cli::{OrRefuse, bounds};
use splitsim_display::printable;

/// Run a scenario: one cloud, one edge per task, policy after policy; a sweep point by point.
///
/// Leaves results.sqlite, summary.json, scenario.resolved.toml and report.html in the folder of results.
/// Running the same scenario into the same folder again resumes unfinished results; finished ones are
/// replaced with --force only.
/// A scenario with [sweep] or repeats leaves such a folder per point, and sweep.json and sweep.csv over
/// all; running it again leaves finished points as they are.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// Folder for the results; out/NAME unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a value of the scenario; give it as often as needed
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Replace finished results, and those of another scenario or model; of a sweep, run finished points
    /// again too
    #[arg(long)]
    force: bool,
    /// Leave finished results as they are
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Points of a sweep that run at the same time; more than one take each other's processor time, so
    /// only where that is not measured
    #[arg(long, value_name = "N", default_value = "1", value_parser = bounds::JOBS.parser::<NonZeroUsize>())]
    jobs: NonZeroUsize,
    /// Frames that report.html shows in pictures, per task and for either surprise; of a sweep's points
    /// it shows none
    #[arg(long, value_name = "N", default_value = "2", value_parser = bounds::SHOWN.parser::<usize>())]
    pictures: usize,
    /// End with the process that started this one: how a sweep starts its points
    #[arg(long, hide = true)]
    tied: bool,
}

impl Run {
    pub(crate) fn run(self, screen: &Screen, signals: &Signals) -> Result<Output, Failure> {
        if self.tied {
            sweep::end_with_parent()?;
        }
        match scenario::plan(&self.scenario, &self.settings).or_refuse()? {
            Plan::Single(draft) if draft.is_replay() => self.replay(screen, signals),
            Plan::Single(_) => self.single(screen, signals),
            Plan::Sweep(sweep) => self.sweep(&sweep, screen, signals),
        }
    }

    /// Records ladders, and compares the policies over them.
    fn replay(self, screen: &Screen, signals: &Signals) -> Result<Output, Failure> {
        let resume = self.resume;
        super::ladder::study(&self.order(), resume, screen, signals)
    }

    fn order(self) -> Order {
        Order {
            scenario: self.scenario,
            settings: self.settings,
            out: self.out,
            force: self.force,
        }
    }

    fn single(self, screen: &Screen, signals: &Signals) -> Result<Output, Failure> {
        let options = RunOptions {
            resume: self.resume,
            pictures: self.pictures,
        };
        let order = self.order();
        let experiment = Experiment::prepare(&order, options).or_refuse()?;
        let performed = runtime()?
            .block_on(experiment.perform(screen, signals))
            .with_context(|| format!("scenario {}", order.scenario.display()))?;
        let out = printable(performed.out.display());
        let text = format!("{}\nresults: {out}", performed.table);
        Ok(Output::new(text, &performed.summary)?.short_of(performed.shortfall))
    }

    fn sweep(self, sweep: &Sweep, screen: &Screen, signals: &Signals) -> Result<Output, Failure> {
        super::validate::check_points(&self.scenario, sweep).or_refuse()?;
        let out = self.out;
        let order = SweepOrder {
            out: out.unwrap_or_else(|| Path::new("out").join(&sweep.name)),
            jobs: self.jobs,
            force: self.force,
            resume: self.resume,
        };
        let folder = sweep::open(sweep, &order).or_refuse()?;
        let ledger = runtime()?
            .block_on(sweep::perform(sweep, &order, folder, screen, signals))
            .with_context(|| format!("scenario {}", self.scenario.display()))?;
        let text = format!(
            "{}\nresults: {}",
            ledger.render(),
            printable(order.out.display())
        );
        Ok(Output::new(text, &ledger)?.short_of(ledger.shortfall()))
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the network's threads")
}

const EXAMPLES: &str = "\
Examples:
  splitsim run scenarios/demo.toml
  splitsim run scenarios/demo.toml --out out/short --set frames=4
  splitsim run scenarios/demo.toml --out out/strict --set policies.gate.threshold=0.99 --json
  splitsim run scenarios/demo.toml --out out/seeds --set sweep.seed=[4,5,6]
Keys of a scenario: docs/scenarios.md. Numbers of the results: docs/metrics.md.";
