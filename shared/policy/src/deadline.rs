use std::time::Duration;

use splitsim_feature::units::Bytes;

use crate::gated::{Gated, tried};
use crate::learned::{Learned, Point, sizes, times};
use crate::setting::{DEADLINE, FALLBACK, MAX_ATTEMPTS};
use crate::{Attempt, Conditions, Decision, LinkEstimate, Policy, PolicyKind, Rung};

/// [`Deadline`] as users name it. Its criterion's metric says which attempt is better than another.
pub(crate) static KIND: PolicyKind = PolicyKind {
    name: "deadline",
    summary: "the best score that arrives in time",
    example: "deadline:cosine>=0.98,deadline=250ms",
    scored: true,
    settings: &[&DEADLINE, &MAX_ATTEMPTS, &FALLBACK],
    check: |_| Ok(()),
    build: |config, ladder| {
        Ok(Box::new(Deadline {
            gated: Gated::of(config, ladder)?,
            by: config.get(&DEADLINE)?,
            sizes: Learned::new(ladder, Some(std::f64::consts::LN_2)),
            times: Learned::new(ladder, Some(0.0)),
        }))
    },
};

/// Ships the best-scoring attempt that can arrive in time.
///
/// An attempt is in time if the picture's age, the time of all attempts, the container's bytes at
/// the estimated rate and half of the round trip together do not exceed the deadline. The policy
/// first encodes at the richest rung that is expected to be in time, by its bytes and coding times
/// at earlier frames. It continues with richer rungs as long as they, and after them the best
/// attempt so far, still arrive. A rung of unknown size is presumed to need twice the bytes of the
/// rung below. The criterion does not end the search: it decides whether the shipped attempt counts
/// as passed.
///
/// Without an estimate of the link, arrival times are unknown and the cheapest rung is shipped.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline {
    gated: Gated,
    by: Duration,
    sizes: Learned,
    times: Learned,
}

impl Deadline {
    fn decide_on(&self, frame: &Frame<'_>, link: LinkEstimate) -> Decision {
        let left = frame.attempts.len() < usize::from(self.gated.max_attempts.get());
        let in_time = self.best_in_time(frame, link, Duration::ZERO);
        match (self.next(frame, link, in_time), in_time) {
            (Some(rung), _) if left => Decision::Encode(rung),
            (_, Some(best)) => self.gated.ship(frame.attempts, best),
            (rung, None) => self.gated.try_next(frame.attempts, rung),
        }
    }

    /// The best attempt that arrives in time if it leaves after a further `delay`.
    fn best_in_time(
        &self,
        frame: &Frame<'_>,
        link: LinkEstimate,
        delay: Duration,
    ) -> Option<usize> {
        let arrives = |attempt: &Attempt| {
            let bytes = attempt.coded().map(|coded| coded.container);
            bytes.is_some_and(|bytes| frame.spent + delay + link.arrival(bytes) <= self.by)
        };
        self.gated.best_of(frame.attempts, arrives)
    }

    /// The richest untried rung that is expected to be worth its time: richer than all that were tried
    /// while one of these arrives, cheaper while none does.
    fn next(&self, frame: &Frame<'_>, link: LinkEstimate, in_time: Option<usize>) -> Option<Rung> {
        let richest_tried = frame.attempts.iter().map(|attempt| attempt.rung).max();
        let Some(richest_tried) = richest_tried else {
            let fitting = self
                .rungs()
                .rev()
                .find(|&rung| self.fits(frame, link, rung));
            return Some(fitting.unwrap_or(Rung(0)));
        };
        let untried = self
            .rungs()
            .rev()
            .filter(|&rung| !tried(frame.attempts, rung));
        let mut fitting = untried.filter(|&rung| self.fits(frame, link, rung));
        match in_time {
            Some(_) => fitting.find(|&rung| {
                let delay = self.expected_time(frame, rung);
                let best_waits =
                    delay.is_some_and(|delay| self.best_in_time(frame, link, delay) == in_time);
                rung > richest_tried && best_waits
            }),
            None => fitting.find(|&rung| rung < richest_tried),
        }
    }

    fn rungs(&self) -> impl DoubleEndedIterator<Item = Rung> + use<> {
        (0..self.gated.ladder.get()).map(Rung)
    }

    /// Returns `true` if an attempt at `rung` is expected to arrive in time.
    fn fits(&self, frame: &Frame<'_>, link: LinkEstimate, rung: Rung) -> bool {
        let expected = || {
            let bytes = Bytes(self.sizes.value(frame.size, rung)? as u64);
            // A guess may be any length, and the link may be as good as away.
            let coded = frame.spent.saturating_add(self.expected_time(frame, rung)?);
            Some(coded.saturating_add(link.arrival(bytes)))
        };
        expected().is_some_and(|arrival| arrival <= self.by)
    }

    fn expected_time(&self, frame: &Frame<'_>, rung: Rung) -> Option<Duration> {
        let seconds = self.times.value(frame.time, rung)?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// One frame, as far as it has come.
struct Frame<'a> {
    attempts: &'a [Attempt],
    /// Time from capture until after the last attempt.
    spent: Duration,
    /// The size of the last attempt that gave bytes.
    size: Option<Point>,
    /// The time taken by the last attempt.
    time: Option<Point>,
}

impl<'a> Frame<'a> {
    fn new(conditions: &Conditions, attempts: &'a [Attempt]) -> Self {
        let attempting: Duration = attempts.iter().map(Attempt::took).sum();
        Self {
            attempts,
            spent: conditions.age + attempting,
            size: sizes(attempts).last().copied(),
            time: times(attempts).last().copied(),
        }
    }
}

impl Policy for Deadline {
    fn decide(&self, conditions: &Conditions, attempts: &[Attempt]) -> Decision {
        match (conditions.link, attempts) {
            (Some(link), _) => self.decide_on(&Frame::new(conditions, attempts), link),
            (None, []) => Decision::Encode(Rung(0)),
            (None, _) => self
                .gated
                .ship_or_give_up(attempts, self.gated.best(attempts)),
        }
    }

    fn observe(&mut self, _: &Conditions, attempts: &[Attempt], _: Decision) {
        self.sizes.learn(sizes(attempts));
        self.times.learn(times(attempts));
    }
}
