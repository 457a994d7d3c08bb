//! Values with their unit: `"60 s"`, `"12 kB"`.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::Limit;

/// A span of time, such as `"250 ms"` or `"2 min"`; longer than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(super) struct TimeSpan(pub(super) Duration);

/// A number of bytes, such as `"12 kB"` (12000) or `"16 MiB"`; more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(super) struct Size(pub(super) Bytes);

/// A rate on a link, such as `"20 Mbit/s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(super) struct Rate(pub(super) BitRate);

/// A share such as `"1 %"`, from nothing to all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(into = "String")]
pub(super) struct Share(pub(super) f64);

/// The capacity of a queue: a size, `"100 packets"` or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(super) struct QueueLimit(pub(super) Limit);

/// Largest first, so that a size is printed in the largest unit that it is a whole number of.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// The longest span: nothing that a scenario measures lasts longer, and sums of such spans are times that
/// every clock can express.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A quantity is read from a text. A number alone is refused with the unit that it lacks.
macro_rules! quantities {
    ($($quantity:ident: $expected:literal;)*) => {$(
        impl<'de> Deserialize<'de> for $quantity {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(WithUnit {
                    expected: $expected,
                    quantity: PhantomData,
                })
            }
        }
    )*};
}

quantities! {
    TimeSpan: "a time with its unit, such as \"35 ms\"";
    Size: "a size with its unit, such as \"12 kB\"";
    Rate: "a rate with its unit, such as \"20 Mbit/s\"";
    Share: "a share in per cent, such as \"1 %\"";
    QueueLimit: "a queue such as \"256 kB\", \"100 packets\" or \"unlimited\"";
}

/// Reads a quantity.
struct WithUnit<T> {
    expected: &'static str,
    quantity: PhantomData<T>,
}

impl<T> WithUnit<T> {
    fn lacking<E: de::Error>(&self, number: impl fmt::Display) -> E {
        E::custom(format_args!(
            "{number} has no unit, expected {}",
            self.expected
        ))
    }
}

impl<T: TryFrom<String, Error = String>> Visitor<'_> for WithUnit<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::try_from(text.to_owned()).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        Err(self.lacking(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        Err(self.lacking(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        Err(self.lacking(number))
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_duration(&text)
            .ok()
            .filter(|span| !span.is_zero() && *span <= LONGEST)
            .map(Self)
            .ok_or_else(|| {
                format!("'{text}' is no span of time up to a year; expected a number and a unit, such as 60 s or 250 ms")
            })
    }
}

impl From<TimeSpan> for String {
    fn from(TimeSpan(span): TimeSpan) -> Self {
        humantime::format_duration(span).to_string()
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_size(&text)
            .map(|bytes| Self(Bytes(bytes)))
            .ok_or_else(|| {
                let units = SIZE_UNITS.map(|(unit, _)| unit).join(", ");
                format!(
                    "'{text}' is no size; expected a whole number and one of {units}, such as 12 kB"
                )
            })
    }
}

impl From<Size> for String {
    fn from(Size(Bytes(bytes)): Size) -> Self {
        let (unit, factor) = SIZE_UNITS
            .into_iter()
            .find(|(_, factor)| bytes.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        format!("{} {unit}", bytes / factor)
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
            .map(Self)
            .map_err(|error: splitsim_feature::units::NoBitRate| error.to_string())
    }
}

impl From<Rate> for String {
    fn from(Rate(rate): Rate) -> Self {
        rate.to_string()
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let percent = text.strip_suffix('%').map(str::trim_end);
        percent
            .and_then(hundredths)
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Self)
            .ok_or_else(|| {
                format!("'{text}' is no share; expected a number from 0 to 100 and %, such as 1 %")
            })
    }
}

impl From<Share> for String {
    fn from(Share(share): Share) -> Self {
        let percent = share * 100.0;
        // Without the noise of the product, where the share is read back all the same.
        let rounded = (percent * 1e9).round() / 1e9;
        let same = hundredths(&rounded.to_string()) == Some(share);
        format!("{} %", if same { rounded } else { percent })
    }
}

