use std::fmt;

use crate::gated::Gated;
use crate::settings::{Settings, write_fallback};
use crate::{
    Attempt, Conditions, Criterion, Decision, Fallback, LadderLen, MaxAttempts, Policy,
    PolicyError, Rung,
};

/// The settings of a [`Bisect`].
#[derive(Debug, Clone, PartialEq)]
pub struct BisectConfig {
    /// The criterion that a score must satisfy.
    pub pass: Criterion,
    /// The most encodings of one feature; a ladder of n rungs needs ⌈log₂(n + 1)⌉.
    pub max_attempts: MaxAttempts,
    /// The action taken when no attempt passes.
    pub fallback: Fallback,
}

/// Finds the cheapest passing rung of n in at most ⌈log₂(n + 1)⌉ attempts, by halving the rungs in
/// question.
///
/// This presumes that whatever is richer than a passing rung passes too. Where a ladder is not
/// monotone in its score, a cheaper passing rung may be missed; what is shipped has passed itself in
/// any case, because only attempts are shipped. When the permitted attempts end early, the cheapest
/// one that passed is shipped.
#[derive(Debug, Clone, PartialEq)]
pub struct Bisect {
    gated: Gated,
}

impl BisectConfig {
    pub(crate) const KIND: &'static str = "bisect";
    pub(crate) const EXAMPLE: &'static str = "bisect:cosine>=0.98";

    /// A search with the default limits.
    #[must_use]
    pub fn new(pass: Criterion) -> Self {
        Self {
            pass,
            max_attempts: MaxAttempts::default(),
            fallback: Fallback::default(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let (pass, mut settings) =
            Settings::split(Self::KIND, text, &["max-attempts", "fallback"])?;
        Ok(Self {
            pass: pass.parse()?,
            max_attempts: settings.max_attempts()?,
            fallback: settings.fallback()?,
        })
    }
}

impl fmt::Display for BisectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{},max-attempts={}",
            Self::KIND,
            self.pass,
            self.max_attempts
        )?;
        write_fallback(f, self.fallback)
    }
}

impl Bisect {
    pub(crate) fn new(config: &BisectConfig, ladder: LadderLen, label: String) -> Self {
        Self {
            gated: Gated {
                criterion: config.pass.clone(),
                ladder,
                max_attempts: config.max_attempts,
                fallback: config.fallback,
                label,
            },
        }
    }

    /// The middle of the rungs between the richest that failed and the cheapest that passed.
    fn middle(&self, attempts: &[Attempt]) -> Option<Rung> {
        let mut open = 0..self.gated.ladder.get();
        for attempt in attempts {
            if self.gated.passes(attempt) {
                open.end = open.end.min(attempt.rung.0);
            } else {
                open.start = open.start.max(attempt.rung.0.saturating_add(1));
            }
        }
        (!open.is_empty()).then(|| Rung(open.start + (open.end - open.start) / 2))
    }
}

impl Policy for Bisect {
    fn decide(&self, _: &Conditions, attempts: &[Attempt]) -> Decision {
        self.gated.search(attempts, self.middle(attempts))
    }

    fn metric(&self) -> Option<&str> {
        Some(self.gated.criterion.metric())
    }

    fn label(&self) -> &str {
        &self.gated.label
    }
}
