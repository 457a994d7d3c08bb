//! The section on regret: the distance of each policy from the oracle.

use splitsim_replay::{Evaluation, TaskComparison};
use splitsim_report::{Axis, Figure, Hue, Section, Series};

use super::{kilobytes, limit, rows_px};
use crate::limits::title;
use crate::replay::RecordedReplay;

pub(crate) fn section(replay: &RecordedReplay) -> Section {
    let tasks = replay.comparison.tasks.iter();
    Section::new("Regret")
        .text(
            "Bytes per shipped frame beyond those of an oracle that breaks as many of the same frames, so \
             that nobody gains by shipping rubbish. From the top down as ranked: first the policies that \
             keep to the permitted violations, by their regret; then the others, whose small regret may \
             be that of breaking almost everything cheaply. A row without a bar is 0.",
        )
        .figures(tasks.map(|task| figure(replay, task)))
}

fn figure(replay: &RecordedReplay, task: &TaskComparison) -> Figure {
    let ranked: Vec<(String, &Evaluation, f64)> = task
        .contenders
        .iter()
        .filter_map(|one| Some((replay.player(one).name, one, one.regret?.bytes_mean)))
        .collect();
    let bars = |name: &str, admissible: bool, hue: Hue| {
        let of = || {
            let ranked = ranked.iter();
            ranked.filter(move |(_, one, _)| one.admissible == admissible)
        };
        Series::bars(
            name,
            of().map(|(row, _, bytes)| (row.as_str(), bytes / 1000.0)),
        )
        .labels(of().map(|(_, _, bytes)| kilobytes(*bytes)))
        .hue(hue)
    };
    let words: Vec<String> = ranked
        .iter()
        .map(|(name, _, bytes)| format!("{name} {}", kilobytes(*bytes)))
        .collect();
    Figure::new(
        title(task.task),
        format!("Regret per frame as ranked. {}.", words.join("; ")),
    )
    .note(limit(task))
    .x(Axis::new("regret per frame", "kB").from_zero())
    .y(Axis::new("", "").rows(ranked.iter().map(|(name, ..)| name.as_str())))
    .height(rows_px(ranked.len()))
    .series(bars("within what is permitted", true, Hue(0)))
    .series(bars("more violations than permitted", false, Hue(1)))
}
