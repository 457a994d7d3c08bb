//! The figures of `splitsim codec bench`, as a table for a terminal and as columns.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use splitsim_table::{Column, TableError};

use super::curve::{Curve, LevelFigures, TaskBench};

const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// One table per task, and the comparisons below it.
pub(super) fn render(benches: &[TaskBench]) -> String {
    let sections: Vec<String> = benches.iter().map(section).collect();
    sections.join("\n\n")
}

fn section(bench: &TaskBench) -> String {
    let mut table = Table::new();
    table.load_style(RULE_UNDER_HEADER);
    table.set_header([
        "codec",
        "level",
        "bytes",
        "BPFP",
        "MSE",
        bench.performance_is,
        "clamped",
        "encode p50",
        "p95 ms",
        "decode p50",
        "p95 ms",
        "enc Mpt/s",
        "dec Mpt/s",
    ]);
    for (curve, level) in rows(bench) {
        table.add_row([
            curve.codec.to_string(),
            format!("{} {}", level.level, level.label),
            format!("{:.0}", level.bytes),
            format!("{:.4}", level.bpfp),
            format!("{:.3e}", level.mse),
            format!("{:.3}", level.performance),
            level.clamped_points.to_string(),
            format!("{:.1}", level.encode.ms_p50),
            format!("{:.1}", level.encode.ms_p95),
            format!("{:.1}", level.decode.ms_p50),
            format!("{:.1}", level.decode.ms_p95),
            format!("{:.2}", level.encode.points_per_s / 1e6),
            format!("{:.2}", level.decode.points_per_s / 1e6),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let TaskBench {
        task,
        pictures,
        judged_by,
        original_performance,
        performance_is,
        ..
    } = bench;
    let title = format!(
        "{task}: {pictures} pictures, judged by {judged_by}; originals, {performance_is}: \
         {original_performance:.3}"
    );
    let comparisons = bench
        .comparisons
        .iter()
        .map(|comparison| comparison.describe());
    let lines: Vec<String> = [title, table.to_string()]
        .into_iter()
        .chain(comparisons)
        .collect();
    lines.join("\n")
}

/// One row per task, codec and level.
pub(super) fn columns(benches: &[TaskBench]) -> Result<splitsim_table::Table, TableError> {
    let rows: Vec<(&TaskBench, &Curve, &LevelFigures)> = benches
        .iter()
        .flat_map(|bench| rows(bench).map(move |(curve, level)| (bench, curve, level)))
        .collect();
    let text = |name: &str, value: fn(&TaskBench, &Curve, &LevelFigures) -> String| {
        Column::text(name, rows.iter().map(|(b, c, l)| value(b, c, l)))
    };
    let float = |name: &str, value: fn(&LevelFigures) -> f64| {
        Column::float(name, rows.iter().map(|(_, _, level)| value(level)))
    };
    let int = |name: &str, value: fn(&LevelFigures) -> usize| {
        let values = rows.iter().map(|(_, _, level)| value(level));
        Column::int(name, values.map(|value| i64::try_from(value).ok()))
    };
    splitsim_table::Table::new(vec![
        text("task", |bench, _, _| bench.task.to_string()),
        text("codec", |_, curve, _| curve.codec.to_string()),
        int("level", |level| level.level.index()),
        text("label", |_, _, level| level.label.clone()),
        int("features", |level| level.features),
        float("bytes", |level| level.bytes),
        float("payload_bytes", |level| level.payload_bytes),
        float("bpfp", |level| level.bpfp),
        float("mse", |level| level.mse),
        text("performance_is", |bench, _, _| {
            bench.performance_is.to_owned()
        }),
        float("performance", |level| level.performance),
        Column::float(
            "original_performance",
            rows.iter().map(|(bench, _, _)| bench.original_performance),
        ),
        int("clamped_points", |level| level.clamped_points),
        float("encode_ms_p50", |level| level.encode.ms_p50),
        float("encode_ms_p95", |level| level.encode.ms_p95),
        float("encode_points_per_s", |level| level.encode.points_per_s),
        float("decode_ms_p50", |level| level.decode.ms_p50),
        float("decode_ms_p95", |level| level.decode.ms_p95),
        float("decode_points_per_s", |level| level.decode.points_per_s),
    ])
}

fn rows(bench: &TaskBench) -> impl Iterator<Item = (&Curve, &LevelFigures)> {
    let curves = bench.curves.iter();
    curves.flat_map(|curve| curve.levels.iter().map(move |level| (curve, level)))
}
