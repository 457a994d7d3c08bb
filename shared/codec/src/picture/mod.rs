//! Features as integer pictures and back: the stage that all codecs share.
//!
//! feature `[N, C, H, W]` → picture `[N·H, C·W]` ([`splitsim_feature::packing`]) → symbols, either in
//! uniform steps over a range per layer ([`crate::quantise`]) or by the centres of a [`Codebook`].
//! What the symbols mean is named in the container ([`Ranges`]), so a decoder needs no options: only
//! the [`Tables`] of the same model package.

mod codebook;
mod fit;
mod published;
mod stage;
mod tables;

pub use codebook::{Assignment, Codebook, CodebookError};
pub use fit::{Fit, FitError, fit};
pub use published::published_ranges;
pub use stage::{FeaturePicture, PictureStage};
pub use tables::Tables;

#[cfg(doc)]
use crate::container::Ranges;
