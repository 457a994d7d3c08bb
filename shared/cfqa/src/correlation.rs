use std::fmt;

/// A coefficient for how well one sequence follows another: predicted scores and true distortions.
///
/// The benchmark takes PLCC and SROCC per feature over its levels (Gao et al., MM'25, §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Correlation {
    /// Pearson's linear correlation coefficient.
    Plcc,
    /// Spearman's rank correlation: Pearson's over ranks, ties sharing their mean rank.
    Srocc,
    /// Kendall's τ-b: `(P − Q) / sqrt((n₀ − tₓ)(n₀ − t_y))` over the n₀ pairs of positions, P of them
    /// concordant, Q discordant, tₓ and t_y tied in x and in y.
    Krocc,
}

/// The reason why two sequences have no correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CorrelationError {
    /// The sequences are of different length.
    #[error("sequences of {x} and {y} values, expected equally many")]
    Length {
        /// Values of the first.
        x: usize,
        /// Values of the second.
        y: usize,
    },
    /// Fewer than two values.
    #[error("{actual} values, a correlation needs two at least")]
    TooFew {
        /// Values of each sequence.
        actual: usize,
    },
    /// A value is NaN or infinite.
    #[error("value at index {index} is not finite")]
    NotFinite {
        /// Position in either sequence.
        index: usize,
    },
    /// All values of a sequence are equal: the coefficient is 0/0.
    #[error("correlation is undefined: a sequence is constant")]
    Constant,
}

impl Correlation {
    /// Every coefficient.
    pub const ALL: [Self; 3] = [Self::Plcc, Self::Srocc, Self::Krocc];

