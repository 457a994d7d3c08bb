//! Units of a trace's columns.

use std::fmt;
use std::time::Duration;

/// Units that somebody states because they are not, or not certainly, those of the format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stated {
    /// The unit of times.
    pub time: Option<TimeUnit>,
    /// The unit of rates.
    pub rate: Option<RateUnit>,
}

/// A unit of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// `s`
    Seconds,
    /// `ms`
    Milliseconds,
    /// `us`
    Microseconds,
    /// `ns`
    Nanoseconds,
}

/// A unit of rates, multiples of 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateUnit {
    /// `bit/s`
    Bit,
    /// `kbit/s`
    Kilobit,
    /// `Mbit/s`
    Megabit,
    /// `Gbit/s`
    Gigabit,
    /// `B/s`
    Byte,
    /// `kB/s`
    Kilobyte,
    /// `MB/s`
    Megabyte,
}

/// In kbit/s, a rate above this would be above 300 Mbit/s: it is in bit/s.
const HIGHEST_KBIT: f64 = 300_000.0;

impl TimeUnit {
    /// Every unit.
    pub const ALL: [Self; 4] = [
        Self::Seconds,
        Self::Milliseconds,
        Self::Microseconds,
        Self::Nanoseconds,
    ];

    /// Its symbol, in ASCII.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        }
    }

    const fn per_second(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1e6,
            Self::Nanoseconds => 1e9,
        }
    }

    /// A whole number of it, to the nanosecond.
    pub(super) fn whole(self, number: u64) -> Duration {
        match self {
            Self::Seconds => Duration::from_secs(number),
            Self::Milliseconds => Duration::from_millis(number),
            Self::Microseconds => Duration::from_micros(number),
            Self::Nanoseconds => Duration::from_nanos(number),
        }
    }

    /// This number of units; `None` if it is not a valid duration, such as a negative number.
    pub(super) fn duration(self, number: f64) -> Option<Duration> {
        Duration::try_from_secs_f64(number / self.per_second()).ok()
    }
}

impl RateUnit {
    /// Every unit.
    pub const ALL: [Self; 7] = [
        Self::Bit,
        Self::Kilobit,
        Self::Megabit,
        Self::Gigabit,
        Self::Byte,
        Self::Kilobyte,
        Self::Megabyte,
    ];

    /// Its symbol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bit => "bit/s",
            Self::Kilobit => "kbit/s",
            Self::Megabit => "Mbit/s",
            Self::Gigabit => "Gbit/s",
            Self::Byte => "B/s",
            Self::Kilobyte => "kB/s",
            Self::Megabyte => "MB/s",
        }
    }

    /// The unit that a number is probably in which is too high for this one.
    pub(super) const fn likely(self, number: f64) -> Self {
        match self {
            Self::Megabit if number < HIGHEST_KBIT => Self::Kilobit,
            _ => Self::Bit,
        }
    }

    /// Bits per second of one.
    pub(super) const fn bits(self) -> f64 {
        match self {
            Self::Bit => 1.0,
            Self::Kilobit => 1e3,
            Self::Megabit => 1e6,
            Self::Gigabit => 1e9,
            Self::Byte => 8.0,
            Self::Kilobyte => 8e3,
            Self::Megabyte => 8e6,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for RateUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
