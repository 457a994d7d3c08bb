//! vvenc and ffmpeg's VVC decoder, each call a process of its own.

use std::time::Instant;

use ndarray::{Array2, ArrayView2};

use crate::ffmpeg::{Encoder, arguments};
use crate::ffmpeg_calls::FfmpegCalls;
use crate::picture_codec::{CodedPicture, PictureCoder};
use crate::qp::{Qp, QpScale};
use crate::quantise::BitDepth;
use crate::samples::{CodedSize, Grid, check_level, raw};
use crate::{CodecError, CodecId, CodecOptions};

/// vvenc in an ffmpeg process.
#[derive(Debug)]
pub struct Vvenc(FfmpegCalls);

/// The preset.
///
/// Measured with vvenc in ffmpeg 9.0, one thread of a busy two-core AMD EPYC, 257×192 picture, bytes
/// and seconds with process start:
///
/// | QP | `faster` | `fast` | `medium` | `slow` |
/// |---:|---|---|---|---|
/// | 0 | 41926 B 0.40 s | 40345 B 1.1 s | 39569 B 4.6 s | 39452 B 11.5 s |
/// | 7 | 31240 B 0.23 s | 30779 B 1.1 s | 30476 B 4.2 s | 30546 B 10.0 s |
/// | 22 | 14747 B 0.16 s | 14616 B 1.0 s | 14497 B 2.5 s | 14495 B 4.9 s |
///
/// The others save up to 6 % for three to thirty times the time: too slow for a loop.
const PRESET: &str = "faster";

/// vvenc's settings besides the QP.
///
/// - `intraqpoffset=0`: every block gets the QP asked for (by default intra pictures get 3 less);
/// - `bim=0`, and `-qpa 0` on the command line: nothing varies it within the picture;
/// - `intraperiod=1`, `gopsize=1`, `mctf=0`: there is one picture; `alfspeed=0` goes with that;
/// - `hrdparameterspresent=0`, `accessunitdelimiter=0`: no bytes that the decoder does not need.
const SETTINGS: &str = "intraqpoffset=0:bim=0:intraperiod=1:gopsize=1:mctf=0:alfspeed=0:\
    hrdparameterspresent=0:accessunitdelimiter=0";

/// The sizes that ffmpeg and vvenc's smallest coding unit allow.
const GRID: Grid = Grid {
    least: 16,
    multiple: 8,
};
/// The depth that vvenc codes.
const CODED: BitDepth = BitDepth::TEN;
const PIXEL_FORMAT: &str = "yuv420p10le";
/// The middle of the scale, which intra prediction starts from.
const CHROMA: u16 = 512;

impl PictureCoder for Vvenc {
    const ID: CodecId = CodecId::Vvc;
    const QPS: QpScale = QpScale { min: 0, max: 63 };
    const DEPTHS: &'static [BitDepth] = &[BitDepth::EIGHT, BitDepth::TEN];
    const SETTINGS: &'static str = SETTINGS;

    fn find(options: &CodecOptions) -> Result<Self, CodecError> {
        let encoder = Encoder {
            name: "libvvenc",
            pixel_format: PIXEL_FORMAT,
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
        let arguments = arguments(&[
            &["-f", "rawvideo", "-pixel_format", PIXEL_FORMAT],
            &["-video_size", &extent, "-i", "pipe:0"],
            &["-c:v", "libvvenc", "-preset", PRESET, "-threads", "1"],
            &["-qp", &qp.to_string(), "-qpa", "0"],
            &["-vvenc-params", SETTINGS, "-f", "vvc", "pipe:1"],
        ]);
        let shift = CODED.bits() - depth.bits();
        let luma = size.pad(symbols).mapv_into(|symbol| symbol << shift);
        let mut samples = raw(luma.view(), CODED);
        samples.extend(CHROMA.to_le_bytes().repeat(size.samples() / 2));
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
        // The decoder allocates what the stream declares: whole coding units, of at most 128 samples.
        let max_pixels = (size.coded_rows + 128) * (size.coded_columns + 128);
        let arguments = arguments(&[
            &["-xerror", "-max_pixels", &max_pixels.to_string()],
            &["-f", "vvc", "-i", "pipe:0"],
            &["-f", "rawvideo", "-pix_fmt", PIXEL_FORMAT, "pipe:1"],
        ]);
        let luma_bytes = 2 * size.samples();
        let expected = luma_bytes + luma_bytes / 2;
        let samples = self.0.decode(&arguments, payload, expected)?;
        let luma = (samples.len() == expected)
            .then(|| size.crop(&samples[..luma_bytes], CODED))
            .flatten()
            .ok_or_else(|| CodecError::DecodedSize {
                codec: Self::ID,
                expected,
                actual: samples.len(),
            })?;
        Ok(luma.mapv_into(|sample| unshift(sample, depth)))
    }
}

/// The symbol of a depth nearest to a coded sample, halves upwards.
fn unshift(sample: u16, depth: BitDepth) -> u16 {
    let shift = CODED.bits() - depth.bits();
    let half = (1 << shift) >> 1;
    (sample.saturating_add(half) >> shift).min(depth.top())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bit_symbols_are_the_nearest() {
        let check = |sample, symbol| assert_eq!(unshift(sample, BitDepth::EIGHT), symbol);
        check(0, 0);
        check(1, 0);
        check(2, 1);
        check(5, 1);
        check(1020, 255);
        check(1023, 255);
        assert_eq!(unshift(1023, BitDepth::TEN), 1023);
    }
}
