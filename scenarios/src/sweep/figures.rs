//! Figures of the costs and failures of policies along a swept key.

use std::collections::BTreeMap;

use splitsim_feature::Task;
use splitsim_report::{Axis as Drawn, Figure, Hue, Series};
use splitsim_story::{OperatingPoint, title, unit};

use super::PointState;
use super::axis::Axis;
use super::recorded::{RecordedSweep, Row};

/// Something that is drawn over a swept key.
struct Metric {
    name: &'static str,
    unit: fn(Task) -> &'static str,
    of: fn(&OperatingPoint) -> Option<f64>,
}

const METRICS: [Metric; 7] = [
    Metric {
        name: "on the link per frame",
        unit: |_| "kB",
        of: |at| Some(at.link_bytes? / 1000.0),
    },
    Metric {
        name: "container per frame",
        unit: |_| "kB",
        of: |at| Some(at.container_bytes? / 1000.0),
    },
    Metric {
        name: "true distortion",
        unit,
        of: |at| at.distortion,
    },
    Metric {
        name: "frames over the limit",
        unit: |_| "%",
        of: |at| at.over_limit_percent,
    },
    Metric {
        name: "agreement with the original's answer",
        unit: |task| match task {
            Task::Cls | Task::Seg => "%",
            Task::Dpt => "m",
        },
        // Where the truth is known, distortion says more.
        of: |at| at.agreement.filter(|_| at.distortion.is_none()),
    },
    Metric {
        name: "median latency",
        unit: |_| "ms",
        of: |at| at.latency_p50_ms,
    },
    Metric {
        name: "95th percentile of latency",
        unit: |_| "ms",
        of: |at| at.latency_p95_ms,
    },
];

/// Lines that a figure has at most; more cannot be told apart.
pub(super) const MOST_LINES: usize = 40;

/// The key of a legend entry: a policy, and the values of the other keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    policy: usize,
    others: Vec<usize>,
}

/// All figures over one key.
pub(super) struct Over<'a> {
    /// The key that is drawn over.
    axis: &'a Axis,
    /// Keys that tell lines apart.
    others: Vec<&'a Axis>,
    /// The rows of the points that are done.
    rows: Vec<&'a Row>,
    policies: Vec<&'a str>,
}

impl<'a> Over<'a> {
    pub(super) fn new(sweep: &'a RecordedSweep, axis: &'a Axis, rows: &'a [Row]) -> Self {
        let done = |row: &&Row| sweep.points[row.point].state == PointState::Done;
        let rows: Vec<&Row> = rows.iter().filter(done).collect();
        let others = sweep.axes.iter();
        let others = others.filter(|other| other.key != axis.key && other.varies());
        let mut policies: Vec<&str> = Vec::new();
        for row in &rows {
            if !policies.contains(&row.at.policy.as_str()) {
                policies.push(&row.at.policy);
            }
        }
        Self {
            axis,
            others: others.filter(|other| !other.is_repeat()).collect(),
            rows,
            policies,
        }
    }

    /// For each metric that is known, a figure per task: the same metric side by side.
    pub(super) fn figures(&self) -> Vec<Vec<Figure>> {
        let has = |metric: &Metric, task| {
            let mut rows = self.rows.iter().filter(|row| row.at.task == task);
            rows.any(|row| (metric.of)(&row.at).is_some())
        };
        let of_metric = |metric: &Metric| -> Vec<Figure> {
            let tasks = Task::ALL.into_iter().filter(|&task| has(metric, task));
            tasks.map(|task| self.figure(metric, task)).collect()
        };
        let figures = METRICS.iter().map(of_metric);
        figures.filter(|of_metric| !of_metric.is_empty()).collect()
    }

    /// `true` if lines differ in more than the policy.
    pub(super) const fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// Returns the number of lines in the fullest figure.
    pub(super) fn lines(&self) -> usize {
        let tasks = Task::ALL.map(|task| self.grouped(task).len());
        tasks.into_iter().max().unwrap_or_default()
    }

