//! Numbers and times of options, with the range in which they are sensible.
//!
//! One constant per thing: a flag, the same flag of another program and the key of a scenario file have
//! the same range, and say it in the same words. Beyond these ranges lies only what would exhaust the
//! machine, or end before it began.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A whole number of something, in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Both inclusive.
    min: u64,
    max: u64,
}

/// A span of time in a range. As text it is a number and a unit, or several: `250ms`, `2min 30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Both inclusive.
    min: Duration,
    max: Duration,
    example: &'static str,
}

/// A value outside its range, or none at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct OutOfRange {
    expected: String,
}

/// Frames of an edge that are on their way to the cloud at once. Each has a lane, a stream and a container.
pub const IN_FLIGHT: Count = Count::new(1, 256);
/// Frames that wait between two stages of an edge. Each holds a feature, up to 80 MB with ViT-g.
pub const QUEUE: Count = Count::new(1, 256);
/// Threads of one libtorch operation.
pub const THREADS: Count = Count::new(1, 1024);
/// Frames that a cloud works on at once, a thread each.
pub const WORKERS: Count = Count::new(1, 256);
/// Processes or encodings at once.
pub const JOBS: Count = Count::new(1, 256);
/// Pictures of one forward pass.
pub const BATCH: Count = Count::new(1, 1024);
/// Edges of one task in a scenario.
pub const EDGES_PER_TASK: Count = Count::new(1, 256);
/// Pictures of a data set.
pub const PICTURES: Count = Count::new(1, 100_000_000);
/// Frames that a report shows in pictures, per task.
pub const SHOWN: Count = Count::new(0, 1000);
/// Memory in MiB: at most 1 TiB.
pub const MEMORY_MIB: Count = Count::new(1, 1 << 20);
/// Memory for bodies under way in MiB: from 4 MiB, which the largest message needs, to 1 TiB.
pub const BODY_MEMORY_MIB: Count = Count::new(4, 1 << 20);
/// Connections of a cloud at once.
pub const CONNECTIONS: Count = Count::new(2, 65_536);
/// Runs of one certificate.
pub const RUNS: Count = Count::new(1, 1_000_000);
/// Levels of a ladder.
pub const LEVELS: Count = Count::new(1, 255);
/// Seconds of a generated trace: at most a month.
pub const TRACE_SECONDS: Count = Count::new(1, 31 * 24 * 3600);
/// Random divisions of a set.
pub const SPLITS: Count = Count::new(0, 100_000);
/// Resamples behind an interval.
pub const RESAMPLES: Count = Count::new(0, 1_000_000);
/// Registers of a model, tokens between the class token and the patches. Released models have four.
pub const REGISTERS: Count = Count::new(0, 1024);
/// Classes of a task head.
pub const CLASSES: Count = Count::new(1, 1_000_000);

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Between two signs of life of an idle connection.
pub const KEEP_ALIVE: Span = Span::new(Duration::from_millis(10), HOUR, "5s");
/// The time after which a silent peer counts as gone.
pub const IDLE_TIMEOUT: Span = Span::new(Duration::from_millis(100), DAY, "2min");
/// The time to wait for an absent cloud: at most a year.
pub const RETRY_FOR: Span = Span::new(MS, DAY.saturating_mul(365), "60s");
/// The time to wait for the answer to a whole frame.
pub const REPLY_TIMEOUT: Span = Span::new(Duration::from_millis(100), DAY, "5min");
/// The longest run of one codec process. The reference software takes hours for a large feature.
pub const CODEC_TIME: Span = Span::new(MS, DAY.saturating_mul(30), "60s");

impl Count {
    /// From `min` to `max`.
    #[must_use]
    pub const fn new(min: u64, max: u64) -> Self {
        Self { min, max }
    }

    /// The least.
    #[must_use]
    pub const fn min(self) -> u64 {
        self.min
    }

    /// The most.
    #[must_use]
    pub const fn max(self) -> u64 {
        self.max
    }

    /// The value, if it is in the range.
    ///
    /// # Errors
    /// When it is not; the message says the range.
    pub fn check<T: Copy + TryInto<u64>>(self, value: T) -> Result<T, OutOfRange> {
        match value.try_into() {
            Ok(number) if (self.min..=self.max).contains(&number) => Ok(value),
            _ => Err(self.out_of_range()),
        }
    }

