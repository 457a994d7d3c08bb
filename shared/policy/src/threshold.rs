use std::fmt;
use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use crate::{
    Attempt, Criterion, Decision, LadderLen, Policy, PolicyError, PredictedScore, Rung, Verdict,
};

/// The most encodings that a policy makes of one feature: 1 to [`Self::LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
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

impl TryFrom<u8> for MaxAttempts {
    type Error = PolicyError;

    fn try_from(attempts: u8) -> Result<Self, Self::Error> {
        Self::new(attempts)
    }
}

impl From<MaxAttempts> for u8 {
    fn from(attempts: MaxAttempts) -> Self {
        attempts.get()
    }
}

impl fmt::Display for MaxAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Encodes richer until the predicted score passes: the paper's second application scenario
/// (Gao et al., MM'25, §3.2).
///
/// It climbs from the starting rung in equal steps, the last of them shortened so that the richest
/// rung is always tried, and stops at the first attempt that passes. A richer rung need not score
/// better, so every attempt is judged by its own score; when the ladder or the permitted attempts
/// end without a pass, the best-scoring attempt is shipped as [`Verdict::BestEffort`] (of equals the
/// earliest, which is the cheapest). Failed and unscored attempts count as attempts but are never
/// shipped, since nothing is known of their quality.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    criterion: Criterion,
    start: Rung,
    step: NonZeroU8,
    max_attempts: MaxAttempts,
    ladder: LadderLen,
    label: String,
}

/// The settings of a [`Threshold`], already checked one by one.
pub(crate) struct Climb {
    pub(crate) criterion: Criterion,
    pub(crate) start: Rung,
    pub(crate) step: NonZeroU8,
    pub(crate) max_attempts: MaxAttempts,
}

impl Threshold {
    pub(crate) fn new(climb: Climb, ladder: LadderLen, label: String) -> Result<Self, PolicyError> {
        Ok(Self {
            criterion: climb.criterion,
            start: ladder.check(climb.start)?,
            step: climb.step,
            max_attempts: climb.max_attempts,
            ladder,
            label,
        })
    }

    /// What a score must satisfy to pass.
    #[must_use]
    pub const fn criterion(&self) -> &Criterion {
        &self.criterion
    }

    /// The rung to try next, if attempts and ladder permit one.
    fn next(&self, attempts: &[Attempt]) -> Option<Rung> {
        if attempts.len() >= usize::from(self.max_attempts.get()) {
            return None;
        }
        let Some(last) = attempts.last() else {
            return Some(self.start);
        };
        let richest = self.ladder.richest();
        let richer = Rung(last.rung.0.saturating_add(self.step.get()));
        (last.rung < richest).then(|| richer.min(richest))
    }

    /// The best-scoring attempt, the earliest of equals.
    fn best(&self, attempts: &[Attempt]) -> Option<usize> {
        let bound = self.criterion.bound();
        scores(attempts)
            .reduce(|best, next| {
                if bound.prefers(next.1, best.1) {
                    next
                } else {
                    best
                }
            })
            .map(|(attempt, _)| attempt)
    }
}

impl Policy for Threshold {
    fn decide(&self, attempts: &[Attempt]) -> Decision {
        let passing = scores(attempts).find(|&(_, score)| self.criterion.passes(score));
        if let Some((attempt, _)) = passing {
            let verdict = Verdict::Passed;
            return Decision::Ship { attempt, verdict };
        }
        if let Some(rung) = self.next(attempts) {
            return Decision::Encode(rung);
        }
        match self.best(attempts) {
            Some(attempt) => Decision::Ship {
                attempt,
                verdict: Verdict::BestEffort,
            },
            None => Decision::GiveUp,
        }
    }

    fn metric(&self) -> Option<&str> {
        Some(self.criterion.metric())
    }

    fn label(&self) -> &str {
        &self.label
    }
}

/// Index and score of every scored attempt.
fn scores(attempts: &[Attempt]) -> impl Iterator<Item = (usize, PredictedScore)> {
    attempts
        .iter()
        .enumerate()
        .filter_map(|(index, attempt)| Some((index, attempt.score()?)))
}
