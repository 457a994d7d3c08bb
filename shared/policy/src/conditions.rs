use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_feature::units::{BitRate, Bytes};

/// The state of an edge before a frame's first attempt, apart from the feature itself.
///
/// All clocks are the caller's. The conditions of a frame do not change between its attempts: the
/// time that an attempt takes is recorded in that attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Time since the run began; never less than that of the previous frame.
    pub now: Duration,
    /// Time since the picture was captured.
    pub age: Duration,
    /// The uplink, if anything is known of it.
    pub link: Option<LinkEstimate>,
}

/// An edge's estimate of its uplink.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LinkEstimate {
    /// The rate that a frame's bytes get.
    pub rate: BitRate,
    /// The round-trip time.
    pub rtt: Duration,
}

impl LinkEstimate {
    /// The time from the first byte sent to the arrival of the last one: the bytes at the link's
    /// rate, and half of the round trip.
    #[must_use]
    pub fn arrival(&self, bytes: Bytes) -> Duration {
        self.rate.time_for(bytes).saturating_add(self.rtt / 2)
    }
}

/// One transfer over the uplink, as an edge measures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes that the other side now has.
    pub bytes: Bytes,
    /// Time from the first byte sent until the answer, less the other side's work.
    pub took: Duration,
    /// The transport's smoothed round-trip time at its end.
    pub rtt: Duration,
    /// The transport's congestion window at its end.
    pub window: Bytes,
}

/// All traffic on the uplink during one transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Company {
    /// Bytes of all transfers together that arrived.
    pub arrived: Bytes,
    /// Time from the transfer's first byte sent until its answer.
    pub span: Duration,
    /// The least round-trip time that the transport has seen.
    pub min_rtt: Duration,
}

/// Estimates the uplink from what an edge can measure of it.
///
/// A transfer of b bytes that takes t shows a rate of 8b / (t − RTT). Samples are averaged as RFC 6298
/// averages round trips, with a gain of 1/8. A frame that fits into one window shows its own length
/// rather than the link's rate, so the estimate never exceeds window / RTT, which is what the
/// congestion control lets through.
///
/// A transfer among others has only a part of the rate, and its round trip is spent on the others' bytes
/// too. What arrived of all of them over its whole time shows the rate of a link that is never idle, and
/// less of one that is. By itself it shows 8b / (t − least RTT), the part of the rate that it had: the
/// smoothed RTT would contain its wait behind the others. Neither is more than the rate, so the greater
/// counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LinkEstimator {
    average: Option<f64>,
    latest: Option<(Duration, Bytes)>,
}

impl LinkEstimator {
    /// Takes a transfer into account that had the link for itself.
    pub fn observe(&mut self, transfer: Transfer) {
        let sending = transfer.took.saturating_sub(transfer.rtt);
        self.add(rate(transfer.bytes, sending), transfer);
    }

    /// Takes a transfer into account that shared the link.
    pub fn observe_shared(&mut self, transfer: Transfer, company: Company) {
        let Company {
            arrived,
            span,
            min_rtt,
        } = company;
        let own = rate(transfer.bytes, transfer.took.saturating_sub(min_rtt));
        self.add(own.max(rate(arrived, span)), transfer);
    }

    fn add(&mut self, sample: f64, Transfer { rtt, window, .. }: Transfer) {
        self.latest = Some((rtt, window));
        self.average = Some(
            self.average
                .map_or(sample, |average| average + GAIN * (sample - average)),
        );
    }

    /// The current estimate; `None` before the first transfer.
    #[must_use]
    pub fn estimate(&self) -> Option<LinkEstimate> {
        let (average, (rtt, window)) = (self.average?, self.latest?);
        let permitted = window.0 as f64 * 8.0 / rtt.max(SHORTEST).as_secs_f64();
        Some(LinkEstimate {
            rate: BitRate(average.min(permitted) as u64),
            rtt,
        })
    }
}

/// Bits per second.
fn rate(bytes: Bytes, span: Duration) -> f64 {
    bytes.0 as f64 * 8.0 / span.max(SHORTEST).as_secs_f64()
}

/// RFC 6298, §2: alpha.
const GAIN: f64 = 1.0 / 8.0;
/// Transfers are not told apart below the resolution of the transport's timers.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(bytes: u64, took_ms: u64, window: u64) -> Transfer {
        Transfer {
            bytes: Bytes(bytes),
            took: Duration::from_millis(took_ms),
            rtt: Duration::from_millis(40),
            window: Bytes(window),
        }
    }

    #[test]
    fn the_round_trip_is_no_part_of_the_rate() {
        let mut link = LinkEstimator::default();
        assert_eq!(link.estimate(), None);
        // 125 kB in a tenth of a second beyond the round trip: 10 Mbit/s.
        link.observe(transfer(125_000, 140, 1_000_000));
        let estimate = link.estimate().unwrap();
        assert_eq!(estimate.rate, BitRate(10_000_000));
        assert_eq!(estimate.arrival(Bytes(125_000)), Duration::from_millis(120));
    }

    #[test]
    fn later_transfers_weigh_an_eighth() {
        let mut link = LinkEstimator::default();
        link.observe(transfer(125_000, 140, 1_000_000));
        link.observe(transfer(125_000, 540, 1_000_000));
        assert_eq!(link.estimate().unwrap().rate, BitRate(9_000_000));
    }

    const fn company(arrived: u64, span_ms: u64) -> Company {
        Company {
            arrived: Bytes(arrived),
            span: Duration::from_millis(span_ms),
            min_rtt: Duration::from_millis(40),
        }
    }

    #[test]
    fn transfers_that_share_the_link_show_what_it_carries() {
        // Three of 125 kB at 10 Mbit/s, by turns: each is there after three tenths of a second.
        let mut link = LinkEstimator::default();
        link.observe_shared(transfer(125_000, 300, 1_000_000), company(375_000, 300));
        assert_eq!(link.estimate().unwrap().rate, BitRate(10_000_000));

        // Next to one that sent only 5 kB, a transfer shows the rate by itself.
        let mut link = LinkEstimator::default();
        link.observe_shared(transfer(125_000, 140, 1_000_000), company(130_000, 140));
        assert_eq!(link.estimate().unwrap().rate, BitRate(10_000_000));
    }

    #[test]
    fn waiting_behind_others_is_no_part_of_the_round_trip() {
        // 12.5 kB behind 112.5 kB of another at 10 Mbit/s: the smoothed RTT has grown to most of that.
        let mut link = LinkEstimator::default();
        let behind = Transfer {
            rtt: Duration::from_millis(130),
            ..transfer(12_500, 140, 1_000_000)
        };
        link.observe_shared(behind, company(125_000, 140));
        let rate = link.estimate().unwrap().rate.0;
        assert!((7_000_000..10_000_000).contains(&rate), "{rate}");
    }

    #[test]
    fn a_frame_within_one_window_does_not_show_more_than_the_window_allows() {
        let mut link = LinkEstimator::default();
        link.observe(transfer(5_000, 40, 10_000));
        // 10 kB per 40 ms.
        assert_eq!(link.estimate().unwrap().rate, BitRate(2_000_000));
    }
}
