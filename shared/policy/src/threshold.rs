use std::fmt;
use std::num::NonZeroU8;

use crate::gated::Gated;
use crate::setting::{FALLBACK, MARGIN, MAX_ATTEMPTS, START_OR_LAST, STEP};
use crate::{
    Attempt, Conditions, Decision, LadderLen, Policy, PolicyConfig, PolicyError, PolicyKind, Rung,
};

/// [`Threshold`] as users name it.
pub(crate) static KIND: PolicyKind = PolicyKind {
    name: "threshold",
    summary: "richer levels until the score passes",
    example: "threshold:cosine>=0.98",
    scored: true,
    settings: &[&START_OR_LAST, &MARGIN, &STEP, &MAX_ATTEMPTS, &FALLBACK],
    check: |config| {
        let hysteresis = config.get(&MARGIN)? > 0.0;
        match config.get(&START_OR_LAST)? {
            Start::At(_) if hysteresis => Err(PolicyError::Contradiction {
                name: "margin",
                reason: "needs start=last: there is no hysteresis without",
            }),
            Start::At(_) | Start::Last => Ok(()),
        }
    },
    build: Threshold::build,
};

/// The rung at which a climb starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// At the same rung for every frame.
    At(Rung),
    /// The rung at which the previous frame ended: neighbouring frames need similar rungs.
    ///
    /// The climb starts one step lower if that frame passed at its first attempt with a score
    /// better than the threshold by the [margin](crate::setting::MARGIN). Without a margin, a score
    /// near the threshold makes the policy alternate between two rungs from frame to frame.
    Last,
}

/// Encodes richer until the predicted score passes: the paper's second application scenario
/// (Gao et al., MM'25, §3.2).
///
/// It climbs from the starting rung in equal steps, the last of them shortened so that the richest
/// rung is always tried, and stops at the first attempt that passes. A richer rung need not score
/// better, so every attempt is judged by its own score; when the ladder or the permitted attempts
/// end without a pass, the [`Fallback`](crate::Fallback) decides. Failed and unscored attempts count as attempts but
/// are never shipped as the best, since nothing is known of their quality.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    gated: Gated,
    start: Start,
    /// The hysteresis, in the metric's unit.
    margin: f64,
    step: NonZeroU8,
    /// The rung at which the next frame starts.
    begin: Rung,
}

/// `3` or `last`.
impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(rung) => rung.fmt(f),
            Self::Last => f.write_str("last"),
        }
    }
}

impl Threshold {
    fn build(config: &PolicyConfig, ladder: LadderLen) -> Result<Box<dyn Policy>, PolicyError> {
        let start = config.get(&START_OR_LAST)?;
        Ok(Box::new(Self {
            gated: Gated::of(config, ladder)?,
            start,
            margin: config.get(&MARGIN)?,
            step: config.get(&STEP)?,
            begin: match start {
                Start::At(rung) => ladder.check(rung)?,
                Start::Last => Rung(0),
            },
        }))
    }

    /// The rung to try next, if the ladder has one.
    fn next(&self, attempts: &[Attempt]) -> Option<Rung> {
        let Some(last) = attempts.last() else {
            return Some(self.begin);
        };
        let richest = self.gated.ladder.richest();
        let richer = Rung(last.rung.0.saturating_add(self.step.get()));
        (last.rung < richest).then(|| richer.min(richest))
    }

    /// Returns `true` if the frame passed at its only attempt by at least the margin, so that a
    /// cheaper rung may pass as well.
    fn clears(&self, attempts: &[Attempt]) -> bool {
        match attempts {
            [only] => only.score().is_some_and(|score| {
                self.gated.criterion.passes(score)
                    && self.gated.criterion.margin(score) >= self.margin
            }),
            _ => false,
        }
    }
}

impl Policy for Threshold {
    fn decide(&self, _: &Conditions, attempts: &[Attempt]) -> Decision {
        match attempts
            .iter()
            .position(|attempt| self.gated.passes(attempt))
        {
            Some(passing) => self.gated.ship(attempts, passing),
            None => self.gated.try_next(attempts, self.next(attempts)),
        }
    }

    fn observe(&mut self, _: &Conditions, attempts: &[Attempt], end: Decision) {
        let (Start::Last, Decision::Ship { attempt, .. }) = (self.start, end) else {
            return;
        };
        let Some(shipped) = attempts.get(attempt) else {
            return;
        };
        let lower = if self.clears(attempts) {
            self.step.get()
        } else {
            0
        };
        self.begin = Rung(shipped.rung.0.saturating_sub(lower));
    }
}
