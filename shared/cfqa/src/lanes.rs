//! Loops over values, with sums accumulated in `f64`.
//!
//! Eight accumulators side by side let the compiler use vector instructions, which it must not do
//! with one, because floating-point addition is not associative. The order of additions is fixed, so
//! results are reproducible, whatever vectors the processor has.

use pulp::{Arch, Simd, WithSimd};

const LANES: usize = 8;

/// `Σ terms(a, b)` over pairs of values, several terms at a time; the slices are of one length.
pub(crate) fn sums_of_pairs<A, B, const TERMS: usize>(
    a: &[A],
    b: &[B],
    terms: impl Fn(f64, f64) -> [f64; TERMS],
) -> [f64; TERMS]
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    debug_assert_eq!(a.len(), b.len());
    Arch::new().dispatch(Sums::<_, _, _, TERMS> { a, b, terms })
}

/// Computed with the widest vectors that this processor has, not only with those that every processor of
/// its kind has.
struct Sums<'a, A, B, F, const TERMS: usize> {
    a: &'a [A],
    b: &'a [B],
    terms: F,
}

impl<A, B, F, const TERMS: usize> WithSimd for Sums<'_, A, B, F, TERMS>
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
    F: Fn(f64, f64) -> [f64; TERMS],
{
    type Output = [f64; TERMS];

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; TERMS] {
        let Self { a, b, terms } = self;
        let mut lanes = [[0.0f64; LANES]; TERMS];
        let (a_chunks, a_rest) = a.as_chunks::<LANES>();
        let (b_chunks, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            for lane in 0..LANES {
                let terms = terms(a[lane].into(), b[lane].into());
                for (sum, term) in lanes.iter_mut().zip(terms) {
                    sum[lane] += term;
                }
            }
        }
        let mut sums = lanes.map(|lanes| lanes.iter().sum());
        for (&a, &b) in a_rest.iter().zip(b_rest) {
            for (sum, term) in sums.iter_mut().zip(terms(a.into(), b.into())) {
                *sum += term;
            }
        }
        sums
    }
}

/// Adds every value to the sum of its place, and returns `Σ value²`.
pub(crate) fn accumulate(sums: &mut [f64], values: &[f32]) -> f64 {
    debug_assert_eq!(sums.len(), values.len());
    Arch::new().dispatch(Accumulate { sums, values })
}

struct Accumulate<'a> {
    sums: &'a mut [f64],
    values: &'a [f32],
}

impl WithSimd for Accumulate<'_> {
    type Output = f64;

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut lanes = [0.0f64; LANES];
        let (sums, sums_rest) = self.sums.as_chunks_mut::<LANES>();
        let (values, values_rest) = self.values.as_chunks::<LANES>();
        for (sums, values) in sums.iter_mut().zip(values) {
            for lane in 0..LANES {
                let value = f64::from(values[lane]);
                sums[lane] += value;
                lanes[lane] += value * value;
            }
        }
        let mut energy = lanes.iter().sum();
        for (sum, &value) in sums_rest.iter_mut().zip(values_rest) {
            let value = f64::from(value);
            *sum += value;
            energy += value * value;
        }
        energy
    }
}

/// Puts `(value − mean)·factor` into `out`, and returns the sum of its squares.
pub(crate) fn centre(out: &mut [f32], values: &[f32], means: &[f64], factor: f64) -> f64 {
    debug_assert_eq!((out.len(), means.len()), (values.len(), values.len()));
    Arch::new().dispatch(Centre {
        out,
        values,
        means,
        factor,
    })
}

struct Centre<'a> {
    out: &'a mut [f32],
    values: &'a [f32],
    means: &'a [f64],
    factor: f64,
}

impl WithSimd for Centre<'_> {
    type Output = f64;

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut lanes = [0.0f64; LANES];
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        let (values, values_rest) = self.values.as_chunks::<LANES>();
        let (means, means_rest) = self.means.as_chunks::<LANES>();
        for ((out, values), means) in out.iter_mut().zip(values).zip(means) {
            for lane in 0..LANES {
                let centred = (f64::from(values[lane]) - means[lane]) * self.factor;
                out[lane] = centred as f32;
                lanes[lane] += centred * centred;
            }
        }
        let mut energy = lanes.iter().sum();
        for ((out, &value), &mean) in out_rest.iter_mut().zip(values_rest).zip(means_rest) {
            let centred = (f64::from(value) - mean) * self.factor;
            *out = centred as f32;
            energy += centred * centred;
        }
        energy
    }
}

/// `Σ a·b`.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let [sum] = sums_of_pairs(a, b, |a, b| [a * b]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_whole_chunks_and_what_is_left() {
        // Σ i², i from 1 to n, is n(n + 1)(2n + 1)/6.
        for n in [0u16, 1, 7, 8, 9, 16, 100] {
            let values: Vec<f32> = (1..=n).map(f32::from).collect();
            let n = f64::from(n);
            let squares = n * (n + 1.0) * (2.0 * n + 1.0) / 6.0;
            assert_eq!(dot(&values, &values), squares);
            let doubled: Vec<f64> = values.iter().map(|&value| 2.0 * f64::from(value)).collect();
            let [sum] = sums_of_pairs(&values, &doubled, |a, b| [(a - b) * (a - b)]);
            assert_eq!(sum, squares);

            let mut sums = doubled.clone();
            assert_eq!(accumulate(&mut sums, &values), squares);
            let tripled: Vec<f64> = values.iter().map(|&value| 3.0 * f64::from(value)).collect();
            assert_eq!(sums, tripled);

            // (i − 3i)/2 = −i.
            let mut out = vec![0.0; values.len()];
            assert_eq!(centre(&mut out, &values, &tripled, 0.5), squares);
            let negated: Vec<f32> = values.iter().map(|value| -value).collect();
            assert_eq!(out, negated);
        }
    }
}
