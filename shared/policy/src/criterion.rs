use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// The score that a quality metric gives a reconstruction on the edge, before shipping: a
/// prediction.
///
/// Finite. Two scores have no order of their own, because for some metrics more is better and for
/// others less: only a [`Bound`] compares them. Nor do they compare with anything else, in
/// particular not with the true semantic distortion, which is another quantity:
///
/// ```compile_fail,E0369
/// # use splitsim_policy::PredictedScore;
/// fn broken(predicted: PredictedScore, true_distortion: f64) -> bool {
///     predicted > true_distortion
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct PredictedScore(f64);

impl PredictedScore {
    /// A score of `value`, in the unit of the metric that the policy asked for.
    ///
    /// # Errors
    /// When it is NaN or infinite.
    pub fn new(value: f64) -> Result<Self, PolicyError> {
        if value.is_finite() {
            Ok(Self(value))
        } else {
            Err(PolicyError::ScoreNotFinite(value))
        }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for PredictedScore {
    type Error = PolicyError;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<PredictedScore> for f64 {
    fn from(score: PredictedScore) -> Self {
        score.value()
    }
}

/// The side of a threshold that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Bound {
    /// `>=`: more is better, as for cosine and CKA.
    #[serde(rename = ">=")]
    AtLeast,
    /// `<=`: less is better, as for MSE.
    #[serde(rename = "<=")]
    AtMost,
}

/// A text that is no [`Bound`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown bound '{0}', expected >= or <=")]
pub struct UnknownBound(String);

impl Bound {
    /// Every bound.
    pub const ALL: [Self; 2] = [Self::AtLeast, Self::AtMost];

    /// `>=` or `<=`.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
        }
    }

    /// Returns `true` if `challenger` is strictly better than `holder`.
    #[must_use]
    pub fn prefers(self, challenger: PredictedScore, holder: PredictedScore) -> bool {
        match self {
            Self::AtLeast => challenger.0 > holder.0,
            Self::AtMost => challenger.0 < holder.0,
        }
    }
}

impl FromStr for Bound {
    type Err = UnknownBound;

    fn from_str(symbol: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|bound| bound.symbol() == symbol)
            .ok_or_else(|| UnknownBound(symbol.to_owned()))
    }
}

/// The condition that a score must satisfy to pass: a metric's name, a side and a finite threshold.
///
/// Written `cosine>=0.98` or `mse<=0.5`, in files and on command lines alike. The owner of the metrics
/// knows whether the metric exists, and [`check`](Self::check)s the criterion against its [`Scale`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Criterion {
    metric: String,
    bound: Bound,
    threshold: f64,
}

/// The scores that a metric can give, and the side on which they are better.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// The possible scores.
    pub range: RangeInclusive<f64>,
    /// The side that passes.
    pub better: Bound,
}

impl Scale {
    /// Refuses a threshold that is no score of the metric, whose scale this is.
    ///
    /// # Errors
    /// When the threshold is such a one.
    pub fn check(&self, metric: &str, threshold: f64) -> Result<(), PolicyError> {
        match self.range.contains(&threshold) {
            true => Ok(()),
            false => Err(PolicyError::NoScore {
                threshold,
                metric: metric.to_owned(),
                from: *self.range.start(),
                to: *self.range.end(),
            }),
        }
    }
}

impl Criterion {
    /// Passing is `metric bound threshold`.
    ///
    /// # Errors
    /// When the threshold is not finite, or the name is empty or holds something else than lower-case
    /// ASCII letters, digits and hyphens.
    pub fn new(metric: &str, bound: Bound, threshold: f64) -> Result<Self, PolicyError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if metric.is_empty() || !metric.chars().all(allowed) {
            return Err(PolicyError::MetricName(metric.to_owned()));
        }
        if !threshold.is_finite() {
            return Err(PolicyError::ThresholdNotFinite(threshold));
        }
        Ok(Self {
            metric: metric.to_owned(),
            bound,
            threshold,
        })
    }

    /// Refuses a criterion that the metric's scale gives no sense: one that passes worse scores, or whose
    /// threshold is no score, so that everything passes or nothing.
    ///
    /// # Errors
    /// When the criterion is such a one.
    pub fn check(&self, scale: &Scale) -> Result<(), PolicyError> {
        if self.bound != scale.better {
            return Err(PolicyError::WrongSide {
                criterion: self.to_string(),
                better: format!("{}{}{}", self.metric, scale.better.symbol(), self.threshold),
            });
        }
        scale.check(&self.metric, self.threshold)
    }

    /// The name of the metric to score with.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// The side of the threshold that passes.
    #[must_use]
    pub const fn bound(&self) -> Bound {
        self.bound
    }

    /// The threshold, in the metric's unit.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Returns `true` if `score` passes; a score equal to the threshold passes.
    #[must_use]
    pub fn passes(&self, score: PredictedScore) -> bool {
        match self.bound {
            Bound::AtLeast => score.0 >= self.threshold,
            Bound::AtMost => score.0 <= self.threshold,
        }
    }
}