impl TryFrom<String> for QueueLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let packets = text.strip_suffix("packets").map(str::trim_end);
        let packets = packets.and_then(|packets| packets.parse().ok());
        let limit = match packets {
            _ if text == "unlimited" => Some(Limit::None),
            Some(packets) => Some(Limit::Packets(packets)),
            None => parse_size(&text).map(|bytes| Limit::Bytes(Bytes(bytes))),
        };
        limit.map(Self).ok_or_else(|| {
            format!("'{text}' is no queue; expected a size, such as 256 kB, or 100 packets, or unlimited")
        })
    }
}

impl From<QueueLimit> for String {
    fn from(QueueLimit(limit): QueueLimit) -> Self {
        match limit {
            Limit::None => "unlimited".to_owned(),
            Limit::Packets(packets) => format!("{packets} packets"),
            Limit::Bytes(bytes) => Self::from(Size(bytes)),
        }
    }
}

/// The share nearest to a number of per cent; a division by 100 would round twice.
fn hundredths(percent: &str) -> Option<f64> {
    format!("{percent}e-2").parse().ok()
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let (_, factor) = SIZE_UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let bytes = number.parse::<u64>().ok()?.checked_mul(factor)?;
    (bytes > 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        let check = |text: &str, ms: Option<u64>| {
            let span = TimeSpan::try_from(text.to_owned()).ok();
            assert_eq!(span, ms.map(|ms| TimeSpan(Duration::from_millis(ms))));
        };
        check("60 s", Some(60_000));
        check("250ms", Some(250));
        check("1min 30s", Some(90_000));
        check("60", None);
        check("0 s", None);
        check("soon", None);
        check("365 days", Some(365 * 24 * 3_600_000));
        check("100000 years", None);
    }

    #[test]
    fn a_number_without_a_unit_is_told_which_it_lacks() {
        #[derive(Debug, Deserialize)]
        struct Table {
            #[expect(dead_code, reason = "only whether it can be read matters")]
            delay: Option<TimeSpan>,
            #[expect(dead_code, reason = "only whether it can be read matters")]
            loss: Option<Share>,
            #[expect(dead_code, reason = "only whether it can be read matters")]
            rate: Option<Rate>,
        }
        for (text, says) in [
            (
                "delay = 35",
                "35 has no unit, expected a time with its unit, such as \"35 ms\"",
            ),
            ("delay = 0.5", "0.5 has no unit, expected a time"),
            (
                "delay = true",
                "expected a time with its unit, such as \"35 ms\"",
            ),
            (
                "loss = 0.01",
                "0.01 has no unit, expected a share in per cent, such as \"1 %\"",
            ),
            (
                "rate = 20",
                "20 has no unit, expected a rate with its unit, such as \"20 Mbit/s\"",
            ),
        ] {
            let error = toml::from_str::<Table>(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn sizes_have_a_unit_and_print_as_they_were() {
        for text in ["12 kB", "16 MiB", "1500 B", "2 GB"] {
            let size = Size::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(size), text);
        }
        assert_eq!(Size::try_from("3kB".to_owned()), Ok(Size(Bytes(3000))));
        for wrong in ["12", "kB", "1.5 kB", "12 KB", "0 B", "99999999999 GiB"] {
            assert!(Size::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_have_a_per_cent_sign() {
        for (text, share) in [
            ("1 %", 0.01),
            ("0.35%", 0.0035),
            ("100 %", 1.0),
            ("0 %", 0.0),
        ] {
            assert_eq!(Share::try_from(text.to_owned()), Ok(Share(share)), "{text}");
        }
        assert_eq!(String::from(Share(0.07)), "7 %");
        for wrong in ["1", "1 percent", "-1 %", "101 %", "nan %"] {
            assert!(Share::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn queues_are_sizes_or_packets() {
        for text in ["256 kB", "100 packets", "unlimited"] {
            let limit = QueueLimit::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(limit), text);
        }
        for wrong in ["100", "packets", "-1 packets", "much"] {
            assert!(QueueLimit::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
