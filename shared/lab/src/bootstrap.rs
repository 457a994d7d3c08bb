use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;

/// The settings of the confidence intervals, which come from resampling features with replacement
/// (Efron, 1979; percentile method).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Resamples; 0 for no intervals.
    pub samples: usize,
    /// Seed of the resampling.
    pub seed: u64,
}

/// An interval that covers a statistic with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5th percentile of the resamples.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

impl Bootstrap {
    /// The intervals of statistics of `units` units, each drawn with replacement. A statistic that is
    /// undefined in more than half of the resamples has none.
    pub fn intervals<const N: usize>(
        self,
        units: usize,
        statistics: impl Fn(&[usize]) -> [Option<f64>; N] + Sync,
    ) -> [Option<Interval>; N] {
        if units == 0 {
            return [None; N];
        }
        let resampled: Vec<[Option<f64>; N]> = (0..self.samples as u64)
            .into_par_iter()
            .map(|sample| statistics(&self.draw(units, sample)))
            .collect();
        std::array::from_fn(|index| {
            let values = resampled
                .iter()
                .filter_map(|values| values[index])
                .collect();
            self.interval(values)
        })
    }

    /// The units of one resample.
    fn draw(self, units: usize, sample: u64) -> Vec<usize> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(sample);
        (0..units).map(|_| random.random_range(0..units)).collect()
    }

    fn interval(self, mut values: Vec<f64>) -> Option<Interval> {
        if values.len() * 2 <= self.samples {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let quantile = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
        Some(Interval {
            low: quantile(0.025),
            high: quantile(0.975),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of n fair coins has a standard error of 0.5/√n: 95 % lie within 1.96 of them.
    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors() {
        let coins: Vec<f64> = (0..400).map(|index| f64::from(index % 2)).collect();
        let bootstrap = Bootstrap {
            samples: 2000,
            seed: 5,
        };
        let mean = |units: &[usize]| {
            let sum: f64 = units.iter().map(|&unit| coins[unit]).sum();
            [Some(sum / units.len() as f64)]
        };
        let [interval] = bootstrap.intervals(400, mean);
        let Interval { low, high } = interval.unwrap();
        let expected = 1.96 * 0.5 / 20.0;
        assert!((0.5 - low - expected).abs() < 0.006, "{low}");
        assert!((high - 0.5 - expected).abs() < 0.006, "{high}");
    }

    #[test]
    fn what_is_mostly_undefined_has_no_interval() {
        let bootstrap = Bootstrap {
            samples: 100,
            seed: 1,
        };
        assert_eq!(bootstrap.intervals(3, |_| [None::<f64>]), [None]);
        assert_eq!(bootstrap.intervals(0, |_| [Some(1.0)]), [None]);
    }
}
