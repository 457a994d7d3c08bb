//! Summary statistics of a trace.

use std::time::Duration;

use splitsim_feature::units::BitRate;

use super::Trace;

/// Statistics of a trace over whole seconds; the rest after the last whole second does not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// The duration.
    pub length: Duration,
    /// Mean rate.
    pub mean: BitRate,
    /// The rate below which 5 % of the seconds are, by nearest rank.
    pub p5: BitRate,
    /// The median, by nearest rank.
    pub p50: BitRate,
    /// The rate that 95 % of the seconds do not exceed, by nearest rank.
    pub p95: BitRate,
    /// The share of seconds in which nothing is served.
    pub empty: f64,
    /// The longest time in which nothing is served, within the trace.
    pub longest_gap: Duration,
}

impl Statistics {
    /// Those of a trace; of one shorter than a second those of its only part.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let mut seconds = per_second(trace);
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        let empty = seconds.iter().filter(|&&rate| rate == 0.0).count();
        let empty = empty as f64 / seconds.len() as f64;
        seconds.sort_by(f64::total_cmp);
        let percentile = |p: usize| {
            let rank = (seconds.len() * p).div_ceil(100).max(1);
            BitRate(seconds[rank - 1].round() as u64)
        };
        Self {
            length: trace.length(),
            mean: BitRate(mean.round() as u64),
            p5: percentile(5),
            p50: percentile(50),
            p95: percentile(95),
            empty,
            longest_gap: longest_gap(trace),
        }
    }
}

/// Bits served in each whole second.
fn per_second(trace: &Trace) -> Vec<f64> {
    let whole = usize::try_from(trace.length().as_secs()).unwrap_or(usize::MAX);
    if whole == 0 {
        return vec![bits(trace, Duration::ZERO, trace.length()) / trace.length().as_secs_f64()];
    }
    let second = Duration::from_secs;
    (0..whole as u64)
        .map(|from| bits(trace, second(from), second(from + 1)))
        .collect()
}

/// Returns the bits served after `from` and up to `until`. An opportunity at zero belongs to the span that begins
/// there.
fn bits(trace: &Trace, from: Duration, until: Duration) -> f64 {
    match trace {
        Trace::Opportunities(list) => {
            let up_to = |at: Duration| match at.is_zero() {
                true => 0,
                false => list
                    .up_to(at.min(list.length()))
                    .min(list.times_ms().len() as u64),
            };
            (up_to(until) - up_to(from)) as f64 * f64::from(list.size().bytes()) * 8.0
        }
        Trace::Rates(steps) => {
            let mut sum = 0.0;
            let mut at = from;
            while at < until {
                let piece = steps.piece(at);
                let next = piece.until.map_or(until, |next| next.min(until));
                sum += piece.rate.0 as f64 * (next - at).as_secs_f64();
                at = next;
            }
            sum
        }
    }
}

fn longest_gap(trace: &Trace) -> Duration {
    match trace {
        Trace::Opportunities(list) => {
            let times = list.times_ms();
            let before = std::iter::once(&0).chain(times);
            let gaps = before.zip(times).map(|(before, time)| time - before);
            Duration::from_millis(gaps.max().unwrap_or(0))
        }
        Trace::Rates(steps) => {
            let starts = steps.rows().map(|(start, _)| start);
            let ends = starts.skip(1).chain([steps.length()]);
            let (mut longest, mut running) = (Duration::ZERO, Duration::ZERO);
            for ((start, rate), end) in steps.rows().zip(ends) {
                running = match rate.0 {
                    0 => running + (end - start),
                    _ => Duration::ZERO,
                };
                longest = longest.max(running);
            }
            longest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::parse;
    use super::*;

    fn of(text: &str) -> Statistics {
        Statistics::of(&parse(text).unwrap())
    }

    #[test]
    fn rates_are_averaged_by_the_second() {
        let statistics = of("0,4\n0.5,8\n1,0\n2,0\n3,2\n4,2\n");
        assert_eq!(statistics.length, Duration::from_secs(5));
        // Seconds of 6, 0, 0, 2, 2 Mbit/s.
        assert_eq!(statistics.mean, BitRate(2_000_000));
        assert_eq!(statistics.p5, BitRate(0));
        assert_eq!(statistics.p50, BitRate(2_000_000));
        assert_eq!(statistics.p95, BitRate(6_000_000));
        assert_eq!(statistics.empty, 0.4);
        assert_eq!(statistics.longest_gap, Duration::from_secs(2));
    }

    #[test]
    fn a_millisecond_a_packet_is_12_mbit() {
        let text: String = (1..=3000).map(|ms| format!("{ms}\n")).collect();
        let statistics = of(&text);
        assert_eq!(statistics.mean, BitRate(12_000_000));
        assert_eq!(statistics.longest_gap, Duration::from_millis(1));
        assert_eq!(of("1\n").mean, BitRate(12_000_000));
    }
}
