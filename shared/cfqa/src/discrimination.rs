use splitsim_feature::{Feature, FeatureShape};

use crate::metrics;
use crate::pair::Pair;

/// Labelled reference features, for metrics that ask whether a reconstruction still lies nearer to its
/// own class than to others (Gao et al., "DMOFC: Discrimination Metric-Optimized Feature Compression",
/// PCS 2024).
///
/// - DIS(A, P, N) = max(d(A, P) − d(A, N) + α, 0), d being the mean squared error and α the margin.
///   P and N are features of the same and of another label than A. The paper draws triplets from
///   training batches; here A is one reconstruction, and its value is the mean over all pairs of a P
///   and an N in the bank.
/// - COMBINED = d(f, f̂) + DIS(f̂, P, N), the sum of the similarity and the discrimination objective, the
///   paper's third; the weights of the sum are one here, by our choice.
///
/// Both are at least 0 and lower is better. They need a label, so an edge cannot gate by them, and they
/// cost one pass over the bank. The margin is on the scale of squared feature values: the paper's 0.3
/// is for embeddings of about unit variance.
#[derive(Debug, Clone)]
pub struct Bank {
    entries: Vec<(u32, Feature)>,
    margin: f64,
}

/// The reason why a bank cannot be made, or cannot judge a feature.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BankError {
    /// Fewer than two labels.
    #[error("the bank's features are all of label {label}, it needs two labels at least")]
    OneLabel {
        /// The label.
        label: u32,
    },
    /// No features.
    #[error("the bank has no features")]
    Empty,
    /// The margin is negative or not finite.
    #[error("margin {margin}, expected a finite number, at least 0")]
    Margin {
        /// The margin.
        margin: f64,
    },
    /// A feature whose shape differs from the bank's.
    #[error("the feature is {actual}, the bank's are {expected}")]
    Shape {
        /// Shape of the bank's first feature.
        expected: FeatureShape,
        /// Shape of the feature.
        actual: FeatureShape,
    },
    /// No feature of the label.
    #[error("the bank has no feature of label {label}: discrimination is undefined")]
    NoPositive {
        /// The label.
        label: u32,
    },
}

impl Bank {
    /// α of the paper.
    pub const MARGIN: f64 = 0.3;

    /// A bank of labelled original features, which must not include those to be judged.
    ///
    /// # Errors
    /// When shapes differ, there are fewer than two labels, or the margin is negative or not finite.
    pub fn new(entries: Vec<(u32, Feature)>, margin: f64) -> Result<Self, BankError> {
        if !(margin.is_finite() && margin >= 0.0) {
            return Err(BankError::Margin { margin });
        }
        let (label, first) = entries.first().ok_or(BankError::Empty)?;
        for (_, feature) in &entries {
            check_shape(first.shape(), feature)?;
        }
        if entries.iter().all(|(other, _)| other == label) {
            return Err(BankError::OneLabel { label: *label });
        }
        Ok(Self { entries, margin })
    }

    /// DIS of a reconstruction of a feature of `label`.
    ///
    /// # Errors
    /// When its shape is another than the bank's, or the bank has no feature of the label.
    pub fn discrimination(&self, distorted: &Feature, label: u32) -> Result<f64, BankError> {
        let (_, first) = &self.entries[0];
        check_shape(first.shape(), distorted)?;
        let (mut positives, mut negatives) = (Vec::new(), Vec::new());
        for (other, feature) in &self.entries {
            let side = if *other == label {
                &mut positives
            } else {
                &mut negatives
            };
            side.push(mse(feature, distorted));
        }
        if positives.is_empty() {
            return Err(BankError::NoPositive { label });
        }
        let pairs = positives.len() * negatives.len();
        let triplets = positives.iter().flat_map(|p| {
            negatives
                .iter()
                .map(move |n| (p - n + self.margin).max(0.0))
        });
        Ok(triplets.sum::<f64>() / pairs as f64)
    }

    /// COMBINED of a reconstruction of `original`, whose label is `label`.
    ///
    /// # Errors
    /// As [`Self::discrimination`], for either feature.
    pub fn combined(
        &self,
        original: &Feature,
        distorted: &Feature,
        label: u32,
    ) -> Result<f64, BankError> {
        let discrimination = self.discrimination(distorted, label)?;
        check_shape(distorted.shape(), original)?;
        Ok(mse(original, distorted) + discrimination)
    }
}

fn check_shape(expected: FeatureShape, feature: &Feature) -> Result<(), BankError> {
    let actual = feature.shape();
    if actual == expected {
        Ok(())
    } else {
        Err(BankError::Shape { expected, actual })
    }
}

fn mse(one: &Feature, other: &Feature) -> f64 {
    metrics::mse::mean_squared_error(&Pair::new(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(value: f32) -> Feature {
        let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
        Feature::new(shape, vec![value; 4]).unwrap()
    }

    fn bank() -> Bank {
        let entries = [(0, 0.0), (0, 2.0), (1, 3.0)];
        let entries = entries.map(|(label, value)| (label, feature(value)));
        Bank::new(entries.to_vec(), Bank::MARGIN).unwrap()
    }

    fn close(actual: f64, expected: f64) {
        assert!(
            (actual - expected).abs() < 1e-12,
            "{actual}, not {expected}"
        );
    }

    /// By hand: constant features, so that d is the square of a difference.
    #[test]
    fn triplets_are_averaged() {
        // A = 1: d(P) = 1, 1; d(N) = 4: both triplets are satisfied by 2.7.
        close(bank().discrimination(&feature(1.0), 0).unwrap(), 0.0);
        // A = 2.5: d(P) = 6.25, 0.25; d(N) = 0.25: 6.3 and 0.3.
        close(bank().discrimination(&feature(2.5), 0).unwrap(), 3.3);
        // The other label: d(P) = 0.25; d(N) = 6.25, 0.25: 0 and 0.3.
        close(bank().discrimination(&feature(2.5), 1).unwrap(), 0.15);
        // COMBINED adds d(f, f̂) = 0.25.
        let combined = bank().combined(&feature(2.0), &feature(2.5), 0);
        close(combined.unwrap(), 3.55);
    }

    #[test]
    fn what_cannot_discriminate_is_refused() {
        let one = vec![(3, feature(0.0)), (3, feature(1.0))];
        let error = Bank::new(one, 0.3).unwrap_err();
        assert_eq!(error, BankError::OneLabel { label: 3 });
        let undefined = bank().discrimination(&feature(0.0), 9);
        assert_eq!(undefined, Err(BankError::NoPositive { label: 9 }));
        let two = vec![(0, feature(0.0)), (1, feature(1.0))];
        assert!(matches!(
            Bank::new(two, f64::NAN),
            Err(BankError::Margin { .. })
        ));
    }
}
