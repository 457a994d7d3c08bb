//! Means, quantiles and percentiles that are `None` when there is nothing to describe.

use hdrhistogram::Histogram;
use serde::Serialize;
use splitsim_feature::Task;

use crate::check::MAX_STAGE_MS;

/// Quantiles of a latency, in ms, from an HDR histogram of whole microseconds.
///
/// A quantile `q` is the smallest recorded value that at least the share `q` of all values does
/// not exceed, right to three significant digits. The maximum is exact to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// Values recorded.
    pub samples: u64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Largest value.
    pub max_ms: f64,
}

/// True semantic distortion over the frames that have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DistortionSummary {
    /// The unit of the values.
    pub unit: DistortionUnit,
    /// Mean.
    pub mean: f64,
    /// 95th percentile by nearest rank: a value that occurred.
    pub p95: f64,
    /// Largest value.
    pub worst: f64,
}

/// A task's unit of semantic distortion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DistortionUnit {
    /// Places that the label lost in the ranking (cls).
    Ranks,
    /// Percentage points of mIoU lost (seg).
    MiouPoints,
    /// Metres of RMSE gained (dpt).
    Metres,
}

impl DistortionUnit {
    /// The unit of a task.
    #[must_use]
    pub const fn of(task: Task) -> Self {
        match task {
            Task::Cls => Self::Ranks,
            Task::Seg => Self::MiouPoints,
            Task::Dpt => Self::Metres,
        }
    }
}

/// A running mean.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    pub(super) fn add_known(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.add(value);
        }
    }

    pub(super) const fn count(self) -> u64 {
        self.count
    }

    pub(super) fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// A latency's histogram, in µs.
pub(super) struct Timing {
    histogram: Histogram<u64>,
    max_us: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            histogram: Histogram::new(SIGNIFICANT_DIGITS)
                .expect("a histogram takes 0 to 5 significant digits"),
            max_us: 0,
        }
    }
}

impl Timing {
    pub(super) fn add_known(&mut self, ms: Option<f64>) {
        let Some(ms) = ms else { return };
        // No stage in the store is longer than the bound, which the histogram grows to.
        let us = ((ms * 1000.0).round() as u64).min(MAX_US);
        self.histogram
            .record(us)
            .expect("a growing histogram takes a year of microseconds");
        self.max_us = self.max_us.max(us);
    }

    pub(super) fn quantiles(&self) -> Option<Quantiles> {
        let samples = self.histogram.len();
        // A bucket's upper end may lie above every value in it.
        let at = |quantile| {
            let us = self.histogram.value_at_quantile(quantile).min(self.max_us);
            us as f64 / 1000.0
        };
        (samples > 0).then(|| Quantiles {
            samples,
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: self.max_us as f64 / 1000.0,
        })
    }
}

/// Collects distortions; their sign matters, so no histogram.
#[derive(Debug, Default)]
pub(super) struct Distortions(Vec<f64>);

impl Distortions {
    pub(super) fn add_known(&mut self, value: Option<f64>) {
        self.0.extend(value);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn finish(mut self, unit: DistortionUnit) -> Option<DistortionSummary> {
        self.0.sort_by(f64::total_cmp);
        Some(DistortionSummary {
            unit,
            mean: self.0.iter().sum::<f64>() / self.0.len() as f64,
            p95: nearest_rank(&self.0, 95)?,
            worst: *self.0.last()?,
        })
    }
}

/// The nearest-rank percentile: the smallest value that at least `percent` % of all do not exceed.
fn nearest_rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

const SIGNIFICANT_DIGITS: u8 = 3;
const MAX_US: u64 = (MAX_STAGE_MS * 1000.0) as u64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nearest_rank_takes_values_that_occurred() {
        let twenty: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(nearest_rank(&twenty, 95), Some(19.0));
        assert_eq!(nearest_rank(&twenty, 50), Some(10.0));
        assert_eq!(nearest_rank(&twenty[..5], 95), Some(5.0));
        assert_eq!(nearest_rank(&twenty[..1], 95), Some(1.0));
        assert_eq!(nearest_rank(&[], 95), None);
    }

    #[test]
    fn nothing_has_no_mean_and_no_quantile() {
        assert_eq!(Mean::default().value(), None);
        assert_eq!(Timing::default().quantiles(), None);
        assert_eq!(Distortions::default().finish(DistortionUnit::Ranks), None);
    }

    #[test]
    fn hundred_latencies_of_one_to_hundred_ms() {
        let mut timing = Timing::default();
        (1..=100).for_each(|ms| timing.add_known(Some(f64::from(ms))));
        let quantiles = timing.quantiles().unwrap();
        assert_eq!((quantiles.samples, quantiles.max_ms), (100, 100.0));
        for (actual, expected) in [
            (quantiles.p50_ms, 50.0),
            (quantiles.p95_ms, 95.0),
            (quantiles.p99_ms, 99.0),
        ] {
            assert!((actual - expected).abs() <= 0.001 * expected, "{actual}");
        }
    }

    proptest! {
        #[test]
        fn nearest_rank_is_the_smallest_that_covers(
            mut values in prop::collection::vec(-1e3..1e3, 1..200),
            percent in 1usize..=100,
        ) {
            values.sort_by(f64::total_cmp);
            let covers = |bound: f64| {
                values.iter().filter(|value| **value <= bound).count() * 100
                    >= percent * values.len()
            };
            let expected = values.iter().copied().find(|value| covers(*value));
            prop_assert_eq!(nearest_rank(&values, percent), expected);
        }

        #[test]
        fn histogram_quantiles_are_nearest_ranks_to_three_digits(
            mut values in prop::collection::vec(0.0..1e6, 1..200),
        ) {
            let mut timing = Timing::default();
            values.iter().for_each(|ms| timing.add_known(Some(*ms)));
            values.sort_by(f64::total_cmp);
            let quantiles = timing.quantiles().unwrap();
            for (actual, percent) in [(quantiles.p50_ms, 50), (quantiles.p95_ms, 95)] {
                let expected = nearest_rank(&values, percent).unwrap();
                prop_assert!((actual - expected).abs() <= 0.001 * expected + 0.001);
            }
        }
    }
}
