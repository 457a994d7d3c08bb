//! `splitsim ladder`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use super::run::runtime;
use crate::ladder::{Studied, Study};
use crate::run::Order;
use crate::{Failure, Output, Screen, Signals};
use splitsim_cli::OrRefuse;
use splitsim_display::printable;

#[derive(Debug, Subcommand)]
pub(crate) enum LadderCommand {
    /// Code every frame of a scenario at every level, with the truth of what arrives
    Record(Record),
}

/// Code every frame of a scenario at every level, with the truth of what arrives.
///
/// Leaves ladders/TASK.parquet in the folder of results: bytes, scores, times and the true distortion of
/// every level, over which `splitsim policies compare` replays policies. If the scenario has [replay],
/// its own policies are compared at once, and report.html shows the comparison. Columns:
/// docs/metrics.md.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Record {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    scenario: PathBuf,
    /// Folder for the results; out/NAME unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace a value of the scenario; give it as often as needed
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Replace finished results, and those of another scenario or model
    #[arg(long)]
    force: bool,
}

impl LadderCommand {
    pub(crate) fn run(self, screen: &Screen, signals: &Signals) -> Result<Output, Failure> {
        match self {
            Self::Record(Record {
                scenario,
                out,
                settings,
                force,
            }) => study(
                &Order {
                    scenario,
                    settings,
                    out,
                    force,
                },
                false,
                screen,
                signals,
            ),
        }
    }
}

/// Records the ladders, compares policies if the scenario says how, and describes the outcome.
pub(super) fn study(
    order: &Order,
    resume: bool,
    screen: &Screen,
    signals: &Signals,
) -> Result<Output, Failure> {
    let study = Study::prepare(order, resume).or_refuse()?;
    let studied = runtime()?
        .block_on(study.perform(screen, signals))
        .with_context(|| format!("scenario {}", order.scenario.display()))?;
    Ok(output(&studied)?)
}

fn output(studied: &Studied) -> Result<Output> {
    let out = printable(studied.out.display());
    let recorded = studied
        .frames
        .iter()
        .map(|(task, frames)| format!("{task} {frames}"));
    let recorded = recorded.collect::<Vec<_>>().join(", ");
    let output = match &studied.comparison {
        Some(comparison) => {
            let text = format!("{}\nresults: {out}", comparison.to_text());
            Output::new(text, comparison)
        }
        None => {
            let frames = studied.frames.iter();
            let frames = frames.map(|(task, frames)| json!({ "task": task, "frames": frames }));
            let json = json!({ "out": studied.out, "recorded": frames.collect::<Vec<_>>() });
            Output::new(
                format!("recorded frames: {recorded}\nresults: {out}"),
                &json,
            )
        }
    };
    Ok(output?.short_of(studied.shortfall.clone()))
}

const EXAMPLES: &str = "\
Examples:
  splitsim ladder record scenarios/policy-comparison.toml
  splitsim ladder record scenarios/demo.toml --out out/ladders --set frames=300
  splitsim policies compare out/ladders \\
      --scenario scenarios/policy-comparison.toml";
