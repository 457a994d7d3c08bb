//! The formats of rates, line by line.

use std::borrow::Cow;
use std::time::Duration;

use splitsim_feature::units::BitRate;
use splitsim_text::{Line, Text};

use super::TraceError;
use super::plausible::{Column, Units};
use super::read::excerpt;
use super::units::{RateUnit, Stated, TimeUnit};

/// A trace of rates as its file has it.
#[derive(Debug)]
pub(super) struct Rates {
    pub(super) rows: Vec<Row>,
    pub(super) units: Units,
}

impl Rates {
    fn collect(
        rows: impl Iterator<Item = Result<Row, TraceError>>,
        units: Units,
    ) -> Result<Self, TraceError> {
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
            units,
        })
    }
}

/// A line of a trace of rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) at: Duration,
    /// The time as written in the line.
    pub(super) time: String,
    /// `None` where it is missing.
    pub(super) rate: Option<BitRate>,
}

/// Faster links than 100 Gbit/s are no edge's; a number above is of another unit.
const FASTEST: BitRate = BitRate(100_000_000_000);
/// Medians of a file that does not say its unit: fast 5G stays below.
const USUAL: BitRate = BitRate(500_000_000);
/// Medians of the sets recorded on phones, whose unit is known: no phone is faster.
const USUAL_OF_PHONES: BitRate = BitRate(5_000_000_000);
/// A phone sets its clock right by some seconds; more is another recording.
const CLOCK_STEP: Duration = Duration::from_secs(10);

/// The columns' names, of which the unit must be this format's.
pub(super) fn check_header(header: Line<'_>) -> Result<(), TraceError> {
    let cells = header.cells();
    let unit = cells.get(1).map(|unit| unit.to_lowercase());
    match unit.as_deref() {
        Some("mbit/s" | "mbps") => Ok(()),
        _ => Err(TraceError::Header {
            line: header.number,
            found: excerpt(header.text),
        }),
    }
}

/// Two columns, in seconds and Mbit/s; a header states the units that it names.
pub(super) fn two_columns(
    text: &Text,
    header: Option<Line<'_>>,
    stated: Stated,
) -> Result<Rates, TraceError> {
    let named = header.is_some_and(|header| {
        let cells = header.cells();
        cells
            .first()
            .is_some_and(|time| time.eq_ignore_ascii_case("seconds"))
    });
    let units = Units {
        time: column_unit(stated.time, TimeUnit::Seconds, named),
        rate: column_unit(stated.rate, RateUnit::Megabit, header.is_some()),
        usual: USUAL,
        may_have_header: true,
    };
    let rows = text.entries().skip(usize::from(header.is_some()));
    rows_of(rows, [0, 1], units)
}

/// `Timestamp` by the second, `DL_bitrate` in kbit/s.
///
/// Phones set their clocks while they record: a time up to ten seconds before an earlier one counts as
/// that earlier time.
pub(super) fn ucc(text: &Text, header: Line<'_>, stated: Stated) -> Result<Rates, TraceError> {
    let (time, rate) = (column(header, "Timestamp")?, column(header, "DL_bitrate")?);
    if stated.time.is_some() {
        return Err(TraceError::OwnUnits { column: "times" });
    }
    let units = Units {
        time: column_unit(None, TimeUnit::Seconds, true),
        rate: column_unit(stated.rate, RateUnit::Kilobit, false),
        usual: USUAL_OF_PHONES,
        may_have_header: false,
    };
    let mut latest = Duration::ZERO;
    let rows = text.entries().skip(1).map(|line| {
        let line = Cells::of(line);
        let time = line.cell(time);
        let at = date_time(time).ok_or_else(|| line.wrong(time, "time as YYYY.MM.DD_hh.mm.ss"))?;
        let steps_back = at < latest && latest - at <= CLOCK_STEP;
        let at = if steps_back { latest } else { at };
        latest = at;
        Ok(Row {
            line: line.number,
            at,
            time: time.to_owned(),
            rate: line.rate(line.cell(rate), units.rate.unit)?,
        })
    });
    Rates::collect(rows, units)
}

/// `seq_num` in seconds, `Throughput` in Mbit/s.
pub(super) fn lumos5g(text: &Text, header: Line<'_>, stated: Stated) -> Result<Rates, TraceError> {
    let columns = [column(header, "seq_num")?, column(header, "Throughput")?];
    let units = Units {
        time: column_unit(stated.time, TimeUnit::Seconds, false),
        rate: column_unit(stated.rate, RateUnit::Megabit, false),
        usual: USUAL_OF_PHONES,
        may_have_header: false,
    };
    rows_of(text.entries().skip(1), columns, units)
}

