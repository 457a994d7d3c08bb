use std::collections::{BTreeMap, BTreeSet};

use splitsim_cfqa::{Direction, Metric};
use splitsim_feature::Task;
use splitsim_table::{Cell, Kind, Table, Values};

use crate::LabError;

/// Columns with this prefix hold scores; what follows is the metric.
pub const SCORE_PREFIX: &str = "score_";

/// Scores, performances and distortions of compressed features.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreSet {
    metrics: Vec<String>,
    records: Vec<Record>,
}

/// One compressed feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The codec.
    pub codec: String,
    /// The task.
    pub task: Task,
    /// The original feature's name, unique within its task.
    pub feature: String,
    /// The codec's level.
    pub level: u32,
    /// Performance of the task on the compressed feature: rank, mIoU in percent, RMSE in metres.
    pub performance: Option<f64>,
    /// Performance lost, in the same unit; positive is worse.
    pub distortion: Option<f64>,
    /// Bits per feature point.
    pub bpfp: Option<f64>,
    /// By metric, in the order of [`ScoreSet::metrics`]; `None` where it is undefined.
    pub scores: Vec<Option<f64>>,
}

impl ScoreSet {
    /// Reads a set from a table with columns `codec`, `task`, `feature` (text), `level` (int),
    /// `performance` (float), optionally `distortion` and `bpfp`, and [`SCORE_PREFIX`] ones. Whole numbers may
    /// be of either kind, as other tools write them, and a column of nulls of any.
    ///
    /// # Errors
    /// When a column is missing or holds something else, or a compressed feature is there twice. NaN
    /// counts as undefined.
    pub fn from_table(table: &Table) -> Result<Self, LabError> {
        let table = &table.clone().conform(kind);
        let columns: Vec<(&str, &[Option<f64>])> = table
            .columns()
            .iter()
            .filter_map(|column| {
                match (column.name().strip_prefix(SCORE_PREFIX), column.values()) {
                    (Some(metric), Values::Float(cells)) => Some((metric, cells.as_slice())),
                    _ => None,
                }
            })
            .collect();
        let scores = |row: usize| {
            columns
                .iter()
                .map(|(_, cells)| finite(cells[row]))
                .collect()
        };
        let rows = Rows::of(table)?;
        let records: Result<Vec<Record>, LabError> = (0..table.rows())
            .map(|row| rows.record(row, scores(row)))
            .collect();
        let metrics = columns
            .iter()
            .map(|(metric, _)| (*metric).to_owned())
            .collect();
        Self::new(metrics, records?)
    }

    /// A set of records whose scores are in the order of `metrics`.
    ///
    /// # Errors
    /// When a compressed feature is there twice.
    pub fn new(metrics: Vec<String>, records: Vec<Record>) -> Result<Self, LabError> {
        let mut seen = BTreeSet::new();
        for record in &records {
            let key = (&record.codec, record.task, &record.feature, record.level);
            if !seen.insert(key) {
                return Err(LabError::Duplicate {
                    codec: record.codec.clone(),
                    task: record.task.to_string(),
                    feature: record.feature.clone(),
                    level: record.level,
                });
            }
        }
        Ok(Self { metrics, records })
    }

    /// The metrics there are scores by.
    #[must_use]
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// Every record.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The codecs and tasks there are, each pair once: codecs in the order of first appearance, tasks
    /// in the paper's.
    #[must_use]
    pub fn groups(&self) -> Vec<(String, Task)> {
        let mut codecs: Vec<&str> = Vec::new();
        let mut present = BTreeSet::new();
        for record in &self.records {
            if !codecs.contains(&record.codec.as_str()) {
                codecs.push(&record.codec);
            }
            present.insert((record.codec.as_str(), record.task));
        }
        let pairs = codecs
            .iter()
            .flat_map(|&codec| Task::ALL.map(|task| (codec, task)));
        pairs
            .filter(|pair| present.contains(pair))
            .map(|(codec, task)| (codec.to_owned(), task))
            .collect()
    }

    /// The records of a codec and task by feature, features by name, levels ascending.
    #[must_use]
    pub fn features(&self, codec: &str, task: Task) -> BTreeMap<&str, Vec<&Record>> {
        let mut features: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in &self.records {
            if record.codec == codec && record.task == task {
                features.entry(&record.feature).or_default().push(record);
            }
        }
        for records in features.values_mut() {
            records.sort_by_key(|record| record.level);
        }
        features
    }

    /// The place of a metric's scores in a record.
    ///
    /// # Errors
    /// When there are none.
    pub fn metric_index(&self, metric: &str) -> Result<usize, LabError> {
        let known = self.metrics.iter().position(|known| known == metric);
        known.ok_or_else(|| LabError::NoMetric {
            metric: metric.to_owned(),
            known: self.metrics.join(", "),
        })
    }
}

/// The better scores of a metric: the metric's own direction; layers like their metric; of the metrics over
/// a bank of features the lower. `None` for a metric that nobody registered.
#[must_use]
pub fn direction(metric: &str) -> Option<Direction> {
    let whole = metric.split("_layer").next().unwrap_or(metric);
    match whole {
        "dis" | "combined" => Some(Direction::LowerIsBetter),
        whole => whole.parse().ok().map(Metric::direction),
    }
}

/// A column that may be missing, but must not hold something else.
fn optional_floats<'a>(
    table: &'a Table,
    name: &str,
) -> Result<Option<&'a [Option<f64>]>, LabError> {
    match table.column(name) {
        Ok(_) => Ok(Some(table.floats(name)?)),
        Err(_) => Ok(None),
    }
}

