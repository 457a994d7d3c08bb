use std::fmt;

use crate::gated::{Gated, tried};
use crate::learned::{Learned, Point, losses};
use crate::settings::{Settings, write_fallback};
use crate::{
    Attempt, Conditions, Criterion, Decision, Fallback, LadderLen, MaxAttempts, Policy,
    PolicyError, Rung,
};

/// The settings of a [`Predictive`].
#[derive(Debug, Clone, PartialEq)]
pub struct PredictiveConfig {
    /// The criterion that a score must satisfy.
    pub pass: Criterion,
    /// The rung to probe at; the cheapest by default.
    pub start: Rung,
    /// The most encodings of one feature.
    pub max_attempts: MaxAttempts,
    /// The action taken when no attempt passes.
    pub fallback: Fallback,
}

/// Probes once, then jumps to the cheapest rung that is expected to pass.
///
/// The expectation is learned from its own attempts: how much a score's distance from perfect shrinks
/// from rung to rung, and how far off such expectations have been; a rung counts as passing when it
/// still does with that error against it. Where nothing is learned yet, and after a jump that did not
/// pass, it climbs in single steps. So everything shipped as passed has passed itself, and a wrong
/// expectation costs attempts or bytes, never quality.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictive {
    gated: Gated,
    start: Rung,
    losses: Learned,
    /// Mean distance of expected from actual losses, in logarithms.
    deviation: f64,
}

/// Weight of a frame in the mean deviation: RFC 6298, §2, beta.
const DEVIATION_GAIN: f64 = 1.0 / 4.0;

impl PredictiveConfig {
    pub(crate) const KIND: &'static str = "predictive";
    pub(crate) const EXAMPLE: &'static str = "predictive:cosine>=0.98";

    /// A probe at the cheapest rung, with the default limits.
    #[must_use]
    pub fn new(pass: Criterion) -> Self {
        Self {
            pass,
            start: Rung(0),
            max_attempts: MaxAttempts::default(),
            fallback: Fallback::default(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let known = &["start", "max-attempts", "fallback"];
        let (pass, mut settings) = Settings::split(Self::KIND, text, known)?;
        Ok(Self {
            pass: pass.parse()?,
            start: settings.start()?,
            max_attempts: settings.max_attempts()?,
            fallback: settings.fallback()?,
        })
    }
}

impl fmt::Display for PredictiveConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pass,
            start,
            max_attempts,
            fallback,
        } = self;
        write!(
            f,
            "{}:{pass},start={start},max-attempts={max_attempts}",
            Self::KIND
        )?;
        write_fallback(f, *fallback)
    }
}

impl Predictive {
    pub(crate) fn new(
        config: &PredictiveConfig,
        ladder: LadderLen,
        label: String,
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            gated: Gated {
                criterion: config.pass.clone(),
                ladder,
                max_attempts: config.max_attempts,
                fallback: config.fallback,
                label,
            },
            start: ladder.check(config.start)?,
            losses: Learned::new(ladder, None),
            deviation: 0.0,
        })
    }

    /// The cheapest rung that is expected to pass, given a probe; the richest if none is.
    fn expected_pass(&self, probe: Point) -> Option<Rung> {
        let criterion = &self.gated.criterion;
        let limit = Point::new(probe.rung, criterion.loss(criterion.threshold())).log;
        let richest = self.gated.ladder.richest();
        for rung in (0..=richest.0).map(Rung) {
            if self.losses.expect(probe, rung)? + self.deviation <= limit {
                return Some(rung);
            }
        }
        Some(richest)
    }

    /// The rung to jump to after the probe: a cheaper one if the probe passed, otherwise a richer
    /// one.
    fn jump(&self, probe: &Attempt) -> Option<Rung> {
        let point = losses(&self.gated.criterion, std::slice::from_ref(probe))
            .first()
            .copied();
        let expected = point.and_then(|point| self.expected_pass(point));
        match self.gated.passes(probe) {
            true => expected.filter(|&rung| rung < probe.rung),
            false => {
                let next = richer(probe.rung, self.gated.ladder)?;
                Some(expected.map_or(next, |rung| rung.max(next)))
            }
        }
    }

    /// The rung to try next; `None` if no further attempt is worthwhile.
    fn next(&self, attempts: &[Attempt]) -> Option<Rung> {
        match attempts {
            [] => Some(self.start),
            [probe] => self.jump(probe),
            [.., last] if self.gated.passes(last) => None,
            [.., last] => {
                richer(last.rung, self.gated.ladder).filter(|&rung| !tried(attempts, rung))
            }
        }
    }
}

fn richer(rung: Rung, ladder: LadderLen) -> Option<Rung> {
    (rung < ladder.richest()).then(|| Rung(rung.0 + 1))
}

impl Policy for Predictive {
    fn decide(&self, _: &Conditions, attempts: &[Attempt]) -> Decision {
        self.gated.search(attempts, self.next(attempts))
    }

    fn observe(&mut self, _: &Conditions, attempts: &[Attempt], _: Decision) {
        let points = losses(&self.gated.criterion, attempts);
        if let [probe, jumped, ..] = points[..]
            && let Some(expected) = self.losses.expect(probe, jumped.rung)
        {
            let error = (jumped.log - expected).abs();
            self.deviation += DEVIATION_GAIN * (error - self.deviation);
        }
        self.losses.learn(points);
    }

    fn metric(&self) -> Option<&str> {
        Some(self.gated.criterion.metric())
    }

    fn label(&self) -> &str {
        &self.gated.label
    }
}
