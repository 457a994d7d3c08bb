//! Text to trace.

use std::path::Path;
use std::time::Duration;

use splitsim_feature::units::BitRate;

use super::TraceError;
use super::formats::{self, Row};
use crate::{AtEnd, Opportunities, RateSteps, Service};

/// A trace of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// Rates over time.
    Rates(RateSteps),
    /// Mahimahi's opportunities.
    Opportunities(Opportunities),
}

/// Reads a trace of a file.
///
/// # Errors
/// When it cannot be read, is of no known format, or a line of it is wrong.
pub fn read(path: &Path) -> Result<Trace, TraceError> {
    let text = std::fs::read_to_string(path).map_err(|source| TraceError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|source| TraceError::InFile {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

/// Reads a trace of a text.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> Result<Trace, TraceError> {
    let first = text.lines().next().ok_or(TraceError::Empty)?.trim();
    let columns: Vec<&str> = cells(first).collect();
    let numbers = columns.iter().filter(|cell| cell.parse::<f64>().is_ok());
    match (columns.len(), numbers.count()) {
        (1, 1) => opportunities(text).map(Trace::Opportunities),
        (2, 2) => rates(formats::seconds_mbit(text, false)?),
        (6, 6) => rates(formats::ghent(text)?),
        _ if columns.contains(&"DL_bitrate") => rates(formats::ucc(text)?),
        _ if columns.contains(&"Throughput") && columns.contains(&"seq_num") => {
            rates(formats::lumos5g(text)?)
        }
        (2, 0) if ["seconds", "time"].contains(&columns[0].to_lowercase().as_str()) => {
            formats::check_header(first)?;
            rates(formats::seconds_mbit(text, true)?)
        }
        _ => Err(TraceError::Format {
            found: excerpt(first),
        }),
    }
}

/// Cells of a line, separated by commas, semicolons, tabs or blanks.
pub(super) fn cells(line: &str) -> impl Iterator<Item = &str> {
    let separated = line.contains([',', ';']);
    line.split(move |c: char| match separated {
        true => c == ',' || c == ';',
        false => c.is_whitespace(),
    })
    .map(str::trim)
    .filter(move |cell| separated || !cell.is_empty())
}

/// As much of a line as fits into a message.
pub(super) fn excerpt(line: &str) -> String {
    line.chars().take(60).collect()
}

fn opportunities(text: &str) -> Result<Opportunities, TraceError> {
    let mut times: Vec<u64> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = || TraceError::Line {
            line: index + 1,
            text: excerpt(line),
            expected: "whole number of milliseconds",
        };
        let ms: u64 = line.trim().parse().map_err(|_| wrong())?;
        // A year; what is longer is no time since a trace's beginning.
        if ms > 31_536_000_000 {
            return Err(wrong());
        }
        if let Some(&before) = times.last()
            && ms < before
        {
            return Err(TraceError::Decreasing {
                line: index + 1,
                time: ms.to_string(),
                before: before.to_string(),
            });
        }
        times.push(ms);
    }
    Opportunities::new(times)
}

/// Rows to steps: the last row lasts as long as the one before it.
fn rates(rows: Vec<Row>) -> Result<Trace, TraceError> {
    let mut steps: Vec<(Duration, BitRate)> = Vec::new();
    let mut earlier: Option<&Row> = None;
    for row in &rows {
        if let Some(earlier) = earlier
            && row.at < earlier.at
        {
            return Err(TraceError::Decreasing {
                line: row.line,
                time: row.time.clone(),
                before: earlier.time.clone(),
            });
        }
        earlier = Some(row);
        let known = steps.last().map_or(BitRate(0), |(_, rate)| *rate);
        let rate = row.rate.unwrap_or(known);
        match steps.last_mut() {
            Some(last) if last.0 == row.at => last.1 = rate,
            _ => steps.push((row.at, rate)),
        }
    }
    let [.., (before, _), (last, _)] = steps[..] else {
        return Err(match rows.is_empty() {
            true => TraceError::Empty,
            false => TraceError::NoLength,
        });
    };
    RateSteps::new(&steps, last + (last - before), AtEnd::Repeat).map(Trace::Rates)
}

impl Trace {
    /// How long it lasts.
    #[must_use]
    pub fn length(&self) -> Duration {
        match self {
            Self::Rates(steps) => steps.length(),
            Self::Opportunities(list) => list.length(),
        }
    }

    /// The same with another end.
    #[must_use]
    pub fn with_end(self, at_end: AtEnd) -> Self {
        match self {
            Self::Rates(steps) => Self::Rates(steps.with_end(at_end)),
            Self::Opportunities(list) => Self::Opportunities(list.with_end(at_end)),
        }
    }
}

impl From<Trace> for Service {
    fn from(trace: Trace) -> Self {
        match trace {
            Trace::Rates(steps) => Self::Rate(steps),
            Trace::Opportunities(list) => Self::Opportunities(list),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(f64, f64)> {
        match parse(text).unwrap() {
            Trace::Rates(steps) => steps
                .rows()
                .map(|(at, rate)| (at.as_secs_f64(), rate.0 as f64 / 1e6))
                .collect(),
            Trace::Opportunities(_) => panic!("rates expected"),
        }
    }

    fn refused(text: &str, expected: &str) {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn seconds_and_mbit() {
        let expected = [(0.0, 4.5), (1.0, 0.0), (2.5, 20.0)];
        assert_eq!(rows("seconds,Mbit/s\n0,4.5\n1,0\n2.5,20\n"), expected);
        assert_eq!(rows("10 4.5\n11 0\n12.5 20\n"), expected, "as Pensieve's");
        let twice = "0\t1\n0\t4.5\n1\t0\n2.5\t20\n";
        assert_eq!(rows(twice), expected, "the last row of a time holds");
        let length = parse("0,1\n1,2\n3,4").unwrap().length();
        assert_eq!(
            length,
            Duration::from_secs(5),
            "the last row lasts as the one before"
        );
    }

    #[test]
    fn mahimahi() {
        let Trace::Opportunities(list) = parse("0\n3\n3\n10\n").unwrap() else {
            panic!("opportunities expected");
        };
        assert_eq!(list.times_ms(), [0, 3, 3, 10]);
    }

    #[test]
    fn ucc_has_kbit_of_the_downlink() {
        let text = "Timestamp,Longitude,Latitude,Speed,DL_bitrate,UL_bitrate,State\n\
                    2019.12.16_13.40.04,-8.4,51.8,0,1500,31,D\n\
                    2019.12.16_13.40.05,-8.4,51.8,0,-,9,D\n\
                    2019.12.16_13.41.00,-8.4,51.8,0,0,9,D\n";
        assert_eq!(rows(text), [(0.0, 1.5), (1.0, 1.5), (56.0, 0.0)]);
        let new_year = "Timestamp,DL_bitrate\n2019.12.31_23.59.59,1\n2020.01.01_00.00.01,2\n";
        assert_eq!(rows(new_year)[1].0, 2.0);
        refused(
            "Timestamp,DL_bitrate\nnoon,3\n",
            "line 2: 'noon' is no time as YYYY.MM.DD_hh.mm.ss",
        );
    }

    #[test]
    fn lumos5g_has_mbit_by_the_second() {
        let text =
            "run_num,seq_num,latitude,Throughput,tower_id\n1,1,44.9,120,7\n1,2,44.9,80.5,7\n";
        assert_eq!(rows(text), [(0.0, 120.0), (1.0, 80.5)]);
        let runs = "run_num,seq_num,Throughput\n1,1,120\n1,2,80\n2,1,90\n";
        refused(runs, "line 4: time 1 comes before 2");
    }

    #[test]
    fn ghent_has_bytes_since_the_row_before() {
        let text =
            "1453121790686 1000 51.04 3.73 250000 1000\n1453121791686 2000 51.04 3.73 125000 500\n";
        assert_eq!(rows(text), [(0.0, 2.0), (1.0, 2.0)]);
        let nothing = "1 1000 51.04 3.73 250000 0\n1 2000 51.04 3.73 1 1\n";
        refused(nothing, "line 1: '0' is no span of ms above zero");
    }

    #[test]
    fn times_that_decrease_are_named() {
        refused("0,1\n2,1\n1,1\n", "line 3: time 1 comes before 2");
        refused("5\n4\n", "line 2: time 4 comes before 5");
    }

    #[test]
    fn a_trace_of_no_length_is_refused() {
        refused("0\n", "lasts no time");
        refused("3,1\n", "lasts no time");
        refused("3,1\n3,2\n", "lasts no time");
        refused("", "no row");
        refused("seconds,Mbit/s\n", "no row");
    }

    #[test]
    fn a_wrong_unit_is_told() {
        refused("seconds,kbit/s\n0,1\n", "the header has 'seconds,kbit/s'");
        refused("milliseconds,Mbit/s\n0,1\n", "begins no known format");
        refused(
            "0,1\n1,35000000\n",
            "line 2: 35000000 Mbit/s is faster than any link",
        );
        refused("0,1\n1,-3\n", "line 2: '-3' is no rate");
        refused("0,1\n1,nan\n", "line 2: 'nan' is no rate");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        refused("1\n\n3\n", "line 2: '' is no whole number of milliseconds");
        refused("1\n2.5\n", "line 2: '2.5' is no whole number");
        refused("0,1\nx,1\n", "line 2: 'x' is no number of seconds");
        refused("0,1\n1\n", "line 2: '' is no rate");
        refused("hello\n", "'hello' begins no known format");
        refused("0,0\n1,0\n", "no rate above zero");
        let message = read(Path::new("/nowhere/x.csv")).unwrap_err().to_string();
        assert!(
            message.starts_with("cannot read /nowhere/x.csv"),
            "{message}"
        );
    }
}
