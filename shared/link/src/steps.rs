use std::time::Duration;

use splitsim_feature::units::BitRate;

use crate::trace::TraceError;

/// A rate that changes at given times and is constant between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateSteps {
    /// The start of each rate, ascending, the first at zero.
    starts: Vec<Duration>,
    rates: Vec<BitRate>,
    end: Duration,
    at_end: AtEnd,
}

/// The behaviour after the last row of a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AtEnd {
    /// The first row again.
    #[default]
    Repeat,
    /// The last row, without end.
    Hold,
    /// No further service.
    Stop,
}

/// A time in which the rate does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) rate: BitRate,
    /// `None`: for ever.
    pub(crate) until: Option<Duration>,
}

impl RateSteps {
    /// The same rate at all times.
    #[must_use]
    pub fn constant(rate: BitRate) -> Self {
        Self {
            starts: vec![Duration::ZERO],
            rates: vec![rate],
            end: Duration::ZERO,
            at_end: AtEnd::Hold,
        }
    }

    /// Rates, each from its time on; the last one until `end`. Times count from the first one.
    ///
    /// # Errors
    /// If there is no row, times do not ascend, the last rate has no length, or all rates are zero.
    pub fn new(
        rows: &[(Duration, BitRate)],
        end: Duration,
        at_end: AtEnd,
    ) -> Result<Self, TraceError> {
        let &(first, _) = rows.first().ok_or(TraceError::Empty)?;
        let ascending = rows.windows(2).position(|pair| pair[1].0 <= pair[0].0);
        if let Some(before) = ascending {
            return Err(TraceError::NotAscending { row: before + 2 });
        }
        if rows.last().is_some_and(|&(last, _)| end <= last) {
            return Err(TraceError::NoLength);
        }
        if rows.iter().all(|(_, rate)| rate.0 == 0) {
            return Err(TraceError::AllZero);
        }
        Ok(Self {
            starts: rows.iter().map(|(start, _)| *start - first).collect(),
            rates: rows.iter().map(|(_, rate)| *rate).collect(),
            end: end - first,
            at_end,
        })
    }

    /// The same steps with another end.
    #[must_use]
    pub fn with_end(self, at_end: AtEnd) -> Self {
        Self { at_end, ..self }
    }

    /// Returns the total duration of the rows; zero for a constant rate.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.end
    }

    /// The rate at a time.
    #[must_use]
    pub fn rate(&self, at: Duration) -> BitRate {
        self.piece(at).rate
    }

    /// Each rate with its beginning.
    pub fn rows(&self) -> impl Iterator<Item = (Duration, BitRate)> + '_ {
        self.starts.iter().copied().zip(self.rates.iter().copied())
    }

    pub(crate) fn piece(&self, at: Duration) -> Piece {
        let (base, within) = match self.at_end {
            AtEnd::Repeat => {
                let within = remainder(at, self.end);
                (at - within, within)
            }
            AtEnd::Hold => (Duration::ZERO, at),
            AtEnd::Stop if at >= self.end => {
                return Piece {
                    rate: BitRate(0),
                    until: None,
                };
            }
            AtEnd::Stop => (Duration::ZERO, at),
        };
        let next = self.starts.partition_point(|&start| start <= within);
        let until = match (self.starts.get(next), self.at_end) {
            (Some(&start), _) => Some(base + start),
            (None, AtEnd::Hold) => None,
            (None, AtEnd::Repeat | AtEnd::Stop) => Some(base + self.end),
        };
        // The first step begins at zero, so there is one before `next`.
        let rate = self.rates[next.saturating_sub(1)];
        Piece { rate, until }
    }
}

/// `at mod period`, to the nanosecond.
pub(crate) fn remainder(at: Duration, period: Duration) -> Duration {
    let nanos = at.as_nanos() % period.as_nanos().max(1);
    // Less than the period, which is a Duration.
    Duration::new(
        (nanos / 1_000_000_000) as u64,
        (nanos % 1_000_000_000) as u32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(at_end: AtEnd) -> RateSteps {
        let second = Duration::from_secs;
        let rows = [
            (second(5), BitRate(10)),
            (second(6), BitRate(0)),
            (second(8), BitRate(30)),
        ];
        RateSteps::new(&rows, second(9), at_end).unwrap()
    }

    #[test]
    fn a_trace_begins_at_its_first_row_and_goes_on_as_told() {
        let check = |at_end, seconds: u64, rate| {
            let at = Duration::from_secs(seconds);
            assert_eq!(
                steps(at_end).rate(at),
                BitRate(rate),
                "{at_end:?} {seconds}"
            );
        };
        for at_end in [AtEnd::Repeat, AtEnd::Hold, AtEnd::Stop] {
            for (seconds, rate) in [(0, 10), (1, 0), (2, 0), (3, 30)] {
                check(at_end, seconds, rate);
            }
        }
        for (seconds, rate) in [(4, 10), (5, 0), (7, 30), (4_000_000_001, 0)] {
            check(AtEnd::Repeat, seconds, rate);
        }
        check(AtEnd::Hold, 4000, 30);
        check(AtEnd::Stop, 4, 0);
    }

    #[test]
    fn pieces_end_where_rates_change() {
        let until = |at_end, at| steps(at_end).piece(Duration::from_millis(at)).until;
        assert_eq!(until(AtEnd::Repeat, 400), Some(Duration::from_secs(1)));
        assert_eq!(until(AtEnd::Repeat, 7500), Some(Duration::from_secs(8)));
        assert_eq!(until(AtEnd::Hold, 7500), None);
        assert_eq!(until(AtEnd::Stop, 3500), Some(Duration::from_secs(4)));
        assert_eq!(until(AtEnd::Stop, 4000), None);
    }

    #[test]
    fn rows_that_are_no_trace_are_refused() {
        let second = Duration::from_secs;
        let new = |rows: &[(u64, u64)], end| {
            let rows: Vec<_> = rows
                .iter()
                .map(|&(at, rate)| (second(at), BitRate(rate)))
                .collect();
            RateSteps::new(&rows, second(end), AtEnd::Repeat).unwrap_err()
        };
        assert!(matches!(new(&[], 1), TraceError::Empty));
        assert!(matches!(
            new(&[(1, 1), (1, 2)], 3),
            TraceError::NotAscending { row: 2 }
        ));
        assert!(matches!(new(&[(1, 1), (3, 2)], 3), TraceError::NoLength));
        assert!(matches!(new(&[(1, 0), (3, 0)], 4), TraceError::AllZero));
    }
}
