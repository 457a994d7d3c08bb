use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_feature::Task;
use splitsim_feature::units::{Bpfp, Bytes};
use splitsim_policy::Verdict;
use splitsim_proto::{CloudStages, FrameResult, Outcome, Settlement};

use crate::parcel::Parcel;

/// A frame that the cloud has answered. The columns are those of `docs/metrics.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// The frame's number: its picture's place in the source.
    pub frame: u64,
    /// The frame's task.
    pub task: Task,
    /// Its picture's name.
    pub source: String,
    /// The level shipped, 0 the cheapest.
    pub level: u32,
    /// The codec's name of the level, such as `qp 30`.
    pub label: String,
    /// Encodings made, the failed ones included.
    pub attempts: usize,
    /// Encodings that gave nothing to ship.
    pub failed_attempts: usize,
    /// The reason for this level.
    pub verdict: Verdict,
    /// The metric that the decision was taken on.
    pub metric: Option<String>,
    /// Every metric's score of the shipped attempt.
    pub scores: BTreeMap<String, f64>,
    /// Entropy-coded bytes.
    pub payload_bytes: Bytes,
    /// All bytes that the decoder needs.
    pub container_bytes: Bytes,
    /// Their rate.
    pub bpfp: Bpfp,
    /// Bytes on the frame's QUIC stream.
    pub stream_bytes: Bytes,
    /// UDP payload sent for the frame.
    pub udp_bytes: Bytes,
    /// UDP datagrams sent for the frame.
    pub udp_datagrams: u64,
    /// The number of times the frame was sent.
    pub sends: u32,
    /// Picture to network input.
    #[serde(rename = "preprocess_ms", with = "millis")]
    pub preprocess: Duration,
    /// Network input to feature.
    #[serde(rename = "extract_ms", with = "millis")]
    pub extract: Duration,
    /// All attempts.
    #[serde(rename = "attempts_ms", with = "millis")]
    pub attempting: Duration,
    /// Waiting at the edge.
    #[serde(rename = "queue_ms", with = "millis")]
    pub queue: Duration,
    /// Both ways on the link.
    #[serde(rename = "transfer_ms", with = "millis")]
    pub transfer: Duration,
    /// Waiting at the cloud.
    #[serde(rename = "cloud_queue_ms", with = "millis")]
    pub cloud_queue: Duration,
    /// The cloud's decoding.
    #[serde(rename = "decode_ms", with = "millis")]
    pub decode: Duration,
    /// The cloud's task head.
    #[serde(rename = "head_ms", with = "millis")]
    pub head: Duration,
    /// The cloud's work for the experiment, in no other column.
    #[serde(rename = "experiment_ms", with = "millis")]
    pub experiment: Duration,
    /// Picture to reply, without what only the experiment needs.
    #[serde(rename = "end_to_end_ms", with = "millis")]
    pub end_to_end: Duration,
    /// `true` if the cloud has stored the frame.
    pub stored: bool,
    /// `true` if the cloud had the frame before.
    pub duplicate: bool,
    /// The task head's answer.
    pub answer: Answer,
}

/// A task head's answer in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The likeliest classes and their scores, best first.
    Ranked(Vec<(u32, f32)>),
    /// The classes that occur, and their pixels.
    Pixels(Vec<(u32, u64)>),
    /// Depths in metres.
    Metres {
        /// The nearest.
        min: f32,
        /// The mean.
        mean: f32,
        /// The farthest.
        max: f32,
    },
}

/// A frame that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedFrame {
    /// The frame's number.
    pub frame: u64,
    /// The reason why it failed.
    pub reason: String,
}

