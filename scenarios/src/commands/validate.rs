//! `splitsim validate`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::{Value, json};
use splitsim_model::Package;

use crate::run;
use crate::scenario::{self, Draft, Plan, Scenario, Sweep};
use crate::{Failure, Output};
use splitsim_cli::OrRefuse;
use splitsim_display::printable;

/// Check scenario files as far as that is possible without running them: keys, values, every point of a
/// sweep, the model, its ladders, the pictures. Of several files, all are checked, and TOML files of another
/// kind are skipped by name.
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

/// The verdict on a file.
enum Found {
    Valid {
        runs: usize,
    },
    Invalid(Failure),
    /// A TOML file of another kind, such as a Cargo.toml, or a part that scenarios include.
    NoScenario,
}

impl Validate {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let mut lines = Vec::new();
        let mut found = Vec::new();
        let (mut valid, mut invalid) = (0, 0);
        for path in &self.scenarios {
            let shown = printable(path.display());
            let (line, json) = match self.check(path) {
                // A file that was named alone is meant.
                Found::Invalid(failure) if self.scenarios.len() == 1 => return Err(failure),
                Found::Invalid(failure) => {
                    invalid += 1;
                    let error = failure.to_string();
                    let json = json!({ "scenario": path, "error": error });
                    (format!("{shown}: invalid: {error}"), json)
                }
                Found::NoScenario => {
                    let json = json!({ "scenario": path, "skipped": "no scenario" });
                    (
                        format!("{shown}: skipped, no scenario: it has no policies"),
                        json,
                    )
                }
                Found::Valid { runs } => {
                    valid += 1;
                    let json = json!({ "scenario": path, "runs": runs });
                    (format!("{shown}: valid, {}", counted(runs)), json)
                }
            };
            lines.push(line);
            found.push(json);
        }
        let count = self.scenarios.len();
        match (valid, invalid) {
            (0, 0) => Err(anyhow!("none of {count} files is a scenario")).or_refuse(),
            (_, 0) => Ok(Output::new(lines.join("\n"), &Value::from(found))?),
            _ => {
                let lines = lines.join("\n");
                Err(anyhow!("{invalid} of {count} files are invalid\n{lines}")).or_refuse()
            }
        }
    }

    fn check(&self, path: &Path) -> Found {
        if self.scenarios.len() > 1 && !scenario::is_scenario(path) {
            return Found::NoScenario;
        }
        match self.runs(path).or_refuse() {
            Ok(runs) => Found::Valid { runs },
            Err(failure) => Found::Invalid(failure),
        }
    }

    /// Returns the number of runs that the scenario asks for.
    fn runs(&self, path: &Path) -> Result<usize> {
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
