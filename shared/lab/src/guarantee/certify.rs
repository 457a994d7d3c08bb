use serde::Serialize;

use crate::{ClopperPearson, Gate, GateOutcome, LabError, Ladders, binomial_cdf, split};

/// Thresholds tested at most; finer steps would gain nothing.
const MAX_TESTS: usize = 200;

/// The guarantee to be certified.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Guarantee {
    /// The distortion limit τ, in the task's unit.
    pub tau: f64,
    /// The greatest share α of accepted features beyond the limit.
    pub alpha: f64,
    /// The probability δ with which the guarantee may fail.
    pub delta: f64,
    /// Share of the features that lay down the sequence of thresholds.
    pub tuning: f64,
    /// Seed of the division into tuning and testing features.
    pub seed: u64,
}

/// The outcome of a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Certificate {
    /// The most lenient certified threshold; `None` where none is.
    pub threshold: Option<f64>,
    /// Features that laid down the sequence.
    pub tuning_features: usize,
    /// Features that it was tested on.
    pub testing_features: usize,
    /// Accepted features that a certificate needs at least, were none of them beyond the limit.
    pub needed: usize,
    /// The gate on the testing features: at the certified threshold, or at the first that was tested.
    pub outcome: Option<GateOutcome>,
    /// The p-value of that outcome.
    pub p_value: Option<f64>,
    /// Upper confidence limit of the risk there, at confidence 1 − δ for this threshold alone.
    pub risk_limit: Option<f64>,
}

impl Guarantee {
    /// Checks that shares are shares.
    ///
    /// # Errors
    /// When α, δ or the tuning share are not between 0 and 1, or τ is not finite.
    pub fn check(&self) -> Result<(), LabError> {
        let shares = [
            ("alpha", self.alpha),
            ("delta", self.delta),
            ("tuning", self.tuning),
        ];
        let outside = shares
            .into_iter()
            .find(|(_, share)| !(*share > 0.0 && *share < 1.0));
        if let Some((what, share)) = outside {
            return Err(LabError::Parameter {
                what,
                actual: share.to_string(),
                expected: "a share between 0 and 1",
            });
        }
        if !self.tau.is_finite() {
            return Err(LabError::Parameter {
                what: "tau",
                actual: self.tau.to_string(),
                expected: "a distortion",
            });
        }
        Ok(())
    }

    /// Accepted features without one beyond the limit that reject a risk above α: the least n with
    /// (1 − α)ⁿ ≤ δ.
    #[must_use]
    pub fn needed(&self) -> usize {
        (self.delta.ln() / (-self.alpha).ln_1p()).ceil() as usize
    }
}

/// The most lenient threshold that the features certify, as the module's documentation says.
///
/// # Errors
/// When the guarantee's shares are none.
pub fn certify(ladders: &Ladders, guarantee: &Guarantee) -> Result<Certificate, LabError> {
    guarantee.check()?;
    let (tuning, testing) = split(ladders.ladders().len(), guarantee.tuning, guarantee.seed, 0);
    let (tuning, testing) = (ladders.take(&tuning), ladders.take(&testing));
    let mut certificate = Certificate {
        threshold: None,
        tuning_features: tuning.ladders().len(),
        testing_features: testing.ladders().len(),
        needed: guarantee.needed(),
        outcome: None,
        p_value: None,
        risk_limit: None,
    };
    for threshold in sequence(&tuning, testing.ladders().len(), guarantee) {
        let tested = test(&testing, threshold, guarantee);
        let rejected = tested.1 <= guarantee.delta;
        if rejected || certificate.outcome.is_none() {
            certificate.record(tested, guarantee.delta);
        }
        if !rejected {
            break;
        }
        certificate.threshold = Some(threshold);
    }
    Ok(certificate)
}

impl Certificate {
    fn record(&mut self, (outcome, p_value): (GateOutcome, f64), delta: f64) {
        self.outcome = Some(outcome);
        self.p_value = Some(p_value);
        let limits = ClopperPearson::of(outcome.broken, outcome.accepted, delta);
        self.risk_limit = Some(limits.upper);
    }
}

/// The gate on the testing features, and the p-value of the hypothesis that its risk exceeds α.
fn test(testing: &Ladders, threshold: f64, guarantee: &Guarantee) -> (GateOutcome, f64) {
    let gate = Gate {
        direction: testing.direction(),
        threshold,
    };
    let outcome = gate.outcome(testing, guarantee.tau);
    let p_value = match outcome.accepted {
        0 => 1.0,
        accepted => binomial_cdf(outcome.broken, accepted, guarantee.alpha),
    };
    (outcome, p_value)
}

/// The thresholds to test, from the tuning features alone: their scores, from the most promising one to
/// the most lenient.
///
/// A strict threshold has little risk but accepts too few features to show it; the sequence starts where
/// the two are expected to balance best.
fn sequence(tuning: &Ladders, testing_features: usize, guarantee: &Guarantee) -> Vec<f64> {
    let thresholds = tuning.thresholds();
    let promises = thresholds
        .iter()
        .map(|&threshold| expected_p_value(tuning, threshold, testing_features, guarantee));
    let best = promises.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    let first = best.map_or(0, |(index, _)| index);
    let lenient = &thresholds[first..];
    let step = lenient.len().div_ceil(MAX_TESTS).max(1);
    lenient.iter().copied().step_by(step).collect()
}

/// The p-value if the testing features behaved as the tuning features do. Half a broken feature is added,
/// so that a few that are all kept do not promise a risk of 0.
fn expected_p_value(
    tuning: &Ladders,
    threshold: f64,
    testing_features: usize,
    guarantee: &Guarantee,
) -> f64 {
    let gate = Gate {
        direction: tuning.direction(),
        threshold,
    };
    let outcome = gate.outcome(tuning, guarantee.tau);
    let scale = testing_features as f64 / tuning.ladders().len().max(1) as f64;
    let accepted = (outcome.accepted as f64 * scale).floor();
    let broken = (outcome.broken as f64 + 0.5) / (outcome.accepted as f64 + 1.0) * accepted;
    match accepted as usize {
        0 => 1.0,
        accepted => binomial_cdf(broken.round() as usize, accepted, guarantee.alpha),
    }
}

/// The most lenient threshold at which, as at every stricter one, at most a share `alpha` of the features
/// that a climbing gate accepts exceeds `tau`. It comes with no guarantee: on other features the share is
/// as likely above as below.
#[must_use]
pub fn empirical(ladders: &Ladders, tau: f64, alpha: f64) -> Option<f64> {
    let direction = ladders.direction();
    let kept = |threshold: &f64| {
        let gate = Gate {
            direction,
            threshold: *threshold,
        };
        let risk = gate.outcome(ladders, tau).risk();
        risk.is_none_or(|risk| risk <= alpha)
    };
    ladders.thresholds().into_iter().take_while(kept).last()
}
