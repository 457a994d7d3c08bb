use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::setting::{AnySetting, Default, Setting};
use crate::{
    Attempt, Conditions, Criterion, Decision, LadderLen, POLICIES, Policy, PolicyError, PolicyKind,
};

/// A policy as a user names it, before the codec's ladder is known: a kind, a criterion and settings.
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
pub struct PolicyConfig {
    kind: &'static PolicyKind,
    pass: Option<Criterion>,
    /// The canonical text of every setting of the kind.
    values: BTreeMap<&'static str, String>,
}

impl PolicyConfig {
    /// A policy of a kind, whose settings are given by name; the others have their defaults.
    ///
    /// # Errors
    /// When a criterion is missing or has no place, when a setting is unknown, given twice, missing or not
    /// one of its values, or when settings contradict each other.
    pub fn new<'a>(
        kind: &'static PolicyKind,
        pass: Option<Criterion>,
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, PolicyError> {
        if kind.scored != pass.is_some() {
            return Err(PolicyError::no_settings(kind));
        }
        let given = by_setting(kind, given)?;
        let mut config = Self {
            kind,
            pass,
            values: BTreeMap::new(),
        };
        for &setting in kind.settings {
            let value = config.value(setting, &given)?;
            config.values.insert(setting.about().name, value);
        }
        (kind.check)(&config)?;
        Ok(config)
    }

    /// The canonical text of a setting: of the value given, or the default.
    fn value(
        &self,
        setting: &dyn AnySetting,
        given: &BTreeMap<&str, &str>,
    ) -> Result<String, PolicyError> {
        let about = setting.about();
        if let Some(&text) = given.get(about.name) {
            let wrong = || PolicyError::SettingValue {
                name: about.name,
                value: text.to_owned(),
                expected: about.expected,
            };
            return setting.canonical(text).ok_or_else(wrong);
        }
        let default = match about.default {
            Default::Required => None,
            Default::Is(text) | Default::Unprinted(text) => Some(text.to_owned()),
            Default::Follows(of) => of(self),
        };
        default.ok_or_else(|| self.missing(about.name))
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> &'static PolicyKind {
        self.kind
    }

    /// The criterion that needs a metric, if the policy has one.
    #[must_use]
    pub const fn criterion(&self) -> Option<&Criterion> {
        self.pass.as_ref()
    }

    /// The settings' names and values, defaults included, in the kind's order.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let names = self.kind.setting_names();
        names.filter_map(|name| Some((name, self.values.get(name)?.as_str())))
    }

    /// The value of a setting; `None` if the kind does not have it.
    #[must_use]
    pub fn find<T>(&self, setting: &Setting<T>) -> Option<T> {
        let text = self.values.get(setting.about.name)?;
        (setting.read)(text)
    }

    /// The value of a setting of the kind.
    ///
    /// # Errors
    /// When the kind does not have it.
    pub fn get<T>(&self, setting: &Setting<T>) -> Result<T, PolicyError> {
        self.find(setting)
            .ok_or_else(|| self.missing(setting.about.name))
    }

    const fn missing(&self, name: &'static str) -> PolicyError {
        PolicyError::MissingSetting {
            name,
            example: self.kind.example,
        }
    }

    /// The policy on a ladder of this length, before its first frame.
    ///
    /// # Errors
    /// When the ladder does not have the rung named.
    pub fn resolve(&self, ladder: LadderLen) -> Result<ResolvedPolicy, PolicyError> {
        Ok(ResolvedPolicy {
            policy: (self.kind.build)(self, ladder)?,
            config: self.clone(),
        })
    }

    /// `true` if the policy does not print this setting, because it has its default.
    fn is_unprinted(&self, setting: &dyn AnySetting) -> bool {
        let about = setting.about();
        let value = self.values.get(about.name).map(String::as_str);
        matches!(about.default, Default::Unprinted(default) if value == Some(default))
    }
}

/// The given settings under their present names.
fn by_setting<'a>(
    kind: &'static PolicyKind,
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<&'static str, &'a str>, PolicyError> {
    let mut values = BTreeMap::new();
    for (name, value) in given {
        let Some(setting) = kind.setting(name) else {
            return Err(PolicyError::unknown_setting(
                kind,
                &format!("{name}={value}"),
            ));
        };
        let name = setting.about().name;
        if values.insert(name, value).is_some() {
            return Err(PolicyError::RepeatedSetting(name));
        }
    }
    Ok(values)
}

impl fmt::Display for PolicyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)?;
        let mut settings = self.kind.settings.iter();
        if let Some(pass) = &self.pass {
            write!(f, ":{pass}")?;
        } else if let Some(first) = settings.next() {
            write!(f, ":{}", self.values[first.about().name])?;
        }
        for setting in settings.filter(|setting| !self.is_unprinted(**setting)) {
            let name = setting.about().name;
            write!(f, ",{name}={}", self.values[name])?;
        }
        Ok(())
    }
}

