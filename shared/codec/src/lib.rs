//! Feature codecs, their ladders, and the bitstream container.
//!
//! - [`FeatureCodec`]: what every codec does; [`open`] makes one for a model package and task;
//! - [`CodecOptions`]: how features become symbols, and which programs code them;
//! - [`Ladder`], [`Level`]: the quality steps of a codec, cheapest first;
//! - [`container`]: one coded feature as bytes, self-describing and checked;
//! - [`picture`]: features to integer pictures and back, by [`quantise`] or by a codebook;
//! - [`picture_codec`]: a feature codec made of that stage and a coder of pictures:
//!   [`hevc`] (x265) and [`vvc`] (vvenc) in an ffmpeg process, [`reference`](mod@reference) (HM and
//!   VTM), the benchmark's own;
//! - [`bd_rate`]: two codecs' rates compared at equal quality;
//! - [`ffmpeg`], [`process`]: finding a program, and running one without ever leaving it behind.
//!
//! Encoders hand out what was decoded from the very bytes of the container, never their own
//! reconstruction, and a digest of it, so that a decoder that disagrees is found out.
//! Calls block: run them on worker threads. This crate knows neither libtorch nor the network.

pub mod bd_rate;
mod codec;
pub mod confine;
pub mod container;
mod error;
pub mod ffmpeg;
mod ffmpeg_calls;
#[doc(hidden)]
pub mod fuzzing;
pub mod hevc;
mod id;
mod ladder;
mod options;
pub mod picture;
pub mod picture_codec;
pub mod process;
pub mod qp;
pub mod quantise;
pub mod reference;
mod samples;
pub mod vvc;

pub use codec::{Encoded, FeatureCodec, open, open_with};
pub use container::{Container, ContainerError, Limits};
pub use error::{CodecError, Fault, Operation};
pub use id::{CodecId, UnknownCodec};
pub use ladder::{Ladder, LadderError, Level, Rung};
pub use options::{CodecOptions, RangeMode, Transform, Truncation, UnknownOption};
