//! The part that all policies with a criterion have in common.

use crate::setting::{FALLBACK, MAX_ATTEMPTS};
use crate::{
    Attempt, Criterion, Decision, Fallback, LadderLen, MaxAttempts, PolicyConfig, PolicyError,
    PredictedScore, Rung, Verdict,
};

/// A criterion on a ladder, with the limit of attempts and what happens when nothing passes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gated {
    pub(crate) criterion: Criterion,
    pub(crate) ladder: LadderLen,
    pub(crate) max_attempts: MaxAttempts,
    pub(crate) fallback: Fallback,
}

impl Gated {
    /// The criterion of a policy and its limits. A kind without the setting `fallback` drops a frame that
    /// it cannot ship.
    pub(crate) fn of(config: &PolicyConfig, ladder: LadderLen) -> Result<Self, PolicyError> {
        let criterion = config.criterion().cloned();
        Ok(Self {
            criterion: criterion.ok_or_else(|| PolicyError::no_settings(config.kind()))?,
            ladder,
            max_attempts: config.get(&MAX_ATTEMPTS)?,
            fallback: config.find(&FALLBACK).unwrap_or(Fallback::Drop),
        })
    }

    /// Returns `true` if the attempt has a score that passes.
    pub(crate) fn passes(&self, attempt: &Attempt) -> bool {
        attempt
            .score()
            .is_some_and(|score| self.criterion.passes(score))
    }

    /// The attempt that passes at the cheapest rung.
    pub(crate) fn cheapest_pass(&self, attempts: &[Attempt]) -> Option<usize> {
        let passing = attempts
            .iter()
            .enumerate()
            .filter(|(_, attempt)| self.passes(attempt));
        passing
            .min_by_key(|(_, attempt)| attempt.rung)
            .map(|(index, _)| index)
    }

    /// Encodes at `next` while attempts are left, even if one has passed: `next` may pass for less. Ships
    /// the cheapest that passed when there is nothing more to try.
    pub(crate) fn search(&self, attempts: &[Attempt], next: Option<Rung>) -> Decision {
        let left = attempts.len() < usize::from(self.max_attempts.get());
        match (self.cheapest_pass(attempts), next) {
            (Some(_), Some(rung)) if left => Decision::Encode(rung),
            (Some(passing), _) => self.ship(attempts, passing),
            (None, next) => self.try_next(attempts, next),
        }
    }

    /// Encodes at `rung` if attempts are left, and falls back otherwise.
    pub(crate) fn try_next(&self, attempts: &[Attempt], rung: Option<Rung>) -> Decision {
        let left = usize::from(self.max_attempts.get()).saturating_sub(attempts.len());
        match rung {
            Some(rung) if left > 1 => Decision::Encode(rung),
            Some(rung) if left == 1 => Decision::Encode(self.reserved(attempts).unwrap_or(rung)),
            Some(_) | None => self.fall_back(attempts, left),
        }
    }

    /// The rung that the last attempt is kept for.
    fn reserved(&self, attempts: &[Attempt]) -> Option<Rung> {
        let richest = self.ladder.richest();
        let wanted = self.fallback == Fallback::Richest && !tried(attempts, richest);
        wanted.then_some(richest)
    }

    /// The decision when nothing passes and no further attempt is worthwhile.
    fn fall_back(&self, attempts: &[Attempt], left: usize) -> Decision {
        if let Some(richest) = self.reserved(attempts)
            && left > 0
        {
            return Decision::Encode(richest);
        }
        let shipped = match self.fallback {
            Fallback::Drop if attempts.iter().any(|attempt| attempt.score().is_some()) => {
                return Decision::Drop;
            }
            // Of a frame on which codec or metric failed nothing is known: that is no decision.
            Fallback::Drop => None,
            Fallback::Best => self.best(attempts),
            Fallback::Richest => {
                coded_at(attempts, self.ladder.richest()).or_else(|| self.best(attempts))
            }
        };
        self.ship_or_give_up(attempts, shipped)
    }

    /// Ships an attempt, on the grounds that its score gives.
    pub(crate) fn ship(&self, attempts: &[Attempt], attempt: usize) -> Decision {
        let passed = attempts
            .get(attempt)
            .is_some_and(|attempt| self.passes(attempt));
        let verdict = if passed {
            Verdict::Passed
        } else {
            Verdict::BestEffort
        };
        Decision::Ship { attempt, verdict }
    }

    pub(crate) fn ship_or_give_up(&self, attempts: &[Attempt], shipped: Option<usize>) -> Decision {
        shipped.map_or(Decision::GiveUp, |attempt| self.ship(attempts, attempt))
    }

    /// The best-scoring attempt, the earliest of equals.
    pub(crate) fn best(&self, attempts: &[Attempt]) -> Option<usize> {
        self.best_of(attempts, |_| true)
    }

    /// The best-scoring attempt of those wanted, the earliest of equals.
    pub(crate) fn best_of(
        &self,
        attempts: &[Attempt],
        wanted: impl Fn(&Attempt) -> bool,
    ) -> Option<usize> {
        let bound = self.criterion.bound();
        let scored = attempts
            .iter()
            .enumerate()
            .filter(|(_, attempt)| wanted(attempt));
        scored
            .filter_map(|(index, attempt)| Some((index, attempt.score()?)))
            .reduce(
                |best: (usize, PredictedScore), next| match bound.prefers(next.1, best.1) {
                    true => next,
                    false => best,
                },
            )
            .map(|(index, _)| index)
    }
}

/// Returns `true` if an attempt was made at `rung`.
pub(crate) fn tried(attempts: &[Attempt], rung: Rung) -> bool {
    attempts.iter().any(|attempt| attempt.rung == rung)
}

/// The attempt at a rung that gave something to ship.
fn coded_at(attempts: &[Attempt], rung: Rung) -> Option<usize> {
    attempts
        .iter()
        .position(|attempt| attempt.rung == rung && attempt.coded().is_some())
}
