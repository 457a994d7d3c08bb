//! A policy of a scenario, per task.

use std::collections::BTreeMap;

use splitsim_cfqa::{Direction, Metric};
use splitsim_feature::Task;
use splitsim_policy::{Bound, Criterion, PolicyConfig};

use super::ScenarioError;
use super::file::{PolicyKind, PolicySection};

/// What a threshold policy asks for unless it says so itself, by metric and task.
pub(super) type Thresholds = BTreeMap<Metric, BTreeMap<Task, f64>>;

/// A policy under its name, with what it is for each task.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPolicy {
    /// Unique within the scenario.
    pub name: String,
    /// The policy of each task; they differ in their threshold at most.
    pub of_task: BTreeMap<Task, PolicyConfig>,
    /// As a scenario file has it, defaults spelt out.
    pub(super) section: PolicySection,
}

impl PlannedPolicy {
    pub(super) fn plan(
        mut section: PolicySection,
        tasks: &[Task],
        thresholds: &Thresholds,
    ) -> Result<Self, ScenarioError> {
        refuse_foreign_keys(&section)?;
        let of_task = tasks
            .iter()
            .map(|&task| Ok((task, config(&section, task, thresholds)?)))
            .collect::<Result<BTreeMap<_, _>, ScenarioError>>()?;
        if let Some(config) = of_task.values().next() {
            spell_out(&mut section, config);
        }
        Ok(Self {
            name: section.name.clone(),
            of_task,
            section,
        })
    }

    /// Whether a threshold of the scenario's, not of its own, holds for this metric.
    pub(super) fn borrows(&self, metric: Metric) -> bool {
        self.section.threshold.is_none() && self.section.metric == Some(metric)
    }
}

fn key(section: &PolicySection, key: &str) -> String {
    format!("policies.{}.{key}", section.name)
}

/// Keys that mean nothing for the policy's kind would be passed over in silence.
fn refuse_foreign_keys(section: &PolicySection) -> Result<(), ScenarioError> {
    let given = match section.kind {
        PolicyKind::Threshold => vec![("level", section.level.is_some())],
        PolicyKind::Always => vec![
            ("metric", section.metric.is_some()),
            ("threshold", section.threshold.is_some()),
            ("start", section.start.is_some()),
            ("step", section.step.is_some()),
            ("max-attempts", section.max_attempts.is_some()),
        ],
    };
    let kind = match section.kind {
        PolicyKind::Threshold => "threshold",
        PolicyKind::Always => "always",
    };
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => {
            let reason = format!("means nothing to a policy of kind '{kind}', remove it");
            Err(ScenarioError::value(key(section, name), reason))
        }
    }
}

fn config(
    section: &PolicySection,
    task: Task,
    thresholds: &Thresholds,
) -> Result<PolicyConfig, ScenarioError> {
    match section.kind {
        PolicyKind::Always => {
            let missing = || {
                let reason = "missing: cheapest, richest or an index from 0";
                ScenarioError::value(key(section, "level"), reason)
            };
            let rung = section.level.ok_or_else(missing)?;
            Ok(PolicyConfig::Always { rung })
        }
        PolicyKind::Threshold => {
            let missing = || ScenarioError::value(key(section, "metric"), "missing");
            let metric = section.metric.ok_or_else(missing)?;
            let threshold = section
                .threshold
                .or_else(|| thresholds.get(&metric)?.get(&task).copied())
                .ok_or_else(|| ScenarioError::NoThreshold {
                    policy: section.name.clone(),
                    metric: metric.name().to_owned(),
                    task,
                })?;
            climb(section, metric, threshold)
        }
    }
}

/// A threshold policy with its defaults, which are the policy crate's.
fn climb(
    section: &PolicySection,
    metric: Metric,
    threshold: f64,
) -> Result<PolicyConfig, ScenarioError> {
    let criterion = criterion(metric, threshold)
        .map_err(|reason| ScenarioError::value(key(section, "threshold"), reason))?;
    let mut config: PolicyConfig = format!("threshold:{criterion}")
        .parse()
        .map_err(|error| ScenarioError::value(key(section, "threshold"), error))?;
    if let PolicyConfig::Threshold {
        start,
        step,
        max_attempts,
        ..
    } = &mut config
    {
        *start = section.start.unwrap_or(*start);
        *step = section.step.unwrap_or(*step);
        *max_attempts = section.max_attempts.unwrap_or(*max_attempts);
    }
    Ok(config)
}

/// The side of the threshold that passes is the metric's better one.
pub(super) fn criterion(metric: Metric, threshold: f64) -> Result<Criterion, String> {
    let range = metric.range();
    if !range.contains(&threshold) {
        let (from, to) = (range.start(), range.end());
        return Err(format!(
            "{threshold} is no score of {metric}, expected {from} to {to}"
        ));
    }
    let bound = match metric.direction() {
        Direction::HigherIsBetter => Bound::AtLeast,
        Direction::LowerIsBetter => Bound::AtMost,
    };
    Criterion::new(metric.name(), bound, threshold).map_err(|error| error.to_string())
}

/// Writes the defaults that hold into the section.
fn spell_out(section: &mut PolicySection, config: &PolicyConfig) {
    match config {
        PolicyConfig::Always { rung } => section.level = Some(*rung),
        PolicyConfig::Threshold {
            start,
            step,
            max_attempts,
            ..
        } => {
            section.start = Some(*start);
            section.step = Some(*step);
            section.max_attempts = Some(*max_attempts);
        }
    }
}