impl Criterion {
    /// By how much a score is better than the threshold; negative when it does not pass.
    #[must_use]
    pub fn margin(&self, score: PredictedScore) -> f64 {
        match self.bound {
            Bound::AtLeast => score.0 - self.threshold,
            Bound::AtMost => self.threshold - score.0,
        }
    }

    /// The distance of a score from that of a perfect reconstruction, which is 1 where more is
    /// better (cosine, CKA) and 0 where less is better (MSE). Never negative.
    pub(crate) fn loss(&self, score: f64) -> f64 {
        match self.bound {
            Bound::AtLeast => (1.0 - score).max(0.0),
            Bound::AtMost => score.max(0.0),
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.metric,
            self.bound.symbol(),
            self.threshold
        )
    }
}

impl FromStr for Criterion {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || PolicyError::Criterion(text.to_owned());
        let (bound, (metric, threshold)) = Bound::ALL
            .into_iter()
            .find_map(|bound| Some((bound, text.split_once(bound.symbol())?)))
            .ok_or_else(malformed)?;
        let threshold = threshold.trim().parse().map_err(|_| malformed())?;
        Self::new(metric.trim(), bound, threshold)
    }
}

impl TryFrom<String> for Criterion {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Criterion> for String {
    fn from(criterion: Criterion) -> Self {
        criterion.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_itself_passes_on_both_sides() {
        let check = |criterion: &str, score: f64| {
            let criterion: Criterion = criterion.parse().unwrap();
            criterion.passes(PredictedScore::new(score).unwrap())
        };
        assert!(check("cosine>=0.98", 0.98));
        assert!(!check("cosine>=0.98", 0.979));
        assert!(check("mse<=0.5", 0.5));
        assert!(!check("mse<=0.5", 0.501));
    }

    #[test]
    fn refuses_what_is_no_criterion() {
        let error = |text: &str| text.parse::<Criterion>().unwrap_err();
        assert!(matches!(error("cosine>0.9"), PolicyError::Criterion(_)));
        assert!(matches!(error("cosine>=high"), PolicyError::Criterion(_)));
        assert!(matches!(error(">=0.9"), PolicyError::MetricName(_)));
        assert!(matches!(error("a,b>=0.9"), PolicyError::MetricName(_)));
        assert!(matches!(
            error("cosine>=nan"),
            PolicyError::ThresholdNotFinite(_)
        ));
        assert!(matches!(
            error("mse<=inf"),
            PolicyError::ThresholdNotFinite(_)
        ));
    }

    #[test]
    fn a_criterion_suits_the_scale_of_its_metric() {
        let check = |criterion: &str, range, better| {
            let criterion: Criterion = criterion.parse().unwrap();
            criterion
                .check(&Scale { range, better })
                .map_err(|error| error.to_string())
        };
        let cosine = |criterion: &str| check(criterion, -1.0..=1.0, Bound::AtLeast);
        assert_eq!(cosine("cosine>=0.95"), Ok(()));
        assert_eq!(cosine("cosine>=1"), Ok(()));
        assert_eq!(
            cosine("cosine>=1.5").unwrap_err(),
            "1.5 is no score of cosine, expected -1 to 1"
        );
        assert_eq!(
            cosine("cosine<=0.95").unwrap_err(),
            "'cosine<=0.95' passes the worse scores, write cosine>=0.95"
        );
        let mse = |criterion: &str| check(criterion, 0.0..=f64::INFINITY, Bound::AtMost);
        assert_eq!(mse("mse<=0.5"), Ok(()));
        assert_eq!(
            mse("mse>=0.95").unwrap_err(),
            "'mse>=0.95' passes the worse scores, write mse<=0.95"
        );
        assert_eq!(
            mse("mse<=-1").unwrap_err(),
            "-1 is no score of mse, expected 0 to inf"
        );
    }

    #[test]
    fn a_score_is_finite() {
        assert!(PredictedScore::new(f64::NAN).is_err());
        assert!(PredictedScore::new(f64::INFINITY).is_err());
    }
}
