use std::time::Duration;

use serde::{Deserialize, Serialize};
use splitsim_feature::units::{BitRate, Bytes};

/// What an edge knows of a frame before the first attempt, beside the feature.
///
/// All clocks are the caller's. One frame's conditions do not change while it is decided on: what its
/// attempts take stands in the attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Since the run began; never less than that of the frame before.
    pub now: Duration,
    /// Since the picture was captured.
    pub age: Duration,
    /// The uplink, if anything is known of it.
    pub link: Option<LinkEstimate>,
}

/// What an edge believes of its uplink.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LinkEstimate {
    /// The rate that a frame's bytes get.
    pub rate: BitRate,
    /// The round-trip time.
    pub rtt: Duration,
}

impl LinkEstimate {
    /// From the first byte sent to the last one arrived: the bytes at the link's rate, and half of the
    /// round trip.
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
    /// From the first byte sent until the answer, less the other side's work.
    pub took: Duration,
    /// The transport's smoothed round-trip time at its end.
    pub rtt: Duration,
    /// The transport's congestion window at its end.
    pub window: Bytes,
}

/// Estimates the uplink from what an edge can measure of it.
///
/// A transfer of b bytes that takes t shows a rate of 8b / (t − RTT). Samples are averaged as RFC 6298
/// averages round trips, with a gain of 1/8. A frame that fits into one window shows its own length
/// rather than the link's rate, so the estimate never exceeds window / RTT, which is what the
/// congestion control lets through.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LinkEstimator {
    average: Option<f64>,
    latest: Option<(Duration, Bytes)>,
}

impl LinkEstimator {
    /// Takes a transfer into account.
    pub fn observe(&mut self, transfer: Transfer) {
        let Transfer {
            bytes,
            took,
            rtt,
            window,
        } = transfer;
        self.latest = Some((rtt, window));
        let sending = took.saturating_sub(rtt).max(SHORTEST);
        let sample = bytes.0 as f64 * 8.0 / sending.as_secs_f64();
        self.average = Some(
            self.average
                .map_or(sample, |average| average + GAIN * (sample - average)),
        );
    }

    /// What is believed now; nothing before the first transfer.
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

    #[test]
    fn a_frame_within_one_window_does_not_show_more_than_the_window_allows() {
        let mut link = LinkEstimator::default();
        link.observe(transfer(5_000, 40, 10_000));
        // 10 kB per 40 ms.
        assert_eq!(link.estimate().unwrap().rate, BitRate(2_000_000));
    }
}
