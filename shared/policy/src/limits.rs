use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use crate::PolicyError;

/// The most encodings that a policy makes of one feature: 1 to [`Self::LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxAttempts(NonZeroU8);

impl MaxAttempts {
    /// The highest number that may be asked for: VVC has 64 quantisation parameters, no picture
    /// codec used here has a longer ladder.
    pub const LIMIT: u8 = 64;

    /// At most `attempts` encodings.
    ///
    /// # Errors
    /// When it is zero or above [`Self::LIMIT`].
    pub fn new(attempts: u8) -> Result<Self, PolicyError> {
        NonZeroU8::new(attempts)
            .filter(|attempts| attempts.get() <= Self::LIMIT)
            .map(Self)
            .ok_or(PolicyError::MaxAttempts { actual: attempts })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for MaxAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The action taken on a frame when none of its permitted attempts passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// The best-scoring attempt is shipped, of equals the earliest.
    Best,
    /// The richest rung is shipped: the last permitted attempt is kept for it.
    Richest,
    /// Nothing is shipped.
    Drop,
}

impl Fallback {
    /// Every fallback.
    pub const ALL: [Self; 3] = [Self::Best, Self::Richest, Self::Drop];

    /// `best`, `richest` or `drop`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Richest => "richest",
            Self::Drop => "drop",
        }
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fallback {
    type Err = PolicyError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|fallback| fallback.name() == name)
            .ok_or_else(|| PolicyError::Fallback(name.to_owned()))
    }
}