impl FromStr for PolicyConfig {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let kind = POLICIES.get(name);
        let kind = kind.ok_or_else(|| PolicyError::UnknownKind(name.to_owned()))?;
        let mut parts = settings.split(',').map(str::trim);
        let head = parts.next().unwrap_or_default();
        let has_head = kind.scored || !kind.settings.is_empty();
        if head.is_empty() == has_head {
            return Err(PolicyError::no_settings(kind));
        }
        let mut given = Vec::new();
        if let (false, Some(first)) = (kind.scored, kind.setting_names().next()) {
            given.push((first, head));
        }
        for part in parts {
            let setting = part.split_once('=');
            let unknown = || PolicyError::unknown_setting(kind, part);
            let (name, value) = setting.ok_or_else(unknown)?;
            given.push((name.trim(), value.trim()));
        }
        let pass = kind.scored.then(|| head.parse()).transpose()?;
        Self::new(kind, pass, given)
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

/// A policy at work on one ladder.
pub struct ResolvedPolicy {
    policy: Box<dyn Policy>,
    config: PolicyConfig,
}

impl ResolvedPolicy {
    /// The metric that attempts must be scored with; `None` when the policy needs no score.
    #[must_use]
    pub fn metric(&self) -> Option<&str> {
        self.config.criterion().map(Criterion::metric)
    }

    /// The policy with all its settings.
    #[must_use]
    pub const fn config(&self) -> &PolicyConfig {
        &self.config
    }
}

impl Policy for ResolvedPolicy {
    fn decide(&self, conditions: &Conditions, attempts: &[Attempt]) -> Decision {
        self.policy.decide(conditions, attempts)
    }

    fn observe(&mut self, conditions: &Conditions, attempts: &[Attempt], end: Decision) {
        self.policy.observe(conditions, attempts, end);
    }
}

impl fmt::Debug for ResolvedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResolvedPolicy({})", self.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::{LEVEL, MARGIN, START_OR_LAST};
    use crate::{Rung, RungChoice, Start};

    fn parse(text: &str) -> PolicyConfig {
        text.parse().unwrap()
    }

    /// A text, and the settings that it means.
    fn check(text: &str, pass: Option<&str>, settings: &[(&str, &str)]) {
        let config = parse(text);
        assert_eq!(
            config.criterion().map(Criterion::to_string).as_deref(),
            pass
        );
        assert_eq!(config.settings().collect::<Vec<_>>(), settings);
        assert_eq!(parse(&config.to_string()), config);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<PolicyConfig>(&json).unwrap(), config);
    }

    #[test]
    fn a_rung_is_always_the_same() {
        for (level, choice) in [
            ("cheapest", RungChoice::Cheapest),
            ("richest", RungChoice::Richest),
            ("3", RungChoice::Index(Rung(3))),
        ] {
            let text = format!("always:{level}");
            check(&text, None, &[("level", level)]);
            assert_eq!(parse(&text).get(&LEVEL), Ok(choice));
        }
    }

    #[test]
    fn a_threshold_has_defaults_and_takes_settings_in_any_order() {
        let pass = Some("cosine>=0.98");
        let check = |text: &str, [start, margin, step, most, fallback]: [&str; 5]| {
            let settings = [
                ("start", start),
                ("margin", margin),
                ("step", step),
                ("max-attempts", most),
                ("fallback", fallback),
            ];
            check(text, pass, &settings);
        };
        check("threshold:cosine>=0.98", ["0", "0", "1", "10", "best"]);
        check(
            "threshold: cosine >= 0.98 , max=4, fallback = drop,start=2,step=3",
            ["2", "0", "3", "4", "drop"],
        );
        check(
            "threshold:cosine>=0.98,start=last",
            ["last", "0", "1", "10", "best"],
        );
        let hysteresis = "threshold:cosine>=0.98,margin=0.01,start=last";
        check(hysteresis, ["last", "0.01", "1", "10", "best"]);
        let config = parse(hysteresis);
        assert_eq!(config.get(&START_OR_LAST), Ok(Start::Last));
        assert_eq!(config.get(&MARGIN), Ok(0.01));
        assert_eq!(config.find(&LEVEL), None);
    }

    #[test]
    fn the_other_kinds_have_their_own_settings() {
        let pass = Some("cosine>=0.98");
        check(
            "bisect:cosine>=0.98,fallback=richest",
            pass,
            &[("max-attempts", "10"), ("fallback", "richest")],
        );
        check(
            "predictive:cosine>=0.98,start=1",
            pass,
            &[("start", "1"), ("max-attempts", "10"), ("fallback", "best")],
        );
        for name in ["deadline", "by"] {
            check(
                &format!("deadline:cosine>=0.98,{name}=1250ms"),
                pass,
                &[
                    ("deadline", "1s250ms"),
                    ("max-attempts", "10"),
                    ("fallback", "best"),
                ],
            );
        }
        let budget = |text: &str, burst: &str| {
            let limits = [("rate", "20kB/s"), ("burst", burst)];
            let rest = [("start", "0"), ("max-attempts", "10")];
            check(text, pass, &[limits, rest].concat());
        };
        budget("budget:cosine>=0.98,burst=64 KiB,rate=20 kB/s", "64KiB");
        budget("budget:cosine>=0.98,rate=20kB/s", "20kB");
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
        for kind in POLICIES.all() {
            assert_eq!(parse(kind.example).kind(), kind);
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
            "bisect",
            "policy 'bisect' is not complete, for example bisect:cosine>=0.98",
        );
        check(
            "always",
            "policy 'always' is not complete, for example always:cheapest",
        );
        check(
            "always:best",
            "setting level=best: expected cheapest, richest or an index from 0",
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
            "setting deadline=250: expected a span of time up to a day, such as 250ms",
        );
        check(
            "budget:cosine>=0.9,rate=20kB",
            "setting rate=20kB: expected a size per second up to 12500 MB/s, such as 20kB/s",
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
            policy.config().to_string(),
            "threshold:cka>=1,start=0,step=1,max-attempts=10"
        );
        assert_eq!(policy.metric(), Some("cka"));
        assert!(LadderLen::new(0).is_err());
        assert!(LadderLen::new(256).is_err());
    }
}
