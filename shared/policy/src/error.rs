use crate::{MaxAttempts, POLICIES, PolicyKind, Rung};

/// An error that explains why a policy is invalid, or does not fit a ladder.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The text names no policy.
    #[error("unknown policy '{0}', expected {list}", list = one_of(&POLICIES.names()))]
    UnknownKind(String),
    /// The text names a policy but nothing else.
    #[error("policy '{kind}' is not complete, for example {example}")]
    NoSettings {
        /// The policy's name.
        kind: &'static str,
        /// A complete policy of that name.
        example: &'static str,
    },
    /// A setting that the policy does not have.
    #[error("unknown setting '{setting}' of a {kind} policy, {list}", list = settings(.known))]
    UnknownSetting {
        /// The setting.
        setting: String,
        /// The policy's name.
        kind: &'static str,
        /// The settings that it has.
        known: Vec<&'static str>,
    },
    /// The same setting is given twice.
    #[error("setting '{0}' is given twice")]
    RepeatedSetting(&'static str),
    /// A setting without which there is no policy.
    #[error("setting '{name}' is missing, for example {example}")]
    MissingSetting {
        /// The setting.
        name: &'static str,
        /// A complete policy.
        example: &'static str,
    },
    /// A setting whose value is none.
    #[error("setting {name}={value}: expected {expected}")]
    SettingValue {
        /// The setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// The permitted values.
        expected: &'static str,
    },
    /// A setting that has no place beside the others.
    #[error("setting '{name}' {reason}")]
    Contradiction {
        /// The setting.
        name: &'static str,
        /// The contradiction, as a predicate.
        reason: &'static str,
    },
    /// The text is no fallback.
    #[error("'{0}' is no fallback, expected best, richest or drop")]
    Fallback(String),
    /// No or too many attempts.
    #[error("{actual} attempts at most, expected 1 to {max}", max = MaxAttempts::LIMIT)]
    MaxAttempts {
        /// The number asked for.
        actual: u8,
    },
    /// The text is no rung.
    #[error("'{0}' is no rung, expected cheapest, richest or an index from 0")]
    Rung(String),
    /// The ladder ends below the rung.
    #[error("rung {rung} is beyond the ladder, whose richest rung is {richest}")]
    RungBeyondLadder {
        /// The rung asked for.
        rung: Rung,
        /// The last rung that the ladder has.
        richest: Rung,
    },
    /// A ladder of no or too many rungs.
    #[error("a ladder of {actual} rungs, expected 1 to 255")]
    LadderLen {
        /// The number of rungs.
        actual: usize,
    },
    /// The text is no criterion.
    #[error("'{0}' is no criterion, expected METRIC>=NUMBER or METRIC<=NUMBER")]
    Criterion(String),
    /// The threshold is outside the metric's range.
    #[error("{threshold} is no score of {metric}, expected {from} to {to}")]
    NoScore {
        /// The threshold.
        threshold: f64,
        /// The metric.
        metric: String,
        /// The least score that the metric gives.
        from: f64,
        /// The greatest.
        to: f64,
    },
    /// The criterion passes the side on which the metric is worse.
    #[error("'{criterion}' passes the worse scores, write {better}")]
    WrongSide {
        /// The criterion.
        criterion: String,
        /// The same threshold with the metric's better side.
        better: String,
    },
    /// The metric's name has other characters than metrics' names have.
    #[error("'{0}' is no metric name: lower-case letters, digits and hyphens only")]
    MetricName(String),
    /// The threshold is NaN or infinite.
    #[error("threshold {0} is not finite")]
    ThresholdNotFinite(f64),
    /// A score is NaN or infinite.
    #[error("score {0} is not finite: record the attempt as unscored")]
    ScoreNotFinite(f64),
}

impl PolicyError {
    pub(crate) const fn no_settings(kind: &PolicyKind) -> Self {
        Self::NoSettings {
            kind: kind.name,
            example: kind.example,
        }
    }

    pub(crate) fn unknown_setting(kind: &PolicyKind, setting: &str) -> Self {
        Self::UnknownSetting {
            setting: setting.to_owned(),
            kind: kind.name,
            known: kind.setting_names().collect(),
        }
    }
}

fn one_of(names: &[&str]) -> String {
    listed(names, "or")
}

fn settings(names: &[&str]) -> String {
    match names {
        [] => "which has none".to_owned(),
        names => format!("it has {}", listed(names, "and")),
    }
}

fn listed(names: &[&str], conjunction: &str) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}
