//! Rows and their columns.

use std::time::Duration;

use anyhow::Result;
use splitsim_codec::{Container, Rung};
use splitsim_feature::Task;
use splitsim_lab::SCORE_PREFIX;
use splitsim_model::Digest;
use splitsim_table::{Column, Table, Values};

/// Columns whose names end so hold times: the only ones that differ between two builds of a set.
pub(super) const TIME: &str = "_ms";

/// One compressed feature.
pub(super) struct Row<'a> {
    pub(super) level: u8,
    pub(super) rung: &'a Rung,
    /// The coded feature, or the reason why it could not be coded.
    pub(super) outcome: Result<Coded, String>,
}

/// A feature coded at a level, with its scores.
pub(super) struct Coded {
    pub(super) container: Container,
    /// In the order of the set's metrics.
    pub(super) scores: Vec<Option<f64>>,
    pub(super) performance: f64,
    pub(super) distortion: f64,
    pub(super) encode: Duration,
    pub(super) decode: Duration,
    pub(super) score: Duration,
    pub(super) head: Duration,
}

/// The values that all rows of a part share.
pub(super) struct Shared<'a> {
    pub(super) codec: &'a str,
    pub(super) task: Task,
    pub(super) feature: &'a str,
    pub(super) index: usize,
    pub(super) points: usize,
    /// Performance of the task on the original.
    pub(super) original: f64,
    pub(super) extract: Duration,
    pub(super) metrics: &'a [String],
}

/// The table of a part's rows.
pub(super) fn table(shared: &Shared<'_>, rows: &[Row<'_>]) -> Result<Table> {
    let each = rows.iter();
    let coded = |of: fn(&Coded) -> f64| -> Vec<Option<f64>> {
        let outcomes = rows.iter().map(|row| row.outcome.as_ref().ok());
        outcomes.map(|coded| coded.map(of)).collect()
    };
    let count = |of: fn(&Coded) -> u64| -> Vec<Option<i64>> {
        let outcomes = rows.iter().map(|row| row.outcome.as_ref().ok());
        outcomes
            .map(|coded| i64::try_from(of(coded?)).ok())
            .collect()
    };
    let milliseconds = |of: fn(&Coded) -> Duration| -> Vec<Option<f64>> {
        let outcomes = rows.iter().map(|row| row.outcome.as_ref().ok());
        outcomes
            .map(|coded| Some(of(coded?).as_secs_f64() * 1e3))
            .collect()
    };
    let bitstreams = each.clone().map(|row| {
        let coded = row.outcome.as_ref().ok()?;
        Some(Digest::of(&coded.container.to_bytes()).to_string())
    });
    let errors = each.clone().map(|row| row.outcome.as_ref().err().cloned());
    let mut columns = vec![
        Column::text("codec", rows.iter().map(|_| shared.codec)),
        Column::text("task", rows.iter().map(|_| shared.task.name())),
        Column::text("feature", rows.iter().map(|_| shared.feature)),
        Column::int("index", rows.iter().map(|_| shared.index as i64)),
        Column::int("level", each.clone().map(|row| i64::from(row.level))),
        Column::float("parameter", each.clone().map(|row| row.rung.parameter)),
        Column::text("label", each.clone().map(|row| row.rung.label.as_str())),
        Column::int("bytes", count(|coded| coded.container.container_bytes().0)),
        Column::int(
            "payload_bytes",
            count(|coded| coded.container.payload_bytes().0),
        ),
        Column::int("points", rows.iter().map(|_| shared.points as i64)),
        Column::float("bpfp", coded(|coded| coded.container.bpfp().0)),
        Column::new("bitstream", Values::Text(bitstreams.collect())),
        Column::float("performance", coded(|coded| coded.performance)),
        Column::float("performance_original", rows.iter().map(|_| shared.original)),
        Column::float("distortion", coded(|coded| coded.distortion)),
        Column::new("error", Values::Text(errors.collect())),
    ];
    for (place, metric) in shared.metrics.iter().enumerate() {
        let score = |row: &Row<'_>| *row.outcome.as_ref().ok()?.scores.get(place)?;
        let scores = each.clone().map(score).collect();
        let name = format!("{SCORE_PREFIX}{metric}");
        columns.push(Column::new(name, Values::Float(scores)));
    }
    let extract = shared.extract.as_secs_f64() * 1e3;
    columns.extend([
        Column::float(format!("extract{TIME}"), rows.iter().map(|_| extract)),
        Column::float(format!("encode{TIME}"), milliseconds(|coded| coded.encode)),
        Column::float(format!("decode{TIME}"), milliseconds(|coded| coded.decode)),
        Column::float(format!("score{TIME}"), milliseconds(|coded| coded.score)),
        Column::float(format!("head{TIME}"), milliseconds(|coded| coded.head)),
    ]);
    Ok(Table::new(columns)?)
}
