//! What was run, and the numbers that matter.

use std::collections::BTreeSet;

use splitsim_feature::Task;
use splitsim_report::{Cell, Column, Fact, Section, Table};
use splitsim_results::{GroupSummary, Quantiles};

use crate::limits::{decimals, title, unit};
use crate::shipment::Shipment;
use crate::statistics::{estimate, mean};
use crate::{Limits, RecordedRun, columns};

pub(crate) fn section(run: &RecordedRun, limits: &Limits) -> Section {
    let mut section = Section::new("Overview").text(what_was_run(run)).text(HOW);
    let facts: Vec<Fact> = run
        .tasks
        .iter()
        .filter_map(|&task| headline(run, task, limits))
        .collect();
    if !facts.is_empty() {
        section = section.facts(facts);
    }
    let section = section.table(policies(run, limits));
    match run.scenario() {
        Some(scenario) => section.listing(RESOLVED_SCENARIO, scenario),
        None => section,
    }
}

/// What the listing of the scenario is called.
pub(crate) const RESOLVED_SCENARIO: &str = "The resolved scenario, every default spelt out";

const HOW: &str = "For every frame an edge extracts a feature, codes it, decodes the very bytes and \
    scores what it decoded. A gate ships when the score passes and codes again, richer, when it does \
    not. The cloud runs the task on what arrived and, for the experiment only, on the original: the \
    difference is the true distortion, which no edge sees.";

fn what_was_run(run: &RecordedRun) -> String {
    let first = run.runs.first();
    let codec = first.map_or("?", |run| &run.codec);
    let model = first.map_or("?", |run| &run.model);
    let started = first.map_or("", |run| run.started_at.as_str());
    let policies = match run.scenario {
        Some(_) => run.policies.join(", "),
        None => labelled(run),
    };
    let frames = match run.frames_each() {
        Some(frames) => format!("{frames} frames each"),
        None => format!("{} frames in all", run.frames.len()),
    };
    format!(
        "Model {model}, codec {codec}; policies {policies}; tasks {}; {frames}. Begun {}.",
        task_names(&run.tasks),
        minute(started)
    )
}

/// The runs and, in parentheses, their policies.
fn labelled(run: &RecordedRun) -> String {
    let runs: BTreeSet<_> = run
        .runs
        .iter()
        .map(|run| format!("{} ({})", run.run_id, run.policy))
        .collect();
    runs.into_iter().collect::<Vec<_>>().join(", ")
}

fn task_names(tasks: &[Task]) -> String {
    let names: Vec<&str> = tasks.iter().map(|task| task.name()).collect();
    names.join(", ")
}

/// `2026-11-21T09:00:00Z` as people write it.
pub(crate) fn minute(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..5).unwrap_or(time)),
        None => rfc3339.to_owned(),
    }
}

