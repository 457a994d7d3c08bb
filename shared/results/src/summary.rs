//! One row per task and policy.

mod group;
mod quantiles;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Row;
use serde::Serialize;
use splitsim_feature::Task;

use crate::logged::{json, parse, run_of_row};
use crate::{ResultsError, RunRecord, Score, Store, Verdict};
use group::Group;
pub use quantiles::{DistortionSummary, DistortionUnit, Quantiles};

/// The costs and the task performance of a run's frames: the content of `summary.json`.
///
/// A column without data is `None`, never 0 or NaN. Definitions: `docs/metrics.md`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Groups by task (cls, seg, dpt), then in the order in which their runs were registered.
    pub groups: Vec<GroupSummary>,
}

/// The properties that the frames of a group share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupKey {
    /// The task.
    pub task: Task,
    /// The run.
    pub run_id: String,
    /// The policy's label.
    pub policy: String,
    /// The model package's name.
    pub model: String,
    /// Digest of the package, in hexadecimal.
    pub model_digest: String,
    /// The codec.
    pub codec: String,
    /// The metric that the policy decides by.
    pub metric: Option<String>,
    /// The score that the policy asks for.
    pub threshold: Option<f64>,
}

/// The frames of one task under one policy of one run, all its edges together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupSummary {
    /// The properties that its frames share.
    #[serde(flatten)]
    pub key: GroupKey,
    /// Edges that took part.
    pub edges: u64,
    /// Frames recorded.
    pub frames: u64,
    /// Frames with a true distortion, thus with reference and ground truth.
    pub frames_with_distortion: u64,
    /// Frames whose settlement arrived: link counts, transfer and end-to-end time are known.
    pub frames_settled: u64,
    /// Mean rate of the containers, in bits per feature point.
    pub bpfp_mean: Option<f64>,
    /// Mean entropy-coded payload per frame.
    pub payload_bytes_mean: Option<f64>,
    /// Mean container per frame.
    pub container_bytes_mean: Option<f64>,
    /// Mean QUIC stream bytes per settled frame.
    pub stream_bytes_mean: Option<f64>,
    /// Mean UDP payload per settled frame.
    pub udp_bytes_mean: Option<f64>,
    /// Mean bytes on the link per settled frame, IP and UDP headers included.
    pub link_bytes_mean: Option<f64>,
    /// Mean number of encodings per frame.
    pub attempts_mean: Option<f64>,
    /// Share of the frames with more than one attempt, in %.
    pub reencoded_percent: Option<f64>,
    /// Share of the frames shipped although no attempt reached the threshold, in %.
    pub best_effort_percent: Option<f64>,
    /// Mean score of the shipped attempts, by metric.
    pub shipped_scores: Vec<MeanScore>,
    /// Task performance of the original features.
    pub performance_original: Option<TaskPerformance>,
    /// Task performance of the features that arrived.
    pub performance_received: Option<TaskPerformance>,
    /// True semantic distortion.
    pub distortion: Option<DistortionSummary>,
    /// Mean squared error of the features that arrived.
    pub feature_mse_mean: Option<f64>,
    /// Agreement with the answers on the original features: cls share of the same top class in %, seg mean
    /// IoU in %, dpt mean RMSE in m.
    pub agreement_mean: Option<f64>,
    /// Time from capture to reply, and in each stage.
    pub latency: Latency,
}

/// The mean of one metric over the shipped attempts that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeanScore {
    /// The metric.
    pub metric: String,
    /// Its mean.
    pub mean: f64,
    /// Frames that have it.
    pub frames: u64,
}

/// A task's performance over the frames with ground truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TaskPerformance {
    /// Classification.
    Cls {
        /// Share of the frames whose label has rank 1, in %.
        top1_percent: f64,
        /// Mean rank of the label, 1 is best.
        rank_mean: f64,
    },
    /// Segmentation.
    Seg {
        /// Mean of the per-image mIoU, in %.
        miou_percent_mean: f64,
    },
    /// Depth.
    Dpt {
        /// Mean of the per-image RMSE, in m.
        rmse_m_mean: f64,
    },
}

/// Latency by stage, each over the frames that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    /// Capture to reply, less what only the experiment needs.
    pub end_to_end: Option<Quantiles>,
    /// Image to the model's input.
    pub preprocess: Option<Quantiles>,
    /// Backbone up to the split.
    pub extract: Option<Quantiles>,
    /// All attempts: encode, decode, score, decide.
    pub attempts: Option<Quantiles>,
    /// Waiting between stages and until the stream was opened, at the edge.
    pub queue: Option<Quantiles>,
    /// Round trip of the stream less the cloud's stages.
    pub transfer: Option<Quantiles>,
    /// Received until decoding began, at the cloud.
    pub cloud_queue: Option<Quantiles>,
    /// Container to feature, at the cloud.
    pub decode: Option<Quantiles>,
    /// Task head.
    pub head: Option<Quantiles>,
    /// Work that only the experiment needs: in no other column.
    pub experiment: Option<Quantiles>,
}

impl Summary {
    /// Summarises everything in a store.
    ///
    /// # Errors
    /// When the file cannot be read or holds values that this crate never writes.
    pub fn compute(store: &Store) -> Result<Self, ResultsError> {
        read(store).map_err(store.error("summarise results"))
    }

    /// Summarises a results file.
    ///
    /// # Errors
    /// As [`Store::open`] and [`Summary::compute`].
    pub fn of_file(path: &Path) -> Result<Self, ResultsError> {
        Self::compute(&Store::open(path)?)
    }
}

