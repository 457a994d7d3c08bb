//! A policy of a scenario, per task.

use std::collections::BTreeMap;

use splitsim_cfqa::Metric;
use splitsim_feature::Task;
use splitsim_policy::{
    BisectConfig, BudgetConfig, Criterion, DeadlineConfig, PolicyConfig, PolicyError,
    PredictiveConfig, Start, ThresholdConfig,
};

use super::ScenarioError;
use super::file::{PolicyKind, PolicySection, StartChoice, ThresholdChoice};
use super::units::{ByteRate, Size, TimeSpan};

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
            spell_out(&mut section, config);
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
        self.section.kind == PolicyKind::Oracle
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
    let given = [
        ("metric", section.metric.is_some()),
        ("threshold", section.threshold.is_some()),
        ("start", section.start.is_some()),
        ("step", section.step.is_some()),
        ("margin", section.margin.is_some()),
        ("max-attempts", section.max_attempts.is_some()),
        ("fallback", section.fallback.is_some()),
        ("deadline", section.deadline.is_some()),
        ("rate", section.rate.is_some()),
        ("burst", section.burst.is_some()),
        ("level", section.level.is_some()),
    ];
    let own = section.kind.keys();
    let foreign = given
        .into_iter()
        .find(|(name, given)| *given && !own.contains(name));
    match foreign {
        None => Ok(()),
        Some((name, _)) => {
            let reason = format!(
                "means nothing to a policy of kind '{}', remove it",
                section.kind.name()
            );
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
    let pass = || criterion_of(section, task, sources);
    Ok(Some(match section.kind {
        PolicyKind::Oracle => return Ok(None),
        PolicyKind::Always => PolicyConfig::Always {
            rung: required(section, "level", section.level)?,
        },
        PolicyKind::Threshold => PolicyConfig::Threshold(climb(section, pass()?)?),
        PolicyKind::Bisect => {
            let default = BisectConfig::new(pass()?);
            PolicyConfig::Bisect(BisectConfig {
                max_attempts: section.max_attempts.unwrap_or(default.max_attempts),
                fallback: section.fallback.unwrap_or(default.fallback),
                ..default
            })
        }
        PolicyKind::Predictive => {
            let default = PredictiveConfig::new(pass()?);
            PolicyConfig::Predictive(PredictiveConfig {
                start: index(section)?.unwrap_or(default.start),
                max_attempts: section.max_attempts.unwrap_or(default.max_attempts),
                fallback: section.fallback.unwrap_or(default.fallback),
                ..default
            })
        }
        PolicyKind::Deadline => PolicyConfig::Deadline(DeadlineConfig {
            pass: pass()?,
            by: required(section, "deadline", section.deadline)?.0,
            max_attempts: section.max_attempts.unwrap_or_default(),
            fallback: section.fallback.unwrap_or_default(),
        }),
        PolicyKind::Budget => {
            let rate = required(section, "rate", section.rate)?.0;
            PolicyConfig::Budget(BudgetConfig {
                pass: pass()?,
                rate,
                burst: section.burst.map_or(rate, |burst| burst.0),
                start: index(section)?.unwrap_or(splitsim_policy::Rung(0)),
                max_attempts: section.max_attempts.unwrap_or_default(),
            })
        }
    }))
}

fn required<T>(section: &PolicySection, name: &str, value: Option<T>) -> Result<T, ScenarioError> {
    value.ok_or_else(|| {
        let reason = format!(
            "missing: a policy of kind '{}' needs it",
            section.kind.name()
        );
        ScenarioError::value(key(section, name), reason)
    })
}

/// A threshold policy with its defaults, which are the policy crate's.
fn climb(section: &PolicySection, pass: Criterion) -> Result<ThresholdConfig, ScenarioError> {
    let default = ThresholdConfig::new(pass);
    let start = match (section.start, section.margin) {
        (Some(StartChoice::Last), margin) => Start::Last {
            margin: margin.unwrap_or(0.0),
        },
        (_, Some(_)) => {
            let reason = "needs start = 'last': there is no hysteresis without";
            return Err(ScenarioError::value(key(section, "margin"), reason));
        }
        (Some(StartChoice::At(rung)), None) => Start::At(rung),
        (None, None) => default.start,
    };
    if section
        .margin
        .is_some_and(|margin| !(0.0..f64::INFINITY).contains(&margin))
    {
        let reason = "no hysteresis, expected a number from 0";
        return Err(ScenarioError::value(key(section, "margin"), reason));
    }
    Ok(ThresholdConfig {
        start,
        step: section.step.unwrap_or(default.step),
        max_attempts: section.max_attempts.unwrap_or(default.max_attempts),
        fallback: section.fallback.unwrap_or(default.fallback),
        ..default
    })
}

/// The starting level of a policy that cannot begin where the last frame ended.
fn index(section: &PolicySection) -> Result<Option<splitsim_policy::Rung>, ScenarioError> {
    match section.start {
        None => Ok(None),
        Some(StartChoice::At(rung)) => Ok(Some(rung)),
        Some(StartChoice::Last) => {
            let kind = section.kind.name();
            let reason = format!("a policy of kind '{kind}' begins at an index, 0 the cheapest");
            Err(ScenarioError::value(key(section, "start"), reason))
        }
    }
}

/// Returns a task's criterion: its threshold is the policy's own, a calibrated one, or the scenario's.
fn criterion_of(
    section: &PolicySection,
    task: Task,
    sources: &ThresholdSources<'_>,
) -> Result<Criterion, ScenarioError> {
    let wrong = |reason: String| ScenarioError::value(key(section, "threshold"), reason);
    let metric = required(section, "metric", section.metric)?;
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

/// Writes the defaults that hold into the section.
fn spell_out(section: &mut PolicySection, config: &PolicyConfig) {
    match config {
        PolicyConfig::Always { rung } => section.level = Some(*rung),
        PolicyConfig::Threshold(config) => {
            section.start = Some(config.start.into());
            section.step = Some(config.step);
            section.max_attempts = Some(config.max_attempts);
            section.fallback = Some(config.fallback);
        }
        PolicyConfig::Bisect(config) => {
            section.max_attempts = Some(config.max_attempts);
            section.fallback = Some(config.fallback);
        }
        PolicyConfig::Predictive(config) => {
            section.start = Some(StartChoice::At(config.start));
            section.max_attempts = Some(config.max_attempts);
            section.fallback = Some(config.fallback);
        }
        PolicyConfig::Deadline(config) => {
            section.deadline = Some(TimeSpan(config.by));
            section.max_attempts = Some(config.max_attempts);
            section.fallback = Some(config.fallback);
        }
        PolicyConfig::Budget(config) => {
            section.rate = Some(ByteRate(config.rate));
            section.burst = Some(Size(config.burst));
            section.start = Some(StartChoice::At(config.start));
            section.max_attempts = Some(config.max_attempts);
        }
    }
}
