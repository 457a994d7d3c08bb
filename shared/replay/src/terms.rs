//! The terms of a comparison, read from its stored JSON.

use std::time::Duration;

use serde::Deserialize;
use splitsim_feature::Task;
use splitsim_feature::units::BitRate;
use splitsim_policy::PolicyError;

use crate::{Comparison, Contender, Recording, ReplayError, Rules, Uplink, compare};

/// The conditions under which contenders were compared, and the contenders.
///
/// Deserialised from the JSON of a [`Comparison`], whose labels are whole policies. With the same
/// recordings it gives that comparison again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Terms {
    /// Link, deadline and what is permitted.
    pub rules: Rules,
    /// One per task, in the order of the comparison.
    pub tasks: Vec<TaskTerms>,
}

/// The limit and the contenders of a comparison on one task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskTerms {
    /// The task.
    pub task: Task,
    /// The true distortion up to which a frame counts as whole.
    pub limit: f64,
    /// The contenders, in the order of their ranking.
    pub contenders: Vec<Contender>,
}

/// The reason why a stored comparison does not yield its terms.
#[derive(Debug, thiserror::Error)]
enum NoTerms {
    #[error("'{label}' of '{name}' is no policy: {source}")]
    Policy {
        name: String,
        label: String,
        source: PolicyError,
    },
    #[error("{what} of {millis} ms is no time")]
    Time { what: &'static str, millis: f64 },
}

impl Terms {
    /// Compares again.
    ///
    /// # Errors
    /// When a task has no recording, or as [`compare`].
    pub fn compare(&self, recordings: &[Recording]) -> Result<Comparison, ReplayError> {
        let tasks = self.tasks.iter().map(|terms| {
            let of_task = |recording: &&Recording| recording.identity().task == terms.task;
            let recording = recordings.iter().find(of_task);
            let recording = recording.ok_or(ReplayError::NotRecorded { task: terms.task })?;
            compare(recording, &terms.contenders, &self.rules, terms.limit)
        });
        Ok(Comparison::new(
            &self.rules,
            tasks.collect::<Result<_, _>>()?,
        ))
    }
}

/// The fields that are needed of the JSON.
#[derive(Deserialize)]
struct Stored {
    rate_bits_per_second: u64,
    rtt_ms: f64,
    interval_ms: Option<f64>,
    deadline_ms: Option<f64>,
    permitted_violations: f64,
    tasks: Vec<StoredTask>,
}

#[derive(Deserialize)]
struct StoredTask {
    task: Task,
    limit: f64,
    contenders: Vec<StoredContender>,
}

#[derive(Deserialize)]
struct StoredContender {
    name: String,
    label: String,
    deployable: bool,
}

impl TryFrom<Stored> for Terms {
    type Error = NoTerms;

    fn try_from(stored: Stored) -> Result<Self, NoTerms> {
        let optional = |what, millis: Option<f64>| millis.map(|m| time(what, m)).transpose();
        let uplink = Uplink {
            rate: BitRate(stored.rate_bits_per_second),
            rtt: time("a round trip", stored.rtt_ms)?,
            interval: optional("an interval", stored.interval_ms)?,
        };
        let rules = Rules {
            uplink,
            deadline: optional("a deadline", stored.deadline_ms)?,
            permitted_violations: stored.permitted_violations,
        };
        let tasks = stored.tasks.into_iter().map(|task| {
            let contenders = task.contenders.into_iter().map(Contender::try_from);
            Ok(TaskTerms {
                task: task.task,
                limit: task.limit,
                contenders: contenders.collect::<Result<_, NoTerms>>()?,
            })
        });
        Ok(Self {
            rules,
            tasks: tasks.collect::<Result<_, NoTerms>>()?,
        })
    }
}

impl TryFrom<StoredContender> for Contender {
    type Error = NoTerms;

    fn try_from(stored: StoredContender) -> Result<Self, NoTerms> {
        let StoredContender {
            name,
            label,
            deployable,
        } = stored;
        match (deployable, label.parse()) {
            (false, _) => Ok(Self::Oracle { name }),
            (true, Ok(config)) => Ok(Self::Policy { name, config }),
            (true, Err(source)) => Err(NoTerms::Policy {
                name,
                label,
                source,
            }),
        }
    }
}

fn time(what: &'static str, millis: f64) -> Result<Duration, NoTerms> {
    Duration::try_from_secs_f64(millis / 1e3).map_err(|_| NoTerms::Time { what, millis })
}
