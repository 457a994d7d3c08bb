use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Always, Bisect, BisectConfig, Budget, BudgetConfig, Criterion, Deadline, DeadlineConfig,
    LadderLen, Policy, PolicyError, Predictive, PredictiveConfig, RungChoice, Threshold,
    ThresholdConfig,
};

/// A policy as a user names it, before the codec's ladder is known.
///
/// As text, on command lines and in records; what follows the first comma may be left out, unless it
/// is marked:
///
/// ```text
/// always:cheapest                                                   or richest, or an index
/// threshold:cosine>=0.98,start=0,step=1,max-attempts=10,fallback=best
/// threshold:cosine>=0.98,start=last,margin=0.005
/// bisect:cosine>=0.98,max-attempts=10,fallback=best
/// predictive:cosine>=0.98,start=0,max-attempts=10,fallback=best
/// deadline:cosine>=0.98,deadline=250ms,max-attempts=10,fallback=drop   deadline is required
/// budget:cosine>=0.98,rate=20kB/s,burst=64kB,start=0,max-attempts=10   rate is required
/// ```
///
/// Parsing what [`Display`](fmt::Display) prints gives the same policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PolicyConfig {
    /// [`Always`]: one encoding at a fixed rung.
    Always {
        /// The rung.
        rung: RungChoice,
    },
    /// [`Threshold`]: encode richer until the score passes.
    Threshold(ThresholdConfig),
    /// [`Bisect`]: halve the rungs in question.
    Bisect(BisectConfig),
    /// [`Predictive`]: probe once, then jump.
    Predictive(PredictiveConfig),
    /// [`Deadline`]: the best score that arrives in time.
    Deadline(DeadlineConfig),
    /// [`Budget`]: what a token bucket can pay for.
    Budget(BudgetConfig),
}

impl PolicyConfig {
    /// The names of all policies.
    pub const KINDS: [&'static str; 6] = [
        ALWAYS,
        ThresholdConfig::KIND,
        BisectConfig::KIND,
        PredictiveConfig::KIND,
        DeadlineConfig::KIND,
        BudgetConfig::KIND,
    ];

    /// A complete policy of every kind, in the order of [`Self::KINDS`].
    pub const EXAMPLES: [&'static str; 6] = [
        "always:cheapest",
        ThresholdConfig::EXAMPLE,
        BisectConfig::EXAMPLE,
        PredictiveConfig::EXAMPLE,
        DeadlineConfig::EXAMPLE,
        BudgetConfig::EXAMPLE,
    ];

    /// The policy on a ladder of this length, before its first frame.
    ///
    /// # Errors
    /// When the ladder does not have the rung named.
    pub fn resolve(&self, ladder: LadderLen) -> Result<Box<dyn Policy>, PolicyError> {
        let label = self.to_string();
        Ok(match self {
            Self::Always { rung } => Box::new(Always::new(rung.resolve(ladder)?, label)),
            Self::Threshold(config) => Box::new(Threshold::new(config, ladder, label)?),
            Self::Bisect(config) => Box::new(Bisect::new(config, ladder, label)),
            Self::Predictive(config) => Box::new(Predictive::new(config, ladder, label)?),
            Self::Deadline(config) => Box::new(Deadline::new(config, ladder, label)),
            Self::Budget(config) => Box::new(Budget::new(config, ladder, label)?),
        })
    }

    /// The criterion that needs a metric, if the policy has one.
    #[must_use]
    pub const fn criterion(&self) -> Option<&Criterion> {
        match self {
            Self::Always { .. } => None,
            Self::Threshold(ThresholdConfig { pass, .. })
            | Self::Bisect(BisectConfig { pass, .. })
            | Self::Predictive(PredictiveConfig { pass, .. })
            | Self::Deadline(DeadlineConfig { pass, .. })
            | Self::Budget(BudgetConfig { pass, .. }) => Some(pass),
        }
    }
}

impl fmt::Display for PolicyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always { rung } => write!(f, "{ALWAYS}:{rung}"),
            Self::Threshold(config) => config.fmt(f),
            Self::Bisect(config) => config.fmt(f),
            Self::Predictive(config) => config.fmt(f),
            Self::Deadline(config) => config.fmt(f),
            Self::Budget(config) => config.fmt(f),
        }
    }
}