/// The kind of cells in a column of a set, by the column's name; `None` for an unknown column.
fn kind(column: &str) -> Option<Kind> {
    match column {
        "codec" | "task" | "feature" => Some(Kind::Text),
        "level" => Some(Kind::Int),
        "performance" | "distortion" | "bpfp" => Some(Kind::Float),
        _ => column.starts_with(SCORE_PREFIX).then_some(Kind::Float),
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// The columns that are no scores.
struct Rows<'a> {
    codec: &'a [Option<String>],
    task: &'a [Option<String>],
    feature: &'a [Option<String>],
    level: &'a [Option<i64>],
    performance: &'a [Option<f64>],
    distortion: Option<&'a [Option<f64>]>,
    bpfp: Option<&'a [Option<f64>]>,
}

impl<'a> Rows<'a> {
    fn of(table: &'a Table) -> Result<Self, LabError> {
        Ok(Self {
            codec: table.texts("codec")?,
            task: table.texts("task")?,
            feature: table.texts("feature")?,
            level: table.ints("level")?,
            performance: table.floats("performance")?,
            distortion: optional_floats(table, "distortion")?,
            bpfp: optional_floats(table, "bpfp")?,
        })
    }

    fn record(&self, row: usize, scores: Vec<Option<f64>>) -> Result<Record, LabError> {
        let text = |column, cells: &[Option<String>]| {
            cells[row].clone().ok_or(LabError::Cell {
                row,
                column,
                actual: "missing".to_owned(),
                expected: "a text",
            })
        };
        let optional = |cells: Option<&[Option<f64>]>| finite(cells?[row]);
        let task = text("task", self.task)?;
        let level = self.level[row].and_then(|level| u32::try_from(level).ok());
        Ok(Record {
            codec: text("codec", self.codec)?,
            task: task.parse().map_err(|_| LabError::Cell {
                row,
                column: "task",
                actual: format!("'{task}'"),
                expected: "cls, seg or dpt",
            })?,
            feature: text("feature", self.feature)?,
            level: level.ok_or_else(|| LabError::Cell {
                row,
                column: "level",
                actual: self.level[row].map_or(Cell::Missing, Cell::Int).to_string(),
                expected: "a whole number from 0",
            })?,
            performance: finite(self.performance[row]),
            distortion: optional(self.distortion),
            bpfp: optional(self.bpfp),
            scores,
        })
    }
}

#[cfg(test)]
mod tests {
    use splitsim_table::Column;

    use super::*;

    fn table(tasks: [&str; 2], levels: [i64; 2]) -> Table {
        Table::new(vec![
            Column::text("codec", ["hm", "hm"]),
            Column::text("task", tasks),
            Column::text("feature", ["a", "a"]),
            Column::int("level", levels),
            Column::float("performance", [1.0, f64::NAN]),
            Column::float("score_mse", [Some(0.5), None]),
        ])
        .unwrap()
    }

    #[test]
    fn a_table_becomes_records() {
        let set = ScoreSet::from_table(&table(["cls", "cls"], [0, 1])).unwrap();
        assert_eq!(set.metrics(), ["mse"]);
        assert_eq!(set.groups(), [("hm".to_owned(), Task::Cls)]);
        let records = &set.features("hm", Task::Cls)["a"];
        assert_eq!(
            (records[0].performance, records[0].scores[0]),
            (Some(1.0), Some(0.5))
        );
        // NaN is undefined.
        assert_eq!((records[1].performance, records[1].scores[0]), (None, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |table, expected: &str| {
            let error = ScoreSet::from_table(&table).unwrap_err().to_string();
            assert_eq!(error, expected);
        };
        check(
            table(["cls", "car"], [0, 1]),
            "row 1: task is 'car', expected cls, seg or dpt",
        );
        check(
            table(["cls", "cls"], [0, 0]),
            "hm cls a level 0 is there twice",
        );
        check(
            table(["cls", "cls"], [0, -1]),
            "row 1: level is -1, expected a whole number from 0",
        );
    }

    #[test]
    fn columns_as_other_tools_write_them_are_the_same_records() {
        let of_tools = Table::new(vec![
            Column::text("codec", ["hm", "hm"]),
            Column::text("task", ["cls", "cls"]),
            Column::text("feature", ["a", "a"]),
            Column::float("level", [0.0, 1.0]),
            Column::int("performance", [Some(1), None]),
            Column::new("distortion", Values::Text(vec![None, None])),
            Column::int("score_mse", [Some(2), None]),
        ]);
        let set = ScoreSet::from_table(&of_tools.unwrap()).unwrap();
        let records = &set.features("hm", Task::Cls)["a"];
        assert_eq!((records[0].level, records[1].level), (0, 1));
        assert_eq!(
            (records[0].performance, records[0].scores[0]),
            (Some(1.0), Some(2.0))
        );
        assert_eq!(
            (records[0].distortion, records[1].performance),
            (None, None)
        );
    }

    #[test]
    fn an_optional_column_that_holds_something_else_is_no_missing_one() {
        let mut columns = table(["cls", "cls"], [0, 1]).columns().to_vec();
        columns.push(Column::text("distortion", ["much", "little"]));
        let error = ScoreSet::from_table(&Table::new(columns).unwrap()).unwrap_err();
        assert!(
            error.to_string().contains("'distortion' holds text"),
            "{error}"
        );
    }

    #[test]
    fn layers_point_the_way_of_their_metric() {
        assert_eq!(direction("cka_layer3"), Some(Direction::HigherIsBetter));
        assert_eq!(direction("mse"), Some(Direction::LowerIsBetter));
        assert_eq!(direction("dis"), Some(Direction::LowerIsBetter));
        assert_eq!(direction("my-metric"), None, "nothing is guessed");
    }
}
