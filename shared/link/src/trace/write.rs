//! Trace to text.

use std::fmt::Write;
use std::time::Duration;

use super::{Trace, TraceError};
use crate::{Opportunities, OpportunitySize, RateSteps};

/// A trace as it is read again: rates as `seconds,Mbit/s`, opportunities as Mahimahi's.
#[must_use]
pub fn text(trace: &Trace) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    match trace {
        Trace::Opportunities(list) => {
            for ms in list.times_ms() {
                let _ = writeln!(text, "{ms}");
            }
        }
        Trace::Rates(steps) => {
            text.push_str("seconds,Mbit/s\n");
            for (at, rate) in steps.rows() {
                let _ = writeln!(text, "{},{}", at.as_secs_f64(), rate.0 as f64 / 1e6);
            }
        }
    }
    text
}

/// The opportunities that serve as much as the rates do: one for every 1500 bytes of service.
/// A remainder at the end of a millisecond is carried over.
///
/// # Errors
/// If the rates serve less than one opportunity, or more than a trace file may hold.
pub fn to_opportunities(steps: &RateSteps) -> Result<Opportunities, TraceError> {
    // In bits by 10⁹: any rate serves a whole number of these in a nanosecond.
    let packet = u128::from(OpportunitySize::Ip1500.bytes()) * 8 * 1_000_000_000;
    let end = Duration::from_millis(u64::try_from(steps.length().as_millis()).unwrap_or(u64::MAX));
    let (mut times, mut credit, mut at) = (Vec::new(), 0, Duration::ZERO);
    while at < end {
        let piece = steps.piece(at);
        let next = piece.until.map_or(end, |next| next.min(end));
        let rate = u128::from(piece.rate.0);
        let served = credit + rate * (next - at).as_nanos();
        if times.len() as u128 + served / packet > MOST_OPPORTUNITIES {
            return Err(TraceError::TooManyOpportunities);
        }
        for number in 1..=served / packet {
            let waited = (number * packet - credit).div_ceil(rate);
            times.push((at.as_nanos() + waited).div_ceil(NANOS_PER_MS) as u64);
        }
        credit = served % packet;
        at = next;
    }
    Opportunities::new(times)
}

/// So many lines, of at least two bytes, fit into a file that is read.
const MOST_OPPORTUNITIES: u128 = super::MAX_BYTES as u128 / 2;
const NANOS_PER_MS: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::super::read::parse;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for given in [
            "seconds,Mbit/s\n0,4.5\n0.25,0\n1,1.234567\n",
            "0\n5\n5\n9\n",
        ] {
            assert_eq!(text(&parse(given).unwrap()), given);
        }
    }

    #[test]
    fn opportunities_serve_what_the_rates_do() {
        let Trace::Rates(steps) = parse("0,12\n1,0\n2,6\n3,0.1\n4,0.1\n").unwrap() else {
            panic!("rates expected");
        };
        let list = to_opportunities(&steps).unwrap();
        let between = |from: u64, until: u64| {
            let times = list.times_ms().iter();
            times.filter(|&&ms| ms > from && ms <= until).count()
        };
        assert_eq!(
            [between(0, 1000), between(1000, 2000), between(2000, 3000)],
            [1000, 0, 500]
        );
        // 0.2 Mbit are 16.67 packets.
        assert_eq!(between(3000, 5000), 16);
        // The first packet of 12 Mbit/s is whole after a millisecond, that of 0.1 Mbit/s after 120.
        assert_eq!((list.times_ms()[0], list.times_ms()[1500]), (1, 3120));
    }

    #[test]
    fn more_opportunities_than_a_file_holds_are_refused() {
        let stated = super::super::Stated {
            time: Some(super::super::TimeUnit::Seconds),
            rate: Some(super::super::RateUnit::Gigabit),
        };
        let trace = super::super::from_bytes(b"0,100\n10000000,100\n", stated).unwrap();
        let Trace::Rates(steps) = trace else {
            panic!("rates expected");
        };
        let refused = to_opportunities(&steps).unwrap_err();
        assert!(matches!(refused, TraceError::TooManyOpportunities));
    }
}
