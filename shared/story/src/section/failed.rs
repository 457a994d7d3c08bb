//! Frames that came to nothing.

use std::collections::{BTreeMap, BTreeSet};

use splitsim_feature::Task;
use splitsim_report::{Cell, Column, Section, Table};

use crate::RecordedRun;

pub(crate) fn section(run: &RecordedRun) -> Option<Section> {
    let gaps = gaps(run);
    let mut section = Section::new("Failed frames");
    if run.failed.is_empty() && gaps.is_empty() {
        return None;
    }
    if !run.failed.is_empty() {
        section = section.text(FAILED).table(reasons(run));
    }
    if !gaps.is_empty() {
        section = section.text(GAPS).table(numbers(gaps));
    }
    Some(section)
}

const FAILED: &str = "These frames came to nothing and are in none of the figures: nothing could be encoded, or the \
    cloud refused them.";

const GAPS: &str = "Numbers of frames that the results lack although later ones of the same edge are there: \
    their policy dropped them, they failed at the edge, or they were refused here. The edge's own output says \
    which.";

/// One row for each reason.
fn reasons(run: &RecordedRun) -> Table {
    let columns = [
        Column::text("policy"),
        Column::text("task"),
        Column::number("failed", "frames"),
        Column::text("frames"),
        Column::text("reason"),
    ];
    let mut table = Table::new("Frames by reason", columns);
    for ((policy, task), failed) in &run.failed {
        let mut by_reason: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for (frame, reason) in failed {
            by_reason.entry(reason).or_default().insert(*frame);
        }
        for (reason, frames) in by_reason {
            table.push([
                Cell::text(policy),
                Cell::text(task.name()),
                Cell::count(frames.len() as u64),
                Cell::text(some(&frames)),
                Cell::text(reason),
            ]);
        }
    }
    table
}

/// Frames below an edge's last one that are not there, by run and task. A run of a scenario has journals that
/// say more.
fn gaps(run: &RecordedRun) -> Vec<(String, Task, BTreeSet<u64>)> {
    if run.scenario.is_some() {
        return Vec::new();
    }
    let mut there: BTreeMap<(&str, &str, Task), BTreeSet<u64>> = BTreeMap::new();
    for key in run.frames.iter().map(|logged| &logged.frame.key) {
        let of_edge = (key.run_id.as_str(), key.edge_id.as_str(), key.task);
        there.entry(of_edge).or_default().insert(key.frame);
    }
    let lacking = there.into_iter().map(|((run, edge, task), there)| {
        let last = there.last().copied().unwrap_or_default();
        // A hostile edge may number its frames as it likes.
        let lacking = (0..last).filter(|frame| !there.contains(frame));
        (
            format!("{run} ({edge})"),
            task,
            lacking.take(MOST_GAPS).collect(),
        )
    });
    lacking
        .filter(|(.., lacking): &(_, _, BTreeSet<u64>)| !lacking.is_empty())
        .collect()
}

/// Numbers that are looked for.
const MOST_GAPS: usize = 10_000;

fn numbers(gaps: Vec<(String, Task, BTreeSet<u64>)>) -> Table {
    let columns = [
        Column::text("run (edge)"),
        Column::text("task"),
        Column::number("missing", "frames"),
        Column::text("frames"),
    ];
    let rows = gaps.into_iter().map(|(run, task, frames)| {
        let count = frames.len() as u64;
        [
            Cell::text(run),
            Cell::text(task.name()),
            Cell::count(count),
            Cell::text(some(&frames)),
        ]
    });
    rows.fold(Table::new("Frames that are not there", columns), Table::row)
}

/// The first few numbers.
fn some(frames: &BTreeSet<u64>) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = frames.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = match frames.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Pictures, samples};

    fn html(run: &RecordedRun) -> String {
        run.page(&Limits::default(), Pictures::default()).render()
    }

    #[test]
    fn failed_frames_are_counted_by_their_reasons() {
        let (_dir, run) = samples::run(4);
        assert!(!html(&run).contains("Failed frames</a>"));
        let failed = (4..14).map(|frame| (frame, "a picture of <12> megapixels".to_owned()));
        let failed = failed.chain([(20, "no encoding".to_owned())]).collect();
        let html = html(&run.with_failed("gate", Task::Seg, failed));
        for part in [
            "Frames by reason",
            "4, 5, 6, 7, 8, 9, 10, 11 and 2 more",
            "a picture of &#60;12&#62; megapixels",
            "no encoding",
        ] {
            assert!(html.contains(part), "no '{part}'");
        }
    }

    #[test]
    fn a_cloud_says_which_numbers_it_lacks() {
        let dir = tempfile::tempdir().unwrap();
        samples::write(dir.path(), 5, 5);
        std::fs::remove_file(dir.path().join("scenario.resolved.toml")).unwrap();
        let mut run = RecordedRun::read(dir.path()).unwrap();
        assert!(gaps(&run).is_empty());
        run.frames
            .retain(|one| !(one.frame.key.run_id.ends_with("gate") && one.frame.key.frame == 2));
        let expected = (
            "sample-gate (seg)".to_owned(),
            Task::Seg,
            BTreeSet::from([2]),
        );
        assert_eq!(gaps(&run), [expected]);
        assert!(html(&run).contains("Frames that are not there"));
    }
}
