//! The section with the terms of the replay and its main figures.

use splitsim_feature::units::BitRate;
use splitsim_replay::{Evaluation, TaskComparison};
use splitsim_report::{Cell, Column, Fact, Section, Table};

use super::{kilobytes, percent};
use crate::limits::{title, unit};
use crate::replay::RecordedReplay;
use crate::section::overview::{RESOLVED_SCENARIO, minute};

pub(crate) fn section(replay: &RecordedReplay) -> Section {
    let mut section = Section::new("Overview")
        .text(what_was_recorded(replay))
        .text(what_was_replayed(replay))
        .text(HOW);
    let tasks = replay.comparison.tasks.iter();
    let facts: Vec<Fact> = tasks.filter_map(|task| headline(replay, task)).collect();
    if !facts.is_empty() {
        section = section.facts(facts);
    }
    section
        .table(recordings(replay))
        .listing(RESOLVED_SCENARIO, &replay.scenario.text)
}

const HOW: &str = "Every frame was coded once at every level of the codec's ladder, and the task run on \
    what each level gave: bytes, scores, times and the true distortion were written down. A policy is \
    replayed by letting it decide over that: it is told of every attempt what an edge would be told, and \
    what it ships is looked up. So all policies meet the same frames. The oracle is none of them: it is \
    told the true distortion, takes the cheapest level within the limit, and bounds what a policy can \
    reach. No edge can run it.";

fn what_was_recorded(replay: &RecordedReplay) -> String {
    let tasks = &replay.comparison.tasks;
    let (model, codec) = tasks.first().map_or(("?", "?"), |task| {
        (task.model.as_str(), task.codec.as_str())
    });
    let frames = tasks.iter().map(|task| match task.frames {
        1 => format!("{} 1 frame", task.task),
        frames => format!("{} {frames} frames", task.task),
    });
    let frames: Vec<String> = frames.collect();
    let begun = replay.scenario.made_with("begun-at").map(minute);
    let begun = begun.map_or_else(String::new, |begun| format!(" Begun {begun}."));
    format!(
        "Model {model}, codec {codec}. Recorded at every level: {}. Replayed: {}.{begun}",
        frames.join(", "),
        replay.policies.join(", "),
    )
}

fn what_was_replayed(replay: &RecordedReplay) -> String {
    let comparison = &replay.comparison;
    let pictures = match comparison.interval_ms {
        Some(interval_ms) => format!("a picture every {interval_ms} ms"),
        None => "a picture as soon as the one before is answered".to_owned(),
    };
    let late = comparison.deadline_ms.map_or_else(String::new, |deadline| {
        format!("; late is what arrives more than {deadline} ms after its capture")
    });
    format!(
        "The link has {} and {} ms of round trip; {pictures}{late}. Up to {} of a policy's frames may \
         exceed the limit although a level within it exists, or stay unsent; policies beyond that are \
         ranked behind all others.",
        BitRate(comparison.rate_bits_per_second),
        comparison.rtt_ms,
        percent(comparison.permitted_violations * 100.0),
    )
}

/// The deployable policy that comes nearest to the oracle, or that none is good enough.
fn headline(replay: &RecordedReplay, task: &TaskComparison) -> Option<Fact> {
    let deployable = || task.contenders.iter().filter(|one| one.deployable);
    // They are ranked: the first admissible one has the least regret.
    match deployable().find(|one| one.admissible && one.regret.is_some()) {
        Some(nearest) => nearest_to_oracle(task, nearest),
        None => {
            let least = deployable().min_by_key(|one| broken(one))?;
            none_admissible(replay, task, least)
        }
    }
}

fn nearest_to_oracle(task: &TaskComparison, nearest: &Evaluation) -> Option<Fact> {
    let (bytes, regret) = (nearest.bytes_mean?, nearest.regret?);
    let value = format!("{} over the oracle", kilobytes(regret.bytes_mean));
    let label = format!("{}: {} comes nearest", title(task.task), nearest.name);
    let detail = format!(
        "{} per frame, where the oracle needs {} for as many violations; {}. {}",
        kilobytes(bytes),
        kilobytes(regret.oracle_bytes_mean),
        breaks(task, nearest),
        richest(task, bytes),
    );
    Some(Fact::new(value, label).detail(detail))
}

