//! Pillow's separable resampling of 8-bit samples, to the last bit.
//!
//! torchvision resizes 8-bit images through Pillow, whose fixed-point arithmetic decides which grey
//! level a sample is rounded to. The libraries for this trade that exactness for 16-bit SIMD
//! coefficients and differ in one sample out of seven, so the few lines it takes are here.

use splitsim_model::ResizeFilter;

use crate::geometry::Size;

/// Fraction bits of a coefficient (Pillow's `PRECISION_BITS`).
const FRACTION_BITS: u32 = 32 - 8 - 2;

/// Resizes interleaved RGB samples: horizontally, then vertically, 8 bits in between.
pub(crate) fn resize(samples: &[u8], from: Size, to: Size, filter: ResizeFilter) -> Vec<u8> {
    let across = Kernel::all(from.width, to.width, filter);
    let down = Kernel::all(from.height, to.height, filter);
    let mut narrowed = Vec::with_capacity(3 * to.width * from.height);
    for row in samples.chunks_exact(3 * from.width) {
        for kernel in &across {
            narrowed.extend((0..3).map(|channel| kernel.apply(|i| row[3 * i + channel])));
        }
    }
    let stride = 3 * to.width;
    let mut resized = Vec::with_capacity(stride * to.height);
    for kernel in &down {
        resized.extend((0..stride).map(|at| kernel.apply(|i| narrowed[i * stride + at])));
    }
    resized
}

/// The input samples that one output sample is made of.
struct Kernel {
    first: usize,
    coefficients: Vec<i64>,
}

impl Kernel {
    /// The kernels of all `to` output samples of a line of `from` samples.
    fn all(from: usize, to: usize, filter: ResizeFilter) -> Vec<Self> {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = radius(filter) * stretch;
        (0..to)
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