    /// `plcc`, `srocc` or `krocc`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plcc => "plcc",
            Self::Srocc => "srocc",
            Self::Krocc => "krocc",
        }
    }

    /// The coefficient of two sequences, −1 to 1.
    ///
    /// # Errors
    /// When the sequences differ in length, are shorter than two, constant or not finite.
    pub fn of(self, x: &[f64], y: &[f64]) -> Result<f64, CorrelationError> {
        check(x, y)?;
        match self {
            Self::Plcc => pearson(x, y),
            Self::Srocc => pearson(&mean_ranks(x), &mean_ranks(y)),
            Self::Krocc => Ok(kendall(x, y)),
        }
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn check(x: &[f64], y: &[f64]) -> Result<(), CorrelationError> {
    if x.len() != y.len() {
        return Err(CorrelationError::Length {
            x: x.len(),
            y: y.len(),
        });
    }
    if x.len() < 2 {
        return Err(CorrelationError::TooFew { actual: x.len() });
    }
    let finite = |(x, y): (&f64, &f64)| x.is_finite() && y.is_finite();
    if let Some(index) = x.iter().zip(y).position(|pair| !finite(pair)) {
        return Err(CorrelationError::NotFinite { index });
    }
    let constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    if constant(x) || constant(y) {
        return Err(CorrelationError::Constant);
    }
    Ok(())
}

/// `Σ dx·dy / (‖dx‖·‖dy‖)`, d being differences from the mean.
///
/// The differences are computed from values divided by the largest, so that no square overflows. If rounding
/// leaves nothing of them, the coefficient is undefined, as for a constant sequence. The ratio exceeds 1 by
/// rounding only, and is clamped to it.
fn pearson(x: &[f64], y: &[f64]) -> Result<f64, CorrelationError> {
    let (x, y) = (deviations(x), deviations(y));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = dot(&x, &x).sqrt() * dot(&y, &y).sqrt();
    if norms > 0.0 {
        Ok((dot(&x, &y) / norms).clamp(-1.0, 1.0))
    } else {
        Err(CorrelationError::Constant)
    }
}

fn deviations(values: &[f64]) -> Vec<f64> {
    let largest = values
        .iter()
        .fold(0.0, |most: f64, value| most.max(value.abs()));
    let scaled: Vec<f64> = values.iter().map(|value| value / largest).collect();
    let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
    scaled.iter().map(|value| value - mean).collect()
}

/// Each value's rank from 1, equal values sharing the mean of their ranks.
fn mean_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    // By value, not by total order: 0 and -0 are a tie.
    order.sort_by(|&a, &b| by_value(values[a], values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = before as f64 + (tie.len() as f64 + 1.0) / 2.0;
        for &index in tie {
            ranks[index] = shared;
        }
        before += tie.len();
    }
    ranks
}

/// τ-b in O(n log n) (Knight, "A computer method for calculating Kendall's tau with ungrouped data", 1966):
/// sorted by x, the discordant pairs are the exchanges that sorting by y takes.
fn kendall(x: &[f64], y: &[f64]) -> f64 {
    let mut pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    pairs.sort_by(|a, b| by_value(a.0, b.0).then(by_value(a.1, b.1)));
    let all = pairs_of(pairs.len());
    let tied_x = tied(&pairs, |a, b| a.0 == b.0);
    let tied_both = tied(&pairs, |a, b| a == b);
    let mut values: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let discordant = sort_counting_exchanges(&mut values);
    let tied_y = tied(&values, |a, b| a == b);
    let untied = all + tied_both - tied_x - tied_y;
    let balance = untied as f64 - 2.0 * discordant as f64;
    balance / (((all - tied_x) as f64).sqrt() * ((all - tied_y) as f64).sqrt())
}

fn by_value(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
}

/// The number of pairs among this many items.
const fn pairs_of(count: usize) -> u64 {
    let count = count as u64;
    count * count.saturating_sub(1) / 2
}

/// The number of pairs within runs of equal neighbours.
fn tied<T>(sorted: &[T], alike: impl Fn(&T, &T) -> bool) -> u64 {
    let runs = sorted.chunk_by(|a, b| alike(a, b));
    runs.map(|run| pairs_of(run.len())).sum()
}

/// Merge sort that counts the pairs in the wrong order.
fn sort_counting_exchanges(values: &mut [f64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let middle = values.len() / 2;
    let (left, right) = values.split_at_mut(middle);
    let mut exchanges = sort_counting_exchanges(left) + sort_counting_exchanges(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if right[j] < left[i] {
            exchanges += (left.len() - i) as u64;
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    values.copy_from_slice(&merged);
    exchanges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_has_no_correlation() {
        let check = |x: &[f64], y: &[f64], expected| {
            for correlation in Correlation::ALL {
                assert_eq!(correlation.of(x, y), Err(expected));
            }
        };
        check(&[1.0], &[1.0, 2.0], CorrelationError::Length { x: 1, y: 2 });
        check(&[1.0], &[1.0], CorrelationError::TooFew { actual: 1 });
        let not_finite = CorrelationError::NotFinite { index: 1 };
        check(&[1.0, 2.0], &[1.0, f64::NAN], not_finite);
        check(
            &[0.1; 7],
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            CorrelationError::Constant,
        );
        check(&[0.0, 1.0], &[0.0, -0.0], CorrelationError::Constant);
    }

    /// τ-b by its definition, all pairs.
    fn kendall_by_pairs(x: &[f64], y: &[f64]) -> f64 {
        let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
        let (mut balance, mut untied_x, mut untied_y) = (0.0, 0.0f64, 0.0f64);
        for i in 0..x.len() {
            for j in 0..i {
                let (sign_x, sign_y) = (sign(x[i], x[j]), sign(y[i], y[j]));
                balance += sign_x * sign_y;
                untied_x += sign_x.abs();
                untied_y += sign_y.abs();
            }
        }
        balance / (untied_x.sqrt() * untied_y.sqrt())
    }

    proptest! {
        #[test]
        fn kendall_counts_pairs(
            pairs in prop::collection::vec((-4i8..4, -4i8..4), 2..40),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).unzip();
            if let Ok(value) = Correlation::Krocc.of(&x, &y) {
                prop_assert!((value - kendall_by_pairs(&x, &y)).abs() < 1e-12);
            }
        }

        /// Rank coefficients see only the order; small integers make ties common.
        #[test]
        fn rank_coefficients_ignore_monotone_maps(
            pairs in prop::collection::vec((-5i8..5, -5i8..5), 2..20),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).unzip();
            let cubed: Vec<f64> = x.iter().map(|x| x.powi(3) + 7.0).collect();
            let negated: Vec<f64> = x.iter().map(|x| -x).collect();
            for correlation in [Correlation::Srocc, Correlation::Krocc] {
                let value = correlation.of(&x, &y);
                prop_assert_eq!(correlation.of(&cubed, &y), value);
                prop_assert_eq!(correlation.of(&y, &x), value);
                if let Ok(value) = value {
                    let opposite = correlation.of(&negated, &y).unwrap();
                    prop_assert!((opposite + value).abs() < 1e-12);
                    prop_assert!((correlation.of(&x, &x).unwrap() - 1.0).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn plcc_of_a_line_is_its_direction(
            x in prop::collection::vec(-1e3f64..1e3, 2..20),
            slope in prop_oneof![-9.0f64..-0.1, 0.1f64..9.0],
        ) {
            prop_assume!(x.iter().any(|value| (value - x[0]).abs() > 1.0));
            let y: Vec<f64> = x.iter().map(|x| slope * x + 3.0).collect();
            let plcc = Correlation::Plcc.of(&x, &y).unwrap();
            prop_assert!((plcc - slope.signum()).abs() < 1e-9);
        }
    }
}
