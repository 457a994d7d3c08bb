use std::time::Duration;

use crate::AtEnd;
use crate::steps::remainder;
use crate::trace::TraceError;

/// A link of delivery opportunities, with the semantics of Mahimahi's `link_queue.cc` (Netravali et al.,
/// "Mahimahi: Accurate Record-and-Replay for HTTP", USENIX ATC 2015).
///
/// At each of the listed milliseconds comes one opportunity to deliver a fixed number of bytes. Several small
/// packets may share one, a large one may take several, and an opportunity that finds the queue empty is lost. After
/// the last one the list begins again, with its last time as the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opportunities {
    /// Milliseconds, not descending, the last above zero.
    times_ms: Vec<u64>,
    size: OpportunitySize,
    at_end: AtEnd,
}

/// The capacity of one opportunity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OpportunitySize {
    /// 1500 bytes of IP packets, as Mahimahi's documentation has it.
    #[default]
    Ip1500,
    /// 1504 bytes of which every packet uses four for the header of its TUN device, as in Mahimahi's code.
    Tun1504,
}

impl OpportunitySize {
    /// Bytes of one opportunity.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Ip1500 => 1500,
            Self::Tun1504 => 1504,
        }
    }

    /// Returns the bytes of capacity that each packet uses beyond its own length.
    #[must_use]
    pub const fn overhead(self) -> u32 {
        match self {
            Self::Ip1500 => 0,
            Self::Tun1504 => 4,
        }
    }
}

impl Opportunities {
    /// Opportunities at these milliseconds.
    ///
    /// # Errors
    /// If the list is empty, times descend, or the last one is zero.
    pub fn new(times_ms: Vec<u64>) -> Result<Self, TraceError> {
        let last = *times_ms.last().ok_or(TraceError::Empty)?;
        if let Some(before) = times_ms.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(TraceError::NotAscending { row: before + 2 });
        }
        if last == 0 {
            return Err(TraceError::NoLength);
        }
        Ok(Self {
            times_ms,
            size: OpportunitySize::default(),
            at_end: AtEnd::Repeat,
        })
    }

    /// The same with another size of opportunities.
    #[must_use]
    pub fn with_size(self, size: OpportunitySize) -> Self {
        Self { size, ..self }
    }

    /// The same with another end; [`AtEnd::Hold`] is as [`AtEnd::Stop`], for no rate is there to hold.
    #[must_use]
    pub fn with_end(self, at_end: AtEnd) -> Self {
        Self { at_end, ..self }
    }

    /// Returns the capacity of one opportunity.
    #[must_use]
    pub const fn size(&self) -> OpportunitySize {
        self.size
    }

    /// The times, in ms.
    #[must_use]
    pub fn times_ms(&self) -> &[u64] {
        &self.times_ms
    }

    /// The period.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_millis(self.times_ms.last().copied().unwrap_or(1))
    }

    /// Returns the time of the opportunity with this number, from 0; `None` after the end of a list that does not
    /// repeat.
    pub(crate) fn time(&self, number: u64) -> Option<Duration> {
        let count = self.times_ms.len() as u64;
        let (round, within) = (number / count, number % count);
        if round > 0 && self.at_end != AtEnd::Repeat {
            return None;
        }
        let within = self.times_ms[usize::try_from(within).ok()?];
        let period = self.times_ms.last().copied()?;
        let ms = round.checked_mul(period)?.checked_add(within)?;
        Some(Duration::from_millis(ms))
    }

    /// Returns the number of opportunities up to and including this time.
    pub(crate) fn up_to(&self, at: Duration) -> u64 {
        let count = self.times_ms.len() as u64;
        let period = self.length();
        let within = remainder(at, period);
        let rounds = ((at - within).as_nanos() / period.as_nanos()) as u64;
        if rounds > 0 && self.at_end != AtEnd::Repeat {
            return count;
        }
        let of_round =
            self.times_ms
                .partition_point(|&ms| Duration::from_millis(ms) <= within) as u64;
        rounds.saturating_mul(count).saturating_add(of_round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(times_ms: &[u64]) -> Opportunities {
        Opportunities::new(times_ms.to_vec()).unwrap()
    }

    #[test]
    fn the_last_time_is_the_period() {
        let list = list(&[0, 3, 3, 10]);
        let times: Vec<_> = (0..9)
            .map(|number| list.time(number).unwrap().as_millis())
            .collect();
        // At 10 come the last of the first round and the first of the second.
        assert_eq!(times, [0, 3, 3, 10, 10, 13, 13, 20, 20]);
        let once = list.with_end(AtEnd::Stop);
        assert_eq!(once.time(3), Some(Duration::from_millis(10)));
        assert_eq!(once.time(4), None);
    }

    #[test]
    fn counting_agrees_with_the_times() {
        for list in [list(&[0, 3, 3, 10]), list(&[1]), list(&[2, 2, 5])] {
            for us in (0..40_000).step_by(500) {
                let at = Duration::from_micros(us);
                let counted = (0..)
                    .take_while(|&number| list.time(number) <= Some(at))
                    .count();
                assert_eq!(list.up_to(at), counted as u64, "{list:?} {at:?}");
            }
        }
    }

    #[test]
    fn lists_that_are_no_trace_are_refused() {
        let refused = |times: &[u64]| Opportunities::new(times.to_vec()).unwrap_err();
        assert!(matches!(refused(&[]), TraceError::Empty));
        assert!(matches!(refused(&[0, 0]), TraceError::NoLength));
        assert!(matches!(
            refused(&[1, 5, 4]),
            TraceError::NotAscending { row: 3 }
        ));
    }
}
