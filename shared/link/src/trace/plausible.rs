//! Plausibility of the units of a trace.
//!
//! A file of two columns does not state its units, and other collections use the same form with ms and
//! kbit/s. Numbers that are implausible in the format's units are refused with the probable unit; a stated unit
//! is accepted within physical limits.

use std::fmt;
use std::time::Duration;

use splitsim_feature::units::BitRate;

use super::TraceError;
use super::units::{RateUnit, TimeUnit};

/// A column's unit and whether the file or somebody states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column<U> {
    pub(super) unit: U,
    pub(super) stated: bool,
}

/// The units in which rows were read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    pub(super) time: Column<TimeUnit>,
    pub(super) rate: Column<RateUnit>,
    /// A median above this is in another unit, unless the unit is stated.
    pub(super) usual: BitRate,
    /// `true` if the format has two columns, whose units a header can state.
    pub(super) may_have_header: bool,
}

/// A column that is probably in another unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The number that gives rise to it.
    found: String,
    /// The option of `splitsim link` that states the unit.
    option: &'static str,
    likely: &'static str,
}

/// One doubt or two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubts {
    doubts: Vec<Doubt>,
    /// `true` if a header could confirm the units as read.
    may_have_header: bool,
}

/// Rows further apart than this are no rows of seconds: traces have one a second or more, those that
/// follow changes one in some seconds.
const LONGEST_STEP: Duration = Duration::from_secs(50);
/// Longer traces are counted in smaller units: recordings last minutes, a day's drive some hours.
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// Traces longer than a year are refused even in stated units.
const LONGEST_STATED: Duration = Duration::from_secs(365 * 86_400);
/// Seconds since 1970 up to the year 5138; a count of ms passed this in 1973.
const LATEST: Duration = Duration::from_secs(100_000_000_000);
/// The highest rate is seldom far above the median of usual ones.
const PEAK_TO_USUAL: u64 = 20;

impl Doubt {
    pub(super) fn time(found: String, likely: TimeUnit) -> Self {
        Self {
            found,
            option: "--times",
            likely: likely.name(),
        }
    }
}

impl Doubts {
    pub(super) fn of(doubt: Doubt) -> Self {
        Self {
            doubts: vec![doubt],
            may_have_header: false,
        }
    }
}

impl Units {
    /// Refuses rows whose numbers are in other units; `end` is the end of the last row.
    pub(super) fn check(
        &self,
        rows: &[(Duration, BitRate)],
        end: Duration,
    ) -> Result<(), TraceError> {
        let doubts: Vec<Doubt> = [self.doubt_time(rows, end), self.doubt_rate(rows)]
            .into_iter()
            .flatten()
            .collect();
        if !doubts.is_empty() {
            return Err(TraceError::Units {
                doubts: Doubts {
                    doubts,
                    may_have_header: self.may_have_header,
                },
            });
        }
        let length = rows.first().map_or(end, |&(first, _)| end - first);
        match length > LONGEST_STATED {
            true => Err(TraceError::TooLong {
                days: length.as_secs() / 86_400,
            }),
            false => Ok(()),
        }
    }

    fn doubt_time(&self, rows: &[(Duration, BitRate)], end: Duration) -> Option<Doubt> {
        let unit = self.time.unit;
        let first = rows.first()?.0;
        if end > LATEST {
            let found = format!("time {} {unit} is after the year 5000", number(end, unit));
            return Some(Doubt::time(found, epoch(end, unit)));
        }
        if self.time.stated {
            return None;
        }
        let step = median_step(rows)?;
        if step >= LONGEST_STEP {
            let found = format!(
                "half of the steps are {} {unit} or more",
                number(step, unit)
            );
            return Some(Doubt::time(found, smaller(unit)));
        }
        (end - first > LONGEST).then(|| {
            let found = format!("the trace lasts {} {unit}", number(end - first, unit));
            Doubt::time(found, smaller(unit))
        })
    }

    fn doubt_rate(&self, rows: &[(Duration, BitRate)]) -> Option<Doubt> {
        let mut rates: Vec<u64> = rows.iter().map(|(_, rate)| rate.0).collect();
        rates.retain(|&rate| rate > 0);
        rates.sort_unstable();
        let (&median, &peak) = (lower_median(&rates)?, rates.last()?);
        let (limit, unit) = (self.usual.0, self.rate.unit);
        if self.rate.stated || median <= limit && peak <= limit.saturating_mul(PEAK_TO_USUAL) {
            return None;
        }
        let of_unit = |rate: u64| rate as f64 / unit.bits();
        let found = match median > limit {
            true => format!("half of the rates are {} {unit} or more", of_unit(median)),
            false => format!("the highest rate is {} {unit}", of_unit(peak)),
        };
        Some(Doubt {
            found,
            option: "--rates",
            likely: unit.likely(of_unit(median)).name(),
        })
    }
}

fn number(span: Duration, unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Seconds => span.as_secs_f64(),
        TimeUnit::Milliseconds => span.as_nanos() as f64 / 1e6,
        TimeUnit::Microseconds => span.as_nanos() as f64 / 1e3,
        TimeUnit::Nanoseconds => span.as_nanos() as f64,
    }
}

fn median_step(rows: &[(Duration, BitRate)]) -> Option<Duration> {
    let mut steps: Vec<Duration> = rows.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_unstable();
    lower_median(&steps).copied()
}

/// The value that at least half of all reach.
fn lower_median<T>(sorted: &[T]) -> Option<&T> {
    sorted.get(sorted.len().checked_sub(1)? / 2)
}

/// The unit in which a time since 1970 is before the year 5138.
fn epoch(time: Duration, unit: TimeUnit) -> TimeUnit {
    let units = TimeUnit::ALL.into_iter();
    let number = number(time, unit);
    let fits = |unit: &TimeUnit| unit.duration(number).is_some_and(|time| time <= LATEST);
    units.clone().find(fits).unwrap_or(TimeUnit::Nanoseconds)
}

const fn smaller(unit: TimeUnit) -> TimeUnit {
    match unit {
        TimeUnit::Seconds => TimeUnit::Milliseconds,
        TimeUnit::Milliseconds => TimeUnit::Microseconds,
        TimeUnit::Microseconds | TimeUnit::Nanoseconds => TimeUnit::Nanoseconds,
    }
}

impl fmt::Display for Doubts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |of: fn(&Doubt) -> String, by: &str| {
            let texts: Vec<String> = self.doubts.iter().map(of).collect();
            texts.join(by)
        };
        write!(
            f,
            "{}: probably {}; `splitsim link convert {}` reads it so",
            joined(|doubt| doubt.found.clone(), ", "),
            joined(|doubt| doubt.likely.to_owned(), " and "),
            joined(|doubt| format!("{} {}", doubt.option, doubt.likely), " "),
        )?;
        match self.may_have_header {
            true => f.write_str(", a first line 'seconds,Mbit/s' confirms these units"),
            false => Ok(()),
        }
    }
}
