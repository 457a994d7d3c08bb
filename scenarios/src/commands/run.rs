//! `splitsim run`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::failure::OrRefuse;
use crate::run::{Experiment, Order};
use crate::{Failure, Output, Screen};

/// Run a scenario: one cloud, one edge per task, policy after policy.
///
/// Leaves results.sqlite, summary.json and scenario.resolved.toml in the folder of results. Running the
/// same scenario into the same folder again goes on with unfinished results and replaces finished ones.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// Where results go; out/NAME unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a value of the scenario; give it as often as needed
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Replace results of another scenario or model
    #[arg(long)]
    force: bool,
}

impl Run {
    pub(crate) fn run(self, screen: &Screen) -> Result<Output, Failure> {
        let order = Order {
            scenario: self.scenario,
            settings: self.settings,
            out: self.out,
            force: self.force,
        };
        let experiment = Experiment::prepare(&order).or_refuse()?;
        let performed = runtime()?
            .block_on(experiment.perform(screen))
            .with_context(|| format!("scenario {}", order.scenario.display()))?;
        let out = performed.out.display();
        let text = format!("{}\nresults: {out}", performed.table);
        Ok(Output::new(text, &performed.summary)?.short_of(performed.shortfall))
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
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
Keys of a scenario: docs/scenarios.md. Numbers of the results: docs/metrics.md.";
