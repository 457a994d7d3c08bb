//! A frame as the report looks at it.

use splitsim_cfqa::{Direction, Metric};
use splitsim_feature::Task;
use splitsim_policy::{Bound, Criterion, PolicyConfig};
use splitsim_results::{AttemptRecord, LoggedFrame, RunRecord};

use crate::RecordedRun;

/// A recorded frame under its policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipment<'a> {
    /// Number of the policy in the run.
    pub(crate) policy: usize,
    pub(crate) logged: &'a LoggedFrame,
}

/// The condition on which a gate ships.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    pub(crate) metric: String,
    pub(crate) bound: Bound,
    pub(crate) threshold: f64,
}

impl<'a> Shipment<'a> {
    pub(crate) fn distortion(&self) -> Option<f64> {
        self.logged.distortion?.distortion
    }

    /// Agreement with the answer on the original: cls 100 or 0 %, seg mean IoU in %, dpt RMSE in m.
    pub(crate) fn agreement(&self) -> Option<f64> {
        self.logged.distortion?.agreement
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
            bound: criterion.bound(),
            threshold: criterion.threshold(),
        }
    }
}

impl Gate {
    /// `None` too if nothing tells which side of the threshold passes.
    fn of(run: &RunRecord) -> Option<Self> {
        let metric = run.metric.clone()?;
        Some(Self {
            bound: run.bound.or_else(|| bound_of_schema_2(run, &metric))?,
            threshold: run.threshold?,
            metric,
        })
    }

    pub(crate) fn higher_is_better(&self) -> bool {
        self.bound == Bound::AtLeast
    }

    pub(crate) fn accepts(&self, score: f64) -> bool {
        match self.bound {
            Bound::AtLeast => score >= self.threshold,
            Bound::AtMost => score <= self.threshold,
        }
    }
}

/// Results of schema 2 do not say which side passes: their policy's label may, or the metric itself.
fn bound_of_schema_2(run: &RunRecord, metric: &str) -> Option<Bound> {
    let policy: Option<PolicyConfig> = run.policy.parse().ok();
    let told = policy.as_ref().and_then(PolicyConfig::criterion);
    let own = || {
        let metric: Metric = metric.parse().ok()?;
        Some(match metric.direction() {
            Direction::HigherIsBetter => Bound::AtLeast,
            Direction::LowerIsBetter => Bound::AtMost,
        })
    };
    told.map(Criterion::bound).or_else(own)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(policy: &str, metric: &str, bound: Option<Bound>) -> RunRecord {
        RunRecord {
            policy: policy.to_owned(),
            metric: Some(metric.to_owned()),
            threshold: Some(0.5),
            bound,
            ..crate::samples::run_record(policy, true)
        }
    }

    #[test]
    fn the_record_says_which_side_passes_and_nothing_is_guessed() {
        let accepts = |run: &RunRecord, score| Gate::of(run).map(|gate| gate.accepts(score));
        let mine = |bound| run("mine", "my-metric", bound);
        assert_eq!(accepts(&mine(Some(Bound::AtMost)), 0.4), Some(true));
        assert_eq!(accepts(&mine(Some(Bound::AtLeast)), 0.4), Some(false));
        assert_eq!(accepts(&mine(None), 0.4), None);
        // Schema 2: by the policy's label, else by the metric.
        let labelled = run("threshold:my-metric<=0.5", "my-metric", None);
        assert_eq!(accepts(&labelled, 0.4), Some(true));
        assert_eq!(accepts(&run("gate", "mse", None), 0.4), Some(true));
        assert_eq!(accepts(&run("gate", "cosine", None), 0.4), Some(false));
    }
}
