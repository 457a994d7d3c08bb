//! Pictures with zeros about them, and what of these need not be computed.

use std::iter::{once, repeat_n};
use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use splitsim_latent::LatentExtent;
use tch::Tensor;

use crate::HyperpriorError;

/// The layers of `g_a` after which [`Padding::lengthened`] puts rows back: two convolutions, each with GDN.
pub(crate) const REPEATING_LAYERS: usize = 4;
/// Rows of a picture that one row after these layers stands for.
const STRIDE: usize = 4;

/// Rows or columns before the picture when `side` is padded to `padded` about its centre.
pub(crate) const fn before(side: usize, padded: usize) -> usize {
    (padded - side) / 2
}

/// The position of a picture within a padded one whose sides are multiples of 64.
///
/// A picture of 257 tokens gets 63 rows of zeros. After the first two convolutions, row `r` depends
/// on rows `4r − 6` to `4r + 6` of the padded picture, so that all rows that see zeros only are
/// alike, except for the first and the last. They are computed once and repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Padding {
    rows: usize,
    columns: usize,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
    /// Rows after the first two convolutions that repeat the second one, and the last but one.
    repeated: [usize; 2],
}

impl Padding {
    /// The padding of a picture of this many rows and columns.
    pub(crate) fn of((rows, columns): (usize, usize)) -> Self {
        let (height, width) = LatentExtent::of_picture(rows, columns).picture();
        let (top, left) = (before(rows, height), before(columns, width));
        // Row 1 sees 11 rows of the picture; the last but one sees 14.
        let repeated = [
            top.saturating_sub(11) / STRIDE,
            (height - top - rows).saturating_sub(14) / STRIDE,
        ];
        Self {
            rows,
            columns,
            top,
            left,
            height,
            width,
            repeated,
        }
    }

    /// The rows of the padded picture that are the picture's.
    pub(crate) fn picture_rows(&self) -> Range<i64> {
        self.top as i64..(self.top + self.rows) as i64
    }

    /// `[1, 1, H, W]`, values in [0, 1): the padded picture without the zeros whose rows will be repeated.
    ///
    /// With one channel, channels first and last are the same bytes. The strides are those of channels last:
    /// from them libtorch takes the order of the first convolution's output, and so of all that follow.
    pub(crate) fn shortened(
        &self,
        picture: ArrayView2<'_, u16>,
        bits: u8,
    ) -> Result<Tensor, HyperpriorError> {
        let [above, below] = self.repeated.map(|rows| rows * STRIDE);
        let height = self.height - above - below;
        let scale = 1.0 / f32::from(1u16 << bits.min(15));
        let mut values = vec![0.0f32; height * self.width];
        // A picture without columns has no line; one keeps the chunk size valid.
        let lines = values.chunks_exact_mut(self.width.max(1));
        let lines = lines.skip(self.top - above);
        for (line, symbols) in lines.zip(picture.rows()) {
            for (value, &symbol) in line[self.left..].iter_mut().zip(symbols) {
                *value = f32::from(symbol) * scale;
            }
        }
        let shape = [1, height as i64, self.width as i64, 1];
        let stored = Tensor::f_from_slice(&values)?.f_reshape(shape)?;
        Ok(stored.f_permute([0i64, 3, 1, 2])?)
    }

    /// Extends the output of the first [`REPEATING_LAYERS`] on the [shortened](Self::shortened)
    /// picture to their output on the whole padded picture, by repeating rows.
    pub(crate) fn lengthened(&self, value: &Tensor) -> Result<Tensor, HyperpriorError> {
        let [above, below] = self.repeated;
        if above + below == 0 {
            return Ok(value.shallow_clone());
        }
        let last = value.size()[2] - 1;
        let sources: Vec<i64> = once(0)
            .chain(repeat_n(1, above))
            .chain(1..last)
            .chain(repeat_n(last - 1, below))
            .chain(once(last))
            .collect();
        let stored = value.f_permute([0i64, 2, 3, 1])?;
        let stored = stored.f_index_select(1, &Tensor::f_from_slice(&sources)?)?;
        Ok(stored.f_permute([0i64, 3, 1, 2])?)
    }

