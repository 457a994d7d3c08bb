use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// A count and the total that it is taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The number of items that qualify.
    pub count: usize,
    /// The number of all items.
    pub of: usize,
}

/// Nearest-rank quantiles: values that occurred.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half of all values are not above.
    pub p50: f64,
    /// 95 % are not above.
    pub p95: f64,
    /// 99 % are not above.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

/// The 95 % confidence interval of a value, over frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// The interval of the ratio of the two sums: the percentile bootstrap over pairs (Efron and Tibshirani,
    /// "An Introduction to the Bootstrap", 1993, §13.3) with 2,000 resamples. With divisors of one it is the
    /// interval of a mean.
    ///
    /// Equally long lists are always resampled alike, so that intervals of contenders on the same frames can be
    /// compared. `None` without pairs.
    #[must_use]
    pub fn of_ratio(pairs: &[(f64, f64)]) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mut ratios: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn = pairs
                    .iter()
                    .map(|_| pairs[random.random_range(0..pairs.len())]);
                let (above, below) =
                    drawn.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
                above / below
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        Some(Self {
            low: ratios[RESAMPLES / 40],
            high: ratios[RESAMPLES - 1 - RESAMPLES / 40],
        })
    }

    /// The interval of the mean of some values.
    #[must_use]
    pub fn of_mean(values: &[f64]) -> Option<Self> {
        let pairs: Vec<(f64, f64)> = values.iter().map(|&value| (value, 1.0)).collect();
        Self::of_ratio(&pairs)
    }
}

const RESAMPLES: usize = 2000;

impl Share {
    /// Counts those of `items` that qualify.
    pub(crate) fn of<T>(items: impl IntoIterator<Item = T>, is: impl Fn(&T) -> bool) -> Self {
        items.into_iter().fold(Self::default(), |share, item| Self {
            count: share.count + usize::from(is(&item)),
            of: share.of + 1,
        })
    }

    /// The share in percent; `None` if the total is zero.
    #[must_use]
    pub fn percent(self) -> Option<f64> {
        (self.of > 0).then(|| 100.0 * self.count as f64 / self.of as f64)
    }

    /// The share from 0 to 1; 0 if the total is zero.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.percent().map_or(0.0, |percent| percent / 100.0)
    }
}

impl Quantiles {
    /// The quantiles of these values; `None` if there are none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let max = *values.last()?;
        let rank = |percent: usize| {
            let place = (values.len() * percent).div_ceil(100).max(1);
            values[place - 1]
        };
        Some(Self {
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            max,
        })
    }
}

/// The arithmetic mean; `None` of nothing.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values
        .into_iter()
        .fold((0.0, 0_usize), |(sum, count), value| {
            (sum + value, count + 1)
        });
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let hundred = Quantiles::of((1..=100).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            (hundred.p50, hundred.p95, hundred.p99, hundred.max),
            (50.0, 95.0, 99.0, 100.0)
        );
        let three = Quantiles::of(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!((three.p50, three.p95), (2.0, 3.0));
        assert_eq!(Quantiles::of(Vec::new()), None);
    }

    #[test]
    fn an_interval_is_about_two_standard_errors_wide_on_each_side() {
        let coin: Vec<f64> = (0..400).map(|throw| f64::from(throw % 2)).collect();
        // Standard error of a fair coin over 400 throws: 0.025.
        let Interval { low, high } = Interval::of_mean(&coin).unwrap();
        assert!((0.5 - low - 0.049).abs() < 0.006, "{low}");
        assert!((high - 0.5 - 0.049).abs() < 0.006, "{high}");
        assert_eq!(Interval::of_mean(&[]), None);
    }

    #[test]
    fn what_frames_share_widens_no_ratio() {
        // Frames of very different sizes, of each of which half is saved.
        let pairs: Vec<(f64, f64)> = (1..50).map(|n| (f64::from(n), f64::from(2 * n))).collect();
        let Interval { low, high } = Interval::of_ratio(&pairs).unwrap();
        assert!((low - 0.5).abs() < 1e-12 && (high - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_share_of_nothing_has_no_percentage() {
        assert_eq!(Share::default().percent(), None);
        assert_eq!(Share::of([1, 2, 3, 4], |n| *n > 3).percent(), Some(25.0));
        assert_eq!(mean([]), None);
        assert_eq!(mean([1.0, 2.0]), Some(1.5));
    }
}
