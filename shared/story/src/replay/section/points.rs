//! The section on the policies' bytes and the distortion that they ship.

use splitsim_replay::{Evaluation, TaskComparison};
use splitsim_report::{Axis, Figure, Mark, Section, Series};

use super::{limit, over, shipped};
use crate::limits::{title, unit};
use crate::plot::points::{Front, Point, marks};
use crate::replay::RecordedReplay;
use crate::statistics::Estimate;

pub(crate) fn section(replay: &RecordedReplay) -> Section {
    let tasks = || replay.comparison.tasks.iter();
    Section::new("Bytes and distortion")
        .text(
            "A mark is a policy's mean over the frames that it shipped, the bar the 95 % bootstrap \
             interval of what it broke; in outline, what no edge can run. Policies that ship the same \
             lie on one another. The dotted line has the levels, each used for all frames. The steps \
             are the Pareto front: what is on it no other deployable policy beats. Down and to the \
             left is better.",
        )
        .figures(tasks().map(|task| distortion(replay, task)))
        .text(
            "The same by the share of frames that are broken: those whose true distortion exceeds the \
             limit.",
        )
        .figures(tasks().map(|task| violations(replay, task)))
}

/// The contenders that shipped anything, in the scenario's order.
fn points(
    replay: &RecordedReplay,
    task: &TaskComparison,
    harm: impl Fn(&Evaluation) -> Option<Estimate>,
) -> Vec<Point> {
    let mut points: Vec<Point> = task
        .contenders
        .iter()
        .filter_map(|contender| {
            Some(Point {
                player: replay.player(contender),
                cost: contender.bytes_mean? / 1000.0,
                harm: harm(contender)?,
            })
        })
        .collect();
    points.sort_by_key(|point| point.player.hue);
    points
}

fn distortion(replay: &RecordedReplay, task: &TaskComparison) -> Figure {
    let points = points(replay, task, |contender| {
        let found = contender.distortion?;
        Some(Estimate {
            mean: found.mean,
            low: found.mean_interval.low,
            high: found.mean_interval.high,
        })
    });
    let levels = task.levels.iter().filter_map(|level| {
        Some((
            (level.bytes_mean? / 1000.0, level.distortion_mean?),
            level.label.clone(),
        ))
    });
    let (levels, labels): (Vec<_>, Vec<String>) = levels.unzip();
    let levels = Series::line("one level for all", levels)
        .with_markers()
        .labels(labels)
        .guide();
    figure(task, &points, unit(task.task))
        .series(levels)
        .y(Axis::new("true distortion", unit(task.task)))
        .all_series(marks(&points))
        .mark(Mark::horizontal(task.limit, "limit"))
}

fn violations(replay: &RecordedReplay, task: &TaskComparison) -> Figure {
    let points = points(replay, task, |contender| {
        over(shipped(contender).map(|one| one.distortion), task.limit)
    });
    figure(task, &points, "% broken")
        .y(Axis::new("frames over the limit", "%").from_zero())
        .all_series(marks(&points))
}

/// The front along the points.
fn figure(task: &TaskComparison, points: &[Point], unit: &str) -> Figure {
    let front = Front::of(points);
    let words: Vec<String> = points
        .iter()
        .map(|point| {
            let (name, cost, harm) = (&point.player.name, point.cost, point.harm.mean);
            format!("{name}: {cost:.2} kB, {harm:.3} {unit}")
        })
        .collect();
    let names = front.names.join(", ");
    Figure::new(
        title(task.task),
        format!(
            "Operating points. {}. On the front: {names}.",
            words.join("; ")
        ),
    )
    .note(format!("{}; on the front: {names}", limit(task)))
    .x(Axis::new("container per frame", "kB").log())
    .series(front.series())
}
