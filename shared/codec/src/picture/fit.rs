use super::{Assignment, Codebook, CodebookError};
use crate::quantise::BitDepth;

/// A fitted list of centres and how well it stands for the values that it was fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The centres, ascending.
    pub centres: Vec<f32>,
    /// Mean squared error of the values and their nearest centres.
    pub mse: f64,
    /// Rounds of Lloyd's algorithm that changed something.
    pub rounds: usize,
}

/// Fits `2^depth` scalar centres to values: one-dimensional k-means, deterministic.
///
/// Starts with the density of centres that is asymptotically best for the squared error, proportional
/// to the cube root of the density of values (Panter and Dite 1951), and goes on with Lloyd's
/// algorithm (1982) until no value changes its centre, or for 1000 rounds. Values are sorted once: then
/// every cell is an interval, and a round takes a binary search a centre.
///
/// # Errors
/// When there are no values, one is not finite, or the depth is more than [`Codebook::MAX_DEPTH`].
pub fn fit(values: &[f32], depth: BitDepth) -> Result<Fit, FitError> {
    if depth.bits() > Codebook::MAX_DEPTH {
        return Err(FitError::Depth { depth });
    }
    if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
        return Err(FitError::NotFinite { value });
    }
    let sample = Sample::new(values).ok_or(FitError::Empty)?;
    let mut centres = sample.cube_root_start(1 << depth.bits());
    let mut cells = sample.cells(&centres);
    let mut rounds = 0;
    while rounds < MAX_ROUNDS {
        sample.move_to_means(&mut centres, &cells);
        let moved = sample.cells(&centres);
        if moved == cells {
            break;
        }
        cells = moved;
        rounds += 1;
    }
    // Rounding to f32 keeps the order.
    let centres: Vec<f32> = centres.into_iter().map(|centre| centre as f32).collect();
    Ok(Fit {
        mse: Assignment::Nearest.mse(&centres, &sample.values),
        centres,
        rounds,
    })
}

/// The reason why no centres can be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// No values at all.
    #[error("no values to fit centres to")]
    Empty,
    /// A value that is no number.
    #[error("cannot fit centres to {value}")]
    NotFinite {
        /// The value.
        value: f32,
    },
    /// More centres than a codebook has.
    #[error(
        "2^{depth} centres are more than a codebook has, at most 2^{}",
        Codebook::MAX_DEPTH
    )]
    Depth {
        /// The depth asked for.
        depth: BitDepth,
    },
    /// The centres make no codebook.
    #[error(transparent)]
    Codebook(#[from] CodebookError),
}

/// Lloyd's algorithm creeps at the end; the error hardly changes by then.
const MAX_ROUNDS: usize = 1000;

/// Sorted values with running sums; at least one.
struct Sample {
    values: Vec<f32>,
    /// `sums[i]` is the sum of the first `i` values.
    sums: Vec<f64>,
}

impl Sample {
    fn new(values: &[f32]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let mut values = values.to_vec();
        values.sort_unstable_by(f32::total_cmp);
        let running = values.iter().scan(0.0, |sum, &value| {
            *sum += f64::from(value);
            Some(*sum)
        });
        let sums = std::iter::once(0.0).chain(running).collect();
        Some(Self { values, sums })
    }

    /// Centres whose density is as the cube root of the values'.
    ///
    /// Between quantiles that are `w` apart the density is as `1/w`, so an interval gets a share of
    /// centres as `w · w^(−1/3)`. Where there are no more distinct values than centres, these are the
    /// centres.
    fn cube_root_start(&self, centres: usize) -> Vec<f64> {
        let mut distinct = self.values.clone();
        distinct.dedup();
        if distinct.len() <= centres {
            let last = distinct[distinct.len() - 1];
            distinct.resize(centres, last);
            return distinct.into_iter().map(f64::from).collect();
        }
        let intervals = 4 * centres;
        let last = self.values.len() - 1;
        let quantile = |index: usize| f64::from(self.values[index * last / intervals]);
        let knots: Vec<f64> = (0..=intervals).map(quantile).collect();
        let share = |pair: &[f64]| (pair[1] - pair[0]).cbrt().powi(2);
        let total: f64 = knots.windows(2).map(share).sum();
        let mut start = Vec::with_capacity(centres);
        let mut passed = 0.0;
        for pair in knots.windows(2) {
            let here = share(pair) / total;
            // The k-th of K centres lies where (k + ½)/K of all shares have passed.
            let mut next = (start.len() as f64 + 0.5) / centres as f64;
            while next <= passed + here && start.len() < centres {
                start
                    .push(pair[0] + (pair[1] - pair[0]) * ((next - passed) / here).clamp(0.0, 1.0));
                next = (start.len() as f64 + 0.5) / centres as f64;
            }
            passed += here;
        }
        // Rounding may have kept the last centre out.
        start.resize(centres, knots[intervals]);
        start
    }

    /// The first value of the cell of each centre but the first, as an index of the sorted values. Cells meet
    /// half-way between centres; a value in the middle belongs to the lower one.
    fn cells(&self, centres: &[f64]) -> Vec<usize> {
        let begin = |pair: &[f64]| {
            let middle = f64::midpoint(pair[0], pair[1]);
            self.values
                .partition_point(|&value| f64::from(value) <= middle)
        };
        centres.windows(2).map(begin).collect()
    }