    fn figure(&self, metric: &Metric, task: Task) -> Figure {
        let groups = self.grouped(task);
        let shown = groups.iter().take(MOST_LINES).enumerate();
        let series: Vec<Series> = shown
            .filter_map(|(hue, (line, rows))| self.series(metric, line, rows, Hue(hue)))
            .collect();
        let description = format!(
            "{} over {}, a line for each of {} policies and settings; the values are below.",
            metric.name,
            self.axis.key,
            series.len()
        );
        Figure::new(format!("{}: {}", title(task), metric.name), description)
            .x(self.axis.drawn())
            .y(Drawn::new(metric.name, (metric.unit)(task)).from_zero())
            .all_series(series)
    }

    /// The rows of a task by line.
    fn grouped(&self, task: Task) -> BTreeMap<Line, Vec<&'a Row>> {
        let mut groups: BTreeMap<Line, Vec<&Row>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.at.task == task) {
            let policy = self.policies.iter().position(|name| *name == row.at.policy);
            let value = |other: &&Axis| {
                let values = other.values();
                let at = values
                    .iter()
                    .position(|value| *value == other.texts[row.point]);
                at.unwrap_or_default()
            };
            let line = Line {
                policy: policy.unwrap_or_default(),
                others: self.others.iter().map(value).collect(),
            };
            groups.entry(line).or_default().push(row);
        }
        groups
    }

    /// A line through the means of repetitions, with their span; marks alone where the key has no order.
    fn series(&self, metric: &Metric, line: &Line, rows: &[&Row], hue: Hue) -> Option<Series> {
        let mut at: BTreeMap<u64, (f64, Vec<f64>, String)> = BTreeMap::new();
        for row in rows {
            let (Some(x), Some(y)) = (self.axis.position(row.point), (metric.of)(&row.at)) else {
                continue;
            };
            let text = || self.axis.texts[row.point].clone();
            let place = at
                .entry(order(x))
                .or_insert_with(|| (x, Vec::new(), text()));
            place.1.push(y);
        }
        if at.is_empty() {
            return None;
        }
        let points = at
            .values()
            .map(|(x, ys, _)| (*x, ys.iter().sum::<f64>() / ys.len() as f64));
        let spans = at.values().map(|(_, ys, _)| {
            let low = ys.iter().copied().fold(f64::INFINITY, f64::min);
            (low, ys.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        });
        let name = self.name(line);
        let series = match self.axis.is_numeric() {
            true => Series::line(&name, points).with_markers(),
            false => Series::spots(&name, points),
        };
        let labels = at
            .values()
            .map(|(.., text)| format!("{} {text}", self.axis.key));
        let series = series.labels(labels.collect::<Vec<_>>()).hue(hue);
        let repeated = at.values().any(|(_, ys, _)| ys.len() > 1);
        Some(if repeated {
            series.intervals(spans)
        } else {
            series
        })
    }

    fn name(&self, line: &Line) -> String {
        let others = self.others.iter().zip(&line.others);
        let others = others.map(|(axis, &at)| {
            let values = axis.values();
            format!("{} {}", axis.key, values.get(at).map_or("", String::as_str))
        });
        let policy = self.policies.get(line.policy).copied().unwrap_or_default();
        let parts: Vec<String> = std::iter::once(policy.to_owned()).chain(others).collect();
        parts.join(", ")
    }
}

/// A key that sorts finite numbers.
fn order(value: f64) -> u64 {
    let bits = value.to_bits();
    match value.is_sign_negative() {
        true => !bits,
        false => bits | (1 << 63),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_their_order() {
        let mut values = [3.0, -1.5, 0.0, 1e9, -7.0];
        values.sort_by_key(|value| order(*value));
        assert_eq!(values, [-7.0, -1.5, 0.0, 3.0, 1e9]);
    }
}
