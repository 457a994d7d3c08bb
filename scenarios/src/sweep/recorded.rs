//! The results of a sweep, read from its folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use splitsim_results::Store;
use splitsim_story::{Limits, OperatingPoint, RecordedReplay};
use splitsim_table::{Column, Table, TableError, Values};
use splitsim_text::Text;

use super::axis::Axis;
use super::{POINTS, PointState, ledger};
use crate::commands::report::FILE as REPORT;
use crate::run::report;

/// A sweep's folder, read: finished or not.
#[derive(Debug)]
pub(crate) struct RecordedSweep {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) axes: Vec<Axis>,
    pub(super) points: Vec<RecordedPoint>,
    /// Software and models of the points, where that is more than one set.
    pub(super) mixed: Vec<String>,
    folder: PathBuf,
}

/// One point of the grid.
#[derive(Debug)]
pub(super) struct RecordedPoint {
    pub(super) slug: String,
    pub(super) state: PointState,
    /// The reason why it failed; `None` if it did not.
    pub(super) reason: Option<String>,
    /// Its own report, if there is one.
    pub(super) report: Option<PathBuf>,
    /// The folder of its results, which may be incomplete.
    folder: PathBuf,
}

/// `sweep.json`, as far as it is read.
#[derive(Deserialize)]
struct Stored {
    name: String,
    #[serde(default)]
    description: String,
    axes: Vec<String>,
    points: Vec<StoredPoint>,
    #[serde(default)]
    mixed: Vec<String>,
}

#[derive(Deserialize)]
struct StoredPoint {
    slug: String,
    values: BTreeMap<String, String>,
    state: PointState,
    reason: Option<String>,
}

/// A policy at a point.
#[derive(Debug)]
pub(super) struct Row {
    /// The point's number.
    pub(super) point: usize,
    pub(super) at: OperatingPoint,
}

impl RecordedSweep {
    /// `true` if a folder is one of a sweep.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(ledger::FILE).is_file() || folder.join(POINTS).is_dir()
    }

    /// Reads the folder of a sweep.
    ///
    /// # Errors
    /// When `sweep.json` is missing or damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(ledger::FILE);
        let text = match Text::read(&path, ledger::MAX_BYTES) {
            Err(error) if error.is_not_found() => bail!(
                "{} has points of a sweep but no {}: run the scenario again, which goes on",
                folder.display(),
                ledger::FILE
            ),
            text => text?,
        };
        let damaged = || format!("{} is damaged; run the scenario again", path.display());
        let stored: Stored = serde_json::from_str(text.as_str()).with_context(damaged)?;
        let slugs = stored.points.iter().map(|point| point.slug.as_str());
        for slug in slugs {
            let plain = Path::new(slug).file_name().is_some_and(|name| name == slug);
            ensure!(plain, "{}: '{slug}' is no name of a point", damaged());
        }
        let values = |key: &String| {
            let of = stored
                .points
                .iter()
                .map(|point| point.values.get(key).cloned());
            Axis::new(key, of.map(Option::unwrap_or_default).collect())
        };
        Ok(Self {
            axes: stored.axes.iter().map(values).collect(),
            name: stored.name,
            description: stored.description,
            points: stored
                .points
                .into_iter()
                .map(|point| RecordedPoint::read(point, folder))
                .collect(),
            mixed: stored.mixed,
            folder: folder.to_owned(),
        })
    }

    /// The folder as it was named.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Points that are not done, by their numbers.
    pub(crate) fn open(&self) -> Vec<usize> {
        let points = self.points.iter().enumerate();
        let open = points.filter(|(_, point)| point.state != PointState::Done);
        open.map(|(number, _)| number).collect()
    }

    /// `5 of 8 points are done`, and how the others are.
    pub(crate) fn progress(&self) -> String {
        let count = |state| {
            self.points
                .iter()
                .filter(|point| point.state == state)
                .count()
        };
        let states = [
            (PointState::Failed, "failed"),
            (PointState::Interrupted, "not finished"),
            (PointState::Waiting, "not begun or not finished"),
        ];
        let open = states.map(|(state, words)| (count(state), words));
        let open = open.into_iter().filter(|(count, _)| *count > 0);
        let open: Vec<String> = open
            .map(|(count, words)| format!("{count} {words}"))
            .collect();
        let done = format!(
            "{} of {} points are done",
            count(PointState::Done),
            self.points.len()
        );
        match open.is_empty() {
            true => done,
            false => format!("{done}, {}", open.join(", ")),
        }
    }

    /// A row for each point, task and policy. Points whose results cannot be read have none.
    pub(super) fn rows(&self, limits: &Limits) -> Vec<Row> {
        let points = self.points.iter().enumerate();
        points
            .flat_map(|(number, point)| {
                let rows = point.operating_points(limits).into_iter();
                rows.map(move |at| Row { point: number, at })
            })
            .collect()
    }

    /// One table of everything: swept values as numbers where they are some, in the unit that a column's
    /// name ends with; then a row for each point, task and policy, and one for a point without results.
    ///
    /// # Errors
    /// When a swept key is called as another column.
    pub(crate) fn table(&self, limits: &Limits) -> Result<Table, TableError> {
        let rows = self.rows(limits);
        let mut lines: Vec<(usize, Option<&OperatingPoint>)> = Vec::new();
        for point in 0..self.points.len() {
            let own = rows.iter().filter(|row| row.point == point);
            let before = lines.len();
            lines.extend(own.map(|row| (point, Some(&row.at))));
            if lines.len() == before {
                lines.push((point, None));
            }
        }
        let numbers: Vec<usize> = lines.iter().map(|(point, _)| *point).collect();
        let mut columns: Vec<Column> = self.axes.iter().map(|axis| axis.column(&numbers)).collect();
        columns.extend(self.point_columns(&numbers));
        let at: Vec<Option<&OperatingPoint>> = lines.iter().map(|(_, at)| *at).collect();
        columns.extend(measured(&at));
        Table::new(columns)
    }

    fn point_columns(&self, numbers: &[usize]) -> [Column; 3] {
        let of = || numbers.iter().map(|&number| &self.points[number]);
        let reasons = of().map(|point| point.reason.clone()).collect();
        [
            Column::text("point", of().map(|point| point.slug.clone())),
            Column::text("state", of().map(|point| point.state.name())),
            Column::new("reason", Values::Text(reasons)),
        ]
    }
}

