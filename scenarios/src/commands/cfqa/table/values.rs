//! Evaluations as a table of values: one row per codec, task, metric and statistic.

use anyhow::Result;
use splitsim_lab::{Evaluation, Interval};
use splitsim_table::{Column, Table};

/// A statistic with what stands before and behind it.
struct Value<'a> {
    of: &'a Evaluation,
    protocol: &'static str,
    statistic: &'static str,
    value: Option<f64>,
    interval: Option<Interval>,
    counted: usize,
    undefined: usize,
}

pub(super) fn table(evaluations: &[Evaluation]) -> Result<Table> {
    let values: Vec<Value<'_>> = evaluations.iter().flat_map(values).collect();
    let each = || values.iter();
    let count = |count: usize| i64::try_from(count).ok();
    Ok(Table::new(vec![
        Column::text("codec", each().map(|v| v.of.codec.as_str())),
        Column::text("task", each().map(|v| v.of.task.name())),
        Column::text("metric", each().map(|v| v.of.metric.as_str())),
        Column::text("protocol", each().map(|v| v.protocol)),
        Column::text("statistic", each().map(|v| v.statistic)),
        Column::float("value", each().map(|v| v.value)),
        Column::float("low", each().map(|v| Some(v.interval?.low))),
        Column::float("high", each().map(|v| Some(v.interval?.high))),
        Column::int("counted", each().map(|v| count(v.counted))),
        Column::int("undefined", each().map(|v| count(v.undefined))),
    ])?)
}

fn values(of: &Evaluation) -> Vec<Value<'_>> {
    let averaged = of.per_feature.iter().map(|statistic| Value {
        of,
        protocol: "per-feature",
        statistic: statistic.coefficient,
        value: statistic.mean,
        interval: statistic.interval,
        counted: statistic.counted,
        undefined: statistic.undefined,
    });
    let pooled = &of.pooled;
    let together = [
        ("plcc", pooled.plcc),
        ("srocc", pooled.srocc),
        ("krocc", pooled.krocc),
        ("rmse", pooled.rmse),
    ];
    let together = together.into_iter().map(|(statistic, estimate)| Value {
        of,
        protocol: "pooled",
        statistic,
        value: estimate.value,
        interval: estimate.interval,
        counted: pooled.counted,
        undefined: pooled.undefined,
    });
    averaged.chain(together).collect()
}
