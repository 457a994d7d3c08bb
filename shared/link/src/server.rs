//! The server behind a queue: takes packets as its rate or its opportunities allow.

use std::time::Duration;

use splitsim_feature::units::BitRate;

use crate::config::Timetable;
use crate::queue::Packet;
use crate::steps::Piece;
use crate::{Opportunities, RateSteps, Service};

/// Billionths of a bit: at a whole number of bits per second, a whole number of nanoseconds serves a whole number of
/// them, so that no rounding accumulates over a run.
type Nanobits = u128;

const NANO: Nanobits = 1_000_000_000;

/// A packet that is being served.
#[derive(Debug, Clone)]
pub(crate) struct InService<T> {
    pub(crate) packet: Packet<T>,
    /// The time at which the rate finishes it; `None` if the rate stays zero, and for opportunities.
    pub(crate) until: Option<Duration>,
    /// Bytes that wait for opportunities.
    pub(crate) left: u32,
}

/// A rate's memory: the service left in the last nanosecond after the last packet's end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carry {
    end: Duration,
    surplus: Nanobits,
}

/// Opportunities' memory: the number of the next one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    pub(crate) next: u64,
}

impl Carry {
    /// Returns the time at which a packet is served whose service begins at `start`. In a busy period, where it begins
    /// at the end of the one before, rounding to nanoseconds is carried over.
    pub(crate) fn finish(
        &mut self,
        rate: &Rate<'_>,
        start: Duration,
        bytes: u32,
    ) -> Option<Duration> {
        let mut left = Nanobits::from(bytes) * 8 * NANO;
        if start == self.end {
            left = left.saturating_sub(self.surplus);
        }
        let mut at = start;
        loop {
            let piece = rate.piece(at);
            let per_nano = Nanobits::from(piece.rate.0);
            let served = piece.until.map(|until| per_nano * (until - at).as_nanos());
            match (served, piece.until) {
                (Some(served), Some(until)) if served < left => {
                    left -= served;
                    at = until;
                }
                (None, _) if per_nano == 0 => return None,
                _ => {
                    let nanos = if left == 0 {
                        0
                    } else {
                        left.div_ceil(per_nano)
                    };
                    self.surplus = nanos * per_nano - left;
                    self.end = at + Duration::from_nanos(u64::try_from(nanos).ok()?);
                    return Some(self.end);
                }
            }
        }
    }
}

/// A rate on the link's clock: the trace from its start, and zero while the link is down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate<'a> {
    pub(crate) steps: &'a RateSteps,
    pub(crate) trace_start: Duration,
    pub(crate) timetable: &'a Timetable,
}

impl Rate<'_> {
    pub(crate) fn piece(&self, at: Duration) -> Piece {
        if let Some(until) = self.timetable.down_until(at) {
            return Piece {
                rate: BitRate(0),
                until: Some(until),
            };
        }
        let piece = self.steps.piece(at + self.trace_start);
        let until = piece.until.map(|until| until - self.trace_start);
        let until = until.into_iter().chain(self.timetable.next_cut(at)).min();
        Piece { until, ..piece }
    }
}

impl Cursor {
    /// The first opportunity that is not before the trace's start.
    pub(crate) fn new(list: &Opportunities, trace_start: Duration) -> Self {
        let before = trace_start.checked_sub(Duration::from_nanos(1));
        Self {
            next: before.map_or(0, |before| list.up_to(before)),
        }
    }

    /// Returns the time of the next opportunity, on the link's clock.
    pub(crate) fn time(self, list: &Opportunities, trace_start: Duration) -> Option<Duration> {
        list.time(self.next)
            .map(|at| at.saturating_sub(trace_start))
    }

    /// Skips the opportunities at which no packet was waiting.
    pub(crate) fn pass(&mut self, list: &Opportunities, trace_start: Duration, now: Duration) {
        self.next = self.next.max(list.up_to(now + trace_start));
    }
}

/// The service rate at a time; for opportunities, that of the second before it.
pub(crate) fn rate_at(
    service: &Service,
    trace_start: Duration,
    timetable: &Timetable,
    at: Duration,
) -> Option<BitRate> {
    match service {
        Service::Unlimited => None,
        Service::Rate(steps) => {
            let rate = Rate {
                steps,
                trace_start,
                timetable,
            };
            Some(rate.piece(at).rate)
        }
        Service::Opportunities(_) if timetable.down_until(at).is_some() => Some(BitRate(0)),
        Service::Opportunities(list) => {
            let now = at + trace_start;
            let before = now.saturating_sub(Duration::from_secs(1));
            let count = list.up_to(now) - list.up_to(before);
            let nanos = (now - before).as_nanos().max(1);
            let bits = u128::from(count) * u128::from(list.size().bytes()) * 8;
            Some(BitRate(
                u64::try_from(bits * NANO / nanos).unwrap_or(u64::MAX),
            ))
        }
    }
}
