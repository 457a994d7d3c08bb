//! The table of everything.

use splitsim_report::{Cell, Column, Section, Table};
use splitsim_results::LoggedFrame;

use crate::RecordedRun;
use crate::limits::decimals;
use crate::section::overview::AGREEMENT;

pub(crate) fn section(run: &RecordedRun) -> Option<Section> {
    if run.frames.is_empty() {
        return None;
    }
    let columns = [
        Column::text("policy"),
        Column::text("task"),
        Column::number("frame", ""),
        Column::text("picture"),
        Column::text("verdict"),
        Column::text("level"),
        Column::number("tries", ""),
        Column::number("rate", "BPFP"),
        Column::number("container", "B"),
        Column::number("link", "B").about("with all headers and retransmissions"),
        Column::number("score", "").about("by the policy's own metric"),
        Column::number("original", "")
            .about("performance on the original feature: rank, mIoU % or m"),
        Column::number("arrived", "").about("performance on what arrived: rank, mIoU % or m"),
        Column::number("distortion", "").about("true semantic distortion: ranks, mIoU points or m"),
        Column::number("agreement", "cls %, seg IoU %, dpt m").about(AGREEMENT),
        Column::number("transfer", "ms"),
        Column::number("latency", "ms").about("end to end: from capture to the reply"),
    ];
    let mut table = Table::new("Frames", columns);
    let mut frames: Vec<&LoggedFrame> = run.frames.iter().collect();
    frames.sort_by_cached_key(|logged| {
        let key = &logged.frame.key;
        let name = run.policy_of(&key.run_id);
        let policy = run.policies.iter().position(|policy| policy == name);
        (key.task, policy, key.edge_id.clone(), key.frame)
    });
    for logged in frames {
        table.push(row(run, logged));
    }
    let section = Section::new("Every frame")
        .text("A heading sorts by its column, once more the other way round.")
        .table(table);
    Some(section)
}

fn row(run: &RecordedRun, logged: &LoggedFrame) -> [Cell; 17] {
    let LoggedFrame {
        frame,
        attempts,
        distortion,
        stages,
    } = logged;
    let digits = decimals(frame.key.task);
    let shipped = attempts
        .iter()
        .find(|attempt| attempt.attempt == frame.shipped_attempt);
    let truth = |of: fn(&splitsim_results::DistortionRecord) -> Option<f64>| {
        Cell::known(distortion.as_ref().and_then(of), digits)
    };
    [
        Cell::text(run.policy_of(&frame.key.run_id)),
        Cell::text(frame.key.task.name()),
        Cell::count(frame.key.frame),
        Cell::text(&frame.source),
        Cell::text(frame.verdict.name()),
        Cell::text(shipped.map_or("", |attempt| &attempt.label)),
        Cell::count(attempts.len() as u64),
        Cell::number(frame.bpfp().0, 4),
        Cell::count(frame.container_bytes.0),
        Cell::known(stages.link_bytes.map(|bytes| bytes.0 as f64), 0),
        Cell::known(frame.score.as_ref().map(|score| score.value), 4),
        truth(|truth| truth.original),
        truth(|truth| truth.received),
        truth(|truth| truth.distortion),
        truth(|truth| truth.agreement),
        Cell::known(stages.transfer_ms, 1),
        Cell::known(stages.end_to_end_ms, 1),
    ]
}
