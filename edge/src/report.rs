use hdrhistogram::Histogram;
use serde::Serialize;
use splitsim_feature::units::{Bpfp, Bytes};
use splitsim_policy::Verdict;

use crate::{FailedFrame, FrameRecord};

/// The frames of a run by outcome, from this process's start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeReport {
    /// The run.
    pub run_id: String,
    /// The edge.
    pub edge_id: String,
    /// Frames of the source.
    pub frames: usize,
    /// Frames that an earlier process got answers to.
    pub answered_before: usize,
    /// Frames that the cloud answered, in the order of its answers.
    pub answered: Vec<FrameRecord>,
    /// Frames of which the policy ships nothing, those of earlier processes included.
    pub dropped: Vec<u64>,
    /// Frames that came to nothing.
    pub failed: Vec<FailedFrame>,
    /// Frames that wait in the spool.
    pub kept: Vec<u64>,
    /// Answered frames whose settlement the cloud does not have: their `transfer_ms` and
    /// `end_to_end_ms` are missing there.
    pub unsettled: usize,
    /// `true` if the run was asked to end early.
    pub interrupted: bool,
}

/// A report in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EdgeSummary {
    /// The run.
    pub run_id: String,
    /// The edge.
    pub edge_id: String,
    /// Frames of the source.
    pub frames: usize,
    /// Frames that an earlier process got answers to.
    pub answered_before: usize,
    /// Frames answered now. The numbers below are of these.
    pub answered: usize,
    /// Frames of which the policy ships nothing, those of earlier processes included.
    pub dropped: usize,
    /// Frames that came to nothing.
    pub failed: Vec<FailedFrame>,
    /// Frames that wait in the spool.
    pub kept: usize,
    /// Answered frames whose settlement the cloud does not have.
    pub unsettled: usize,
    /// `true` if the run was asked to end early.
    pub interrupted: bool,
    /// All containers together.
    pub container_bytes: Bytes,
    /// All UDP payload sent for frames.
    pub udp_bytes: Bytes,
    /// Mean of the frames' rates.
    pub bpfp_mean: Option<Bpfp>,
    /// Encodings per frame.
    pub attempts_mean: Option<f64>,
    /// Share of the frames with more than one encoding.
    pub reencoded_percent: Option<f64>,
    /// Frames shipped though no encoding passed.
    pub best_effort: usize,
    /// Frames that were sent more than once.
    pub resent: usize,
    /// Picture to reply.
    pub end_to_end: Option<LatencyMs>,
}

/// Quantiles of a latency in milliseconds: the smallest recorded value that the given share of values does
/// not exceed, within 0.1 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencyMs {
    /// Half of all.
    pub p50_ms: f64,
    /// 95 %.
    pub p95_ms: f64,
    /// All.
    pub max_ms: f64,
}

impl EdgeReport {
    /// `true` if every frame of the source is answered, or dropped on purpose.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.done() == self.frames
    }

    /// Frames of which nothing is left to do: at most all of the source's.
    #[must_use]
    pub const fn done(&self) -> usize {
        self.answered_before + self.answered.len() + self.dropped.len()
    }

    /// The report in numbers.
    #[must_use]
    pub fn summary(&self) -> EdgeSummary {
        let answered = &self.answered;
        let count = |holds: fn(&FrameRecord) -> bool| {
            answered.iter().filter(|record| holds(record)).count()
        };
        let mean = |of: fn(&FrameRecord) -> f64| {
            let sum: f64 = answered.iter().map(of).sum();
            (!answered.is_empty()).then(|| sum / answered.len() as f64)
        };
        EdgeSummary {
            run_id: self.run_id.clone(),
            edge_id: self.edge_id.clone(),
            frames: self.frames,
            answered_before: self.answered_before,
            answered: answered.len(),
            dropped: self.dropped.len(),
            failed: self.failed.clone(),
            kept: self.kept.len(),
            unsettled: self.unsettled,
            interrupted: self.interrupted,
            container_bytes: answered.iter().map(|record| record.container_bytes).sum(),
            udp_bytes: answered.iter().map(|record| record.udp_bytes).sum(),
            bpfp_mean: mean(|record| record.bpfp.0).map(Bpfp),
            attempts_mean: mean(|record| record.attempts as f64),
            reencoded_percent: mean(|record| f64::from(u8::from(record.attempts > 1)) * 100.0),
            best_effort: count(|record| record.verdict == Verdict::BestEffort),
            resent: count(|record| record.sends > 1),
            end_to_end: end_to_end(answered),
        }
    }
}

fn end_to_end(answered: &[FrameRecord]) -> Option<LatencyMs> {
    let mut histogram = Histogram::<u64>::new(SIGNIFICANT_DIGITS).ok()?;
    histogram.auto(true);
    for record in answered {
        let micros = u64::try_from(record.end_to_end.as_micros()).ok()?;
        histogram.record(micros).ok()?;
    }
    let max_ms = answered
        .iter()
        .map(|record| record.end_to_end.as_secs_f64() * 1e3)
        .fold(0.0, f64::max);
    // The histogram's values are a little rounded up, beyond the exact maximum perhaps.
    let ms = |quantile| (histogram.value_at_quantile(quantile) as f64 / 1e3).min(max_ms);
    (!answered.is_empty()).then(|| LatencyMs {
        p50_ms: ms(0.5),
        p95_ms: ms(0.95),
        max_ms,
    })
}

/// As in the run's summary at the cloud.
const SIGNIFICANT_DIGITS: u8 = 3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_empty_report_has_no_means() {
        let summary = EdgeReport::default().summary();
        assert_eq!(summary.bpfp_mean, None);
        assert_eq!(summary.end_to_end, None);
        assert_eq!(summary.reencoded_percent, None);
    }

    #[test]
    fn means_and_quantiles_are_over_the_answered_frames() {
        let answered = (1..=20)
            .map(|frame| FrameRecord {
                attempts: if frame > 15 { 3 } else { 1 },
                end_to_end: Duration::from_millis(10 * frame),
                verdict: if frame == 20 {
                    Verdict::BestEffort
                } else {
                    Verdict::Passed
                },
                ..FrameRecord::sample(frame)
            })
            .collect();
        let report = EdgeReport {
            frames: 20,
            answered,
            ..EdgeReport::default()
        };
        let summary = report.summary();
        assert!(report.is_complete());
        assert_eq!(summary.attempts_mean, Some(1.5));
        assert_eq!(summary.reencoded_percent, Some(25.0));
        assert_eq!(summary.best_effort, 1);
        assert_eq!(summary.container_bytes, Bytes(20 * 946));
        let latency = summary.end_to_end.unwrap();
        assert!((latency.p50_ms - 100.0).abs() < 0.1, "{latency:?}");
        assert!((latency.p95_ms - 190.0).abs() < 0.2, "{latency:?}");
        assert_eq!(latency.max_ms, 200.0);
    }
}