/// What the first gate saves against the policy that spends most, and what it breaks.
fn headline(run: &RecordedRun, task: Task, limits: &Limits) -> Option<Fact> {
    let shipments = run.shipments(task);
    let (gated, gate) = run.first_gate(task)?;
    let of = |policy: usize| shipments.iter().filter(move |one| one.policy == policy);
    let bytes = |policy: usize| {
        let bytes: Vec<f64> = of(policy).map(container_bytes).collect();
        mean(&bytes)
    };
    let spent = bytes(gated)?;
    let others = (0..run.policies.len()).filter(|&policy| policy != gated);
    let (dearest, most) = others
        .filter_map(|policy| Some((policy, bytes(policy)?)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let saved = (1.0 - spent / most) * 100.0;
    let value = match saved >= 0.0 {
        true => format!("{saved:.0} % fewer bytes"),
        false => format!("{:.0} % more bytes", -saved),
    };
    let label = format!(
        "{}: {} against {}",
        title(task),
        run.policies[gated],
        run.policies[dearest]
    );
    let distortions: Vec<f64> = of(gated).filter_map(Shipment::distortion).collect();
    let broken = estimate(&distortions).map_or_else(
        || "true distortion unknown".to_owned(),
        |found| {
            let digits = decimals(task);
            let limit = limits.of(task);
            let over = distortions.iter().filter(|&&one| one > limit).count();
            format!(
                "mean distortion {:.digits$} {} (95 % interval {:.digits$} to {:.digits$}); {over} of \
                 {} frames over {limit} {}; asks for {} {}",
                found.mean,
                unit(task),
                found.low,
                found.high,
                distortions.len(),
                unit(task),
                gate.metric,
                gate.threshold,
            )
        },
    );
    Some(Fact::new(value, label).detail(broken))
}

fn container_bytes(shipment: &Shipment<'_>) -> f64 {
    shipment.logged.frame.container_bytes.0 as f64
}

fn policies(run: &RecordedRun, limits: &Limits) -> Table {
    let columns = [
        Column::text("task"),
        Column::text("policy"),
        Column::number("frames", ""),
        columns::rate(),
        Column::number("container", "kB").about("mean per frame"),
        Column::number("link", "kB").about("mean per frame, with all headers and retransmissions"),
        Column::number("tries", "/frame").about("encodings made per frame"),
        Column::number("re-encoded", "%").about("frames with more than one encoding"),
        Column::number("best effort", "%").about("frames shipped although no try passed"),
        Column::number("dropped", "frames").about("frames of which the policy shipped nothing"),
        columns::mean_distortion(),
        columns::interval_of_mean(),
        columns::p95_distortion(),
        Column::number("distortion", "worst").about("true distortion"),
        columns::over_limit(),
        Column::number("latency", "p50 ms").about("end to end: from capture to the reply"),
        Column::number("latency", "p95 ms").about("end to end: from capture to the reply"),
    ];
    let mut table = Table::new("Policies by task", columns);
    for group in &run.summary.groups {
        table.push(row(run, group, limits));
    }
    table
}

fn row(run: &RecordedRun, group: &GroupSummary, limits: &Limits) -> [Cell; 17] {
    let task = group.key.task;
    let policy = run.policy_of(&group.key.run_id);
    let index = run.policies.iter().position(|name| name == policy);
    let shipments = run.shipments(task).into_iter();
    let shipments = shipments.filter(|one| Some(one.policy) == index);
    let distortions: Vec<f64> = shipments.filter_map(|one| one.distortion()).collect();
    let found = estimate(&distortions);
    let over = distortions
        .iter()
        .filter(|&&one| one > limits.of(task))
        .count() as f64;
    let over = (!distortions.is_empty()).then(|| over / distortions.len() as f64 * 100.0);
    let digits = decimals(task);
    let kilobytes = |bytes: Option<f64>| Cell::known(bytes.map(|bytes| bytes / 1000.0), 2);
    let latency =
        |of: fn(&Quantiles) -> f64| Cell::known(group.latency.end_to_end.as_ref().map(of), 1);
    let distortion = group.distortion.as_ref();
    let dropped = run.dropped.get(&(policy.to_owned(), task));
    let dropped = dropped.copied().unwrap_or_default();
    [
        Cell::text(task.name()),
        Cell::text(policy),
        Cell::count(group.frames),
        Cell::known(group.bpfp_mean, 4),
        kilobytes(group.container_bytes_mean),
        kilobytes(group.link_bytes_mean),
        Cell::known(group.attempts_mean, 2),
        Cell::known(group.reencoded_percent, 1),
        Cell::known(group.best_effort_percent, 1),
        Cell::count(dropped),
        Cell::known(found.map(|found| found.mean), digits),
        columns::interval(found, digits),
        Cell::known(distortion.map(|distortion| distortion.p95), digits),
        Cell::known(distortion.map(|distortion| distortion.worst), digits),
        Cell::known(over, 1),
        latency(|quantiles| quantiles.p50_ms),
        latency(|quantiles| quantiles.p95_ms),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        assert_eq!(minute("2026-11-21T09:05:00.25Z"), "2026-11-21 09:05 UTC");
        assert_eq!(minute("today"), "today");
    }
}
