use crate::gated::{Gated, tried};
use crate::learned::{Learned, Point, losses};
use crate::setting::{FALLBACK, MAX_ATTEMPTS, START};
use crate::{Attempt, Conditions, Decision, LadderLen, Policy, PolicyKind, Rung};

/// [`Predictive`] as users name it.
pub(crate) static KIND: PolicyKind = PolicyKind {
    name: "predictive",
    summary: "one probe, then a jump to the cheapest level that is expected to pass",
    example: "predictive:cosine>=0.98",
    scored: true,
    settings: &[&START, &MAX_ATTEMPTS, &FALLBACK],
    check: |_| Ok(()),
    build: |config, ladder| {
        Ok(Box::new(Predictive {
            gated: Gated::of(config, ladder)?,
            start: ladder.check(config.get(&START)?)?,
            losses: Learned::new(ladder, None),
            deviation: 0.0,
        }))
    },
};

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

impl Predictive {
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
}
