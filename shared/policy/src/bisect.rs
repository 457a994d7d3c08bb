use crate::gated::Gated;
use crate::setting::{FALLBACK, MAX_ATTEMPTS};
use crate::{Attempt, Conditions, Decision, Policy, PolicyKind, Rung};

/// [`Bisect`] as users name it. A ladder of n rungs needs ⌈log₂(n + 1)⌉ attempts.
pub(crate) static KIND: PolicyKind = PolicyKind {
    name: "bisect",
    summary: "the cheapest passing level, by halving the levels in question",
    example: "bisect:cosine>=0.98",
    scored: true,
    settings: &[&MAX_ATTEMPTS, &FALLBACK],
    check: |_| Ok(()),
    build: |config, ladder| {
        let gated = Gated::of(config, ladder)?;
        Ok(Box::new(Bisect { gated }))
    },
};

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

impl Bisect {
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
}
