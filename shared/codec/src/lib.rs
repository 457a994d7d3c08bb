//! Feature codecs, their ladders, and the bitstream container.
//!
//! - [`FeatureCodec`]: what every codec does; [`open`] makes one for a model package and task;
//! - [`Ladder`], [`Level`]: the quality steps of a codec, cheapest first;
//! - [`container`]: one coded feature as bytes, self-describing and checked;
//! - [`quantise`]: features to integer pictures and back;
//! - [`hevc`]: HEVC intra coding by x265, in an ffmpeg process;
//! - [`ffmpeg`], [`process`]: finding that program, and running one without ever leaving it behind.
//!
//! Encoders hand out what was decoded from the very bytes of the container, never their own
//! reconstruction, and a digest of it, so that a decoder that disagrees is found out.
//! Calls block: run them on worker threads. This crate knows neither libtorch nor the network.

mod codec;
pub mod container;
mod error;
pub mod ffmpeg;
pub mod hevc;
mod id;
mod ladder;
pub mod process;
pub mod quantise;

pub use codec::{CodecOptions, Encoded, FeatureCodec, RangeMode, open};
pub use container::{Container, ContainerError, Limits};
pub use error::{CodecError, Operation};
pub use id::{CodecId, UnknownCodec};
pub use ladder::{Ladder, LadderError, Level, Rung};
