//! VVC intra coding of packed features: one picture, constant QP, by vvenc in an ffmpeg process.
//!
//! vvenc takes 10-bit 4:2:0 only, so the picture is the luma plane, at full range, and both chroma
//! planes are constant, which costs a few bytes. Sides are padded to a multiple of 8 by repeating the
//! last row and column, and cropped by the shape in the container. Symbols of 8 bits (a codebook's)
//! are coded times four, and what is decoded is rounded back.
//!
//! A QP is a quantiser step of `2^((QP + 8) / 6)` samples, as in HEVC (H.266 clause 8.7.1:
//! `QpBdOffset` is 12 for 10 bits). What is decoded is sample-exact to the encoder's own
//! reconstruction: a test compares with the picture hash that vvenc can write into the stream. That takes
//! decoding with one thread: with more, the decoder of ffmpeg 9.0 gives other samples at the borders of
//! coding tree units in some runs.

mod vvenc;

pub use vvenc::Vvenc;

use crate::picture_codec::PictureCodec;

/// The VVC codec of one model and task.
pub type Vvc = PictureCodec<Vvenc>;
