//! HEVC intra coding of packed features: 4:0:0, one picture, constant QP, by x265.
//!
//! What the CFQA benchmark does with HM, with an encoder that is fast enough for a loop: feature →
//! picture ([`splitsim_feature::packing`]) → symbols ([`crate::quantise`]) → x265 in an ffmpeg
//! process → elementary stream, which is the payload. Pictures of less than 16 samples on a side are
//! padded by repeating their edges, and cropped by the shape in the container.
//!
//! Samples have 10 bits, or 8 or 12 where the picture stage makes such.
//!
//! A QP is a quantiser step of `2^((QP + 8) / 6)` symbols: for 10-bit samples `QpBdOffset` is 12
//! (H.265 clause 7.4.3.2.1, equation 7-5) and a step is `2^((Qp′ − 4) / 6)` (clause 8.6.3). H.265 allows
//! QPs from −`QpBdOffset`; x265 accepts a negative one and codes with 0 instead, so the ladder begins
//! at 0: the QP asked for is the QP used.

mod x265;

pub use x265::X265;

use crate::picture_codec::PictureCodec;

/// The HEVC codec of one model and task.
pub type Hevc = PictureCodec<X265>;
