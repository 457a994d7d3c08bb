//! All figures of all policies: the tables that a terminal shows.

use splitsim_replay::{Evaluation, Interval, Share, TaskComparison};
use splitsim_report::{Cell, Column, Section, Table};

use super::limit;
use crate::columns;
use crate::limits::{decimals, title};
use crate::replay::RecordedReplay;

pub(crate) fn section(replay: &RecordedReplay) -> Section {
    let section = Section::new("Every policy").text(
        "In the order of the ranking. † cannot be deployed: it is told the true distortion. ✗ breaks or \
         does not ship more frames than permitted. A heading sorts by its column.",
    );
    let tasks = replay.comparison.tasks.iter();
    let section = tasks.fold(section, |section, task| {
        section.table(costs(task)).table(quality(task))
    });
    section.table(settings(replay))
}

fn settings(replay: &RecordedReplay) -> Table {
    by_task(replay, "Policies with all their settings", |one| {
        Some(one.label.clone())
    })
}

/// A row for each policy, and what is said of it on each task.
pub(super) fn by_task(
    replay: &RecordedReplay,
    caption: &str,
    say: impl Fn(&Evaluation) -> Option<String>,
) -> Table {
    let tasks = || replay.comparison.tasks.iter();
    let columns = tasks().map(|task| Column::text(task.task.name()));
    let columns = [Column::text("policy")].into_iter().chain(columns);
    let mut table = Table::new(caption, columns);
    for policy in &replay.policies {
        let said = tasks().map(|task| {
            let contender = task.contenders.iter().find(|one| one.name == *policy);
            let said = contender.and_then(&say);
            said.map_or_else(Cell::missing, Cell::text)
        });
        table.push([Cell::text(policy)].into_iter().chain(said));
    }
    table
}

fn costs(task: &TaskComparison) -> Table {
    let columns = [
        Column::text("policy"),
        Column::number("rank", ""),
        Column::number("regret", "B")
            .about("bytes per shipped frame beyond an oracle with as many violations"),
        Column::number("container", "B").about("mean per shipped frame"),
        columns::rate(),
        Column::number("tries", "/frame").about("encodings made per frame"),
        Column::number("coding", "ms").about("encoding, decoding and scoring per frame"),
        Column::number("wasted", "ms").about("of these, on attempts that were not shipped"),
        Column::number("latency", "p50 ms").about("from capture to answer"),
        Column::number("latency", "p95 ms").about("from capture to answer"),
        Column::number("latency", "p99 ms").about("from capture to answer"),
        Column::number("late", "%").about("shipped frames that arrived after the deadline"),
        Column::number("unsent", "frames").about("dropped on purpose, or nothing could be shipped"),
        Column::text("quicker at")
            .about("link rates at which it is quicker than one encoding at the richest level"),
    ];
    let caption = format!("{}: what policies cost", title(task.task));
    ranked(task, Table::new(caption, columns), |name, e| {
        let latency = |of: fn(&splitsim_replay::Quantiles) -> f64| {
            Cell::known(e.latency_ms.as_ref().map(of), 0)
        };
        let quicker = e.break_even.map(|rates| Cell::text(rates.to_string()));
        vec![
            name,
            Cell::known(e.regret.map(|regret| regret.bytes_mean), 0),
            Cell::known(e.bytes_mean, 0),
            Cell::known(e.bpfp_mean, 4),
            Cell::known(e.attempts_mean, 2),
            Cell::known(e.compute_ms_mean, 0),
            Cell::known(e.wasted_ms_mean, 0),
            latency(|found| found.p50),
            latency(|found| found.p95),
            latency(|found| found.p99),
            Cell::known(e.deadline_misses.and_then(Share::percent), 1),
            Cell::count((e.dropped + e.given_up) as u64),
            quicker.unwrap_or_else(Cell::missing),
        ]
    })
}

fn quality(task: &TaskComparison) -> Table {
    let columns = [
        Column::text("policy"),
        Column::number("rank", ""),
        Column::number("saved", "%").about("bytes against one encoding at the richest level"),
        Column::text("interval of the saving").about("95 % bootstrap interval over frames"),
        Column::number("distortion", "mean").about("true semantic distortion of shipped frames"),
        Column::text("interval of the mean").about("95 % bootstrap interval over frames"),
        columns::p95_distortion(),
        Column::number("distortion", "worst").about("true distortion"),
        Column::number("violations", "%").about("shipped frames over the limit"),
        Column::number("unavoidable", "frames")
            .about("of these, frames of which no level is within the limit"),
        Column::number("false accepts", "%").about("passed, but over the limit"),
        Column::number("false re-encodes", "%").about("did not pass, but within the limit"),
        Column::text("front")
            .about("no other has fewer bytes and less mean distortion, the oracle included"),
    ];
    let caption = format!("{}: what they ship; {}", title(task.task), limit(task));
    let digits = decimals(task.task);
    let interval = |found: Option<Interval>, digits| {
        found.map_or_else(Cell::missing, |found| {
            columns::span(found.low, found.high, digits)
        })
    };
    ranked(task, Table::new(caption, columns), |name, e| {
        let (saved, found) = (e.saved, e.distortion);
        let share = |share: Share| Cell::known(share.percent(), 1);
        vec![
            name,
            Cell::known(saved.map(|saved| saved.percent), 1),
            interval(saved.map(|saved| saved.interval), 1),
            Cell::known(found.map(|found| found.mean), digits),
            interval(found.map(|found| found.mean_interval), digits),
            Cell::known(found.map(|found| found.p95), digits),
            Cell::known(found.map(|found| found.worst), digits),
            share(e.violations),
            Cell::count(e.unavoidable_violations as u64),
            share(e.false_accepts),
            share(e.false_reencodes),
            Cell::text(if e.pareto { "yes" } else { "" }),
        ]
    })
}

/// A row for each contender: what `cells` says, which is given its name, with its rank in second place.
fn ranked(
    task: &TaskComparison,
    mut table: Table,
    cells: impl Fn(Cell, &Evaluation) -> Vec<Cell>,
) -> Table {
    for (rank, one) in (1_u64..).zip(&task.contenders) {
        let oracle = if one.deployable { "" } else { " †" };
        let inadmissible = if one.admissible { "" } else { " ✗" };
        let name = Cell::text(format!("{}{oracle}{inadmissible}", one.name));
        let mut row = cells(name, one);
        row.insert(1, Cell::count(rank));
        table.push(row);
    }
    table
}
