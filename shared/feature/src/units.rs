//! Sizes and rates that must not be confused.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::FeatureShape;

/// A count of bytes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// The bytes of a buffer.
    #[must_use]
    pub const fn of(buffer: &[u8]) -> Self {
        Self(buffer.len() as u64)
    }

    /// The rate that these bytes are for a feature of `shape`.
    #[must_use]
    pub fn per_point(self, shape: FeatureShape) -> Bpfp {
        Bpfp(self.0 as f64 * 8.0 / shape.points() as f64)
    }

    /// The same as text, in the largest unit that it is a whole number of: `64 kB`, `1500 B`.
    #[must_use]
    pub fn in_whole_units(self) -> String {
        let (unit, factor) = SIZE_UNITS
            .into_iter()
            .find(|(_, factor)| self.0.is_multiple_of(*factor))
            .filter(|_| self.0 > 0)
            .unwrap_or(("B", 1));
        format!("{} {unit}", self.0 / factor)
    }
}

/// Largest first.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no size; expected a whole number and one of {units}, such as 12 kB",
    units = SIZE_UNITS.map(|(unit, _)| unit).join(", ")
)]
pub struct UnknownSize(pub String);

/// A whole number and a unit, such as `12 kB` (12000) or `16 MiB`.
impl FromStr for Bytes {
    type Err = UnknownSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = || {
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            let (number, unit) = text.split_at(digits);
            let (_, factor) = SIZE_UNITS
                .into_iter()
                .find(|(name, _)| *name == unit.trim())?;
            number.parse::<u64>().ok()?.checked_mul(factor)
        };
        size().map(Self).ok_or_else(|| UnknownSize(text.to_owned()))
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        Self(counts.map(|count| count.0).sum())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// Bits per second, on a link.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BitRate(pub u64);

/// Bits per feature point: `8 · bytes / (N·C·H·W)`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bpfp(pub f64);

impl fmt::Display for Bpfp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} bpfp", self.0)
    }
}

impl BitRate {
    /// Largest first; powers of 1000, as links are sold.
    const UNITS: [(&str, u64); 4] = [
        ("Gbit/s", 1_000_000_000),
        ("Mbit/s", 1_000_000),
        ("kbit/s", 1_000),
        ("bit/s", 1),
    ];

    /// The time that these bytes take at this rate, to the nanosecond; [`Duration::MAX`] at rate 0.
    #[must_use]
    pub fn time_for(self, bytes: Bytes) -> Duration {
        let bits = u128::from(bytes.0) * 8;
        let nanos = (bits * 1_000_000_000).checked_div(u128::from(self.0));
        nanos
            .and_then(|nanos| u64::try_from(nanos).ok())
            .map_or(Duration::MAX, Duration::from_nanos)
    }
}

impl fmt::Display for BitRate {
    /// In the largest unit of which it is at least one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = Self::UNITS
            .into_iter()
            .find(|(_, factor)| self.0 >= *factor)
            .unwrap_or(("bit/s", 1));
        write!(f, "{} {unit}", self.0 as f64 / factor as f64)
    }
}

/// A text that is no rate on a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no rate; expected a number and one of bit/s, kbit/s, Mbit/s, Gbit/s, such as 20 Mbit/s"
)]
pub struct NoBitRate(String);

impl FromStr for BitRate {
    type Err = NoBitRate;

    /// Reads `"20 Mbit/s"`: a decimal number and a unit, in whole bits per second.
    fn from_str(text: &str) -> Result<Self, NoBitRate> {
        let wrong = || NoBitRate(text.to_owned());
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.split_at(end.ok_or_else(wrong)?);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let named = |(name, _): &(&str, u64)| *name == unit.trim();
        let (_, factor) = Self::UNITS.into_iter().find(named).ok_or_else(wrong)?;
        let bits = (number * factor as f64).round();
        // Up to here every whole number has a double of its own.
        let exact = 0.0..=9_007_199_254_740_992.0;
        exact
            .contains(&bits)
            .then_some(Self(bits as u64))
            .ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_per_point_is_one_eighth_of_the_points_in_bytes() {
        // ViT-g's cls feature: 394,752 points, 49,344 bytes at 1 BPFP.
        let shape = FeatureShape::new(1, 1, 257, 1536).unwrap();
        assert_eq!(Bytes(49_344).per_point(shape), Bpfp(1.0));
    }

    #[test]
    fn rates_have_a_unit_and_print_as_they_were() {
        for (text, bits) in [
            ("20 Mbit/s", 20_000_000),
            ("0.5 Mbit/s", 500_000),
            ("1.5 Gbit/s", 1_500_000_000),
            ("56 kbit/s", 56_000),
            ("9 bit/s", 9),
        ] {
            assert_eq!(text.parse(), Ok(BitRate(bits)), "{text}");
        }
        assert_eq!(BitRate(20_000_000).to_string(), "20 Mbit/s");
        assert_eq!(BitRate(500_000).to_string(), "500 kbit/s");
        assert_eq!(BitRate(1_234_567).to_string(), "1.234567 Mbit/s");
        for wrong in [
            "20",
            "20 Mbps",
            "20 MB/s",
            "-1 bit/s",
            "1.2.3 bit/s",
            "bit/s",
            "1e9 Gbit/s",
        ] {
            let error = wrong.parse::<BitRate>().unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn sizes_have_a_unit_and_print_as_they_were() {
        for text in ["12 kB", "16 MiB", "1500 B", "2 GB", "0 B"] {
            let size: Bytes = text.parse().unwrap();
            assert_eq!(size.in_whole_units(), text);
        }
        assert_eq!("3kB".parse(), Ok(Bytes(3000)));
        assert_eq!(Bytes(17).to_string().parse(), Ok(Bytes(17)));
        for wrong in ["12", "kB", "1.5 kB", "12 KB", "-1 B", "99999999999 GiB"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_megabit_takes_a_second_at_a_megabit_per_second() {
        let check = |rate: u64, bytes: u64, expected: Duration| {
            assert_eq!(BitRate(rate).time_for(Bytes(bytes)), expected);
        };
        check(1_000_000, 125_000, Duration::from_secs(1));
        check(8_000_000_000, 1, Duration::from_nanos(1));
        check(0, 1, Duration::MAX);
        check(1, u64::MAX, Duration::MAX);
    }
}
