use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// A position on a codec's ladder: 0 is the cheapest, each further one costs more bytes.
///
/// Richer is not necessarily better: a score must be taken at every rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rung(pub u8);

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of rungs of a ladder: 1 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LadderLen(u8);

impl LadderLen {
    /// A ladder of `rungs`.
    ///
    /// # Errors
    /// When there are none, or more than 255.
    pub fn new(rungs: usize) -> Result<Self, PolicyError> {
        u8::try_from(rungs)
            .ok()
            .filter(|&rungs| rungs > 0)
            .map(Self)
            .ok_or(PolicyError::LadderLen { actual: rungs })
    }

    /// The number of rungs.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The rung with the most bytes.
    #[must_use]
    pub const fn richest(self) -> Rung {
        Rung(self.0 - 1)
    }

    /// `rung`, if the ladder has it.
    ///
    /// # Errors
    /// When the ladder is shorter.
    pub fn check(self, rung: Rung) -> Result<Rung, PolicyError> {
        if rung <= self.richest() {
            Ok(rung)
        } else {
            Err(PolicyError::RungBeyondLadder {
                rung,
                richest: self.richest(),
            })
        }
    }
}

/// A rung as a configuration names it, before the ladder's length is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RungChoice {
    /// The rung with the fewest bytes: `cheapest`.
    Cheapest,
    /// The rung with the most bytes: `richest`.
    Richest,
    /// A rung by its index, 0 being the cheapest.
    Index(Rung),
}

impl RungChoice {
    /// The rung meant, on a ladder of this length.
    ///
    /// # Errors
    /// When an index lies beyond the ladder.
    pub fn resolve(self, ladder: LadderLen) -> Result<Rung, PolicyError> {
        match self {
            Self::Cheapest => Ok(Rung(0)),
            Self::Richest => Ok(ladder.richest()),
            Self::Index(rung) => ladder.check(rung),
        }
    }
}

impl fmt::Display for RungChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cheapest => f.write_str("cheapest"),
            Self::Richest => f.write_str("richest"),
            Self::Index(rung) => rung.fmt(f),
        }
    }
}

impl FromStr for RungChoice {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cheapest" => Ok(Self::Cheapest),
            "richest" => Ok(Self::Richest),
            index => index
                .parse()
                .map(|index| Self::Index(Rung(index)))
                .map_err(|_| PolicyError::Rung(text.to_owned())),
        }
    }
}