/// Returns the columns of policies' figures, one row each; a row without figures has empty cells.
fn measured(rows: &[Option<&OperatingPoint>]) -> Vec<Column> {
    let text = |name: &str, of: fn(&OperatingPoint) -> String| {
        let cells = rows.iter().map(|row| row.map(of)).collect();
        Column::new(name, Values::Text(cells))
    };
    let count = |name: &str, of: fn(&OperatingPoint) -> u64| {
        let cells = rows.iter().map(|row| row.map(|row| of(row).cast_signed()));
        Column::int(name, cells)
    };
    let number = |name: &str, of: fn(&OperatingPoint) -> Option<f64>| {
        Column::float(name, rows.iter().map(|row| row.and_then(of)))
    };
    vec![
        text("task", |row| row.task.to_string()),
        text("policy", |row| row.policy.clone()),
        count("frames_arrived", |row| row.frames),
        count("frames_failed", |row| row.failed),
        count("frames_dropped", |row| row.dropped),
        number("bpfp_mean", |row| row.bpfp),
        number("container_bytes_mean", |row| row.container_bytes),
        number("link_bytes_mean", |row| row.link_bytes),
        number("attempts_mean", |row| row.attempts),
        number("distortion_mean", |row| row.distortion),
        number("over_limit_percent", |row| row.over_limit_percent),
        number("agreement_mean", |row| row.agreement),
        number("transfer_p50_ms", |row| row.transfer_p50_ms),
        number("end_to_end_p50_ms", |row| row.latency_p50_ms),
        number("end_to_end_p95_ms", |row| row.latency_p95_ms),
    ]
}

impl RecordedPoint {
    fn read(stored: StoredPoint, sweep: &Path) -> Self {
        let folder = sweep.join(POINTS).join(&stored.slug);
        let report = folder.join(REPORT);
        let state = match stored.state {
            // Whoever was killed could not note what had been finished.
            PointState::Waiting | PointState::Interrupted if is_whole(&folder) => PointState::Done,
            state => state,
        };
        Self {
            slug: stored.slug,
            state,
            reason: stored.reason,
            report: report.is_file().then_some(report),
            folder,
        }
    }

    fn operating_points(&self, limits: &Limits) -> Vec<OperatingPoint> {
        if self.folder.join(Store::FILE_NAME).is_file() {
            let run = report::read(&self.folder);
            return run
                .map(|run| run.operating_points(limits))
                .unwrap_or_default();
        }
        let replay = RecordedReplay::read(&self.folder, &[]);
        replay
            .map(|replay| replay.operating_points())
            .unwrap_or_default()
    }
}

/// `true` if a point has all results.
fn is_whole(folder: &Path) -> bool {
    match folder.join(Store::FILE_NAME).is_file() {
        true => report::read(folder).is_ok_and(|run| run.missing() == Some(0)),
        false => RecordedReplay::is_in(folder) && RecordedReplay::read(folder, &[]).is_ok(),
    }
}

impl PointState {
    /// As `sweep.json` has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}
