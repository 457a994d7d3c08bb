//! `splitsim validate`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use splitsim_model::Package;

use crate::failure::OrRefuse;
use crate::run;
use crate::scenario::{self, Draft, Plan, Scenario, Sweep};
use crate::{Failure, Output};

/// Check scenario files as far as that is possible without running them: keys, values, every point of a
/// sweep, the model, its ladders, the pictures.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Validate {
    /// Scenario files
    #[arg(value_name = "SCENARIO.toml", required = true)]
    scenarios: Vec<PathBuf>,
    /// Replace a value of every scenario; give it as often as needed
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

impl Validate {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let mut lines = Vec::new();
        let mut found = Vec::new();
        for path in &self.scenarios {
            let runs = self.check(path).or_refuse()?;
            lines.push(format!("{}: valid, {}", path.display(), counted(runs)));
            found.push(json!({ "scenario": path, "runs": runs }));
        }
        Ok(Output::new(lines.join("\n"), &Value::from(found))?)
    }

    /// How many runs the scenario asks for.
    fn check(&self, path: &Path) -> Result<usize> {
        match scenario::plan(path, &self.settings)? {
            Plan::Single(draft) => check(*draft).with_context(|| named(path)).map(|()| 1),
            Plan::Sweep(sweep) => check_points(path, &sweep).map(|()| sweep.points.len()),
        }
    }
}

/// Refuses a sweep with a point that could not be run.
pub(super) fn check_points(path: &Path, sweep: &Sweep) -> Result<()> {
    for point in &sweep.points {
        point
            .draft()
            .map_err(anyhow::Error::from)
            .and_then(check)
            .with_context(|| format!("{}, point {}", named(path), point.slug))?;
    }
    Ok(())
}

fn named(path: &Path) -> String {
    format!("scenario {}", path.display())
}

fn check(draft: Draft) -> Result<()> {
    let package = Package::find(draft.model())?;
    let scenario: Scenario = draft.resolve(&package)?;
    run::check(&scenario, &package).map(drop)
}

fn counted(runs: usize) -> String {
    match runs {
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    }
}

const EXAMPLES: &str = "\
Examples:
  splitsim validate scenarios/*.toml
  splitsim validate scenarios/demo.toml --set frames=100";
