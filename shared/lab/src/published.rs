//! The benchmark's log files: `NAME PERFORMANCE MSE COSINE CKA`, a line per compressed feature, a file per
//! codec and task, the levels ("runs") one after another.
//!
//! What the released script does not read, such as the settings and averages that training and test
//! programs print in between, is passed over and counted.

use std::collections::BTreeMap;

use splitsim_feature::Task;
use splitsim_table::{Column, Table, TableError};

use crate::{LabError, MetricMode, Record, ScoreSet};

/// One line of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// The feature's name, without a file extension.
    pub name: String,
    /// The level: the position of this line, from 0, among the file's lines of this feature.
    pub run: u32,
    /// Rank, mIoU in percent, or RMSE in metres.
    pub performance: f64,
    /// Mean squared error.
    pub mse: f64,
    /// Mean cosine similarity.
    pub cosine: f64,
    /// The value that the released script calls CKA.
    pub cka: f64,
}

/// A log that has been read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    /// The lines that are results, in order.
    pub lines: Vec<LogLine>,
    /// Other lines that are not empty.
    pub passed_over: usize,
}

/// A difference from a complete log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// A feature with fewer or more runs than there are levels.
    Runs {
        /// The feature.
        name: String,
        /// Levels.
        expected: usize,
        /// Lines.
        actual: usize,
    },
    /// Fewer or more features than there should be.
    Features {
        /// The number expected.
        expected: usize,
        /// The number found.
        actual: usize,
    },
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Runs {
                name,
                expected,
                actual,
            } => write!(f, "{name} has {actual} levels of {expected}"),
            Self::Features { expected, actual } => write!(f, "{actual} features of {expected}"),
        }
    }
}

/// Reads a log.
///
/// A line is a result when it is a name and four numbers. As in the script, the name loses what follows
/// its last full stop, and `nan` is a number.
#[must_use]
pub fn parse(text: &str) -> Log {
    let mut log = Log::default();
    let mut runs: BTreeMap<String, u32> = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match result(line) {
            Some((name, [performance, mse, cosine, cka])) => {
                let next = runs.entry(name.clone()).or_default();
                let run = *next;
                *next += 1;
                log.lines.push(LogLine {
                    name,
                    run,
                    performance,
                    mse,
                    cosine,
                    cka,
                });
            }
            None => log.passed_over += 1,
        }
    }
    log
}

fn result(line: &str) -> Option<(String, [f64; 4])> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let numbers: Vec<f64> = words
        .map(|word| word.trim_end_matches(',').parse().ok())
        .collect::<Option<_>>()?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    Some((stem.to_owned(), numbers.try_into().ok()?))
}

impl Log {
    /// Returns the differences between this log and one of `features` features at `levels` levels
    /// each: missing or surplus features and lines.
    #[must_use]
    pub fn gaps(&self, features: usize, levels: usize) -> Vec<Gap> {
        let mut runs: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &self.lines {
            *runs.entry(&line.name).or_default() += 1;
        }
        let count = (runs.len() != features).then_some(Gap::Features {
            expected: features,
            actual: runs.len(),
        });
        let uneven = runs.into_iter().filter(|&(_, actual)| actual != levels);
        let uneven = uneven.map(|(name, actual)| Gap::Runs {
            name: name.to_owned(),
            expected: levels,
            actual,
        });
        count.into_iter().chain(uneven).collect()
    }
}

/// The logs of several codecs and tasks as a table, which [`ScoreSet::from_table`](crate::ScoreSet)
/// reads: columns `codec`, `task`, `feature`, `level` (the run), `performance`, and the scores by `mse`,
/// `cosine` and `cka-cfqa2025`, which is what the script calls CKA. NaN becomes a missing value.
///
/// # Errors
/// Never: the columns are of one length and named differently.
pub fn table<'a>(
    logs: impl IntoIterator<Item = (&'a str, Task, &'a Log)>,
) -> Result<Table, TableError> {
    let rows: Vec<(&str, Task, &LogLine)> = logs
        .into_iter()
        .flat_map(|(codec, task, log)| log.lines.iter().map(move |line| (codec, task, line)))
        .collect();
    let number = |of: fn(&LogLine) -> f64| -> Vec<Option<f64>> {
        let values = rows.iter().map(|(.., line)| Some(of(line)));
        values
            .map(|value| value.filter(|value| value.is_finite()))
            .collect()
    };
    Table::new(vec![
        Column::text("codec", rows.iter().map(|(codec, ..)| *codec)),
        Column::text("task", rows.iter().map(|(_, task, _)| task.name())),
        Column::text("feature", rows.iter().map(|(.., line)| line.name.as_str())),
        Column::int("level", rows.iter().map(|(.., line)| i64::from(line.run))),
        Column::float("performance", number(|line| line.performance)),
        Column::float("score_mse", number(|line| line.mse)),
        Column::float("score_cosine", number(|line| line.cosine)),
        Column::float("score_cka-cfqa2025", number(|line| line.cka)),
    ])
}