impl FromStr for PolicyConfig {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, settings) = match text.split_once(':') {
            Some((kind, settings)) => (kind, settings.trim()),
            None => (text, ""),
        };
        let known = Self::KINDS.iter().zip(Self::EXAMPLES);
        let Some((_, example)) = known.into_iter().find(|(name, _)| **name == kind) else {
            return Err(PolicyError::UnknownKind(kind.to_owned()));
        };
        if settings.is_empty() {
            let kind = kind.to_owned();
            return Err(PolicyError::NoSettings { kind, example });
        }
        match kind {
            ThresholdConfig::KIND => ThresholdConfig::parse(settings).map(Self::Threshold),
            BisectConfig::KIND => BisectConfig::parse(settings).map(Self::Bisect),
            PredictiveConfig::KIND => PredictiveConfig::parse(settings).map(Self::Predictive),
            DeadlineConfig::KIND => DeadlineConfig::parse(settings).map(Self::Deadline),
            BudgetConfig::KIND => BudgetConfig::parse(settings).map(Self::Budget),
            _ => settings.parse().map(|rung| Self::Always { rung }),
        }
    }
}

impl TryFrom<String> for PolicyConfig {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PolicyConfig> for String {
    fn from(config: PolicyConfig) -> Self {
        config.to_string()
    }
}

const ALWAYS: &str = "always";

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;
    use std::time::Duration;

    use splitsim_feature::units::Bytes;

    use super::*;
    use crate::{Fallback, MaxAttempts, Rung, Start};

    fn pass() -> Criterion {
        "cosine>=0.98".parse().unwrap()
    }

    fn check(text: &str, expected: PolicyConfig) {
        assert_eq!(text.parse::<PolicyConfig>().unwrap(), expected);
        let printed = expected.to_string();
        assert_eq!(printed.parse::<PolicyConfig>().unwrap(), expected);
        let json = serde_json::to_string(&expected).unwrap();
        assert_eq!(
            serde_json::from_str::<PolicyConfig>(&json).unwrap(),
            expected
        );
    }

    #[test]
    fn a_rung_is_always_the_same() {
        let always = |rung| PolicyConfig::Always { rung };
        check("always:cheapest", always(RungChoice::Cheapest));
        check("always:richest", always(RungChoice::Richest));
        check("always:3", always(RungChoice::Index(Rung(3))));
    }

    #[test]
    fn a_threshold_has_defaults_and_takes_settings_in_any_order() {
        let config = ThresholdConfig::new(pass());
        check(
            "threshold:cosine>=0.98",
            PolicyConfig::Threshold(config.clone()),
        );
        let other = ThresholdConfig {
            start: Start::At(Rung(2)),
            step: NonZeroU8::new(3).unwrap(),
            max_attempts: MaxAttempts::new(4).unwrap(),
            fallback: Fallback::Drop,
            ..config.clone()
        };
        check(
            "threshold: cosine >= 0.98 , max=4, fallback = drop,start=2,step=3",
            PolicyConfig::Threshold(other),
        );
        let last = |margin| ThresholdConfig {
            start: Start::Last { margin },
            ..config.clone()
        };
        check(
            "threshold:cosine>=0.98,start=last",
            PolicyConfig::Threshold(last(0.0)),
        );
        check(
            "threshold:cosine>=0.98,margin=0.01,start=last",
            PolicyConfig::Threshold(last(0.01)),
        );
    }

    #[test]
    fn the_other_kinds_have_their_own_settings() {
        let bisect = BisectConfig {
            fallback: Fallback::Richest,
            ..BisectConfig::new(pass())
        };
        check(
            "bisect:cosine>=0.98,fallback=richest",
            PolicyConfig::Bisect(bisect),
        );
        let predictive = PredictiveConfig {
            start: Rung(1),
            ..PredictiveConfig::new(pass())
        };
        check(
            "predictive:cosine>=0.98,start=1",
            PolicyConfig::Predictive(predictive),
        );
        let deadline = DeadlineConfig {
            pass: pass(),
            by: Duration::from_millis(1250),
            max_attempts: MaxAttempts::default(),
            fallback: Fallback::Best,
        };
        for name in ["deadline", "by"] {
            let text = format!("deadline:cosine>=0.98,{name}=1250ms");
            check(&text, PolicyConfig::Deadline(deadline.clone()));
        }
        let budget = BudgetConfig {
            pass: pass(),
            rate: Bytes(20_000),
            burst: Bytes(65_536),
            start: Rung(0),
            max_attempts: MaxAttempts::default(),
        };
        check(
            "budget:cosine>=0.98,burst=64 KiB,rate=20 kB/s",
            PolicyConfig::Budget(budget.clone()),
        );
        let a_second = BudgetConfig {
            burst: Bytes(20_000),
            ..budget
        };
        check(
            "budget:cosine>=0.98,rate=20kB/s",
            PolicyConfig::Budget(a_second),
        );
    }

