//! Pictures and where they come from.
//!
//! - [`Picture`]: an 8-bit RGB picture of a checked [`ImageExtent`];
//! - [`SourceSpec`]: what a user names, `scenes:SEED:COUNT` or a path;
//! - [`Source`]: its items in order, each with the ground truth that is known of it.
//!
//! This crate knows no libtorch.

mod error;
mod picture;
mod source;
mod spec;

pub use error::SourceError;
pub use picture::{ImageExtent, Picture};
pub use source::{Item, Source};
pub use spec::SourceSpec;
