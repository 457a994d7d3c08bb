//! The ledger of a sweep: the states of its points.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use splitsim_results::{Store, Summary};
use splitsim_text::Text;

use super::child::Ended;
use super::table;
use crate::run::Provenance;
use crate::scenario::{self, Sweep};

pub(super) const FILE: &str = "sweep.json";
/// The largest ledger that is read.
pub(super) const MAX_BYTES: u64 = 1 << 28;
const CSV: &str = "sweep.csv";

/// A sweep and its points: the content of `sweep.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Ledger {
    /// The scenario's name.
    pub name: String,
    /// The scenario's description.
    pub description: String,
    /// The swept keys.
    pub axes: Vec<String>,
    /// The points in the order of the grid.
    pub points: Vec<PointRecord>,
    /// Software and models that the results were made with, where that is more than one set: such
    /// points are not comparable.
    pub mixed: Vec<String>,
    #[serde(skip)]
    out: PathBuf,
}

/// One point.
#[derive(Debug, Clone, Serialize)]
pub struct PointRecord {
    /// Its file name.
    pub slug: String,
    /// The swept values by key.
    pub values: BTreeMap<String, String>,
    /// The state of the point.
    pub state: PointState,
    /// The reason why it failed; `None` if it did not.
    pub reason: Option<String>,
    /// The duration of its process in this sweep's run, seconds.
    pub seconds: Option<f64>,
    /// Its summary, if it has results.
    pub summary: Option<Summary>,
    #[serde(skip)]
    made_with: Option<String>,
}

/// The state of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PointState {
    /// Not started by this process.
    Waiting,
    /// Everything is in its results.
    Done,
    /// Its results are incomplete, for the reason given.
    Failed,
    /// It was asked to end; the same command resumes it.
    Interrupted,
}

impl Ledger {
    pub(super) fn new(sweep: &Sweep, out: &Path) -> Self {
        let record = |point: &scenario::Point| PointRecord {
            slug: point.slug.clone(),
            values: sweep
                .axes
                .iter()
                .cloned()
                .zip(point.values.iter().map(scenario::spoken))
                .collect(),
            state: PointState::Waiting,
            reason: None,
            seconds: None,
            summary: None,
            made_with: None,
        };
        Self {
            name: sweep.name.clone(),
            description: sweep.description.clone(),
            axes: sweep.axes.clone(),
            points: sweep.points.iter().map(record).collect(),
            mixed: Vec::new(),
            out: out.to_owned(),
        }
    }

    pub(super) fn record(
        &mut self,
        index: usize,
        ended: Ended,
        took: Duration,
        folder: &Path,
    ) -> Result<()> {
        let point = &mut self.points[index];
        point.seconds = Some(took.as_secs_f64());
        (point.state, point.reason) = match ended {
            Ended::Done => (PointState::Done, None),
            Ended::Failed(reason) => (PointState::Failed, Some(reason)),
            Ended::Interrupted => (PointState::Interrupted, None),
        };
        let results = folder.join(Store::FILE_NAME);
        if results.exists() {
            point.summary = Some(Summary::of_file(&results)?);
            point.made_with = Provenance::of_folder(folder)?.map(|made| made.software());
        }
        let sets: BTreeSet<_> = self
            .points
            .iter()
            .filter_map(|point| point.made_with.clone())
            .collect();
        self.mixed = match sets.len() {
            0 | 1 => Vec::new(),
            _ => sets.into_iter().collect(),
        };
        Ok(())
    }

    /// Writes `sweep.json` and `sweep.csv`, each whole or not at all.
    pub(super) fn write(&self) -> Result<()> {
        let json = serde_json::to_value(self)?;
        self.write_file(CSV, &table::csv(&json)?)?;
        self.write_file(FILE, &format!("{json:#}\n"))
    }

    fn write_file(&self, name: &str, text: &str) -> Result<()> {
        Ok(splitsim_durable::replace(&self.out.join(name), text)?)
    }

    /// The points for a terminal.
    #[must_use]
    pub fn render(&self) -> String {
        table::render(self)
    }

    /// Describes the points that are missing; `None` if none is.
    #[must_use]
    pub fn shortfall(&self) -> Option<String> {
        let count = |state| {
            self.points
                .iter()
                .filter(|point| point.state == state)
                .count()
        };
        let failed = count(PointState::Failed);
        let open = count(PointState::Interrupted) + count(PointState::Waiting);
        let parts = [(failed, "failed"), (open, "not finished")];
        let parts: Vec<_> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        (!parts.is_empty()).then(|| {
            let total = self.points.len();
            format!(
                "of {total} points {}; the same command goes on with them",
                parts.join(", ")
            )
        })
    }
}

/// The name of the sweep in a folder, if there is one.
pub(super) fn name_in(out: &Path) -> Result<Option<String>> {
    Ok(written(out)?.map(|written| written.name))
}

/// `true` if the ledger in a folder has every point of a sweep as done.
pub(super) fn is_done(out: &Path, sweep: &Sweep) -> Result<bool> {
    let points = written(out)?.map_or_else(Vec::new, |written| written.points);
    let done: BTreeSet<&str> = points
        .iter()
        .filter(|point| point.state == PointState::Done)
        .map(|point| point.slug.as_str())
        .collect();
    Ok(sweep
        .points
        .iter()
        .all(|point| done.contains(point.slug.as_str())))
}

/// The fields that are read of an existing ledger.
#[derive(Deserialize)]
struct Written {
    name: String,
    #[serde(default)]
    points: Vec<WrittenPoint>,
}

#[derive(Deserialize)]
struct WrittenPoint {
    slug: String,
    state: PointState,
}

fn written(out: &Path) -> Result<Option<Written>> {
    let path = out.join(FILE);
    let Some(text) = Text::read_if_there(&path, MAX_BYTES)? else {
        return Ok(None);
    };
    let written = serde_json::from_str::<Value>(text.as_str())
        .and_then(serde_json::from_value)
        .with_context(|| format!("{} is damaged; remove it", path.display()))?;
    Ok(Some(written))
}
