//! The HTML page of `splitsim codec bench`.

use splitsim_report::{Axis, Cell, Column, Figure, Mark, Page, Section, Series, Table};

use super::curve::{Curve, LevelFigures, TaskBench};

/// The model, the pictures and the settings that the page names.
pub(super) struct About<'a> {
    pub(super) model: &'a str,
    pub(super) source: &'a str,
    pub(super) stage: &'a str,
}

/// One section per task: rate–performance and rate–error plots, the table, the comparisons.
pub(super) fn render(benches: &[TaskBench], about: &About<'_>) -> String {
    let About {
        model,
        source,
        stage,
    } = about;
    let page = Page::new(format!("Codecs on {model}")).lead(format!(
        "Features of {source}, as symbols: {stage}. Rates count every byte of the container. \
         Performance is that of all pictures together, of features decoded from these bytes."
    ));
    let sections = benches.iter().map(section);
    sections.fold(page, Page::section).render()
}

fn section(bench: &TaskBench) -> Section {
    let section = Section::new(bench.task.to_string())
        .text(format!(
            "{} pictures, judged by {}; {} of the original features: {:.3}.",
            bench.pictures, bench.judged_by, bench.performance_is, bench.original_performance
        ))
        .figures([performance(bench), error(bench)])
        .table(table(bench));
    let comparisons = bench
        .comparisons
        .iter()
        .map(|comparison| comparison.describe());
    comparisons.fold(section, Section::text)
}

fn performance(bench: &TaskBench) -> Figure {
    let (name, unit) = bench
        .performance_is
        .split_once(", ")
        .unwrap_or((bench.performance_is, ""));
    let title = format!("Rate and performance, {}", bench.task);
    let description = format!("{name} of each codec's levels over their rate");
    curves(bench, Figure::new(title, description), |level| {
        level.performance
    })
    .y(Axis::new(name, unit))
    .mark(Mark::horizontal(
        bench.original_performance,
        "original features",
    ))
}

fn error(bench: &TaskBench) -> Figure {
    let title = format!("Rate and error, {}", bench.task);
    let description = "mean squared error of each codec's levels over their rate";
    curves(bench, Figure::new(title, description), |level| level.mse).y(Axis::new(
        "mean squared error",
        "",
    )
    .log())
}

fn curves(bench: &TaskBench, figure: Figure, value: fn(&LevelFigures) -> f64) -> Figure {
    let series = bench.curves.iter().map(|curve: &Curve| {
        let points = curve.levels.iter().map(|level| (level.bpfp, value(level)));
        let labels = curve.levels.iter().map(|level| level.label.clone());
        Series::line(curve.codec.name(), points)
            .with_markers()
            .labels(labels)
    });
    figure
        .x(Axis::new("rate", "bits per feature point").log())
        .all_series(series)
}

fn table(bench: &TaskBench) -> Table {
    let columns = [
        Column::text("codec"),
        Column::text("level"),
        Column::number("size", "bytes"),
        Column::number("rate", "BPFP"),
        Column::number("MSE", ""),
        Column::number(bench.performance_is, ""),
        Column::number("clamped points", ""),
        Column::number("encode p50", "ms"),
        Column::number("encode p95", "ms"),
        Column::number("decode p50", "ms"),
        Column::number("decode p95", "ms"),
    ];
    let mut table = Table::new("Levels", columns);
    for curve in &bench.curves {
        for level in &curve.levels {
            table.push([
                Cell::text(curve.codec.name()),
                Cell::text(format!("{} {}", level.level, level.label)),
                Cell::number(level.bytes, 0),
                Cell::number(level.bpfp, 4),
                Cell::number(level.mse, 6),
                Cell::number(level.performance, 3),
                Cell::count(level.clamped_points as u64),
                Cell::number(level.encode.ms_p50, 1),
                Cell::number(level.encode.ms_p95, 1),
                Cell::number(level.decode.ms_p50, 1),
                Cell::number(level.decode.ms_p95, 1),
            ]);
        }
    }
    table
}