impl FrameRecord {
    pub(crate) fn new(
        parcel: &Parcel,
        result: &FrameResult,
        transfer: Duration,
        stream_bytes: Bytes,
    ) -> Self {
        let header = &parcel.header;
        let stages = header.stages;
        let CloudStages {
            decode,
            head,
            experiment,
            queue: cloud_queue,
        } = result.stages;
        let worked = stages.preprocess + stages.extract + stages.attempts + stages.queue;
        let shipped = header.shipped();
        let scores = shipped.map_or(&[][..], |attempt| &attempt.scores);
        let container_bytes = header.container_bytes();
        Self {
            frame: header.frame,
            task: header.task,
            source: header.source.to_string(),
            level: shipped.map_or(0, |attempt| attempt.level),
            label: shipped.map_or_else(String::new, |attempt| attempt.label.to_string()),
            attempts: header.attempts.len(),
            failed_attempts: header
                .attempts
                .iter()
                .filter(|attempt| attempt.failed.is_some())
                .count(),
            verdict: header.verdict,
            metric: header.metric.as_ref().map(ToString::to_string),
            scores: scores
                .iter()
                .map(|score| (score.metric().to_string(), score.value()))
                .collect(),
            payload_bytes: shipped.map_or(Bytes(0), |attempt| attempt.payload_bytes),
            container_bytes,
            bpfp: Bpfp(container_bytes.0 as f64 * 8.0 / parcel.points as f64),
            stream_bytes,
            udp_bytes: parcel.timeline.link.udp_bytes,
            udp_datagrams: parcel.timeline.link.datagrams,
            sends: parcel.timeline.sends,
            preprocess: stages.preprocess,
            extract: stages.extract,
            attempting: stages.attempts,
            queue: stages.queue,
            transfer,
            cloud_queue,
            decode,
            head,
            experiment,
            end_to_end: worked + transfer + cloud_queue + decode + head,
            stored: result.stored,
            duplicate: result.duplicate,
            answer: Answer::of(&result.outcome),
        }
    }

    /// The score that the decision was taken on.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        self.scores.get(self.metric.as_ref()?).copied()
    }

    /// Returns the report on the frame that the cloud receives afterwards.
    pub(crate) fn settlement(&self) -> Settlement {
        Settlement {
            frame: self.frame,
            task: self.task,
            transfer: self.transfer,
            end_to_end: self.end_to_end,
            stream_bytes: self.stream_bytes,
            udp_tx_bytes: self.udp_bytes,
            udp_tx_datagrams: self.udp_datagrams,
            sends: self.sends,
            path: None,
        }
    }
}

impl Answer {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Cls { ranked } => {
                Self::Ranked(ranked.iter().map(|one| (one.class, one.score)).collect())
            }
            Outcome::Seg { classes } => {
                Self::Pixels(classes.iter().map(|one| (one.class, one.pixels)).collect())
            }
            &Outcome::Dpt {
                min_m,
                mean_m,
                max_m,
            } => Self::Metres {
                min: min_m,
                mean: mean_m,
                max: max_m,
            },
        }
    }
}

/// Durations as milliseconds, to the microsecond.
mod millis {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(span.as_micros() as f64 / 1e3)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let ms = f64::deserialize(from)?;
        let micros = (ms * 1e3).round();
        match (0.0..=9e15).contains(&micros) {
            true => Ok(Duration::from_micros(micros as u64)),
            false => Err(D::Error::custom(format!("{ms} is no duration in ms"))),
        }
    }
}

#[cfg(test)]
impl FrameRecord {
    /// A record for tests.
    pub(crate) fn sample(frame: u64) -> Self {
        let ms = Duration::from_millis;
        Self {
            frame,
            task: Task::Cls,
            source: format!("scene-{frame}"),
            level: 1,
            label: "qp 30".to_owned(),
            attempts: 2,
            failed_attempts: 0,
            verdict: Verdict::Passed,
            metric: Some("cosine".to_owned()),
            scores: BTreeMap::from([("cosine".to_owned(), 0.1 + 0.2)]),
            payload_bytes: Bytes(900),
            container_bytes: Bytes(946),
            bpfp: Bpfp(0.15),
            stream_bytes: Bytes(1200),
            udp_bytes: Bytes(1300),
            udp_datagrams: 3,
            sends: 1,
            preprocess: ms(2),
            extract: ms(30),
            attempting: ms(60),
            queue: ms(1),
            transfer: Duration::from_micros(20_001),
            cloud_queue: ms(3),
            decode: ms(20),
            head: ms(4),
            experiment: ms(7),
            end_to_end: Duration::from_micros(140_001),
            stored: true,
            duplicate: false,
            answer: Answer::Ranked(vec![(3, 1.5), (0, 0.25)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_journal() {
        let record = FrameRecord::sample(5);
        let text = serde_json::to_string(&record).unwrap();
        assert!(text.contains(r#""transfer_ms":20.001"#), "{text}");
        assert!(text.contains(r#""verdict":"passed""#), "{text}");
        assert_eq!(serde_json::from_str::<FrameRecord>(&text).unwrap(), record);
        assert_eq!(record.score(), Some(0.1 + 0.2));
    }

    #[test]
    fn a_record_that_cannot_be_is_refused() {
        let text = serde_json::to_string(&FrameRecord::sample(5)).unwrap();
        for (from, to) in [("20.001", "-1.0"), ("passed", "liked")] {
            let broken = text.replace(from, to);
            assert!(serde_json::from_str::<FrameRecord>(&broken).is_err());
        }
    }
}
