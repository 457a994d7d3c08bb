use std::fmt;
use std::time::Duration;

use splitsim_feature::units::Bytes;

use crate::gated::{Gated, tried};
use crate::settings::Settings;
use crate::{
    Attempt, Conditions, Criterion, Decision, Fallback, LadderLen, MaxAttempts, Policy,
    PolicyError, Rung,
};

/// The settings of a [`Budget`].
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetConfig {
    /// The criterion that a score must satisfy.
    pub pass: Criterion,
    /// Bytes added to the bucket per second.
    pub rate: Bytes,
    /// The capacity of the bucket, which starts full; by default the bytes of one second. Frames
    /// larger than this are never shipped.
    pub burst: Bytes,
    /// The rung to begin at; the cheapest by default.
    pub start: Rung,
    /// The most encodings of one feature.
    pub max_attempts: MaxAttempts,
}

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

impl BudgetConfig {
    pub(crate) const KIND: &'static str = "budget";
    pub(crate) const EXAMPLE: &'static str = "budget:cosine>=0.98,rate=20kB/s,burst=64kB";

    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let known = &["rate", "burst", "start", "max-attempts"];
        let (pass, mut settings) = Settings::split(Self::KIND, text, known)?;
        let size = |text: &str| text.parse().ok().filter(|&Bytes(bytes)| bytes > 0);
        let rate = settings.take("rate", "a size per second such as 20kB/s", |text| {
            size(text.strip_suffix("/s")?.trim_end())
        })?;
        let rate = rate.ok_or(PolicyError::MissingSetting {
            name: "rate",
            example: Self::EXAMPLE,
        })?;
        let burst = settings.take("burst", "a size such as 64kB", size)?;
        Ok(Self {
            pass: pass.parse()?,
            rate,
            burst: burst.unwrap_or(rate),
            start: settings.start()?,
            max_attempts: settings.max_attempts()?,
        })
    }
}

impl fmt::Display for BudgetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pass,
            rate,
            burst,
            start,
            max_attempts,
        } = self;
        let size = |bytes: &Bytes| bytes.in_whole_units().replace(' ', "");
        let (rate, burst) = (size(rate), size(burst));
        write!(
            f,
            "{}:{pass},rate={rate}/s,burst={burst},start={start},max-attempts={max_attempts}",
            Self::KIND
        )
    }
}

impl Budget {
    pub(crate) fn new(
        config: &BudgetConfig,
        ladder: LadderLen,
        label: String,
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            gated: Gated {
                criterion: config.pass.clone(),
                ladder,
                max_attempts: config.max_attempts,
                // What cannot be paid for cannot be shipped, whatever a scenario would prefer.
                fallback: Fallback::Drop,
                label,
            },
            start: ladder.check(config.start)?,
            bucket: Bucket {
                bytes_per_second: config.rate.0 as f64,
                capacity: config.burst.0 as f64,
                tokens: config.burst.0 as f64,
                at: Duration::ZERO,
            },
        })
    }

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

    fn metric(&self) -> Option<&str> {
        Some(self.gated.criterion.metric())
    }

    fn label(&self) -> &str {
        &self.gated.label
    }
}
