//! Model packages: a directory that says what a model is and holds its weights.
//!
//! ```text
//! models/NAME/
//!   model.toml             the manifest, see [`Manifest`]
//!   backbone.safetensors   weights under DINOv2's own names
//!   heads/{cls,seg,dpt}.safetensors
//!   thresholds.toml        calibrated gate thresholds, where there are any, see [`Thresholds`]
//! ```
//!
//! [`Package::open`] reads and checks the manifest and digests the whole package, so that an edge and
//! a cloud can tell whether they run the same model. Weights are read by the vision crate; this one
//! knows no libtorch, so codecs and policies can be configured without it.

mod architecture;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod keys;
mod manifest;
mod package;
mod preprocess;
mod range;
mod shipped;
mod thresholds;

pub use architecture::{Architecture, FeedForward, PositionInterpolation};
pub use error::ModelError;
pub use manifest::{ClsTask, DptTask, Manifest, SegTask, TaskCommon, Tasks};
pub use package::{Digest, Package, TaskSpec};
pub use preprocess::{
    ClsPreprocess, DptPreprocess, FrameSize, Normalisation, ResizeFilter, SegPreprocess,
};
pub use range::{RangeTable, ValueRange};
pub use thresholds::{CalibratedThreshold, Thresholds};
