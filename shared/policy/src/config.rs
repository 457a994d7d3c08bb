use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::threshold::Climb;
use crate::{
    Always, Criterion, LadderLen, MaxAttempts, Policy, PolicyError, Rung, RungChoice, Threshold,
};

/// A policy as a user names it, before the codec's ladder is known.
///
/// In a scenario file, tagged by `kind`; only the first line after it is required:
///
/// ```toml
/// kind = "threshold"
/// pass = "cosine>=0.98"   # metric, side, threshold
/// start = 0               # the rung to begin at
/// step = 1                # rungs to climb after an attempt that does not pass
/// max-attempts = 10       # encodings of one feature
/// ```
///
/// ```toml
/// kind = "always"
/// rung = "cheapest"       # or "richest", or an index
/// ```
///
/// On a command line `threshold:cosine>=0.98,start=0,step=1,max=10` and `always:cheapest`. Parsing
/// what [`Display`](fmt::Display) prints gives the same policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum PolicyConfig {
    /// [`Always`]: one encoding at a fixed rung.
    Always {
        /// The rung.
        rung: RungChoice,
    },
    /// [`Threshold`]: encode richer until the score passes.
    #[serde(rename_all = "kebab-case")]
    Threshold {
        /// What a score must satisfy.
        pass: Criterion,
        /// The rung to begin at; the cheapest by default.
        #[serde(default = "default_start")]
        start: Rung,
        /// Rungs to climb after each attempt that does not pass; 1 by default.
        #[serde(default = "default_step")]
        step: NonZeroU8,
        /// The most encodings of one feature; 10 by default, the length of the paper's ladders.
        #[serde(default = "default_max_attempts")]
        max_attempts: MaxAttempts,
    },
}

impl PolicyConfig {
    /// The names of all policies.
    pub const KINDS: [&'static str; 2] = ["always", "threshold"];

    /// The policy on a ladder of this length.
    ///
    /// # Errors
    /// When the ladder does not have the rung named.
    pub fn resolve(&self, ladder: LadderLen) -> Result<Box<dyn Policy>, PolicyError> {
        let label = self.to_string();
        Ok(match self {
            Self::Always { rung } => Box::new(Always::new(rung.resolve(ladder)?, label)),
            Self::Threshold {
                pass,
                start,
                step,
                max_attempts,
            } => {
                let climb = Climb {
                    criterion: pass.clone(),
                    start: *start,
                    step: *step,
                    max_attempts: *max_attempts,
                };
                Box::new(Threshold::new(climb, ladder, label)?)
            }
        })
    }

    /// The criterion that needs a metric, if the policy has one.
    #[must_use]
    pub const fn criterion(&self) -> Option<&Criterion> {
        match self {
            Self::Always { .. } => None,
            Self::Threshold { pass, .. } => Some(pass),
        }
    }
}

impl fmt::Display for PolicyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always { rung } => write!(f, "always:{rung}"),
            Self::Threshold {
                pass,
                start,
                step,
                max_attempts,
            } => write!(
                f,
                "threshold:{pass},start={start},step={step},max={max_attempts}"
            ),
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
        match kind {
            "always" if settings.is_empty() => Err(no_settings(kind, "always:cheapest")),
            "always" => Ok(Self::Always {
                rung: settings.parse()?,
            }),
            "threshold" if settings.is_empty() => Err(no_settings(kind, "threshold:cosine>=0.98")),
            "threshold" => parse_threshold(settings),
            unknown => Err(PolicyError::UnknownKind(unknown.to_owned())),
        }
    }
}

fn no_settings(kind: &str, example: &'static str) -> PolicyError {
    let kind = kind.to_owned();
    PolicyError::NoSettings { kind, example }
}

/// `CRITERION[,start=N][,step=N][,max=N]`, the settings in any order.
fn parse_threshold(text: &str) -> Result<PolicyConfig, PolicyError> {
    let mut parts = text.split(',').map(str::trim);
    let pass = parts.next().unwrap_or_default().parse()?;
    let (mut start, mut step, mut max) = (None, None, None);
    for part in parts {
        match part.split_once('=') {
            Some(("start", value)) => set(&mut start, "start", value, 0..=u8::MAX)?,
            Some(("step", value)) => set(&mut step, "step", value, 1..=u8::MAX)?,
            Some(("max", value)) => set(&mut max, "max", value, 1..=MaxAttempts::LIMIT)?,
            _ => return Err(PolicyError::UnknownSetting(part.to_owned())),
        }
    }
    Ok(PolicyConfig::Threshold {
        pass,
        start: start.map_or_else(default_start, Rung),
        step: step.and_then(NonZeroU8::new).unwrap_or_else(default_step),
        max_attempts: match max {
            Some(max) => MaxAttempts::new(max)?,
            None => default_max_attempts(),
        },
    })
}

