//! Text to trace.

use std::path::Path;
use std::time::Duration;

use splitsim_feature::units::BitRate;
use splitsim_text::Text;

use super::TraceError;
use super::formats::{self, Rates, Row};
use super::units::{Stated, TimeUnit};
use crate::{AtEnd, Opportunities, RateSteps, Service};

/// A trace of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// Rates over time.
    Rates(RateSteps),
    /// Mahimahi's opportunities.
    Opportunities(Opportunities),
}

/// More than any public trace has: a day of opportunities at 100 Mbit/s.
pub const MAX_BYTES: u64 = 256 << 20;
/// The most opportunities in a millisecond, on average: 12 Gbit/s.
const MOST_PER_MS: u64 = 1000;
/// Opportunities further apart than this, on average, are counted in a smaller unit than ms.
const LONGEST_WAIT_MS: u64 = 10_000;

/// Reads a trace of a file.
///
/// # Errors
/// If it cannot be read, is of no known format, a line of it is wrong, or it is probably in other units
/// than its format's.
pub fn read(path: &Path) -> Result<Trace, TraceError> {
    read_in(path, Stated::default())
}

/// As [`read`], in stated units.
///
/// # Errors
/// As [`read`], or when the format does not leave the unit open.
pub fn read_in(path: &Path, stated: Stated) -> Result<Trace, TraceError> {
    let bytes = splitsim_text::read(path, MAX_BYTES).map_err(TraceError::Read)?;
    from_bytes(&bytes, stated).map_err(|source| TraceError::InFile {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

/// Reads a trace of a file's bytes, in stated units.
///
/// # Errors
/// As [`read_in`].
pub fn from_bytes(bytes: &[u8], stated: Stated) -> Result<Trace, TraceError> {
    of_text(&Text::decode(bytes)?, stated)
}

/// Reads a trace of a text.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> Result<Trace, TraceError> {
    from_bytes(text.as_bytes(), Stated::default())
}

fn of_text(text: &Text, stated: Stated) -> Result<Trace, TraceError> {
    let first = text.entries().next().ok_or(TraceError::Empty)?;
    let columns = first.cells();
    let has = |name: &str| columns.iter().any(|cell| cell == name);
    let numbers = columns.iter().filter(|cell| cell.parse::<f64>().is_ok());
    match (columns.len(), numbers.count()) {
        (1, 1) => opportunities(text, stated).map(Trace::Opportunities),
        (2, 2) => rates(formats::two_columns(text, None, stated)?),
        (6, 6) => rates(formats::ghent(text, stated)?),
        _ if has("DL_bitrate") => rates(formats::ucc(text, first, stated)?),
        _ if has("Throughput") && has("seq_num") => rates(formats::lumos5g(text, first, stated)?),
        (2, 0) if stated.time.is_some() && stated.rate.is_some() => {
            rates(formats::two_columns(text, Some(first), stated)?)
        }
        (2, 0) if ["seconds", "time"].contains(&columns[0].to_lowercase().as_str()) => {
            if stated.rate.is_none() {
                formats::check_header(first)?;
            }
            rates(formats::two_columns(text, Some(first), stated)?)
        }
        _ => Err(TraceError::Format {
            line: first.number,
            found: excerpt(first.text),
        }),
    }
}

/// As much of a line as fits into a message.
pub(super) fn excerpt(line: &str) -> String {
    line.chars().take(60).collect()
}

fn opportunities(text: &Text, stated: Stated) -> Result<Opportunities, TraceError> {
    if stated.rate.is_some() {
        return Err(TraceError::OwnUnits { column: "rates" });
    }
    let unit = stated.time.unwrap_or(TimeUnit::Milliseconds);
    let mut times: Vec<u64> = Vec::new();
    for line in text.entries() {
        let wrong = || TraceError::Line {
            line: line.number,
            text: excerpt(line.text),
            expected: "whole number of milliseconds",
        };
        let number: u64 = line.text.trim().parse().map_err(|_| wrong())?;
        let ms = u64::try_from(unit.whole(number).as_millis()).map_err(|_| wrong())?;
        // A year; what is longer is no time since a trace's beginning.
        if ms > 31_536_000_000 {
            return Err(wrong());
        }
        if let Some(&before) = times.last()
            && ms < before
        {
            return Err(TraceError::Decreasing {
                line: line.number,
                time: ms.to_string(),
                before: before.to_string(),
            });
        }
        times.push(ms);
    }
    if stated.time.is_none() {
        check_opportunities(&times)?;
    }
    Opportunities::new(times)
}

/// Refuses times that are not in ms.
fn check_opportunities(times_ms: &[u64]) -> Result<(), TraceError> {
    let (count, last) = (times_ms.len() as u64, times_ms.last().copied().unwrap_or(0));
    if last > 0 && count / last > MOST_PER_MS {
        let found = format!("{count} opportunities in {last} ms");
        return Err(TraceError::doubtful_times(found, TimeUnit::Seconds));
    }
    if count > 0 && last / count > LONGEST_WAIT_MS {
        let found = format!("{count} opportunities in {last} ms");
        return Err(TraceError::doubtful_times(found, TimeUnit::Microseconds));
    }
    Ok(())
}

/// Rows to steps: the last row lasts as long as the one before it.
fn rates(Rates { rows, units }: Rates) -> Result<Trace, TraceError> {
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
    let end = last.saturating_add(last - before);
    units.check(&steps, end)?;
    RateSteps::new(&steps, end, AtEnd::Repeat).map(Trace::Rates)
}

impl Trace {
    /// Returns the trace's duration.
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
    use super::super::units::RateUnit;
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
        // A float of seconds ends a nanosecond before the millisecond.
        let stated = Stated {
            time: Some(TimeUnit::Milliseconds),
            rate: None,
        };
        let late = from_bytes(b"1\n31535999999\n", stated).unwrap();
        assert_eq!(late.length(), Duration::from_millis(31_535_999_999));
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
    fn units_that_no_link_has_are_told() {
        // Oboe's traces: ms, kbit/s.
        let oboe = "15.0 3168.6\n474.0 3168.6\n514.0 3183.2\n1311.0 3183.2\n1400.0 2740.1\n";
        refused(
            oboe,
            "half of the steps are 89 s or more, half of the rates are 3168.6 Mbit/s or more: probably ms \
             and kbit/s; `splitsim link convert --times ms --rates kbit/s` reads it so",
        );
        refused("0,4800\n1,5200\n2,5000\n", "probably kbit/s");
        refused(
            "0,1\n1,52000000\n",
            "52000000 Mbit/s is faster than any link; is it in another unit? Probably in bit/s",
        );
        refused(
            "1453121790686,4\n1453121791686,5\n",
            "after the year 5000: probably ms",
        );
        let micros = "seconds,Mbit/s\n1453121790686000,4\n1453121791686000,5\n";
        refused(micros, "after the year 5000: probably us");
        refused(
            "0,4\n1000,5\n2000,4\n",
            "half of the steps are 1000 s or more: probably ms",
        );
        let tenths: String = (0..3000).map(|row| format!("{},4\n", row * 20)).collect();
        refused(&tenths, "the trace lasts 60000 s: probably ms");
        let lumos = "seq_num,Throughput\n1,12000\n2,80000\n3,99000\n";
        refused(lumos, "probably kbit/s");
        let ucc =
            "Timestamp,DL_bitrate\n2019.12.16_13.40.04,15000000\n2019.12.16_13.40.05,16000000\n";
        refused(ucc, "15000000 kbit/s or more: probably bit/s");
        let ghent = "1 1000000 51.04 3.73 250000 1000000\n1 2000000 51.04 3.73 250000 1000000\n";
        refused(ghent, "steps are 1000000 ms or more: probably us");
        refused(
            "7000000\n9000000\n",
            "2 opportunities in 9000000 ms: probably us",
        );
        let seconds: String = "1\n".repeat(2000);
        refused(&seconds, "2000 opportunities in 1 ms: probably s");
        refused("seconds,Mbit/s\n0,1\n40000000,1\n", "lasts 925 days");
    }

    #[test]
    fn stated_units_are_believed() {
        let header = "seconds,Mbit/s\n0,4800\n60,5200\n120,5000\n";
        assert_eq!(
            rows(header),
            [(0.0, 4800.0), (60.0, 5200.0), (120.0, 5000.0)]
        );
        let read = |text: &str, time, rate| {
            let stated = Stated { time, rate };
            from_bytes(text.as_bytes(), stated)
        };
        let (ms, kbit) = (Some(TimeUnit::Milliseconds), Some(RateUnit::Kilobit));
        let expected = parse("0,3.1686\n0.459,4.5\n1.296,2\n").unwrap();
        let oboe = "15.0 3168.6\n474.0 4500\n1311.0 2000\n";
        assert_eq!(read(oboe, ms, kbit).unwrap(), expected);
        let headed = format!("timestamp_ms,kbps\n{oboe}");
        assert_eq!(read(&headed, ms, kbit).unwrap(), expected);
        let epoch = parse("0,4\n1,5\n").unwrap();
        assert_eq!(
            read("1453121790686,4\n1453121791686,5\n", ms, None).unwrap(),
            epoch
        );
        let mahimahi = parse("1\n3\n").unwrap();
        assert_eq!(
            read("1999\n3000\n", Some(TimeUnit::Microseconds), None).unwrap(),
            mahimahi
        );
        let message = read("1\n3\n", None, kbit).unwrap_err().to_string();
        assert!(message.contains("no unit of rates"), "{message}");
        // A stated unit that is impossible all the same.
        let message = read("1453121790686000,4\n1453121791686000,5\n", ms, None);
        let message = message.unwrap_err().to_string();
        assert!(message.contains("probably us"), "{message}");
    }

    #[test]
    fn a_clock_that_steps_back_a_second_counts_as_standing_still() {
        let rows_at = |seconds: &[u64]| {
            let lines = seconds.iter().zip(1..);
            let lines = lines.map(|(at, kbit)| format!("2019.11.27_07.45.{at:02},{kbit}\n"));
            format!("Timestamp,DL_bitrate\n{}", lines.collect::<String>())
        };
        let stepped = rows(&rows_at(&[19, 20, 21, 20, 21, 22]));
        assert_eq!(
            stepped,
            [(0.0, 0.001), (1.0, 0.002), (2.0, 0.005), (3.0, 0.006)]
        );
        refused(
            &rows_at(&[30, 31, 11]),
            "line 4: time 2019.11.27_07.45.11 comes before",
        );
    }

    #[test]
    fn files_as_other_tools_leave_them() {
        let expected = parse("0,4.5\n1,2\n").unwrap();
        let check = |bytes: &[u8]| {
            assert_eq!(
                from_bytes(bytes, Stated::default()).unwrap(),
                expected,
                "{bytes:?}"
            );
        };
        check(b"\xef\xbb\xbfseconds,Mbit/s\r\n0,4.5\r\n\r\n1,2 \r\n\r\n");
        check(b"# of a test drive\n\n0 4.5\n# a tunnel\n1 2\n\n");
        check(b"\"seconds\";\"Mbit/s\"\r\"0\";\"4.5\"\r\"1\";\"2\"\r");
        let utf16: Vec<u8> = "\u{feff}0\t4.5\r\n1\t2\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        check(&utf16);
        let mahimahi = parse("1\n5\n10\n").unwrap();
        assert_eq!(parse("# up\n1\n\n5\r\n10\n\n\n").unwrap(), mahimahi);
        refused("# nothing\n\n", "no row");
        refused("0,1\n1,\0\n", "line 2: a NUL byte");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        refused(
            "1\nx\n3\n",
            "line 2: 'x' is no whole number of milliseconds",
        );
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
