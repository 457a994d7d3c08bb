//! Pictures and where they come from.
//!
//! - [`Picture`]: an 8-bit RGB picture of a checked [`ImageExtent`], read as the benchmarks' scripts
//!   read it;
//! - [`SourceSpec`]: what a user names: rendered scenes, a data set, a folder, a picture;
//! - [`Source`]: its items in order, each with the ground truth that is known of it.
//!
//! This crate knows no libtorch.

mod decode;
mod error;
mod files;
mod imagenet;
mod list;
mod mask;
mod nyu;
mod picture;
mod scenes;
mod source;
mod spec;
mod voc;

pub use error::SourceError;
pub use picture::{ImageExtent, Picture};
pub use source::{Item, Source};
pub use spec::{DataSetSpec, SourceSpec};
