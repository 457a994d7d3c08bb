//! The costs and distortions of a policy in one row.

use splitsim_feature::Task;
use splitsim_results::{GroupSummary, Quantiles};

use crate::statistics::mean;
use crate::{Limits, RecordedReplay, RecordedRun};

/// Means of a policy on a task. A figure is `None` where nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatingPoint {
    /// The task.
    pub task: Task,
    /// The policy, as its scenario calls it.
    pub policy: String,
    /// Frames that arrived, or were shipped in a replay.
    pub frames: u64,
    /// Frames that failed.
    pub failed: u64,
    /// Frames that the policy dropped on purpose.
    pub dropped: u64,
    /// Bits per feature point.
    pub bpfp: Option<f64>,
    /// Bytes of the container per frame.
    pub container_bytes: Option<f64>,
    /// Bytes on the link per frame, with all headers and retransmissions.
    pub link_bytes: Option<f64>,
    /// Encodings per frame.
    pub attempts: Option<f64>,
    /// True distortion, in the task's unit.
    pub distortion: Option<f64>,
    /// Frames whose true distortion exceeds the limit, in per cent of those that have one.
    pub over_limit_percent: Option<f64>,
    /// Agreement with the answer on the original feature.
    pub agreement: Option<f64>,
    /// Median time of a frame on the link, in ms.
    pub transfer_p50_ms: Option<f64>,
    /// Median from capture to reply, in ms.
    pub latency_p50_ms: Option<f64>,
    /// Its 95th percentile, in ms.
    pub latency_p95_ms: Option<f64>,
}

impl RecordedRun {
    /// A row for each task and policy that the results know.
    #[must_use]
    pub fn operating_points(&self, limits: &Limits) -> Vec<OperatingPoint> {
        let groups = self.summary.groups.iter();
        groups
            .map(|group| self.operating_point(group, limits))
            .collect()
    }

    fn operating_point(&self, group: &GroupSummary, limits: &Limits) -> OperatingPoint {
        let task = group.key.task;
        let policy = self.policy_of(&group.key.run_id).to_owned();
        let shipments = self.shipments(task).into_iter();
        let own = shipments.filter(|one| self.policies[one.policy] == policy);
        let own: Vec<_> = own.collect();
        let distortions = own.iter().filter_map(|one| one.distortion());
        let over = distortions.map(|one| if one > limits.of(task) { 100.0 } else { 0.0 });
        let agreements = own.iter().filter_map(|one| one.agreement());
        let median = |stage: Option<Quantiles>| stage.map(|times| times.p50_ms);
        let key = (policy.clone(), task);
        OperatingPoint {
            frames: group.frames,
            failed: self
                .failed
                .get(&key)
                .map_or(0, |failed| failed.len() as u64),
            dropped: self.dropped.get(&key).copied().unwrap_or_default(),
            bpfp: group.bpfp_mean,
            container_bytes: group.container_bytes_mean,
            link_bytes: group.link_bytes_mean,
            attempts: group.attempts_mean,
            distortion: group.distortion.as_ref().map(|all| all.mean),
            over_limit_percent: mean(&over.collect::<Vec<_>>()),
            agreement: mean(&agreements.collect::<Vec<_>>()),
            transfer_p50_ms: median(group.latency.transfer),
            latency_p50_ms: median(group.latency.end_to_end),
            latency_p95_ms: group.latency.end_to_end.map(|times| times.p95_ms),
            task,
            policy,
        }
    }
}

impl RecordedReplay {
    /// A row for each task and policy that was replayed, judged by the replay's limits. Bytes on a link are
    /// not modelled.
    #[must_use]
    pub fn operating_points(&self) -> Vec<OperatingPoint> {
        let tasks = self.comparison.tasks.iter();
        let each = tasks.flat_map(|task| task.contenders.iter().map(move |one| (task.task, one)));
        each.map(|(task, one)| OperatingPoint {
            task,
            policy: one.name.clone(),
            frames: one.shipped as u64,
            failed: one.given_up as u64,
            dropped: one.dropped as u64,
            bpfp: one.bpfp_mean,
            container_bytes: one.bytes_mean,
            link_bytes: None,
            attempts: one.attempts_mean,
            distortion: one.distortion.as_ref().map(|all| all.mean),
            over_limit_percent: one.violations.percent(),
            agreement: None,
            transfer_p50_ms: None,
            latency_p50_ms: one.latency_ms.as_ref().map(|times| times.p50),
            latency_p95_ms: one.latency_ms.as_ref().map(|times| times.p95),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_row_has_what_the_overview_has() {
        let (_dir, run) = samples::run(10);
        let run = run.with_failed("gate", Task::Seg, vec![(11, "too large".to_owned())]);
        let points = run.operating_points(&Limits::default());
        let gate = points.iter().find(|one| one.policy == "gate").unwrap();
        assert_eq!((points.len(), gate.frames, gate.failed), (2, 10, 1));
        // Distortions 10 to 1 but for 30 in place of 5; 1 is within the limit.
        assert_eq!(gate.distortion, Some(8.0));
        assert_eq!(gate.over_limit_percent, Some(90.0));
        assert_eq!(gate.container_bytes, Some(1004.5));
        assert_eq!(gate.link_bytes, Some(1060.5));
    }
}
