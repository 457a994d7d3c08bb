//! Frames to look at.

use splitsim_report::{Notice, Section};

use crate::{Pictures, RecordedRun};

pub(crate) fn section(run: &RecordedRun, pictures: Pictures) -> Option<Section> {
    let Pictures { exhibits, remark } = pictures;
    if exhibits.is_empty() && remark.is_none() {
        return None;
    }
    let gated = run.tasks.iter().any(|&task| run.first_gate(task).is_some());
    let mut section = Section::new("Most misjudged frames");
    if gated {
        section = section.text(
            "Frames whose true distortion is furthest from what their score suggests, by rank among the \
             task's frames: first those that came out worse than predicted, then those that came out \
             better. What arrived was made again from the recorded level; the pipeline is deterministic.",
        );
    }
    if let Some(remark) = remark {
        section = section.notice(Notice::remark(remark));
    }
    if !exhibits.is_empty() {
        section = section.exhibits(exhibits);
    }
    Some(section)
}
