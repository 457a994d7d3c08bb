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
    visit(sums, values, values, |sum, value, _| {
        *sum += value;
        value * value
    })
}

/// Puts `(value − mean)·factor` into `out`, and returns the sum of its squares.
pub(crate) fn centre(out: &mut [f32], values: &[f32], means: &[f64], factor: f64) -> f64 {
    visit(out, values, means, |out, value, mean| {
        let centred = (value - mean) * factor;
        *out = centred as f32;
        centred * centred
    })
}

/// Visits every place of `out` with the values of `a` and `b` there, and returns the sum of what the visits
/// return; the slices are of one length.
fn visit<T, A, B>(out: &mut [T], a: &[A], b: &[B], visit: impl Fn(&mut T, f64, f64) -> f64) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    debug_assert_eq!((a.len(), b.len()), (out.len(), out.len()));
    Arch::new().dispatch(Visits { out, a, b, visit })
}

struct Visits<'a, T, A, B, F> {
    out: &'a mut [T],
    a: &'a [A],
    b: &'a [B],
    visit: F,
}

impl<T, A, B, F> WithSimd for Visits<'_, T, A, B, F>
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
    F: Fn(&mut T, f64, f64) -> f64,
{
    type Output = f64;

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { out, a, b, visit } = self;
        let mut lanes = [0.0f64; LANES];
        let (out_chunks, out_rest) = out.as_chunks_mut::<LANES>();
        let (a_chunks, a_rest) = a.as_chunks::<LANES>();
        let (b_chunks, b_rest) = b.as_chunks::<LANES>();
        for ((out, a), b) in out_chunks.iter_mut().zip(a_chunks).zip(b_chunks) {
            for lane in 0..LANES {
                lanes[lane] += visit(&mut out[lane], a[lane].into(), b[lane].into());
            }
        }
        let mut sum = lanes.iter().sum();
        for ((out, &a), &b) in out_rest.iter_mut().zip(a_rest).zip(b_rest) {
            sum += visit(out, a.into(), b.into());
        }
        sum
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