/// The columns of a frame that the summary needs.
struct FrameRow {
    run_key: i64,
    task: Task,
    verdict: Verdict,
    bpfp: f64,
    payload_bytes: f64,
    container_bytes: f64,
    stream_bytes: Option<f64>,
    udp_bytes: Option<f64>,
    link_bytes: Option<f64>,
    attempts: u32,
    scores: Vec<Score>,
    original: Option<f64>,
    received: Option<f64>,
    distortion: Option<f64>,
    feature_mse: Option<f64>,
    agreement: Option<f64>,
    stages: StagesRow,
}

/// Stages in ms, `None` while unknown.
struct StagesRow {
    end_to_end: Option<f64>,
    preprocess: Option<f64>,
    extract: Option<f64>,
    attempts: Option<f64>,
    queue: Option<f64>,
    transfer: Option<f64>,
    cloud_queue: Option<f64>,
    decode: Option<f64>,
    head: Option<f64>,
    experiment: Option<f64>,
}

const FRAMES: &str = "
    SELECT f.*, s.*, d.original, d.received, d.distortion, d.feature_mse,
        d.agreement,
        (SELECT count(*) FROM attempts a WHERE a.frame_key = f.frame_key) AS attempts,
        (SELECT scores FROM attempts a
            WHERE a.frame_key = f.frame_key AND a.attempt = f.shipped_attempt) AS scores
    FROM frames f JOIN stages s USING (frame_key) LEFT JOIN distortions d USING (frame_key)
    ORDER BY f.frame_key";

fn read(store: &Store) -> rusqlite::Result<Summary> {
    // One snapshot for both statements: a writer may add runs and frames in between.
    let snapshot = store.connection().unchecked_transaction()?;
    let mut groups = Groups::default();
    let mut statement = snapshot.prepare("SELECT * FROM runs ORDER BY run_key")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        groups.register(row.get("run_key")?, run_of_row(row)?);
    }
    let mut statement = snapshot.prepare(FRAMES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        groups.add(&FrameRow::read(row)?);
    }
    Ok(groups.finish())
}

impl GroupKey {
    fn of(run: &RunRecord, task: Task) -> Self {
        Self {
            task,
            run_id: run.run_id.clone(),
            policy: run.policy.clone(),
            model: run.model.clone(),
            model_digest: run.model_digest.clone(),
            codec: run.codec.clone(),
            metric: run.metric.clone(),
            threshold: run.threshold,
        }
    }
}

impl FrameRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run_key: row.get("run_key")?,
            task: parse(&row.get::<_, String>("task")?)?,
            verdict: parse(&row.get::<_, String>("verdict")?)?,
            bpfp: row.get("bpfp")?,
            payload_bytes: row.get("payload_bytes")?,
            container_bytes: row.get("container_bytes")?,
            stream_bytes: row.get("stream_bytes")?,
            udp_bytes: row.get("udp_bytes")?,
            link_bytes: row.get("link_bytes")?,
            attempts: row.get("attempts")?,
            scores: shipped_scores(row)?,
            original: row.get("original")?,
            received: row.get("received")?,
            distortion: row.get("distortion")?,
            feature_mse: row.get("feature_mse")?,
            agreement: row.get("agreement")?,
            stages: StagesRow {
                end_to_end: row.get("end_to_end_ms")?,
                preprocess: row.get("preprocess_ms")?,
                extract: row.get("extract_ms")?,
                attempts: row.get("attempts_ms")?,
                queue: row.get("queue_ms")?,
                transfer: row.get("transfer_ms")?,
                cloud_queue: row.get("cloud_queue_ms")?,
                decode: row.get("decode_ms")?,
                head: row.get("head_ms")?,
                experiment: row.get("experiment_ms")?,
            },
        })
    }
}

/// The shipped attempt's scores, and the frame's own score if the attempt does not repeat it.
fn shipped_scores(row: &Row<'_>) -> rusqlite::Result<Vec<Score>> {
    let mut scores: Vec<Score> = json(&row.get::<_, String>("scores")?)?;
    let metric: Option<String> = row.get("score_metric")?;
    let value: Option<f64> = row.get("score")?;
    if let Some((metric, value)) = metric.zip(value)
        && scores.iter().all(|score| score.metric != metric)
    {
        scores.push(Score { metric, value });
    }
    Ok(scores)
}

/// The groups being filled, and the map from a frame to its group.
#[derive(Default)]
struct Groups {
    runs: BTreeMap<i64, RunRecord>,
    groups: Vec<(GroupKey, Group)>,
    of_run: BTreeMap<(i64, Task), usize>,
}

impl Groups {
    /// A run with one task has a group even when no frame arrives.
    fn register(&mut self, run_key: i64, run: RunRecord) {
        let task = run.task;
        self.runs.insert(run_key, run);
        if let Some(task) = task {
            self.group(run_key, task);
        }
    }

    fn add(&mut self, frame: &FrameRow) {
        if let Some(index) = self.group(frame.run_key, frame.task) {
            self.groups[index].1.add(frame);
        }
    }

    /// Finds or makes the group; `None` for an unregistered run, which cannot occur in the file.
    fn group(&mut self, run_key: i64, task: Task) -> Option<usize> {
        if let Some(index) = self.of_run.get(&(run_key, task)) {
            return Some(*index);
        }
        let key = GroupKey::of(self.runs.get(&run_key)?, task);
        let found = self.groups.iter().position(|(other, _)| *other == key);
        let index = found.unwrap_or_else(|| {
            self.groups.push((key, Group::default()));
            self.groups.len() - 1
        });
        self.of_run.insert((run_key, task), index);
        self.groups[index].1.add_edge();
        Some(index)
    }

    fn finish(self) -> Summary {
        let mut groups: Vec<GroupSummary> = self
            .groups
            .into_iter()
            .map(|(key, group)| group.finish(key))
            .collect();
        groups.sort_by_key(|group| group.key.task);
        Summary { groups }
    }
}

#[cfg(test)]
mod tests;