/// The log of a codec and task in the published format, level by level, numbers in full precision.
///
/// What is undefined is `nan`, as the script reads it. Blanks in names become underscores.
///
/// # Errors
/// When there are no scores by one of the three metrics, or no compressed features of the codec and task.
pub fn render(set: &ScoreSet, codec: &str, task: Task) -> Result<String, LabError> {
    let metrics = MetricMode::Cfqa2025.metrics();
    let [mse, cosine, cka] = metrics.map(|metric| set.metric_index(metric));
    let metrics = [mse?, cosine?, cka?];
    let mut records: Vec<&Record> = set
        .records()
        .iter()
        .filter(|record| record.codec == codec && record.task == task)
        .collect();
    if records.is_empty() {
        return Err(LabError::NoRecords {
            codec: codec.to_owned(),
            task: task.to_string(),
        });
    }
    records.sort_by_key(|record| (record.level, &record.feature));
    Ok(records
        .into_iter()
        .map(|record| line(record, metrics))
        .collect())
}

fn line(record: &Record, metrics: [usize; 3]) -> String {
    let number = |value: Option<f64>| value.map_or("nan".to_owned(), |value| value.to_string());
    let name: String = record
        .feature
        .chars()
        .map(|c| if c.is_whitespace() { '_' } else { c })
        .collect();
    let scores = metrics.map(|metric| number(record.scores[metric]));
    let performance = number(record.performance);
    format!("{name} {performance} {}\n", scores.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
hm trained_hybrid qp 2\n\
a.npy 1 0.10000000 0.9900 0.9800\n\
b.npy 3 0.20000000 0.9800 0.9700\n\
Accuracy: 50.0000\n\
Feature MSE: 0.15000000\n\
\n\
a.npy 2 0.30000000 0.9700 0.9600\n\
b.npy oops 0.4 0.96 0.95\n\
c 7 0.5 0.9 nan\n";

    #[test]
    fn results_are_told_from_chatter() {
        let log = parse(TEXT);
        let lines: Vec<(&str, u32, f64)> = log
            .lines
            .iter()
            .map(|line| (line.name.as_str(), line.run, line.performance))
            .collect();
        assert_eq!(
            lines,
            [("a", 0, 1.0), ("b", 0, 3.0), ("a", 1, 2.0), ("c", 0, 7.0)]
        );
        assert_eq!(log.passed_over, 4);
        assert!(log.lines[3].cka.is_nan());
    }

    #[test]
    fn what_is_missing_is_named() {
        let gaps: Vec<String> = parse(TEXT).gaps(4, 2).iter().map(Gap::to_string).collect();
        assert_eq!(
            gaps,
            [
                "3 features of 4",
                "b has 1 levels of 2",
                "c has 1 levels of 2"
            ]
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let log = parse("a.JPEG 1 0.25 0.1 nan\nb.JPEG 2 0.5 0.9 0.125\na.JPEG 3 1e-9 1 0.5\n");
        let table = table([("hm", Task::Cls, &log)]).unwrap();
        let set = ScoreSet::from_table(&table).unwrap();
        let text = render(&set, "hm", Task::Cls).unwrap();
        assert_eq!(
            text,
            "a 1 0.25 0.1 nan\nb 2 0.5 0.9 0.125\na 3 0.000000001 1 0.5\n"
        );
        assert!(render(&set, "vtm", Task::Cls).is_err());
    }
}