fn none_admissible(
    replay: &RecordedReplay,
    task: &TaskComparison,
    least: &Evaluation,
) -> Option<Fact> {
    let bytes = least.bytes_mean?;
    let permitted = percent(replay.comparison.permitted_violations * 100.0);
    let label = format!("{}: no policy keeps to {permitted}", title(task.task));
    let value = match least.violations.percent() {
        Some(violations) => format!("{} broken at best", percent(violations)),
        None => "nothing shipped".to_owned(),
    };
    let oracle = task.contenders.iter().find(|one| !one.deployable);
    let oracle = oracle.and_then(|oracle| {
        let told = format!(
            " The oracle: {} per frame; {}.",
            kilobytes(oracle.bytes_mean?),
            breaks(task, oracle)
        );
        Some(told)
    });
    let detail = format!(
        "{} breaks least, at {} per frame; {}.{} {}",
        least.name,
        kilobytes(bytes),
        breaks(task, least),
        oracle.unwrap_or_default(),
        richest(task, bytes),
    );
    Some(Fact::new(value, label).detail(detail))
}

/// Avoidable violations of a policy, and frames that it did not ship.
fn broken(contender: &Evaluation) -> usize {
    let avoidable = contender.violations.count - contender.unavoidable_violations;
    avoidable + contender.dropped + contender.given_up
}

/// `4.0 % of its frames exceed 0 ranks, 1 of them unavoidably`.
fn breaks(task: &TaskComparison, contender: &Evaluation) -> String {
    let share = contender.violations.percent().unwrap_or_default();
    let unavoidable = match contender.unavoidable_violations {
        0 => String::new(),
        count => format!(", {count} of {} unavoidably", contender.violations.count),
    };
    let unsent = match contender.dropped + contender.given_up {
        0 => String::new(),
        count => format!(", {count} frames are not shipped"),
    };
    format!(
        "{} of its frames exceed {} {}{unavoidable}{unsent}",
        percent(share),
        task.limit,
        unit(task.task)
    )
}

/// A sentence on the bytes of the richest level, which says so if `bytes` are its bytes.
fn richest(task: &TaskComparison, bytes: f64) -> String {
    let richest = task.levels.last().and_then(|level| level.bytes_mean);
    richest
        .filter(|richest| (richest - bytes).abs() > 0.005 * richest)
        .map_or_else(
            || "That is what the richest level costs.".to_owned(),
            |richest| format!("Always the richest level: {}.", kilobytes(richest)),
        )
}

fn recordings(replay: &RecordedReplay) -> Table {
    let columns = [
        Column::text("task"),
        Column::number("frames", ""),
        Column::text("pictures"),
        Column::text("model"),
        Column::text("codec"),
        Column::number("levels", ""),
        Column::text("cheapest"),
        Column::text("richest"),
        Column::text("value range").about("where the codec's value ranges came from"),
        Column::text("scores"),
        Column::number("limit", "").about("true distortion up to which a frame counts as whole"),
        Column::text("unit"),
        Column::text("recorded by").about("version of splitsim"),
    ];
    let mut table = Table::new("Recordings", columns);
    for (task, recording) in replay.tasks() {
        let identity = recording.identity();
        let level = |label: Option<&String>| label.map_or_else(Cell::missing, Cell::text);
        let metrics: Vec<&str> = recording.metrics().into_iter().collect();
        table.push([
            Cell::text(identity.task.name()),
            Cell::count(recording.frames().len() as u64),
            Cell::text(&identity.source),
            Cell::text(&identity.model),
            Cell::text(&identity.codec),
            Cell::count(identity.levels.len() as u64),
            level(identity.levels.first()),
            level(identity.levels.last()),
            Cell::text(&identity.range),
            Cell::text(metrics.join(", ")),
            Cell::text(task.limit.to_string()),
            Cell::text(unit(identity.task)),
            Cell::text(&identity.software),
        ]);
    }
    table
}
