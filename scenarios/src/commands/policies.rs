//! `splitsim policies`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use splitsim_model::Package;
use splitsim_replay::{Comparison, Recording};

use crate::ladder::Destination;
use crate::outputs::Force;
use crate::scenario::{self, ReplayPlan, Scenario};
use crate::{Failure, Output, ladder};
use splitsim_cli::OrRefuse;

#[derive(Debug, Subcommand)]
pub(crate) enum PoliciesCommand {
    /// Replay a scenario's policies over recorded ladders, and rank them
    Compare(Compare),
}

/// Replay a scenario's policies over recorded ladders, and rank them.
///
/// Nothing is encoded: 300 frames of three tasks take seconds. Per task, policies with no more violations
/// of the distortion limit than [replay] permits come first, ordered by their regret: the bytes beyond
/// those of an oracle with as many violations. What the columns count: docs/metrics.md.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compare {
    /// Recordings, or folders with cls.parquet, seg.parquet or dpt.parquet
    #[arg(value_name = "RECORDING", required = true)]
    recordings: Vec<PathBuf>,
    /// The scenario with the policies, and with [replay]
    #[arg(long, value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// Replace a value of the scenario; give it as often as needed
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// The folder that policies.json, policies.csv, policies.txt and report.html go to, with the scenario
    /// and the recordings
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
}

struct Prepared {
    scenario: Scenario,
    plan: ReplayPlan,
    package: Package,
    recordings: Vec<Recording>,
}

impl PoliciesCommand {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        match self {
            Self::Compare(compare) => compare.run(),
        }
    }
}

impl Compare {
    fn run(self) -> Result<Output, Failure> {
        let prepared = self.prepare().or_refuse()?;
        let out = self.out.as_deref();
        let destination = out.map(|folder| prepared.destination(folder, self.force));
        if let Some(destination) = &destination {
            destination.check().or_refuse()?;
        }
        let comparison = prepared.compare().or_refuse()?;
        if let Some(destination) = &destination {
            destination.check_comparison(&comparison).or_refuse()?;
            destination.write(&comparison)?;
        }
        Ok(Output::new(comparison.to_text(), &comparison)?)
    }

    fn prepare(&self) -> Result<Prepared> {
        let named = || format!("scenario {}", self.scenario.display());
        let draft = scenario::read(&self.scenario, &self.settings)?;
        let package = Package::find(draft.model()).with_context(named)?;
        let scenario = draft.resolve(&package).with_context(named)?;
        let plan = scenario.replay.clone();
        let plan = plan
            .context("it has no [replay], which says on what link")
            .with_context(named)?;
        Ok(Prepared {
            recordings: ladder::read(&self.recordings)?,
            scenario,
            plan,
            package,
        })
    }
}

impl Prepared {
    fn destination<'a>(&'a self, folder: &'a Path, force: Force) -> Destination<'a> {
        Destination {
            folder,
            scenario: &self.scenario,
            package: &self.package,
            recordings: &self.recordings,
            force,
        }
    }

    fn compare(&self) -> Result<Comparison> {
        ladder::compare(&self.scenario, &self.plan, &self.package, &self.recordings)
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim policies compare out/policy-comparison \\
      --scenario scenarios/policy-comparison.toml
  splitsim policies compare seg.parquet \\
      --scenario scenarios/policy-comparison.toml \\
      --set replay.rate='2 Mbit/s' --out out/slow --json";
