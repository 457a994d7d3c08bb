//! Scenario files: what was typed, what it means, and what is run.
//!
//! [`read`] takes a file and the settings of a command line through three steps: the text becomes a
//! table whose keys are all known, the table becomes values with units, and [`Scenario`] is what is
//! left when every default is spelt out and every contradiction refused. [`Scenario::to_toml`] is
//! again a scenario file. [`plan`] reads files that may ask for many runs, a [`Sweep`]. All keys:
//! `docs/scenarios.md`.

mod bounds;
mod deadlines;
mod error;
mod file;
mod include;
mod keys;
mod link;
mod policy;
mod policy_section;
mod quantity;
mod replay;
mod resolve;
mod set;
mod sweep;
mod units;

use std::path::Path;

pub use error::ScenarioError;
pub use link::LinkPlan;
pub use policy::PlannedPolicy;
pub(crate) use quantity::{Dimension, Quantity};
pub use replay::ReplayPlan;
pub use resolve::Scenario;
pub use sweep::{Plan, Point, Sweep, plan};
pub(crate) use sweep::{REPEAT, spoken};

use file::ScenarioFile;

/// A scenario as it is written, before the model is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft(ScenarioFile);

/// Reads a scenario file and applies `settings`, each `key=value`, in their order.
///
/// # Errors
/// When the file cannot be read or has an unknown key or an invalid value; so a setting.
pub fn read(path: &Path, settings: &[String]) -> Result<Draft, ScenarioError> {
    let table = include::load(path)?;
    let text = include::text(path)?;
    let in_file = |error: ScenarioError| error.in_file(path);
    let own = toml::from_str::<toml::Table>(&text);
    if own.is_ok_and(|own| !own.contains_key("include")) {
        // Not merged, it is the text that errors can point into.
        parse(&text, &[]).map_err(in_file)?;
    }
    from_table(table, settings).map_err(in_file)
}

/// `true` if a file is meant as a scenario, rather than as another kind of TOML or as a part that scenarios
/// include. A file that cannot be read counts as a scenario.
#[must_use]
pub fn is_scenario(path: &Path) -> bool {
    include::load(path).map_or(true, |table| table.contains_key("policies"))
}

/// As [`read`], of a file's text.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, settings: &[String]) -> Result<Draft, ScenarioError> {
    let table: toml::Table = toml::from_str(text).map_err(ScenarioError::syntax)?;
    keys::check(&table)?;
    let draft = toml::from_str(text).map_err(ScenarioError::syntax)?;
    if settings.is_empty() {
        return Ok(Draft(draft));
    }
    from_table(table, settings)
}

fn from_table(mut table: toml::Table, settings: &[String]) -> Result<Draft, ScenarioError> {
    check_table(&table)?;
    for setting in settings {
        set::apply(&mut table, setting)?;
        check_table(&table).map_err(|error| ScenarioError::setting(setting, error))?;
    }
    let draft = table.try_into().map_err(ScenarioError::syntax)?;
    Ok(Draft(draft))
}

impl Draft {
    /// The model package that the scenario names.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.0.model
    }

    /// `true` if policies are replayed over recorded ladders, rather than run.
    #[must_use]
    pub const fn is_replay(&self) -> bool {
        self.0.replay.is_some()
    }

    /// The scenario's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The scenario's description.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.0.description
    }
}

/// Keys and values, each for itself.
fn check_table(table: &toml::Table) -> Result<(), ScenarioError> {
    keys::check(table)?;
    let values = table.clone().try_into::<ScenarioFile>();
    values.map(drop).map_err(ScenarioError::syntax)
}

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
