use crate::{MaxAttempts, PolicyConfig, Rung};

/// Why something is no policy, or none for this ladder.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The text names no policy.
    #[error("unknown policy '{0}', expected {list}", list = PolicyConfig::KINDS.join(" or "))]
    UnknownKind(String),
    /// The text names a policy but nothing else.
    #[error("policy '{kind}' needs settings, for example {example}")]
    NoSettings {
        /// The policy's name.
        kind: String,
        /// A complete policy of that name.
        example: &'static str,
    },
    /// A setting that the policy does not have.
    #[error("unknown setting '{0}' of a threshold policy, expected start=, step= or max=")]
    UnknownSetting(String),
    /// The same setting twice.
    #[error("setting '{0}' is given twice")]
    RepeatedSetting(&'static str),
    /// A setting whose value is no number of the permitted size.
    #[error("setting {name}={value} is no whole number from {min} to {max}")]
    SettingValue {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// The least permitted.
        min: u8,
        /// The most permitted.
        max: u8,
    },
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
