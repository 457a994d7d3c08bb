//! The CFQA laboratory: whether a metric predicts semantic distortion, and where to put a gate's
//! threshold (Gao et al., "Compressed Feature Quality Assessment: Dataset and Baselines", MM'25).
//!
//! - [`ScoreSet`]: one [`Record`] per compressed feature, read from a [table](splitsim_table::Table);
//! - [`published`]: the benchmark's log files;
//! - [`evaluate`]: correlations per codec, task and metric with intervals, the paper's table 4;
//!   [`PlccHistogram`]: its figure 2;
//! - [`Logistic`]: the monotone curve between score and performance;
//! - [`Ladders`], [`Gate`]: what a gate with some threshold accepts; [`Roc`];
//! - [`certify`]: a threshold with a guarantee; [`validity`]: whether guarantees hold.
//!
//! Everything is a pure function of its arguments, seeds among them. The unit that is drawn at random,
//! resampled and split is always the *feature* with all of its levels, never a single row.

mod binomial;
mod bootstrap;
mod error;
mod evaluate;
pub mod fuzzing;
mod gate;
mod guarantee;
mod histogram;
mod ladders;
mod logistic;
mod mode;
pub mod published;
mod roc;
mod set;
mod split;

pub use binomial::{ClopperPearson, binomial_cdf};
pub use bootstrap::{Bootstrap, Interval};
pub use error::LabError;
pub use evaluate::{Estimate, Evaluation, PerFeature, Pooled, Protocol, Target, evaluate};
pub use gate::{Gate, GateOutcome, RowOutcome};
pub use guarantee::{Certificate, Guarantee, Validity, certify, empirical, validity};
pub use histogram::PlccHistogram;
pub use ladders::{Ladder, LadderPoint, Ladders};
pub use logistic::Logistic;
pub use mode::MetricMode;
pub use roc::{Roc, RocPoint};
pub use set::{Record, SCORE_PREFIX, ScoreSet, direction};
pub use split::split;
