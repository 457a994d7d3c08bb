//! The section of a scenario for policies that are replayed over recorded ladders.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_feature::Task;
use splitsim_feature::units::BitRate;

use super::ScenarioError;
use super::units::{Rate, TimeSpan};

/// Policies are replayed over recorded ladders, on this link, instead of run live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ReplaySection {
    pub(super) rate: Rate,
    pub(super) rtt: TimeSpan,
    pub(super) interval: Option<TimeSpan>,
    pub(super) deadline: Option<TimeSpan>,
    pub(super) permitted_violations: Option<f64>,
    #[serde(default)]
    pub(super) limits: BTreeMap<Task, f64>,
}

/// The link on which policies are replayed, and what they are held to.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayPlan {
    /// The uplink's rate.
    pub rate: BitRate,
    /// Its round-trip time.
    pub rtt: Duration,
    /// Between two captures; `None` when each picture is taken as the frame before is answered.
    pub interval: Option<Duration>,
    /// From capture until a container has arrived, for counting what is late.
    pub deadline: Option<Duration>,
    /// The share of shipped frames that may exceed the limit.
    pub permitted_violations: f64,
    /// The true distortion that counts as none, per task, in the task's unit.
    pub limits: BTreeMap<Task, f64>,
}

/// One frame in twenty.
const PERMITTED_VIOLATIONS: f64 = 0.05;

impl ReplaySection {
    pub(super) fn plan(&self, tasks: &[Task]) -> Result<ReplayPlan, ScenarioError> {
        let limit = |&task: &Task| match self.limits.get(&task) {
            Some(limit) if limit.is_finite() => Ok((task, *limit)),
            Some(limit) => {
                let key = format!("replay.limits.{task}");
                Err(ScenarioError::value(key, format!("{limit} is not finite")))
            }
            None => {
                let reason = format!("missing: the distortion of {task} that counts as none");
                Err(ScenarioError::value(
                    format!("replay.limits.{task}"),
                    reason,
                ))
            }
        };
        let permitted = self.permitted_violations.unwrap_or(PERMITTED_VIOLATIONS);
        if !(0.0..=1.0).contains(&permitted) {
            let reason = format!("{permitted} is no share, expected 0 to 1");
            return Err(ScenarioError::value("replay.permitted-violations", reason));
        }
        if self.rate.0.0 == 0 {
            let reason = "nothing arrives at rate 0";
            return Err(ScenarioError::value("replay.rate", reason));
        }
        Ok(ReplayPlan {
            rate: self.rate.0,
            rtt: self.rtt.0,
            interval: self.interval.map(|span| span.0),
            deadline: self.deadline.map(|span| span.0),
            permitted_violations: permitted,
            limits: tasks.iter().map(limit).collect::<Result<_, _>>()?,
        })
    }
}

impl From<&ReplayPlan> for ReplaySection {
    fn from(plan: &ReplayPlan) -> Self {
        Self {
            rate: Rate(plan.rate),
            rtt: TimeSpan(plan.rtt),
            interval: plan.interval.map(TimeSpan),
            deadline: plan.deadline.map(TimeSpan),
            permitted_violations: Some(plan.permitted_violations),
            limits: plan.limits.clone(),
        }
    }
}