/// Unix time in ms, ms since the start, latitude, longitude, bytes and ms since the row before (van der
/// Hooft et al., "HTTP/2-Based Adaptive Streaming of HEVC Video Over 4G/LTE Networks", 2016).
pub(super) fn ghent(text: &Text, stated: Stated) -> Result<Rates, TraceError> {
    if stated.rate.is_some() {
        return Err(TraceError::OwnUnits { column: "rates" });
    }
    let units = Units {
        time: column_unit(stated.time, TimeUnit::Milliseconds, false),
        rate: column_unit(None, RateUnit::Megabit, false),
        usual: USUAL_OF_PHONES,
        may_have_header: false,
    };
    let rows = text.entries().map(|line| {
        let line = Cells::of(line);
        let (time, bytes, span) = (line.cell(1), line.cell(4), line.cell(5));
        let whole = |text: &str, what| text.parse::<u64>().map_err(|_| line.wrong(text, what));
        let unit = units.time.unit;
        let at = unit.whole(whole(time, "whole number of ms")?);
        let span_s = unit.whole(whole(span, "span of ms above zero")?);
        if span_s.is_zero() {
            return Err(line.wrong(span, "span of ms above zero"));
        }
        let bits = whole(bytes, "whole number of bytes")? as f64 * 8.0;
        Ok(Row {
            line: line.number,
            at,
            time: time.to_owned(),
            rate: Some(line.bounded(bits / span_s.as_secs_f64(), RateUnit::Megabit)?),
        })
    });
    Rates::collect(rows, units)
}

/// A stated unit, else the format's own, which may itself be known for certain.
fn column_unit<U>(stated: Option<U>, own: U, certain: bool) -> Column<U> {
    match stated {
        Some(unit) => Column { unit, stated: true },
        None => Column {
            unit: own,
            stated: certain,
        },
    }
}

/// Rows of numbers in two columns, times and rates.
fn rows_of<'a>(
    lines: impl Iterator<Item = Line<'a>>,
    [time, rate]: [usize; 2],
    units: Units,
) -> Result<Rates, TraceError> {
    let rows = lines.map(|line| {
        let line = Cells::of(line);
        let time = line.cell(time);
        Ok(Row {
            line: line.number,
            at: line.time(time, units.time.unit)?,
            time: time.to_owned(),
            rate: line.rate(line.cell(rate), units.rate.unit)?,
        })
    });
    Rates::collect(rows, units)
}

#[derive(Debug)]
struct Cells<'a> {
    number: usize,
    cells: Vec<Cow<'a, str>>,
}

impl<'a> Cells<'a> {
    fn of(line: Line<'a>) -> Self {
        Self {
            number: line.number,
            cells: line.cells(),
        }
    }

    fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell)
    }

    fn wrong(&self, text: &str, expected: &'static str) -> TraceError {
        TraceError::Line {
            line: self.number,
            text: excerpt(text),
            expected,
        }
    }

    fn time(&self, text: &str, unit: TimeUnit) -> Result<Duration, TraceError> {
        let number = text.parse::<f64>().ok();
        number
            .and_then(|number| unit.duration(number))
            .ok_or_else(|| self.wrong(text, "number of seconds"))
    }

    /// A rate; `None` for a dash.
    fn rate(&self, text: &str, unit: RateUnit) -> Result<Option<BitRate>, TraceError> {
        if text == "-" {
            return Ok(None);
        }
        let number: f64 = text.parse().map_err(|_| self.wrong(text, "rate"))?;
        if number.is_nan() || number < 0.0 {
            return Err(self.wrong(text, "rate"));
        }
        self.bounded(number * unit.bits(), unit).map(Some)
    }

    fn bounded(&self, bits: f64, unit: RateUnit) -> Result<BitRate, TraceError> {
        if bits > FASTEST.0 as f64 {
            let value = bits / unit.bits();
            return Err(TraceError::Unit {
                line: self.number,
                value,
                unit,
                likely: unit.likely(value),
            });
        }
        Ok(BitRate(bits.round() as u64))
    }
}

fn column(header: Line<'_>, name: &str) -> Result<usize, TraceError> {
    let cells = header.cells();
    cells
        .iter()
        .position(|cell| cell == name)
        .ok_or_else(|| TraceError::Format {
            line: header.number,
            found: excerpt(header.text),
        })
}

/// Seconds since 1970 of `YYYY.MM.DD_hh.mm.ss`.
fn date_time(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once('_')?;
    let numbers = |text: &str| -> Option<[u64; 3]> {
        let numbers: Result<Vec<u64>, _> = text.split('.').map(str::parse).collect();
        numbers.ok()?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date)?, numbers(time)?);
    let ranges = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 62;
    ranges.then(|| {
        let seconds = hour * 3600 + minute * 60 + second;
        Duration::from_secs(days(year, month, day) * 86_400 + seconds)
    })
}

/// Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is their
/// last (Richards, "Mapping Time", 1998, chapter 25).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    // Up to 1970-01-01 there are 719 468 days by this count.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_1970() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(date_time(text), seconds.map(Duration::from_secs), "{text}");
        };
        check("1970.01.01_00.00.00", Some(0));
        // date -u -d '2019-12-16 13:40:04' +%s
        check("2019.12.16_13.40.04", Some(1_576_503_604));
        check("2020.02.29_23.59.59", Some(1_583_020_799));
        check("2000.03.01_00.00.00", Some(951_868_800));
        check("2019.13.16_13.40.04", None);
        check("2019.12.16", None);
        check("2019.12.16_13.40.18446744073709551615", None);
    }
}
