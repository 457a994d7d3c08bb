use std::time::Duration;

use splitsim_feature::units::Bytes;

use crate::gated::{Gated, tried};
use crate::setting::{BURST, MAX_ATTEMPTS, RATE, START};
use crate::{Attempt, Conditions, Decision, Policy, PolicyKind, Rung};

/// [`Budget`] as users name it. It drops a frame that it cannot pay for.
pub(crate) static KIND: PolicyKind = PolicyKind {
    name: "budget",
    summary: "a level that a token bucket of bytes can pay for",
    example: "budget:cosine>=0.98,rate=20kB/s,burst=64kB",
    scored: true,
    settings: &[&RATE, &BURST, &START, &MAX_ATTEMPTS],
    check: |_| Ok(()),
    build: |config, ladder| {
        Ok(Box::new(Budget {
            gated: Gated::of(config, ladder)?,
            start: ladder.check(config.get(&START)?)?,
            bucket: Bucket::full(config.get(&RATE)?, config.get(&BURST)?),
        }))
    },
};

/// Encodes richer until the score passes, as far as a token bucket of bytes allows.
///
/// Containers only are counted. In no span of time is more shipped than the span's share of the rate
/// and one burst. Of the attempts that the bucket can pay for, the first that passes is shipped, or
/// else the best; a frame that it can pay for at no rung tried is dropped. Above an attempt that is too
/// large nothing richer is tried; if the first one is too large already, cheaper ones are.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    gated: Gated,
    start: Rung,
    bucket: Bucket,
}

/// A token bucket: one token pays for one byte.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    bytes_per_second: f64,
    capacity: f64,
    /// Bytes in the bucket at the moment `at`.
    tokens: f64,
    at: Duration,
}

impl Budget {
    /// The rung to try next: upward while the bucket pays, downward while it does not.
    fn next(&self, attempts: &[Attempt], pays: impl Fn(&Attempt) -> bool) -> Option<Rung> {
        let Some(last) = attempts.last() else {
            return Some(self.start);
        };
        let too_large = last.coded().is_some() && !pays(last);
        let next = match too_large {
            true => last.rung.0.checked_sub(1).map(Rung),
            false => {
                Some(Rung(last.rung.0 + 1)).filter(|&rung| rung <= self.gated.ladder.richest())
            }
        };
        next.filter(|&rung| !tried(attempts, rung))
    }
}

impl Bucket {
    fn full(rate: Bytes, capacity: Bytes) -> Self {
        Self {
            bytes_per_second: rate.0 as f64,
            capacity: capacity.0 as f64,
            tokens: capacity.0 as f64,
            at: Duration::ZERO,
        }
    }

    /// Tokens at a moment; a clock that goes backward stands still.
    fn available(&self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        (self.tokens + self.bytes_per_second * passed).min(self.capacity)
    }

    fn pay(&mut self, now: Duration, bytes: Bytes) {
        self.tokens = self.available(now) - bytes.0 as f64;
        self.at = self.at.max(now);
    }
}

impl Policy for Budget {
    fn decide(&self, conditions: &Conditions, attempts: &[Attempt]) -> Decision {
        let available = self.bucket.available(conditions.now);
        let pays = |attempt: &Attempt| {
            let bytes = attempt.coded().map(|coded| coded.container.0 as f64);
            bytes.is_some_and(|bytes| bytes <= available)
        };
        let passing = attempts
            .iter()
            .position(|a| pays(a) && self.gated.passes(a));
        if let Some(passing) = passing {
            return self.gated.ship(attempts, passing);
        }
        let left = attempts.len() < usize::from(self.gated.max_attempts.get());
        match (
            self.next(attempts, pays),
            self.gated.best_of(attempts, pays),
        ) {
            (Some(rung), _) if left => Decision::Encode(rung),
            (_, Some(best)) => self.gated.ship(attempts, best),
            (_, None) => self.gated.try_next(attempts, None),
        }
    }

    fn observe(&mut self, conditions: &Conditions, attempts: &[Attempt], end: Decision) {
        let Decision::Ship { attempt, .. } = end else {
            return;
        };
        if let Some(coded) = attempts.get(attempt).and_then(Attempt::coded) {
            self.bucket.pay(conditions.now, coded.container);
        }
    }
}
