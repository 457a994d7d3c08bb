use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::TruthError;

/// One finite value per class; more means more likely.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits(Vec<f32>);

impl Logits {
    /// The logits of classes 0, 1, ….
    ///
    /// # Errors
    /// When there are none, or one is NaN or infinite.
    pub fn new(logits: Vec<f32>) -> Result<Self, TruthError> {
        let what = "logits";
        if logits.is_empty() {
            return Err(TruthError::Empty { what });
        }
        match logits.iter().position(|logit| !logit.is_finite()) {
            Some(index) => Err(TruthError::Value {
                what,
                index,
                value: logits[index],
                expected: "finite numbers",
            }),
            None => Ok(Self(logits)),
        }
    }

    /// The values, class by class.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// The class of the greatest logit, the first of equals.
    #[must_use]
    pub fn first_greatest(&self) -> u32 {
        let better = |best: usize, class: usize| {
            if self.0[class] > self.0[best] {
                class
            } else {
                best
            }
        };
        (0..self.0.len()).fold(0, better) as u32
    }
}

/// A label's place among the logits, from 1, the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rank(NonZeroU32);

impl Rank {
    /// The first place.
    pub const BEST: Self = Self(NonZeroU32::MIN);

    /// A rank of `place`, counted from 1.
    ///
    /// # Errors
    /// When it is zero.
    pub fn new(place: u32) -> Result<Self, TruthError> {
        NonZeroU32::new(place)
            .map(Self)
            .ok_or(TruthError::Performance {
                what: "rank",
                value: 0.0,
                expected: "1 or more",
            })
    }

    /// The place, counted from 1.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {}", self.0)
    }
}

/// The label's rank: 1 + the number of logits strictly larger than its own (CFQA, §4.6).
///
/// Of equal logits none is before the other, so they share the better rank.
///
/// # Errors
/// When no logit belongs to the label.
pub fn rank_of_label(logits: &Logits, label: u32) -> Result<Rank, TruthError> {
    let classes = logits.0.len();
    let own = usize::try_from(label)
        .ok()
        .and_then(|label| logits.0.get(label))
        .ok_or(TruthError::LabelBeyondClasses { label, classes })?;
    let larger = logits.0.iter().filter(|&logit| logit > own).count();
    let larger = u32::try_from(larger).unwrap_or(u32::MAX);
    Ok(Rank(Rank::BEST.0.saturating_add(larger)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_has_no_rank() {
        assert!(Logits::new(Vec::new()).is_err());
        let nan = Logits::new(vec![0.0, f32::NAN]);
        assert!(matches!(nan, Err(TruthError::Value { index: 1, .. })));
        let logits = Logits::new(vec![0.0, 1.0]).unwrap();
        let beyond = TruthError::LabelBeyondClasses {
            label: 2,
            classes: 2,
        };
        assert_eq!(rank_of_label(&logits, 2), Err(beyond));
    }

    proptest! {
        /// Small integers, so that ties are common.
        #[test]
        fn is_the_first_place_of_the_value_in_descending_order(
            values in prop::collection::vec(-4i8..4, 1..40),
            pick in any::<prop::sample::Index>(),
        ) {
            let label = pick.index(values.len());
            let mut sorted = values.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let place = sorted.iter().position(|&value| value == values[label]).unwrap() + 1;
            let logits = Logits::new(values.iter().map(|&value| f32::from(value)).collect()).unwrap();
            let rank = rank_of_label(&logits, u32::try_from(label).unwrap()).unwrap();
            prop_assert_eq!(rank.get() as usize, place);
        }
    }
}