    /// A value of a type that holds the whole range.
    ///
    /// # Errors
    /// When the text is no whole number of the range.
    pub fn parse<T: FromStr>(self, text: &str) -> Result<T, OutOfRange> {
        let text = text.trim();
        let number = text.parse().ok();
        number
            .filter(|number| (self.min..=self.max).contains(number))
            .and_then(|_| text.parse().ok())
            .ok_or_else(|| self.out_of_range())
    }

    /// [`Self::parse`], for clap.
    pub fn parser<T: FromStr>(
        self,
    ) -> impl Fn(&str) -> Result<T, OutOfRange> + Clone + Send + Sync + 'static {
        move |text| self.parse(text)
    }

    fn out_of_range(self) -> OutOfRange {
        OutOfRange {
            expected: self.to_string(),
        }
    }
}

impl Span {
    /// From `min` to `max`; `example` is how one is written.
    #[must_use]
    pub const fn new(min: Duration, max: Duration, example: &'static str) -> Self {
        Self { min, max, example }
    }

    /// The longest.
    #[must_use]
    pub const fn max(self) -> Duration {
        self.max
    }

    /// The span, if it is in the range.
    ///
    /// # Errors
    /// When it is not; the message says the range and an example.
    pub fn check(self, span: Duration) -> Result<Duration, OutOfRange> {
        match (self.min..=self.max).contains(&span) {
            true => Ok(span),
            false => Err(self.out_of_range()),
        }
    }

    /// The span of a text such as `250ms`.
    ///
    /// # Errors
    /// When the text is no span, or one outside the range.
    pub fn parse(self, text: &str) -> Result<Duration, OutOfRange> {
        let span = humantime::parse_duration(text.trim()).map_err(|_| self.out_of_range())?;
        self.check(span)
    }

    /// [`Self::parse`], for clap.
    pub fn parser(
        self,
    ) -> impl Fn(&str) -> Result<Duration, OutOfRange> + Clone + Send + Sync + 'static {
        move |text| self.parse(text)
    }

    fn out_of_range(self) -> OutOfRange {
        OutOfRange {
            expected: self.to_string(),
        }
    }
}

/// The range in words.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.min, self.max)
    }
}

/// The range in words, with an example.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (in_words(self.min), in_words(self.max));
        write!(
            f,
            "a time from {min} to {max} with its unit, such as {}",
            self.example
        )
    }
}

/// Whole days as days: the units that would be used otherwise are of no whole number of them.
fn in_words(span: Duration) -> String {
    let (seconds, day) = (span.as_secs(), DAY.as_secs());
    match seconds / day {
        days if days > 1 && seconds.is_multiple_of(day) => format!("{days} days"),
        _ => humantime::format_duration(span).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroUsize};

    use super::*;

    #[test]
    fn counts_are_whole_numbers_of_their_range() {
        let parse = |text: &str| IN_FLIGHT.parse::<NonZeroU32>(text).map(NonZeroU32::get);
        assert_eq!(parse("1"), Ok(1));
        assert_eq!(parse(" 256 "), Ok(256));
        for wrong in [
            "0",
            "257",
            "4294967295",
            "99999999999999999999",
            "-1",
            "1.5",
            "many",
            "",
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert_eq!(error, "expected a whole number from 1 to 256", "{wrong}");
        }
        let eight = NonZeroUsize::new(8).unwrap();
        assert_eq!(IN_FLIGHT.check(eight.get()), Ok(8));
        assert!(IN_FLIGHT.check(usize::MAX).is_err());
    }

    #[test]
    fn spans_have_units_and_a_range() {
        assert_eq!(KEEP_ALIVE.parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(IDLE_TIMEOUT.parse("1min 30s"), Ok(Duration::from_secs(90)));
        for wrong in ["0s", "5", "soon", "2h", "100000years", "-1s", ""] {
            let error = KEEP_ALIVE.parse(wrong).unwrap_err().to_string();
            assert_eq!(
                error, "expected a time from 10ms to 1h with its unit, such as 5s",
                "{wrong}"
            );
        }
        assert!(RETRY_FOR.to_string().contains("to 365 days"), "{RETRY_FOR}");
        assert!(
            IDLE_TIMEOUT.to_string().contains("to 1day"),
            "{IDLE_TIMEOUT}"
        );
    }

    #[test]
    fn examples_are_in_their_ranges() {
        for span in [
            KEEP_ALIVE,
            IDLE_TIMEOUT,
            REPLY_TIMEOUT,
            RETRY_FOR,
            CODEC_TIME,
        ] {
            assert!(span.parse(span.example).is_ok(), "{span}");
        }
    }
}
