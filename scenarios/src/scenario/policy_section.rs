//! A policy as a scenario file has it.

use std::fmt;

use serde::{Deserialize, Serialize};
use splitsim_cfqa::Metric;
use splitsim_policy::{POLICIES, PolicyKind};
use toml::Table;

/// A policy. Which settings it may have depends on its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PolicySection {
    pub(super) name: String,
    pub(super) kind: KindChoice,
    pub(super) metric: Option<Metric>,
    pub(super) threshold: Option<ThresholdChoice>,
    /// The settings of the kind, and those that are none.
    #[serde(flatten)]
    pub(super) settings: Table,
}

/// The keys of a policy that no kind defines.
const COMMON: [&str; 2] = ["name", "kind"];
/// The keys of policies with a criterion.
const SCORED: [&str; 2] = ["metric", "threshold"];

impl PolicySection {
    /// The keys that a policy of some kind may have.
    pub(super) fn keys() -> Vec<&'static str> {
        let settings = POLICIES
            .all()
            .into_iter()
            .flat_map(PolicyKind::setting_names);
        let mut keys: Vec<&str> = COMMON.into_iter().chain(SCORED).collect();
        for setting in settings {
            if !keys.contains(&setting) {
                keys.push(setting);
            }
        }
        keys
    }
}

/// A kind of policy, or the bound for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) enum KindChoice {
    Policy(&'static PolicyKind),
    /// The cheapest level within the distortion limit: no policy.
    Oracle,
}

const ORACLE: &str = "oracle";

impl KindChoice {
    /// Every kind.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let policies = POLICIES.all().into_iter().map(Self::Policy);
        policies.chain([Self::Oracle]).collect()
    }

    /// The kind as a file has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Policy(kind) => kind.name,
            Self::Oracle => ORACLE,
        }
    }

    /// The keys that have a meaning, apart from name and kind.
    pub(super) fn keys(self) -> Vec<&'static str> {
        let Self::Policy(kind) = self else {
            return Vec::new();
        };
        let scored = if kind.scored { &SCORED[..] } else { &[] };
        scored.iter().copied().chain(kind.setting_names()).collect()
    }
}

impl TryFrom<String> for KindChoice {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let known = || POLICIES.names().into_iter().chain([ORACLE]);
        let policy = || POLICIES.get(&name).map(Self::Policy);
        let choice = (name == ORACLE).then_some(Self::Oracle).or_else(policy);
        choice.ok_or_else(|| {
            let list = known().collect::<Vec<_>>().join(", ");
            let nearest = splitsim_display::did_you_mean(&name, known());
            format!("unknown kind of policy '{name}', expected one of {list}{nearest}")
        })
    }
}

impl From<KindChoice> for String {
    fn from(kind: KindChoice) -> Self {
        kind.name().to_owned()
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
