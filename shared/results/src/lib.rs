//! The results of a run: what was shipped, what it cost and what it did to the task.
//!
//! - [`Store`]: one SQLite file per run, durable when a call returns, idempotent per frame;
//! - [`RunRecord`], [`FrameRecord`], [`AttemptRecord`], [`DistortionRecord`], [`CloudStages`],
//!   [`SettlementRecord`]: what is written;
//! - [`LinkSampleRecord`], [`ConnectionSampleRecord`]: how link and connections were meanwhile;
//! - [`LoggedFrame`], [`StageRecord`] and [`Rows`]: what is read back, typed or as plain columns;
//! - [`Summary`]: one row per task and policy, with quantiles of every latency stage;
//! - [`table`]: the summary for a terminal.
//!
//! Every column is defined in `docs/metrics.md`. This crate has no clock: times come in as
//! arguments. It knows neither libtorch nor the network.

mod check;
mod error;
mod file;
#[doc(hidden)]
pub mod fuzzing;
mod insert;
mod logged;
mod record;
mod rows;
mod sampled;
#[cfg(test)]
mod samples;
mod schema;
mod store;
mod summary;
pub mod table;

pub use error::{FrameConflict, ResultsError};
pub use logged::{LoggedFrame, StageRecord};
pub use record::{
    AttemptRecord, CloudStages, DistortionRecord, EdgeSettings, FrameIdentity, FrameKey,
    FrameRecord, RunRecord, Score, SettlementRecord,
};
pub use rows::{Cell, ColumnType, Rows, TableName};
pub use sampled::{ConnectionSampleRecord, LinkSampleRecord};
pub use schema::SCHEMA_VERSION;
pub use splitsim_policy::Verdict;
pub use store::{Recorded, Store};
pub use summary::{
    DistortionSummary, DistortionUnit, GroupKey, GroupSummary, Latency, MeanScore, Quantiles,
    Summary, TaskPerformance,
};
