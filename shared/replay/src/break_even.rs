use std::fmt;
use std::time::Duration;

use serde::Serialize;
use splitsim_feature::units::BitRate;

/// The average cost of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Bytes over the link.
    pub bytes: f64,
    /// Time at the edge to code and score.
    pub compute_ms: f64,
}

/// The costs of a way of coding and of the richest level on the same frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Costs {
    /// The cost of the way of coding.
    pub own: Cost,
    /// The cost of one encoding at the richest level.
    pub richest: Cost,
}

/// The rates at which one way of coding is quicker than another.
///
/// At the rate R, a frame of b bytes and t of computing is through after t + 8b / R. The first of two ways is
/// therefore quicker exactly if 8 (b₂ − b₁) / R > t₁ − t₂. If it saves bytes at the price of computing, that is
/// the case below R = 8 (b₂ − b₁) / (t₁ − t₂).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(
    rename_all = "kebab-case",
    tag = "quicker",
    content = "bits_per_second"
)]
pub enum BreakEven {
    /// At every rate.
    Always,
    /// At no rate.
    Never,
    /// Below this rate: it saves bytes and costs time.
    Below(BitRate),
    /// Above this rate: it saves time and costs bytes.
    Above(BitRate),
}

impl BreakEven {
    /// The rates at which `way` is quicker than `other`.
    #[must_use]
    pub fn of(way: Cost, other: Cost) -> Self {
        let saved_bits = 8.0 * (other.bytes - way.bytes);
        let spent_seconds = (way.compute_ms - other.compute_ms) / 1e3;
        let rate = || BitRate((saved_bits / spent_seconds).round() as u64);
        match (saved_bits > 0.0, spent_seconds > 0.0) {
            (true, true) => Self::Below(rate()),
            (true, false) => Self::Always,
            (false, true) => Self::Never,
            (false, false) if spent_seconds == 0.0 => Self::Never,
            (false, false) if saved_bits == 0.0 => Self::Always,
            (false, false) => Self::Above(rate()),
        }
    }
}

impl Costs {
    /// The rates at which the way of coding is quicker than the richest level.
    #[must_use]
    pub fn break_even(self) -> BreakEven {
        BreakEven::of(self.own, self.richest)
    }
}

impl Cost {
    /// The time from the last byte before a frame of this cost until that frame is through, at a rate.
    #[must_use]
    pub fn time(self, rate: BitRate) -> Duration {
        let seconds = self.compute_ms / 1e3 + 8.0 * self.bytes / rate.0 as f64;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for BreakEven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Three digits are more than a mean is good for.
        let coarse = |BitRate(rate): BitRate| {
            let unit = 10_u64.pow(rate.max(1).ilog10().saturating_sub(2));
            BitRate(rate / unit * unit)
        };
        match self {
            Self::Always => f.write_str("any rate"),
            Self::Never => f.write_str("no rate"),
            Self::Below(rate) => write!(f, "< {}", coarse(*rate)),
            Self::Above(rate) => write!(f, "> {}", coarse(*rate)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn cost(bytes: f64, compute_ms: f64) -> Cost {
        Cost { bytes, compute_ms }
    }

    #[test]
    fn re_encoding_pays_below_the_rate_at_which_both_take_as_long() {
        // 10 kB fewer for 40 ms more: 80 kbit in 40 ms.
        let (gate, richest) = (cost(2_000.0, 60.0), cost(12_000.0, 20.0));
        let BreakEven::Below(rate) = BreakEven::of(gate, richest) else {
            panic!("saves bytes and costs time");
        };
        assert_eq!(rate, BitRate(2_000_000));
        assert_eq!(gate.time(rate), richest.time(rate));
        assert!(gate.time(BitRate(1_900_000)) < richest.time(BitRate(1_900_000)));
        assert!(gate.time(BitRate(2_100_000)) > richest.time(BitRate(2_100_000)));
        assert_eq!(BreakEven::of(richest, gate), BreakEven::Above(rate));
        assert_eq!(BreakEven::of(gate, richest).to_string(), "< 2 Mbit/s");
    }

    #[test]
    fn what_is_better_in_one_and_as_good_in_the_other_is_always_quicker() {
        let check = |way, other, expected| assert_eq!(BreakEven::of(way, other), expected);
        let base = cost(100.0, 10.0);
        check(cost(90.0, 10.0), base, BreakEven::Always);
        check(cost(90.0, 9.0), base, BreakEven::Always);
        check(cost(100.0, 9.0), base, BreakEven::Always);
        check(cost(110.0, 10.0), base, BreakEven::Never);
        check(cost(100.0, 11.0), base, BreakEven::Never);
        check(base, base, BreakEven::Never);
    }
}
