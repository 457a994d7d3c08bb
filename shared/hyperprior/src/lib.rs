//! The scale-hyperprior feature codecs (Ballé et al. 2018) on libtorch.
//!
//! - [`open`]: any codec of a model package, those without libtorch included;
//! - [`Hyperprior`]: the codecs `hyperprior` (one for all tasks) and `hyperprior-task`;
//! - [`HyperpriorLevel`]: one trained hyperprior: pictures to latents and back;
//! - [`Parameters`]: its trained tensors under CompressAI's names, checked, of any [`Widths`];
//! - [`install`], [`write_level`]: trained levels as part of a model package;
//! - [`train`]: the training of a ladder.
//!
//! Networks are CompressAI 1.2.8's `ScaleHyperprior` with one input and output channel. What is
//! entropy coded, and how tables are chosen, is [`splitsim_latent`]'s affair, in integers.
//! Calls block: run them on worker threads.

mod codec;
mod entropy;
mod error;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod golden;
mod import;
mod install;
mod layers;
mod level;
mod level_file;
mod padding;
mod parameters;
pub mod train;
mod widths;

pub use codec::{Hyperprior, open};
pub use error::HyperpriorError;
pub use install::{TrainedLevel, install};
pub use level::HyperpriorLevel;
pub use level_file::{Precision, level_bytes, write_level};
pub use parameters::Parameters;
pub use widths::Widths;
