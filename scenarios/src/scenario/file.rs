//! A scenario as a file has it.

use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroUsize};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use splitsim_cfqa::Metric;
use splitsim_codec::{CodecId, RangeMode};
use splitsim_feature::Task;
use splitsim_policy::{MaxAttempts, Rung, RungChoice};

use super::units::{Size, TimeSpan};

/// The whole file. What is `None` gets its default when the scenario is resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ScenarioFile {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default = "default_model")]
    pub(super) model: String,
    #[serde(default = "default_seed")]
    pub(super) seed: u64,
    pub(super) frames: Option<NonZeroUsize>,
    pub(super) images: Option<PathBuf>,
    pub(super) tasks: Option<Vec<Task>>,
    #[serde(default = "default_codec")]
    pub(super) codec: CodecId,
    #[serde(default)]
    pub(super) range: RangeMode,
    pub(super) codec_time_limit: Option<TimeSpan>,
    #[serde(default = "default_metrics")]
    pub(super) metrics: Vec<Metric>,
    #[serde(default)]
    pub(super) compute: ComputeKind,
    pub(super) threads: Option<NonZeroUsize>,
    #[serde(default = "default_queue")]
    pub(super) queue: NonZeroUsize,
    #[serde(default)]
    pub(super) transport: TransportSection,
    #[serde(default)]
    pub(super) thresholds: BTreeMap<Metric, BTreeMap<Task, f64>>,
    pub(super) policies: Vec<PolicySection>,
    /// What a resolved scenario says of the machine that it ran on: for people, not read.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub(super) provenance: toml::Table,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ComputeKind {
    #[default]
    F32,
    Bf16,
}

/// How connections behave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TransportSection {
    pub(super) keep_alive: Option<TimeSpan>,
    pub(super) idle_timeout: Option<TimeSpan>,
    pub(super) congestion: Option<String>,
    pub(super) initial_window: Option<Size>,
}

/// A policy. Which keys it may have depends on its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PolicySection {
    pub(super) name: String,
    pub(super) kind: PolicyKind,
    pub(super) metric: Option<Metric>,
    pub(super) threshold: Option<f64>,
    pub(super) start: Option<Rung>,
    pub(super) step: Option<NonZeroU8>,
    pub(super) max_attempts: Option<MaxAttempts>,
    pub(super) level: Option<RungChoice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PolicyKind {
    /// One encoding at a fixed level.
    Always,
    /// Richer until the score passes.
    Threshold,
}

fn default_model() -> String {
    "tiny-scenes".to_owned()
}

/// Seeds 1 and 2 are those of the default model's training, 3 that of its calibration.
const fn default_seed() -> u64 {
    4
}

const fn default_codec() -> CodecId {
    CodecId::Hevc
}

fn default_metrics() -> Vec<Metric> {
    Metric::STANDARD.to_vec()
}

/// See `EdgeConfig::depth`: 2 keeps every stage busy.
const fn default_queue() -> NonZeroUsize {
    const { NonZeroUsize::new(2).expect("2 is not zero") }
}
