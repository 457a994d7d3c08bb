use std::sync::Mutex;
use std::time::{Duration, Instant};

use splitsim_transport::Backoff;

use crate::lock::locked;

/// The times in which nothing gets through, one account for all lanes: what breaks a connection breaks
/// every frame on it, and is one failure.
#[derive(Debug)]
pub(crate) struct Outages {
    retry: Backoff,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// The last failure that counted.
    last: Option<Instant>,
    current: Option<Outage>,
}

/// The time from a failure to the first success of an attempt that began after it.
#[derive(Debug, Clone, Copy)]
struct Outage {
    since: Instant,
    failures: u32,
    /// The earliest start of the next attempt.
    until: Instant,
}

/// The consequence of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A new failure: the number in a row, and the wait before the next attempt.
    New { attempts: u32, delay: Duration },
    /// A consequence of a failure that another lane has reported.
    Known,
    /// The time for attempts has run out.
    Last { attempts: u32, elapsed: Duration },
}

impl Outages {
    pub(crate) fn new(retry: Backoff) -> Self {
        Self {
            retry,
            state: Mutex::default(),
        }
    }

    /// An attempt that began then has failed.
    pub(crate) fn failed(&self, began: Instant, now: Instant) -> Failure {
        self.with(|State { last, current }| {
            if last.is_some_and(|last| began < last) {
                return Failure::Known;
            }
            *last = Some(now);
            let outage = current.get_or_insert(Outage {
                since: now,
                failures: 0,
                until: now,
            });
            outage.failures += 1;
            let (attempts, delay) = (outage.failures, self.retry.delay(outage.failures));
            let elapsed = now - outage.since;
            if elapsed + delay >= self.retry.total {
                return Failure::Last { attempts, elapsed };
            }
            outage.until = now + delay;
            Failure::New { attempts, delay }
        })
    }

    /// An attempt that began then has brought an answer. One that began before the last failure tells
    /// nothing of the time since.
    pub(crate) fn succeeded(&self, began: Instant) {
        self.with(|State { last, current }| {
            if last.is_none_or(|last| began >= last) {
                *current = None;
            }
        });
    }

    /// The wait after this many failures in a row of one frame, counted from 1.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        self.retry.delay(failures)
    }

    /// Until when nothing is to be attempted.
    pub(crate) fn pause(&self) -> Option<Instant> {
        self.with(|state| state.current.map(|outage| outage.until))
    }

    /// Returns the settings for the time that is left for attempts.
    pub(crate) fn left(&self, now: Instant) -> Backoff {
        let elapsed = self.with(|state| state.current.map(|outage| now - outage.since));
        Backoff {
            total: self.retry.total.saturating_sub(elapsed.unwrap_or_default()),
            ..self.retry
        }
    }

    fn with<T>(&self, access: impl FnOnce(&mut State) -> T) -> T {
        access(&mut locked(&self.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn outages() -> Outages {
        Outages::new(Backoff {
            initial: ms(100),
            max: ms(400),
            total: ms(1000),
        })
    }

    const fn new(attempts: u32, delay: u64) -> Failure {
        let delay = ms(delay);
        Failure::New { attempts, delay }
    }

    #[test]
    fn waits_double_until_the_time_is_over() {
        let (start, outages) = (Instant::now(), outages());
        let at = |time| start + ms(time);
        assert_eq!(outages.pause(), None);
        assert_eq!(outages.failed(at(0), at(10)), new(1, 100));
        assert_eq!(outages.pause(), Some(at(110)));
        assert_eq!(outages.failed(at(110), at(120)), new(2, 200));
        assert_eq!(outages.left(at(210)).total, ms(800));
        assert_eq!(outages.failed(at(320), at(330)), new(3, 400));
        let (attempts, elapsed) = (4, ms(730));
        let last = Failure::Last { attempts, elapsed };
        assert_eq!(outages.failed(at(730), at(740)), last);
    }

    #[test]
    fn what_breaks_several_frames_counts_once() {
        let (start, outages) = (Instant::now(), outages());
        let at = |time| start + ms(time);
        // Three frames were under way.
        assert_eq!(outages.failed(at(0), at(50)), new(1, 100));
        assert_eq!(outages.failed(at(10), at(51)), Failure::Known);
        assert_eq!(outages.failed(at(20), at(52)), Failure::Known);
        assert_eq!(outages.pause(), Some(at(150)));
        // All are sent again, and fail again.
        assert_eq!(outages.failed(at(150), at(160)), new(2, 200));
        assert_eq!(outages.failed(at(151), at(161)), Failure::Known);
    }

    #[test]
    fn only_a_success_since_the_last_failure_ends_an_outage() {
        let (start, outages) = (Instant::now(), outages());
        let at = |time| start + ms(time);
        assert_eq!(outages.failed(at(0), at(50)), new(1, 100));
        // Its reply was on the way when another frame failed.
        outages.succeeded(at(10));
        assert_eq!(outages.pause(), Some(at(150)));
        outages.succeeded(at(150));
        assert_eq!(outages.pause(), None);
        assert_eq!(outages.left(at(160)).total, ms(1000));
        // One that failed long ago, and whose lane was slow to say so.
        assert_eq!(outages.failed(at(20), at(170)), Failure::Known);
        assert_eq!(outages.failed(at(160), at(180)), new(1, 100));
    }
}
