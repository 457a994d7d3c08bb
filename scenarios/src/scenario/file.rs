//! A scenario as a file has it.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use splitsim_cfqa::Metric;
use splitsim_codec::{CodecId, RangeMode};
use splitsim_feature::Task;

pub(super) use super::link::LinkSection;
pub(super) use super::policy_section::{KindChoice, PolicySection, ThresholdChoice};
pub(super) use super::replay::ReplaySection;
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
    pub(super) images: Option<String>,
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
    pub(super) edges_per_task: Option<NonZeroUsize>,
    pub(super) link: Option<LinkSection>,
    #[serde(default)]
    pub(super) thresholds: BTreeMap<Metric, BTreeMap<Task, f64>>,
    #[serde(default)]
    pub(super) record_ladders: bool,
    pub(super) replay: Option<ReplaySection>,
    pub(super) policies: Vec<PolicySection>,
    /// Files that this one stands on: merged before it is read as a scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) include: Vec<PathBuf>,
    /// The number of times that every point runs.
    pub(super) repeats: Option<NonZeroUsize>,
    /// Lists of values in place of values: taken apart before points are resolved.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub(super) sweep: toml::Table,
    /// The machine and software of the run, written into resolved scenarios; ignored on input.
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

/// The settings of connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TransportSection {
    pub(super) keep_alive: Option<TimeSpan>,
    pub(super) idle_timeout: Option<TimeSpan>,
    pub(super) congestion: Option<String>,
    pub(super) initial_window: Option<Size>,
    pub(super) connection: Option<ConnectionKind>,
    pub(super) in_flight: Option<NonZeroU32>,
    pub(super) priority: Option<String>,
    pub(super) zero_rtt: Option<bool>,
    pub(super) qlog: Option<bool>,
    pub(super) retry_for: Option<TimeSpan>,
    pub(super) reply_timeout: Option<TimeSpan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ConnectionKind {
    Warm,
    Cold,
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
