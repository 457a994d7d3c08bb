//! The section on the levels themselves, without any policy.

use splitsim_replay::{Level, Recording, TaskComparison};
use splitsim_report::{Axis, Cell, Column, Figure, Hue, Mark, Section, Series, Table};

use super::{distortions, limit, over};
use crate::columns;
use crate::limits::{decimals, title, unit};
use crate::replay::RecordedReplay;
use crate::statistics::{Estimate, estimate, percentile};

pub(crate) fn section(replay: &RecordedReplay) -> Section {
    let tasks: Vec<(&TaskComparison, Vec<Rung>)> = replay
        .tasks()
        .map(|(task, recording)| (task, rungs(task, recording)))
        .collect();
    Section::new("The ladder")
        .text(
            "What each level costs and breaks when all frames are coded at it: the rate-distortion curve \
             of model and codec. Where even the richest level breaks frames, no policy can keep them \
             whole. Bars are 95 % bootstrap intervals.",
        )
        .figures(tasks.iter().map(|(task, rungs)| mean_distortion(task, rungs)))
        .figures(tasks.iter().map(|(task, rungs)| broken(task, rungs)))
        .table(table(&tasks))
}

/// The figures of a level, over all frames.
struct Rung {
    label: String,
    kilobytes: Option<f64>,
    bpfp: Option<f64>,
    compute_ms: Option<f64>,
    distortion: Option<Estimate>,
    distortion_p95: Option<f64>,
    broken_percent: Option<Estimate>,
    failed: usize,
}

fn rungs(task: &TaskComparison, recording: &Recording) -> Vec<Rung> {
    let levels = task.levels.iter().enumerate();
    levels
        .map(|(number, level)| {
            let found: Vec<f64> = distortions(recording, number).collect();
            let frames = recording.frames().iter();
            let has_failed = |level: Option<&Level>| matches!(level, Some(Level::Failed { .. }));
            Rung {
                label: level.label.clone(),
                kilobytes: level.bytes_mean.map(|bytes| bytes / 1000.0),
                bpfp: level.bpfp_mean,
                compute_ms: level.compute_ms_mean,
                distortion: estimate(&found),
                distortion_p95: percentile(&found, 95),
                broken_percent: over(found.iter().copied(), task.limit),
                failed: frames
                    .filter(|frame| has_failed(frame.levels.get(number)))
                    .count(),
            }
        })
        .collect()
}

fn mean_distortion(task: &TaskComparison, rungs: &[Rung]) -> Figure {
    curve(task, rungs, |rung| rung.distortion)
        .note(format!("mean distortion; {}", limit(task)))
        .y(Axis::new("true distortion", unit(task.task)))
        .mark(Mark::horizontal(task.limit, "limit"))
}

fn broken(task: &TaskComparison, rungs: &[Rung]) -> Figure {
    curve(task, rungs, |rung| rung.broken_percent)
        .note(format!("frames over the {}", limit(task)))
        .y(Axis::new("frames over the limit", "%").from_zero())
}

fn curve(task: &TaskComparison, rungs: &[Rung], harm: fn(&Rung) -> Option<Estimate>) -> Figure {
    let known: Vec<(&Rung, f64, Estimate)> = rungs
        .iter()
        .filter_map(|rung| Some((rung, rung.kilobytes?, harm(rung)?)))
        .collect();
    let points = known.iter().map(|(_, cost, harm)| (*cost, harm.mean));
    let labels = known.iter().map(|(rung, ..)| rung.label.clone());
    let intervals = known.iter().map(|(.., harm)| (harm.low, harm.high));
    let words: Vec<String> = known
        .iter()
        .map(|(rung, cost, harm)| format!("{}: {cost:.2} kB, {:.3}", rung.label, harm.mean))
        .collect();
    let line = Series::line(&task.codec, points)
        .with_markers()
        .labels(labels)
        .intervals(intervals)
        .hue(Hue(0));
    Figure::new(
        title(task.task),
        format!("Levels, cheapest first. {}.", words.join("; ")),
    )
    .x(Axis::new("container per frame", "kB").log())
    .series(line)
}

fn table(tasks: &[(&TaskComparison, Vec<Rung>)]) -> Table {
    let columns = [
        Column::text("task"),
        Column::number("level", ""),
        Column::text("is"),
        Column::number("container", "kB").about("mean per frame"),
        columns::rate(),
        Column::number("coding", "ms").about("encoding, decoding and scoring at the edge, mean"),
        columns::mean_distortion(),
        columns::interval_of_mean(),
        columns::p95_distortion(),
        columns::over_limit(),
        Column::number("failed", "frames").about("frames that the codec failed on"),
    ];
    let mut table = Table::new("Levels by task", columns);
    for (task, rungs) in tasks {
        for (number, rung) in rungs.iter().enumerate() {
            table.push(row(task, number, rung));
        }
    }
    table
}

fn row(task: &TaskComparison, number: usize, rung: &Rung) -> [Cell; 11] {
    let digits = decimals(task.task);
    let mean = |found: Option<Estimate>| found.map(|found| found.mean);
    [
        Cell::text(task.task.name()),
        Cell::count(number as u64),
        Cell::text(&rung.label),
        Cell::known(rung.kilobytes, 2),
        Cell::known(rung.bpfp, 4),
        Cell::known(rung.compute_ms, 1),
        Cell::known(mean(rung.distortion), digits),
        columns::interval(rung.distortion, digits),
        Cell::known(rung.distortion_p95, digits),
        Cell::known(mean(rung.broken_percent), 1),
        Cell::count(rung.failed as u64),
    ]
}
