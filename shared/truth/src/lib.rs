//! Ground truth, task performance and the true semantic distortion.
//!
//! What the cloud of an experiment measures and the edge never sees: how well a task head does on a
//! feature, and how much worse on what a codec made of it (Gao et al., "Compressed Feature Quality
//! Assessment", MM'25, §4.6).
//!
//! - [`GroundTruth`] and [`HeadOutput`], made of the checked [`Mask`], [`DepthMap`], [`Logits`] and
//!   [`SegPrediction`];
//! - [`Performance`] of one image: [`Rank`], [`MeanIou`] or [`DepthRmse`];
//! - [`SemanticDistortion`]: performance lost between two features of one image;
//! - [`agreement`] of two answers, where nothing is known to be true;
//! - [`Judgement`] of one image: all that a data set's figures need of it, [`DepthErrors`] among them;
//! - [`Evaluation`]: performance over a data set, from the judgements of its images.
//!
//! ```
//! use splitsim_truth::{DepthCrop, GroundTruth, HeadOutput, Logits, Performance, SemanticDistortion};
//!
//! let truth = GroundTruth::Cls { label: 0 };
//! let performance = |logits: [f32; 3]| {
//!     let output = HeadOutput::Cls(Logits::new(logits.to_vec())?);
//!     Performance::of(&truth, &output, DepthCrop::Full)
//! };
//! let original = performance([3.0, 2.0, 1.0])?; // rank 1
//! let received = performance([1.0, 2.0, 1.5])?; // rank 3
//! let distortion = SemanticDistortion::between(original, received)?;
//! assert_eq!(distortion.value(), 2.0);
//! # Ok::<(), splitsim_truth::TruthError>(())
//! ```

mod agreement;
mod crop;
mod depth_errors;
mod distortion;
mod error;
mod evaluation;
mod ground_truth;
mod head_output;
mod iou;
mod judgement;
mod maps;
mod performance;
mod rank;
mod rmse;

pub use agreement::agreement;
pub use crop::DepthCrop;
pub use depth_errors::DepthErrors;
pub use distortion::SemanticDistortion;
pub use error::TruthError;
pub use evaluation::{DatasetPerformance, Evaluation};
pub use ground_truth::GroundTruth;
pub use head_output::{HeadOutput, SegPrediction};
pub use iou::{Confusion, MeanIou};
pub use judgement::Judgement;
pub use maps::{DepthMap, Mask};
pub use performance::Performance;
pub use rank::{Logits, Rank, rank_of_label};
pub use rmse::{DepthRmse, depth_rmse};
