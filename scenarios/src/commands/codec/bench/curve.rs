//! The figures of `splitsim codec bench`.

use serde::Serialize;
use splitsim_codec::bd_rate::{Better, RatePoint};
use splitsim_codec::{CodecId, Level};
use splitsim_feature::{FeatureShape, Task};

use super::compare::Comparison;
use crate::calibration::Criterion;

/// One task.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TaskBench {
    pub(super) task: Task,
    /// The standard by which reconstructions are judged.
    pub(super) judged_by: Criterion,
    /// The name of the performance figure with its unit, such as `top-1, %`.
    pub(super) performance_is: &'static str,
    pub(super) pictures: usize,
    /// The performance of the features as they were extracted.
    pub(super) original_performance: f64,
    pub(super) curves: Vec<Curve>,
    pub(super) comparisons: Vec<Comparison>,
}

/// One codec on one task, cheapest level first.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Curve {
    pub(super) codec: CodecId,
    pub(super) tables_digest: String,
    pub(super) levels: Vec<LevelFigures>,
}

/// One level: means over the pictures, unless said otherwise.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LevelFigures {
    pub(super) level: Level,
    pub(super) label: String,
    /// Features that went through.
    pub(super) features: usize,
    /// The size of the container.
    pub(super) bytes: f64,
    pub(super) payload_bytes: f64,
    /// The bits of all containers per point of all features.
    pub(super) bpfp: f64,
    pub(super) mse: f64,
    /// The performance over all pictures together.
    pub(super) performance: f64,
    /// Points outside of the value range, of all features.
    pub(super) clamped_points: usize,
    pub(super) encode: Times,
    pub(super) decode: Times,
}

/// The times per feature of one direction, encoding or decoding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Times {
    pub(super) ms_p50: f64,
    pub(super) ms_p95: f64,
    /// All points over all time.
    pub(super) points_per_s: f64,
}

/// The distortion axis of a BD-rate comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Axis {
    Mse,
    Performance,
}

impl Curve {
    pub(super) fn points(&self, axis: Axis) -> Vec<RatePoint> {
        let point = |level: &LevelFigures| RatePoint {
            rate: level.bpfp,
            quality: match axis {
                Axis::Mse => level.mse,
                Axis::Performance => level.performance,
            },
        };
        self.levels.iter().map(point).collect()
    }
}

impl Axis {
    /// Returns the direction in which values improve; `performance` is the direction of performances.
    pub(super) const fn better(self, performance: Better) -> Better {
        match self {
            Self::Mse => Better::Smaller,
            Self::Performance => performance,
        }
    }
}

impl Times {
    /// Summarises `times`, in milliseconds, one per feature of these shapes. Percentiles are nearest ranks.
    pub(super) fn of(times: &[f64], shapes: &[FeatureShape]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let points: usize = shapes.iter().map(|shape| shape.points()).sum();
        Self {
            ms_p50: percentile(&sorted, 50),
            ms_p95: percentile(&sorted, 95),
            points_per_s: points as f64 / (times.iter().sum::<f64>() / 1000.0),
        }
    }
}

/// The least value that `percent` percent of the sorted values do not exceed; NaN without values.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let sorted: Vec<f64> = (1..=20u8).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 50), 10.0);
        assert_eq!(percentile(&sorted, 95), 19.0);
        assert_eq!(percentile(&sorted[..1], 95), 1.0);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn throughput_is_of_all_points_over_all_time() {
        let shape = FeatureShape::new(1, 1, 10, 10).unwrap();
        let times = Times::of(&[30.0, 10.0], &[shape; 2]);
        assert_eq!((times.ms_p50, times.ms_p95), (10.0, 30.0));
        assert_eq!(times.points_per_s, 200.0 / 0.04);
    }
}
