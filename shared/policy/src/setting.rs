//! Settings of policies: their names, meanings, values and texts.

use std::num::NonZeroU8;
use std::str::FromStr;
use std::time::Duration;

use splitsim_feature::units::Bytes;

use crate::{Fallback, MaxAttempts, PolicyConfig, Rung, RungChoice, Start};

/// The name of a setting, and the words that error messages and tables use for it.
#[derive(Debug)]
pub struct About {
    /// The name in the text form of a policy, which is that of the key in a scenario.
    pub name: &'static str,
    /// Earlier names, which are still understood.
    pub earlier: &'static [&'static str],
    /// The permitted values in words: `a whole number from 1 to 64`.
    pub expected: &'static str,
    /// The effect, in a phrase.
    pub summary: &'static str,
    /// The value without the setting.
    pub default: Default,
}

/// The value of a setting that is not given.
#[derive(Debug)]
pub enum Default {
    /// None: the setting is required.
    Required,
    /// This text.
    Is(&'static str),
    /// This text, and a policy with this value does not print the setting.
    Unprinted(&'static str),
    /// A text that depends on the settings before it.
    Follows(fn(&PolicyConfig) -> Option<String>),
}

/// A setting with a value of type `T`.
#[derive(Debug)]
pub struct Setting<T> {
    /// Name, meaning and default.
    pub about: About,
    /// Reads a value; `None` if the text is none.
    pub read: fn(&str) -> Option<T>,
    /// The text of a value, which [`read`](Self::read) reads as the same value.
    pub write: fn(&T) -> String,
}

/// A setting, whatever its type of value.
pub trait AnySetting: Sync {
    /// Name, meaning and default.
    fn about(&self) -> &About;

    /// The text that stands for the value that `text` means; `None` if it means none.
    fn canonical(&self, text: &str) -> Option<String>;
}

impl<T> AnySetting for Setting<T> {
    fn about(&self) -> &About {
        &self.about
    }

    fn canonical(&self, text: &str) -> Option<String> {
        (self.read)(text).map(|value| (self.write)(&value))
    }
}

/// The level of a policy that does not choose.
pub static LEVEL: Setting<RungChoice> = Setting {
    about: About {
        name: "level",
        earlier: &[],
        expected: "cheapest, richest or an index from 0",
        summary: "the level of every frame",
        default: Default::Required,
    },
    read: |text| text.parse().ok(),
    write: RungChoice::to_string,
};

/// The level of the first attempt.
pub static START: Setting<Rung> = Setting {
    about: About {
        name: "start",
        earlier: &[],
        expected: "a whole number from 0 to 255",
        summary: "the level of the first attempt, 0 the cheapest",
        default: Default::Is("0"),
    },
    read: |text| text.parse().ok().map(Rung),
    write: Rung::to_string,
};

/// The level of the first attempt, which may be that of the frame before.
pub static START_OR_LAST: Setting<Start> = Setting {
    about: About {
        name: "start",
        earlier: &[],
        expected: "last or a whole number from 0 to 255",
        summary: "the level of the first attempt, 0 the cheapest, or the last level of the previous frame",
        default: Default::Is("0"),
    },
    read: |text| match text {
        "last" => Some(Start::Last),
        index => index.parse().ok().map(|index| Start::At(Rung(index))),
    },
    write: Start::to_string,
};

/// The hysteresis of a climb that begins at the last level.
pub static MARGIN: Setting<f64> = Setting {
    about: About {
        name: "margin",
        earlier: &[],
        expected: "a number from 0",
        summary: "with start=last: start one step lower if the previous frame passed at its first attempt \
                  by this margin",
        default: Default::Unprinted("0"),
    },
    read: |text| {
        let number = text.parse().ok();
        number.filter(|margin| (0.0..f64::INFINITY).contains(margin))
    },
    write: f64::to_string,
};

/// Levels to climb after an attempt that does not pass.
pub static STEP: Setting<NonZeroU8> = Setting {
    about: About {
        name: "step",
        earlier: &[],
        expected: "a whole number from 1 to 255",
        summary: "levels to climb after an attempt that does not pass",
        default: Default::Is("1"),
    },
    read: |text| text.parse().ok(),
    write: NonZeroU8::to_string,
};

/// The most encodings of one feature; by default ten, the length of the paper's ladders.
pub static MAX_ATTEMPTS: Setting<MaxAttempts> = Setting {
    about: About {
        name: "max-attempts",
        earlier: &["max"],
        expected: "a whole number from 1 to 64",
        summary: "maximum number of encodings of one feature",
        default: Default::Is("10"),
    },
    read: |text| MaxAttempts::new(text.parse().ok()?).ok(),
    write: MaxAttempts::to_string,
};

/// The action if no attempt passes.
pub static FALLBACK: Setting<Fallback> = Setting {
    about: About {
        name: "fallback",
        earlier: &[],
        expected: "best, richest or drop",
        summary: "action if no attempt passes: ship the best score, ship the richest level, or ship nothing",
        default: Default::Unprinted("best"),
    },
    read: |text| text.parse().ok(),
    write: Fallback::to_string,
};

/// The time from capture to the arrival of the last byte.
pub static DEADLINE: Setting<Duration> = Setting {
    about: About {
        name: "deadline",
        earlier: &["by"],
        expected: "a span of time up to a day, such as 250ms",
        summary: "time from capture to the arrival of the last byte at the cloud",
        default: Default::Required,
    },
    read: |text| {
        let span = humantime::parse_duration(text).ok();
        span.filter(|span| !span.is_zero() && *span <= LONGEST_DEADLINE)
    },
    write: |span| unspaced(&humantime::format_duration(*span).to_string()),
};

/// Bytes that a token bucket gains per second.
pub static RATE: Setting<Bytes> = Setting {
    about: About {
        name: "rate",
        earlier: &[],
        expected: "a size per second up to 12500 MB/s, such as 20kB/s",
        summary: "the rate at which the token bucket fills",
        default: Default::Required,
    },
    read: |text| size(text.strip_suffix("/s")?.trim_end(), FASTEST),
    write: |rate| format!("{}/s", unspaced(&rate.in_whole_units())),
};

/// The capacity of a token bucket.
pub static BURST: Setting<Bytes> = Setting {
    about: About {
        name: "burst",
        earlier: &[],
        expected: "a size up to 1000 GB, such as 64kB",
        summary: "the capacity of the bucket, which starts full; by default one second of the rate",
        default: Default::Follows(|config| {
            let rate = config.find(&RATE)?;
            Some(unspaced(&rate.in_whole_units()))
        }),
    },
    read: |text| size(text, LARGEST_BURST),
    write: |burst| unspaced(&burst.in_whole_units()),
};

const LONGEST_DEADLINE: Duration = Duration::from_secs(86_400);
/// 100 Gbit/s.
const FASTEST: u64 = 12_500_000_000;
const LARGEST_BURST: u64 = 1_000_000_000_000;

fn size(text: &str, largest: u64) -> Option<Bytes> {
    let size = Bytes::from_str(text).ok();
    size.filter(|&Bytes(bytes)| (1..=largest).contains(&bytes))
}

fn unspaced(text: &str) -> String {
    text.replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::POLICIES;

    #[test]
    fn a_default_is_a_value_in_its_canonical_text() {
        for kind in POLICIES.all() {
            for setting in kind.settings {
                let about = setting.about();
                if let Default::Is(text) | Default::Unprinted(text) = about.default {
                    assert_eq!(
                        setting.canonical(text).as_deref(),
                        Some(text),
                        "{}",
                        about.name
                    );
                }
            }
        }
    }

    #[test]
    fn the_permitted_attempts_are_those_of_the_type() {
        let told = format!("a whole number from 1 to {}", MaxAttempts::LIMIT);
        assert_eq!(MAX_ATTEMPTS.about.expected, told);
    }
}
