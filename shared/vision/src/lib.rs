//! DINOv2 on libtorch: backbone, task heads, preprocessing, and the training of the default model.
//!
//! The one crate that owns libtorch. Others see [`Engine`], [`Feature`](splitsim_feature::Feature)
//! and [`HeadOutput`](splitsim_truth::HeadOutput), never a tensor.

mod backbone;
mod engine;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod geometry;
#[cfg(test)]
mod golden;
mod heads;
mod packed;
mod preprocess;
mod resample;
pub mod train;
mod weight_file;
mod weights;

pub use backbone::Backbone;
pub use engine::{Compute, Engine, EngineOptions, Extraction, Parts, UnknownCompute};
pub use error::VisionError;
pub use geometry::feature_shape;

pub use weights::Weights;