/// Fills `slot` with a number of `range`, once.
fn set(
    slot: &mut Option<u8>,
    name: &'static str,
    value: &str,
    range: std::ops::RangeInclusive<u8>,
) -> Result<(), PolicyError> {
    let number = value.trim().parse().ok().filter(|n| range.contains(n));
    let number = number.ok_or_else(|| PolicyError::SettingValue {
        name,
        value: value.to_owned(),
        min: *range.start(),
        max: *range.end(),
    })?;
    match slot.replace(number) {
        Some(_) => Err(PolicyError::RepeatedSetting(name)),
        None => Ok(()),
    }
}

const fn default_start() -> Rung {
    Rung(0)
}

const fn default_step() -> NonZeroU8 {
    NonZeroU8::MIN
}

fn default_max_attempts() -> MaxAttempts {
    MaxAttempts::new(10).expect("ten lies between one and the limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(pass: &str, start: u8, step: u8, max: u8) -> PolicyConfig {
        PolicyConfig::Threshold {
            pass: pass.parse().unwrap(),
            start: Rung(start),
            step: NonZeroU8::new(step).unwrap(),
            max_attempts: MaxAttempts::new(max).unwrap(),
        }
    }

    fn always(rung: RungChoice) -> PolicyConfig {
        PolicyConfig::Always { rung }
    }

    #[test]
    fn reads_the_command_line_form() {
        let check = |text: &str, expected: PolicyConfig| {
            assert_eq!(text.parse::<PolicyConfig>().unwrap(), expected);
            let printed = expected.to_string();
            assert_eq!(printed.parse::<PolicyConfig>().unwrap(), expected);
        };
        check("always:cheapest", always(RungChoice::Cheapest));
        check("always:richest", always(RungChoice::Richest));
        check("always:3", always(RungChoice::Index(Rung(3))));
        check(
            "threshold:cosine>=0.98",
            threshold("cosine>=0.98", 0, 1, 10),
        );
        check(
            "threshold:mse<=1e-3,max=4,start=2,step=3",
            threshold("mse<=0.001", 2, 3, 4),
        );
        check(
            "threshold: cka-cfqa2025 >= 0.9 , start=1",
            threshold("cka-cfqa2025>=0.9", 1, 1, 10),
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_command_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                text.parse::<PolicyConfig>().unwrap_err().to_string(),
                expected
            );
        };
        check(
            "gate",
            "unknown policy 'gate', expected always or threshold",
        );
        check("", "unknown policy '', expected always or threshold");
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
        check(
            "threshold:cosine>=0.9,step=0",
            "setting step=0 is no whole number from 1 to 255",
        );
        check(
            "threshold:cosine>=0.9,max=65",
            "setting max=65 is no whole number from 1 to 64",
        );
        check(
            "threshold:cosine>=0.9,tries=3",
            "unknown setting 'tries=3' of a threshold policy, expected start=, step= or max=",
        );
        check(
            "threshold:cosine>=0.9,step=1,step=2",
            "setting 'step' is given twice",
        );
    }

    #[test]
    fn reads_the_file_form() {
        let check = |text: &str, expected: PolicyConfig| {
            let read: PolicyConfig = toml::from_str(text).unwrap();
            assert_eq!(read, expected);
            let written = toml::to_string(&expected).unwrap();
            assert_eq!(toml::from_str::<PolicyConfig>(&written).unwrap(), expected);
        };
        check(
            "kind = 'always'\nrung = 'richest'",
            always(RungChoice::Richest),
        );
        check(
            "kind = 'always'\nrung = 4",
            always(RungChoice::Index(Rung(4))),
        );
        check(
            "kind = 'threshold'\npass = 'mse<=0.5'",
            threshold("mse<=0.5", 0, 1, 10),
        );
        check(
            "kind = 'threshold'\npass = 'cka>=0.9'\nstart = 1\nstep = 2\nmax-attempts = 3",
            threshold("cka>=0.9", 1, 2, 3),
        );
    }

    #[test]
    fn refuses_a_wrong_file() {
        let refused = |text: &str, part: &str| {
            let error = toml::from_str::<PolicyConfig>(text).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        };
        refused("kind = 'gate'", "always");
        refused("kind = 'always'\nrung = 'best'", "'best' is no rung");
        refused("kind = 'always'\nrung = 1\nstep = 1", "step");
        let threshold = "kind = 'threshold'\npass = 'cka>=0.9'\n";
        refused(&format!("{threshold}step = 0"), "nonzero");
        refused(&format!("{threshold}max-attempts = 0"), "1 to 64");
        refused(&format!("{threshold}tries = 3"), "tries");
        refused("kind = 'threshold'\npass = 'cka>=nan'", "not finite");
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
        assert_eq!(resolve("always:10").err(), Some(beyond.clone()));
        assert_eq!(resolve("threshold:cka>=1,start=10").err(), Some(beyond));
        let policy = resolve("threshold:cka>=1").unwrap();
        assert_eq!(policy.label(), "threshold:cka>=1,start=0,step=1,max=10");
        assert_eq!(policy.metric(), Some("cka"));
        assert!(LadderLen::new(0).is_err());
        assert!(LadderLen::new(256).is_err());
    }
}
