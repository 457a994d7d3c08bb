//! Pictures of symbols as raw samples, and the sizes that a codec codes.
//!
//! Encoders want pictures of a least size, or of a multiple of some size. Others are padded by
//! repeating the last row and column, which costs the least, and cropped after decoding.

use ndarray::{Array2, ArrayView2};

use crate::quantise::BitDepth;
use crate::{CodecError, CodecId};

/// `MaxLumaPs` of level 6.2 (H.265 table A.8, H.266 table A.1).
const MAX_SAMPLES: usize = 35_651_584;
/// The longest side at that level, `sqrt(8 · MaxLumaPs)` (H.265 clause A.4.1 a and b, H.266 A.4.2).
const MAX_SIDE: usize = 16_888;

/// Refuses pictures that exceed the largest level of HEVC and VVC that is common to their encoders.
pub(crate) fn check_level(
    codec: CodecId,
    (rows, columns): (usize, usize),
) -> Result<(), CodecError> {
    if rows.max(columns) <= MAX_SIDE && rows * columns <= MAX_SAMPLES {
        return Ok(());
    }
    Err(CodecError::PictureTooLarge {
        rows,
        columns,
        codec,
    })
}

/// The picture sizes that a codec takes, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The shortest side.
    pub(crate) least: usize,
    /// The divisor of every side's length.
    pub(crate) multiple: usize,
}

/// A picture's true size and the size that is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodedSize {
    rows: usize,
    columns: usize,
    pub(crate) coded_rows: usize,
    pub(crate) coded_columns: usize,
}

impl CodedSize {
    pub(crate) fn new((rows, columns): (usize, usize), grid: Grid) -> Self {
        let coded = |side: usize| side.max(grid.least).next_multiple_of(grid.multiple);
        Self {
            rows,
            columns,
            coded_rows: coded(rows),
            coded_columns: coded(columns),
        }
    }

    /// Samples of the coded picture.
    pub(crate) const fn samples(self) -> usize {
        self.coded_rows * self.coded_columns
    }

    /// The symbols, padded.
    pub(crate) fn pad(self, symbols: ArrayView2<'_, u16>) -> Array2<u16> {
        let source = |(row, column): (usize, usize)| {
            symbols[[row.min(self.rows - 1), column.min(self.columns - 1)]]
        };
        Array2::from_shape_fn((self.coded_rows, self.coded_columns), source)
    }

    /// The true picture within the coded one's raw samples; `None` when these are not as many as the
    /// coded picture has.
    pub(crate) fn crop(self, samples: &[u8], depth: BitDepth) -> Option<Array2<u16>> {
        let width = sample_bytes(depth);
        if samples.len() != self.samples() * width {
            return None;
        }
        let symbol = |(row, column)| {
            let at = (row * self.coded_columns + column) * width;
            match width {
                1 => u16::from(samples[at]),
                _ => u16::from_le_bytes([samples[at], samples[at + 1]]),
            }
        };
        Some(Array2::from_shape_fn((self.rows, self.columns), symbol))
    }
}

/// Bytes of a raw sample.
pub(crate) const fn sample_bytes(depth: BitDepth) -> usize {
    if depth.bits() <= 8 { 1 } else { 2 }
}

/// Raw samples, row by row: bytes up to 8 bits, else little-endian words.
pub(crate) fn raw(symbols: ArrayView2<'_, u16>, depth: BitDepth) -> Vec<u8> {
    match sample_bytes(depth) {
        // The depth has no larger symbols.
        1 => symbols.iter().map(|&symbol| symbol as u8).collect(),
        _ => symbols.iter().flat_map(|s| s.to_le_bytes()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: BitDepth = BitDepth::EIGHT;
    const TEN: BitDepth = BitDepth::TEN;

    #[test]
    fn sizes_beyond_the_standards_are_refused() {
        let check = |extent| check_level(CodecId::Hevc, extent);
        // ViT-g's depth feature is the largest of the benchmark.
        assert!(check((3222, 6144)).is_ok());
        assert!(check((1, 16_888)).is_ok());
        for extent in [(1, 16_889), (16_889, 1), (6000, 6000)] {
            assert!(matches!(
                check(extent),
                Err(CodecError::PictureTooLarge { .. })
            ));
        }
    }

    #[test]
    fn small_pictures_are_padded_with_their_edges() {
        let grid = Grid {
            least: 16,
            multiple: 1,
        };
        let size = CodedSize::new((2, 15), grid);
        assert_eq!((size.coded_rows, size.coded_columns), (16, 16));
        let symbols = Array2::from_shape_fn((2, 15), |(row, column)| (row * 256 + column) as u16);
        let samples = raw(size.pad(symbols.view()).view(), TEN);
        assert_eq!(samples.len(), 512);
        let mut last_rows = samples[32..].chunks_exact(32);
        assert!(last_rows.all(|row| row[26..] == [13, 1, 14, 1, 14, 1]));
        assert_eq!(size.crop(&samples, TEN).unwrap(), symbols);
    }

    #[test]
    fn sides_become_multiples() {
        let grid = Grid {
            least: 16,
            multiple: 8,
        };
        let size = CodedSize::new((257, 192), grid);
        assert_eq!((size.coded_rows, size.coded_columns), (264, 192));
        assert_eq!(size.samples(), 264 * 192);
    }

    #[test]
    fn eight_bits_are_a_byte() {
        let grid = Grid {
            least: 1,
            multiple: 1,
        };
        let size = CodedSize::new((1, 3), grid);
        let symbols = ndarray::array![[0, 7, 255]];
        assert_eq!(raw(symbols.view(), EIGHT), [0, 7, 255]);
        assert_eq!(size.crop(&[0, 7, 255], EIGHT), Some(symbols));
    }

    #[test]
    fn another_number_of_samples_is_no_picture() {
        let grid = Grid {
            least: 1,
            multiple: 1,
        };
        let size = CodedSize::new((16, 16), grid);
        for bytes in [0, 511, 513, 1024] {
            assert_eq!(size.crop(&vec![0; bytes], TEN), None);
        }
    }
}
