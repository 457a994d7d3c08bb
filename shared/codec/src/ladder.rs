use std::fmt;

use serde::{Deserialize, Serialize};

use crate::CodecError;

/// A position on a codec's [`Ladder`]: 0 is the cheapest.
///
/// Levels of one ladder compare by richness; levels of two ladders mean nothing to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Level(pub u8);

impl Level {
    /// The cheapest level of any ladder.
    pub const CHEAPEST: Self = Self(0);

    /// The level's index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One quality step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// The codec's own parameter, e.g. a QP.
    pub parameter: f64,
    /// The parameter as people read it, e.g. `qp 34`.
    pub label: String,
}

/// A codec's quality steps, cheapest → richest; at least one, at most 256.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ladder {
    rungs: Vec<Rung>,
}

impl Ladder {
    /// The most rungs: as many as a [`Level`] can tell apart.
    pub const MAX_RUNGS: usize = 256;

    /// A ladder of these rungs, cheapest first.
    ///
    /// # Errors
    /// When there is none, or more than [`Self::MAX_RUNGS`].
    pub fn new(rungs: Vec<Rung>) -> Result<Self, LadderError> {
        match rungs.len() {
            0 => Err(LadderError::Empty),
            1..=Self::MAX_RUNGS => Ok(Self { rungs }),
            rungs => Err(LadderError::TooManyRungs { rungs }),
        }
    }

    /// The number of levels.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a ladder is never empty, by construction"
    )]
    pub const fn len(&self) -> usize {
        self.rungs.len()
    }

    /// The level at `index`, 0 being the cheapest.
    ///
    /// # Errors
    /// When the ladder has no such level.
    pub fn level(&self, index: usize) -> Result<Level, CodecError> {
        u8::try_from(index)
            .ok()
            .filter(|_| index < self.len())
            .map(Level)
            .ok_or(CodecError::NoSuchLevel {
                level: index,
                levels: self.len(),
            })
    }

    /// The rung of a level.
    ///
    /// # Errors
    /// When the ladder has no such level.
    pub fn rung(&self, level: Level) -> Result<&Rung, CodecError> {
        self.level(level.index())
            .map(|level| &self.rungs[level.index()])
    }

    /// Every rung, cheapest first.
    #[must_use]
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// Every level, cheapest first.
    pub fn levels(&self) -> impl ExactSizeIterator<Item = Level> + use<> {
        let richest = self.richest().0;
        (0..self.len()).map(move |index| Level(u8::try_from(index).unwrap_or(richest)))
    }

    /// The richest level.
    #[must_use]
    pub fn richest(&self) -> Level {
        Level(u8::try_from(self.len() - 1).unwrap_or(u8::MAX))
    }

    /// One step richer, if there is one.
    #[must_use]
    pub fn richer(&self, level: Level) -> Option<Level> {
        self.level(level.index() + 1).ok()
    }
}

/// The reason why a list of parameters is not a ladder.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LadderError {
    /// No rung at all.
    #[error("the ladder is empty, give it at least one level")]
    Empty,
    /// More rungs than levels can be told apart.
    #[error(
        "the ladder has {rungs} levels, at most {} are possible",
        Ladder::MAX_RUNGS
    )]
    TooManyRungs {
        /// The rungs given.
        rungs: usize,
    },
    /// A value that is no parameter of the codec.
    #[error("level {index}: {value} is no QP, expected a whole number from {min} to {max}")]
    Parameter {
        /// Its place on the ladder.
        index: usize,
        /// The value given.
        value: f64,
        /// The least valid value.
        min: u8,
        /// The greatest valid value.
        max: u8,
    },
    /// A level that is not richer than the one before it.
    #[error("level {index}: QP {value} does not descend from {previous} before it")]
    NotRicher {
        /// Its place on the ladder.
        index: usize,
        /// The parameter of the level before it.
        previous: u8,
        /// Its parameter.
        value: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(rungs: usize) -> Result<Ladder, LadderError> {
        let rung = |index: usize| Rung {
            parameter: index as f64,
            label: format!("step {index}"),
        };
        Ladder::new((0..rungs).map(rung).collect())
    }

    #[test]
    fn a_level_beyond_the_ladder_is_refused_by_name() {
        let ladder = ladder(3).unwrap();
        assert_eq!(ladder.level(2).unwrap(), Level(2));
        let message = ladder.level(3).unwrap_err().to_string();
        assert_eq!(message, "no level 3: the ladder has 3 levels (0 to 2)");
        assert!(ladder.level(usize::MAX).is_err());
    }

    #[test]
    fn a_ladder_is_climbed_from_cheapest_to_richest() {
        let ladder = ladder(3).unwrap();
        let climbed: Vec<_> =
            std::iter::successors(Some(Level::CHEAPEST), |&level| ladder.richer(level)).collect();
        assert_eq!(climbed, ladder.levels().collect::<Vec<_>>());
        assert_eq!(climbed.last(), Some(&ladder.richest()));
    }

    #[test]
    fn every_rung_of_the_longest_ladder_has_its_level() {
        let longest = ladder(256).unwrap();
        assert_eq!(longest.richest(), Level(255));
        assert_eq!(longest.levels().len(), 256);
        assert_eq!(ladder(257), Err(LadderError::TooManyRungs { rungs: 257 }));
        assert_eq!(ladder(0), Err(LadderError::Empty));
    }
}
