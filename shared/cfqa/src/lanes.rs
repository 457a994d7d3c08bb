//! Loops over values, with sums accumulated in `f64`.
//!
//! Eight accumulators side by side let the compiler use vector instructions, which it must not do
//! with one, because floating-point addition is not associative. The order of additions is fixed, so
//! results are reproducible, whatever vectors the processor has.

use pulp::{Arch, Simd, WithSimd};

const LANES: usize = 8;

/// `Σ a·b`.
pub(crate) fn dot<A, B>(a: &[A], b: &[B]) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    sum_of_pairs(a, b, |a, b| a * b)
}

/// `Σ (a − b)²`.
pub(crate) fn squared_distance<A, B>(a: &[A], b: &[B]) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    sum_of_pairs(a, b, |a, b| (a - b) * (a - b))
}

/// `Σ (a + b)²`.
pub(crate) fn squared_sum<A, B>(a: &[A], b: &[B]) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    sum_of_pairs(a, b, |a, b| (a + b) * (a + b))
}

/// `Σ (a − b)·(a + b)`: what `Σ a²` is above `Σ b²`.
pub(crate) fn difference_of_squares<A, B>(a: &[A], b: &[B]) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    sum_of_pairs(a, b, |a, b| (a - b) * (a + b))
}

/// `Σ term(a, b)` over pairs of values; the slices are of one length. For several terms of values that fit
/// into the fastest cache, a sum for each is faster than all in one loop.
fn sum_of_pairs<A, B>(a: &[A], b: &[B], term: impl Fn(f64, f64) -> f64) -> f64
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    debug_assert_eq!(a.len(), b.len());
    Arch::new().dispatch(Sum { a, b, term })
}

/// Computed with the widest vectors that this processor has, not only with those that every processor of
/// its kind has.
struct Sum<'a, A, B, F> {
    a: &'a [A],
    b: &'a [B],
    term: F,
}

impl<A, B, F> WithSimd for Sum<'_, A, B, F>
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
    F: Fn(f64, f64) -> f64,
{
    type Output = f64;

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { a, b, term } = self;
        let mut lanes = [0.0; LANES];
        let (a_chunks, a_rest) = a.as_chunks::<LANES>();
        let (b_chunks, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            for lane in 0..LANES {
                lanes[lane] += term(a[lane].into(), b[lane].into());
            }
        }
        let mut sum = lanes.iter().sum();
        for (&a, &b) in a_rest.iter().zip(b_rest) {
            sum += term(a.into(), b.into());
        }
        sum
    }
}

/// Adds every value's difference from `first`, of its column, to its column's sum; returns the sum of the
/// differences' squares. There are whole rows of `values`.
pub(crate) fn accumulate(sums: &mut [f64], values: &[f32], first: &[f32]) -> f64 {
    debug_assert!(values.len().is_multiple_of(sums.len()) && first.len() == sums.len());
    Arch::new().dispatch(Differences {
        sums,
        values,
        first,
    })
}

struct Differences<'a> {
    sums: &'a mut [f64],
    values: &'a [f32],
    first: &'a [f32],
}

impl WithSimd for Differences<'_> {
    type Output = f64;

    #[expect(
        clippy::inline_always,
        reason = "only what is inlined into the dispatcher is compiled for wide vectors"
    )]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self {
            sums,
            values,
            first,
        } = self;
        let dim = sums.len();
        let mut squares = [0.0; LANES];
        let (sum_chunks, sum_rest) = sums.as_chunks_mut::<LANES>();
        let (first_chunks, first_rest) = first.as_chunks::<LANES>();
        for (index, (sums, first)) in sum_chunks.iter_mut().zip(first_chunks).enumerate() {
            let first = first.map(f64::from);
            // In registers.
            let mut lanes = *sums;
            for row in values.chunks_exact(dim) {
                let (row, _) = row[index * LANES..].as_chunks::<LANES>();
                for lane in 0..LANES {
                    let difference = f64::from(row[0][lane]) - first[lane];
                    lanes[lane] += difference;
                    squares[lane] += difference * difference;
                }
            }
            *sums = lanes;
        }
        let mut total = squares.iter().sum();
        let start = dim - sum_rest.len();
        for row in values.chunks_exact(dim) {
            for ((sum, &value), &first) in sum_rest.iter_mut().zip(&row[start..]).zip(first_rest) {
                let difference = f64::from(value) - f64::from(first);
                *sum += difference;
                total += difference * difference;
            }
        }
        total
    }
}

/// Values to be centred and scaled: `(value − mean)·factor`; the slices are of one length.
#[derive(Clone, Copy)]
pub(crate) struct Uncentred<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) means: &'a [f64],
    pub(crate) factor: f64,
}

/// Puts the sum of two centred values, the second times `sign`, into `out`.
pub(crate) fn centre_two(out: &mut [f32], x: Uncentred<'_>, y: Uncentred<'_>, sign: f64) {
    debug_assert_eq!((x.values.len(), y.values.len()), (out.len(), out.len()));
    Arch::new().dispatch(|| {
        let x_values = x.values.iter().zip(x.means);
        let y_values = y.values.iter().zip(y.means);
        for ((out, (&value_x, &mean_x)), (&value_y, &mean_y)) in
            out.iter_mut().zip(x_values).zip(y_values)
        {
            let x = (f64::from(value_x) - mean_x) * x.factor;
            let y = (f64::from(value_y) - mean_y) * y.factor;
            *out = (x + sign * y) as f32;
        }
    });
}

/// Puts `(value − mean)·factor` into `out`; the slices are of one length.
pub(crate) fn centre(out: &mut [f32], values: &[f32], means: &[f64], factor: f64) {
    debug_assert_eq!((values.len(), means.len()), (out.len(), out.len()));
    Arch::new().dispatch(|| {
        for ((out, &value), &mean) in out.iter_mut().zip(values).zip(means) {
            *out = ((f64::from(value) - mean) * factor) as f32;
        }
    });
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
            assert_eq!(squared_distance(&values, &doubled), squares);
            assert_eq!(squared_sum(&values, &doubled), 9.0 * squares);
            assert_eq!(difference_of_squares(&values, &doubled), -3.0 * squares);

            // (i − 3i)/2 = −i.
            let tripled: Vec<f64> = values.iter().map(|&value| 3.0 * f64::from(value)).collect();
            let mut out = vec![0.0; values.len()];
            centre(&mut out, &values, &tripled, 0.5);
            let negated: Vec<f32> = values.iter().map(|value| -value).collect();
            assert_eq!(out, negated);
        }
    }

    /// Rows i, 2i, 3i beside a first row of i.
    #[test]
    fn sums_up_differences_column_by_column() {
        for dim in [1u16, 7, 8, 9, 20] {
            let first: Vec<f32> = (1..=dim).map(f32::from).collect();
            let times = |factor: f32| first.iter().map(move |value| factor * value);
            let rows: Vec<f32> = times(1.0).chain(times(2.0)).chain(times(3.0)).collect();
            let mut sums = vec![1.0; first.len()];
            let squares = accumulate(&mut sums, &rows, &first);
            assert_eq!(squares, 5.0 * dot(&first, &first));
            let expected: Vec<f64> = times(3.0).map(|sum| 1.0 + f64::from(sum)).collect();
            assert_eq!(sums, expected);
        }
    }
}
