//! The records that the store writes; they are checked when they are stored.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use splitsim_feature::Task;
use splitsim_feature::units::{Bpfp, Bytes};
use splitsim_policy::{Bound, Verdict};

/// One edge's part of a run, registered at its hello.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run, shared by all its edges.
    pub run_id: String,
    /// The edge.
    pub edge_id: String,
    /// The decision policy's label, by which the summary groups.
    pub policy: String,
    /// The task, when the run has only one.
    pub task: Option<Task>,
    /// The model package's name.
    pub model: String,
    /// Digest of the package, in hexadecimal.
    pub model_digest: String,
    /// The codec's name.
    pub codec: String,
    /// The pictures, as the edge names them; `None` if it does not name any.
    #[serde(default)]
    pub source: Option<String>,
    /// Digest of all settings of the edge that decide on the content of frames, in hexadecimal; `None` if the
    /// edge did not send it.
    #[serde(default)]
    pub settings_digest: Option<String>,
    /// The metric that the policy decides by, if it looks at one.
    pub metric: Option<String>,
    /// The score that the policy asks for, if it does.
    pub threshold: Option<f64>,
    /// The side of the threshold that passes. `None` without a threshold, and in results of schema 2.
    #[serde(default)]
    pub bound: Option<Bound>,
    /// The seed from which the run's randomness descends.
    pub seed: u64,
    /// The edge's start time, RFC 3339.
    pub started_at: String,
    /// Version of the software.
    pub software_version: String,
    /// The machine: processor, cores, memory, system.
    pub host: Value,
    /// The fully resolved scenario, as text.
    pub scenario: String,
}

/// The settings that decide on the content of an edge's frames, from its hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeSettings {
    /// The pictures, as the edge names them.
    pub source: Option<String>,
    /// Digest of all settings, in hexadecimal.
    pub digest: Option<String>,
}

/// The identity of a frame: at most one record is kept for each key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameKey {
    /// The run.
    pub run_id: String,
    /// The edge that captured the frame.
    pub edge_id: String,
    /// The frame's number at that edge, from 0.
    pub frame: u64,
    /// The task.
    pub task: Task,
}

impl fmt::Display for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "frame {} ({}) of run '{}', edge '{}'",
            self.frame, self.task, self.run_id, self.edge_id
        )
    }
}

/// The predicted quality of a reconstruction, by one CFQA metric at the edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The metric's name.
    pub metric: String,
    /// Its value, finite.
    pub value: f64,
}

/// A frame that reached the cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// The frame's key.
    #[serde(flatten)]
    pub key: FrameKey,
    /// The image's name.
    pub source: String,
    /// Digest of the image, in hexadecimal, if its edge sent it.
    #[serde(default)]
    pub picture_digest: Option<String>,
    /// Digest of the container, in hexadecimal. `None` in results of schema 2.
    #[serde(default)]
    pub container_digest: Option<String>,
    /// The policy's verdict on the attempt that it shipped.
    pub verdict: Verdict,
    /// Number of the attempt that was shipped.
    pub shipped_attempt: u32,
    /// Its level on the codec's ladder.
    pub shipped_level: u32,
    /// Values of the feature: `views · layers · tokens · dim`, at least 1.
    pub feature_points: u64,
    /// Entropy-coded payload.
    pub payload_bytes: Bytes,
    /// The container, payload included.
    pub container_bytes: Bytes,
    /// The shipped attempt's score by the policy's metric.
    pub score: Option<Score>,
    /// The result of the cloud's head.
    pub cloud_outcome: Value,
    /// The time when the cloud had received it, RFC 3339.
    pub received_at: String,
}

/// The properties that a frame sent again must share with the one recorded under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameIdentity {
    /// The image's name.
    pub source: String,
    /// Digest of the image, where known.
    pub picture_digest: Option<String>,
    /// Digest of the container, where known.
    pub container_digest: Option<String>,
}

impl FrameIdentity {
    /// The first property in which the two differ, with both values. A property that one of them does not know
    /// counts as equal.
    pub(crate) fn difference<'a>(
        &'a self,
        other: &'a Self,
    ) -> Option<(&'static str, &'a str, &'a str)> {
        let fields = |identity: &'a Self| {
            [
                ("picture", Some(identity.source.as_str())),
                ("picture digest", identity.picture_digest.as_deref()),
                ("container digest", identity.container_digest.as_deref()),
            ]
        };
        let pairs = fields(self).into_iter().zip(fields(other));
        pairs
            .filter_map(|((field, one), (_, two))| Some((field, one?, two?)))
            .find(|(_, one, two)| one != two)
    }
}

