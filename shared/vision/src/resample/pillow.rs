//! Pillow's `resize`: separable, antialiased when shrinking, 8 bits between the two passes.

use std::ops::Range;

use splitsim_model::ResizeFilter;

use crate::geometry::Size;

/// Fraction bits of a coefficient (Pillow's `PRECISION_BITS`).
const FRACTION_BITS: u32 = 32 - 8 - 2;

/// A resized picture, or a part of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crop {
    /// The whole picture's size.
    pub(crate) resized: Size,
    pub(crate) left: usize,
    pub(crate) top: usize,
    /// The part that is wanted; inside the whole.
    pub(crate) size: Size,
}

/// Resizes interleaved RGB samples and crops them: horizontally, then vertically. What the crop does
/// not show is not computed.
pub(crate) fn resize_and_crop(
    samples: &[u8],
    from: Size,
    crop: Crop,
    filter: ResizeFilter,
) -> Vec<u8> {
    let columns = crop.left..crop.left + crop.size.width;
    let rows = crop.top..crop.top + crop.size.height;
    let across = Kernel::some(from.width, crop.resized.width, columns, filter);
    let down = Kernel::some(from.height, crop.resized.height, rows, filter);
    let first_row = down.iter().map(|kernel| kernel.first).min().unwrap_or(0);
    let end_row = down.iter().map(Kernel::end).max().unwrap_or(0);
    let stride = 3 * crop.size.width;
    let mut narrowed = Vec::with_capacity(stride * (end_row - first_row));
    let source_rows = samples.chunks_exact(3 * from.width);
    for row in source_rows.skip(first_row).take(end_row - first_row) {
        for kernel in &across {
            narrowed.extend((0..3).map(|channel| kernel.apply(|i| row[3 * i + channel])));
        }
    }
    let mut cropped = Vec::with_capacity(stride * crop.size.height);
    for kernel in &down {
        let line = |at: usize| kernel.apply(|i| narrowed[(i - first_row) * stride + at]);
        cropped.extend((0..stride).map(line));
    }
    cropped
}

/// The input samples that one output sample is made of.
struct Kernel {
    first: usize,
    coefficients: Vec<i64>,
}

impl Kernel {
    /// The kernels of some of the `to` output samples of a line of `from` samples.
    fn some(from: usize, to: usize, wanted: Range<usize>, filter: ResizeFilter) -> Vec<Self> {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = radius(filter) * stretch;
        wanted
            .map(|index| {
                let centre = (index as f64 + 0.5) * scale;
                let first = (centre - support + 0.5).max(0.0) as usize;
                let end = ((centre + support + 0.5) as usize).min(from);
                let distance = |i: usize| (i as f64 - centre + 0.5) / stretch;
                let weights: Vec<f64> = (first..end).map(|i| weight(filter, distance(i))).collect();
                let total: f64 = weights.iter().sum();
                let fixed = |weight: &f64| {
                    (weight / total * f64::from(1u32 << FRACTION_BITS)).round() as i64
                };
                Self {
                    first,
                    coefficients: weights.iter().map(fixed).collect(),
                }
            })
            .collect()
    }

    /// The input sample after the last.
    const fn end(&self) -> usize {
        self.first + self.coefficients.len()
    }

    fn apply(&self, sample: impl Fn(usize) -> u8) -> u8 {
        let half = 1i64 << (FRACTION_BITS - 1);
        let sum: i64 = self
            .coefficients
            .iter()
            .enumerate()
            .map(|(offset, coefficient)| coefficient * i64::from(sample(self.first + offset)))
            .sum();
        ((sum + half) >> FRACTION_BITS).clamp(0, 255) as u8
    }
}

const fn radius(filter: ResizeFilter) -> f64 {
    match filter {
        ResizeFilter::Bilinear => 1.0,
        ResizeFilter::Bicubic => 2.0,
    }
}

/// The triangle, and Keys' cubic with a = −0.5.
fn weight(filter: ResizeFilter, distance: f64) -> f64 {
    const A: f64 = -0.5;
    let x = distance.abs();
    match filter {
        ResizeFilter::Bilinear => (1.0 - x).max(0.0),
        ResizeFilter::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        ResizeFilter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
        ResizeFilter::Bicubic => 0.0,
    }
}
