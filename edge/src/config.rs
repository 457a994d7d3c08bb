use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde_json::{Value, json};
use splitsim_cfqa::Metric;
use splitsim_codec::{CodecId, CodecOptions};
use splitsim_feature::Task;
use splitsim_policy::PolicyConfig;
use splitsim_source::SourceSpec;
use splitsim_transport::{Backoff, Destination, Identity, TransportOptions};
use splitsim_vision::Engine;

/// One edge's part of a run.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// The destination of frames.
    pub target: Destination,
    /// The destination of references and settlements, past an emulated link; `None` if it is that of frames.
    pub reference_target: Option<Destination>,
    /// The edge's certificate chain, private key and trusted authority.
    pub identity: Identity,
    /// The run; the same again continues it.
    pub run_id: String,
    /// The edge, unique within the run.
    pub edge_id: String,
    /// The task that the features are for.
    pub task: Task,
    /// The pictures; a frame's number is its picture's place among them, from 0.
    pub source: SourceSpec,
    /// The codec of the features.
    pub codec: CodecId,
    /// The options of the codec.
    pub codec_options: CodecOptions,
    /// The policy that decides over levels.
    pub policy: PolicyConfig,
    /// Metrics to record beside the policy's own. Each costs time in every attempt.
    pub metrics: Vec<Metric>,
    /// `true` to give the cloud the original features and the ground truth, so that it can measure the true
    /// distortion.
    pub references: bool,
    /// Journal and spool: what has been answered, and what waits for the cloud.
    pub out: PathBuf,
    /// The settings of connections.
    pub transport: TransportOptions,
    /// The waits between attempts to reach an absent cloud, and their limit.
    pub retry: Backoff,
    /// Frames that may wait between two stages. Each holds a feature in memory, so more than a few
    /// only add to the wait; 2 keeps every stage busy.
    pub depth: NonZeroUsize,
}

impl EdgeConfig {
    /// All that decides what is sent, by name: a directory belongs to one of these. `pictures` are
    /// those of the source, which a folder's name alone does not tell.
    pub(crate) fn settings(&self, engine: &Engine, pictures: usize) -> Value {
        let package = engine.package();
        json!({
            "run_id": self.run_id,
            "edge_id": self.edge_id,
            "model": package.manifest().name,
            "model_digest": package.digest().to_string(),
            "compute": engine.compute().name(),
            "task": self.task,
            "source": self.source.to_string(),
            "pictures": pictures,
            "codec": self.codec,
            "ranges": self.codec_options.range_mode,
            "rounding": self.codec_options.rounding,
            "policy": self.policy.to_string(),
            "metrics": self.metrics,
            "references": self.references,
        })
    }
}
