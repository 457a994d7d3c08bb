//! Rows from what was found.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use splitsim_cfqa::{Metric, Reference};
use splitsim_feature::units::Bytes;
use splitsim_feature::{Task, TokenLayout, npy};
use splitsim_lab::SCORE_PREFIX;
use splitsim_lab::published::LogLine;
use splitsim_table::{Column, Table, Values};

use super::files::{Compressed, Files};
use super::logs::Logs;
use crate::Screen;

/// The inputs that rows are assembled from.
pub(super) struct Assembly<'a> {
    pub(super) files: &'a Files,
    pub(super) logs: &'a Logs,
    pub(super) metrics: &'a [Metric],
    /// The tokens of every feature.
    pub(super) layout: TokenLayout,
}

/// One compressed feature, of which anything may be unknown.
#[derive(Default)]
struct Row {
    label: Option<String>,
    bytes: Option<u64>,
    points: Option<u64>,
    bpfp: Option<f64>,
    performance: Option<f64>,
    scores: BTreeMap<Metric, f64>,
}

/// Codec, task, feature, level.
type Key = (String, Task, String, usize);

impl Assembly<'_> {
    /// The rows, and what kept features from being scored.
    pub(super) fn rows(&self, screen: &Screen) -> Result<(Table, Vec<String>)> {
        let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
        let mut gaps = Vec::new();
        for (codec, task, lines) in self.logs.iter() {
            // Scores of reconstructions that are there come from these.
            let scored = self.files.levels(codec, task).iter();
            let scored = scored
                .flat_map(|level| level.features.values())
                .any(|found| found.reconstruction.is_some());
            for line in lines {
                let key = (codec.to_owned(), task, line.name.clone(), line.run as usize);
                rows.insert(key, logged(line, scored));
            }
        }
        let features = self.features();
        if features.is_empty() {
            return Ok((self.table(&rows)?, gaps));
        }
        let mut bar = screen.bar("scoring features", features.len() as u64);
        for ((task, name), found) in features {
            let original = self.files.originals.get(&(task, name.clone()));
            self.feature(
                original.map(std::path::PathBuf::as_path),
                (task, &name),
                &found,
                &mut rows,
            )
            .unwrap_or_else(|error| {
                gaps.push(format!("{task} {name}: {}", splitsim_cli::causes(&error)))
            });
            bar.advance();
        }
        bar.finish();
        Ok((self.table(&rows)?, gaps))
    }

    /// Every compressed version of every feature, so that an original is read once.
    fn features(&self) -> BTreeMap<(Task, String), Vec<Version<'_>>> {
        let mut features: BTreeMap<(Task, String), Vec<Version<'_>>> = BTreeMap::new();
        for (codec, task) in self.files.groups() {
            for (level, found) in self.files.levels(codec, task).iter().enumerate() {
                for (name, compressed) in &found.features {
                    let versions = features.entry((task, name.clone())).or_default();
                    versions.push(Version {
                        codec,
                        level,
                        label: &found.label,
                        compressed,
                    });
                }
            }
        }
        features
    }

    fn feature(
        &self,
        original: Option<&Path>,
        (task, name): (Task, &str),
        versions: &[Version<'_>],
        rows: &mut BTreeMap<Key, Row>,
    ) -> Result<()> {
        let reference = match original {
            Some(path) => Some(self.reference(path)?),
            None => None,
        };
        for version in versions {
            let key = (
                version.codec.to_owned(),
                task,
                name.to_owned(),
                version.level,
            );
            let row = rows.entry(key).or_default();
            row.label = Some(version.label.to_owned());
            if let Some(bitstream) = &version.compressed.bitstream {
                let bytes = std::fs::metadata(bitstream)?.len();
                row.bytes = Some(bytes);
                let shape = reference.as_ref().map(|r| r.feature().shape());
                row.points = shape.map(|shape| shape.points() as u64);
                row.bpfp = shape.map(|shape| Bytes(bytes).per_point(shape).0);
            }
            let reconstruction = version.compressed.reconstruction.as_ref();
            if let (Some(reference), Some(path)) = (&reference, reconstruction) {
                let scores = reference.score_all(self.metrics, &npy::read(path)?)?;
                let defined = scores
                    .iter()
                    .filter_map(|(metric, score)| Some((metric, score.as_ref().ok()?.value())));
                row.scores = defined.collect();
            }
        }
        Ok(())
    }

    fn reference(&self, original: &Path) -> Result<Reference> {
        let original = npy::read(original)?;
        self.layout.check(original.shape()).context("--registers")?;
        Ok(Reference::with_layout(original, self.layout))
    }

    fn table(&self, rows: &BTreeMap<Key, Row>) -> Result<Table> {
        let float =
            |of: &dyn Fn(&Row) -> Option<f64>| Values::Float(rows.values().map(of).collect());
        let int = |of: fn(&Row) -> Option<u64>| {
            let values = rows.values().map(of);
            Values::Int(values.map(|value| i64::try_from(value?).ok()).collect())
        };
        let labels = rows.values().map(|row| row.label.clone()).collect();
        let mut columns = vec![
            Column::text("codec", rows.keys().map(|(codec, ..)| codec.as_str())),
            Column::text("task", rows.keys().map(|(_, task, ..)| task.name())),
            Column::text("feature", rows.keys().map(|(_, _, name, _)| name.as_str())),
            Column::int(
                "level",
                rows.keys().map(|(.., level)| i64::try_from(*level).ok()),
            ),
            Column::new("label", Values::Text(labels)),
            Column::new("bytes", int(|row| row.bytes)),
            Column::new("points", int(|row| row.points)),
            Column::new("bpfp", float(&|row| row.bpfp)),
            Column::new("performance", float(&|row| row.performance)),
        ];
        let present = |metric: &Metric| rows.values().any(|row| row.scores.contains_key(metric));
        for metric in Metric::ALL.into_iter().filter(present) {
            let scores = float(&|row| row.scores.get(&metric).copied());
            columns.push(Column::new(format!("{SCORE_PREFIX}{metric}"), scores));
        }
        Ok(Table::new(columns)?)
    }
}

/// One compressed version of a feature.
struct Version<'a> {
    codec: &'a str,
    level: usize,
    label: &'a str,
    compressed: &'a Compressed,
}

/// Returns the row of a log line. The log's CKA is defined as in the benchmark's script.
fn logged(line: &LogLine, scored: bool) -> Row {
    let scores = [
        (Metric::Mse, line.mse),
        (Metric::Cosine, line.cosine),
        (Metric::CkaCfqa2025, line.cka),
    ];
    let scores = scores
        .into_iter()
        .filter(|(_, score)| !scored && score.is_finite());
    Row {
        performance: Some(line.performance).filter(|performance| performance.is_finite()),
        scores: scores.collect(),
        ..Row::default()
    }
}
