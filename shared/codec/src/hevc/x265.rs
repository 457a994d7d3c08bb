//! x265 and ffmpeg's HEVC decoder, each call a process of its own.

use std::time::Instant;

use ndarray::{Array2, ArrayView2};

use crate::ffmpeg::{Encoder, arguments};
use crate::ffmpeg_calls::FfmpegCalls;
use crate::picture_codec::{CodedPicture, PictureCoder};
use crate::qp::{Qp, QpScale};
use crate::quantise::BitDepth;
use crate::samples::{CodedSize, Grid, check_level, raw, sample_bytes};
use crate::{CodecError, CodecId, CodecOptions};

/// x265 in an ffmpeg process.
#[derive(Debug)]
pub struct X265(FfmpegCalls);

/// The preset.
///
/// Measured with x265 4.3 in ffmpeg 9.0 on an AMD EPYC with two cores, on heavy-tailed features with
/// three outlier channels: bytes, milliseconds with process start, mean squared error in symbols.
///
/// | picture | QP | `faster` | `medium` | `slow` |
/// |---|---:|---|---|---|
/// | 257×192 | 7 | 24306 B 39 ms 3.0 | 24337 B 41 ms 2.9 | 24687 B 66 ms 2.6 |
/// | 257×192 | 22 | 7390 B 33 ms 96 | 7467 B 34 ms 95 | 7084 B 47 ms 100 |
/// | 257×192 | 32 | 501 B 24 ms 311 | 503 B 24 ms 310 | 362 B 29 ms 326 |
/// | 514×768 | 7 | 200314 B 207 ms 2.8 | 200692 B 208 ms 2.8 | 202097 B 482 ms 2.5 |
/// | 514×768 | 22 | 64109 B 209 ms 95 | 64213 B 274 ms 95 | 62080 B 314 ms 98 |
/// | 514×768 | 32 | 3313 B 98 ms 360 | 3323 B 96 ms 360 | 2110 B 152 ms 380 |
/// | 257×1536 | 7 | 201786 B 200 ms 2.8 | 202384 B 219 ms 2.7 | 202825 B 441 ms 2.5 |
/// | 257×1536 | 22 | 65393 B 206 ms 95 | 65594 B 203 ms 94 | 63664 B 370 ms 97 |
/// | 257×1536 | 32 | 3695 B 112 ms 368 | 3656 B 116 ms 369 | 2443 B 177 ms 387 |
///
/// Decoding takes 13 to 20 ms for the first picture, 20 to 75 ms for the others. `slow` adds RDOQ,
/// which moves along nearly the same rate–error curve at up to twice the time; `faster` and `medium`
/// hardly differ, and neither do `faster` and `superfast`.
const PRESET: &str = "faster";

/// x265's settings besides the QP.
///
/// - `ipratio=1`, `aq-mode=0`, `cutree=0`: every block of the intra picture gets the QP asked for
///   (by default it would get a lower one);
/// - `psy-rd=0`, `psy-rdoq=0`: features have no viewer, the error counts;
/// - `keyint=1`, `bframes=0`, `rc-lookahead=0`: there is one picture;
/// - `info=0`, `vui-timing-info=0`: no bytes that the decoder does not need;
/// - `pools=none`, `frame-threads=1`, `wpp=0`: one thread, since many encoders run at once, and no
///   entropy coder resets between rows;
/// - `log-level=error`: silent unless something is wrong.
const SETTINGS: &str = "ipratio=1:aq-mode=0:cutree=0:psy-rd=0:psy-rdoq=0:keyint=1:bframes=0:\
    rc-lookahead=0:info=0:vui-timing-info=0:pools=none:frame-threads=1:wpp=0:log-level=error";

/// x265 refuses pictures of less than 16 samples on a side. Any larger size is fine: it pads to its
/// coding units itself, and signals the crop in the stream.
const GRID: Grid = Grid {
    least: 16,
    multiple: 1,
};

impl PictureCoder for X265 {
    const ID: CodecId = CodecId::Hevc;
    const QPS: QpScale = QpScale { min: 0, max: 51 };
    const DEPTHS: &'static [BitDepth] = &[BitDepth::EIGHT, BitDepth::TEN, BitDepth::TWELVE];
    const SETTINGS: &'static str = SETTINGS;

    fn find(options: &CodecOptions) -> Result<Self, CodecError> {
        let encoder = Encoder {
            name: "libx265",
            pixel_format: pixel_format(BitDepth::TEN),
        };
        Ok(Self(FfmpegCalls::find(options, Self::ID, encoder)?))
    }

    fn check(extent: (usize, usize)) -> Result<(), CodecError> {
        check_level(Self::ID, extent)
    }

    fn encode(
        &self,
        symbols: ArrayView2<'_, u16>,
        depth: BitDepth,
        qp: Qp,
    ) -> Result<CodedPicture, CodecError> {
        let start = Instant::now();
        let size = CodedSize::new(symbols.dim(), GRID);
        let extent = format!("{}x{}", size.coded_columns, size.coded_rows);
        let settings = format!("qp={qp}:{SETTINGS}");
        let arguments = arguments(&[
            &["-f", "rawvideo", "-pixel_format", pixel_format(depth)],
            &["-video_size", &extent, "-i", "pipe:0"],
            &["-c:v", "libx265", "-preset", PRESET, "-threads", "1"],
            &["-x265-params", &settings, "-f", "hevc", "pipe:1"],
        ]);
        let samples = raw(size.pad(symbols).view(), depth);
        let payload = self.0.encode(&arguments, &samples)?;
        Ok(CodedPicture {
            payload,
            took: start.elapsed(),
        })
    }

    fn decode(
        &self,
        payload: &[u8],
        extent: (usize, usize),
        depth: BitDepth,
    ) -> Result<Array2<u16>, CodecError> {
        let size = CodedSize::new(extent, GRID);
        // The decoder allocates what the stream declares: whole coding units, of at most 64 samples.
        let max_pixels = (size.coded_rows + 64) * (size.coded_columns + 64);
        let arguments = arguments(&[
            &["-xerror", "-max_pixels", &max_pixels.to_string()],
            &["-f", "hevc", "-i", "pipe:0"],
            &["-f", "rawvideo", "-pix_fmt", pixel_format(depth), "pipe:1"],
        ]);
        let expected = size.samples() * sample_bytes(depth);
        let samples = self.0.decode(&arguments, payload, expected)?;
        size.crop(&samples, depth)
            .ok_or_else(|| CodecError::DecodedSize {
                codec: Self::ID,
                expected,
                actual: samples.len(),
            })
    }
}

/// ffmpeg's name for grey samples of one of the coder's depths.
const fn pixel_format(depth: BitDepth) -> &'static str {
    match depth.bits() {
        ..=8 => "gray",
        9..=10 => "gray10le",
        _ => "gray12le",
    }
}
