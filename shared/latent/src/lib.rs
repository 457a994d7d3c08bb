//! Integer latents of a scale hyperprior (Ballé et al. 2018) as bytes, exactly the same on every
//! machine.
//!
//! - [`Latents`]: the rounded latent `y` and hyper-latent `z` of one picture;
//! - [`LatentModel`]: what encoder and decoder share, [`encode`](LatentModel::encode) and
//!   [`decode`](LatentModel::decode);
//! - [`SymbolTable`]: a distribution in integers, with an escape for symbols beyond it;
//! - [`HyperSynthesis`]: the network from `ẑ` to scales, in integers;
//! - [`Factorised`], [`gaussian`]: the real-valued distributions that tables are made of.
//!
//! A range decoder that has another table than the encoder, in a single entry, reads nonsense from
//! there on. Which table belongs to a symbol of `y` follows from `ẑ` through a network, so that
//! network is computed in integers: floats differ between machines, libraries and thread counts.
//! This crate knows neither libtorch nor features; real-valued functions are used when tables are
//! made, never when symbols are coded.

mod coder;
mod error;
mod factorised;
pub mod fuzzing;
pub mod gaussian;
mod hyper_synthesis;
mod latents;
mod model;
mod model_tensors;
mod planes;
mod symbol_table;

pub use error::LatentError;
pub use factorised::Factorised;
pub use hyper_synthesis::{FRACTION_BITS, HyperSynthesis, LayerWeights};
pub use latents::{LatentExtent, Latents};
pub use model::LatentModel;
pub use model_tensors::NamedTensors;
pub use planes::Planes;
pub use symbol_table::{PRECISION, SymbolTable};
