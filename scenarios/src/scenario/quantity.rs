//! Values of a scenario as numbers, all of a kind in one unit.

use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::Limit;
use splitsim_policy::setting::RATE;

use super::units::{QueueLimit, Share, Size};

/// The quantity that a value measures, with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// A number without a unit.
    Plain,
    /// Bits per second.
    BitRate,
    /// Bytes per second.
    ByteRate,
    /// Milliseconds.
    Time,
    /// Bytes.
    Size,
    /// Per cent.
    Share,
    /// Packets.
    Packets,
}

/// A value as a number in its dimension's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quantity {
    pub(crate) dimension: Dimension,
    pub(crate) value: f64,
}

impl Dimension {
    /// The ending of a column's name for such numbers, such as `_bps`; empty without a unit.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::BitRate => "_bps",
            Self::ByteRate => "_bytes_per_s",
            Self::Time => "_ms",
            Self::Size => "_bytes",
            Self::Share => "_percent",
            Self::Packets => "_packets",
        }
    }

    /// The unit in which people read such numbers, and how many of it are one.
    pub(crate) const fn readable(self) -> (&'static str, f64) {
        match self {
            Self::Plain => ("", 1.0),
            Self::BitRate => ("Mbit/s", 1e-6),
            Self::ByteRate => ("kB/s", 1e-3),
            Self::Time => ("ms", 1.0),
            Self::Size => ("kB", 1e-3),
            Self::Share => ("%", 1.0),
            Self::Packets => ("packets", 1.0),
        }
    }
}

impl Quantity {
    /// Reads a value as people write it: `4`, `20 Mbit/s`, `250 ms`, `12 kB`, `1 %`. `None` for words, such as
    /// `hevc` or `unlimited`.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let readers = [plain, share, packets, byte_rate, bit_rate, size, time];
        readers.into_iter().find_map(|read| read(text))
    }

    const fn new(dimension: Dimension, value: f64) -> Self {
        Self { dimension, value }
    }
}

fn plain(text: &str) -> Option<Quantity> {
    let digits = text.contains(|letter: char| letter.is_ascii_digit());
    let number: f64 = text.replace('_', "").parse().ok()?;
    (digits && number.is_finite()).then_some(Quantity::new(Dimension::Plain, number))
}

fn share(text: &str) -> Option<Quantity> {
    let Share(share) = Share::try_from(text.to_owned()).ok()?;
    // Without the noise of the product.
    let percent = (share * 100.0 * 1e9).round() / 1e9;
    Some(Quantity::new(Dimension::Share, percent))
}

fn packets(text: &str) -> Option<Quantity> {
    match QueueLimit::try_from(text.to_owned()).ok()? {
        QueueLimit(Limit::Packets(packets)) => {
            Some(Quantity::new(Dimension::Packets, packets as f64))
        }
        QueueLimit(Limit::Bytes(_) | Limit::None) => None,
    }
}

fn byte_rate(text: &str) -> Option<Quantity> {
    let Bytes(bytes) = (RATE.read)(text)?;
    Some(Quantity::new(Dimension::ByteRate, bytes as f64))
}

fn bit_rate(text: &str) -> Option<Quantity> {
    let BitRate(bits) = text.parse().ok()?;
    Some(Quantity::new(Dimension::BitRate, bits as f64))
}

fn size(text: &str) -> Option<Quantity> {
    let Size(Bytes(bytes)) = Size::try_from(text.to_owned()).ok()?;
    Some(Quantity::new(Dimension::Size, bytes as f64))
}

/// Zero too, which some keys take.
fn time(text: &str) -> Option<Quantity> {
    let span = humantime::parse_duration(text).ok()?;
    Some(Quantity::new(Dimension::Time, span.as_secs_f64() * 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_in_one_unit() {
        let check = |text: &str, dimension: Dimension, value: f64| {
            assert_eq!(
                Quantity::of(text),
                Some(Quantity { dimension, value }),
                "{text}"
            );
        };
        check("4", Dimension::Plain, 4.0);
        check("-0.5", Dimension::Plain, -0.5);
        check("1e3", Dimension::Plain, 1000.0);
        check("2 Mbit/s", Dimension::BitRate, 2e6);
        check("500 kbit/s", Dimension::BitRate, 5e5);
        check("20 kB/s", Dimension::ByteRate, 20_000.0);
        check("250 ms", Dimension::Time, 250.0);
        check("1min 30s", Dimension::Time, 90_000.0);
        check("0 ms", Dimension::Time, 0.0);
        check("12 kB", Dimension::Size, 12_000.0);
        check("16 MiB", Dimension::Size, 16_777_216.0);
        check("0.35 %", Dimension::Share, 0.35);
        check("100 packets", Dimension::Packets, 100.0);
    }

    #[test]
    fn words_are_no_numbers() {
        for word in [
            "hevc",
            "unlimited",
            "richest",
            "true",
            "inf",
            "nan",
            "",
            "threshold:cosine>=0.9",
        ] {
            assert_eq!(Quantity::of(word), None, "{word}");
        }
    }
}