    /// Symbols of the picture's rows of a padded picture, `[1, 1, rows, W]`.
    pub(crate) fn cropped(
        &self,
        picture: &Tensor,
        bits: u8,
    ) -> Result<Array2<u16>, HyperpriorError> {
        let (rows, columns) = (self.rows, self.columns);
        let expected = [1, 1, rows as i64, self.width as i64];
        if picture.size() != expected {
            return Err(HyperpriorError::Shape {
                origin: "g_s".to_owned(),
                name: "x_hat".to_owned(),
                expected: expected.to_vec(),
                actual: picture.size(),
            });
        }
        let values = crate::parameters::values(picture)?;
        let top_symbol = f32::from((1u16 << bits.min(15)) - 1);
        let scale = f32::from(1u16 << bits.min(15));
        let symbols = values.chunks_exact(self.width.max(1)).flat_map(|line| {
            // Not a number becomes 0: then the digest of the decoded symbols says nothing of it, but
            // neither do finite weights of finite latents ever give one.
            line[self.left..][..columns]
                .iter()
                .map(move |value| (value * scale).round().clamp(0.0, top_symbol) as u16)
        });
        let symbols = symbols.collect();
        Array2::from_shape_vec((rows, columns), symbols)
            .map_err(|_| HyperpriorError::NotFinite { network: "g_s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Sequence;

    fn analysis() -> Sequence {
        let parameters = crate::golden::parameters();
        let analysis = Sequence::analysis(&parameters).unwrap();
        analysis.for_inference().unwrap()
    }

    fn picture(rows: usize, columns: usize) -> Array2<u16> {
        Array2::from_shape_fn((rows, columns), |(row, column)| {
            ((row * 37 + column * 11) % 256) as u16
        })
    }

    #[test]
    fn channels_are_stored_last_from_the_first_convolution_on() {
        let _no_grad = tch::no_grad_guard();
        let padding = Padding::of((70, 100));
        let picture = padding.shortened(picture(70, 100).view(), 8).unwrap();
        for layers in 1..=7 {
            let value = analysis().first(layers).forward(&picture).unwrap();
            assert_eq!(value.stride()[1], 1, "after {layers} layers");
        }
        let value = analysis()
            .first(REPEATING_LAYERS)
            .forward(&picture)
            .unwrap();
        assert_eq!(padding.lengthened(&value).unwrap().stride()[1], 1);
    }

    #[test]
    fn rows_that_repeat_are_those_of_the_whole() {
        let _no_grad = tch::no_grad_guard();
        for rows in (1..=65).chain([96, 127, 128, 130, 257]) {
            let padding = Padding::of((rows, 40));
            let picture = picture(rows, 40);
            let whole = Padding {
                repeated: [0, 0],
                ..padding
            };
            let (outer, inner) = analysis().split(REPEATING_LAYERS);
            let expected = outer
                .forward(&whole.shortened(picture.view(), 8).unwrap())
                .unwrap();
            let short = padding.shortened(picture.view(), 8).unwrap();
            let actual = padding.lengthened(&outer.forward(&short).unwrap()).unwrap();
            for (actual, expected) in [
                (actual.shallow_clone(), expected.shallow_clone()),
                (
                    inner.forward(&actual).unwrap(),
                    inner.forward(&expected).unwrap(),
                ),
            ] {
                assert_eq!(actual.size(), expected.size());
                let largest = expected.abs().max().double_value(&[]);
                let difference = (actual - expected).abs().max().double_value(&[]);
                assert!(
                    difference < 1e-6 * largest,
                    "{rows} rows: {difference} of {largest}"
                );
            }
        }
        assert_eq!(Padding::of((257, 192)).repeated, [5, 4]);
    }
}