    /// Each centre becomes the mean of its cell; the centre of an empty cell stays.
    fn move_to_means(&self, centres: &mut [f64], cells: &[usize]) {
        let mut begin = 0;
        let ends = cells.iter().copied().chain([self.values.len()]);
        for (centre, end) in centres.iter_mut().zip(ends) {
            if end > begin {
                *centre = (self.sums[end] - self.sums[begin]) / (end - begin) as f64;
            }
            begin = end;
        }
        // Means of ascending intervals ascend; an empty cell's centre may have been passed.
        centres.sort_unstable_by(f64::total_cmp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn depth(bits: u8) -> BitDepth {
        BitDepth::new(bits).unwrap()
    }

    /// Standard normal values at equally probable points, by bisection of the error function's
    /// integral, so that no random generator is needed.
    fn normal(count: usize) -> Vec<f32> {
        let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
        let (step, mut x, mut below) = (1e-4, -8.0, 0.0);
        let mut values = Vec::with_capacity(count);
        while values.len() < count && x < 8.0 {
            below += density(x + step / 2.0) * step;
            x += step;
            while values.len() < count && below >= (values.len() as f64 + 0.5) / count as f64 {
                values.push(x as f32);
            }
        }
        values
    }

    #[test]
    fn a_normal_distribution_gets_the_quantisers_of_max() {
        let values = normal(100_000);
        // Max, "Quantizing for minimum distortion" (1960), table I: mean squared error and centres.
        for (bits, mse) in [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)] {
            let found = fit(&values, depth(bits)).unwrap();
            assert!(
                (found.mse / mse - 1.0).abs() < 5e-3,
                "{bits}: {}",
                found.mse
            );
        }
        let centres = fit(&values, depth(2)).unwrap().centres;
        for (centre, expected) in centres.iter().zip([-1.510, -0.4528, 0.4528, 1.510]) {
            assert!((centre - expected).abs() < 5e-3, "{centres:?}");
        }
    }

    #[test]
    fn a_uniform_distribution_gets_even_steps() {
        let values: Vec<f32> = (0..65_536u32).map(|n| n as f32).collect();
        let found = fit(&values, depth(8)).unwrap();
        // Cells of 256 integers: their variance is (256² − 1)/12.
        assert!((found.mse - 5461.25).abs() < 0.5, "{}", found.mse);
    }

    /// The least squared error of all partitions into `centres` intervals, by dynamic programming:
    /// k-means in one dimension is exact this way (Wang and Song 2011).
    fn least_error(sorted: &[f32], centres: usize) -> f64 {
        let cost = |cell: &[f32]| {
            let mean = cell.iter().map(|&v| f64::from(v)).sum::<f64>() / cell.len() as f64;
            cell.iter()
                .map(|&v| (f64::from(v) - mean).powi(2))
                .sum::<f64>()
        };
        let n = sorted.len();
        let mut best: Vec<f64> = (0..=n)
            .map(|end| if end == 0 { 0.0 } else { f64::MAX })
            .collect();
        for _ in 0..centres {
            let longer = (0..=n).map(|end| {
                let split = |begin: usize| best[begin] + cost(&sorted[begin..end]);
                (0..end).map(split).fold(best[end], f64::min)
            });
            best = longer.collect();
        }
        best[n] / n as f64
    }

    #[test]
    fn heavy_tails_come_close_to_the_best_partition() {
        // Student's t with two degrees of freedom at equally probable points: quantile function
        // (2p − 1)/√(2p(1 − p)).
        let quantile = |p: f64| (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt();
        let values: Vec<f32> = (0..300)
            .map(|n| quantile((f64::from(n) + 0.5) / 300.0) as f32)
            .collect();
        for bits in [2, 3, 4] {
            let found = fit(&values, depth(bits)).unwrap().mse;
            let least = least_error(&values, 1 << bits);
            assert!(found < 1.1 * least, "{bits} bits: {found}, at best {least}");
            assert!(
                found > 0.999 * least,
                "{bits} bits: {found} below the best {least}"
            );
        }
    }

    #[test]
    fn few_values_are_kept_exactly() {
        for values in [vec![7.5f32], vec![3.0; 10], vec![-1.0, 2.0, -1.0, 500.0]] {
            let found = fit(&values, depth(3)).unwrap();
            assert_eq!(found.mse, 0.0, "{values:?}");
            assert!(Codebook::new(&[found.centres]).is_ok());
        }
        assert!(matches!(fit(&[], depth(3)), Err(FitError::Empty)));
        assert!(matches!(
            fit(&[1.0, f32::NAN], depth(3)),
            Err(FitError::NotFinite { .. })
        ));
        assert!(matches!(
            fit(&[1.0], depth(16)),
            Err(FitError::Depth { .. })
        ));
    }

    proptest! {
        #[test]
        fn centres_make_a_codebook_and_no_order_of_values_matters(
            mut values in prop::collection::vec(-600f32..120.0, 1..200), bits in 1u8..6,
        ) {
            let found = fit(&values, depth(bits)).unwrap();
            values.reverse();
            prop_assert_eq!(&fit(&values, depth(bits)).unwrap(), &found);
            prop_assert!(Codebook::new(&[found.centres]).is_ok());
        }
    }
}
