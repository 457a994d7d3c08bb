//! The section on the run and its main figures.

use std::collections::BTreeSet;

use splitsim_feature::Task;
use splitsim_report::{Cell, Column, Fact, Notice, Section, Table};
use splitsim_results::{GroupSummary, Quantiles, RunRecord};

use crate::limits::{decimals, title};
use crate::statistics::{estimate, mean};
use crate::{Limits, RecordedRun, columns, trade};

pub(crate) fn section(run: &RecordedRun, limits: &Limits) -> Section {
    let mut section = Section::new("Overview").text(what_was_run(run)).text(HOW);
    if let Some(apart) = told_apart(run) {
        section = section.notice(Notice::warning(apart));
    }
    let facts: Vec<Fact> = run
        .tasks
        .iter()
        .flat_map(|&task| trade::cards(run, task, limits))
        .collect();
    if !facts.is_empty() {
        section = section.facts(facts);
    }
    let section = section.table(outcomes(run, limits)).table(efforts(run));
    match run.scenario() {
        Some(scenario) => section.listing(RESOLVED_SCENARIO, scenario),
        None => section,
    }
}

/// The title of the scenario's listing.
pub(crate) const RESOLVED_SCENARIO: &str = "The resolved scenario, every default spelt out";

const HOW: &str = "For every frame an edge extracts a feature, codes it, decodes the very bytes and \
    scores what it decoded. A gate ships when the score passes and codes again, richer, when it does \
    not. The cloud runs the task on what arrived and, for the experiment only, on the original: the \
    difference is the true distortion, which no edge sees.";

fn what_was_run(run: &RecordedRun) -> String {
    let codecs = distinct(run, |run| &run.codec);
    let models = distinct(run, |run| &run.model);
    let started = run.runs.first().map_or("", |run| run.started_at.as_str());
    let policies = match run.scenario {
        Some(_) => run.policies.join(", "),
        None => labelled(run),
    };
    let frames = match run.frames_each() {
        Some(frames) => format!("{frames} frames each"),
        None => format!("{} frames in all", run.frames.len()),
    };
    format!(
        "Model {models}, codec {codecs}; policies {policies}; tasks {}; {frames}. Begun {}.",
        task_names(&run.tasks),
        minute(started)
    )
}

