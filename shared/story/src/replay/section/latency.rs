//! The section on latency over the modelled link, and on frames that come too late.

use splitsim_replay::{Evaluation, TaskComparison};
use splitsim_report::{Axis, Figure, Hue, Section, Series};

use super::{percent, rows_px, shipped};
use crate::limits::title;
use crate::plot::Player;
use crate::plot::latency::distribution;
use crate::replay::RecordedReplay;

pub(crate) fn section(replay: &RecordedReplay) -> Section {
    let tasks = || replay.comparison.tasks.iter();
    let section = Section::new("Latency")
        .text(
            "From capture to answer, of the frames that were shipped: recorded times of extraction, \
             coding, scoring and head, and a modelled link, on which a frame of b bytes takes 8b / rate \
             and half of the round trip to arrive. Slow start, losses and headers below the container \
             are not modelled.",
        )
        .figures(tasks().map(|task| distribution(task.task, &times(replay, task))));
    match replay.comparison.deadline_ms {
        None => section,
        Some(deadline_ms) => section
            .text(format!(
                "Of all frames, those whose container arrived more than {deadline_ms} ms after capture, \
                 and those that never left: dropped on purpose, or nothing could be shipped. A row \
                 without a bar is 0."
            ))
            .figures(tasks().map(|task| misses(replay, task, deadline_ms))),
    }
}

/// In the scenario's order.
fn times(replay: &RecordedReplay, task: &TaskComparison) -> Vec<(Player, Vec<f64>)> {
    let mut times: Vec<(Player, Vec<f64>)> = task
        .contenders
        .iter()
        .map(|contender| {
            let times = shipped(contender).filter_map(|one| one.latency_ms);
            (replay.player(contender), times.collect())
        })
        .filter(|(_, times): &(_, Vec<f64>)| !times.is_empty())
        .collect();
    times.sort_by_key(|(player, _)| player.hue);
    times
}

fn misses(replay: &RecordedReplay, task: &TaskComparison, deadline_ms: f64) -> Figure {
    let ranked: Vec<(String, f64, f64)> = task
        .contenders
        .iter()
        .map(|contender| {
            let share = |count: usize| 100.0 * count as f64 / contender.frames.max(1) as f64;
            let name = replay.player(contender).name;
            (name, share(late(contender)), share(unsent(contender)))
        })
        .collect();
    let bars = |name: &str, of: fn(&(String, f64, f64)) -> f64, hue: Hue| {
        let shares = ranked.iter().map(|row| (row.0.as_str(), of(row)));
        // Nothing is written where there is no bar.
        let labels = ranked.iter().map(|row| match of(row) {
            0.0 => String::new(),
            share => percent(share),
        });
        Series::bars(name, shares).labels(labels).hue(hue)
    };
    let words: Vec<String> = ranked
        .iter()
        .map(|(name, late, unsent)| {
            format!(
                "{name}: {} late, {} not shipped",
                percent(*late),
                percent(*unsent)
            )
        })
        .collect();
    Figure::new(title(task.task), format!("{}.", words.join("; ")))
        .note(format!("deadline {deadline_ms} ms"))
        .x(Axis::new("of all frames", "%").range(0.0, 100.0))
        .y(Axis::new("", "").rows(ranked.iter().map(|(name, ..)| name.as_str())))
        .height(rows_px(ranked.len()))
        .series(bars("too late", |row| row.1, Hue(0)))
        .series(bars("not shipped", |row| row.2, Hue(1)))
}

fn late(contender: &Evaluation) -> usize {
    contender.deadline_misses.unwrap_or_default().count
}

const fn unsent(contender: &Evaluation) -> usize {
    contender.dropped + contender.given_up
}
