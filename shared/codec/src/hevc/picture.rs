//! Pictures of symbols as raw samples, and the sizes that x265 codes.
//!
//! x265 refuses pictures of less than 16 samples on a side. Smaller ones are padded by repeating the
//! last row and column, which costs the least, and cropped after decoding. Any larger size is fine:
//! x265 pads to its coding units itself, and signals the crop in the stream.

use ndarray::{Array2, ArrayView2};
use splitsim_feature::FeatureShape;
use splitsim_feature::packing::picture_extent;

use crate::{CodecError, CodecId};

/// A picture's true size, which is known to be codable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PictureSize {
    rows: usize,
    columns: usize,
}

impl PictureSize {
    const MIN_SIDE: usize = 16;
    /// `MaxLumaPs` of level 6.2 (H.265 table A.8).
    const MAX_SAMPLES: usize = 35_651_584;
    /// The longest side at that level, `sqrt(8 · MaxLumaPs)` (H.265 clause A.4.1 a and b).
    const MAX_SIDE: usize = 16_888;
    const SAMPLE_BYTES: usize = 2;

    /// The size of a feature's picture.
    ///
    /// # Errors
    /// When it exceeds the largest that a level of HEVC codes.
    pub(super) fn of(shape: FeatureShape) -> Result<Self, CodecError> {
        let (rows, columns) = picture_extent(shape);
        let size = Self { rows, columns };
        if rows.max(columns) > Self::MAX_SIDE || rows * columns > Self::MAX_SAMPLES {
            return Err(CodecError::PictureTooLarge {
                rows,
                columns,
                codec: CodecId::Hevc,
            });
        }
        Ok(size)
    }

    pub(super) const fn coded_rows(self) -> usize {
        at_least(self.rows, Self::MIN_SIDE)
    }

    pub(super) const fn coded_columns(self) -> usize {
        at_least(self.columns, Self::MIN_SIDE)
    }

    /// Bytes of the coded picture's raw samples.
    pub(super) const fn coded_bytes(self) -> usize {
        self.coded_rows() * self.coded_columns() * Self::SAMPLE_BYTES
    }

    /// The raw samples of a picture of this size: little-endian, row by row, padded.
    pub(super) fn samples_of(self, symbols: ArrayView2<'_, u16>) -> Vec<u8> {
        let padded = Array2::from_shape_fn(
            (self.coded_rows(), self.coded_columns()),
            |(row, column)| symbols[[row.min(self.rows - 1), column.min(self.columns - 1)]],
        );
        padded.iter().flat_map(|s| s.to_le_bytes()).collect()
    }

    /// The picture of this size within raw samples.
    ///
    /// # Errors
    /// When they are not as many as the coded picture's.
    pub(super) fn symbols_in(self, samples: &[u8]) -> Result<Array2<u16>, CodecError> {
        if samples.len() != self.coded_bytes() {
            return Err(CodecError::DecodedSize {
                codec: CodecId::Hevc,
                expected: self.coded_bytes(),
                actual: samples.len(),
            });
        }
        let symbol = |(row, column)| {
            let at = (row * self.coded_columns() + column) * Self::SAMPLE_BYTES;
            u16::from_le_bytes([samples[at], samples[at + 1]])
        };
        Ok(Array2::from_shape_fn((self.rows, self.columns), symbol))
    }
}

const fn at_least(side: usize, least: usize) -> usize {
    if side < least { least } else { side }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rows: usize, columns: usize) -> Result<PictureSize, CodecError> {
        PictureSize::of(FeatureShape::new(1, 1, rows, columns).unwrap())
    }

    #[test]
    fn small_pictures_are_padded_with_their_edges() {
        let size = size(2, 15).unwrap();
        assert_eq!((size.coded_rows(), size.coded_columns()), (16, 16));
        let symbols = Array2::from_shape_fn((2, 15), |(row, column)| (row * 256 + column) as u16);
        let samples = size.samples_of(symbols.view());
        assert_eq!(samples.len(), 512);
        let last_rows = samples[32..].chunks_exact(32);
        assert!(
            last_rows
                .into_iter()
                .all(|row| row[26..] == [13, 1, 14, 1, 14, 1])
        );
        assert_eq!(size.symbols_in(&samples).unwrap(), symbols);
    }

    #[test]
    fn large_pictures_stay_as_they_are() {
        let size = size(257, 17).unwrap();
        assert_eq!((size.coded_rows(), size.coded_columns()), (257, 17));
        assert_eq!(size.coded_bytes(), 257 * 17 * 2);
    }

    #[test]
    fn sizes_beyond_the_standard_are_refused() {
        // ViT-g's depth feature is the largest of the benchmark.
        assert!(size(3222, 6144).is_ok());
        assert!(size(1, 16_888).is_ok());
        for (rows, columns) in [(1, 16_889), (16_889, 1), (6000, 6000)] {
            assert!(matches!(
                size(rows, columns),
                Err(CodecError::PictureTooLarge { .. })
            ));
        }
    }

    #[test]
    fn another_number_of_samples_is_no_picture() {
        let size = size(16, 16).unwrap();
        for bytes in [0, 511, 513, 1024] {
            assert!(matches!(
                size.symbols_in(&vec![0; bytes]),
                Err(CodecError::DecodedSize { expected: 512, actual, .. }) if actual == bytes
            ));
        }
    }
}
