//! A group while frames are added to it.

use std::collections::BTreeMap;

use splitsim_feature::Task;

use super::quantiles::{DistortionUnit, Distortions, Mean, Timing};
use super::{FrameRow, GroupKey, GroupSummary, Latency, MeanScore, StagesRow, TaskPerformance};
use crate::Verdict;

#[derive(Default)]
pub(super) struct Group {
    edges: u64,
    bpfp: Mean,
    payload_bytes: Mean,
    container_bytes: Mean,
    stream_bytes: Mean,
    udp_bytes: Mean,
    link_bytes: Mean,
    attempts: Mean,
    reencoded: Mean,
    best_effort: Mean,
    scores: BTreeMap<String, Mean>,
    original: Performance,
    received: Performance,
    distortions: Distortions,
    feature_mse: Mean,
    agreement: Mean,
    timings: Timings,
}

impl Group {
    pub(super) const fn add_edge(&mut self) {
        self.edges += 1;
    }

    pub(super) fn add(&mut self, frame: &FrameRow) {
        self.bpfp.add(frame.bpfp);
        self.payload_bytes.add(frame.payload_bytes);
        self.container_bytes.add(frame.container_bytes);
        self.stream_bytes.add_known(frame.stream_bytes);
        self.udp_bytes.add_known(frame.udp_bytes);
        self.link_bytes.add_known(frame.link_bytes);
        self.attempts.add(f64::from(frame.attempts));
        self.reencoded.add(percent(frame.attempts > 1));
        self.best_effort
            .add(percent(frame.verdict == Verdict::BestEffort));
        for score in &frame.scores {
            let mean = self.scores.entry(score.metric.clone()).or_default();
            mean.add(score.value);
        }
        self.original.add_known(frame.original);
        self.received.add_known(frame.received);
        self.distortions.add_known(frame.distortion);
        self.feature_mse.add_known(frame.feature_mse);
        self.agreement.add_known(frame.agreement);
        self.timings.add(&frame.stages);
    }

    pub(super) fn finish(self, key: GroupKey) -> GroupSummary {
        let task = key.task;
        GroupSummary {
            key,
            edges: self.edges,
            frames: self.bpfp.count(),
            frames_with_distortion: self.distortions.count(),
            frames_settled: self.link_bytes.count(),
            bpfp_mean: self.bpfp.value(),
            payload_bytes_mean: self.payload_bytes.value(),
            container_bytes_mean: self.container_bytes.value(),
            stream_bytes_mean: self.stream_bytes.value(),
            udp_bytes_mean: self.udp_bytes.value(),
            link_bytes_mean: self.link_bytes.value(),
            attempts_mean: self.attempts.value(),
            reencoded_percent: self.reencoded.value(),
            best_effort_percent: self.best_effort.value(),
            shipped_scores: self.scores.into_iter().filter_map(mean_score).collect(),
            performance_original: self.original.finish(task),
            performance_received: self.received.finish(task),
            distortion: self.distortions.finish(DistortionUnit::of(task)),
            feature_mse_mean: self.feature_mse.value(),
            agreement_mean: self.agreement.value(),
            latency: self.timings.finish(),
        }
    }
}

fn percent(counts: bool) -> f64 {
    if counts { 100.0 } else { 0.0 }
}

fn mean_score((metric, mean): (String, Mean)) -> Option<MeanScore> {
    Some(MeanScore {
        metric,
        mean: mean.value()?,
        frames: mean.count(),
    })
}

/// Performance values of a task, whichever it is.
#[derive(Default)]
struct Performance {
    value: Mean,
    first_rank: Mean,
}

impl Performance {
    fn add_known(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.value.add(value);
            // Ranks are whole numbers; 1 is the best.
            self.first_rank.add(percent(value == 1.0));
        }
    }

    fn finish(self, task: Task) -> Option<TaskPerformance> {
        let mean = self.value.value()?;
        Some(match task {
            Task::Cls => TaskPerformance::Cls {
                top1_percent: self.first_rank.value()?,
                rank_mean: mean,
            },
            Task::Seg => TaskPerformance::Seg {
                miou_percent_mean: mean,
            },
            Task::Dpt => TaskPerformance::Dpt { rmse_m_mean: mean },
        })
    }
}

#[derive(Default)]
struct Timings {
    end_to_end: Timing,
    preprocess: Timing,
    extract: Timing,
    attempts: Timing,
    queue: Timing,
    transfer: Timing,
    cloud_queue: Timing,
    decode: Timing,
    head: Timing,
    experiment: Timing,
}

impl Timings {
    fn add(&mut self, stages: &StagesRow) {
        self.end_to_end.add_known(stages.end_to_end);
        self.preprocess.add_known(stages.preprocess);
        self.extract.add_known(stages.extract);
        self.attempts.add_known(stages.attempts);
        self.queue.add_known(stages.queue);
        self.transfer.add_known(stages.transfer);
        self.cloud_queue.add_known(stages.cloud_queue);
        self.decode.add_known(stages.decode);
        self.head.add_known(stages.head);
        self.experiment.add_known(stages.experiment);
    }

    fn finish(&self) -> Latency {
        Latency {
            end_to_end: self.end_to_end.quantiles(),
            preprocess: self.preprocess.quantiles(),
            extract: self.extract.quantiles(),
            attempts: self.attempts.quantiles(),
            queue: self.queue.quantiles(),
            transfer: self.transfer.quantiles(),
            cloud_queue: self.cloud_queue.quantiles(),
            decode: self.decode.quantiles(),
            head: self.head.quantiles(),
            experiment: self.experiment.quantiles(),
        }
    }
}
