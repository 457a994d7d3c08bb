//! A policy as a scenario file has it.

use std::fmt;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};
use splitsim_cfqa::Metric;
use splitsim_policy::{Fallback, MaxAttempts, Rung, RungChoice, Start};

use super::units::{ByteRate, Size, TimeSpan};

/// A policy. Which keys it may have depends on its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PolicySection {
    pub(super) name: String,
    pub(super) kind: PolicyKind,
    pub(super) metric: Option<Metric>,
    pub(super) threshold: Option<ThresholdChoice>,
    pub(super) start: Option<StartChoice>,
    pub(super) step: Option<NonZeroU8>,
    pub(super) margin: Option<f64>,
    pub(super) max_attempts: Option<MaxAttempts>,
    pub(super) fallback: Option<Fallback>,
    pub(super) deadline: Option<TimeSpan>,
    pub(super) rate: Option<ByteRate>,
    pub(super) burst: Option<Size>,
    pub(super) level: Option<RungChoice>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PolicyKind {
    /// One encoding at a fixed level.
    Always,
    /// Richer until the score passes.
    Threshold,
    /// The cheapest passing level by halving.
    Bisect,
    /// One probe, then a jump.
    Predictive,
    /// The best score that arrives in time.
    Deadline,
    /// A level that a token bucket can pay for.
    Budget,
    /// The cheapest level within the distortion limit: no policy, the bound for all.
    Oracle,
}

impl PolicyKind {
    /// Every kind.
    #[cfg(test)]
    pub(super) const ALL: [Self; 7] = [
        Self::Always,
        Self::Threshold,
        Self::Bisect,
        Self::Predictive,
        Self::Deadline,
        Self::Budget,
        Self::Oracle,
    ];

    /// The kind as a file has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Threshold => "threshold",
            Self::Bisect => "bisect",
            Self::Predictive => "predictive",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
            Self::Oracle => "oracle",
        }
    }

    /// The keys that mean something beside name and kind.
    pub(super) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Always => &["level"],
            Self::Threshold => &[
                "metric",
                "threshold",
                "start",
                "step",
                "margin",
                "max-attempts",
                "fallback",
            ],
            Self::Bisect => &["metric", "threshold", "max-attempts", "fallback"],
            Self::Predictive => &["metric", "threshold", "start", "max-attempts", "fallback"],
            Self::Deadline => &[
                "metric",
                "threshold",
                "deadline",
                "max-attempts",
                "fallback",
            ],
            Self::Budget => &[
                "metric",
                "threshold",
                "rate",
                "burst",
                "start",
                "max-attempts",
            ],
            Self::Oracle => &[],
        }
    }
}

/// The score that passes: a number, or the name of a calibration of the model package, such as
/// `"calibrated:tau=1,alpha=0.05"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText", into = "NumberOrText")]
pub(super) enum ThresholdChoice {
    Score(f64),
    /// The distortion exceeds `tau` on a share of at most `alpha` of what passes.
    Calibrated {
        tau: f64,
        alpha: f64,
    },
}

/// The level that a policy starts at: an index, or `"last"` for the one at which the previous frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText", into = "NumberOrText")]
pub(super) enum StartChoice {
    At(Rung),
    Last,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or a text")]
enum NumberOrText {
    Index(u8),
    Number(f64),
    Text(String),
}

impl TryFrom<NumberOrText> for ThresholdChoice {
    type Error = String;

    fn try_from(value: NumberOrText) -> Result<Self, Self::Error> {
        match value {
            NumberOrText::Index(score) => Ok(Self::Score(score.into())),
            NumberOrText::Number(score) => Ok(Self::Score(score)),
            NumberOrText::Text(text) => calibrated(&text).ok_or_else(|| {
                format!(
                    "'{text}' is no threshold, expected a number or \
                     'calibrated:tau=NUMBER,alpha=SHARE', such as 'calibrated:tau=1,alpha=0.05'"
                )
            }),
        }
    }
}

/// Reads `calibrated:tau=1,alpha=0.05`, tau finite and alpha between 0 and 1.
fn calibrated(text: &str) -> Option<ThresholdChoice> {
    let (tau, alpha) = text.strip_prefix("calibrated:")?.split_once(',')?;
    let number = |text: &str, name: &str| -> Option<f64> {
        let (given, value) = text.split_once('=')?;
        (given.trim() == name).then(|| value.trim().parse().ok())?
    };
    let (tau, alpha) = (number(tau, "tau")?, number(alpha, "alpha")?);
    let valid = tau.is_finite() && alpha > 0.0 && alpha < 1.0;
    valid.then_some(ThresholdChoice::Calibrated { tau, alpha })
}

impl fmt::Display for ThresholdChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score(score) => score.fmt(f),
            Self::Calibrated { tau, alpha } => write!(f, "calibrated:tau={tau},alpha={alpha}"),
        }
    }
}

impl From<ThresholdChoice> for NumberOrText {
    fn from(choice: ThresholdChoice) -> Self {
        match choice {
            ThresholdChoice::Score(score) => Self::Number(score),
            calibrated @ ThresholdChoice::Calibrated { .. } => Self::Text(calibrated.to_string()),
        }
    }
}

impl TryFrom<NumberOrText> for StartChoice {
    type Error = String;

    fn try_from(value: NumberOrText) -> Result<Self, Self::Error> {
        match value {
            NumberOrText::Index(index) => Ok(Self::At(Rung(index))),
            NumberOrText::Text(text) if text == "last" => Ok(Self::Last),
            NumberOrText::Number(_) | NumberOrText::Text(_) => {
                Err("start is an index from 0 or 'last'".to_owned())
            }
        }
    }
}

impl From<StartChoice> for NumberOrText {
    fn from(start: StartChoice) -> Self {
        match start {
            StartChoice::At(Rung(index)) => Self::Index(index),
            StartChoice::Last => Self::Text("last".to_owned()),
        }
    }
}

/// The margin stands under a key of its own.
impl From<Start> for StartChoice {
    fn from(start: Start) -> Self {
        match start {
            Start::At(rung) => Self::At(rung),
            Start::Last { .. } => Self::Last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_number_or_names_a_calibration() {
        let check = |text: &str, expected: Option<ThresholdChoice>| {
            let read = ThresholdChoice::try_from(NumberOrText::Text(text.to_owned()));
            assert_eq!(read.clone().ok(), expected, "{read:?}");
        };
        let calibrated = |tau, alpha| Some(ThresholdChoice::Calibrated { tau, alpha });
        check("calibrated:tau=1,alpha=0.05", calibrated(1.0, 0.05));
        check("calibrated: tau = 0.02, alpha = 0.1", calibrated(0.02, 0.1));
        for wrong in [
            "high",
            "calibrated",
            "calibrated:tau=1",
            "calibrated:alpha=0.05,tau=1",
            "calibrated:tau=1,alpha=0",
            "calibrated:tau=1,alpha=1",
            "calibrated:tau=nan,alpha=0.5",
        ] {
            check(wrong, None);
        }
    }
}
