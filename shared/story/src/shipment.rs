//! A frame as the report looks at it.

use splitsim_cfqa::{Direction, Metric};
use splitsim_feature::Task;
use splitsim_policy::Criterion;
use splitsim_results::{AttemptRecord, LoggedFrame, RunRecord};

use crate::RecordedRun;

/// A recorded frame under its policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipment<'a> {
    /// Number of the policy in the run.
    pub(crate) policy: usize,
    pub(crate) logged: &'a LoggedFrame,
}

/// What a gate asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    pub(crate) metric: String,
    pub(crate) threshold: f64,
}

impl<'a> Shipment<'a> {
    pub(crate) fn distortion(&self) -> Option<f64> {
        self.logged.distortion?.distortion
    }

    pub(crate) fn bpfp(&self) -> f64 {
        self.logged.frame.bpfp().0
    }

    /// The attempt that was shipped.
    pub(crate) fn attempt(&self) -> Option<&'a AttemptRecord> {
        let shipped = self.logged.frame.shipped_attempt;
        let mut attempts = self.logged.attempts.iter();
        attempts.find(|attempt| attempt.attempt == shipped)
    }

    /// The shipped attempt's score by a metric.
    pub(crate) fn score(&self, metric: &str) -> Option<f64> {
        let decided = self.logged.frame.score.iter();
        let recorded = self
            .attempt()
            .into_iter()
            .flat_map(|attempt| &attempt.scores);
        let mut scores = decided.chain(recorded);
        scores
            .find(|score| score.metric == metric)
            .map(|score| score.value)
    }

    /// Frame and picture, for people.
    pub(crate) fn label(&self) -> String {
        let frame = &self.logged.frame;
        format!("frame {} · {}", frame.key.frame, frame.source)
    }
}

impl From<&Criterion> for Gate {
    fn from(criterion: &Criterion) -> Self {
        Self {
            metric: criterion.metric().to_owned(),
            threshold: criterion.threshold(),
        }
    }
}

impl Gate {
    fn of(run: &RunRecord) -> Option<Self> {
        let metric = run.metric.clone()?;
        let threshold = run.threshold?;
        Some(Self { metric, threshold })
    }

    pub(crate) fn higher_is_better(&self) -> bool {
        let metric: Option<Metric> = self.metric.parse().ok();
        metric.is_none_or(|metric| metric.direction() == Direction::HigherIsBetter)
    }

    pub(crate) fn accepts(&self, score: f64) -> bool {
        match self.higher_is_better() {
            true => score >= self.threshold,
            false => score <= self.threshold,
        }
    }
}

impl RecordedRun {
    /// Frames of a task, all policies.
    pub(crate) fn shipments(&self, task: Task) -> Vec<Shipment<'_>> {
        let frames = self.frames.iter();
        let of_task = frames.filter(|logged| logged.frame.key.task == task);
        of_task
            .filter_map(|logged| {
                let name = self.policy_of(&logged.frame.key.run_id);
                let policy = self.policies.iter().position(|policy| policy == name)?;
                Some(Shipment { policy, logged })
            })
            .collect()
    }

    /// The gate of a policy for a task, if it has one.
    pub(crate) fn gate(&self, policy: usize, task: Task) -> Option<Gate> {
        let runs = self.runs.iter();
        let mut of_policy = runs.filter(|run| {
            let same = self.policies.get(policy).map(String::as_str);
            Some(self.policy_of(&run.run_id)) == same && run.task.is_none_or(|of| of == task)
        });
        of_policy.find_map(Gate::of)
    }

    /// The first policy with a gate for a task, and the gate.
    pub(crate) fn first_gate(&self, task: Task) -> Option<(usize, Gate)> {
        (0..self.policies.len()).find_map(|policy| Some((policy, self.gate(policy, task)?)))
    }
}