impl FrameRecord {
    /// The properties that tell the frame from others.
    #[must_use]
    pub fn identity(&self) -> FrameIdentity {
        FrameIdentity {
            source: self.source.clone(),
            picture_digest: self.picture_digest.clone(),
            container_digest: self.container_digest.clone(),
        }
    }

    /// The frame's rate, from the container: `8 · container_bytes / feature_points`.
    #[must_use]
    pub fn bpfp(&self) -> Bpfp {
        Bpfp(self.container_bytes.0 as f64 * 8.0 / self.feature_points as f64)
    }
}

/// One encoding of a frame, shipped or thrown away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Its number within the frame.
    pub attempt: u32,
    /// Its level on the codec's ladder.
    pub level: u32,
    /// The codec's label for that level, such as `qp 38`.
    pub label: String,
    /// Entropy-coded payload; `None` when it failed.
    pub payload_bytes: Option<Bytes>,
    /// The container; `None` when it failed.
    pub container_bytes: Option<Bytes>,
    /// Time to encode, in ms.
    pub encode_ms: Option<f64>,
    /// Time to decode at the edge, in ms.
    pub decode_ms: Option<f64>,
    /// Time to score, in ms.
    pub score_ms: Option<f64>,
    /// Its scores, one per metric computed.
    pub scores: Vec<Score>,
    /// The reason why it failed, if it did.
    pub failed: Option<String>,
}

/// The effect of compression on the task, as measured at the cloud in an experiment.
///
/// `None` if the frame has no reference feature or no ground truth. Performance is the rank of the label (cls,
/// 1 is best), mIoU in % (seg) or RMSE in m (dpt).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct DistortionRecord {
    /// Performance of the head on the original feature.
    pub original: Option<f64>,
    /// Performance of the head on what arrived.
    pub received: Option<f64>,
    /// True semantic distortion, positive when the task got worse: ranks, mIoU points or m.
    pub distortion: Option<f64>,
    /// Mean squared error between the original feature and what arrived.
    pub feature_mse: Option<f64>,
    /// Agreement of the head's answer on what arrived with its answer on the original, which may be wrong
    /// too: 100 or 0 for the same top class or another (cls), mean IoU of the two masks in % (seg), or RMSE
    /// between the two depth maps in m (dpt).
    pub agreement: Option<f64>,
}

/// The stages whose length the cloud knows before it replies: the edge's stages, from the frame's header, and
/// its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CloudStages {
    /// Image to the model's input, at the edge, in ms.
    pub preprocess_ms: f64,
    /// Backbone up to the split, at the edge, in ms.
    pub extract_ms: f64,
    /// All attempts: encode, decode, score and decide, at the edge, in ms.
    pub attempts_ms: f64,
    /// Waiting between stages and until its stream was opened, at the edge, in ms.
    pub queue_ms: f64,
    /// Received until decoding began, at the cloud, in ms.
    pub cloud_queue_ms: f64,
    /// Container to feature, at the cloud, in ms.
    pub decode_ms: f64,
    /// Task head, at the cloud, in ms.
    pub head_ms: f64,
    /// Work that only the experiment needs, at the cloud, in ms; no part of any latency.
    pub experiment_ms: f64,
}

/// Measurements of a frame that the edge has only after the reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettlementRecord {
    /// The frame's key.
    #[serde(flatten)]
    pub key: FrameKey,
    /// Round trip of the frame's stream less the cloud's stages, in ms.
    pub transfer_ms: f64,
    /// Capture to reply, less what only the experiment needs, in ms.
    pub end_to_end_ms: f64,
    /// The cloud's experiment time from its reply, storing included. It replaces the recorded one, which was
    /// written before that work had ended.
    pub experiment_ms: Option<f64>,
    /// Bytes written to the frame's QUIC stream.
    pub stream_bytes: Bytes,
    /// UDP payload sent for it.
    pub udp_bytes: Bytes,
    /// UDP datagrams sent for it.
    pub udp_datagrams: u64,
    /// `udp_bytes` and the IP and UDP headers of every datagram.
    pub link_bytes: Bytes,
    /// The number of times that the frame was sent, 1 unless the connection broke.
    pub sends: u32,
}
