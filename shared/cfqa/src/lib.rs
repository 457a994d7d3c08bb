//! Compressed feature quality assessment: how good a reconstructed feature is, without its task.
//!
//! A [`Metric`] compares a distorted feature with its original. An edge that scores many encodings
//! of one feature prepares a [`Reference`] once; [`score`] and [`score_all`] are for single pairs.
//!
//! ```
//! use splitsim_cfqa::{Metric, Reference};
//! use splitsim_feature::{Feature, FeatureShape};
//!
//! let shape = FeatureShape::new(1, 1, 2, 2)?;
//! let reference = Reference::new(Feature::new(shape, vec![1.0, 2.0, 3.0, 5.0])?);
//! let distorted = Feature::new(shape, vec![1.0, 2.0, 3.0, 3.0])?;
//! assert_eq!(reference.score(Metric::Mse, &distorted)?.value(), 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Metric`]: names, directions, ranges, costs, formulas; one file per definition in `metrics/`, one
//!   line in the registry of `metric.rs`;
//! - [`Reference`], [`Score`], [`Scores`]: scoring; [`score_layers`] layer by layer;
//! - [`Bank`]: metrics that need labelled features beside the pair;
//! - [`Correlation`]: how well scores follow true distortions (PLCC, SROCC, KROCC).
//!
//! Sums are taken in `f64`; the matrix products inside CKA are in `f32`, on rayon's current pool.
//! Results do not depend on the number of threads.

mod centred;
mod correlation;
mod discrimination;
mod error;
mod gram;
mod huge;
mod kernel;
mod lanes;
mod layers;
mod map_pair;
mod metric;
mod metrics;
mod pair;
mod panels;
mod reference;
mod score;
mod strassen;
mod tile;

pub use correlation::{Correlation, CorrelationError};
pub use discrimination::{Bank, BankError};
pub use error::{Cause, CfqaError, Operand};
pub use layers::score_layers;
pub use metric::{Cost, Direction, Metric, UnknownMetric};
pub use reference::{Reference, score, score_all};
pub use score::{Score, Scores};
pub use splitsim_feature::TokenLayout;
