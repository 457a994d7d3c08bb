//! Means with intervals, ranks.

use splitsim_replay::Interval;

/// A mean and the interval that holds it with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// The mean of `samples` with its interval; `None` without samples.
pub(crate) fn estimate(samples: &[f64]) -> Option<Estimate> {
    let Interval { low, high } = Interval::of_mean(samples)?;
    let mean = mean(samples)?;
    Some(Estimate { mean, low, high })
}

pub(crate) fn mean(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64)
}

/// The nearest-rank percentile, `percent` from 1 to 100. `None` without samples.
pub(crate) fn percentile(samples: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent * sorted.len()).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Ranks from 0 to 1, equal values sharing the mean of theirs.
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let last = values.len().saturating_sub(1).max(1) as f64;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = (2 * start + tied.len() - 1) as f64 / 2.0 / last;
        tied.iter().for_each(|&index| ranks[index] = shared);
        start += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_holds_its_mean() {
        let samples: Vec<f64> = (0..400).map(|step| f64::from(step % 2)).collect();
        let Estimate { mean, low, high } = estimate(&samples).unwrap();
        assert_eq!(mean, 0.5);
        assert!(low < mean && mean < high);
        assert_eq!(estimate(&[]), None);
        let one = estimate(&[3.0]).unwrap();
        assert_eq!((one.low, one.mean, one.high), (3.0, 3.0, 3.0));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let samples: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!(percentile(&samples, 95), Some(19.0));
        assert_eq!(percentile(&samples, 50), Some(10.0));
        assert_eq!(percentile(&samples, 100), Some(20.0));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn ties_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0]), [0.75, 0.0, 0.75]);
        assert_eq!(ranks(&[2.0, 2.0]), [0.5, 0.5]);
        assert_eq!(ranks(&[7.0]), [0.0]);
        assert_eq!(ranks(&[]), [0.0; 0]);
    }
}
