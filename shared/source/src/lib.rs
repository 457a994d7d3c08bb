//! Pictures and where they come from.
//!
//! - [`Picture`]: an 8-bit RGB picture of a checked [`ImageExtent`], read as the benchmarks' scripts
//!   read it;
//! - [`SourceSpec`]: what a user names: rendered scenes, a data set, a folder, a picture;
//! - [`Source`]: its items in order, each with the ground truth that is known of it;
//! - [`read_mask`] and [`read_depth`]: the files of ground truth, which all commands read in the same way.
//!
//! This crate knows no libtorch.

mod decode;
mod depth;
mod error;
mod files;
mod folder;
mod format;
#[doc(hidden)]
pub mod fuzzing;
mod imagenet;
mod jpeg;
mod list;
mod mask;
mod nyu;
mod picture;
mod pixels;
mod png_file;
mod scenes;
mod source;
mod spec;
mod voc;

pub use depth::{DepthScale, read_depth};
pub use error::SourceError;
pub use folder::LeftOut;
pub use mask::read_mask;
pub use picture::{ImageExtent, Picture};
pub use source::{Item, Source};
pub use spec::{DataSetSpec, SourceSpec};
