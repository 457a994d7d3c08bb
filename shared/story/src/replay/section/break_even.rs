//! On which links re-encoding pays.

use splitsim_feature::units::BitRate;
use splitsim_replay::{BreakEven, Costs, TaskComparison};
use splitsim_report::{Axis, Figure, Mark, Section, Series};

use super::policies::by_task;
use crate::limits::title;
use crate::plot::Player;
use crate::replay::RecordedReplay;

pub(crate) fn section(replay: &RecordedReplay) -> Section {
    let tasks = replay.comparison.tasks.iter();
    Section::new("Break-even bandwidth")
        .text(
            "Coding again costs time and saves bytes; one encoding at the richest level saves the time \
             and costs the bytes. Which of the two gets a frame across sooner depends on the link: a \
             policy is quicker where its line is below 1. Coding and sending of a mean frame, without \
             queues and round trips.",
        )
        .figures(tasks.map(|task| figure(replay, task)))
        .table(by_task(replay, CAPTION, |one| {
            Some(one.break_even?.to_string())
        }))
}

const CAPTION: &str =
    "Link rates at which a policy is quicker than one encoding at the richest level";

/// Policies with their mean costs, in the scenario's order.
fn costs(replay: &RecordedReplay, task: &TaskComparison) -> Vec<(Player, Costs)> {
    let contenders = task.contenders.iter();
    let mut costs: Vec<(Player, Costs)> = contenders
        .filter_map(|one| Some((replay.player(one), one.costs?)))
        .collect();
    costs.sort_by_key(|(player, _)| player.hue);
    costs
}

/// Rates of a line.
const STEPS: u32 = 80;

/// From a hundredth of the modelled link's rate to its hundredfold, and beyond every break-even.
fn range(link: BitRate, costs: &[(Player, Costs)]) -> (f64, f64) {
    let ends = |(low, high): (f64, f64), rate: f64| (low.min(rate / 3.0), high.max(rate * 3.0));
    let link = link.0.max(1) as f64;
    let rates = costs
        .iter()
        .filter_map(|(_, costs)| match costs.break_even() {
            BreakEven::Below(rate) | BreakEven::Above(rate) => Some(rate.0.max(1) as f64),
            BreakEven::Always | BreakEven::Never => None,
        });
    rates.fold((link / 100.0, link * 100.0), ends)
}

fn figure(replay: &RecordedReplay, task: &TaskComparison) -> Figure {
    let costs = costs(replay, task);
    let link = BitRate(replay.comparison.rate_bits_per_second);
    let (low, high) = range(link, &costs);
    let rates = || {
        (0..=STEPS).map(move |step| {
            let share = f64::from(step) / f64::from(STEPS);
            low * (high / low).powf(share)
        })
    };
    let series = costs.iter().map(|(player, Costs { own, richest })| {
        let points = rates().map(|rate| {
            let at = BitRate(rate as u64);
            let relative = own.time(at).as_secs_f64() / richest.time(at).as_secs_f64();
            (rate / 1e6, relative)
        });
        player.dress(Series::line(&player.name, points))
    });
    let words: Vec<String> = costs
        .iter()
        .map(|(player, costs)| format!("{}: {}", player.name, costs.break_even()))
        .collect();
    Figure::new(
        title(task.task),
        format!(
            "Quicker than one encoding at the richest level at these link rates. {}.",
            words.join("; ")
        ),
    )
    .note("time of a frame, relative to one encoding at the richest level")
    .x(Axis::new("link rate", "Mbit/s").log())
    .y(Axis::new("relative time", "").log())
    .all_series(series)
    .mark(Mark::horizontal(1.0, "as quick"))
    .mark(Mark::vertical(link.0 as f64 / 1e6, "this replay"))
}

#[cfg(test)]
mod tests {
    use splitsim_replay::Cost;

    use super::*;

    #[test]
    fn every_break_even_is_within_the_lines() {
        let cost = |bytes, compute_ms| Cost { bytes, compute_ms };
        let costs = |own, richest| (Player::new("p", 0), Costs { own, richest });
        let far = costs(cost(9_000.0, 1000.0), cost(10_000.0, 10.0));
        // 1000 bytes for 990 ms: 8.08 kbit/s, below a hundredth of 1 Mbit/s.
        let (low, high) = range(BitRate(1_000_000), &[far]);
        assert!((low - 8081.0 / 3.0).abs() < 1.0, "{low}");
        assert_eq!(high, 1e8);
        assert_eq!(range(BitRate(1_000_000), &[]).0, 1e4);
    }
}