/// The distinct values of a property of the runs, separated by commas.
fn distinct(run: &RecordedRun, of: impl Fn(&RunRecord) -> &String) -> String {
    let all: BTreeSet<&str> = run.runs.iter().map(|run| of(run).as_str()).collect();
    match all.is_empty() {
        true => "?".to_owned(),
        false => all.into_iter().collect::<Vec<_>>().join(", "),
    }
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

/// Says which policies cannot be compared because they went over other pictures.
fn told_apart(run: &RecordedRun) -> Option<String> {
    let of_task = |&task: &Task| {
        let cohorts = run.cohorts(task);
        let names: Vec<String> = cohorts.iter().map(|one| one.names(run)).collect();
        (names.len() > 1).then(|| format!("{}: {}", title(task), names.join(" | ")))
    };
    let apart: Vec<String> = run.tasks.iter().filter_map(of_task).collect();
    (!apart.is_empty()).then(|| {
        format!(
            "Not all of these went over the same pictures with the same model: {}. What stands on two sides \
             of a bar is shown side by side and not compared, as what frames cost and what breaks depends on \
             the pictures.",
            apart.join("; ")
        )
    })
}

/// The table of the policies' costs and distortions.
fn outcomes(run: &RecordedRun, limits: &Limits) -> Table {
    let columns = [
        Column::text("policy"),
        Column::text("task"),
        Column::number("frames", "arrived"),
        Column::number("failed", "frames").about("frames that came to nothing, see Failed frames"),
        columns::rate(),
        Column::number("link", "kB").about("mean per frame, with all headers and retransmissions"),
        columns::over_limit(),
        columns::mean_distortion(),
        columns::interval_of_mean(),
        columns::p95_distortion(),
        Column::number("latency", "p50 ms").about("end to end: from capture to the reply"),
        Column::number("latency", "p95 ms").about("end to end: from capture to the reply"),
    ];
    let mut table = Table::new("Policies by task", columns);
    for group in &run.summary.groups {
        table.push(outcome(run, group, limits));
    }
    table
}

fn outcome(run: &RecordedRun, group: &GroupSummary, limits: &Limits) -> [Cell; 12] {
    let task = group.key.task;
    let policy = run.policy_of(&group.key.run_id);
    let shipments = run.shipments(task).into_iter();
    let own = shipments.filter(|one| run.policies[one.policy] == policy);
    let distortions: Vec<f64> = own.filter_map(|one| one.distortion()).collect();
    let found = estimate(&distortions);
    let over = |&&one: &&f64| one > limits.of(task);
    let over = distortions.iter().filter(over).count() as f64;
    let over = (!distortions.is_empty()).then(|| over / distortions.len() as f64 * 100.0);
    let digits = decimals(task);
    let latency =
        |of: fn(&Quantiles) -> f64| Cell::known(group.latency.end_to_end.as_ref().map(of), 1);
    let failed = run.failed.get(&(policy.to_owned(), task));
    [
        Cell::text(policy),
        Cell::text(task.name()),
        Cell::count(group.frames),
        Cell::count(failed.map_or(0, |failed| failed.len() as u64)),
        Cell::known(group.bpfp_mean, 4),
        kilobytes(group.link_bytes_mean),
        Cell::known(over, 1),
        Cell::known(found.map(|found| found.mean), digits),
        columns::interval(found, digits),
        Cell::known(group.distortion.as_ref().map(|all| all.p95), digits),
        latency(|quantiles| quantiles.p50_ms),
        latency(|quantiles| quantiles.p95_ms),
    ]
}

/// The table of the policies' encodings, drops and agreement.
fn efforts(run: &RecordedRun) -> Table {
    let columns = [
        Column::text("policy"),
        Column::text("task"),
        Column::number("container", "kB").about("mean per frame"),
        Column::number("tries", "/frame").about("encodings made per frame"),
        Column::number("re-encoded", "%").about("frames with more than one encoding"),
        Column::number("best effort", "%").about("frames shipped although no try passed"),
        Column::number("dropped", "frames").about("frames of which the policy shipped nothing"),
        Column::number("distortion", "worst").about("true distortion"),
        Column::number("agreement", "cls %, seg IoU %, dpt m").about(AGREEMENT),
    ];
    let mut table = Table::new("Encodings by task", columns);
    for group in &run.summary.groups {
        table.push(effort(run, group));
    }
    table
}

/// The explanation of agreement, for people.
pub(crate) const AGREEMENT: &str = "of the answer on what arrived with the answer on the original, whether that \
    one is right or not: cls 100 % with the same top class, seg mean IoU of both masks, dpt RMSE between both \
    depth maps";

fn effort(run: &RecordedRun, group: &GroupSummary) -> [Cell; 9] {
    let task = group.key.task;
    let policy = run.policy_of(&group.key.run_id);
    let dropped = run.dropped.get(&(policy.to_owned(), task));
    let own = run.shipments(task).into_iter();
    let own = own.filter(|one| run.policies[one.policy] == policy);
    let agreements: Vec<f64> = own.filter_map(|one| one.agreement()).collect();
    [
        Cell::text(policy),
        Cell::text(task.name()),
        kilobytes(group.container_bytes_mean),
        Cell::known(group.attempts_mean, 2),
        Cell::known(group.reencoded_percent, 1),
        Cell::known(group.best_effort_percent, 1),
        Cell::count(dropped.copied().unwrap_or_default()),
        Cell::known(
            group.distortion.as_ref().map(|all| all.worst),
            decimals(task),
        ),
        Cell::known(mean(&agreements), decimals(task)),
    ]
}

fn kilobytes(bytes: Option<f64>) -> Cell {
    Cell::known(bytes.map(|bytes| bytes / 1000.0), 2)
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
