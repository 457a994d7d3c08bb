//! Statistics of samples before they are drawn: histograms and distribution functions.

/// Counts of samples in equal parts of a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bins {
    pub(super) low: f64,
    pub(super) width: f64,
    pub(super) counts: Vec<u64>,
}

impl Bins {
    pub(super) fn of(
        samples: impl IntoIterator<Item = f64>,
        (low, high): (f64, f64),
        bins: usize,
    ) -> Self {
        let bins = bins.max(1);
        let width = (high - low) / bins as f64;
        let mut counts = vec![0; bins];
        for sample in samples {
            if (low..=high).contains(&sample) && width > 0.0 {
                // Not negative, and cut to the last bin.
                let bin = ((sample - low) / width) as usize;
                counts[bin.min(bins - 1)] += 1;
            }
        }
        Self { low, width, counts }
    }

    /// Middles of the parts.
    pub(super) fn centres(&self) -> Vec<f64> {
        (0..self.counts.len())
            .map(|bin| self.low + (bin as f64 + 0.5) * self.width)
            .collect()
    }
}

/// Steps of the empirical distribution function in %: one per distinct sample, from 0 on.
pub(super) fn cumulative(samples: impl IntoIterator<Item = f64>) -> Vec<(f64, f64)> {
    let mut samples: Vec<f64> = samples.into_iter().filter(|s| s.is_finite()).collect();
    samples.sort_by(f64::total_cmp);
    let count = samples.len() as f64;
    let mut steps: Vec<(f64, f64)> = Vec::new();
    steps.extend(samples.first().map(|first| (*first, 0.0)));
    for (index, sample) in samples.iter().enumerate() {
        let share = (index + 1) as f64 / count * 100.0;
        match steps.last_mut() {
            Some((last, of_last)) if last == sample && *of_last > 0.0 => *of_last = share,
            _ => steps.push((*sample, share)),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_function_counts_samples_up_to_a_value() {
        let steps = cumulative([3.0, 1.0, f64::NAN, 1.0, 2.0]);
        assert_eq!(steps, [(1.0, 0.0), (1.0, 50.0), (2.0, 75.0), (3.0, 100.0)]);
        assert_eq!(cumulative([]), []);
    }

    #[test]
    fn bins_count_every_sample_of_the_range_once() {
        let bins = Bins::of(
            [-1.0, -0.95, 0.0, 0.1, 1.0, 1.01, f64::NAN],
            (-1.0, 1.0),
            20,
        );
        assert_eq!(bins.counts.iter().sum::<u64>(), 5);
        assert_eq!(
            (bins.counts[0], bins.counts[10], bins.counts[19]),
            (2, 1, 1)
        );
        assert!((bins.centres()[0] + 0.95).abs() < 1e-12);
        assert_eq!(Bins::of([1.0], (1.0, 1.0), 4).counts, [0; 4]);
    }
}
