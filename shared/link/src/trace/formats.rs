//! The formats of rates, line by line.

use std::time::Duration;

use splitsim_feature::units::BitRate;

use super::TraceError;
use super::read::{cells, excerpt};

/// A line of a trace of rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) at: Duration,
    /// The time as it stands in the line.
    pub(super) time: String,
    /// `None` where it is missing.
    pub(super) rate: Option<BitRate>,
}

/// Faster links than 100 Gbit/s are no edge's; a number above is of another unit.
const FASTEST_MBIT: f64 = 100_000.0;

/// The columns' names, of which the unit must be this format's.
pub(super) fn check_header(header: &str) -> Result<(), TraceError> {
    let unit = cells(header).nth(1).unwrap_or_default().to_lowercase();
    match unit.as_str() {
        "mbit/s" | "mbps" => Ok(()),
        _ => Err(TraceError::Header {
            found: excerpt(header),
        }),
    }
}

pub(super) fn seconds_mbit(text: &str, header: bool) -> Result<Vec<Row>, TraceError> {
    let line = |line: Line<'_>| {
        let time = line.cell(0);
        Ok(Row {
            line: line.number,
            at: line.seconds(time)?,
            time: time.to_owned(),
            rate: line.mbit(line.cell(1), 1.0)?,
        })
    };
    lines(text).skip(usize::from(header)).map(line).collect()
}

/// `Timestamp` by the second, `DL_bitrate` in kbit/s.
pub(super) fn ucc(text: &str) -> Result<Vec<Row>, TraceError> {
    let (time, rate) = (column(text, "Timestamp")?, column(text, "DL_bitrate")?);
    let rows = lines(text).skip(1).map(|line| {
        let time = line.cell(time);
        let at = date_time(time).ok_or_else(|| line.wrong(time, "time as YYYY.MM.DD_hh.mm.ss"))?;
        Ok(Row {
            line: line.number,
            at,
            time: time.to_owned(),
            rate: line.mbit(line.cell(rate), 0.001)?,
        })
    });
    rows.collect()
}

/// `seq_num` in seconds, `Throughput` in Mbit/s.
pub(super) fn lumos5g(text: &str) -> Result<Vec<Row>, TraceError> {
    let (time, rate) = (column(text, "seq_num")?, column(text, "Throughput")?);
    let rows = lines(text).skip(1).map(|line| {
        let time = line.cell(time);
        Ok(Row {
            line: line.number,
            at: line.seconds(time)?,
            time: time.to_owned(),
            rate: line.mbit(line.cell(rate), 1.0)?,
        })
    });
    rows.collect()
}

/// Unix time in ms, ms since the start, latitude, longitude, bytes and ms since the row before (van der
/// Hooft et al., "HTTP/2-Based Adaptive Streaming of HEVC Video Over 4G/LTE Networks", 2016).
pub(super) fn ghent(text: &str) -> Result<Vec<Row>, TraceError> {
    let rows = lines(text).map(|line| {
        let (time, bytes, span) = (line.cell(1), line.cell(4), line.cell(5));
        let whole = |text: &str, what| text.parse::<u64>().map_err(|_| line.wrong(text, what));
        let ms = whole(time, "whole number of ms")?;
        let span_ms = whole(span, "span of ms above zero")?;
        if span_ms == 0 {
            return Err(line.wrong(span, "span of ms above zero"));
        }
        let mbit = whole(bytes, "whole number of bytes")? as f64 * 8.0 / 1000.0 / span_ms as f64;
        Ok(Row {
            line: line.number,
            at: Duration::from_millis(ms),
            time: time.to_owned(),
            rate: Some(line.rate(mbit)?),
        })
    });
    rows.collect()
}

#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let numbered = text.lines().enumerate();
    numbered.map(|(index, text)| Line {
        number: index + 1,
        text,
    })
}

impl<'a> Line<'a> {
    fn cell(&self, column: usize) -> &'a str {
        cells(self.text).nth(column).unwrap_or_default()
    }

    fn wrong(&self, text: &str, expected: &'static str) -> TraceError {
        TraceError::Line {
            line: self.number,
            text: excerpt(text),
            expected,
        }
    }

    fn seconds(&self, text: &str) -> Result<Duration, TraceError> {
        let seconds = text.parse::<f64>().ok();
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| self.wrong(text, "number of seconds"))
    }

    /// A rate in `unit` Mbit/s; `None` for a dash.
    fn mbit(&self, text: &str, unit: f64) -> Result<Option<BitRate>, TraceError> {
        if text == "-" {
            return Ok(None);
        }
        let number: f64 = text.parse().map_err(|_| self.wrong(text, "rate"))?;
        if number.is_nan() || number < 0.0 {
            return Err(self.wrong(text, "rate"));
        }
        self.rate(number * unit).map(Some)
    }

    fn rate(&self, mbit: f64) -> Result<BitRate, TraceError> {
        if mbit > FASTEST_MBIT {
            return Err(TraceError::Unit {
                line: self.number,
                value: mbit,
                unit: "Mbit/s",
            });
        }
        Ok(BitRate((mbit * 1e6).round() as u64))
    }
}

fn column(text: &str, name: &str) -> Result<usize, TraceError> {
    let header = text.lines().next().unwrap_or_default();
    cells(header)
        .position(|cell| cell == name)
        .ok_or_else(|| TraceError::Format {
            found: excerpt(header),
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
    let seconds = hour * 3600 + minute * 60 + second;
    ranges.then(|| Duration::from_secs(days(year, month, day) * 86_400 + seconds))
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
    }
}
