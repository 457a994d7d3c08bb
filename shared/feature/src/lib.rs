//! Intermediate features: the tensors that travel from edge to cloud.
//!
//! - [`Feature`]: a checked `[views, layers, tokens, dim]` block of finite `f32` values, and its
//!   [`TokenLayout`];
//! - [`Task`]: the three tasks of the CFQA benchmark, whose features differ in shape;
//! - [`packing`]: the 2-D picture that picture codecs see;
//! - [`npy`]: features as `.npy` files;
//! - [`units`]: bytes and bits per feature point.
//!
//! This crate knows neither libtorch nor the network.

mod error;
mod feature;
#[doc(hidden)]
pub mod fuzzing;
mod layout;
pub mod npy;
pub mod packing;
mod task;
pub mod units;

pub use error::FeatureError;
pub use feature::{Feature, FeatureShape};
pub use layout::TokenLayout;
pub use task::{Task, UnknownTask};
