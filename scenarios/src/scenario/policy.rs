//! A policy of a scenario, per task.

use std::collections::BTreeMap;

use splitsim_cfqa::Metric;
use splitsim_feature::Task;
use splitsim_policy::{Criterion, PolicyConfig, PolicyError};
use toml::{Table, Value};

use super::ScenarioError;
use super::file::{KindChoice, PolicySection, ThresholdChoice};

/// The scenario's default thresholds of policies with a criterion, by metric and task.
pub(super) type Thresholds = BTreeMap<Metric, BTreeMap<Task, f64>>;

/// The thresholds that a model package was calibrated to, by name.
///
/// Asked with the metric, the task, the distortion limit τ and the share α of violations permitted.
pub(super) type Calibrated<'a> = &'a dyn Fn(Metric, Task, f64, f64) -> Result<f64, String>;

/// A policy under its name, with what it is for each task.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPolicy {
    /// Unique within the scenario.
    pub name: String,
    /// The policy of each task; they differ in their threshold at most. Empty for the oracle, which no
    /// edge can run.
    pub of_task: BTreeMap<Task, PolicyConfig>,
    /// As a scenario file has it, defaults spelt out.
    pub(super) section: PolicySection,
}

/// The sources of thresholds that a policy does not give as numbers.
pub(super) struct ThresholdSources<'a> {
    pub(super) table: &'a Thresholds,
    pub(super) calibrated: Calibrated<'a>,
}

impl PlannedPolicy {
    pub(super) fn plan(
        mut section: PolicySection,
        tasks: &[Task],
        sources: &ThresholdSources<'_>,
    ) -> Result<Self, ScenarioError> {
        refuse_foreign_keys(&section)?;
        let mut of_task = BTreeMap::new();
        for &task in tasks {
            if let Some(config) = config(&section, task, sources)? {
                of_task.insert(task, config);
            }
        }
        if let Some(config) = of_task.values().next() {
            section.settings = spelt_out(config);
        }
        Ok(Self {
            name: section.name.clone(),
            of_task,
            section,
        })
    }

    /// `true` if it is the bound that knows the true distortion, rather than a policy.
    #[must_use]
    pub fn is_oracle(&self) -> bool {
        self.section.kind == KindChoice::Oracle
    }

    /// `true` if the policy takes its threshold for this metric from the scenario, rather than having its own.
    pub(super) fn borrows(&self, metric: Metric) -> bool {
        self.section.threshold.is_none() && self.section.metric == Some(metric)
    }
}

fn key(section: &PolicySection, key: &str) -> String {
    format!("policies.{}.{key}", section.name)
}

/// Keys that mean nothing for the policy's kind would be passed over in silence.
fn refuse_foreign_keys(section: &PolicySection) -> Result<(), ScenarioError> {
    let own = section.kind.keys();
    let settings = section.settings.keys().map(String::as_str);
    let given = [
        ("metric", section.metric.is_some()),
        ("threshold", section.threshold.is_some()),
    ];
    let given = given.into_iter().filter(|(_, given)| *given);
    let mut given = given.map(|(name, _)| name).chain(settings);
    match given.find(|name| !own.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let kind = section.kind.name();
            let reason = format!("means nothing to a policy of kind '{kind}', remove it");
            Err(ScenarioError::value(key(section, name), reason))
        }
    }
}

/// The policy for a task; `None` for the oracle.
fn config(
    section: &PolicySection,
    task: Task,
    sources: &ThresholdSources<'_>,
) -> Result<Option<PolicyConfig>, ScenarioError> {
    let KindChoice::Policy(kind) = section.kind else {
        return Ok(None);
    };
    let pass = kind.scored.then(|| criterion_of(section, task, sources));
    let pass = pass.transpose()?;
    let texts = section.settings.iter().map(|(name, value)| {
        let text =
            text_of(value).map_err(|reason| ScenarioError::value(key(section, name), reason));
        Ok((name.as_str(), text?))
    });
    let texts: Vec<(&str, String)> = texts.collect::<Result<_, ScenarioError>>()?;
    let given = texts.iter().map(|(name, text)| (*name, text.as_str()));
    let config = PolicyConfig::new(kind, pass, given);
    config.map(Some).map_err(|error| unfit(section, &error))
}

/// A setting's value as the text form of a policy has it.
fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        // With its decimal point: 3.0 is no whole number here, as everywhere in TOML.
        Value::Float(number) => Ok(format!("{number:?}")),
        other => Err(format!(
            "{other} is no setting, expected a number or a text"
        )),
    }
}

/// An error about a setting, under the setting's key.
fn unfit(section: &PolicySection, error: &PolicyError) -> ScenarioError {
    match error {
        PolicyError::MissingSetting { name, .. } => missing(section, name),
        PolicyError::SettingValue {
            name,
            value,
            expected,
        } => ScenarioError::value(
            key(section, name),
            format!("'{value}': expected {expected}"),
        ),
        PolicyError::Contradiction { name, reason } => {
            ScenarioError::value(key(section, name), reason)
        }
        other => ScenarioError::value(key(section, "kind"), other),
    }
}

fn missing(section: &PolicySection, name: &str) -> ScenarioError {
    let kind = section.kind.name();
    let reason = format!("missing: a policy of kind '{kind}' needs it");
    ScenarioError::value(key(section, name), reason)
}

/// All settings of a policy, defaults included, as a scenario file has them.
fn spelt_out(config: &PolicyConfig) -> Table {
    let settings = config.settings();
    settings
        .map(|(name, text)| (name.to_owned(), value_of(text)))
        .collect()
}

/// A number where the text is one.
fn value_of(text: &str) -> Value {
    let whole = text.parse().map(Value::Integer);
    let number = whole.or_else(|_| text.parse().map(Value::Float));
    number.unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Returns a task's criterion: its threshold is the policy's own, a calibrated one, or the scenario's.
fn criterion_of(
    section: &PolicySection,
    task: Task,
    sources: &ThresholdSources<'_>,
) -> Result<Criterion, ScenarioError> {
    let wrong = |reason: String| ScenarioError::value(key(section, "threshold"), reason);
    let metric = section.metric.ok_or_else(|| missing(section, "metric"))?;
    let threshold = match section.threshold {
        Some(ThresholdChoice::Score(score)) => score,
        Some(ThresholdChoice::Calibrated { tau, alpha }) => {
            (sources.calibrated)(metric, task, tau, alpha).map_err(wrong)?
        }
        None => {
            let of_tasks = sources.table.get(&metric);
            let threshold = of_tasks.and_then(|of_tasks| of_tasks.get(&task));
            *threshold.ok_or_else(|| ScenarioError::NoThreshold {
                policy: section.name.clone(),
                metric: metric.name().to_owned(),
                task,
            })?
        }
    };
    criterion(metric, threshold).map_err(|error| wrong(error.to_string()))
}

/// The side of the threshold that passes is the metric's better one.
pub(super) fn criterion(metric: Metric, threshold: f64) -> Result<Criterion, PolicyError> {
    let scale = splitsim_edge::scale(metric);
    scale.check(metric.name(), threshold)?;
    Criterion::new(metric.name(), scale.better, threshold)
}