    #[test]
    fn labels_spell_out_the_defaults() {
        let check = |text: &str, label: &str| {
            assert_eq!(text.parse::<PolicyConfig>().unwrap().to_string(), label);
        };
        check(
            "threshold:mse<=1e-3",
            "threshold:mse<=0.001,start=0,step=1,max-attempts=10",
        );
        check("bisect:cka>=0.9", "bisect:cka>=0.9,max-attempts=10");
        check(
            "predictive:cka>=0.9",
            "predictive:cka>=0.9,start=0,max-attempts=10",
        );
        check(
            "deadline:cka>=0.9,deadline=2s",
            "deadline:cka>=0.9,deadline=2s,max-attempts=10",
        );
        check(
            "budget:cka>=0.9,rate=5kB/s",
            "budget:cka>=0.9,rate=5kB/s,burst=5kB,start=0,max-attempts=10",
        );
    }

    #[test]
    fn earlier_names_of_settings_are_those_of_scenarios() {
        let parse = |text: &str| text.parse::<PolicyConfig>();
        assert_eq!(
            parse("deadline:cka>=0.9,by=2s,max=3").unwrap(),
            parse("deadline:cka>=0.9,deadline=2s,max-attempts=3").unwrap()
        );
        for twice in [
            "bisect:cka>=0.9,max=3,max-attempts=3",
            "deadline:cka>=1,by=2s,deadline=2s",
        ] {
            let error = parse(twice).unwrap_err();
            assert!(matches!(error, PolicyError::RepeatedSetting(_)), "{error}");
        }
    }

    #[test]
    fn every_kind_has_an_example() {
        for (kind, example) in PolicyConfig::KINDS.iter().zip(PolicyConfig::EXAMPLES) {
            let config: PolicyConfig = example.parse().unwrap();
            assert!(
                config.to_string().starts_with(&format!("{kind}:")),
                "{example}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                text.parse::<PolicyConfig>().unwrap_err().to_string(),
                expected
            );
        };
        let kinds = "expected always, threshold, bisect, predictive, deadline or budget";
        check("gate", &format!("unknown policy 'gate', {kinds}"));
        check("", &format!("unknown policy '', {kinds}"));
        check(
            "always",
            "policy 'always' needs settings, for example always:cheapest",
        );
        check(
            "always:best",
            "'best' is no rung, expected cheapest, richest or an index from 0",
        );
        check(
            "threshold:cosine",
            "'cosine' is no criterion, expected METRIC>=NUMBER or METRIC<=NUMBER",
        );
        let step = "setting step=0: expected a whole number from 1 to 255";
        check("threshold:cosine>=0.9,step=0", step);
        check(
            "bisect:cosine>=0.9,max-attempts=65",
            "setting max-attempts=65: expected a whole number from 1 to 64",
        );
        check(
            "bisect:cosine>=0.9,tries=3",
            "unknown setting 'tries=3' of a bisect policy, it has max-attempts and fallback",
        );
        check(
            "threshold:cosine>=0.9,step=1,step=2",
            "setting 'step' is given twice",
        );
        check(
            "threshold:cosine>=0.9,margin=0.1",
            "setting 'margin' needs start=last: there is no hysteresis without",
        );
        check(
            "threshold:cosine>=0.9,start=last,margin=-1",
            "setting margin=-1: expected a number from 0",
        );
        check(
            "deadline:cosine>=0.9",
            "setting 'deadline' is missing, for example deadline:cosine>=0.98,deadline=250ms",
        );
        check(
            "deadline:cosine>=0.9,deadline=250",
            "setting deadline=250: expected a span of time such as 250ms",
        );
        check(
            "budget:cosine>=0.9,rate=20kB",
            "setting rate=20kB: expected a size per second such as 20kB/s",
        );
        check(
            "bisect:cosine>=0.9,fallback=none",
            "setting fallback=none: expected best, richest or drop",
        );
    }

    #[test]
    fn resolves_only_on_a_ladder_that_has_the_rung() {
        let ladder = LadderLen::new(10).unwrap();
        let resolve = |text: &str| text.parse::<PolicyConfig>().unwrap().resolve(ladder);
        let beyond = PolicyError::RungBeyondLadder {
            rung: Rung(10),
            richest: Rung(9),
        };
        assert!(resolve("always:9").is_ok());
        for text in [
            "always:10",
            "threshold:cka>=1,start=10",
            "predictive:cka>=1,start=10",
            "budget:cka>=1,rate=1kB/s,start=10",
        ] {
            assert_eq!(resolve(text).err(), Some(beyond.clone()));
        }
        let policy = resolve("threshold:cka>=1").unwrap();
        assert_eq!(
            policy.label(),
            "threshold:cka>=1,start=0,step=1,max-attempts=10"
        );
        assert_eq!(policy.metric(), Some("cka"));
        assert!(LadderLen::new(0).is_err());
        assert!(LadderLen::new(256).is_err());
    }
}
