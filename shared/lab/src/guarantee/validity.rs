use rayon::prelude::*;
use serde::Serialize;

use super::{Guarantee, certify};
use crate::{ClopperPearson, Gate, LabError, Ladders, split};

/// The record of a guarantee on features that the threshold was not calibrated on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Validity {
    /// Random divisions into calibration and held-out features.
    pub splits: usize,
    /// Divisions whose calibration features certified a threshold.
    pub certified: usize,
    /// Divisions in which more than α of the held-out accepted features exceeded the limit. Held-out
    /// features are a sample too, so this may exceed δ a little.
    pub broken: usize,
    /// Divisions in which the held-out features show, at confidence 1 − δ, that the risk exceeds α.
    pub refuted: usize,
}

impl Validity {
    /// `broken` as a share of all divisions: without a certified threshold nothing is broken.
    #[must_use]
    pub fn broken_share(&self) -> f64 {
        self.broken as f64 / self.splits.max(1) as f64
    }
}

/// Certifies thresholds on random divisions of the features and tries them on the rest.
///
/// # Errors
/// When the guarantee's shares are none.
pub fn validity(
    ladders: &Ladders,
    guarantee: &Guarantee,
    calibration: f64,
    splits: usize,
) -> Result<Validity, LabError> {
    guarantee.check()?;
    let outcomes: Result<Vec<Option<[bool; 2]>>, LabError> = (1..=splits as u64)
        .into_par_iter()
        .map(|stream| {
            let count = ladders.ladders().len();
            let (known, held_out) = split(count, calibration, guarantee.seed, stream);
            let certificate = certify(&ladders.take(&known), guarantee)?;
            let Some(threshold) = certificate.threshold else {
                return Ok(None);
            };
            let gate = Gate {
                direction: ladders.direction(),
                threshold,
            };
            let outcome = gate.outcome(&ladders.take(&held_out), guarantee.tau);
            let limits = ClopperPearson::of(outcome.broken, outcome.accepted, guarantee.delta);
            let broken = outcome.risk().is_some_and(|risk| risk > guarantee.alpha);
            Ok(Some([broken, limits.lower > guarantee.alpha]))
        })
        .collect();
    let outcomes = outcomes?;
    let count = |index: usize| {
        outcomes
            .iter()
            .flatten()
            .filter(|broken| broken[index])
            .count()
    };
    Ok(Validity {
        splits,
        certified: outcomes.iter().flatten().count(),
        broken: count(0),
        refuted: count(1),
    })
}
